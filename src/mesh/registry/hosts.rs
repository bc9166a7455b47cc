//! Who of a service is up on a machine, and who failed there: for finding who was replaced.

use std::collections::{BTreeSet, HashMap};

use super::{Known, Registry};
use crate::clock::{Mono, Now};
use crate::contract::mesh::{EventKind, State};

/// By service and host; of instances that say where they run.
///
/// Invariant: an instance that is up stands among those that are up with the moment at which it was first heard, one that
/// failed among those that failed with the moment at which it was last heard, and any other nowhere.
#[derive(Debug, Default)]
pub struct Hosts(HashMap<(Box<str>, Box<str>), Host>);

#[derive(Debug, Default)]
struct Host {
    up: BTreeSet<(Mono, Box<str>)>,
    failed: BTreeSet<(Mono, Box<str>)>,
}

impl Hosts {
    fn place(known: &Known) -> Option<(Box<str>, Box<str>)> {
        let host: &str = &known.card.host;
        (!host.is_empty()).then(|| (known.svc.clone(), host.into()))
    }

    /// It stands as it does from now on.
    pub fn enter(&mut self, name: &str, known: &Known) {
        let Some(place) = Hosts::place(known) else {
            return;
        };
        match known.state {
            State::Up => {
                let host = self.0.entry(place).or_default();
                host.up.insert((known.first_heard, name.into()));
            }
            State::Failed => {
                let host = self.0.entry(place).or_default();
                host.failed.insert((known.last_heard, name.into()));
            }
            _ => {}
        }
    }

    /// It is about to change.
    pub fn take_out(&mut self, name: &str, known: &Known) {
        let Some(place) = Hosts::place(known) else {
            return;
        };
        if let Some(host) = self.0.get_mut(&place) {
            host.up.remove(&(known.first_heard, name.into()));
            host.failed.remove(&(known.last_heard, name.into()));
            if host.up.is_empty() && host.failed.is_empty() {
                self.0.remove(&place);
            }
        }
    }

    /// Whether somebody is up there who was first heard after `known`, which failed, was last heard.
    fn has_successor(&self, known: &Known) -> bool {
        let host = Hosts::place(known).and_then(|place| self.0.get(&place));
        let newest = host.and_then(|host| host.up.last());
        newest.is_some_and(|(first_heard, _)| *first_heard > known.last_heard)
    }

    /// Who failed there, and was last heard before `known`, which is up, was first heard.
    fn replaced_by(&self, known: &Known) -> Vec<Box<str>> {
        let Some(host) = Hosts::place(known).and_then(|place| self.0.get(&place)) else {
            return Vec::new();
        };
        let before = host.failed.range(..(known.first_heard, Box::from("")));
        before.map(|(_, name)| name.clone()).collect()
    }
}

impl Registry {
    /// Who failed, and has a successor on its machine that was first heard after its last beat, has left.
    pub(super) fn leave_if_replaced(&mut self, name: &str, now: Now) {
        let known = self.known.get(name);
        if known.is_some_and(|known| self.hosts.has_successor(known)) {
            self.turn(name, State::Left, EventKind::Left, now);
        }
    }

    /// It is up: those whom it replaces have left.
    pub(super) fn replace_others(&mut self, name: &str, now: Now) {
        let Some(known) = self
            .known
            .get(name)
            .filter(|known| known.state == State::Up)
        else {
            return;
        };
        for other in self.hosts.replaced_by(known) {
            self.turn(&other, State::Left, EventKind::Left, now);
        }
    }
}
