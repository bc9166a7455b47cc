//! Every state of a service, met by every event.

use super::super::*;
use super::lab::{Lab, WALL};
use crate::contract::Status;

/// Brings the one service into a state.
fn in_state(state: &str) -> Lab {
    let mut lab = match state {
        "unproven" | "told before" | "told long before" => Lab::unproven(&[("a", 10_000, 3000)]),
        _ => Lab::with(&[("a", 10_000, 3000)]),
    };
    match state {
        "unproven" | "waiting" => {}
        "up" => lab.beat("a", r#""i":5,"inst":"x""#),
        "degraded" => lab.beat(
            "a",
            r#""i":5,"inst":"x","status":"degraded","reason":"stuck""#,
        ),
        "stopping" => lab.beat("a", r#""i":5,"inst":"x","status":"stopping""#),
        "down" => {
            lab.beat("a", r#""i":5,"inst":"x""#);
            lab.pass(11.0);
        }
        "down+degraded" => {
            lab.beat("a", r#""i":5,"inst":"x","status":"degraded""#);
            lab.pass(11.0);
        }
        "told before" | "told long before" => {
            let record = HealthRecord {
                status: Some(Status::Down),
                since_ts: WALL - 100,
                alert_id: Some("other-1"),
                last_i: Some(5),
                misses: 3,
                restarts: 1,
                flapping: Vec::new(),
                stale: state == "told long before",
            };
            lab.detector.restore("a", &record, lab.moment());
            lab.prove();
        }
        other => panic!("no such state: {other}"),
    }
    lab.told.clear();
    lab
}

fn event(lab: &mut Lab, event: &str) {
    match event {
        "beat" => lab.beat("a", r#""i":6,"inst":"x""#),
        "degraded beat" => lab.beat("a", r#""i":6,"inst":"x","status":"degraded""#),
        "stopping beat" => lab.beat("a", r#""i":6,"inst":"x","status":"stopping""#),
        "beat of a restart" => lab.beat("a", r#""i":1,"inst":"y""#),
        "no beat" => lab.payload("a", b"hello"),
        "time" => lab.pass(10.5),
        "link lost, long" => {
            lab.lose_link();
            lab.pass(60.0);
        }
        "link lost, short" => {
            lab.lose_link();
            lab.pass(1.0);
            lab.prove();
            lab.pass(9.9);
        }
        "refused" => lab.detector.refused(b"a:heartbeat", lab.moment()),
        "dropped" => {
            assert_eq!(lab.reload(&[]).len(), 1);
        }
        other => panic!("no such event: {other}"),
    }
    lab.settle();
}

/// What is told, and the status after it: for each event by each state.
const TABLE: &str = "
                  | unproven             | waiting                  | up              | degraded             | stopping             | down            | down+degraded      | told before       | told long before
beat              | up                   | up                       | up              | restored -> up       | up                   | ok -> up        | ok, restored -> up | ok -> up          | ok -> up
degraded beat     | degraded -> degraded | degraded -> degraded     | degraded -> degraded | degraded        | degraded -> degraded | ok, degraded -> degraded | ok -> degraded | ok, degraded -> degraded | ok, degraded -> degraded
stopping beat     | up                   | up                       | up              | restored -> up       | up                   | ok -> up        | ok, restored -> up | ok -> up          | ok -> up
beat of a restart | up                   | up                       | up              | restored -> up       | up                   | ok -> up        | ok, restored -> up | ok -> up          | ok -> up
no beat           | malformed 1 -> unknown | malformed 1 -> unknown | malformed 1 -> up | malformed 1 -> degraded | malformed 1 -> up | malformed 1 -> down | malformed 1 -> down | malformed 1 -> down | malformed 1 -> down
time              | bus down -> unknown  | missed-never-heard -> down | missed -> down | missed -> down      | missed-planned -> down | down          | down               | down              | missed-again -> down
link lost, long   | bus down -> unknown  | bus down -> unknown      | bus down -> up  | bus down -> degraded | bus down -> up       | bus down -> down | bus down -> down  | bus down -> down  | bus down -> down
link lost, short  | unknown              | unknown                  | up              | degraded             | up                   | down            | down               | down              | down
refused           | unwatched -> unknown | unwatched -> unknown     | unwatched -> unknown | unwatched -> unknown | unwatched -> unknown | unwatched -> down | unwatched -> down | unwatched -> down | unwatched -> down
dropped           | unknown              | unknown                  | unknown         | unknown              | unknown              | unknown         | unknown            | unknown           | unknown
";

#[test]
fn every_state_answers_every_event_as_written_here() {
    let cells = |line: &'static str| line.split('|').map(str::trim);
    let mut lines = TABLE.lines().filter(|line| !line.is_empty());
    let states: Vec<&str> = cells(lines.next().expect("a head")).skip(1).collect();
    let mut met = 0;
    for line in lines {
        let mut row = cells(line);
        let name = row.next().expect("an event");
        for (state, expected) in states.iter().zip(row) {
            let mut lab = in_state(state);
            event(&mut lab, name);
            let told: Vec<String> = lab.words().iter().map(|w| w.replace("a ", "")).collect();
            let answer = match (told.join(", "), lab.status().as_str()) {
                (told, status) if told.is_empty() => status.to_owned(),
                (told, status) => format!("{told} -> {status}"),
            };
            assert_eq!(answer, expected, "{state}, met by {name}");
            met += 1;
        }
    }
    assert_eq!(met, 90);
}

#[test]
fn a_told_miss_of_another_healer_is_followed_by_name() {
    let mut lab = in_state("told before");
    event(&mut lab, "beat");
    let [ok] = &lab.transitions()[..] else {
        panic!("one transition")
    };
    assert_eq!(ok.previous, AlertRef::Foreign("other-1".into()));
    assert_eq!(
        ok.change,
        Change::Recovered {
            down_since_ts: WALL - 100
        }
    );
    assert_eq!((ok.service.misses, ok.service.restarts), (3, 1));
}

#[test]
fn a_miss_told_again_is_the_same_miss() {
    let mut lab = in_state("told long before");
    event(&mut lab, "time");
    let [miss] = &lab.transitions()[..] else {
        panic!("one transition")
    };
    assert!(
        matches!(
            miss.change,
            Change::Missed {
                again: true,
                never_heard: true,
                ..
            }
        ),
        "{miss:?}"
    );
    assert_eq!(
        (miss.service.misses, miss.service.since_ts),
        (3, WALL - 100)
    );
}
