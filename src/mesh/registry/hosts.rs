//! Who of a service is up on a machine, and who failed there: for finding who was replaced.

use std::collections::{BTreeSet, HashMap};

use super::{Known, Registry};
use crate::clock::{Mono, Now};
use crate::contract::mesh::{EventKind, State};

/// By service and host; of instances that say where they run.
///
/// Invariant: an instance that is up stands among those that are up, and one that begins or is suspected among the others
/// that live, with the moment at which it was first heard; one that failed stands among those that failed, and one that
/// left among those, with the moment at which it was last heard.
#[derive(Debug, Default)]
pub struct Hosts(HashMap<(Box<str>, Box<str>), Host>);

#[derive(Debug, Default)]
struct Host {
    up: BTreeSet<(Mono, Box<str>)>,
    others: BTreeSet<(Mono, Box<str>)>,
    failed: BTreeSet<(Mono, Box<str>)>,
    left: BTreeSet<(Mono, Box<str>)>,
}

/// Instances looked at, at most, for the one that took the place of another.
const LOOKS_MAX: usize = 64;

impl Host {
    fn of(&mut self, state: State) -> &mut BTreeSet<(Mono, Box<str>)> {
        match state {
            State::Up => &mut self.up,
            State::Joining | State::Suspect => &mut self.others,
            State::Failed => &mut self.failed,
            State::Left => &mut self.left,
        }
    }

    fn is_empty(&self) -> bool {
        let Host {
            up,
            others,
            failed,
            left,
        } = self;
        [up, others, failed, left].iter().all(|set| set.is_empty())
    }
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
        let host = self.0.entry(place).or_default();
        host.of(known.state).insert((heard(known), name.into()));
    }

    /// It is about to change.
    pub fn take_out(&mut self, name: &str, known: &Known) {
        let Some(place) = Hosts::place(known) else {
            return;
        };
        if let Some(host) = self.0.get_mut(&place) {
            host.of(known.state).remove(&(heard(known), name.into()));
            if host.is_empty() {
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

    /// Those who live there and were first heard after `known` was last heard, the first of them first.
    pub(super) fn after(&self, known: &Known) -> Vec<Box<str>> {
        let Some(host) = Hosts::place(known).and_then(|place| self.0.get(&place)) else {
            return Vec::new();
        };
        // No name comes before the empty one: of the same moment nobody is meant.
        let from = (
            known.last_heard + std::time::Duration::from_micros(1),
            Box::from(""),
        );
        let mut found: Vec<&(Mono, Box<str>)> = Vec::new();
        for set in [&host.up, &host.others] {
            found.extend(set.range(from.clone()..).take(LOOKS_MAX));
        }
        found.sort_unstable();
        found.into_iter().map(|(_, name)| name.clone()).collect()
    }

    /// Those who are gone there and were last heard before `known` was first heard, the last of them first.
    pub(super) fn before(&self, known: &Known) -> Vec<Box<str>> {
        let Some(host) = Hosts::place(known).and_then(|place| self.0.get(&place)) else {
            return Vec::new();
        };
        let until = (known.first_heard, Box::from(""));
        let mut found: Vec<&(Mono, Box<str>)> = Vec::new();
        for set in [&host.failed, &host.left] {
            found.extend(set.range(..until.clone()).rev().take(LOOKS_MAX));
        }
        found.sort_unstable();
        found
            .into_iter()
            .rev()
            .map(|(_, name)| name.clone())
            .collect()
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

/// The moment with which one stands here.
fn heard(known: &Known) -> Mono {
    match known.state.is_live() {
        true => known.first_heard,
        false => known.last_heard,
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
        let replaced = self.hosts.replaced_by(known);
        self.take_place(name, now);
        for other in replaced {
            self.turn(&other, State::Left, EventKind::Left, now);
        }
    }
}
