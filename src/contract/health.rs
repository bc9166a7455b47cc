//! The latest snapshot of a service.

use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertKind};
use super::to_json;
use crate::text::{SafeText, safe_option, safe_string};

/// Where a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Up,
    Down,
    Degraded,
    Unknown,
}

impl Status {
    /// The status on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Up => "up",
            Status::Down => "down",
            Status::Degraded => "degraded",
            Status::Unknown => "unknown",
        }
    }
}

/// The latest snapshot of a service, kept at `health:<svc>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Health {
    #[serde(deserialize_with = "safe_string")]
    pub svc: String,
    pub status: Status,
    /// Wall time at which this status began.
    pub since_ts: i64,
    /// Wall time of the last beat that was heard; absent when none ever was.
    pub last_seen_ts: Option<i64>,
    /// Wall time of this snapshot: an old one comes from a healer that is gone.
    pub as_of_ts: i64,
    /// Number of the last beat.
    pub last_i: Option<u64>,
    pub timeout_sec: f64,
    /// Misses told so far.
    pub misses: u64,
    /// Restarts noticed so far.
    pub restarts: u64,
    /// The bus that it beats on, when that is not the system bus.
    #[serde(
        default,
        deserialize_with = "safe_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub bus: Option<String>,
    /// Why it is `degraded` or `unknown`, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SafeText>,
    /// What it says that it is while it is `up`, other than plainly that: `idle`, `standby`, say. It counts as up.
    #[serde(
        default,
        deserialize_with = "safe_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub beat_status: Option<String>,
    /// In which respects it was told to be `flapping` and not yet to be `steady`; usually none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flapping: Vec<Flap>,
    /// The last alert about this service. Stays the last field: a refresh keeps it as it stands.
    pub alert: Option<Alert>,
}

/// One respect in which a service flaps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flap {
    /// The type of the alerts that come again and again.
    pub of: AlertKind,
    /// Wall time of the first of them.
    pub since_ts: i64,
    /// How many there were.
    pub times: u32,
}

impl Health {
    /// A service of which nothing is known.
    pub fn unknown(svc: impl Into<String>) -> Health {
        Health {
            svc: svc.into(),
            status: Status::Unknown,
            since_ts: 0,
            last_seen_ts: None,
            as_of_ts: 0,
            last_i: None,
            timeout_sec: 0.0,
            misses: 0,
            restarts: 0,
            bus: None,
            reason: None,
            beat_status: None,
            flapping: Vec::new(),
            alert: None,
        }
    }

    /// The snapshot as its JSON text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}
