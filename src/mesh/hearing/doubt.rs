//! From what the detector judged to what is believed: of many who fall silent together, it may be the bus.
//!
//! When max(3, half) of the instances of a bus fall due within the longest timeout among them, they stay suspect until
//! the server was looked up afresh and one more timeout has passed. Then those that are still silent fail all the same:
//! a doubt that has no end (as Eureka's self-preservation has none) would keep the dead for ever.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::{Hearing, What};
use crate::clock::{Mono, Now};
use crate::watch::detector::Change;

/// Fewer are believed at once.
const SOME: usize = 3;
/// Falls that are remembered; more than there are instances never count.
const RECENT_MAX: usize = 100_000;

/// The present doubt about a bus, if there is one.
#[derive(Debug, Default)]
pub struct Doubt {
    /// When those fell due that were believed lately.
    recent: VecDeque<Mono>,
    held: HashSet<u32>,
    /// `None`: there is no doubt.
    on: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    /// The longest timeout of those that are held.
    timeout: Duration,
    /// When the server was found to be the one that we hear.
    looked: Option<Mono>,
}

impl Doubt {
    /// Whether there is one.
    pub fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// It was heard, or is not kept any more.
    pub fn release(&mut self, index: u32) {
        if self.on.is_some() {
            self.held.remove(&index);
        }
    }

    fn end(&self) -> Option<Mono> {
        let held = self.on?;
        Some(held.looked? + held.timeout)
    }
}

impl Hearing {
    /// Time has passed on the detector, or an echo came back: takes what it judged. True when a doubt began, which the
    /// registry is to tell.
    pub fn judge(&mut self, now: Now) -> bool {
        let fallen = self.fallen(now);
        let began = !fallen.is_empty() && self.believe_or_hold(fallen, now);
        if self.doubt.end().is_some_and(|end| now.mono >= end)
            && self.detector.unjudged(now.mono).is_none()
        {
            self.doubt.on = None;
            for index in std::mem::take(&mut self.doubt.held) {
                self.fail(index, now);
            }
        }
        began
    }

    /// The server was looked up afresh, and is the one that we hear.
    pub fn looked(&mut self, now: Mono) {
        if let Some(held) = &mut self.doubt.on {
            held.looked = Some(now);
        }
    }

    /// The link is proven: those who are known from the record alone, and those who are in doubt, owe from now on.
    pub fn proven(&mut self, now: Now) {
        self.detector.proven(now);
        for index in self.instances.all() {
            let member = self.instances.get(index);
            if member.is_awaited && member.is_live() {
                self.detector.await_beat(index, now);
            }
        }
        self.looked(now.mono);
    }

    /// The link is gone: what it proved counts no more.
    pub fn link_lost(&mut self, now: Now) {
        self.detector.link_lost(now);
        if let Some(held) = &mut self.doubt.on {
            held.looked = None;
        }
    }

    /// When a doubt ends, if nothing else happens.
    pub fn doubt_ends(&self) -> Option<Mono> {
        self.doubt.end()
    }

    /// Once a second: who is silent for longer than he should be, and the times of some.
    pub fn look(&mut self, now: Now) {
        let is_judged = self.detector.unjudged(now.mono).is_none();
        let end = self.instances.end();
        let share = end.div_ceil(60).max(1);
        let times = self.times_at..self.times_at.saturating_add(share);
        for index in 0..end {
            let Some(&member) = self.instances.find(index) else {
                continue;
            };
            if !member.is_live() || member.is_awaited {
                continue;
            }
            let silent = now.mono.since(self.detector.last_heard(index));
            if is_judged && !member.is_suspect && silent > self.detector.patience(index) {
                self.suspect(index, now);
            } else if times.contains(&index) {
                self.tell(index, What::Times, now);
            }
        }
        self.times_at = if times.end >= end { 0 } else { times.end };
    }

    /// All whom the detector judged dead.
    fn fallen(&mut self, now: Now) -> Vec<u32> {
        let (mut transitions, mut fallen) = (Vec::new(), Vec::new());
        // Only all of them together say how many they are.
        while self.detector.has_transitions() {
            self.detector.take_transitions(&mut transitions);
            for transition in transitions.drain(..) {
                let index = self.detector.instance(&transition.service.svc);
                let is_missed = matches!(transition.change, Change::Missed { .. });
                fallen.extend(index.filter(|_| is_missed));
            }
            self.detector.tick(now, usize::MAX);
        }
        fallen
    }

    /// Those who fell are believed to be dead, or held; true when a doubt begins with them.
    fn believe_or_hold(&mut self, fallen: Vec<u32>, now: Now) -> bool {
        let timeouts = fallen.iter().map(|&index| self.timeout_of(index));
        let longest = timeouts.max().unwrap_or_default();
        let recent = &mut self.doubt.recent;
        while recent
            .front()
            .is_some_and(|&at| now.mono.since(at) > longest)
        {
            recent.pop_front();
        }
        let due = recent.len() + fallen.len();
        let there = recent.len() + self.instances.live();
        let is_on = self.doubt.is_on();
        if !is_on && due < SOME.max(there.div_ceil(2)) {
            for index in fallen {
                if self.doubt.recent.len() < RECENT_MAX {
                    self.doubt.recent.push_back(now.mono);
                }
                self.fail(index, now);
            }
            return false;
        }
        for index in fallen {
            if !self.instances.get(index).is_suspect {
                self.suspect(index, now);
            }
            self.doubt.held.insert(index);
        }
        let held = self.doubt.on.get_or_insert(Held {
            timeout: longest,
            looked: None,
        });
        if is_on {
            return false;
        }
        held.timeout = longest;
        self.doubt.recent.clear();
        self.wants_look = true;
        true
    }

    fn timeout_of(&self, index: u32) -> Duration {
        let svc = self.instances.get(index).svc as usize;
        let kept = self.services.get(svc);
        Duration::from_millis(kept.map_or(0, |kept| kept.timeout_ms.into()))
    }

    fn suspect(&mut self, index: u32, now: Now) {
        self.instances.get_mut(index).is_suspect = true;
        self.tell(index, What::Suspect, now);
    }

    fn fail(&mut self, index: u32, now: Now) {
        if self.instances.find(index).is_some_and(|m| m.is_live()) {
            self.instances.fail(index);
            self.tell(index, What::Failed, now);
        }
    }
}
