//! Who is watched, from when on, and what the store knows.

use super::super::slot::Flags;
use super::super::*;
use super::lab::{Lab, WALL};
use crate::contract::Status;
use std::time::Duration;

#[test]
fn a_shorter_timeout_applies_from_the_next_beat_and_a_longer_one_at_once() {
    for (new, before, after) in [(5000, 10.0, 5.0), (40_000, 40.0, 40.0)] {
        let mut lab = Lab::with(&[("a", 10_000, 3000)]);
        lab.beat("a", "");
        lab.pass(6.0);
        lab.beat("a", "");
        let beat_at = lab.now;
        lab.reload(&[("a", new, 3000)]);
        lab.pass(before - 0.1);
        assert!(lab.words().is_empty());
        lab.pass(0.2);
        assert_eq!(
            lab.words(),
            ["a missed"],
            "{new} ms, {:?}",
            lab.now.since(beat_at)
        );
        lab.beat("a", "");
        lab.pass(after - 0.1);
        assert_eq!(lab.words(), ["a ok"]);
        lab.pass(0.2);
        assert_eq!(lab.words(), ["a missed", "a flapping"]);
    }
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    lab.beat("a", "");
    lab.reload(&[("a", 5000, 3000)]);
    lab.beat("a", "");
    lab.pass(5.1);
    assert_eq!(
        lab.words(),
        ["a missed"],
        "a shorter timeout moves the deadline forward at that beat"
    );
}

#[test]
fn a_beat_that_came_before_the_verdict_counts_when_the_timeout_changes_with_it() {
    for new in [500, 10_000] {
        let mut lab = Lab::with(&[("a", 1000, 300)]);
        lab.beat("a", "");
        lab.echo_takes = Some(Duration::from_millis(100));
        lab.pass(1.05);
        assert!(lab.detector.table.slot(0).flags.has(Flags::QUEUED));
        lab.beat("a", "");
        lab.reload(&[("a", new, 300)]);
        let holds = f64::from(new.max(1000)) / 1000.0;
        lab.pass(holds - 0.01);
        assert!(lab.words().is_empty(), "the longer timeout holds: {new} ms");
        lab.pass(0.4);
        assert_eq!(lab.words(), ["a missed"], "{new} ms");
    }
}

#[test]
fn of_many_changes_of_a_timeout_before_the_next_beat_the_latest_deadline_holds() {
    // After a beat at 6 s: the timeouts that follow, and the seconds from that beat to the miss.
    for (changes, holds) in [
        (&[5000, 8000][..], 10.0),
        (&[5000, 20_000], 20.0),
        (&[20_000, 5000], 20.0),
        (&[5000, 20_000, 15_000], 20.0),
        (&[20_000, 5000, 10_000], 20.0),
    ] {
        let mut lab = Lab::with(&[("a", 10_000, 3000)]);
        lab.beat("a", "");
        lab.pass(6.0);
        lab.beat("a", "");
        for &new in changes {
            lab.reload(&[("a", new, 3000)]);
        }
        lab.pass(holds - 0.1);
        assert!(lab.words().is_empty(), "{changes:?}");
        lab.pass(0.2);
        assert_eq!(lab.words(), ["a missed"], "{changes:?}");
    }
}

#[test]
fn a_reload_disturbs_nobody_else() {
    let mut lab = Lab::with(&[("a", 10_000, 3000), ("b", 10_000, 3000)]);
    lab.beat("a", "");
    lab.pass(5.0);
    let dropped = lab.reload(&[("a", 10_000, 3000), ("c", 10_000, 3000)]);
    assert_eq!(
        dropped,
        [Dropped {
            svc: "b".into(),
            channel: Some(b"b:heartbeat"[..].into())
        }]
    );
    lab.detector.confirmed(b"c:heartbeat", lab.moment());
    lab.detector.proven(lab.moment());
    lab.settle();
    lab.pass(5.1);
    assert_eq!(lab.words(), ["a missed"], "a kept its deadline; b is gone");
    lab.pass(4.8);
    assert!(lab.words().is_empty());
    lab.pass(0.2);
    assert_eq!(
        lab.words(),
        ["c missed-never-heard"],
        "c owed from its own proof on"
    );
}

#[test]
fn a_service_dropped_in_the_middle_of_its_round_is_not_mourned() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    lab.echo_takes = Some(Duration::from_millis(10));
    lab.pass(10.015);
    lab.reload(&[("b", 10_000, 3000)]);
    lab.prove();
    lab.pass(9.0);
    assert!(lab.words().is_empty());
    lab.pass(2.0);
    assert_eq!(
        lab.words(),
        ["b missed-never-heard"],
        "though b got the slot of a"
    );
}

