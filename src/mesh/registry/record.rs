//! What is to be written, and what became of it.

use super::{Known, Registry};
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
    pub fn next(&mut self, limit: usize) -> Vec<Transition> {
        self.waiting.give(limit)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The first that waits was told, or was told before.
    pub fn told(&mut self) {
        self.waiting.pop();
    }

    /// The record names another transition than the first that waits follows: it holds `stored`. What is known here is
    /// held against that once more.
    pub fn conflicts(&mut self, stored: Option<Instance>, now: Now) {
        let Some(first) = self.waiting.pop() else {
            return;
        };
        if !first.name.is_empty() {
            self.waiting.take_back(&first.name);
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
        let id = self.next_id();
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        let previous = std::mem::replace(&mut known.id, id.clone());
        let event = Event {
            epoch: 0,
            seq: 0,
            kind,
            ts: now.wall_secs,
            bus: None,
            instance: Some(known.record()),
        };
        let transition = Transition {
            name: name.into(),
            previous,
            id,
            event,
        };
        known.waits_at = self.waiting.push(transition, known.waits_at);
    }

    /// Of a bus. The head of the record says it too, so that it may be left out where nobody takes what is told.
    pub(super) fn tell_of_bus(&mut self, kind: EventKind, bus: &str, now: Now) {
        if self.waiting.is_full() {
            return;
        }
        let event = Event {
            epoch: 0,
            seq: 0,
            kind,
            ts: now.wall_secs,
            bus: Some(bus.into()),
            instance: None,
        };
        let transition = Transition {
            name: "".into(),
            previous: "".into(),
            id: self.next_id(),
            event,
        };
        self.waiting.push(transition, 0);
    }

    fn next_id(&mut self) -> Box<str> {
        self.number += 1;
        format!("{}-{}", self.inst, self.number).into()
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
