//! The wire: every key and channel name, every message, every size limit that another program may meet.
//!
//! Other programs rely on these shapes. Fields may be added; none may change its name, type or meaning.

use std::io;
use std::time::Duration;

use serde::Serialize;

mod alert;
pub mod analysis;
pub mod asks;
mod beat;
mod card;
pub mod feeds;
mod health;
mod history;
pub mod lease;
pub mod market;
pub mod mesh;
pub mod metrics;
mod name;
mod outbox;
mod oversight;
mod plain_beat;
mod silence;

pub use alert::{Alert, AlertKind};
pub use beat::{Beat, NotABeat, STATUS_WORD_MAX_BYTES, status_word};
pub use card::Card;
pub use health::{Flap, Health, Status};
pub use history::{
    HISTORY_CURSOR, HISTORY_HOLES, HISTORY_HOLES_MAX, HISTORY_OPEN, HISTORY_WATCHED,
    history_days_key, history_key,
};
pub use name::{Name, NotAName, is_name};
pub use outbox::{
    DEAD_MAX, SILENCES, SILENCES_LOG, SILENCES_LOG_MAX, dead_key, holder_key, outbox_key,
    silence_key, told_key,
};
pub use oversight::{
    BUS_HEALTH, BUS_HEALTH_EVERY, BUS_HEALTH_TTL, BusHealth, HEALER_ECHOES, JUDGED, JUDGED_GAP,
    JUDGED_LOG, JUDGED_LOG_MAX, REFUSED_EVERY, UNWATCHED_LOG, UNWATCHED_LOG_MAX, WritesRefused,
};
pub use plain_beat::PlainBeat;
pub use silence::Silence;

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

/// Rounds seconds to milliseconds: what the wire carries.
pub fn round_secs(secs: f64) -> f64 {
    (secs * 1000.0).round() / 1000.0
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
