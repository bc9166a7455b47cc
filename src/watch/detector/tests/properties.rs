//! What holds whatever comes, in whatever order.

use crate::clock::Mono;
use crate::contract::Status;
use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::lab::{Lab, Told};

const SERVICES: [(&str, u32, u32); 3] = [("a", 1000, 300), ("b", 4000, 1000), ("c", 20_000, 5000)];

#[derive(Clone, Debug)]
enum Step {
    Beat(usize, u64, u8, &'static str),
    NoBeat(usize),
    Pass(f64),
    StandStill(f64),
    LoseLink,
    Prove,
    Refuse(usize),
    EchoTakes(Option<u64>),
    Reload(usize, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let svc = 0..SERVICES.len();
    prop_oneof![
        8 => (svc.clone(), 0u64..6, 0u8..3, prop::sample::select(vec!["idle", "degraded", "stopping"]))
            .prop_map(|(svc, i, inst, status)| Step::Beat(svc, i, inst, status)),
        1 => svc.clone().prop_map(Step::NoBeat),
        8 => (0.0..3.0).prop_map(Step::Pass),
        2 => (0.0..30.0).prop_map(Step::Pass),
        1 => (0.0..5.0).prop_map(Step::StandStill),
        1 => Just(Step::LoseLink),
        3 => Just(Step::Prove),
        1 => svc.clone().prop_map(Step::Refuse),
        2 => prop::option::weighted(0.8, 50u64..600_000).prop_map(Step::EchoTakes),
        1 => (svc, 500u32..30_000).prop_map(|(svc, timeout_ms)| Step::Reload(svc, timeout_ms)),
    ]
}

fn take(lab: &mut Lab, step: &Step) {
    match *step {
        Step::Beat(svc, i, inst, status) => {
            let fields = format!(r#""i":{i},"inst":"n{inst}","status":"{status}""#);
            lab.beat(SERVICES[svc].0, &fields);
        }
        Step::NoBeat(svc) => lab.payload(SERVICES[svc].0, b"[]"),
        Step::Pass(secs) => lab.pass(secs),
        Step::StandStill(secs) => lab.stand_still(secs),
        Step::LoseLink => lab.lose_link(),
        Step::Prove => lab.prove(),
        Step::Refuse(svc) => {
            let channel = format!("{}:heartbeat", SERVICES[svc].0);
            lab.detector.refused(channel.as_bytes(), lab.moment());
            lab.settle();
        }
        Step::EchoTakes(micros) => lab.echo_takes = micros.map(Duration::from_micros),
        Step::Reload(svc, timeout_ms) => {
            let mut services = SERVICES;
            services[svc].1 = timeout_ms;
            lab.reload(&services);
        }
    }
}

/// The transitions of a whole run, as words with their time of judgement.
fn play(steps: &[Step], wall_offset: i64) -> (Vec<Transition>, Lab) {
    let mut lab = Lab::with(&SERVICES);
    lab.wall = wall_offset;
    for step in steps {
        take(&mut lab, step);
    }
    let told = std::mem::take(&mut lab.told);
    let transitions = told
        .into_iter()
        .filter_map(|(_, told)| match told {
            Told::Service(transition) => Some(transition),
            Told::Bus(_) => None,
        })
        .collect();
    (transitions, lab)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_begins_ends_before_it_begins_again(steps in prop::collection::vec(step(), 1..60)) {
        let (told, _) = play(&steps, 0);
        let (mut down, mut degraded) = (HashMap::new(), HashMap::new());
        let mut alerts = HashMap::new();
        for transition in &told {
            let svc = transition.service.svc.clone();
            let (state, begins) = match transition.change {
                Change::Missed { .. } => (&mut down, true),
                Change::Recovered { .. } => (&mut down, false),
                Change::Degraded { .. } => (&mut degraded, true),
                Change::Restored { .. } => (&mut degraded, false),
                _ => continue,
            };
            prop_assert_eq!(state.insert(svc, begins).unwrap_or(false), !begins, "{:?}", transition);
        }
        for transition in told.iter().filter(|t| t.alert.is_some()) {
            // Each alert follows the one before it by name, and none is told under the same number.
            let before: AlertRef = alerts
                .insert(transition.service.svc.clone(), transition.alert)
                .flatten()
                .map_or(AlertRef::None, AlertRef::Own);
            prop_assert_eq!(&transition.previous, &before);
        }
    }

    #[test]
    fn a_miss_is_never_told_within_the_timeout_of_a_beat(steps in prop::collection::vec(step(), 1..60)) {
        let (told, _) = play(&steps, 0);
        let shortest = 500 * 1000;
        for transition in &told {
            if let Change::Missed { late, .. } = transition.change {
                prop_assert!(late.as_micros() as u64 >= shortest);
                let heard = transition.service.heard_at.unwrap_or(Mono(0));
                prop_assert!(transition.at.0 >= heard.0 + shortest);
            }
        }
    }

    #[test]
    fn the_wall_clock_judges_nothing(steps in prop::collection::vec(step(), 1..60), offset in -1_000_000_000i64..1_000_000_000) {
        let verdicts = |offset| -> Vec<(Mono, String, std::mem::Discriminant<Change>)> {
            let (told, _) = play(&steps, offset);
            told.iter()
                .map(|t| (t.at, t.service.svc.to_string(), std::mem::discriminant(&t.change)))
                .collect()
        };
        prop_assert_eq!(verdicts(0), verdicts(offset));
    }

    #[test]
    fn after_any_storm_the_silent_are_told_and_the_living_are_not(steps in prop::collection::vec(step(), 1..40)) {
        let (_, mut lab) = play(&steps, 0);
        lab.echo_takes = Some(Duration::from_micros(100));
        lab.lose_link();
        lab.reload(&SERVICES);
        lab.prove();
        for _ in 0..60 {
            lab.beat("a", r#""i":9"#);
            lab.pass(0.5);
        }
        prop_assert_eq!(lab.status_of("a"), Status::Up);
        prop_assert_eq!(lab.status_of("b"), Status::Down);
        prop_assert_eq!(lab.status_of("c"), Status::Down);
    }
}
