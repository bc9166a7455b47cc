//! The usual set-up: one bus with a truth on it, and an ear on its alerts.

use std::time::Duration;

use serde_json::Value;

use super::truth::{seed, truth_of};
use super::{Alerts, Beater, Daemon, PATIENCE, RedisServer, until};

/// A bus with a truth, on which daemons can be started.
pub struct Stage {
    // Fields are dropped in this order: the ear before the server.
    pub alerts: Alerts,
    pub truth: Value,
    pub redis: RedisServer,
    interval: Duration,
}

impl Stage {
    /// A bus whose truth names these services; they beat every `interval_sec` and may be silent for `timeout_sec`.
    pub fn new(names: &[&str], interval_sec: f64, timeout_sec: f64) -> Stage {
        Stage::on(RedisServer::start(), names, interval_sec, timeout_sec)
    }

    /// As [`new`](Stage::new), on a server of the caller's making.
    pub fn on(redis: RedisServer, names: &[&str], interval_sec: f64, timeout_sec: f64) -> Stage {
        let truth = truth_of(names, interval_sec, timeout_sec);
        seed(&redis, &truth);
        Stage {
            alerts: Alerts::on(&redis),
            truth,
            redis,
            interval: Duration::from_secs_f64(interval_sec),
        }
    }

    /// Writes the truth again, after a change to it.
    pub fn reseed(&self) {
        seed(&self.redis, &self.truth);
    }

    /// Beats for these services as often as the truth says.
    pub fn beat(&self, names: &[&str]) -> Beater {
        let beater = Beater::start(&self.redis, names, self.interval);
        self.alerts.judge_by(beater.record());
        beater
    }

    /// Starts a daemon on this bus.
    pub fn start(&self, name: &str) -> Daemon {
        self.start_with(name, &[])
    }

    /// Starts a daemon on this bus with further variables; those given here win.
    pub fn start_with(&self, name: &str, env: &[(&str, &str)]) -> Daemon {
        let url = self.redis.url();
        let mut all = vec![("SYSTEM_REDIS_URL", url.as_str()), ("LOG_LEVEL", "debug")];
        all.retain(|(name, _)| env.iter().all(|(given, _)| given != name));
        all.extend(env);
        Daemon::start(name, &all)
    }

    /// Starts the only healer and waits until it listens to `svc`.
    pub fn healer_for(&self, svc: &str) -> Daemon {
        let healer = self.start("healer");
        self.redis.wait_subscribed(&format!("{svc}:heartbeat"), 1);
        healer
    }

    /// Starts the bus again, with its data; the ear listens when this returns.
    pub fn restart_bus(&mut self) {
        self.redis.start_again();
        self.redis.wait_subscribed("healer:alerts", 1);
    }

    /// Starts the bus again, without any data; the ear listens when this returns.
    pub fn restart_bus_empty(&mut self) {
        self.redis.start_again_empty();
        self.redis.wait_subscribed("healer:alerts", 1);
    }

    /// The latest `health:<svc>`; null when there is none.
    pub fn health(&self, svc: &str) -> Value {
        self.redis
            .try_query::<Option<String>>(&["GET", &format!("health:{svc}")])
            .ok()
            .flatten()
            .map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    /// Waits until `health:<svc>` has this status, and gives it.
    #[track_caller]
    pub fn wait_health(&self, svc: &str, status: &str) -> Value {
        until(&format!("health of {svc} {status}"), PATIENCE, || {
            let health = self.health(svc);
            if health["status"] == status {
                Ok(health)
            } else {
                Err(health.to_string())
            }
        })
    }

    /// Every alert in the log, oldest first, but for `flapping` and `steady`, which follow from the others,
    /// and for deaths for which the beater itself was the reason.
    pub fn alert_log(&self) -> Vec<Value> {
        let mut log = self.whole_log();
        let aside = self.alerts.set_aside();
        log.retain(|a| a["type"] != "flapping" && a["type"] != "steady");
        log.retain(|a| !aside.contains(&a["id"]));
        log
    }

    /// Waits until the log has an alert of this type. After a restart of the bus, the ear on the channel may be back
    /// later than whoever speaks there.
    #[track_caller]
    pub fn wait_logged(&self, kind: &str) {
        until(&format!("{kind} in the log"), PATIENCE, || {
            let log = self.alert_log();
            match log.iter().any(|a| a["type"] == kind) {
                true => Ok(()),
                false => Err(format!("{log:?}")),
            }
        });
    }

    /// Every alert in the log, oldest first.
    pub fn whole_log(&self) -> Vec<Value> {
        let entries: redis::streams::StreamRangeReply =
            self.redis.query(&["XRANGE", "healer:alerts:log", "-", "+"]);
        entries
            .ids
            .iter()
            .map(|entry| serde_json::from_str(&entry.get::<String>("alert").unwrap()).unwrap())
            .collect()
    }
}
