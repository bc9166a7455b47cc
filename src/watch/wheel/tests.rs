use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Insert(u32, u64),
    Remove(u32),
    Advance(u64),
}

/// Steps of every scale, from a microsecond to a year, because each level has its own edges.
fn span() -> impl Strategy<Value = u64> {
    (0u32..45).prop_flat_map(|bits| 0..(1u64 << bits))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u32..40, span()).prop_map(|(key, after)| Step::Insert(key, after)),
        1 => (0u32..40).prop_map(Step::Remove),
        3 => span().prop_map(Step::Advance),
    ]
}

/// The obvious queue that the wheel must agree with.
#[derive(Default)]
struct Naive(HashMap<u32, u64>);

impl Naive {
    fn expire(&mut self, now: u64) -> Vec<u32> {
        let mut due: Vec<u32> = self
            .0
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(k, _)| *k)
            .collect();
        self.0.retain(|_, at| *at > now);
        due.sort_unstable();
        due
    }
}

fn expire_all(wheel: &mut Wheel, now: u64) -> Vec<u32> {
    let mut due = Vec::new();
    assert!(wheel.expire(Mono(now), usize::MAX, &mut due));
    due.sort_unstable();
    due
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_wheel_agrees_with_a_naive_queue(start in span(), steps in prop::collection::vec(step(), 1..120)) {
        let (mut wheel, mut naive, mut now) = (Wheel::default(), Naive::default(), start);
        expire_all(&mut wheel, now);
        for step in steps {
            match step {
                Step::Insert(key, after) => {
                    // Sometimes in the past: an overdue deadline is due at once.
                    let at = if key % 7 == 0 { now.saturating_sub(after) } else { now + after };
                    wheel.insert(key, Mono(at));
                    naive.0.insert(key, at);
                    prop_assert_eq!(wheel.last_deadline(key), Mono(at));
                }
                Step::Remove(key) => prop_assert_eq!(wheel.remove(key), naive.0.remove(&key).is_some()),
                Step::Advance(by) => {
                    now += by;
                    prop_assert_eq!(expire_all(&mut wheel, now), naive.expire(now));
                }
            }
            prop_assert_eq!(wheel.len(), naive.0.len());
            let earliest = naive.0.values().min().copied();
            match (wheel.next_deadline(), earliest) {
                (Some(promised), Some(earliest)) => prop_assert!(promised.0 <= earliest),
                (promised, earliest) => prop_assert_eq!(promised.is_none(), earliest.is_none()),
            }
        }
    }

    #[test]
    fn sleeping_until_the_next_deadline_meets_each_one_to_the_microsecond(spans in prop::collection::vec(span(), 1..60)) {
        let mut wheel = Wheel::default();
        for (key, after) in (0..).zip(&spans) {
            wheel.insert(key, Mono(1_000_000 + after));
        }
        let mut met = 0;
        while let Some(at) = wheel.next_deadline() {
            for key in expire_all(&mut wheel, at.0) {
                prop_assert_eq!(1_000_000 + spans[key as usize], at.0);
                met += 1;
            }
        }
        prop_assert_eq!(met, spans.len());
    }
}

#[test]
fn a_removed_minimum_costs_one_early_look_and_no_more() {
    let mut wheel = Wheel::default();
    wheel.insert(1, Mono(100));
    wheel.insert(2, Mono(900));
    wheel.remove(1);
    assert_eq!(wheel.next_deadline(), Some(Mono(100)));
    assert!(expire_all(&mut wheel, 100).is_empty());
    assert_eq!(wheel.next_deadline(), Some(Mono(900)));
}

#[test]
fn a_limit_leaves_the_rest_for_the_next_call() {
    let mut wheel = Wheel::default();
    for key in 0..10 {
        wheel.insert(key, Mono(5_000_000));
    }
    let mut due = Vec::new();
    assert!(!wheel.expire(Mono(6_000_000), 4, &mut due));
    assert_eq!((due.len(), wheel.len()), (4, 6));
    assert!(wheel.next_deadline() <= Some(Mono(6_000_000)));
    assert!(wheel.expire(Mono(6_000_000), 10, &mut due));
    assert_eq!((due.len(), wheel.len()), (10, 0));
}

#[test]
fn a_deadline_beyond_all_time_is_never_met() {
    let mut wheel = Wheel::default();
    wheel.insert(7, Mono(u64::MAX));
    assert!(expire_all(&mut wheel, 1 << 50).is_empty());
    assert!(wheel.remove(7));
}
