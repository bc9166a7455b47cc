//! What becomes of news.

use std::time::Duration;

use super::{Forgetting, Order, Registry, Wanted};
use crate::clock::{Mono, Now};
use crate::contract::Card;
use crate::contract::mesh::{EventKind, GONE_MAX, Instance, State};
use crate::mesh::hearing::{News, What, Works};

const TIMEOUT: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(86_400);

fn at(secs: u64) -> Now {
    Now {
        mono: Mono(secs * 1_000_000),
        wall_secs: 1_762_000_000 + secs as i64,
    }
}

fn news(inst: &str, what: What, secs: u64) -> News {
    News {
        svc: "a".into(),
        inst: inst.into(),
        what,
        at: at(secs),
        heard: Some(at(secs).mono),
        last_i: Some(secs),
    }
}

fn on(host: &str) -> What {
    What::Card(Card {
        host: host.into(),
        ..Card::default()
    })
}

fn speaking(stored: Vec<Instance>) -> Registry {
    let mut registry = Registry::new("m");
    let wanted = Wanted {
        min: 2,
        timeout: TIMEOUT,
    };
    registry.follow([("a".into(), wanted)], DAY, at(0));
    registry.take_over(stored, at(0));
    registry
}

/// Everything that waits, told; kinds and names.
fn tell(registry: &mut Registry) -> Vec<(EventKind, String)> {
    let mut told = Vec::new();
    for transition in registry.next(usize::MAX) {
        told.push((transition.event.kind, transition.name.to_string()));
        registry.told();
    }
    told
}

fn kinds(registry: &mut Registry) -> Vec<EventKind> {
    tell(registry).into_iter().map(|(kind, _)| kind).collect()
}

/// The record after everything that waits was told.
fn stored(registry: &mut Registry) -> Vec<Instance> {
    tell(registry);
    let mut records = registry.records();
    records.sort_by_key(Instance::field);
    records
}

#[test]
fn each_transition_follows_the_one_before_it() {
    let mut registry = speaking(Vec::new());
    for what in [
        What::Joined,
        What::Up,
        What::Suspect,
        What::Up,
        What::Failed,
        What::Back,
    ] {
        registry.hear(news("1", what, 5));
    }
    let all = registry.next(usize::MAX);
    let mut before = "".into();
    for transition in &all {
        assert_eq!(transition.previous, before);
        before = transition.id.clone();
    }
    use EventKind::{Back, Failed, Joined, Suspect, Up};
    assert_eq!(
        kinds(&mut registry),
        [Joined, Up, Suspect, Up, Failed, Back]
    );
    let counts = registry.counts("a").expect("counted");
    assert_eq!((counts.up, counts.failed, counts.min), (1, 0, 2));
}

#[test]
fn who_failed_and_was_replaced_on_its_machine_has_left() {
    let mut registry = speaking(Vec::new());
    for (inst, host) in [("old", "h"), ("far", "other"), ("beside", "h")] {
        registry.hear(news(inst, What::Joined, 1));
        registry.hear(news(inst, on(host), 1));
        registry.hear(news(inst, What::Up, 2));
    }
    tell(&mut registry);
    for inst in ["old", "far"] {
        let mut failed = news(inst, What::Failed, 40);
        failed.heard = Some(at(5).mono);
        registry.hear(failed);
    }
    // The one beside it was there before: it replaces nobody.
    assert_eq!(kinds(&mut registry), [EventKind::Failed, EventKind::Failed]);
    registry.hear(news("new", What::Joined, 41));
    registry.hear(news("new", on("h"), 41));
    registry.hear(news("new", What::Up, 42));
    let told = tell(&mut registry);
    assert_eq!(told.last(), Some(&(EventKind::Left, "a/old".to_owned())));
    assert_eq!(told.len(), 3, "{told:?}");
}

#[test]
fn who_is_replaced_before_it_fails_leaves_when_it_does() {
    let mut registry = speaking(Vec::new());
    registry.hear(news("old", What::Joined, 1));
    registry.hear(news("old", on("h"), 1));
    registry.hear(news("new", What::Joined, 9));
    registry.hear(news("new", on("h"), 9));
    registry.hear(news("new", What::Up, 10));
    tell(&mut registry);
    let mut failed = news("old", What::Failed, 31);
    failed.heard = Some(at(1).mono);
    registry.hear(failed);
    assert_eq!(kinds(&mut registry), [EventKind::Failed, EventKind::Left]);
}

