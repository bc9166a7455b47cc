//! What the healer says of a service besides life and death.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::truth::seed;
use crate::support::watcher::{HEALER, INTERVAL_SEC, TIMEOUT, TIMEOUT_SEC};
use crate::support::{Beater, Daemon, PATIENCE, RedisServer, Stage, secs};

#[test]
fn a_service_that_says_it_is_stuck_is_told_once_and_once_when_it_is_not() {
    let watch = HEALER.at_work();
    let reason = "reader made no progress for 12 s";
    watch
        .beats
        .say("svc-a", json!({"status": "degraded", "reason": reason}));
    let told = watch.alerts().wait("service_degraded", "svc-a", PATIENCE);
    assert!(
        told.text
            .starts_with(r#"{"type":"service_degraded","svc":"svc-a","ts":"#),
        "{}",
        told.text
    );
    assert_eq!(told.json["reason"], reason);
    let health = watch.stage.wait_health("svc-a", "degraded");
    assert_eq!(health["alert"], told.json);
    watch.alerts().assert_nothing_else(TIMEOUT);
    watch.beats.say("svc-a", json!({"status": "idle"}));
    watch.alerts().wait("service_restored", "svc-a", PATIENCE);
    watch.stage.wait_health("svc-a", "up");
    watch.alerts().assert_nothing_else(TIMEOUT);
}

#[test]
fn two_instances_that_take_turns_are_told_as_such_and_are_no_restarts() {
    let watch = HEALER.at_work();
    let other = Beater::start(&watch.stage.redis, &["svc-a"], secs(INTERVAL_SEC));
    watch.alerts().wait("duplicate_instance", "svc-a", PATIENCE);
    watch.alerts().assert_nothing_else(TIMEOUT * 2);
    drop(other);
    assert!(watch.stage.wait_health("svc-a", "up")["restarts"].as_u64() <= Some(1));
}

#[test]
fn a_restart_in_time_is_counted_and_not_told() {
    let watch = HEALER.at_work();
    watch.beats.restart("svc-a");
    watch.beats.wait_beat("svc-a");
    watch.alerts().assert_nothing_else(TIMEOUT * 2);
    watch.beats.silence("svc-a");
    HEALER.wait_miss(watch.alerts());
    let health = watch.stage.wait_health("svc-a", "down");
    assert_eq!(
        (&health["restarts"], &health["misses"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn beats_without_a_count_or_an_instance_are_beats() {
    let watch = HEALER.at_work();
    watch.beats.silence("svc-a");
    HEALER.wait_miss(watch.alerts());
    watch
        .stage
        .redis
        .query::<u64>(&["PUBLISH", "svc-a:heartbeat", r#"{"svc":"svc-a"}"#]);
    HEALER.wait_ok(watch.alerts());
    HEALER.wait_miss(watch.alerts());
    watch.stage.redis.query::<u64>(&[
        "PUBLISH",
        "svc-a:heartbeat",
        r#"  {"i":1, "x":{"svc":"b"}, "ts":1.5, "svc":"svc\u002da"} "#,
    ]);
    HEALER.wait_ok(watch.alerts());
}

#[test]
fn a_channel_that_redis_forbids_is_said_aloud_and_its_service_is_unknown() {
    let stage = Stage::new(&["svc-a", "secret"], INTERVAL_SEC, TIMEOUT_SEC);
    stage.redis.query::<()>(&[
        "ACL",
        "SETUSER",
        "h",
        "on",
        ">pw",
        "~*",
        "+@all",
        "resetchannels",
        "&svc-a:heartbeat",
        "&healer:*",
        "&truth:*",
    ]);
    let url = format!("redis://h:pw@127.0.0.1:{}", stage.redis.port());
    let beats = stage.beat(&["svc-a"]);
    let healer = stage.start_with("healer", &[("SYSTEM_REDIS_URL", &url)]);
    let line = healer.wait_log("forbids channel", PATIENCE);
    assert!(line.contains("secret:heartbeat"), "{line}");
    stage.wait_health("svc-a", "up");
    let health = stage.wait_health("secret", "unknown");
    assert!(
        health["reason"]
            .as_str()
            .unwrap_or_default()
            .contains("ACL"),
        "{health}"
    );
    stage.alerts.assert_nothing_else(TIMEOUT * 3);
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    stage.alerts.assert_nothing_else(TIMEOUT);
}

#[test]
fn three_hundred_deaths_in_one_moment_are_three_hundred_alerts() {
    let names: Vec<String> = (0..300).map(|i| format!("s{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let stage = Stage::new(&names, INTERVAL_SEC, TIMEOUT_SEC);
    let beats = stage.beat(&names);
    let _healer = stage.healer_for("s299");
    for name in &names {
        stage.wait_health(name, "up");
    }
    for name in &names {
        beats.silence(name);
    }
    for name in &names {
        stage.alerts.wait("heartbeat_miss", name, PATIENCE);
    }
    for name in &names {
        beats.resume(name);
    }
    for name in &names {
        stage.alerts.wait("heartbeat_ok", name, PATIENCE);
    }
    stage.alerts.assert_nothing_else(TIMEOUT);
    // Each with its own id, in a log without a hole.
    let log = stage.alert_log();
    let ids: BTreeMap<String, ()> = log.iter().map(|a| (a["id"].to_string(), ())).collect();
    assert_eq!((log.len(), ids.len()), (600, 600));
    assert_eq!(stage.redis.query::<u64>(&["GET", "healer:alerts:n"]), 600);
}

#[test]
fn who_came_back_while_no_healer_watched_is_told_also_among_thousands() {
    const OTHERS: usize = 4000;
    let mut stage = HEALER.stage();
    let services = stage.truth["services"].as_object_mut().unwrap();
    for i in 0..OTHERS {
        let quiet = json!({"heartbeat": {"interval_sec": 600, "timeout_sec": 3600}});
        services.insert(format!("other-{i}"), quiet);
    }
    seed(&stage.redis, &stage.truth);
    let beats = stage.beat(&["svc-a"]);
    let mut healer: Daemon = stage.healer_for("svc-a");
    stage.wait_health("svc-a", "up");
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    stage.wait_health("svc-a", "down");
    healer.kill();
    beats.resume("svc-a");
    beats.wait_beat("svc-a");
    let _next = stage.start("healer");
    HEALER.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(TIMEOUT);
}

#[test]
fn a_death_that_an_old_record_would_hide_is_told_again() {
    let stage = HEALER.stage();
    let old = json!({
        "svc": "svc-a", "status": "down", "since_ts": 1_700_000_000, "last_seen_ts": 1_700_000_000,
        "as_of_ts": 1_700_000_000, "last_i": 5, "timeout_sec": 1.0, "misses": 1, "restarts": 0,
        "alert": {"type": "heartbeat_miss", "svc": "svc-a", "ts": 1_700_000_000, "id": "old-1"},
    });
    stage
        .redis
        .query::<()>(&["SET", "health:svc-a", &old.to_string()]);
    let _healer = stage.healer_for("svc-a");
    let miss = HEALER.wait_miss(&stage.alerts);
    assert_eq!(miss.json["again"], true, "{}", miss.text);
    let beats = stage.beat(&["svc-a"]);
    HEALER.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(TIMEOUT);
    drop(beats);
}

#[test]
fn health_says_of_when_it_is_and_numsub_shows_the_healer() {
    let watch = HEALER.at_work();
    let health = watch.stage.wait_health("svc-a", "up");
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    for field in ["as_of_ts", "since_ts", "last_seen_ts"] {
        let ts = health[field]
            .as_u64()
            .unwrap_or_else(|| panic!("{field} in {health}"));
        assert!(ts.abs_diff(now) < 60, "{field} in {health}");
    }
    assert!(health["alert"].is_null(), "{health}");
    assert_eq!(watch.stage.redis.subscribers("svc-a:heartbeat"), 1);
}

#[test]
fn the_alert_channel_and_the_default_timeout_come_from_the_environment() {
    let redis = RedisServer::start();
    let truth = json!({"services": {"svc-a": {"heartbeat": {"interval_sec": 0.25}}}});
    seed(&redis, &truth);
    let alerts = crate::support::Alerts::on_channel(&redis, "elsewhere");
    let url = redis.url();
    let _healer = Daemon::start(
        "healer",
        &[
            ("REDIS_URL", url.as_str()),
            ("ALERT_CHANNEL", "elsewhere"),
            ("DEFAULT_TIMEOUT_SEC", "1.5"),
        ],
    );
    let miss = alerts.wait("heartbeat_miss", "svc-a", PATIENCE);
    assert_eq!(miss.json["timeout_sec"], 1.5, "{}", miss.text);
}

#[test]
fn a_spoilt_health_key_keeps_nobody_from_being_told() {
    let stage = Stage::new(&["svc-a", "svc-b", "svc-c"], INTERVAL_SEC, TIMEOUT_SEC);
    let beats = stage.beat(&["svc-a", "svc-b", "svc-c"]);
    let _healer = stage.healer_for("svc-a");
    for svc in ["svc-a", "svc-b", "svc-c"] {
        stage.wait_health(svc, "up");
    }
    stage.redis.query::<()>(&["DEL", "health:svc-a"]);
    stage
        .redis
        .query::<u64>(&["LPUSH", "health:svc-a", "no text at all"]);
    stage
        .redis
        .query::<()>(&["SET", "health:svc-b", "{\"alert\":{\"id\":7"]);
    for svc in ["svc-a", "svc-b", "svc-c"] {
        beats.silence(svc);
        stage.alerts.wait("heartbeat_miss", svc, PATIENCE);
        stage.wait_health(svc, "down");
    }
    stage.alerts.assert_nothing_else(TIMEOUT);
    assert_eq!(stage.alert_log().len(), 3);
}
