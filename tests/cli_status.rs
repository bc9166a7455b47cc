//! `marketswarm status` tells how the swarm is, and never shows yesterday's green.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::truth::{seed, truth_of};
use crate::support::{Daemon, PATIENCE, RedisServer, until};

/// A bus with a truth of three services and what a healer would have written there.
struct Swarm {
    redis: RedisServer,
}

impl Swarm {
    fn new() -> Swarm {
        let redis = RedisServer::start();
        seed(&redis, &truth_of(&["mesh", "massive", "healer"], 1.0, 3.0));
        Swarm { redis }
    }

    fn healer_lives(&self) {
        self.redis
            .query::<()>(&["SET", "healer:lease", "i1", "PX", "60000"]);
    }

    fn health(&self, svc: &str, status: &str) {
        let now = now_ts();
        let health = json!({"svc": svc, "status": status, "since_ts": 1, "last_seen_ts": 1, "as_of_ts": now,
            "last_i": 42, "timeout_sec": 3.0, "misses": 1, "restarts": 2, "alert": null});
        let key = format!("health:{svc}");
        self.redis.query::<()>(&["SET", &key, &health.to_string()]);
    }

    fn status(&self, args: &[&str]) -> (i32, String) {
        let mut all = vec!["status"];
        all.extend(args);
        let url = self.redis.url();
        Daemon::run("marketswarm", &all, &[("SYSTEM_REDIS_URL", &url)], PATIENCE)
    }
}

fn now_ts() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// The line of the table about `svc`, in words.
fn line(table: &str, svc: &str) -> Vec<String> {
    let line = table.lines().find(|line| line.starts_with(svc));
    let line = line.unwrap_or_else(|| panic!("no {svc} in\n{table}"));
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn all_up_is_exit_code_0_and_one_down_is_1() {
    let swarm = Swarm::new();
    swarm.healer_lives();
    swarm.health("mesh", "up");
    swarm.health("massive", "up");
    let (code, table) = swarm.status(&[]);
    assert_eq!(code, 0, "{table}");
    assert_eq!(line(&table, "mesh")[1], "up");
    assert_eq!(line(&table, "healer")[1], "up");

    swarm.health("massive", "down");
    let (code, table) = swarm.status(&[]);
    assert_eq!(code, 1);
    assert_eq!(line(&table, "massive")[1], "down");
    assert!(table.contains("no beat for"), "{table}");
}

#[test]
fn when_the_healer_is_silent_everything_is_unknown_and_that_is_said() {
    let swarm = Swarm::new();
    swarm.health("mesh", "up");
    swarm.health("massive", "up");
    let (code, table) = swarm.status(&[]);
    assert_eq!(code, 1);
    assert!(table.contains("the healer is silent"), "{table}");
    for svc in ["mesh", "massive", "healer"] {
        assert_eq!(line(&table, svc)[1..3], ["unknown", "-"], "{table}");
    }
    let (code, text) = swarm.status(&["--json"]);
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 1);
    assert_eq!(status["healer_alive"], false);
    assert_eq!(status["services"][0]["status"], "unknown");
}

#[test]
fn json_holds_the_snapshots() {
    let swarm = Swarm::new();
    swarm.healer_lives();
    swarm.health("mesh", "degraded");
    let (code, text) = swarm.status(&["--json"]);
    assert_eq!(code, 1);
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status["all_up"], false);
    let services = status["services"].as_array().unwrap();
    let one = |svc: &str| services.iter().find(|s| s["svc"] == svc).unwrap();
    let mesh = one("mesh");
    assert_eq!(
        (&mesh["svc"], &mesh["status"]),
        (&json!("mesh"), &json!("degraded"))
    );
    assert_eq!(
        (&mesh["last_i"], &mesh["restarts"]),
        (&json!(42), &json!(2))
    );
    assert_eq!(one("massive")["status"], "unknown", "not judged yet");
}

#[test]
fn a_bus_out_of_reach_is_3_and_a_bus_without_truth_is_2() {
    let redis = RedisServer::start();
    let url = redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let (code, said) = Daemon::run("marketswarm", &["status"], &env, PATIENCE);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("run bootstrap"), "{said}");
    drop(redis);
    for command in ["status", "watch"] {
        let (code, said) = Daemon::run("marketswarm", &[command], &env, PATIENCE);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("cannot be reached"), "{said}");
    }
}

