//! A service that comes and goes: `flapping` once, `steady` once, on the channel and in the log, whoever is told.

use std::time::Duration;

use serde_json::Value;

use crate::support::receiver::Receiver;
use crate::support::{Beater, PATIENCE, Stage, until};

/// The timeout. The window of flapping is six of it: the start of another healer and a death must fit in.
const TIMEOUT: f64 = 2.5;
/// Until somebody is told to be steady.
const STEADY_WITHIN: Duration = Duration::from_secs(60);

fn kinds(log: &[Value]) -> Vec<&str> {
    log.iter().filter_map(|a| a["type"].as_str()).collect()
}

/// Down and up again, told each time.
fn swing(stage: &Stage, beats: &Beater) {
    beats.silence("a");
    stage.alerts.wait("heartbeat_miss", "a", PATIENCE);
    beats.resume("a");
    stage.alerts.wait("heartbeat_ok", "a", PATIENCE);
}

#[test]
fn without_a_channel_and_over_kills_flapping_and_steady_are_told_once_each() {
    let stage = Stage::new(&["a"], 0.2, TIMEOUT);
    let beats = stage.beat(&["a"]);
    let mut healer = stage.healer_for("a");
    stage.wait_health("a", "up");
    swing(&stage, &beats);
    swing(&stage, &beats);
    let flapping = stage.alerts.wait("flapping", "a", PATIENCE);
    assert_eq!(flapping.json["of"], "heartbeat_miss");
    assert_eq!(flapping.json["count"], 2);
    assert!(!flapping.json["id"].as_str().unwrap_or_default().is_empty());
    let stored = stage.health("a")["flapping"].clone();
    assert_eq!(stored[0]["of"], "heartbeat_miss", "{stored}");

    for _ in 0..2 {
        healer.kill();
        stage.redis.query::<i64>(&["DEL", "healer:lease"]);
        healer = stage.start("healer");
        healer.wait_log("holds the lease and speaks", PATIENCE);
        swing(&stage, &beats);
    }
    stage.alerts.wait("steady", "a", STEADY_WITHIN);
    let log = stage.whole_log();
    let told = kinds(&log);
    let count = |kind| told.iter().filter(|k| **k == kind).count();
    assert_eq!(
        (count("flapping"), count("steady"), count("heartbeat_miss")),
        (1, 1, 4),
        "{told:?}"
    );
    assert_eq!(told.last(), Some(&"steady"));
    let steady = log.last().unwrap();
    assert_eq!(
        (&steady["of"], &steady["count"]),
        (&"heartbeat_miss".into(), &4.into())
    );
    until("nothing of it is left", PATIENCE, || {
        match stage.health("a")["flapping"].clone() {
            Value::Null => Ok(()),
            left => Err(left.to_string()),
        }
    });
}

#[test]
fn with_two_channels_it_is_in_the_log_once_and_each_tells_it_once() {
    let mut stage = Stage::new(&["a"], 0.2, TIMEOUT);
    stage.truth["services"]["healer"]["notify"] = serde_json::json!([
        {"name": "one", "kind": "webhook", "url_env": "ONE_URL"},
        {"name": "two", "kind": "webhook", "url_env": "TWO_URL"},
    ]);
    stage.reseed();
    let receivers = [Receiver::start(), Receiver::start()];
    let urls = [receivers[0].url(), receivers[1].url()];
    let env = [
        ("ONE_URL", urls[0].as_str()),
        ("TWO_URL", urls[1].as_str()),
        ("RATE_LIMIT_SEC", "0"),
    ];
    let beats = stage.beat(&["a"]);
    let _healer = stage.start_with("healer", &env);
    stage.redis.wait_subscribed("a:heartbeat", 1);
    stage.wait_health("a", "up");
    for _ in 0..5 {
        swing(&stage, &beats);
    }
    for receiver in &receivers {
        receiver.wait_text("STEADY a: up for", STEADY_WITHIN);
        let all = receiver.accepted();
        let starting = |word: &str| all.iter().filter(|t| t.text().starts_with(word)).count();
        assert_eq!((starting("FLAPPING a"), starting("STEADY a")), (1, 1));
        assert!(all.last().unwrap().text().starts_with("STEADY a: up"));
        assert!(all.len() <= 4, "{} messages", all.len());
    }
    let log = stage.whole_log();
    let told = kinds(&log);
    let count = |kind| told.iter().filter(|k| **k == kind).count();
    assert_eq!((count("flapping"), count("steady")), (1, 1), "{told:?}");
}
