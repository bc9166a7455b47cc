//! The wire: every key and channel name, every message, every size limit that another program may meet.
//!
//! Other programs rely on these shapes. Fields may be added; none may change its name, type or meaning.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod beat;
pub mod feeds;
mod name;
mod outbox;
mod oversight;
pub use beat::{Beat, NotABeat};
pub use name::{Name, NotAName, is_name};
pub use outbox::{DEAD_MAX, SILENCES, dead_key, holder_key, outbox_key, silence_key, told_key};
pub use oversight::{
    BUS_HEALTH, BUS_HEALTH_EVERY, BUS_HEALTH_TTL, BusHealth, HEALER_ECHOES, REFUSED_EVERY,
    WritesRefused,
};

/// Key of the truth document on both buses, unless `TRUTH_REDIS_KEY` says otherwise.
pub const TRUTH_KEY: &str = "truth:doc";
/// Key of the last truth document that passed validation (written by the healer, on the system bus).
pub const TRUTH_LAST_GOOD: &str = "truth:last_good";
/// Channel on which a new truth is announced; the payload is the document's digest.
pub const TRUTH_CHANGED: &str = "truth:changed";
/// How often a service asks whether the truth was written, when no word of it comes.
pub const TRUTH_POLL: Duration = Duration::from_secs(10);
/// How often healer and sentinel ask.
pub const WATCHER_TRUTH_POLL: Duration = Duration::from_secs(5);
/// Reading a truth and putting it in force takes no longer, as a rule.
const TRUTH_ADOPTED: Duration = Duration::from_secs(2);
/// After a watcher knows a truth, a service may live by the one before for so long.
pub const SERVICES_LEARN_WITHIN: Duration = TRUTH_POLL.saturating_add(TRUTH_ADOPTED);
/// After a service knows a truth, a watcher may live by the one before for so long.
pub const WATCHERS_LEARN_WITHIN: Duration = WATCHER_TRUTH_POLL.saturating_add(TRUTH_ADOPTED);
/// Channel of all alerts, unless `ALERT_CHANNEL` says otherwise.
pub const ALERT_CHANNEL: &str = "healer:alerts";
/// Stream of all alerts: the history, and through its consumer groups the outbox. Fields: `n`, `alert`.
pub const ALERT_LOG: &str = "healer:alerts:log";
/// Counter behind the field `n` of the stream: a reader that sees a hole in it has missed entries.
pub const ALERT_COUNT: &str = "healer:alerts:n";
/// Sorted set of the ids of the last alerts that no health key shows (`bus_*`, `truth_*`): each is said once.
pub const NOTE_IDS: &str = "healer:alerts:ids";
/// Key of the lease that the one speaking healer holds; its value is the holder's instance id.
pub const HEALER_LEASE: &str = "healer:lease";
/// Name of the bus that carries control: truth, heartbeats, alerts, health.
pub const SYSTEM_BUS: &str = "system-redis";
/// Name of the bus that carries data.
pub const MARKET_BUS: &str = "market-redis";

/// Entries that the alert stream keeps (`XADD … MAXLEN ~`).
pub const ALERT_LOG_MAX: u64 = 100_000;
/// Longest heartbeat payload that is looked at; a longer one is malformed.
pub const BEAT_MAX_BYTES: usize = 16 * 1024;
/// Longest message of any other channel; a longer one is dropped and counted.
pub const MESSAGE_MAX_BYTES: usize = 1024 * 1024;
/// Longest truth document: about a million services.
pub const TRUTH_MAX_BYTES: usize = 256 * 1024 * 1024;
/// Longest service or bus name.
pub const NAME_MAX_BYTES: usize = 64;
/// Longest free text (`reason`, `status`) that a beat may carry into an alert; the rest is cut.
pub const TEXT_MAX_BYTES: usize = 256;

/// `<svc>:heartbeat`, the default channel of a service's beats.
pub fn heartbeat_channel(svc: &str) -> String {
    format!("{svc}:heartbeat")
}

/// `health:<svc>`, the key of a service's latest [`Health`].
pub fn health_key(svc: &str) -> String {
    format!("health:{svc}")
}

/// `healer:echo:<inst>`, the channel on which a watcher hears itself.
pub fn echo_channel(watcher: &str, inst: &str) -> String {
    format!("{watcher}:echo:{inst}")
}

/// `beat:<svc>:i`, the counter behind beats that are sent one at a time from a shell or cron.
pub fn beat_counter_key(svc: &str) -> String {
    format!("beat:{svc}:i")
}

/// What an alert tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    HeartbeatMiss,
    HeartbeatOk,
    HealerMiss,
    HealerOk,
    BusDown,
    BusUp,
    BusUnstable,
    BusReadonly,
    ServiceDegraded,
    ServiceRestored,
    ServiceRestarting,
    DuplicateInstance,
    TruthRejected,
    TruthMissing,
    Flapping,
    Steady,
}

impl AlertKind {
    /// The `type` of the alert on the wire.
    pub fn as_str(self) -> &'static str {
        use AlertKind::*;
        match self {
            HeartbeatMiss => "heartbeat_miss",
            HeartbeatOk => "heartbeat_ok",
            HealerMiss => "healer_miss",
            HealerOk => "healer_ok",
            BusDown => "bus_down",
            BusUp => "bus_up",
            BusUnstable => "bus_unstable",
            BusReadonly => "bus_readonly",
            ServiceDegraded => "service_degraded",
            ServiceRestored => "service_restored",
            ServiceRestarting => "service_restarting",
            DuplicateInstance => "duplicate_instance",
            TruthRejected => "truth_rejected",
            TruthMissing => "truth_missing",
            Flapping => "flapping",
            Steady => "steady",
        }
    }
}

