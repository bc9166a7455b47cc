//! Who is there is written once, by one mesh, and read right through everything that can happen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use marketswarm::contract::mesh::{EventKind, State};
use serde_json::{Value, json};

use crate::support::crowd::Crowd;
use crate::support::registry::{Follower, read, states, wait, wait_state};
use crate::support::{Alerts, Daemon, PATIENCE, Stage, secs, until};

const WRITES: &str = "this mesh writes the registry";

fn inst(daemon: &Daemon) -> String {
    let line = daemon.wait_log(", instance ", PATIENCE);
    let (_, rest) = line.split_once(", instance ").expect("just found");
    rest.split(' ').next().expect("a word").to_owned()
}

fn stage(timeout_sec: f64) -> Stage {
    Stage::new(&["mesh", "massive", "pool"], 0.2, timeout_sec)
}

fn command(stage: &Stage, args: &[&str]) -> (i32, String) {
    let url = stage.redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    Daemon::run("marketswarm", args, &env, PATIENCE)
}

#[test]
fn an_instance_is_known_by_its_card_and_who_replaces_it_on_its_machine_makes_it_left() {
    let stage = stage(2.0);
    let _mesh = stage.start("mesh");
    let mut first = stage.start("massive");
    let (one, pid) = (inst(&first), first.id());
    let registry = wait(&stage.redis, "the card", PATIENCE, |registry| {
        let found = registry.instances.get(&format!("massive/{one}"));
        found.is_some_and(|i| i.state == State::Up && i.card.pid == pid)
    });
    let card = &registry.instances[&format!("massive/{one}")].card;
    assert_eq!(&*card.ver, env!("CARGO_PKG_VERSION"));
    assert_eq!(registry.services["massive"].up, 1);
    // mesh itself may be a beat behind.
    until("both are up", PATIENCE, || {
        match command(&stage, &["mesh"]) {
            (0, said) if said.contains(&one) && said.contains("2 of 2 are up") => Ok(()),
            (code, said) => Err(format!("{code}: {said}")),
        }
    });

    first.kill();
    wait_state(&stage.redis, "massive", &one, State::Failed);
    let (code, said) = command(&stage, &["mesh", "--json"]);
    let said: Value = serde_json::from_str(&said).expect("json");
    assert_eq!(
        (code, &said["services"]["massive"]["failed"]),
        (1, &json!(1))
    );

    let mut second = stage.start("massive");
    let two = inst(&second);
    wait_state(&stage.redis, "massive", &one, State::Left);
    second.stop();
    wait_state(&stage.redis, "massive", &two, State::Left);
    let (code, said) = command(&stage, &["mesh"]);
    assert!(
        code == 0 && said.contains("\n1 of 1 are up; 2 left"),
        "who left is missing nowhere: {code}: {said}"
    );

    let (code, said) = command(&stage, &["mesh", "events"]);
    assert_eq!(code, 0);
    for (kind, inst) in [
        ("failed", &one),
        ("left", &one),
        ("joined", &two),
        ("left", &two),
    ] {
        let is_there = said
            .lines()
            .any(|l| l.contains(kind) && l.contains(inst.as_str()));
        assert!(is_there, "{kind} {inst}: {said}");
    }
    let (code, said) = command(&stage, &["mesh", "forget", &one]);
    assert_eq!(
        (code, said.trim()),
        (0, format!("massive/{one} is forgotten").as_str())
    );
    let left = read(&stage.redis).expect("read");
    assert!(!states(&left, "massive").contains_key(&one));
    assert_eq!(command(&stage, &["mesh", "forget", &one]).0, 1);
    let mesh = left
        .instances
        .values()
        .find(|i| i.svc == "mesh")
        .expect("itself");
    assert_eq!(
        command(&stage, &["mesh", "forget", &mesh.inst]).0,
        1,
        "it beats"
    );
}

#[test]
fn one_that_is_killed_again_and_again_is_said_to_restart_in_its_row_and_as_an_event() {
    // Five timeouts are long enough for four starts on a machine that is ten times slower.
    let stage = stage(8.0);
    let mesh = stage.start("mesh");
    mesh.wait_log(WRITES, PATIENCE);
    stage.redis.wait_subscribed("massive:heartbeat", 1);
    let mut last = String::new();
    let mut running: Option<Daemon> = None;
    for _ in 0..4 {
        if let Some(mut before) = running.take() {
            before.kill();
        }
        let daemon = running.insert(stage.start("massive"));
        last = inst(daemon);
        wait_state(&stage.redis, "massive", &last, State::Up);
    }
    wait(&stage.redis, "three restarts", PATIENCE, |registry| {
        let found = registry.instances.get(&format!("massive/{last}"));
        found.is_some_and(|instance| instance.restarts == 3)
    });
    let (_, rows) = command(&stage, &["mesh"]);
    let row = rows
        .lines()
        .find(|row| row.contains(&last))
        .expect("its row");
    assert!(row.contains("up, 3 restarts"), "{rows}");
    let (_, events) = command(&stage, &["mesh", "events"]);
    let told = events.lines().filter(|line| line.contains("restarting"));
    assert_eq!(
        told.filter(|line| line.contains(&last)).count(),
        1,
        "{events}"
    );
}