#[test]
fn who_takes_over_tells_what_differs_and_nothing_else() {
    let mut first = speaking(Vec::new());
    for inst in ["up", "dies", "leaves", "returns", "unheard"] {
        first.hear(news(inst, What::Joined, 1));
        first.hear(news(inst, What::Up, 2));
    }
    first.hear(news("returns", What::Failed, 40));
    let record = stored(&mut first);

    let mut second = Registry::new("n");
    let wanted = Wanted {
        min: 0,
        timeout: TIMEOUT,
    };
    second.follow([("a".into(), wanted)], DAY, at(0));
    for inst in ["up", "dies", "leaves", "returns", "joins"] {
        second.hear(news(inst, What::Joined, 3));
        second.hear(news(inst, What::Up, 4));
    }
    second.hear(news("dies", What::Failed, 50));
    second.hear(news("leaves", What::Left, 50));
    assert_eq!(second.waiting(), 0, "it is mute");
    second.take_over(record, at(60));
    let mut told = tell(&mut second);
    told.sort_by(|a, b| a.1.cmp(&b.1));
    let told: Vec<(EventKind, &str)> = told.iter().map(|(k, n)| (*k, n.as_str())).collect();
    assert_eq!(
        told,
        [
            (EventKind::Failed, "a/dies"),
            (EventKind::Joined, "a/joins"),
            (EventKind::Up, "a/joins"),
            (EventKind::Left, "a/leaves"),
            (EventKind::Back, "a/returns"),
        ]
    );
    let expected = Order::Expect {
        svc: "a".into(),
        inst: "unheard".into(),
        state: State::Up,
    };
    assert_eq!(second.take_orders(), [expected]);
    // Taken over once more, nothing is new.
    let record = stored(&mut second);
    second.take_over(record, at(61));
    assert!(tell(&mut second).is_empty());
}

#[test]
fn a_conflict_is_settled_by_what_is_known_here() {
    let mut registry = speaking(Vec::new());
    registry.hear(news("1", What::Joined, 1));
    registry.hear(news("1", What::Up, 2));
    let mut others = registry.records().remove(0);
    (others.state, others.id) = (State::Failed, "z-9".into());
    registry.conflicts(Some(others), at(3));
    let next = registry.next(9);
    assert_eq!(next.len(), 1);
    assert_eq!(
        (&*next[0].previous, next[0].event.kind),
        ("z-9", EventKind::Back)
    );
}

#[test]
fn the_gone_are_forgotten_in_time_and_when_they_are_too_many() {
    let mut registry = speaking(Vec::new());
    for nth in 0..GONE_MAX + 2 {
        registry.hear(news(&nth.to_string(), What::Joined, 1));
        registry.hear(news(&nth.to_string(), What::Left, 2 + nth as u64));
    }
    tell(&mut registry);
    registry.tidy(usize::MAX, at(20_000));
    let told = tell(&mut registry);
    let names: Vec<&str> = told.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["a/0", "a/1"]);
    registry.tidy(usize::MAX, at(86_402 + 2));
    assert_eq!(
        tell(&mut registry).len(),
        1,
        "the one that left at second 4"
    );
    assert_eq!(registry.forget_gone("a/5", at(9)), Forgetting::Done);
    assert_eq!(registry.forget_gone("a/5", at(9)), Forgetting::Unknown);
    registry.hear(news("x", What::Joined, 9));
    assert_eq!(registry.forget_gone("a/x", at(9)), Forgetting::Lives);
}

#[test]
fn a_service_that_truth_drops_is_forgotten_with_its_instances() {
    let mut registry = speaking(Vec::new());
    registry.hear(news("1", What::Joined, 1));
    tell(&mut registry);
    registry.follow([], DAY, at(2));
    assert_eq!(kinds(&mut registry), [EventKind::Forgotten]);
    assert!(registry.is_empty() && registry.counts("a").is_none());
    registry.hear(news("1", What::Up, 3));
    assert!(registry.is_empty());
}

#[test]
fn too_few_for_a_timeout_is_told_once_and_so_is_their_end() {
    let mut registry = speaking(Vec::new());
    assert!(
        registry.judge_low(at(99)).is_empty(),
        "nobody is there: the healer tells that"
    );
    for inst in ["1", "2"] {
        registry.hear(news(inst, What::Joined, 100));
        registry.hear(news(inst, What::Up, 101));
    }
    assert!(registry.judge_low(at(140)).is_empty());
    registry.hear(news("2", What::Works(Works::Degraded), 150));
    assert!(registry.judge_low(at(150)).is_empty());
    assert!(registry.judge_low(at(179)).is_empty());
    let low = registry.judge_low(at(180));
    assert_eq!((low[0].is_low, low[0].working, low[0].min), (true, 1, 2));
    assert!(registry.judge_low(at(500)).is_empty(), "once");
    registry.hear(news("2", What::Works(Works::Well), 501));
    assert!(!registry.judge_low(at(501))[0].is_low);
    assert!(!registry.rests("a"));
    for inst in ["1", "2"] {
        assert!(!registry.rests("a"));
        registry.hear(news(inst, What::Works(Works::Rests), 502));
    }
    assert!(registry.rests("a"));
}