/// One alert, as published on [`ALERT_CHANNEL`] and kept in [`ALERT_LOG`].
///
/// Fields serialise in this order; those that do not apply are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    #[serde(rename = "type")]
    pub kind: AlertKind,
    /// The service it is about; the bus name for `bus_*`; `healer` for `healer_*` and `truth_*`.
    pub svc: String,
    /// Seconds since the last beat, or since the proven subscription when none was ever heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_sec: Option<f64>,
    /// Seconds since the beat that ended the silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_sec: Option<f64>,
    /// The limit that was exceeded, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_sec: Option<f64>,
    /// Wall time of the judgement, whole seconds since the epoch.
    pub ts: i64,
    /// Unique for this alert; `health:<svc>` names the last one. Empty only in alerts of older writers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The number of the last beat that was heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_i: Option<u64>,
    /// Wall time at which the state began that this alert begins or ends (for `*_ok`: of the miss it ends).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ts: Option<i64>,
    /// No beat was ever heard from this service by the healer that speaks.
    #[serde(default, skip_serializing_if = "is_false")]
    pub never_heard: bool,
    /// The service said `stopping` in its last beat.
    #[serde(default, skip_serializing_if = "is_false")]
    pub planned: bool,
    /// Told before, and told again because the record of it was old.
    #[serde(default, skip_serializing_if = "is_false")]
    pub again: bool,
    /// Wall time until which a planned stop was announced to last (`eta` of the stopping beat).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta: Option<i64>,
    /// What went wrong, in words: of `service_degraded`, `truth_rejected`, `bus_*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Times it happened, for `service_restarting`, `flapping` and `steady`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What comes and goes, of `flapping` and `steady`: the type of the alerts that it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<AlertKind>,
    /// The host that speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The bus that the service beats on, when it is not the system bus; the bus meant by `bus_*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
}

impl Alert {
    /// An alert with nothing but its kind, its subject and its date.
    pub fn new(kind: AlertKind, svc: impl Into<String>, ts: i64) -> Alert {
        Alert {
            kind,
            svc: svc.into(),
            late_sec: None,
            age_sec: None,
            timeout_sec: None,
            ts,
            id: String::new(),
            last_i: None,
            since_ts: None,
            never_heard: false,
            planned: false,
            again: false,
            eta: None,
            reason: None,
            count: None,
            of: None,
            host: None,
            bus: None,
        }
    }

    /// The alert as its JSON text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    /// Why it is `degraded` or `unknown`, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
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
            flapping: Vec::new(),
            alert: None,
        }
    }

    /// The snapshot as its JSON text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// Rounds seconds to milliseconds: what the wire carries.
pub fn round_secs(secs: f64) -> f64 {
    (secs * 1000.0).round() / 1000.0
}

/// Cuts `text` to at most `max` bytes at a character boundary.
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let end = (0..=max)
        .rev()
        .find(|&i| text.is_char_boundary(i))
        .unwrap_or(0);
    Cow::Borrowed(&text[..end])
}

fn is_false(b: &bool) -> bool {
    !b
}

fn to_json(value: &impl Serialize) -> String {
    let mut text = Text(Vec::with_capacity(256));
    // These types have string keys and finite numbers only, so serialising cannot fail.
    let _ = serde_json::to_writer(&mut text, value);
    String::from_utf8(text.0).unwrap_or_default()
}

/// JSON comes in pieces of a few bytes. Each would be a call of the C library's copy, which in the static programs
/// takes ten times as long for so few as the loop here.
struct Text(Vec<u8>);

impl io::Write for Text {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() <= 16 {
            piece.iter().for_each(|&byte| self.0.push(byte));
        } else {
            self.0.extend_from_slice(piece);
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(mut alert: Alert, set: impl FnOnce(&mut Alert)) -> String {
        set(&mut alert);
        alert.to_json()
    }

    #[test]
    fn alerts_are_the_contract_byte_for_byte() {
        use AlertKind::*;
        assert_eq!(
            with(Alert::new(HeartbeatMiss, "rss_agg", 1762433458), |a| {
                a.late_sec = Some(31.2);
                a.timeout_sec = Some(30.0);
            }),
            r#"{"type":"heartbeat_miss","svc":"rss_agg","late_sec":31.2,"timeout_sec":30.0,"ts":1762433458}"#
        );
        assert_eq!(
            with(Alert::new(HeartbeatOk, "rss_agg", 1762433561), |a| a
                .age_sec =
                Some(2.7)),
            r#"{"type":"heartbeat_ok","svc":"rss_agg","age_sec":2.7,"ts":1762433561}"#
        );
        assert_eq!(
            with(Alert::new(HealerMiss, "healer", 1762434000), |a| {
                a.late_sec = Some(35.0);
                a.timeout_sec = Some(30.0);
            }),
            r#"{"type":"healer_miss","svc":"healer","late_sec":35.0,"timeout_sec":30.0,"ts":1762434000}"#
        );
        assert_eq!(
            Alert::new(HealerOk, "healer", 1762434100).to_json(),
            r#"{"type":"healer_ok","svc":"healer","ts":1762434100}"#
        );
    }

    #[test]
    fn an_alert_of_another_writer_is_read_with_its_unknown_fields_ignored() {
        let a: Alert = serde_json::from_str(
            r#"{"type":"heartbeat_ok","svc":"x","age_sec":1,"ts":5,"extra":[1]}"#,
        )
        .expect("a contract alert");
        assert_eq!(
            (a.kind, a.svc.as_str(), a.age_sec, a.id.as_str()),
            (AlertKind::HeartbeatOk, "x", Some(1.0), "")
        );
    }

    #[test]
    fn cutting_text_keeps_whole_characters() {
        assert_eq!(cut("häuser", 2), "h");
        assert_eq!(cut("abc", 3), "abc");
    }
}
