//! What each daemon counts of its own work, kept for a moment on the bus of its beats.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Sorted set of `<svc>:<inst>` of those that write, by when they last did (seconds since 1970).
pub const METRICS_INDEX: &str = "metrics:index";
/// How often a daemon writes, with a beat.
pub const METRICS_EVERY: Duration = Duration::from_secs(10);
/// How long what it wrote lives.
pub const METRICS_TTL: Duration = Duration::from_secs(35);
/// Whoever has not written for so long is taken out of the index, in seconds.
pub const METRICS_FORGOTTEN_SEC: i64 = 3600;
/// Bytes of one report at most; samples that find no room are left out.
pub const METRICS_MAX_BYTES: usize = 16 * 1024;
/// Samples of one report at most.
pub const SAMPLES_MAX: usize = 500;
/// Labels of one sample at most.
pub const LABELS_MAX: usize = 4;

/// `<svc>:<inst>`: who writes.
pub fn metrics_member(svc: &str, inst: &str) -> String {
    format!("{svc}:{inst}")
}

/// `metrics:<svc>:<inst>`: the [`Report`] of one instance, as JSON, with an expiry.
pub fn metrics_key(member: &str) -> String {
    format!("metrics:{member}")
}

/// What one instance counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub svc: String,
    pub inst: String,
    /// The version of the program.
    #[serde(default)]
    pub ver: String,
    pub ts: i64,
    pub samples: Vec<Sample>,
}

/// One number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// As in `rss_agg_polls_total`: `a`-`z`, `0`-`9` and `_`, up to 64.
    pub name: String,
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    pub value: f64,
}

/// What becomes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It only grows, until the process ends.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Kind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        }
    }
}
