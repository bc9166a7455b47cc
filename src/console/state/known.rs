//! What is known of a service, in little room. Pure.

use crate::contract::{Alert, Health, Status};
use crate::text::SafeText;

/// A planned stop that does not say how long it lasts is planned for so long, in seconds.
const PLANNED_SEC: i64 = 24 * 3600;

/// What is used of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub status: Status,
    pub since_ts: i64,
    pub last_seen_ts: Option<i64>,
    pub as_of_ts: i64,
    pub misses: u64,
    pub restarts: u64,
    bus: Option<Box<str>>,
    reason: Option<SafeText>,
    says: Option<Box<str>>,
    /// Until when it said that it would be down.
    announced_until: Option<i64>,
}

impl Known {
    /// By its snapshot.
    pub fn of(health: Health) -> Known {
        let announced_until = health.alert.as_ref().and_then(announced_until);
        Known {
            status: health.status,
            since_ts: health.since_ts,
            last_seen_ts: health.last_seen_ts,
            as_of_ts: health.as_of_ts,
            misses: health.misses,
            restarts: health.restarts,
            bus: health.bus.map(String::into_boxed_str),
            reason: health.reason,
            says: health.beat_status.map(String::into_boxed_str),
            announced_until,
        }
    }

    /// The snapshot, as far as it is known.
    pub fn health(&self, svc: &str) -> Health {
        Health {
            status: self.status,
            since_ts: self.since_ts,
            last_seen_ts: self.last_seen_ts,
            as_of_ts: self.as_of_ts,
            misses: self.misses,
            restarts: self.restarts,
            bus: self.bus.as_deref().map(str::to_owned),
            reason: self.reason.clone(),
            beat_status: self.says.as_deref().map(str::to_owned),
            ..Health::unknown(svc)
        }
    }

    /// Since when the healer says that it does not know, if it does say so.
    pub fn unknown_since(&self) -> Option<i64> {
        (self.status == Status::Unknown && self.since_ts > 0).then_some(self.since_ts)
    }

    /// Whether it is down because it said that it would be.
    pub fn is_announced(&self, now_ts: i64) -> bool {
        self.announced_until.is_some_and(|until| now_ts < until)
    }
}

fn announced_until(alert: &Alert) -> Option<i64> {
    let began = alert.began_ms().div_euclid(1000);
    alert
        .planned
        .then(|| alert.eta.unwrap_or(began + PLANNED_SEC))
}
