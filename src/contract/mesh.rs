//! The registry of instances, as mesh keeps it on the system bus.
//!
//! A reader takes [`HEAD`], [`INSTANCES`] and [`SERVICES`] in one transaction, together with the server's TIME, and follows
//! [`EVENTS`] from the entry `<epoch>-<seq>` of the head on: each event carries the record as it is after it. After a hole
//! in the numbers, or another epoch, he takes all of it anew. A head whose `as_of_ts` is over [`FRESH_SEC`] old is no
//! knowledge of who is there now.

use serde::{Deserialize, Serialize};

use super::{Card, to_json};
use crate::text::{SafeText, safe_string};

/// The lease of the one mesh that writes; its value is the instance id of that one.
pub const LEASE: &str = "mesh:lease";
/// Hash of all instances: `<svc>/<inst>` to [`Instance`].
pub const INSTANCES: &str = "mesh:instances";
/// Hash of all services that have instances: name to [`Counts`].
pub const SERVICES: &str = "mesh:services";
/// Hash: `epoch`, `seq`, `as_of_ts`, `doubting`; see [`Head`].
pub const HEAD: &str = "mesh:head";
/// Stream of what happened: id `<epoch>-<seq>`, field `event`: an [`Event`].
pub const EVENTS: &str = "mesh:events";
/// Channel of the same events.
pub const GOSSIP: &str = "mesh:gossip";
/// Channel on which an operator asks to forget an instance that is gone; the message is `<svc>/<inst>`.
pub const FORGET: &str = "mesh:forget";
/// Hash of how watched streams stand: `<bus>:<key>:<group>` to [`Work`].
pub const WORK: &str = "mesh:work";

/// Entries that the stream of events keeps, about.
pub const EVENTS_MAX: u64 = 10_000;
/// Instances that are kept at most; further ones are not taken in.
pub const INSTANCES_MAX: usize = 100_000;
/// Instances that are gone and still remembered, at most; the oldest are forgotten first.
pub const GONE_MAX: usize = 10_000;
/// Longest instance id.
pub const INST_MAX_BYTES: usize = 64;
/// The instance of beats that name none.
pub const NO_INST: &str = "-";
/// A head that is older is no knowledge.
pub const FRESH_SEC: i64 = 15;

/// `mesh:work:<bus>:<key>:<group>`: the record behind the alerts of one watched stream.
pub fn work_key(bus: &str, key: &str, group: &str) -> String {
    format!("mesh:work:{bus}:{key}:{group}")
}

/// `mesh:low:<svc>`: the record behind `instances_low` of a service.
pub fn low_key(svc: &str) -> String {
    format!("mesh:low:{svc}")
}

/// `<svc>/<inst>`: an instance's field in [`INSTANCES`].
pub fn instance_field(svc: &str, inst: &str) -> String {
    format!("{svc}/{inst}")
}

/// Where an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It beat once.
    Joining,
    /// It beats.
    Up,
    /// Silent for two intervals and a second: for display, nothing follows from it.
    Suspect,
    /// Silent past the timeout of its service.
    Failed,
    /// It said goodbye, or failed and was replaced on its machine.
    Left,
}

impl State {
    /// All, in the order in which they are counted.
    pub const ALL: [State; 5] = [
        State::Joining,
        State::Up,
        State::Suspect,
        State::Failed,
        State::Left,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Joining => "joining",
            State::Up => "up",
            State::Suspect => "suspect",
            State::Failed => "failed",
            State::Left => "left",
        }
    }

    /// Whether it counts as being there.
    pub fn is_live(self) -> bool {
        matches!(self, State::Joining | State::Up | State::Suspect)
    }
}

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Joined,
    Up,
    Suspect,
    Failed,
    /// One that was failed beats again.
    Back,
    Left,
    /// It began anew three times within five timeouts of its service.
    Restarting,
    /// It is no longer kept.
    Forgotten,
    /// So many fell silent together that it may be the bus: they are waited for once more.
    Doubt,
    /// A new epoch: everything was written anew.
    Reset,
}

impl EventKind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Joined => "joined",
            EventKind::Up => "up",
            EventKind::Suspect => "suspect",
            EventKind::Failed => "failed",
            EventKind::Back => "back",
            EventKind::Left => "left",
            EventKind::Restarting => "restarting",
            EventKind::Forgotten => "forgotten",
            EventKind::Doubt => "doubt",
            EventKind::Reset => "reset",
        }
    }
}