#[test]
fn a_service_that_moves_to_another_channel_starts_anew_there() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    lab.beat("a", "");
    lab.pass(9.0);
    lab.detector.begin_reload(lab.now);
    let spec = Spec {
        svc: "a",
        channel: "beats/a",
        timeout_ms: 10_000,
        interval_ms: 3000,
    };
    let moved = lab.detector.watch(&spec);
    assert_eq!(
        moved,
        Watched::Moved {
            from: Some(b"a:heartbeat"[..].into())
        }
    );
    assert!(lab.detector.sweep(100, &mut Vec::new()));
    lab.prove();
    lab.pass(9.9);
    assert!(lab.words().is_empty());
    lab.detector
        .frame(b"a:heartbeat", br#"{"svc":"a"}"#, lab.moment());
    assert_eq!(lab.detector.counts().unroutable, 1);
    lab.detector
        .frame(b"beats/a", br#"{"svc":"a"}"#, lab.moment());
    lab.pass(9.9);
    assert!(lab.words().is_empty());
    lab.pass(0.2);
    assert_eq!(lab.words(), ["a missed"]);
}

#[test]
fn who_beats_where_it_shall_may_not_know_yet_how_often() {
    let follow = |lab: &mut Lab, channel: &str, timeout_ms: u32, interval_ms: u32| {
        lab.detector.begin_reload(lab.now);
        let spec = Spec {
            svc: "a",
            channel,
            timeout_ms,
            interval_ms,
        };
        lab.detector.watch(&spec);
        assert!(lab.detector.sweep(100, &mut Vec::new()));
        lab.prove();
    };
    // The place first and the pace a second later, or both at once; what follows a beat at the new place.
    for (pace_comes_later, silent_for) in [(true, 9.0), (false, 1.8)] {
        let mut lab = Lab::with(&[("a", 10_000, 5000)]);
        lab.beat("a", "");
        if pace_comes_later {
            follow(&mut lab, "beats/a", 10_000, 5000);
            lab.pass(1.0);
        }
        follow(&mut lab, "beats/a", 2000, 500);
        lab.pass(0.5);
        lab.detector
            .frame(b"beats/a", br#"{"svc":"a"}"#, lab.moment());
        lab.settle();
        lab.pass(silent_for);
        assert!(lab.words().is_empty(), "{pace_comes_later}");
        lab.pass(if pace_comes_later { 12.0 } else { 0.4 });
        assert_eq!(lab.words(), ["a missed"], "{pace_comes_later}");
    }
}

#[test]
fn after_a_doubt_who_may_live_by_a_slower_pace_has_its_time() {
    let mut lab = Lab::with(&[("a", 10_000, 5000)]);
    lab.beat("a", "");
    lab.pass(1.0);
    lab.reload(&[("a", 2000, 500)]);
    lab.pass(3.0);
    // Its beat of the fifth second is lost with the link; the next, by the pace that it knows, comes in the tenth.
    lab.lose_link();
    lab.prove();
    lab.pass(7.0);
    assert!(lab.words().is_empty());
    lab.pass(6.0);
    assert_eq!(lab.words(), ["a missed"]);
}

#[test]
fn who_takes_over_a_channel_is_judged_there_from_its_own_proof_on() {
    let mut lab = Lab::with(&[("a", 10_000, 3000), ("b", 10_000, 3000)]);
    lab.beat("a", "");
    lab.beat("b", "");
    lab.pass(5.0);
    let reload = |lab: &mut Lab, services: &[(&str, &str)]| {
        lab.detector.begin_reload(lab.now);
        for (svc, channel) in services {
            let spec = Spec {
                svc,
                channel,
                timeout_ms: 10_000,
                interval_ms: 3000,
            };
            lab.detector.watch(&spec);
        }
        assert!(lab.detector.sweep(100, &mut Vec::new()));
    };
    // The default channel of one goes to the other, and a third has what that one leaves.
    let passed = [("a", "b:heartbeat"), ("z", "a:heartbeat")];
    reload(&mut lab, &passed);
    for (_, channel) in passed {
        lab.detector.confirmed(channel.as_bytes(), lab.moment());
    }
    lab.detector.proven(lab.moment());
    let beat = |lab: &mut Lab, svc: &str, channel: &str| {
        let payload = format!(r#"{{"svc":"{svc}"}}"#);
        lab.detector
            .frame(channel.as_bytes(), payload.as_bytes(), lab.moment());
        lab.settle();
    };
    lab.pass(9.0);
    beat(&mut lab, "a", "b:heartbeat");
    lab.pass(0.9);
    assert!(
        lab.words().is_empty(),
        "b is gone, z has time from its proof on"
    );
    lab.pass(0.2);
    assert_eq!(lab.words(), ["z missed-never-heard"]);
    beat(&mut lab, "z", "a:heartbeat");
    lab.pass(9.0);
    assert_eq!(lab.words(), ["z ok", "a missed"]);
}

#[test]
fn a_refused_channel_is_said_aloud_and_never_a_death() {
    let mut lab = Lab::unproven(&[("a", 10_000, 3000), ("b", 10_000, 3000)]);
    lab.detector.confirmed(b"b:heartbeat", lab.moment());
    lab.detector.refused(b"a:heartbeat", lab.moment());
    lab.detector.proven(lab.moment());
    lab.settle();
    lab.pass(30.0);
    assert_eq!(lab.words(), ["a unwatched", "b missed-never-heard"]);
    assert_eq!(lab.status(), Status::Unknown);
    lab.lose_link();
    lab.prove();
    lab.pass(10.1);
    assert_eq!(
        lab.words(),
        ["a watched", "a missed-never-heard"],
        "granted, and proven again"
    );
}

#[test]
fn a_mute_healer_that_takes_over_tells_only_what_was_not_told() {
    let mut lab = Lab::with(&[
        ("dead", 10_000, 3000),
        ("told", 10_000, 3000),
        ("back", 10_000, 3000),
        ("fine", 10_000, 3000),
    ]);
    lab.beat("back", "");
    lab.beat("fine", "");
    lab.pass(8.0);
    lab.beat("back", "");
    lab.beat("fine", "");
    lab.pass(3.0);
    lab.told.clear();
    for (svc, status) in [
        ("dead", Some(Status::Up)),
        ("told", Some(Status::Down)),
        ("back", Some(Status::Down)),
        ("fine", None),
    ] {
        let record = HealthRecord {
            status,
            since_ts: WALL,
            alert_id: Some("x"),
            ..HealthRecord::default()
        };
        lab.detector.restore(svc, &record, lab.moment());
    }
    lab.settle();
    assert_eq!(lab.words(), ["back ok"]);
    lab.pass(0.01);
    assert_eq!(
        lab.words(),
        ["dead missed-never-heard"],
        "judged again first"
    );
}