#[test]
fn times_are_written_without_a_number_and_only_while_it_speaks() {
    let mut registry = speaking(Vec::new());
    registry.hear(news("1", What::Joined, 1));
    tell(&mut registry);
    registry.hear(news("1", What::Times, 61));
    assert_eq!(registry.waiting(), 0);
    let stale = registry.stale(9);
    assert_eq!((stale.len(), stale[0].last_beat_ts), (1, at(61).wall_secs));
    registry.fall_silent();
    registry.hear(news("1", What::Times, 121));
    assert!(registry.stale(9).is_empty());
}

/// One that joins at `secs` on `host`, says its card and is up a second later.
fn comes_up(registry: &mut Registry, inst: &str, host: &str, secs: u64) {
    registry.hear(news(inst, What::Joined, secs));
    registry.hear(news(inst, on(host), secs));
    registry.hear(news(inst, What::Up, secs + 1));
}

/// It was heard last at `heard` and failed a timeout later.
fn fails(registry: &mut Registry, inst: &str, heard: u64) {
    let mut failed = news(inst, What::Failed, heard + 30);
    failed.heard = Some(at(heard).mono);
    registry.hear(failed);
}

fn restarts(registry: &mut Registry, inst: &str) -> u32 {
    let records = stored(registry);
    records
        .iter()
        .find(|r| r.inst == inst)
        .expect("kept")
        .restarts
}

#[test]
fn three_restarts_within_five_timeouts_are_told_once_and_are_over_when_it_holds_still() {
    let mut registry = speaking(Vec::new());
    comes_up(&mut registry, "p0", "h", 1);
    // Each dies soon, and the next is up long before that is known.
    for (nth, begins) in [(1, 11), (2, 21), (3, 31)] {
        comes_up(&mut registry, &format!("p{nth}"), "h", begins);
    }
    comes_up(&mut registry, "elsewhere", "other", 32);
    fails(&mut registry, "p0", 9);
    fails(&mut registry, "p1", 19);
    assert!(!kinds(&mut registry).contains(&EventKind::Restarting));
    fails(&mut registry, "p2", 29);
    let told = tell(&mut registry);
    let restarting = told
        .iter()
        .filter(|(kind, _)| *kind == EventKind::Restarting);
    assert_eq!(
        restarting
            .map(|(_, name)| name.as_str())
            .collect::<Vec<_>>(),
        ["a/p3"]
    );
    assert_eq!(restarts(&mut registry, "p3"), 3);
    assert_eq!(restarts(&mut registry, "elsewhere"), 0);

    // A fourth is no news, but its row says it.
    comes_up(&mut registry, "p4", "h", 45);
    tell(&mut registry);
    fails(&mut registry, "p3", 44);
    assert_eq!(restarts(&mut registry, "p4"), 3);
    registry.tidy(usize::MAX, at(45 + 149));
    assert_eq!(restarts(&mut registry, "p4"), 3);
    registry.tidy(usize::MAX, at(45 + 150));
    assert_eq!(restarts(&mut registry, "p4"), 0);
    assert!(
        registry.stale(9).iter().any(|r| r.inst == "p4"),
        "its row is written anew"
    );
}

#[test]
fn three_that_were_each_restarted_once_on_one_machine_do_not_restart_too_often() {
    let mut registry = speaking(Vec::new());
    for inst in ["x0", "y0", "z0"] {
        comes_up(&mut registry, inst, "h", 1);
    }
    for (old, new, secs) in [("x0", "x1", 40), ("y0", "y1", 50), ("z0", "z1", 60)] {
        registry.hear(news(old, What::Left, secs));
        comes_up(&mut registry, new, "h", secs + 2);
    }
    assert!(!kinds(&mut registry).contains(&EventKind::Restarting));
    for inst in ["x1", "y1", "z1"] {
        assert_eq!(restarts(&mut registry, inst), 0, "{inst}");
    }
}

#[test]
fn one_that_keeps_its_id_and_counts_anew_restarts_and_three_far_apart_are_none_too_many() {
    let mut registry = speaking(Vec::new());
    comes_up(&mut registry, "-", "h", 1);
    for secs in [10, 100, 190] {
        registry.hear(news("-", What::Restarted, secs));
    }
    assert_eq!(
        restarts(&mut registry, "-"),
        0,
        "180 s are more than five timeouts"
    );
    registry.hear(news("-", What::Restarted, 200));
    assert_eq!(kinds(&mut registry), [EventKind::Restarting]);
    registry.hear(news("-", What::Restarted, 210));
    assert_eq!(restarts(&mut registry, "-"), 4);
}
