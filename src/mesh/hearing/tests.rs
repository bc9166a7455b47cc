//! Who is heard, and what of it is told.

use std::time::Duration;

use super::lab::{Lab, kept};
use super::{What, Works};
use crate::contract::mesh::INST_MAX_BYTES;

const SEC: Duration = Duration::from_secs(1);

fn three_beat(lab: &mut Lab) {
    for inst in ["1", "2", "3"] {
        lab.beat("a", inst, 7);
    }
}

#[test]
fn an_instance_joins_with_its_first_beat_and_is_up_with_its_second() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000)]);
    lab.beat("a", "1", 1);
    assert_eq!(lab.told("1"), ["joined"]);
    for i in 2..9 {
        lab.beat("a", "1", i);
    }
    assert_eq!(lab.told("1"), ["joined", "up"]);
    assert_eq!(lab.news.last().expect("news").last_i, Some(2));
}

#[test]
fn silence_is_suspected_then_proven_and_a_beat_ends_it() {
    let mut lab = Lab::new(vec![kept("a", 6000, 1000), kept("b", 6000, 1000)]);
    lab.beat("a", "1", 1);
    lab.beat("a", "1", 2);
    // Somebody else beats on, so that it is not the bus.
    lab.pass(SEC * 5, |lab| lab.beat("b", "x", 1));
    assert_eq!(lab.told("1"), ["joined", "up", "suspect"]);
    lab.pass(SEC * 5, |lab| lab.beat("b", "x", 1));
    assert_eq!(lab.told("1"), ["joined", "up", "suspect", "failed"]);
    lab.beat("a", "1", 3);
    lab.beat("a", "1", 4);
    assert_eq!(lab.told("1"), ["joined", "up", "suspect", "failed", "back"]);
    assert_eq!(lab.told("x"), ["joined", "up"]);
}

#[test]
fn who_beats_again_in_time_was_only_suspected() {
    let mut lab = Lab::new(vec![kept("a", 6000, 1000)]);
    lab.beat("a", "1", 1);
    lab.beat("a", "1", 2);
    lab.pass(SEC * 5, |_| {});
    lab.beat("a", "1", 3);
    assert_eq!(lab.told("1"), ["joined", "up", "suspect", "up"]);
}

#[test]
fn the_last_word_is_final_but_for_those_without_a_name() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000)]);
    lab.beat("a", "1", 1);
    lab.say("a", "1", "stopping");
    lab.beat("a", "1", 3);
    lab.pass(SEC * 9, |_| {});
    assert_eq!(lab.told("1"), ["joined", "left"]);

    let nameless = |status: &str| format!(r#"{{"svc":"a","i":1{status}}}"#);
    lab.payload("a", &nameless(""));
    lab.payload("a", &nameless(r#","status":"stopping""#));
    lab.payload("a", &nameless(""));
    lab.payload("a", &nameless(""));
    assert_eq!(lab.told("-"), ["joined", "left", "back", "up"]);
}

#[test]
fn what_half_of_the_bus_does_at_once_may_be_the_bus_and_is_believed_one_timeout_later() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000)]);
    lab.pass(SEC * 2, three_beat);
    lab.pass(SEC * 5, |_| {});
    assert_eq!(lab.doubts, 1);
    for inst in ["1", "2", "3"] {
        assert_eq!(lab.told(inst), ["joined", "up", "suspect"], "{inst}");
    }
    lab.beat("a", "3", 8);
    lab.pass(SEC * 2, |lab| lab.beat("a", "3", 9));
    assert!(!lab.hearing.is_doubting());
    assert_eq!(lab.told("1"), ["joined", "up", "suspect", "failed"]);
    assert_eq!(lab.told("2"), ["joined", "up", "suspect", "failed"]);
    assert_eq!(lab.told("3"), ["joined", "up", "suspect", "up"]);
    assert_eq!(lab.doubts, 1, "once");
}

#[test]
fn a_doubt_waits_for_the_server_to_be_looked_up() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000)]);
    lab.pass(SEC * 2, three_beat);
    // The look that the detector asks for is answered, and the later one of the doubt is not.
    lab.pass(SEC * 3, |_| {});
    assert_eq!(lab.doubts, 1);
    lab.hearing.link_lost(lab.moment());
    lab.answers = false;
    lab.pass(SEC * 9, |_| {});
    assert!(lab.hearing.is_doubting());
    assert_eq!(lab.told("1"), ["joined", "up", "suspect"]);
    lab.hearing.proven(lab.moment());
    lab.pass(SEC * 4, |_| {});
    assert_eq!(lab.told("1"), ["joined", "up", "suspect", "failed"]);
}

