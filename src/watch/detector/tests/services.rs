//! What is told of services.

use super::super::*;
use super::lab::{Lab, Told, WALL};
use crate::clock::Mono;
use crate::contract::Status;
use crate::watch::handover::HANDED_MAX;
use std::time::Duration;

#[test]
fn a_death_is_told_once_right_after_its_deadline() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    lab.pass(2.37);
    lab.beat("a", r#""i":7"#);
    let beat_at = lab.now;
    lab.pass(60.0);
    let (at, _) = *lab
        .told
        .iter()
        .find(|(_, o)| matches!(o, Told::Service(_)))
        .expect("told");
    assert_eq!(
        at.since(beat_at),
        Duration::from_micros(10_000_300),
        "three echoes of 0.1 ms after the deadline"
    );
    let [miss] = &lab.transitions()[..] else {
        panic!("told once")
    };
    assert_eq!(
        miss.change,
        Change::Missed {
            late: at.since(beat_at),
            never_heard: false,
            planned: false,
            eta: None,
            again: false
        }
    );
    assert_eq!(
        (
            miss.service.status,
            miss.service.last_i,
            miss.service.misses
        ),
        (Status::Down, Some(7), 1)
    );
    assert_eq!(miss.ts, WALL + (at.0 / 1_000_000) as i64);
}

#[test]
fn a_death_that_ends_is_told_to_have_ended_at_the_first_beat() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    lab.pass(12.0);
    assert_eq!(lab.words(), ["a missed-never-heard"]);
    lab.beat("a", r#""i":1"#);
    let [ok] = &lab.transitions()[..] else {
        panic!("told once")
    };
    assert_eq!((ok.at, ok.service.status), (lab.now, Status::Up));
    assert_eq!((ok.previous.clone(), ok.alert), (AlertRef::Own(1), Some(2)));
    lab.pass(9.9);
    assert!(lab.words().is_empty());
    lab.pass(0.2);
    assert_eq!(
        lab.words(),
        ["a missed", "a flapping"],
        "it is watched again"
    );
}

#[test]
fn a_beat_that_arrives_during_the_round_saves() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    lab.beat("a", "");
    lab.echo_takes = Some(Duration::from_millis(10));
    lab.pass(10.025);
    assert!(
        lab.words().is_empty(),
        "two echoes are back, the third is out"
    );
    lab.beat("a", "");
    lab.pass(9.9);
    assert!(lab.words().is_empty());
}

#[test]
fn one_round_serves_all_that_are_due_and_another_those_that_come_due_meanwhile() {
    let names: Vec<String> = (0..50).map(|n| format!("s{n}")).collect();
    let services: Vec<(&str, u32, u32)> =
        names.iter().map(|n| (n.as_str(), 10_000, 3000)).collect();
    let mut lab = Lab::with(&services);
    lab.pass(0.37);
    for (n, name) in names.iter().enumerate() {
        lab.now = Mono(lab.now.0 + if n == 25 { 1000 } else { 0 });
        lab.beat(name, "");
    }
    lab.echo_takes = Some(Duration::from_millis(2));
    lab.pass(9.9);
    let idle = lab.echoes_sent;
    lab.pass(0.2);
    assert_eq!(lab.echoes_sent - idle, 6, "two rounds of three");
    let at: Vec<Mono> = lab
        .told
        .iter()
        .filter(|(_, o)| matches!(o, Told::Service(_)))
        .map(|t| t.0)
        .collect();
    assert_eq!(at.len(), 50);
    assert_eq!(at.iter().filter(|t| **t == at[0]).count(), 25);
    assert_eq!(
        at[49].since(at[0]),
        Duration::from_millis(1),
        "nobody waits for the end of another's round"
    );
}

