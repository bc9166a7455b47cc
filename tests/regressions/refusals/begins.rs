//! That writes are refused is said when it begins, with the reason, and that it is over is said as well.

use crate::support::receiver::Receiver;
use crate::support::watcher::{HEALER, TIMEOUT};
use crate::support::{Daemon, PATIENCE, RedisServer, Stage, until};

/// A healer at work whose people listen.
struct Scene {
    healer: Daemon,
    people: Receiver,
    beats: crate::support::Beater,
    stage: Stage,
}

fn scene(redis: RedisServer) -> Scene {
    let stage = HEALER.stage_on(redis);
    let people = Receiver::start();
    let beats = stage.beat(&["svc-a"]);
    let healer = stage.start_with("healer", &[("WEBHOOK_URL", &people.url())]);
    healer.wait_log("channel webhook", PATIENCE);
    stage.wait_health("svc-a", "up");
    Scene {
        healer,
        people,
        beats,
        stage,
    }
}

/// Nobody dies, and the refusal is told all the same; then a death is, and the end.
fn refuse(
    scene: &Scene,
    refuse: impl FnOnce(&RedisServer),
    allow: impl FnOnce(&RedisServer),
    why: &str,
) {
    let Scene { stage, people, .. } = scene;
    refuse(&stage.redis);
    let told = stage.alerts.wait("bus_readonly", "system-redis", PATIENCE);
    assert!(
        told.json["reason"].as_str().unwrap().contains(why),
        "{}",
        told.text
    );
    people.wait_text("BUS REFUSES WRITES", PATIENCE);
    assert!(
        scene.healer.log_count("writes are refused") == 1,
        "{}",
        scene.healer.log()
    );
    scene.beats.silence("svc-a");
    let miss = HEALER.wait_miss(&stage.alerts);
    people.wait_text("DOWN svc-a", PATIENCE);
    allow(&stage.redis);
    scene.healer.wait_log("Redis takes writes again", PATIENCE);
    people.wait_text("TAKES WRITES AGAIN", PATIENCE);
    let log = stage.alert_log();
    let ids = |id: &serde_json::Value| log.iter().filter(|a| a["id"] == *id).count();
    assert_eq!(
        (ids(&told.json["id"]), ids(&miss.json["id"])),
        (1, 1),
        "{log:?}"
    );
    scene.beats.resume("svc-a");
    HEALER.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(TIMEOUT);
    assert_eq!(stage.alerts.count("bus_readonly", "system-redis"), 1);
}

#[test]
fn out_of_memory_is_said_when_it_begins() {
    refuse(
        &scene(RedisServer::start()),
        |redis| redis.config_set("maxmemory", "1"),
        |redis| redis.config_set("maxmemory", "0"),
        "out of memory",
    );
}

#[test]
fn a_read_only_replica_is_said_when_it_begins() {
    let nobody = RedisServer::prepare(&[]).port().to_string();
    refuse(
        &scene(RedisServer::start()),
        |redis| redis.query(&["REPLICAOF", "127.0.0.1", &nobody]),
        |redis| redis.query(&["REPLICAOF", "NO", "ONE"]),
        "read-only",
    );
}

#[test]
fn a_failed_save_is_said_when_it_begins() {
    let redis = RedisServer::start_with(&["--appendonly", "no"]);
    redis.spoil_saves();
    refuse(
        &scene(redis),
        |redis| redis.config_set("save", "1 1"),
        |redis| redis.config_set("stop-writes-on-bgsave-error", "no"),
        "cannot save",
    );
}

#[test]
fn a_lease_that_somebody_made_something_else_of_is_said_with_the_remedy() {
    refuse(
        &scene(RedisServer::start()),
        |redis| {
            redis.query::<i64>(&["DEL", "healer:lease"]);
            redis.query::<i64>(&["SADD", "healer:lease", "x"]);
        },
        |redis| redis.query(&["DEL", "healer:lease"]),
        "DEL healer:lease",
    );
}

/// A healer that starts while nothing can be written tells deaths, and what it could not write.
#[test]
fn a_healer_that_starts_while_writes_are_refused_is_not_mute() {
    let redis = RedisServer::start_with(&["--appendonly", "no"]);
    redis.spoil_saves();
    let stage = HEALER.stage_on(redis);
    stage.redis.config_set("save", "1 1");
    until("a refused write", PATIENCE, || {
        match stage.redis.try_query::<()>(&["SET", "x", "y"]) {
            Err(_) => Ok(()),
            Ok(()) => Err("it was taken".into()),
        }
    });
    let people = Receiver::start();
    let beats = stage.beat(&["svc-a"]);
    beats.wait_beat("svc-a");
    let mut healer = stage.start_with("healer", &[("WEBHOOK_URL", &people.url())]);
    stage.alerts.wait("bus_readonly", "system-redis", PATIENCE);
    people.wait_text("BUS REFUSES WRITES", PATIENCE);
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    people.wait_text("DOWN svc-a", PATIENCE);
    stage.redis.config_set("stop-writes-on-bgsave-error", "no");
    stage.wait_health("svc-a", "down");
    healer.wait_log("Redis takes writes again", PATIENCE);
    beats.resume("svc-a");
    HEALER.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(TIMEOUT);
    assert!(healer.is_alive());
}

/// A connection for writing that is refused while the others stand.
#[test]
fn a_password_that_changed_keeps_nobody_from_being_told() {
    let mut stage = Stage::new(&["svc-a", "svc-b", "svc-c"], 0.25, 1.0);
    let people = Receiver::start();
    let beats = stage.beat(&["svc-a", "svc-b", "svc-c"]);
    beats.wait_beat("svc-c");
    let healer = stage.start_with("healer", &[("WEBHOOK_URL", &people.url())]);
    for svc in ["svc-a", "svc-b", "svc-c"] {
        stage.wait_health(svc, "up");
    }
    healer.wait_log("channel webhook", PATIENCE);
    stage.redis.change_password("s3cret");
    let list: String = stage.redis.query(&["CLIENT", "LIST"]);
    let line = list
        .lines()
        .find(|l| l.contains("name=healer:tell"))
        .unwrap();
    let id = line.split(' ').find_map(|f| f.strip_prefix("id=")).unwrap();
    stage.redis.query::<i64>(&["CLIENT", "KILL", "ID", id]);
    people.wait_text("BUS REFUSES WRITES", PATIENCE);
    beats.silence("svc-a");
    people.wait_text("DOWN svc-a", PATIENCE);
}