/// One instance: a field of [`INSTANCES`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    #[serde(deserialize_with = "safe_string")]
    pub svc: String,
    #[serde(deserialize_with = "safe_string")]
    pub inst: String,
    pub state: State,
    /// `host`, `ver`, `pid`, `addr`, `caps`.
    #[serde(flatten)]
    pub card: Card,
    /// Wall time at which the state began.
    pub since_ts: i64,
    /// Wall time of its last beat, refreshed about once a minute.
    pub last_beat_ts: i64,
    /// Number of its last beat, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_i: Option<u64>,
    /// How often it began anew within five timeouts, where that is three times or more: the process itself, or others
    /// before it on its machine whose place it took.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u32,
    /// The parts of the work that it holds.
    #[serde(default)]
    pub parts: Vec<u32>,
    /// Of the event that made it so.
    pub id: String,
    /// The number of that event in its epoch.
    pub seq: u64,
}

impl Instance {
    /// Its field in [`INSTANCES`].
    pub fn field(&self) -> String {
        instance_field(&self.svc, &self.inst)
    }

    /// The record as its JSON text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// The JSON text up to and including `"seq":`, its last field, whose value the server gives.
    pub fn to_open_json(&self) -> String {
        let unnumbered = Instance {
            seq: 0,
            ..self.clone()
        };
        let mut json = to_json(&unnumbered);
        json.truncate(json.len() - "0}".len());
        json
    }
}

fn is_zero(restarts: &u32) -> bool {
    *restarts == 0
}

/// How many instances of a service are in each state: a field of [`SERVICES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub joining: u32,
    pub up: u32,
    pub suspect: u32,
    pub failed: u32,
    pub left: u32,
    /// As many shall be up; 0: nobody said.
    pub min: u32,
}

impl Counts {
    /// The number in `state`.
    pub fn of(&mut self, state: State) -> &mut u32 {
        match state {
            State::Joining => &mut self.joining,
            State::Up => &mut self.up,
            State::Suspect => &mut self.suspect,
            State::Failed => &mut self.failed,
            State::Left => &mut self.left,
        }
    }

    /// The counts as their JSON text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// Something that happened: the field `event` of an entry of [`EVENTS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// With `seq`: which it is.
    pub epoch: u64,
    pub seq: u64,
    #[serde(rename = "type")]
    pub kind: EventKind,
    pub ts: i64,
    /// The bus in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<SafeText>,
    /// The instance as it is after it; as it was, when it is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
}

impl Event {
    /// The event as its JSON text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// The JSON text behind the number, up to the record of the instance; to its end, when it is about none.
    pub fn to_open_json(&self) -> String {
        let bare = Event {
            epoch: 0,
            seq: 0,
            instance: None,
            ..self.clone()
        };
        let json = to_json(&bare);
        let json = json.strip_prefix(r#"{"epoch":0,"seq":0,"#).unwrap_or(&json);
        match &self.instance {
            None => json.to_owned(),
            Some(_) => format!("{},\"instance\":", json.trim_end_matches('}')),
        }
    }
}

/// What there is to know of the registry as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Numbers count from 1 within an epoch.
    pub epoch: u64,
    /// The number of the last event.
    pub seq: u64,
    /// When it was written, by the server's clock.
    pub as_of_ts: i64,
    /// So many are silent on a bus that it may be the bus.
    pub doubting: bool,
}

impl Head {
    /// Reads the fields of [`HEAD`]; `None` when there is no epoch.
    pub fn read(fields: &[(String, String)]) -> Option<Head> {
        let get = |name: &str| {
            fields
                .iter()
                .find(|(k, _)| k == name)
                .map(|(_, v)| v.as_str())
        };
        Some(Head {
            epoch: get("epoch")?.parse().ok()?,
            seq: get("seq")?.parse().ok()?,
            as_of_ts: get("as_of_ts").and_then(|ts| ts.parse().ok()).unwrap_or(0),
            doubting: get("doubting") == Some("1"),
        })
    }
}

/// How a watched stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkState {
    /// It gets on, or nothing waits.
    Moving,
    /// Something waits, and it was not touched for too long.
    Stalled,
    /// The stream or the group is not there, or the bus does not answer.
    Unknown,
    /// Somebody paused it: it is not judged.
    Paused,
}

impl WorkState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkState::Moving => "moving",
            WorkState::Stalled => "stalled",
            WorkState::Unknown => "unknown",
            WorkState::Paused => "paused",
        }
    }
}

/// One watched stream and group: a field of [`WORK`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    #[serde(deserialize_with = "safe_string")]
    pub bus: String,
    #[serde(deserialize_with = "safe_string")]
    pub key: String,
    #[serde(deserialize_with = "safe_string")]
    pub group: String,
    /// Who does this work.
    #[serde(deserialize_with = "safe_string")]
    pub service: String,
    pub state: WorkState,
    /// Wall time at which the state began.
    pub since_ts: i64,
    /// Entries that were handed out and are not done.
    pub pending: u64,
    /// At least one entry was never handed out.
    pub unread: bool,
    /// Age of the oldest thing that waits, in seconds, by the ids of entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_sec: Option<u64>,
    /// Why, when that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SafeText>,
    pub as_of_ts: i64,
}

impl Work {
    /// The record as its JSON text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

#[cfg(test)]
mod tests;