#[test]
fn a_planned_stop_is_a_miss_that_says_so() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    lab.beat("a", r#""i":1,"status":"stopping","eta":1762000500"#);
    lab.pass(11.0);
    let [miss] = &lab.transitions()[..] else {
        panic!("told once")
    };
    assert!(matches!(
        miss.change,
        Change::Missed {
            planned: true,
            eta: Some(1_762_000_500),
            ..
        }
    ));
    lab.beat("a", r#""i":2"#);
    lab.pass(11.0);
    assert_eq!(
        lab.words(),
        ["a ok", "a missed"],
        "the plan was for that one stop"
    );
}

#[test]
fn a_crash_loop_faster_than_the_timeout_is_told_once() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    for start in 0..12 {
        lab.beat("a", &format!(r#""i":1,"inst":"run{start}""#));
        lab.pass(2.0);
        lab.beat("a", &format!(r#""i":2,"inst":"run{start}""#));
        lab.pass(2.0);
    }
    let told = lab.transitions();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0].change, told[0].service.restarts),
        (&Change::Restarting { count: 3 }, 3)
    );
    lab.pass(0.0);
    for n in 0..30 {
        lab.beat("a", &format!(r#""i":{n},"inst":"last""#));
        lab.pass(3.0);
    }
    assert!(lab.words().is_empty(), "a quiet time");
    for start in 0..3 {
        lab.beat("a", &format!(r#""i":1,"inst":"again{start}""#));
        lab.pass(4.0);
    }
    assert_eq!(
        lab.words(),
        ["a restarting"],
        "after a quiet time it is news again"
    );
}

#[test]
fn a_count_that_falls_back_is_a_restart_and_a_repeated_beat_is_none() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    for i in [1, 2, 2, 3, 3, 3, 4] {
        lab.beat("a", &format!(r#""i":{i}"#));
    }
    for i in [1, 2, 1, 2, 1] {
        lab.beat("a", &format!(r#""i":{i}"#));
    }
    let [restarting] = &lab.transitions()[..] else {
        panic!("told once")
    };
    assert_eq!(restarting.service.restarts, 3);
}

#[test]
fn two_instances_that_take_turns_are_duplicates_not_restarts() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    for i in 1..20 {
        lab.beat("a", &format!(r#""i":{},"inst":"x""#, i + 100));
        lab.pass(1.0);
        lab.beat("a", &format!(r#""i":{i},"inst":"y""#));
        lab.pass(1.0);
    }
    let [duplicate] = &lab.transitions()[..] else {
        panic!("told once")
    };
    assert_eq!(
        (&duplicate.change, duplicate.service.restarts),
        (&Change::DuplicateInstance, 0)
    );
}

#[test]
fn an_instance_that_stands_by_is_no_duplicate_and_no_sign_of_life_of_the_one_that_works() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    // Whichever of them is heard first.
    lab.beat("a", r#""i":1,"inst":"y","status":"standby""#);
    for i in 1..20 {
        lab.beat("a", &format!(r#""i":{},"inst":"x""#, i + 100));
        lab.pass(1.0);
        lab.beat("a", &format!(r#""i":{i},"inst":"y","status":"standby""#));
        lab.pass(1.0);
    }
    assert!(lab.transitions().is_empty());
    for i in 20..40 {
        lab.beat("a", &format!(r#""i":{i},"inst":"y","status":"standby""#));
        lab.pass(1.0);
    }
    assert_eq!(lab.words(), ["a missed"]);
    lab.beat("a", r#""i":40,"inst":"y""#);
    assert_eq!(lab.words(), ["a ok"], "when it works itself");
}

#[test]
fn the_farewell_of_a_replaced_instance_says_nothing_of_its_successor() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    lab.beat("a", r#""i":9,"inst":"old""#);
    lab.beat("a", r#""i":1,"inst":"new""#);
    lab.beat("a", r#""i":10,"inst":"old","status":"stopping""#);
    lab.pass(11.0);
    assert_eq!(lab.words(), ["a missed"], "neither planned nor a duplicate");
}

#[test]
fn degraded_is_told_once_with_its_reason_and_so_is_its_end() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    for _ in 0..3 {
        lab.beat(
            "a",
            r#""status":"degraded","reason":"the feed thread hangs""#,
        );
    }
    let mut snapshots = Vec::new();
    lab.detector.refresh(1, &mut snapshots);
    assert_eq!(
        snapshots[0].reason.as_deref(),
        Some("the feed thread hangs"),
        "in every snapshot"
    );
    lab.beat("a", r#""status":"idle""#);
    lab.beat("a", "");
    let told = lab.transitions();
    assert_eq!(told.len(), 2);
    assert_eq!(
        told[0].change,
        Change::Degraded {
            reason: Some("the feed thread hangs".into())
        }
    );
    assert!(matches!(
        told[1].change,
        Change::Restored {
            degraded_since_ts: Some(_)
        }
    ));
}

#[test]
fn malformed_payloads_are_told_at_most_once_a_minute() {
    let mut lab = Lab::with(&[("a", 200_000, 3000)]);
    for _ in 0..100 {
        lab.payload("a", b"[]");
        lab.payload("a", br#"{"svc":"b","i":1,"ts":1}"#);
        lab.pass(1.0);
    }
    lab.detector.too_long(b"a:heartbeat", lab.moment());
    assert_eq!(lab.words(), ["a malformed 1", "a malformed 120"]);
    assert_eq!(lab.detector.counts().malformed, 201);
}

#[test]
fn a_mass_death_is_told_in_pieces_and_a_single_one_does_not_wait_behind_it() {
    let names: Vec<String> = (0..20_000).map(|n| format!("s{n}")).collect();
    let mut services: Vec<(&str, u32, u32)> =
        names.iter().map(|n| (n.as_str(), 10_000, 3000)).collect();
    services.push(("single", 10_001, 3000));
    let mut lab = Lab::with(&services);
    lab.pass(0.1);
    // The loop takes one piece at a time, as fast as the store does.
    let mut pieces = Vec::new();
    let end = Mono(lab.now.0 + 11_000_000);
    while lab.now < end {
        lab.now = Mono(lab.now.0 + 500);
        lab.detector.tick(lab.moment(), HANDED_MAX);
        if let Some(echo) = lab.detector.take_echo() {
            lab.detector
                .echo_returned(echo.seq, lab.moment(), HANDED_MAX);
        }
        let (mut outputs, mut piece) = (Vec::new(), Vec::new());
        lab.detector.take_outputs(&mut outputs);
        if outputs.contains(&Output::CheckServer) {
            lab.detector.server_checked(lab.moment());
        }
        lab.detector.take_transitions(&mut piece);
        let piece: Vec<Box<str>> = piece.into_iter().map(|t| t.service.svc).collect();
        if !piece.is_empty() {
            pieces.push(piece);
        }
    }
    assert_eq!(pieces.iter().map(Vec::len).sum::<usize>(), 20_001);
    assert!(pieces.iter().all(|p| p.len() <= 1100));
    let place = pieces
        .iter()
        .position(|p| p.contains(&"single".into()))
        .expect("told");
    assert!(
        place < pieces.len() - 1,
        "told in piece {place} of {}",
        pieces.len()
    );
}
