//! Meshes that are killed and stopped again and again while instances come and go: the registry is right in the end, and
//! no number of an event is missing or there twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use marketswarm::contract::mesh::State;

use crate::support::crowd::Crowd;
use crate::support::registry::{Follower, read, states, wait};
use crate::support::{Daemon, PATIENCE, Proxy, RedisServer, Stage, repetitions, secs};

/// In a usual run.
const KILLS: u32 = 20;
const TIMEOUT_SEC: f64 = 1.5;
/// Longest pause between two troubles.
const PAUSE_MS: u64 = 700;
/// After the last trouble the registry is right in this time: the lease, a doubt, and a timeout after it.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);

fn random() -> Rng {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed} replays the instants of this run");
    Rng::with_seed(seed)
}

/// Some come, some die, some leave.
fn churn(crowd: &Crowd, names: &[String], rng: &mut Rng) {
    for _ in 0..rng.usize(1..6) {
        let name = &names[rng.usize(..names.len())];
        match rng.u8(..4) {
            0 => crowd.die(name),
            1 => crowd.join(&format!("late{}", rng.u32(..))),
            _ => crowd.join(name),
        }
    }
}

/// The numbers of each epoch in the stream follow one another.
fn assert_numbers(redis: &RedisServer) {
    let entries: redis::streams::StreamRangeReply =
        redis.query(&["XRANGE", "mesh:events", "-", "+"]);
    let mut before: BTreeMap<u64, u64> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for entry in entries.ids {
        let (epoch, seq) = entry.id.split_once('-').expect("an id");
        let (epoch, seq) = (
            epoch.parse().expect("a number"),
            seq.parse::<u64>().expect("a number"),
        );
        let last = before.insert(epoch, seq);
        assert_eq!(
            seq,
            last.map_or(seq, |last| last + 1),
            "after {last:?} in {epoch}"
        );
        let event: serde_json::Value =
            serde_json::from_str(&entry.get::<String>("event").expect("an event")).expect("json");
        if let Some(id) = event["instance"]["id"].as_str() {
            assert!(ids.insert(id.to_owned()), "{id} was told twice");
        }
    }
}

/// Those who live are up, and all others are not.
fn assert_right(stage: &Stage, crowd: &Crowd, follower: &Follower) {
    let living: BTreeSet<String> = crowd.living().into_iter().collect();
    wait(
        &stage.redis,
        "the registry is right",
        SETTLES_WITHIN,
        |registry| {
            let up = states(registry, "pool");
            let up: BTreeSet<String> = up
                .into_iter()
                .filter(|(_, s)| *s == State::Up)
                .map(|(inst, _)| inst)
                .collect();
            let is_settled = registry.instances.values().all(|i| {
                i.svc != "pool" || matches!(i.state, State::Up | State::Failed | State::Left)
            });
            up == living && is_settled && registry.stale_sec().is_none()
        },
    );
    follower.assert_is_right(&stage.redis);
    assert_numbers(&stage.redis);
    let registry = read(&stage.redis).expect("read");
    let mut counted: BTreeMap<State, u32> = BTreeMap::new();
    for state in states(&registry, "pool").into_values() {
        *counted.entry(state).or_default() += 1;
    }
    let counts = registry.services["pool"];
    let of = |state| counted.get(&state).copied().unwrap_or(0);
    assert_eq!(
        (counts.up, counts.failed),
        (of(State::Up), of(State::Failed))
    );
}

#[test]
fn meshes_killed_and_stopped_at_random_instants_leave_the_registry_right() {
    let mut rng = random();
    let stage = Stage::new(&["mesh", "pool"], 0.15, TIMEOUT_SEC);
    stage.redis.config_set("stream-node-max-entries", "1000");
    let crowd = Crowd::of("pool", stage.redis.port(), secs(0.15));
    let names: Vec<String> = (0..200).map(|n| format!("i{n}")).collect();
    names.iter().for_each(|name| crowd.join(name));
    let follower = Follower::start(&stage.redis);
    let mut meshes = [stage.start("mesh"), stage.start("mesh")];
    meshes[0].wait_log("truth ", PATIENCE);
    for _ in 0..repetitions(KILLS) {
        let nth = rng.usize(..2);
        if rng.bool() {
            meshes[nth].kill();
            meshes[nth] = stage.start("mesh");
        } else {
            meshes[nth].pause();
            churn(&crowd, &names, &mut rng);
            // Longer than the lease, or shorter.
            std::thread::sleep(Duration::from_millis(rng.u64(..3500)));
            meshes[nth].resume();
        }
        churn(&crowd, &names, &mut rng);
        std::thread::sleep(Duration::from_millis(rng.u64(..PAUSE_MS)));
    }
    assert_right(&stage, &crowd, &follower);
}

#[test]
fn two_meshes_parted_from_the_bus_in_turn_leave_the_registry_right() {
    let mut rng = random();
    let stage = Stage::new(&["mesh", "pool"], 0.15, TIMEOUT_SEC);
    let crowd = Crowd::of("pool", stage.redis.port(), secs(0.15));
    let names: Vec<String> = (0..50).map(|n| format!("i{n}")).collect();
    names.iter().for_each(|name| crowd.join(name));
    let follower = Follower::start(&stage.redis);
    let proxies = [0, 1].map(|_| Proxy::to(stage.redis.port()));
    let _meshes: Vec<Daemon> = proxies
        .iter()
        .map(|proxy| stage.start_with("mesh", &[("SYSTEM_REDIS_URL", &proxy.url())]))
        .collect();
    wait(&stage.redis, "somebody writes", PATIENCE, |registry| {
        registry.services.contains_key("pool")
    });
    for _ in 0..repetitions(4) {
        let proxy = &proxies[rng.usize(..2)];
        proxy.go_silent();
        churn(&crowd, &names, &mut rng);
        std::thread::sleep(Duration::from_millis(rng.u64(500..6000)));
        proxy.heal();
        churn(&crowd, &names, &mut rng);
        std::thread::sleep(Duration::from_millis(rng.u64(..2000)));
    }
    assert_right(&stage, &crowd, &follower);
}
