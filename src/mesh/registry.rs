//! The registry: who is there. Pure: news of instances go in, transitions that are to be told come out.
//!
//! One mesh of several speaks. The others hear the same and keep the same, mute. Who begins to speak holds his memory
//! against the record ([`Registry::take_over`]): what differs is told then, and nothing twice, because each transition
//! names the one that it follows.

mod gone;
mod hosts;
mod low;
mod record;
mod restarts;
#[cfg(test)]
mod sim;
mod takeover;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::hearing::{News, What, Works};
use crate::clock::{Mono, Now};
use crate::contract::Card;
use crate::contract::mesh::{Counts, EventKind, State, instance_field};
pub use gone::Forgetting;
use gone::Gone;
use hosts::Hosts;
pub use low::{Low, LowNews};
pub use record::{Order, Transition};
use restarts::{Quiet, Restarts};
use waiting::{Place, Waiting};

/// Transitions that may wait to be told. Beyond, those of an instance run together, so that its last state is told.
const WAITING_MAX: usize = 65_536;

/// What truth says of a service's instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// As many shall be up; 0: any number will do.
    pub min: u32,
    pub timeout: Duration,
}

/// One instance as it is known here.
#[derive(Clone, Debug)]
struct Known {
    svc: Box<str>,
    inst: Box<str>,
    state: State,
    card: Card,
    since_ts: i64,
    last_beat_ts: i64,
    last_i: Option<u64>,
    first_heard: Mono,
    last_heard: Mono,
    works: Works,
    restarts: Restarts,
    /// Of the transition that made it so, in the record or on its way there; empty: the record knows nothing of it.
    id: Box<str>,
    /// Where that transition waits, if it does.
    waits_at: Place,
}

/// All instances of all buses.
pub struct Registry {
    /// Makes the ids of transitions unique.
    inst: Box<str>,
    known: HashMap<Box<str>, Known>,
    gone: Gone,
    hosts: Hosts,
    services: BTreeMap<Box<str>, Service>,
    /// This one speaks.
    speaks: bool,
    waiting: Waiting,
    /// Number of the last transition.
    number: u64,
    /// The buses in doubt.
    doubting: Vec<Box<str>>,
    orders: Vec<Order>,
    forget_after: Duration,
    /// Where the refreshing of times goes on.
    stale: VecDeque<Box<str>>,
    /// Those that restart too often, and when that is over.
    restless: Quiet,
}

/// A service that has instances, or shall have.
#[derive(Debug, Default)]
struct Service {
    wanted: Wanted,
    counts: Counts,
    /// Of those that are up, by what they say of their work.
    stuck: u32,
    resting: u32,
    low: Low,
}

impl Registry {
    /// An empty one; `inst` is the id of the mesh that keeps it.
    pub fn new(inst: &str) -> Registry {
        Registry {
            inst: inst.into(),
            known: HashMap::new(),
            gone: Gone::default(),
            hosts: Hosts::default(),
            services: BTreeMap::new(),
            speaks: false,
            waiting: Waiting::new(WAITING_MAX),
            number: 0,
            doubting: Vec::new(),
            orders: Vec::new(),
            forget_after: Duration::from_secs(86_400),
            stale: VecDeque::new(),
            restless: Quiet::default(),
        }
    }

    /// How many instances it keeps.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it keeps none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// A truth: these services may have instances. Those of others are forgotten.
    pub fn follow(
        &mut self,
        wanted: impl IntoIterator<Item = (Box<str>, Wanted)>,
        forget_after: Duration,
        now: Now,
    ) {
        self.forget_after = forget_after;
        let mut services: BTreeMap<Box<str>, Service> = BTreeMap::new();
        for (svc, wanted) in wanted {
            let mut service = self.services.remove(&svc).unwrap_or_default();
            service.wanted = wanted;
            services.insert(svc, service);
        }
        self.services = services;
        let kept = &self.services;
        let dropped = self
            .known
            .iter()
            .filter(|(_, known)| !kept.contains_key(&known.svc));
        let dropped: Vec<Box<str>> = dropped.map(|(name, _)| name.clone()).collect();
        for name in dropped {
            self.forget(&name, now);
        }
    }

    /// Takes in what happened.
    pub fn hear(&mut self, news: News) {
        let name = instance_field(&news.svc, &news.inst);
        if !self.services.contains_key(&news.svc) {
            return;
        }
        let now = news.at;
        if !self.known.contains_key(&*name) {
            // Of one that was forgotten a moment ago there may be news under way.
            if !matches!(news.what, What::Joined | What::Up | What::Back) {
                return;
            }
            self.meet(&name, &news);
        }
        let Some(known) = self.known.get_mut(&*name) else {
            return;
        };
        self.hosts.take_out(&name, known);
        known.heard(&news);
        self.hosts.enter(&name, known);
        match news.what {
            What::Joined => self.turn(&name, State::Joining, EventKind::Joined, now),
            What::Up => self.up(&name, now),
            What::Suspect => self.turn(&name, State::Suspect, EventKind::Suspect, now),
            What::Failed => {
                self.turn(&name, State::Failed, EventKind::Failed, now);
                self.hand_down(&name, now);
                self.leave_if_replaced(&name, now);
            }
            What::Back => {
                let known = self.known.get_mut(&*name);
                if let Some(known) = known.filter(|known| known.state == State::Left) {
                    known.first_heard = now.mono;
                }
                self.turn(&name, State::Up, EventKind::Back, now);
                self.replace_others(&name, now);
            }
            What::Left => {
                self.turn(&name, State::Left, EventKind::Left, now);
                self.hand_down(&name, now);
            }
            What::Restarted => self.restarted(&name, now),
            What::Card(card) => self.card(&name, card, now),
            What::Works(works) => self.works(&name, works),
            What::Times => {
                if self.speaks && self.stale.len() < self.known.len() {
                    self.stale.push_back(name.into());
                }
            }
        }
    }

