//! What the healer that speaks says of itself: which buses it can judge, and whether Redis takes what it writes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::to_json;
use crate::text::{SafeText, safe_string};

/// Hash of one [`BusHealth`] per watched bus, as JSON, on the system bus. All of it is written at once.
pub const BUS_HEALTH: &str = "healer:buses";
/// How long the hash lives from its last writing on: what is left of it tells, by the clock of Redis, how old it is.
pub const BUS_HEALTH_TTL: Duration = Duration::from_secs(300);
/// How often it is written when nothing changes.
pub const BUS_HEALTH_EVERY: Duration = Duration::from_secs(10);
/// Hash of what is judged, by bus: `inst,from,to`, in epoch seconds. Written with [`BUS_HEALTH`]; `to` grows as long as
/// the same healer is sure of the bus.
pub const JUDGED: &str = "healer:judged";
/// List of what was judged before: `bus,from,to`, oldest first.
pub const JUDGED_LOG: &str = "healer:judged:log";
/// Entries that the list keeps.
pub const JUDGED_LOG_MAX: usize = 10_000;
/// List of when single services were not judged though their bus was (their channel was refused, or nobody had heard them
/// yet): `svc,from,to`, oldest first.
pub const UNWATCHED_LOG: &str = "healer:unwatched:log";
/// Entries that the list keeps.
pub const UNWATCHED_LOG_MAX: usize = 10_000;
/// A span that was not renewed for so long has ended where it was renewed last.
pub const JUDGED_GAP: Duration = Duration::from_secs(15);
/// The channels on which healers hear themselves.
pub const HEALER_ECHOES: &str = "healer:echo:*";
/// How often a healer says there that its writes are refused.
pub const REFUSED_EVERY: Duration = Duration::from_secs(1);

/// Whether silences on a bus are judged: one field of [`BUS_HEALTH`].
///
/// What `health:<svc>` says of a service on a bus that is not judged is from before, unless it says `down`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BusHealth {
    #[serde(deserialize_with = "safe_string")]
    pub bus: String,
    /// False once nothing could be judged for ten seconds.
    pub judged: bool,
    /// Wall time from which on that is so.
    pub since_ts: i64,
    /// Why nothing can be judged, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SafeText>,
    /// Wall time of this record.
    pub as_of_ts: i64,
    /// Services that are watched there.
    pub services: u64,
    /// How long it takes until each `health:<svc>` has been refreshed once.
    pub refresh_sec: u64,
}

impl BusHealth {
    /// The record as its JSON text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// What a healer says on its echo channel, among its echoes, while Redis takes nothing that it writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritesRefused {
    /// Why, in the words of Redis.
    pub writes_refused: SafeText,
    /// Wall time from which on that is so: what was written is as of then at the latest.
    pub since_ts: i64,
    /// Wall time at which this was said.
    pub as_of_ts: i64,
}

impl WritesRefused {
    /// The words as their JSON text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}
