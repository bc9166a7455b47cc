//! When people want to hear nothing: silences, acknowledgements, planned stops.

use super::*;

#[test]
fn reminders_group_what_is_still_down_and_stop_at_an_acknowledgement() {
    let rules = Rules {
        remind_ms: minutes(30),
        ..Rules::default()
    };
    let mut play = Play::new(rules);
    play.miss("a");
    play.pass(minutes(5));
    play.miss("b");
    play.pass(minutes(27));
    assert_eq!(play.titles()[2], "STILL DOWN 2 services: a, b");
    let ack = Silence {
        ack: true,
        ..silence("a", play.now, Ms::MAX)
    };
    play.silence(vec![ack]);
    play.pass(minutes(30));
    assert_eq!(
        play.titles()[3..],
        ["STILL DOWN b: no beat for 55 min 31 s (limit 30 s)"]
    );
    play.ok("a");
    play.ok("b");
    play.pass(minutes(300));
    assert_eq!(play.titles()[4..], ["UP 2 services: a, b"]);
}

fn silence(svc: &str, from_ms: Ms, until_ms: Ms) -> Silence {
    Silence {
        id: "h".into(),
        svc: svc.into(),
        ack: false,
        from_ms,
        until_ms,
        why: String::new(),
        by: String::new(),
    }
}

#[test]
fn in_a_silence_nothing_is_heard_and_at_its_end_what_is_still_down_is_told() {
    let mut play = Play::new(Rules::default());
    play.miss("before");
    play.pass(minutes(1));
    play.silence(vec![silence("*", play.now, play.now + minutes(120))]);
    play.miss("short");
    play.pass(minutes(10));
    play.ok("short");
    play.miss("long");
    play.pass(minutes(109));
    assert_eq!(play.told.len(), 1, "{:?}", play.titles());
    play.pass(minutes(2));
    let text = play.last_text();
    assert!(text.contains("DOWN long: no beat for 1 h 50 min"), "{text}");
    assert!(
        text.contains("STILL DOWN before: no beat for 2 h"),
        "{text}"
    );
    assert!(!text.contains("short"), "{text}");
    assert_eq!(play.told.len(), 2);
}

#[test]
fn a_silence_that_is_to_come_begins_at_its_time() {
    let mut play = Play::new(Rules::default());
    let from = play.now + minutes(10);
    play.silence(vec![silence("a", from, from + minutes(10))]);
    play.miss("a");
    play.pass(minutes(5));
    play.ok("a");
    play.pass(minutes(6));
    play.miss("a");
    play.pass(minutes(8));
    play.ok("a");
    play.pass(minutes(30));
    assert_eq!(play.titles().len(), 2, "{:?}", play.titles());
}

#[test]
fn the_end_of_what_was_told_is_told_after_the_silence_in_which_it_fell() {
    let mut play = Play::new(Rules::default());
    play.miss("a");
    play.pass(minutes(1));
    play.silence(vec![silence("a", play.now, play.now + minutes(10))]);
    play.ok("a");
    play.pass(minutes(9));
    assert_eq!(play.told.len(), 1);
    play.pass(minutes(2));
    assert_eq!(play.titles()[1], "UP a after 1 min 31 s");
}

#[test]
fn a_planned_stop_is_told_only_when_it_outlasts_its_eta_by_a_timeout() {
    for late in [false, true] {
        let mut play = Play::new(Rules::default());
        let mut alert = play.alert(AlertKind::HeartbeatMiss, "a");
        (alert.late_sec, alert.timeout_sec) = (Some(31.0), Some(30.0));
        (alert.planned, alert.eta) = (true, Some(play.now / 1000 + 300));
        play.hear(alert);
        play.pass(329_000);
        assert_eq!(play.titles(), Vec::<String>::new());
        if late {
            play.pass(3_000);
            let title = "DOWN a: stopped on purpose and due back 14:05, no beat for 6 min 1 s";
            assert_eq!(play.titles(), [title]);
        } else {
            play.ok("a");
            play.pass(minutes(60));
            assert_eq!(play.titles(), Vec::<String>::new());
        }
    }
}
