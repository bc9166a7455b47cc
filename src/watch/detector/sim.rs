//! Ten thousand disasters on a virtual clock.
//!
//! Each seed is a world: services that beat, die and return, one or two healers, a Redis between them, and faults at
//! random moments. The oracle then compares what was told with what happened. It is written from the promise, not from
//! the code: a death is told once and in time, nothing that did not happen is told, and what was told to have begun is
//! told to have ended. The alerts flow on through an aggregator that dies with its healer, and people, who know nothing but its
//! messages, must end up believing what is true.
//!
//! A seed that fails is printed; `SIM_SEED=<seed>` prints it and plays it alone, `SIM_SEEDS=<n>` plays another number of them.

mod healer;
mod kept;
mod oracle;
mod people;
mod plan;
mod redis;
mod store;
mod truth;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use plan::Plan;
use world::World;

/// Seeds of a plain test run.
const SEEDS: u64 = 10_000;
const THREADS: u64 = 2;
/// How often each kept list of events is played.
const CHANCES: u64 = 50;

#[test]
fn whatever_happens_every_death_is_told_once_and_no_other() {
    if let Some(seed) = number("SIM_SEED") {
        let plan = Plan::random(&mut fastrand::Rng::with_seed(seed));
        eprintln!("{plan:#?}");
        play(seed);
        return;
    }
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS);
    let failed: Vec<u64> = std::thread::scope(|scope| {
        let players: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let mine = (0..seeds).filter(|seed| seed % THREADS == thread);
                    mine.filter(|&seed| catch_unwind(AssertUnwindSafe(|| play(seed))).is_err())
                        .take(3)
                        .collect::<Vec<u64>>()
                })
            })
            .collect();
        players
            .into_iter()
            .flat_map(|player| player.join().expect("a player"))
            .collect()
    });
    assert!(failed.is_empty(), "replay with SIM_SEED={failed:?}");
}

/// Plays the world of a seed to its end and asks the oracle.
fn play(seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    let plan = Plan::random(&mut chance);
    if let Err(complaint) = play_plan(&plan, chance) {
        panic!("seed {seed}: {complaint}");
    }
}

fn play_plan(plan: &Plan, chance: fastrand::Rng) -> Result<(), String> {
    let mut world = World::new(plan, chance);
    world.run();
    oracle::judge(&world).and_then(|()| oracle::judge_messages(&world))
}

/// What went wrong once is played again, with many other delays than those of then.
#[test]
fn what_once_went_wrong_goes_right() {
    let mut complaints = Vec::new();
    for (name, plan) in kept::plans() {
        let wrong = (0..CHANCES).find_map(|seed| {
            let chance = fastrand::Rng::with_seed(seed);
            let complaint = play_plan(&plan, chance).err()?;
            Some(format!(
                "{name}, with the delays of seed {seed}: {complaint}"
            ))
        });
        complaints.extend(wrong);
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
