//! Several instances of a service are judged as one.

use super::lab::Lab;
use crate::contract::Status;

fn lab() -> Lab {
    let mut lab = Lab::with(&[("a", 3000, 1000), ("b", 3000, 1000)]);
    lab.detector.set_several("a", true);
    lab
}

fn beat(inst: &str, i: u64, status: &str) -> String {
    let status = match status {
        "" => String::new(),
        status => format!(r#","status":"{status}","reason":"why""#),
    };
    format!(r#""i":{i},"inst":"{inst}"{status}"#)
}

/// One beat of each, a second apart, `times` times.
fn beats(lab: &mut Lab, times: u64, statuses: [&str; 2]) {
    for i in 0..times {
        lab.beat("a", &beat("1", 100 + i, statuses[0]));
        lab.beat("a", &beat("2", 1 + i, statuses[1]));
        lab.beat("b", "");
        lab.pass(1.0);
    }
}

#[test]
fn who_beats_and_its_count_say_nothing() {
    let mut lab = lab();
    beats(&mut lab, 20, ["", "standby"]);
    lab.beat("a", &beat("1", 1, "stopping"));
    beats(&mut lab, 3, ["", "idle"]);
    assert_eq!(lab.words(), Vec::<String>::new());
    let mut shown = Vec::new();
    lab.detector.refresh(1, &mut shown);
    let a = &shown[0];
    assert_eq!((a.last_i, a.restarts, a.word.as_deref()), (None, 0, None));
}

#[test]
fn all_of_them_silent_is_a_miss_and_never_planned() {
    let mut lab = lab();
    beats(&mut lab, 3, ["", ""]);
    lab.beat("a", &beat("1", 200, "stopping"));
    lab.beat("a", &beat("2", 200, "stopping"));
    for _ in 0..5 {
        lab.beat("b", "");
        lab.pass(1.0);
    }
    assert_eq!(lab.words(), ["a missed"]);
    lab.beat("a", &beat("3", 1, ""));
    assert_eq!(lab.words(), ["a ok"]);
}

#[test]
fn one_that_is_stuck_is_one_of_many_and_all_of_them_for_a_timeout_are_the_service() {
    let mut lab = lab();
    beats(&mut lab, 9, ["degraded", ""]);
    assert_eq!(lab.words(), Vec::<String>::new());
    beats(&mut lab, 3, ["degraded", "degraded"]);
    assert_eq!(lab.words(), Vec::<String>::new());
    beats(&mut lab, 2, ["degraded", "degraded"]);
    assert_eq!(lab.words(), ["a degraded"]);
    assert_eq!(lab.status_of("a"), Status::Degraded);
    lab.beat("a", &beat("2", 99, "standby"));
    assert_eq!(lab.words(), ["a restored"]);
}

#[test]
fn a_truth_that_begins_or_ends_it_keeps_the_deadline() {
    let mut lab = Lab::with(&[("a", 3000, 1000), ("b", 3000, 1000)]);
    lab.beat("a", &beat("1", 50, "stopping"));
    lab.pass(1.0);
    lab.detector.set_several("a", true);
    lab.beat("b", "");
    lab.pass(1.0);
    lab.beat("b", "");
    lab.pass(1.1);
    assert_eq!(
        lab.words(),
        ["a missed"],
        "of the beat before, and not planned"
    );
    lab.beat("a", &beat("1", 51, ""));
    lab.detector.set_several("a", false);
    lab.beat("a", &beat("1", 3, ""));
    lab.beat("a", &beat("2", 1, ""));
    lab.beat("a", &beat("1", 4, ""));
    lab.beat("a", &beat("2", 2, ""));
    assert_eq!(lab.words(), ["a ok", "a duplicate"]);
}