#[test]
fn a_second_mesh_is_mute_and_writes_when_the_first_is_gone() {
    let stage = stage(2.0);
    let beats = Alerts::on_channel(&stage.redis, "mesh:heartbeat");
    let crowd = Crowd::of("pool", stage.redis.port(), secs(0.2));
    let mut first = stage.start("mesh");
    first.wait_log(WRITES, PATIENCE);
    let second = stage.start("mesh");
    let two = inst(&second);
    crowd.join("a");
    wait_state(&stage.redis, "pool", "a", State::Up);
    stage.redis.wait_subscribed("pool:heartbeat", 2);
    let before = read(&stage.redis).and_then(|r| r.head).expect("a head");
    let is_second = |b: &Value| b["inst"] == two.as_str();
    assert!(!beats.all().iter().any(|b| is_second(&b.json)), "it beats");

    let killed = Instant::now();
    first.kill();
    crowd.die("a");
    second.wait_log(WRITES, PATIENCE);
    // The lease runs for 2 s, and whoever stands by asks every half second.
    assert!(killed.elapsed() < secs(10.0), "{:?}", killed.elapsed());
    wait_state(&stage.redis, "pool", "a", State::Failed);
    beats.wait_for("a beat of the second", PATIENCE, |b| is_second(&b.json));
    let after = read(&stage.redis).and_then(|r| r.head).expect("a head");
    assert_eq!(after.epoch, before.epoch, "the record was not lost");
    let (code, said) = command(&stage, &["mesh"]);
    assert_eq!(code, 1, "{said}");
}

#[test]
fn nobody_fails_for_a_lost_bus_and_a_lost_record_begins_an_epoch() {
    let mut stage = stage(3.0);
    let crowd = Crowd::of("pool", stage.redis.port(), secs(0.2));
    let names: Vec<String> = (0..20).map(|n| format!("i{n}")).collect();
    names.iter().for_each(|name| crowd.join(name));
    let _mesh = stage.start("mesh");
    let follower = Follower::start(&stage.redis);
    let all_up = |registry: &marketswarm::swarm_state::registry::Registry| {
        let states = states(registry, "pool");
        names
            .iter()
            .all(|name| states.get(name) == Some(&State::Up))
    };
    let first = wait(&stage.redis, "all are up", PATIENCE, all_up)
        .head
        .expect("a head");

    // The data are kept: the epoch goes on.
    stage.redis.query::<()>(&["SAVE"]);
    stage.redis.kill();
    std::thread::sleep(secs(4.0));
    stage.redis.start_again();
    wait(&stage.redis, "written again", PATIENCE, |registry| {
        all_up(registry) && registry.stale_sec().is_none()
    });
    follower.assert_is_right(&stage.redis);

    // All is lost: everything anew, in a later epoch.
    stage.redis.kill();
    stage.redis.start_again_empty();
    stage.reseed();
    let second = wait(&stage.redis, "written anew", PATIENCE, all_up)
        .head
        .expect("a head");
    assert!(second.epoch > first.epoch, "{second:?} after {first:?}");
    follower.assert_is_right(&stage.redis);
    let failed: Vec<_> = follower.events();
    let failed: Vec<_> = failed
        .iter()
        .filter(|e| e.kind == EventKind::Failed)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");

    // Somebody takes the head away, or sets it back.
    for spoil in [
        &["DEL", "mesh:head"][..],
        &["HSET", "mesh:head", "seq", "0"][..],
    ] {
        let before = read(&stage.redis).and_then(|r| r.head).expect("a head");
        stage.redis.query::<i64>(spoil);
        wait(&stage.redis, "a later epoch", PATIENCE, |registry| {
            all_up(registry) && registry.head.is_some_and(|head| head.epoch > before.epoch)
        });
        follower.assert_is_right(&stage.redis);
    }
}

