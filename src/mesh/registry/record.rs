//! What is to be written, and what became of it.

use super::{Known, Registry, WAITING_MAX};
use crate::clock::Now;
use crate::contract::mesh::{Event, EventKind, Instance, State};

/// One thing that happened, ready to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// `<svc>/<inst>`; empty for a bus.
    pub name: Box<str>,
    /// The id that the stored record must still have; empty: there is none.
    pub previous: Box<str>,
    /// Its own.
    pub id: Box<str>,
    pub event: Event,
}

/// What those who hear the buses are to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nobody remembers it any more.
    Forget { svc: Box<str>, inst: Box<str> },
    /// The record names it, and it was not heard here.
    Expect {
        svc: Box<str>,
        inst: Box<str>,
        state: State,
    },
}

impl Registry {
    /// What is to be done by those who hear the buses.
    pub fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// The next transitions to be told, at most `limit`. They stay until [`told`](Registry::told) says what became of
    /// them.
    pub fn next(&self, limit: usize) -> Vec<Transition> {
        self.waiting.iter().take(limit).cloned().collect()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The first that waits was told, or was told before.
    pub fn told(&mut self) {
        self.waiting.pop_front();
    }

    /// The record names another transition than the first that waits follows: it holds `stored`. What is known here is
    /// held against that once more.
    pub fn conflicts(&mut self, stored: Option<Instance>, now: Now) {
        let Some(first) = self.waiting.pop_front() else {
            return;
        };
        self.waiting
            .retain(|later| later.name != first.name || first.name.is_empty());
        if !first.name.is_empty() {
            self.compare(&first.name, stored.as_ref(), now);
        }
    }

    /// The records of up to `limit` instances whose times were heard of since they were written, as they are now.
    pub fn stale(&mut self, limit: usize) -> Vec<Instance> {
        let mut records = Vec::new();
        while records.len() < limit
            && let Some(name) = self.stale.pop_front()
        {
            // What waits to be told carries its times.
            records.extend(self.known.get(&name).map(Known::record));
        }
        records
    }

    /// Everything, as it is to be written where the record was lost.
    pub fn records(&self) -> Vec<Instance> {
        self.known.values().map(Known::record).collect()
    }

    pub(super) fn tell(&mut self, name: &str, kind: EventKind, now: Now) {
        if self.waiting.len() >= WAITING_MAX {
            self.run_together(name);
        }
        self.number += 1;
        let id: Box<str> = format!("{}-{}", self.inst, self.number).into();
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        let previous = std::mem::replace(&mut known.id, id.clone());
        self.waiting.push_back(Transition {
            name: name.into(),
            previous,
            id,
            event: Event {
                epoch: 0,
                seq: 0,
                kind,
                ts: now.wall_secs,
                bus: None,
                instance: Some(known.record()),
            },
        });
    }

    pub(super) fn tell_of_bus(&mut self, kind: EventKind, bus: &str, now: Now) {
        self.number += 1;
        self.waiting.push_back(Transition {
            name: "".into(),
            previous: "".into(),
            id: format!("{}-{}", self.inst, self.number).into(),
            event: Event {
                epoch: 0,
                seq: 0,
                kind,
                ts: now.wall_secs,
                bus: Some(bus.into()),
                instance: None,
            },
        });
    }

    /// Nobody takes what is told: of this instance only what comes next counts. Follows what the first of those that
    /// are left out followed.
    fn run_together(&mut self, name: &str) {
        let first = self.waiting.iter().find(|t| *t.name == *name);
        let Some(previous) = first.map(|t| t.previous.clone()) else {
            return;
        };
        self.waiting.retain(|t| *t.name != *name);
        if let Some(known) = self.known.get_mut(name) {
            known.id = previous;
        }
    }
}

impl Known {
    /// As it is written; the server gives the number.
    pub fn record(&self) -> Instance {
        Instance {
            svc: self.svc.to_string(),
            inst: self.inst.to_string(),
            state: self.state,
            card: self.card.clone(),
            since_ts: self.since_ts,
            last_beat_ts: self.last_beat_ts,
            last_i: self.last_i,
            restarts: self.restarts.told,
            parts: Vec::new(),
            id: self.id.to_string(),
            seq: 0,
        }
    }
}
