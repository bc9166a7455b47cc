//! What is told of those who come and go.

use super::super::*;
use super::lab::{Lab, WALL};
use crate::contract::Status;

/// Down for a timeout, then up for a timeout, `times` times.
fn wave(lab: &mut Lab, times: usize) {
    for _ in 0..times {
        lab.pass(20.0);
        lab.beat("a", "");
        for _ in 0..4 {
            lab.beat("fine", "");
            lab.pass(2.0);
            lab.beat("a", "");
        }
    }
}

fn waving() -> Lab {
    let mut lab = Lab::with(&[("a", 10_000, 3000), ("fine", 3_600_000, 3000)]);
    lab.beat("a", "");
    wave(&mut lab, 2);
    lab
}

fn words_of_flapping(lab: &mut Lab) -> Vec<String> {
    let words = lab.words().into_iter();
    words
        .filter(|w| w == "a flapping" || w == "a steady")
        .collect()
}

#[test]
fn flapping_is_told_once_and_steady_once_when_it_has_held_still() {
    for last_is_up in [true, false] {
        let mut lab = waving();
        assert_eq!(
            lab.words(),
            ["a missed", "a ok", "a missed", "a flapping", "a ok"]
        );
        wave(&mut lab, 60);
        assert_eq!(words_of_flapping(&mut lab), Vec::<String>::new());
        if last_is_up {
            for _ in 0..25 {
                lab.pass(2.0);
                lab.beat("a", "");
            }
        } else {
            lab.pass(69.0);
        }
        assert_eq!(words_of_flapping(&mut lab), Vec::<String>::new());
        lab.pass(4.0);
        assert_eq!(words_of_flapping(&mut lab), ["a steady"]);
        lab.pass(1000.0);
        assert_eq!(words_of_flapping(&mut lab), Vec::<String>::new());
    }
}

#[test]
fn what_flaps_is_told_with_the_state_it_has_and_the_times_it_fell() {
    let mut lab = waving();
    let told = lab.transitions();
    let flapping = told
        .iter()
        .find_map(|t| match t.change {
            Change::Flapping(f) => Some((f, t.service.status, t.service.flapping.len())),
            _ => None,
        })
        .expect("flapping");
    assert_eq!((flapping.0.matter, flapping.0.times), (Matter::Beats, 2));
    assert_eq!((flapping.1, flapping.2), (Status::Down, 1));
    let first = told.first().expect("a miss");
    assert!((first.ts - flapping.0.since_ts).abs() <= 1);
    assert_eq!(first.service.flapping, []);
}

#[test]
fn a_restart_goes_on_with_what_was_told() {
    let mut lab = Lab::with(&[("a", 10_000, 3000), ("fine", 3_600_000, 3000)]);
    let flapping = Flapping {
        matter: Matter::Beats,
        since_ts: WALL - 100,
        times: 7,
    };
    let record = HealthRecord {
        status: Some(Status::Up),
        alert_id: Some("other-9"),
        flapping: vec![flapping],
        ..HealthRecord::default()
    };
    lab.detector.restore("a", &record, lab.moment());
    lab.beat("a", "");
    wave(&mut lab, 3);
    assert_eq!(words_of_flapping(&mut lab), Vec::<String>::new());
    lab.pass(100.0);
    let steady: Vec<Flapping> = lab
        .transitions()
        .iter()
        .filter_map(|t| match t.change {
            Change::Steady(f) => Some(f),
            _ => None,
        })
        .collect();
    assert_eq!(
        steady,
        [Flapping {
            times: 11,
            ..flapping
        }]
    );
}

#[test]
fn nobody_is_steady_while_the_bus_is_silent() {
    let mut lab = waving();
    lab.lose_link();
    lab.words();
    lab.pass(600.0);
    assert_eq!(words_of_flapping(&mut lab), Vec::<String>::new());
    lab.prove();
    lab.pass(9.0);
    assert_eq!(words_of_flapping(&mut lab), Vec::<String>::new());
    lab.beat("a", "");
    lab.pass(2.0);
    assert_eq!(words_of_flapping(&mut lab), ["a steady"]);
}

#[test]
fn work_that_comes_and_goes_flaps_as_well() {
    let mut lab = Lab::with(&[("a", 10_000, 3000)]);
    for _ in 0..3 {
        lab.beat("a", r#""status":"degraded","reason":"stuck""#);
        lab.pass(5.0);
        lab.beat("a", "");
        lab.pass(5.0);
    }
    let told = lab.transitions();
    let flapping: Vec<Matter> = told
        .iter()
        .filter_map(|t| match t.change {
            Change::Flapping(f) => Some(f.matter),
            _ => None,
        })
        .collect();
    assert_eq!(flapping, [Matter::Work]);
}
