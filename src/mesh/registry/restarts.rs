//! Who begins anew again and again. A process that is started anew has another instance id, as a rule: so whoever comes up
//! on a machine where another of its service went before is taken for its successor, and inherits its restarts.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::{Known, Registry};
use crate::clock::{Mono, Now};
use crate::contract::mesh::EventKind;

/// So many restarts are too many ...
pub const RESTARTS_MAX: usize = 3;
/// ... within so many timeouts.
pub const WINDOW_TIMEOUTS: u32 = 5;

/// The restarts of one instance.
#[derive(Clone, Debug, Default)]
pub struct Restarts {
    /// The moments of the last of them; no more than are too many.
    at: VecDeque<Mono>,
    /// It took the place of another.
    is_successor: bool,
    /// Another took its place.
    has_successor: bool,
    /// So many were told; 0: it is quiet.
    pub told: u32,
}

/// Those that were told to restart too often, and when that is over if they do not again.
///
/// Invariant: the set holds exactly the pairs of the map, turned around.
#[derive(Debug, Default)]
pub struct Quiet {
    until: HashMap<Box<str>, Mono>,
    first: BTreeSet<(Mono, Box<str>)>,
}

impl Quiet {
    fn put(&mut self, name: &str, until: Mono) {
        self.remove(name);
        self.until.insert(name.into(), until);
        self.first.insert((until, name.into()));
    }

    pub fn remove(&mut self, name: &str) {
        if let Some(until) = self.until.remove(name) {
            self.first.remove(&(until, name.into()));
        }
    }

    fn due(&mut self, now: Mono) -> Option<Box<str>> {
        let (until, name) = self.first.first()?;
        let name = (*until <= now).then(|| name.clone())?;
        self.remove(&name);
        Some(name)
    }
}

impl Registry {
    /// One that went hands its restarts to the first that came to its machine after it.
    pub(super) fn hand_down(&mut self, name: &str, now: Now) {
        let Some(known) = self.known.get(name).filter(|k| !k.restarts.has_successor) else {
            return;
        };
        let is_free = |other: &str| {
            let other = self.known.get(other);
            other.is_some_and(|other| !other.restarts.is_successor && self.is_soon(known, other))
        };
        if let Some(next) = self
            .hosts
            .after(known)
            .into_iter()
            .find(|other| is_free(other))
        {
            self.succeed(name, &next, now);
        }
    }

    /// One that came up takes the place of the last that went before it came.
    pub(super) fn take_place(&mut self, name: &str, now: Now) {
        let Some(known) = self.known.get(name).filter(|k| !k.restarts.is_successor) else {
            return;
        };
        let is_free = |other: &str| {
            let other = self.known.get(other);
            other.is_some_and(|other| !other.restarts.has_successor && self.is_soon(other, known))
        };
        if let Some(last) = self
            .hosts
            .before(known)
            .into_iter()
            .find(|other| is_free(other))
        {
            self.succeed(&last, name, now);
        }
    }

    /// Whether one came so soon after another was heard last that it can be its successor.
    fn is_soon(&self, last: &Known, next: &Known) -> bool {
        next.first_heard.since(last.last_heard) <= self.window(&last.svc)
    }

    fn window(&self, svc: &str) -> Duration {
        let service = self.services.get(svc);
        service.map_or(Duration::ZERO, |s| s.wanted.timeout) * WINDOW_TIMEOUTS
    }

    fn succeed(&mut self, last: &str, next: &str, now: Now) {
        let Some(last) = self.known.get_mut(last) else {
            return;
        };
        last.restarts.has_successor = true;
        let inherited = last.restarts.at.clone();
        let Some(next_known) = self.known.get_mut(next) else {
            return;
        };
        let at = next_known.first_heard;
        let restarts = &mut next_known.restarts;
        restarts.is_successor = true;
        // It may have begun anew by itself meanwhile.
        let own = std::mem::replace(&mut restarts.at, inherited);
        restarts.at.push_back(at);
        restarts.at.extend(own);
        self.judge_restarts(next, now);
    }

    /// One that keeps its id counts its beats anew.
    pub(super) fn restarted(&mut self, name: &str, now: Now) {
        if let Some(known) = self.known.get_mut(name) {
            known.restarts.at.push_back(now.mono);
            self.judge_restarts(name, now);
        }
    }

    fn judge_restarts(&mut self, name: &str, now: Now) {
        let Some(known) = self.known.get(name) else {
            return;
        };
        let window = self.window(&known.svc);
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        let restarts = &mut known.restarts;
        let too_many = restarts.at.len().saturating_sub(RESTARTS_MAX);
        restarts.at.drain(..too_many);
        let (Some(first), Some(last)) = (restarts.at.front(), restarts.at.back()) else {
            return;
        };
        if restarts.at.len() < RESTARTS_MAX || last.since(*first) > window {
            return;
        }
        let until = *last + window;
        let is_news = restarts.told == 0;
        restarts.told = restarts
            .told
            .saturating_add(if is_news { RESTARTS_MAX as u32 } else { 1 });
        self.restless.put(name, until);
        if self.speaks && is_news {
            self.tell(name, EventKind::Restarting, now);
        } else if self.speaks {
            self.stale.push_back(name.into());
        }
    }

    /// Who did not begin anew for as long as that is counted restarts no more. That is no event: its record says so.
    pub(super) fn calm_down(&mut self, now: Mono) {
        while let Some(name) = self.restless.due(now) {
            if let Some(known) = self.known.get_mut(&name) {
                known.restarts.told = 0;
                if self.speaks {
                    self.stale.push_back(name);
                }
            }
        }
    }
}
