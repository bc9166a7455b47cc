//! Truth documents for tests.

use serde_json::{Value, json};

use super::RedisServer;

/// A truth whose services all beat every `interval_sec` and may be silent for `timeout_sec`; with a healer that
/// beats as fast.
pub fn truth_of(names: &[&str], interval_sec: f64, timeout_sec: f64) -> Value {
    let mut truth = json!({"services": {
        "healer": {
            "heartbeat": {"channel": "healer:heartbeat", "interval_sec": interval_sec, "redis_url": "redis://system-redis:6379"},
            "threshold": {"heartbeat_cadence": timeout_sec},
        }
    }});
    for name in names.iter().filter(|n| **n != "healer") {
        add_service(&mut truth, name, interval_sec, timeout_sec);
    }
    truth
}

/// Adds one service, or changes it.
pub fn add_service(truth: &mut Value, name: &str, interval_sec: f64, timeout_sec: f64) {
    truth["services"][name]["heartbeat"] = json!({
        "channel": format!("{name}:heartbeat"),
        "interval_sec": interval_sec,
        "redis_url": "redis://system-redis:6379",
        "timeout_sec": timeout_sec,
    });
}

/// Writes a truth as bootstrap would, and announces it.
pub fn seed(redis: &RedisServer, truth: &Value) {
    seed_text(redis, &truth.to_string());
}

/// Writes any text as the truth, and announces it.
pub fn seed_text(redis: &RedisServer, text: &str) {
    redis.query::<()>(&["SET", "truth:doc", text]);
    redis.query::<i64>(&["PUBLISH", "truth:changed", "test"]);
}
