//! Who judges, what can be judged, and what follows from it for each service. Pure.
//!
//! A snapshot at `health:<svc>` says what was so when it was written. Whether that still holds is not in it: the healer
//! may be gone, the bus of the service may be out of its sight, Redis may take no writes. So every snapshot is read
//! together with what is said here, and what nobody can vouch for is `unknown`, with the reason. A death that was told
//! stays `down`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::contract::{BusHealth, Health, SYSTEM_BUS, Status, WritesRefused};
use crate::text::SafeText;
use crate::truth::{HEALER, Service};

/// A snapshot that is older says nothing, where a turn of refreshing takes a minute.
const OLD_AFTER_SEC: i64 = 150;

/// Said when nobody judges.
const SILENT: &str = "the healer is silent: nothing is judged, all states are unknown";
const MUTE: &str =
    "no healer holds the lease: one is there, but it does not speak; all states are unknown";

/// Where a service stands, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Up,
    Down,
    Degraded,
    /// Nobody who could know says anything.
    Unknown,
    /// Not watched: switched off, or without a heartbeat.
    Off,
}

impl State {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Up => "up",
            State::Down => "down",
            State::Degraded => "degraded",
            State::Unknown => "unknown",
            State::Off => "off",
        }
    }

    fn of(status: Status) -> State {
        match status {
            Status::Up => State::Up,
            Status::Down => State::Down,
            Status::Degraded => State::Degraded,
            Status::Unknown => State::Unknown,
        }
    }
}

/// How the healer is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Healer {
    /// It holds the lease.
    Speaks,
    /// It judges and publishes, but Redis takes nothing that it writes.
    Refused(WritesRefused),
    /// One echoes, but none holds the lease.
    Mute,
    /// There is no sign of one.
    Silent,
}

impl Healer {
    /// Whether one is at work that tells what it sees.
    pub fn speaks(&self) -> bool {
        matches!(self, Healer::Speaks | Healer::Refused(_))
    }

    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Healer::Speaks => "speaks",
            Healer::Refused(_) => "refused",
            Healer::Mute => "mute",
            Healer::Silent => "silent",
        }
    }
}

/// What the healer says of the buses that it watches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BusRecords {
    pub by_name: BTreeMap<String, BusHealth>,
    /// How long ago it said so, by the clock of Redis.
    pub age: Duration,
}

/// Who judges, and what can be judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Oversight {
    pub healer: Healer,
    /// `None` from a healer that keeps none, or when they ran out.
    pub buses: Option<BusRecords>,
    /// The present by the clock that dates snapshots, as far as it is known: the healer's.
    pub now_ts: i64,
}

/// What keeps things from being known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    Silent,
    Mute,
    Refused,
    /// This bus cannot be judged.
    Unjudged(String),
}

/// A service, as truth has it.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    pub name: &'a str,
    pub is_watched: bool,
    /// Its bus by truth: what counts as long as no snapshot names it.
    pub bus: &'a str,
}

impl<'a> Who<'a> {
    /// `service`, in a truth that names these `buses`.
    pub fn of(service: &Service<'a>, buses: &[&'a str]) -> Who<'a> {
        Who {
            name: service.name(),
            is_watched: service.is_watched() || service.name() == HEALER,
            bus: buses.get(service.bus().index()).unwrap_or(&SYSTEM_BUS),
        }
    }
}

/// Where a service stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub state: State,
    /// Why it is so, where there is more to say than the state itself.
    pub reason: Option<SafeText>,
    /// What the service says that it is, where it is up: `idle`, say.
    pub said: Option<String>,
    /// What was last known is as of then, and nobody can say whether it still holds.
    pub as_of_ts: Option<i64>,
}

impl From<State> for Standing {
    fn from(state: State) -> Standing {
        Standing {
            state,
            reason: None,
            said: None,
            as_of_ts: None,
        }
    }
}

impl Standing {
    /// The word for it: the state, or what an up service says that it is.
    pub fn word(&self) -> &str {
        let said = self.said.as_deref().filter(|_| self.state == State::Up);
        said.unwrap_or(self.state.as_str())
    }

    /// Whether it is what the snapshot says.
    pub fn is_as_in(&self, health: &Health) -> bool {
        self.state == State::of(health.status)
    }

    fn unknown(reason: impl Into<SafeText>) -> Standing {
        Standing {
            reason: Some(reason.into()),
            ..State::Unknown.into()
        }
    }
}