#[test]
fn two_of_two_are_believed_at_once() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000)]);
    lab.beat("a", "1", 1);
    lab.beat("a", "2", 1);
    lab.pass(SEC * 4, |_| {});
    assert_eq!(lab.doubts, 0);
    assert_eq!(lab.told("1").last(), Some(&"failed"));
}

#[test]
fn a_lost_link_fails_nobody_and_gives_everybody_time() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000)]);
    lab.pass(SEC * 2, three_beat);
    lab.hearing.link_lost(lab.moment());
    lab.pass(SEC * 60, |_| {});
    lab.hearing.proven(lab.moment());
    lab.pass(SEC * 2, |_| {});
    three_beat(&mut lab);
    lab.pass(SEC, |_| {});
    for inst in ["1", "2", "3"] {
        let told = lab.told(inst);
        assert!(!told.contains(&"failed"), "{told:?}");
    }
}

#[test]
fn who_is_known_from_the_record_has_a_timeout_to_be_heard() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000), kept("b", 3000, 1000)]);
    let now = lab.moment();
    lab.hearing.expect("a", "old", now);
    lab.hearing.expect("a", "alive", now);
    lab.hearing.expect_gone("a", "gone", true, now);
    lab.hearing.expect_gone("a", "dead", false, now);
    lab.hearing.expect("no such service", "x", now);
    lab.pass(SEC * 2, |lab| lab.beat("b", "x", 1));
    lab.beat("a", "alive", 7);
    lab.beat("a", "gone", 7);
    lab.beat("a", "dead", 7);
    lab.pass(SEC * 2, |lab| {
        lab.beat("b", "x", 1);
        lab.beat("a", "alive", 8);
    });
    assert_eq!(lab.told("old"), ["failed"]);
    assert_eq!(lab.told("alive"), ["up"]);
    assert!(lab.told("gone").is_empty());
    assert_eq!(lab.told("dead"), ["back"]);
    let failed = lab.news.iter().find(|n| n.what == What::Failed);
    assert_eq!(failed.expect("told").heard, None, "here it never was");
}

#[test]
fn what_says_that_it_is_stuck_or_rests_is_told_once_each_time() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000)]);
    for status in ["idle", "degraded", "degraded", "paused", "idle"] {
        lab.say("a", "1", status);
    }
    let works: Vec<&What> = lab.news.iter().map(|n| &n.what).collect();
    assert_eq!(
        works,
        [
            &What::Joined,
            &What::Up,
            &What::Works(Works::Degraded),
            &What::Works(Works::Rests),
            &What::Works(Works::Well)
        ]
    );
}

#[test]
fn ids_from_outside_are_made_safe_and_cut() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000)]);
    let long = "x".repeat(500);
    for inst in [long.as_str(), "\\u001b[2J", ""] {
        lab.beat("a", inst, 1);
        lab.beat("a", inst, 2);
    }
    let joined = lab.news.iter().filter(|n| n.what == What::Joined);
    let names: Vec<&str> = joined.map(|n| &*n.inst).collect();
    assert_eq!(
        names,
        ["x".repeat(INST_MAX_BYTES).as_str(), "\u{fffd}[2J", "-"]
    );
}

#[test]
fn a_truth_that_drops_a_service_drops_its_instances() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000), kept("b", 3000, 1000)]);
    lab.beat("a", "1", 1);
    lab.beat("b", "2", 1);
    let now = lab.moment();
    lab.hearing.follow(vec![kept("b", 9000, 1000)], now);
    assert!(!lab.hearing.heard(b"a:heartbeat", b"{}", now));
    lab.beat("b", "2", 2);
    lab.pass(SEC * 8, |_| {});
    assert!(!lab.told("1").contains(&"failed"));
    assert!(
        !lab.told("2").contains(&"failed"),
        "its timeout is longer now"
    );
    lab.pass(SEC * 3, |_| {});
    assert!(lab.told("2").contains(&"failed"));
}

#[test]
fn who_counts_its_beats_anew_and_keeps_its_id_began_anew() {
    let mut lab = Lab::new(vec![kept("a", 3000, 1000)]);
    for i in [7, 8, 9, 1, 2, 2, 3] {
        lab.beat("a", "1", i);
    }
    assert_eq!(lab.told("1"), ["joined", "up", "restarted"]);
}
