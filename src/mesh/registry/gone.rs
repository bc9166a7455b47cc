//! Who is gone and still remembered, and for how long.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::{Known, Order, Registry};
use crate::clock::{Mono, Now};
use crate::contract::mesh::{EventKind, GONE_MAX};

/// When each that is gone went.
///
/// Invariant: the set holds exactly the pairs of the map, turned around.
#[derive(Debug, Default)]
pub struct Gone {
    since: HashMap<Box<str>, Mono>,
    oldest: BTreeSet<(Mono, Box<str>)>,
}

impl Gone {
    /// It went at `at`; whoever had gone already did so then.
    pub fn went(&mut self, name: &str, at: Mono) {
        if !self.since.contains_key(name) {
            self.since.insert(name.into(), at);
            self.oldest.insert((at, name.into()));
        }
        debug_assert_eq!(self.since.len(), self.oldest.len());
    }

    /// It is there again, or not kept any more.
    pub fn returned(&mut self, name: &str) {
        if let Some(at) = self.since.remove(name) {
            self.oldest.remove(&(at, name.into()));
        }
        debug_assert_eq!(self.since.len(), self.oldest.len());
    }

    /// The oldest, if it is to be forgotten at `now`.
    fn due(&self, now: Mono, after: Duration) -> Option<&str> {
        let (at, name) = self.oldest.first()?;
        let is_due = now.since(*at) >= after || self.oldest.len() > GONE_MAX;
        is_due.then_some(name)
    }
}

/// What came of the wish to forget one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgetting {
    Done,
    /// There is none of that name.
    Unknown,
    /// It is there: it would be back with its next beat.
    Lives,
}

impl Registry {
    /// Forgets up to `limit` of those who have been gone for long enough, or are too many.
    pub fn tidy(&mut self, limit: usize, now: Now) {
        self.calm_down(now.mono);
        for _ in 0..limit {
            let Some(name) = self.gone.due(now.mono, self.forget_after).map(Box::from) else {
                return;
            };
            self.forget(&name, now);
        }
    }

    /// Forgets one that is gone, by `<svc>/<inst>`, because somebody wishes it.
    pub fn forget_gone(&mut self, name: &str, now: Now) -> Forgetting {
        match self.known.get(name) {
            None => Forgetting::Unknown,
            Some(known) if known.state.is_live() => Forgetting::Lives,
            Some(_) => {
                self.forget(name, now);
                Forgetting::Done
            }
        }
    }

    pub(super) fn forget(&mut self, name: &str, now: Now) {
        if self.speaks {
            self.tell(name, EventKind::Forgotten, now);
        }
        let Some(known) = self.known.remove(name) else {
            return;
        };
        self.hosts.take_out(name, &known);
        self.gone.returned(name);
        self.restless.remove(name);
        let Known {
            svc,
            inst,
            state,
            works,
            ..
        } = known;
        if let Some(service) = self.services.get_mut(&svc) {
            service.discount((state, works));
        }
        self.orders.push(Order::Forget { svc, inst });
    }
}
