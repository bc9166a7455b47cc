//! What the detector wants done and told. The edge turns this into messages, log lines and letters.

use std::time::Duration;

use super::uncertainty::Uncertainty;
use crate::clock::Mono;
use crate::contract::{NotABeat, Status};
use crate::text::SafeText;

/// An echo that is to be published on the watcher's own channel, at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Its number: what is published, and what comes back.
    pub seq: u64,
    /// Over a new connection, because an earlier one did not come back.
    pub fresh: bool,
}

/// One thing about the bus that the edge shall do or tell.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Output {
    /// Drop the link and make a new one: nothing was heard for so long that this one may be half-open.
    Reconnect,
    /// Look the bus up and connect afresh: is it still the same server, in the same role? Answer with
    /// [`server_checked`](super::Detector::server_checked), or drop the link when it is another.
    CheckServer,
    /// Something about the bus as a whole.
    Bus(BusNews),
    /// Payloads that were no beats, at most once a minute per service.
    Malformed {
        svc: Box<str>,
        why: NotABeat,
        count: u64,
    },
}

/// What became of the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum BusNews {
    /// Neither an echo nor any frame came for this long. Deadlines are frozen.
    Down { silent: Duration },
    /// Echoes come back again; it was down this long.
    Up { down: Duration },
    /// Nothing could be judged for this long, though it talks.
    Unstable {
        unjudged: Duration,
        why: Uncertainty,
    },
}

/// A change of one service, with the service as it is after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// What happened.
    pub change: Change,
    /// How the service stands after it.
    pub service: Snapshot,
    /// When it was judged.
    pub at: Mono,
    /// Wall time of the judgement.
    pub ts: i64,
    /// The alert that `health:<svc>` must still name for this one to follow it.
    pub previous: AlertRef,
    /// The number of this one's alert; `None` for a change that only the health key shows.
    pub alert: Option<u32>,
}

/// The last alert about a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AlertRef {
    /// It has none.
    #[default]
    None,
    /// The detector's own, by number.
    Own(u32),
    /// Another writer's, by the id that was found.
    Foreign(Box<str>),
}

/// What changed.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Change {
    /// It was silent past its deadline, and the bus was proven to talk.
    Missed {
        late: Duration,
        never_heard: bool,
        planned: bool,
        /// Of a planned stop: when it meant to be back.
        eta: Option<i64>,
        /// Told before by another healer whose record is old.
        again: bool,
    },
    /// The first beat after a miss; the miss was told at `down_since_ts`.
    Recovered { down_since_ts: i64 },
    /// It says that its work is stuck.
    Degraded { reason: Option<SafeText> },
    /// It says so no more.
    Restored { degraded_since_ts: Option<i64> },
    /// It started `count` times within five timeouts.
    Restarting { count: u32 },
    /// Two instances take turns.
    DuplicateInstance,
    /// The server refuses its channel: nothing can be said about it.
    Unwatched,
    /// Its channel is granted after all.
    Watched,
    /// It comes and goes.
    Flapping(Flapping),
    /// It flapped, and has held still since.
    Steady(Flapping),
}

/// In which respect a service is good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Matter {
    /// Whether it beats.
    Beats,
    /// Whether its work goes on, by its own word.
    Work,
}

/// How a service flaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// In which respect.
    pub matter: Matter,
    /// Wall time at which it first turned bad.
    pub since_ts: i64,
    /// How often it turned bad since.
    pub times: u32,
}

/// A service as the detector sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The service.
    pub svc: Box<str>,
    /// What the health key shows.
    pub status: Status,
    /// Wall time at which the status began.
    pub since_ts: i64,
    /// The last beat, when one was ever heard here.
    pub heard_at: Option<Mono>,
    /// The number of its last beat, when it counts.
    pub last_i: Option<u64>,
    /// Silence after which it is dead.
    pub timeout: Duration,
    /// Deaths so far.
    pub misses: u32,
    /// Restarts so far.
    pub restarts: u32,
    /// Whether the server refuses its channel.
    pub refused: bool,
    /// Why it is degraded, in its own words.
    pub reason: Option<SafeText>,
    /// What it says that it is while it is up, other than plainly that.
    pub word: Option<Box<str>>,
    /// In which respects it flaps; usually none.
    pub flapping: Vec<Flapping>,
}

/// What the store says about a service: how another healer, or this one before its restart, left it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HealthRecord<'a> {
    /// `None`: the store knows nothing.
    pub status: Option<Status>,
    /// When this status began: seconds since the epoch.
    pub since_ts: i64,
    /// The id of its last alert.
    pub alert_id: Option<&'a str>,
    /// The number of its last beat.
    pub last_i: Option<u64>,
    /// Deaths so far.
    pub misses: u32,
    /// Restarts so far.
    pub restarts: u32,
    /// In which respects it was told to flap.
    pub flapping: Vec<Flapping>,
    /// The records are so old that what is still down after its first deadline is told again.
    pub stale: bool,
}

/// A service to be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec<'a> {
    /// The service.
    pub svc: &'a str,
    /// Where it beats.
    pub channel: &'a str,
    /// Silence after which it is dead, in milliseconds.
    pub timeout_ms: u32,
    /// From one beat to the next, in milliseconds.
    pub interval_ms: u32,
}

/// What [`Detector::watch`](super::Detector::watch) came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Watched {
    /// It was watched, on the same channel. Another timeout holds from its next beat on.
    Already,
    /// It is new: its channel is to be subscribed.
    Added,
    /// It was watched on this other channel, unless another service has taken that over: its new one is to be
    /// subscribed, even if it is already, so that it is proven for this service.
    Moved { from: Option<Box<[u8]>> },
}

/// A service that truth names no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The service.
    pub svc: Box<str>,
    /// `None`: another service has taken it over.
    pub channel: Option<Box<[u8]>>,
}
