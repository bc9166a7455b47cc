//! A notifier in this process, and a hand on the alert log.

use std::sync::Arc;

use crossbeam_channel::Receiver as Events;
use marketswarm::bus::Address;
use marketswarm::contract::{Alert, AlertKind};
use marketswarm::env::Env;
use marketswarm::notify::{self, Context, Notifier, Role};
use marketswarm::service::Notice;
use marketswarm::truth::{Defaults, Rules, Truth};

use super::{PATIENCE, RedisServer, until};

/// Starts the notifier of `role` with this environment; the truth is `{"services": services}`.
pub fn notifier_of(
    role: Role,
    redis: &RedisServer,
    services: &serde_json::Value,
    env: &[(&str, &str)],
) -> (Notifier, Events<Notice>) {
    let doc = serde_json::json!({"services": services}).to_string();
    let rules = Rules::strict(Defaults::default(), marketswarm::sections::SCHEMAS);
    let truth = Truth::parse(doc.as_bytes(), rules).unwrap_or_else(|e| panic!("{e}"));
    let (sender, events) = crossbeam_channel::bounded(64);
    let context = Context {
        env: Env::from_pairs(env.iter().copied()),
        truth: Arc::new(truth),
        knows_services: true,
        bus: Address::parse(&redis.url(), "test").unwrap(),
        inst: format!("{:08x}", fastrand::u32(..)),
        host: "testhost".into(),
        metrics: marketswarm::service::metrics::Metrics::default(),
        relay: notify::Relay::default(),
    };
    let notifier = notify::start(role, context, sender).unwrap_or_else(|e| panic!("{e}"));
    (notifier, events)
}

/// The healer's notifier with a few services.
pub fn notifier(redis: &RedisServer, env: &[(&str, &str)]) -> Notifier {
    let names = ["rss_agg", "massive", "mesh", "a", "b"];
    let beat = |name: &&str| {
        (
            name.to_string(),
            serde_json::json!({"heartbeat": {"interval_sec": 10}}),
        )
    };
    let services: serde_json::Map<_, _> = names.iter().map(beat).collect();
    notifier_of(Role::Healer, redis, &services.into(), env).0
}

/// Writes an alert into the log as the healer does, and gives its id.
pub fn log_alert(redis: &RedisServer, alert: &Alert) -> String {
    let n: u64 = redis.query(&["INCR", "healer:alerts:n"]);
    let mut alert = alert.clone();
    if alert.id.is_empty() {
        alert.id = format!("t-{n}");
    }
    let json = alert.to_json();
    redis.query::<String>(&[
        "XADD",
        "healer:alerts:log",
        "*",
        "n",
        &n.to_string(),
        "alert",
        &json,
    ]);
    alert.id
}

/// Waits until the silences were looked up this often from now on: by each channel once a second.
#[track_caller]
pub fn wait_silences_read(redis: &RedisServer, times: u64) {
    let reads = || {
        let stats: String = redis.query(&["INFO", "commandstats"]);
        let line = stats.lines().find(|l| l.starts_with("cmdstat_smembers:"));
        let calls = line.and_then(|l| l.split(['=', ',']).nth(1)?.parse().ok());
        calls.unwrap_or(0_u64)
    };
    let enough = reads() + times;
    until("a look at the silences", PATIENCE, || match reads() {
        n if n >= enough => Ok(()),
        n => Err(format!("{n} of {enough}")),
    });
}

/// A miss of `svc`, just judged.
pub fn miss(svc: &str) -> Alert {
    let mut alert = Alert::new(
        AlertKind::HeartbeatMiss,
        svc,
        marketswarm::clock::wall_secs(),
    );
    (alert.late_sec, alert.timeout_sec) = (Some(31.2), Some(30.0));
    alert
}

/// Its end.
pub fn ok(svc: &str) -> Alert {
    let mut alert = Alert::new(AlertKind::HeartbeatOk, svc, marketswarm::clock::wall_secs());
    alert.age_sec = Some(0.1);
    alert
}
