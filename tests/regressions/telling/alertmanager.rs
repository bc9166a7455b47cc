//! Alertmanager was left with alerts that nobody would ever end, and forgot those that went on.

use std::sync::Arc;

use marketswarm::bus::Address;
use marketswarm::contract::{Alert, AlertKind};
use marketswarm::notify::{Notifier, Role};
use marketswarm::truth::{Defaults, Truth};
use serde_json::{Value, json};

use crate::support::notifier::{log_alert, miss, notifier_of};
use crate::support::receiver::{Receiver, Taken};
use crate::support::{PATIENCE, RedisServer, secs};

fn services(names: &[&str]) -> Value {
    let beat = |name: &&str| {
        let heartbeat = json!({"heartbeat": {"interval_sec": 10}});
        (name.to_string(), heartbeat)
    };
    let services: serde_json::Map<_, _> = names.iter().map(beat).collect();
    services.into()
}

fn alertmanager(redis: &RedisServer, receiver: &Receiver) -> Notifier {
    let url = format!("{}/api/v2/alerts", receiver.url());
    notifier_of(
        Role::Healer,
        redis,
        &services(&["a", "b"]),
        &[("WEBHOOK_URL", &url)],
    )
    .0
}

/// The alert about `svc` in a post.
fn about(taken: &Taken, svc: &str) -> Option<Value> {
    let list: Value = serde_json::from_str(&taken.body).ok()?;
    let mut alerts = list.as_array()?.iter();
    alerts.find(|a| a["labels"]["svc"] == svc).cloned()
}

/// The length of what it fires for, in seconds from now.
fn fires_for(alert: &Value) -> i64 {
    let at = alert["endsAt"].as_str().expect("an end");
    let ends: jiff::Timestamp = at.parse().expect("a time");
    ends.as_second() - marketswarm::clock::wall_secs()
}

#[test]
fn a_service_that_truth_drops_fires_no_more() {
    let (redis, receiver) = (RedisServer::start(), Receiver::start());
    let mut notifier = alertmanager(&redis, &receiver);
    log_alert(&redis, &miss("a"));
    let told = receiver.wait_for("a fires", PATIENCE, |t| about(t, "a").is_some());
    let begun = about(&told, "a").unwrap();
    assert!(fires_for(&begun) > 24 * 3600, "{begun}");
    let doc = json!({"services": services(&["b"])}).to_string();
    let truth = Truth::parse(doc.as_bytes(), Defaults::default()).unwrap_or_else(|e| panic!("{e}"));
    let bus = Address::parse(&redis.url(), "test").unwrap();
    notifier.set_truth(&Arc::new(truth), &bus);
    let gone = receiver.wait_for("a is over", PATIENCE, |t| {
        about(t, "a").is_some_and(|a| fires_for(&a) <= 1)
    });
    let gone = about(&gone, "a").unwrap();
    assert_eq!(
        (&gone["labels"], &gone["startsAt"]),
        (&begun["labels"], &begun["startsAt"])
    );
}

#[test]
fn what_has_no_end_fires_for_minutes_and_not_for_a_week() {
    let (redis, receiver) = (RedisServer::start(), Receiver::start());
    let _notifier = alertmanager(&redis, &receiver);
    let now = marketswarm::clock::wall_secs();
    log_alert(&redis, &Alert::new(AlertKind::TruthRejected, "healer", now));
    let told = receiver.wait_for("it", PATIENCE, |t| about(t, "healer").is_some());
    let fires = fires_for(&about(&told, "healer").unwrap());
    assert!((60..3600).contains(&fires), "{fires}");
}

#[test]
fn what_fires_is_posted_again_every_minute() {
    let (redis, receiver) = (RedisServer::start(), Receiver::start());
    let _notifier = alertmanager(&redis, &receiver);
    log_alert(&redis, &miss("a"));
    let of_a = |t: &Taken| about(t, "a").is_some();
    receiver.wait_for("a fires", PATIENCE, of_a);
    // A receiver that starts anew now has lost it.
    let posts = || receiver.all().iter().filter(|t| of_a(t)).count();
    let end = std::time::Instant::now() + secs(75.0) + PATIENCE;
    while posts() < 2 {
        assert!(std::time::Instant::now() < end, "{} posts", posts());
        std::thread::sleep(secs(0.2));
    }
    let last = receiver.all().into_iter().rfind(|t| of_a(t)).unwrap();
    assert!(fires_for(&about(&last, "a").unwrap()) > 24 * 3600);
}