impl Oversight {
    /// Where a service stands by its snapshot.
    pub fn standing(&self, who: Who<'_>, health: Option<&Health>) -> Standing {
        if !who.is_watched {
            return State::Off.into();
        }
        if who.name == HEALER {
            // The sentinel speaks about it, and only it.
            let is_down = health.is_some_and(|h| h.status == Status::Down);
            return match &self.healer {
                _ if is_down => State::Down.into(),
                healer if healer.speaks() => State::Up.into(),
                _ => State::Unknown.into(),
            };
        }
        if !self.healer.speaks() {
            return State::Unknown.into();
        }
        let Some(health) = health else {
            let unjudged = self.unjudged(who.bus);
            let why = match &self.healer {
                Healer::Refused(_) => "writes are refused",
                _ => "not judged yet",
            };
            return Standing::unknown(unjudged.unwrap_or_else(|| why.to_owned()));
        };
        if health.status == Status::Down {
            return Standing {
                reason: health.reason.clone(),
                ..State::Down.into()
            };
        }
        if health.status == Status::Unknown && health.reason.is_some() {
            // The healer itself says why, and that does not grow old.
            return Standing {
                reason: health.reason.clone(),
                ..State::Unknown.into()
            };
        }
        if let Some(reason) = self.is_past(health) {
            return Standing {
                as_of_ts: Some(health.as_of_ts),
                ..Standing::unknown(reason)
            };
        }
        let bus = health.bus.as_deref().unwrap_or(SYSTEM_BUS);
        if self.is_unwatched(bus) {
            return Standing::unknown(format!("the healer does not watch {bus}"));
        }
        if let Some(reason) = self.unjudged(bus) {
            return Standing::unknown(reason);
        }
        let is_up = health.status == Status::Up;
        Standing {
            reason: health.reason.clone(),
            said: health.beat_status.clone().filter(|_| is_up),
            ..State::of(health.status).into()
        }
    }

    /// What keeps all of it, or a bus, from being known, with the words for it.
    pub fn troubles(&self) -> Vec<(Trouble, String)> {
        let mut all = match &self.healer {
            Healer::Silent => return vec![(Trouble::Silent, SILENT.to_owned())],
            Healer::Mute => return vec![(Trouble::Mute, MUTE.to_owned())],
            Healer::Refused(refused) => {
                let text = format!("writes are refused: {}", refused.writes_refused);
                vec![(Trouble::Refused, text)]
            }
            Healer::Speaks => Vec::new(),
        };
        let buses = self.buses.iter().flat_map(|buses| buses.by_name.keys());
        all.extend(
            buses.filter_map(|bus| Some((Trouble::Unjudged(bus.clone()), self.unjudged(bus)?))),
        );
        all
    }

    /// Why nothing can be said of services on `bus`, if so.
    fn unjudged(&self, bus: &str) -> Option<String> {
        let record = self.buses.as_ref()?.by_name.get(bus)?;
        let why = record.reason.as_deref().unwrap_or("no reason was given");
        (!record.judged).then(|| format!("{bus} cannot be judged: {why}"))
    }

    /// Whether the healer says whom it watches, and this bus is not among them.
    fn is_unwatched(&self, bus: &str) -> bool {
        let buses = self.buses.as_ref();
        buses.is_some_and(|buses| !buses.by_name.contains_key(bus))
    }

    /// Why a snapshot is from before what can be known, if so.
    fn is_past(&self, health: &Health) -> Option<&'static str> {
        if let Healer::Refused(refused) = &self.healer {
            // Of the same second, too: it may have been written before.
            if health.as_of_ts <= refused.since_ts {
                return Some("writes are refused");
            }
        }
        let old = self.now_ts.saturating_sub(health.as_of_ts) > self.old_after_sec();
        old.then_some("it was not refreshed since")
    }

    /// A swarm so large that a turn of refreshing takes long has older snapshots.
    fn old_after_sec(&self) -> i64 {
        let records = self.buses.iter().flat_map(|buses| buses.by_name.values());
        let turn = records.map(|record| record.refresh_sec).max().unwrap_or(0);
        let turns = i64::try_from(turn).unwrap_or(i64::MAX).saturating_mul(5) / 2;
        turns.max(OLD_AFTER_SEC)
    }
}

#[cfg(test)]
mod tests;