    /// A bus where so many fell silent together that it may be the bus.
    pub fn doubt(&mut self, bus: &str, now: Now) {
        if !self.doubting.iter().any(|known| **known == *bus) {
            self.doubting.push(bus.into());
        }
        if self.speaks {
            self.tell_of_bus(EventKind::Doubt, bus, now);
        }
    }

    /// That is over.
    pub fn settle(&mut self, bus: &str) {
        self.doubting.retain(|known| **known != *bus);
    }

    /// Whether there is such a bus.
    pub fn is_doubting(&self) -> bool {
        !self.doubting.is_empty()
    }

    fn meet(&mut self, name: &str, news: &News) {
        self.known.insert(
            name.into(),
            Known {
                svc: news.svc.clone(),
                inst: news.inst.clone(),
                // It is none of the record yet; what it becomes is told.
                state: State::Left,
                card: Card::default(),
                since_ts: news.at.wall_secs,
                last_beat_ts: news.at.wall_secs,
                last_i: None,
                first_heard: news.at.mono,
                last_heard: news.at.mono,
                works: Works::Well,
                restarts: Restarts::default(),
                id: "".into(),
                waits_at: 0,
            },
        );
        if let Some(service) = self.services.get_mut(&news.svc) {
            service.counts.left += 1;
        }
    }

    fn up(&mut self, name: &str, now: Now) {
        self.turn(name, State::Up, EventKind::Up, now);
        self.replace_others(name, now);
    }

    /// It is in another state from now on, unless it is in that already.
    fn turn(&mut self, name: &str, to: State, kind: EventKind, now: Now) {
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        let is_new = known.id.is_empty() && kind == EventKind::Joined;
        let from = known.state;
        if from == to && !is_new {
            return;
        }
        let was = (from, known.works);
        self.hosts.take_out(name, known);
        known.state = to;
        known.since_ts = now.wall_secs;
        self.hosts.enter(name, known);
        let svc = known.svc.clone();
        let is = (to, known.works);
        self.recount(&svc, was, is);
        match to.is_live() {
            true => self.gone.returned(name),
            false => self.gone.went(name, now.mono),
        }
        if self.speaks {
            self.tell(name, kind, now);
        }
    }

    fn recount(&mut self, svc: &str, was: (State, Works), is: (State, Works)) {
        if let Some(service) = self.services.get_mut(svc) {
            service.count(is);
            service.discount(was);
        }
    }

    fn card(&mut self, name: &str, card: Card, now: Now) {
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        if known.card == card {
            return;
        }
        self.hosts.take_out(name, known);
        known.card = card;
        self.hosts.enter(name, known);
        if known.state.is_live() {
            if self.speaks {
                self.stale.push_front(name.into());
            }
            self.replace_others(name, now);
        }
    }

    fn works(&mut self, name: &str, works: Works) {
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        let was = (known.state, known.works);
        known.works = works;
        let (svc, is) = (known.svc.clone(), (known.state, works));
        self.recount(&svc, was, is);
    }

    /// Whether everybody who is up of a service was told to rest.
    pub fn rests(&self, svc: &str) -> bool {
        let service = self.services.get(svc);
        service.is_some_and(|s| s.resting > 0 && s.resting == s.up())
    }

    /// How many are in which state, all services together.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for service in self.services.values() {
            let mut counts = service.counts;
            for state in State::ALL {
                *total.of(state) += *counts.of(state);
            }
        }
        total
    }

    /// How many are in which state, by service.
    pub fn counts(&self, svc: &str) -> Option<Counts> {
        let service = self.services.get(svc)?;
        Some(Counts {
            min: service.wanted.min,
            ..service.counts
        })
    }
}

impl Known {
    fn heard(&mut self, news: &News) {
        if let Some(heard) = news.heard {
            self.last_heard = self.last_heard.max(heard);
            let ago = news.at.mono.since(heard).as_secs();
            self.last_beat_ts = news.at.wall_secs - i64::try_from(ago).unwrap_or(0);
        }
        self.last_i = news.last_i.or(self.last_i);
    }
}

impl Service {
    /// Those that are up; to be suspected changes nothing.
    fn up(&self) -> u32 {
        self.counts.up + self.counts.suspect
    }

    fn count(&mut self, (state, works): (State, Works)) {
        *self.counts.of(state) += 1;
        if let Some(of_work) = self.of_work(state, works) {
            *of_work += 1;
        }
    }

    fn discount(&mut self, (state, works): (State, Works)) {
        let count = self.counts.of(state);
        debug_assert!(*count > 0, "it was counted");
        *count = count.saturating_sub(1);
        if let Some(of_work) = self.of_work(state, works) {
            *of_work = of_work.saturating_sub(1);
        }
    }

    fn of_work(&mut self, state: State, works: Works) -> Option<&mut u32> {
        match (state, works) {
            (State::Up | State::Suspect, Works::Degraded) => Some(&mut self.stuck),
            (State::Up | State::Suspect, Works::Rests) => Some(&mut self.resting),
            _ => None,
        }
    }
}