#[test]
fn that_nobody_will_be_told_is_said_while_no_channel_is_at_work() {
    let swarm = Swarm::new();
    let said = "nobody will be told: no channel is configured";
    let is_said = |env: &[(&str, &str)]| {
        let url = swarm.redis.url();
        let mut all = vec![("SYSTEM_REDIS_URL", url.as_str())];
        all.extend(env);
        let (_, table) = Daemon::run("marketswarm", &["status"], &all, PATIENCE);
        table.contains(said)
    };
    let mine = [("WEBHOOK_URL", "http://127.0.0.1:9/hook")];
    // As long as no healer speaks, only this environment is known.
    assert!(is_said(&[]) && !is_said(&mine));

    swarm.healer_lives();
    assert!(is_said(&[]) && is_said(&mine), "the healer has none");
    // What a channel leaves behind that was taken away.
    for group in ["healer:webhook", "sentinel:webhook", "stranger"] {
        let create = [
            "XGROUP",
            "CREATE",
            "healer:alerts:log",
            group,
            "0",
            "MKSTREAM",
        ];
        swarm.redis.query::<()>(&create);
    }
    assert!(is_said(&mine), "a group is nobody");
    let hold = |group: &str| {
        let key = format!("notify:{group}:holder");
        swarm.redis.query::<()>(&["SET", &key, "i1"]);
    };
    hold("sentinel:webhook");
    assert!(is_said(&[]), "the sentinel tells of the healer only");
    hold("healer:webhook");
    assert!(!is_said(&[]));
}

#[test]
fn watch_tells_beats_alerts_and_the_silence_of_the_healer_as_they_come() {
    let swarm = Swarm::new();
    let url = swarm.redis.url();
    let mut watch = Daemon::start_with("marketswarm", &["watch"], &[("SYSTEM_REDIS_URL", &url)]);
    swarm.redis.wait_subscribed("mesh:heartbeat", 1);
    swarm.redis.wait_subscribed("healer:alerts", 1);
    // First news: no healer is there yet.
    let silence = "the healer is silent";
    watch.wait_log(silence, PATIENCE);
    let publish = |channel: &str, text: &str| {
        swarm.redis.query::<i64>(&["PUBLISH", channel, text]);
    };
    publish("mesh:heartbeat", r#"{"svc":"mesh","i":7,"ts":1}"#);
    watch.wait_log("beat mesh 7", PATIENCE);
    publish(
        "healer:alerts",
        r#"{"type":"heartbeat_miss","svc":"mesh","late_sec":3.001,"timeout_sec":3.0,"ts":1762433458}"#,
    );
    watch.wait_log("DOWN mesh: no beat for 3.0 s (limit 3 s)", PATIENCE);
    swarm.healer_lives();
    watch.wait_log("the healer judges", PATIENCE);
    swarm.redis.query::<()>(&["DEL", "healer:lease"]);
    until("it is silent again", PATIENCE, || {
        match watch.log_count(silence) {
            2.. => Ok(()),
            _ => Err(watch.log()),
        }
    });

    // A service that the truth names later is heard as well.
    seed(&swarm.redis, &truth_of(&["mesh", "newcomer"], 1.0, 3.0));
    swarm.redis.wait_subscribed("newcomer:heartbeat", 1);
    publish("newcomer:heartbeat", r#"{"svc":"newcomer","i":1,"ts":1}"#);
    watch.wait_log("beat newcomer 1", PATIENCE);
    watch.stop();
}

#[test]
fn watch_lives_through_a_bus_that_dies_and_comes_back() {
    let mut swarm = Swarm::new();
    let url = swarm.redis.url();
    let mut watch = Daemon::start_with("marketswarm", &["watch"], &[("SYSTEM_REDIS_URL", &url)]);
    swarm.redis.wait_subscribed("mesh:heartbeat", 1);
    swarm.redis.start_again();
    watch.wait_log("the link to system-redis broke", PATIENCE);
    watch.wait_log("the link to system-redis holds again", PATIENCE);
    until("a beat is heard", PATIENCE, || {
        let beat = r#"{"svc":"mesh","i":8,"ts":1}"#;
        swarm
            .redis
            .query::<i64>(&["PUBLISH", "mesh:heartbeat", beat]);
        match watch.log_count("beat mesh 8") {
            0 => Err("not yet".into()),
            n => Ok(n),
        }
    });
    watch.stop();
}

#[test]
fn a_drain_that_stands_for_over_a_day_is_named() {
    let swarm = Swarm::new();
    swarm.healer_lives();
    let (old, new) = (now_ts() - 90_000, now_ts() - 3_600);
    for (field, since) in [("host:node-2", old), ("inst:0123", new)] {
        swarm
            .redis
            .query::<i64>(&["HSET", "mesh:drain", field, &since.to_string()]);
    }
    let (_, table) = swarm.status(&[]);
    assert!(
        table.contains("host:node-2 has been drained for 1 d 1 h"),
        "{table}"
    );
    assert!(!table.contains("0123"), "{table}");
}