#[test]
fn a_thousand_join_half_of_them_die_at_once_and_return_and_each_is_told_once() {
    const MANY: usize = 1000;
    // With mesh itself there is one more on the bus.
    const DIE: usize = MANY / 2 + 5;
    let mut stage = Stage::new(&["mesh", "pool"], 0.5, 4.0);
    stage.truth["services"]["pool"]["instances"] = json!({"mode": "free", "min": 1});
    stage.reseed();
    let _mesh = stage.start("mesh");
    let follower = Follower::start(&stage.redis);
    follower.wait_begun();
    stage.redis.wait_subscribed("pool:heartbeat", 1);
    let crowd = Crowd::of("pool", stage.redis.port(), secs(0.5));
    let names: Vec<String> = (0..MANY).map(|n| format!("i{n:03}")).collect();
    names.iter().for_each(|name| crowd.join(name));
    let long = Duration::from_secs(60);
    let up = |n: usize| {
        move |r: &marketswarm::swarm_state::registry::Registry| {
            r.services.get("pool").is_some_and(|c| c.up as usize == n)
        }
    };
    wait(&stage.redis, "all are up", long, up(MANY));
    names.iter().take(DIE).for_each(|name| crowd.die(name));
    wait(&stage.redis, "half of them failed", long, |registry| {
        registry.services["pool"].failed as usize == DIE
    });
    names.iter().for_each(|name| crowd.join(name));
    wait(&stage.redis, "all are back", long, up(MANY));
    follower.assert_is_right(&stage.redis);

    let mut told: BTreeMap<(String, EventKind), usize> = BTreeMap::new();
    let mut doubts = 0;
    for event in follower.events() {
        doubts += usize::from(event.kind == EventKind::Doubt);
        if let Some(instance) = event.instance.filter(|i| i.svc == "pool") {
            *told.entry((instance.inst, event.kind)).or_default() += 1;
        }
    }
    assert_eq!(doubts, 1, "so many at once may be the bus");
    for (nth, name) in names.iter().enumerate() {
        let count = |kind| told.get(&(name.clone(), kind)).copied().unwrap_or(0);
        let fell = usize::from(nth < DIE);
        assert_eq!(count(EventKind::Joined), 1, "{name}");
        assert_eq!(count(EventKind::Failed), fell, "{name}");
        assert_eq!(count(EventKind::Back), fell, "{name}");
    }
}

#[test]
fn too_few_instances_are_told_to_people_and_so_is_their_return() {
    let mut stage = stage(1.5);
    stage.truth["services"]["pool"]["instances"] = json!({"mode": "free", "min": 2});
    stage.reseed();
    let crowd = Crowd::of("pool", stage.redis.port(), secs(0.2));
    ["a", "b", "c"].iter().for_each(|name| crowd.join(name));
    let _mesh = stage.start("mesh");
    wait(&stage.redis, "three are up", PATIENCE, |registry| {
        registry
            .services
            .get("pool")
            .is_some_and(|c| c.up == 3 && c.min == 2)
    });
    crowd.leave("a");
    wait_state(&stage.redis, "pool", "a", State::Left);
    crowd.die("b");
    let low = stage.alerts.wait("instances_low", "pool", PATIENCE);
    let reason = low.json["reason"].as_str().expect("why");
    assert!(reason.contains("1 of the 2"), "{reason}");
    crowd.join("b");
    stage.alerts.wait("instances_ok", "pool", PATIENCE);
    until("both are in the log", PATIENCE, || {
        let log = stage.alert_log();
        let kinds: Vec<&str> = log.iter().filter_map(|a| a["type"].as_str()).collect();
        match kinds.as_slice() {
            ["instances_low", "instances_ok"] => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn several_instances_on_one_channel_are_one_service_to_the_healer() {
    let mut stage = Stage::new(&["pool"], 0.2, 1.5);
    stage.truth["services"]["pool"]["instances"] = json!({"mode": "shared", "parts": 8});
    stage.reseed();
    let crowd = Crowd::of("pool", stage.redis.port(), secs(0.2));
    ["a", "b", "c"].iter().for_each(|name| crowd.join(name));
    let _healer = stage.healer_for("pool");
    stage.wait_health("pool", "up");
    // They take turns on the channel, one leaves, one dies, one comes.
    std::thread::sleep(secs(1.0));
    crowd.leave("a");
    crowd.die("b");
    crowd.join("d");
    std::thread::sleep(secs(2.0));
    assert_eq!(stage.alert_log(), Vec::<Value>::new());
    let health = stage.health("pool");
    assert_eq!(
        (&health["last_i"], &health["restarts"]),
        (&Value::Null, &json!(0))
    );

    crowd.die("c");
    crowd.leave("d");
    let miss = stage.alerts.wait("heartbeat_miss", "pool", PATIENCE);
    assert_eq!(
        miss.json["planned"],
        Value::Null,
        "nobody of several stops all"
    );
    crowd.join("e");
    stage.alerts.wait("heartbeat_ok", "pool", PATIENCE);
}
