//! The two watchers, so that a promise that both keep is written down once.

use std::time::{Duration, Instant};

use super::alerts::Heard;
use super::{Alerts, Beater, Daemon, PATIENCE, RedisServer, Stage};

/// A program that watches, and somebody whom it watches.
#[derive(Clone, Copy, Debug)]
pub struct Watcher {
    /// The program.
    pub program: &'static str,
    /// Whom it watches.
    pub subject: &'static str,
    /// What it calls a death.
    pub miss: &'static str,
    /// What it calls the end of one.
    pub ok: &'static str,
}

pub const HEALER: Watcher = Watcher {
    program: "healer",
    subject: "svc-a",
    miss: "heartbeat_miss",
    ok: "heartbeat_ok",
};

pub const SENTINEL: Watcher = Watcher {
    program: "sentinel",
    subject: "healer",
    miss: "healer_miss",
    ok: "healer_ok",
};

/// Between two beats of the subject, in seconds.
pub const INTERVAL_SEC: f64 = 0.25;
/// How long the subject may be silent, in seconds.
pub const TIMEOUT_SEC: f64 = 1.0;
pub const TIMEOUT: Duration = Duration::from_secs(1);
/// What a watcher that could not hear for a while waits for those it watches: interval + 3 s, or the timeout.
pub const DOUBT: Duration = Duration::from_millis(3250);

/// Declares each promise as a test at the healer and a test at the sentinel.
#[macro_export]
macro_rules! at_both {
    ($($name:ident),* $(,)?) => {
        mod at_the_healer {
            use $crate::support::watcher::HEALER;
            $(#[test] fn $name() { super::$name(HEALER); })*
        }
        mod at_the_sentinel {
            use $crate::support::watcher::SENTINEL;
            $(#[test] fn $name() { super::$name(SENTINEL); })*
        }
    };
}

/// A watcher at work, and its subject alive.
pub struct Watch {
    // Fields are dropped in this order: processes before the server.
    pub beats: Beater,
    pub daemon: Daemon,
    pub stage: Stage,
    pub who: Watcher,
}

impl Watcher {
    /// A stage with the subject in its truth, and nobody on it yet.
    pub fn stage(self) -> Stage {
        self.stage_on(RedisServer::start())
    }

    /// As [`stage`](Watcher::stage), on a server of the caller's making.
    pub fn stage_on(self, redis: RedisServer) -> Stage {
        Stage::on(redis, &[self.subject], INTERVAL_SEC, TIMEOUT_SEC)
    }

    /// A watcher at work on a stage of its own.
    pub fn at_work(self) -> Watch {
        self.at_work_on(self.stage(), &[])
    }

    /// A watcher at work on this stage, with further variables.
    pub fn at_work_on(self, stage: Stage, env: &[(&str, &str)]) -> Watch {
        // It beats first: whoever watches owes it only the timeout, and starting a thread may take longer.
        let beats = stage.beat(&[self.subject]);
        beats.wait_beat(self.subject);
        let watch = Watch {
            beats,
            daemon: stage.start_with(self.program, env),
            stage,
            who: self,
        };
        watch.stage.wait_health(self.subject, "up");
        watch
    }

    /// Waits for the news that the subject is dead.
    #[track_caller]
    pub fn wait_miss(self, alerts: &Alerts) -> Heard {
        alerts.wait(self.miss, self.subject, PATIENCE)
    }

    /// Waits for the news that the subject lives again.
    #[track_caller]
    pub fn wait_ok(self, alerts: &Alerts) -> Heard {
        alerts.wait(self.ok, self.subject, PATIENCE)
    }

    /// Whether an alert is a death, or the end of one.
    pub fn is_verdict(self, alert: &Heard) -> bool {
        alert.kind() == self.miss || alert.kind() == self.ok
    }
}

impl Watch {
    /// The ear on the alerts.
    pub fn alerts(&self) -> &Alerts {
        &self.stage.alerts
    }

    /// Nobody may be told dead for as long as a false death could take to be told.
    #[track_caller]
    pub fn assert_nobody_is_told_dead(&self) {
        let window = DOUBT + TIMEOUT + Duration::from_secs(1);
        self.alerts()
            .assert_none(window, |a| self.who.is_verdict(a));
    }

    /// The subject dies: that is told, once, and so is its return. The watcher is as good as new.
    #[track_caller]
    pub fn assert_still_judges(&self) {
        let last = self.beats.silence(self.who.subject);
        let miss = self.who.wait_miss(self.alerts());
        let silent = miss.at.duration_since(last);
        // The moment of a beat is taken before it is sent.
        assert!(silent >= TIMEOUT, "told after {silent:?}: {}", miss.text);
        let back = Instant::now();
        self.beats.resume(self.who.subject);
        let ok = self.who.wait_ok(self.alerts());
        assert!(ok.at > back, "told before it was back: {}", ok.text);
        self.alerts()
            .assert_none(TIMEOUT, |a| self.who.is_verdict(a));
        self.stage.wait_health(self.who.subject, "up");
    }
}
