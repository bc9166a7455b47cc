//! What lies before the scribe: what is owed to the store, what is to be refreshed, what was already said aloud.

mod refusals;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::bus_health::{BusStates, Found};
use super::held::Held;
use super::pacing::{Refresh, Turns};
use super::watch::Watch;
use crate::bus::BusError;
use crate::clock::{Mono, Now};
use crate::contract::{Alert, AlertKind, BusHealth, Health};
use crate::watch::detector::Transition;
use crate::watch::ledger::Entry;
use crate::watch::unheard::Unheard;
use crate::watch::write_queue::WriteQueue;

pub use refusals::{Note, Part, Refusal};

/// Entries offered to Redis at once.
pub const PACE: usize = 1000;
/// Entries that may be owed; beyond, only the latest of each service is kept.
const OWED_MAX: usize = 10_000;
/// Services that may be owed something; beyond, those that waited longest are dropped.
const OWED_SERVICES_MAX: usize = 50_000;
/// Alerts about no service that may wait for the bus; beyond, the oldest goes.
const NOTES_MAX: usize = 256;
/// Alerts logged in one second; the rest are counted.
const LOG_PER_SEC: u32 = 50;

/// What the main loop wants written.
pub enum Job {
    /// The buses that are watched from now on.
    Watch(Vec<Arc<Watch>>),
    /// Services that are watched anew: what the store knows of them is to be taken in.
    Meet(Arc<Watch>, Vec<Box<str>>),
    /// An alert about no service.
    Note(Box<Alert>),
    /// Services that truth names no more.
    Forget(Vec<Box<str>>),
    /// Services on buses that are not heard; those of before are heard again, or gone.
    Unheard(Unheard),
}

/// How one that stands by takes a bus that was away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patience {
    /// The bus was there all the time.
    #[default]
    None,
    /// The bus is away.
    Away,
    /// It is back; the lease is left alone until then.
    Until(Mono),
}

/// What is under way.
#[derive(Default)]
pub struct Desk {
    pub watches: Vec<Arc<Watch>>,
    pub owed: WriteQueue<Entry>,
    pub notes: VecDeque<Note>,
    /// What is not owed yet, because its reason is being looked for.
    held: Held,
    pub forget: Vec<Box<str>>,
    /// Services that nobody can judge.
    pub unheard: Unheard,
    /// Services whose records are to be taken in.
    pub met: Vec<(Arc<Watch>, Vec<Box<str>>)>,
    /// Writes are refused, and that was told.
    pub refusal: Option<Refusal>,
    /// What was refused when it was last tried, and since when nothing is.
    parts: HashSet<Part>,
    taken_since: Option<Mono>,
    /// Since when the server says that it does not do things yet.
    pub passing_since: Option<Mono>,
    /// The bus is a master that its replicas have left: nothing is said of services until it takes a write.
    pub cut_off: bool,
    /// Since when the lease could not be asked for; that was said.
    pub away_since: Option<Mono>,
    /// What keeps this healer from the lease, as it was said.
    pub barred: Option<BusError>,
    /// The store could not be read, and that was said.
    pub unreadable: bool,
    pub standing_by: bool,
    /// After an outage, whoever spoke before it comes back first: until then one that stands by does not take over.
    pub patience: Patience,
    /// How the services stand must be read from the store before it can be relied on.
    pub must_seed: bool,
    /// And it counts whatever its age: what was judged here since was taken back.
    pub settles: bool,
    /// Servers of the system bus met so far.
    servers: u64,
    pub refresh: Refresh,
    /// What is written of the buses.
    pub buses: BusStates,
    /// That was refused when it was last tried, as all writes are; a right for it is missing, and that was said.
    pub buses_refused: bool,
    pub buses_denied: bool,
    /// Whose snapshots are refreshed now, by watch.
    turn: usize,
    pub turns: Turns,
    logged: u32,
    unlogged: u32,
}

impl Desk {
    pub fn take(&mut self, job: Job) {
        match job {
            Job::Watch(watches) => {
                let is_new =
                    |watch: &Arc<Watch>| !self.watches.iter().any(|w| Arc::ptr_eq(w, watch));
                self.must_seed |= watches.iter().any(is_new);
                self.watches = watches;
                self.mark_cut_off();
            }
            Job::Meet(watch, names) => {
                // Whoever is back before it was forgotten keeps its record.
                if !self.forget.is_empty() {
                    let back: HashSet<&str> = names.iter().map(AsRef::as_ref).collect();
                    self.forget.retain(|gone| !back.contains(&**gone));
                }
                self.met.push((watch, names));
            }
            Job::Note(alert) => {
                if self.notes.len() == NOTES_MAX {
                    self.notes.pop_front();
                }
                self.notes.push_back(Note::new(*alert));
            }
            Job::Forget(names) => self.forget.extend(names),
            Job::Unheard(unheard) => self.unheard = unheard,
        }
    }

    /// A healer that stands by tells nothing; what it judged is compared with the record when it takes over.
    pub fn discard(&mut self) {
        for watch in &self.watches {
            watch.take_transitions(&mut Vec::new());
        }
        self.notes.clear();
        self.held.clear();
        self.forget.clear();
        self.met.clear();
    }

    /// Moves transitions from the detectors to what is owed; gives what only the health keys show.
    pub fn collect(&mut self) -> Vec<Health> {
        // While writes are refused, what is owed only grows; new deaths are published all the same.
        if self.owed.len() >= PACE && !self.is_refused() {
            return Vec::new();
        }
        let now = Mono::now();
        for watch in &self.watches {
            for (svc, cause) in watch.take_causes() {
                let settled = self.held.settle(&svc, cause);
                settled.into_iter().for_each(|entry| self.owed.push(entry));
            }
        }
        let overdue = self.held.overdue(now);
        overdue.into_iter().for_each(|entry| self.owed.push(entry));
        let mut silent: Vec<Health> = Vec::new();
        for watch in &self.watches {
            let mut transitions: Vec<Transition> = Vec::new();
            watch.take_transitions(&mut transitions);
            for transition in &transitions {
                match watch.voice.entry(transition) {
                    Some(entry) => {
                        let Some(entry) = self.held.follow(entry) else {
                            continue;
                        };
                        // Its reason takes a look at the server's clients; nobody else's alert waits for that.
                        let waits = entry.alert.kind == AlertKind::DuplicateInstance
                            && self.held.has_room()
                            && watch.find_sender(&entry.health.svc);
                        match waits {
                            true => self.held.hold(entry, now),
                            false => self.owed.push(entry),
                        }
                    }
                    None => {
                        let at = Now {
                            mono: transition.at,
                            wall_secs: transition.ts,
                        };
                        silent.push(watch.voice.health(&transition.service, at));
                    }
                }
            }
        }
        silent
    }

    /// Keeps what is owed within its limits: of each service the latest, following what the store knows; of those, the
    /// youngest. What is dropped shows in the health keys at least, which are then written anew.
    pub fn trim(&mut self) {
        let Some(dropped) = self.owed.trim(OWED_MAX, OWED_SERVICES_MAX) else {
            return;
        };
        self.refresh.rewrite |= dropped > 0;
        log::warn!(
            "writes are refused for long: only the latest state of {} services is kept",
            self.owed.len()
        );
    }

    /// Once a second: how many snapshots are to be refreshed in this one.
    pub fn plan_refresh(&mut self) {
        let (mut slots, mut unwritten) = (0, 0);
        for watch in &self.watches {
            watch.with(|d, _| {
                slots += d.slots();
                unwritten += d.unwritten_count();
            });
            if watch.voice.bus.is_none() {
                let servers = watch.servers();
                if std::mem::replace(&mut self.servers, servers) != servers {
                    // What the server has may be lost or old.
                    self.refresh.rewrite = true;
                    self.buses.lost();
                }
            }
        }
        self.refresh.plan(slots, unwritten as u32);
    }

    /// What is to be written of the buses now, if anything.
    pub fn bus_records(&mut self, now: Now) -> Option<Vec<BusHealth>> {
        let found: Vec<Found<'_>> = self
            .watches
            .iter()
            .map(|watch| {
                let (services, unjudged) =
                    watch.with(|d, now| (d.services(), d.unjudged(now.mono)));
                Found {
                    bus: &watch.bus,
                    services,
                    unjudged,
                }
            })
            .collect();
        let slots = self.watches.iter().map(|w| w.with(|d, _| d.slots())).sum();
        let turn = self.turns.lasts(now.mono).max(Refresh::turn(slots));
        self.buses.look(found, turn, now)
    }

    /// Says something on the healer's own channel, past everything that waits for an answer.
    pub fn say_on_system_bus(&self, text: &str) {
        let system = self.watches.iter().find(|watch| watch.voice.bus.is_none());
        if let Some(watch) = system {
            watch.say(text);
        }
    }

    /// The next few snapshots that are due: first of those that were never written, then in turn.
    pub fn due_snapshots(&mut self) -> Vec<Health> {
        let mut all: Vec<Health> = Vec::new();
        for watch in &self.watches {
            let limit = self.refresh.first(all.len());
            watch.with(|d, now| {
                let mut few = Vec::new();
                let looked = d.unwritten(limit as usize, &mut few);
                self.refresh.spend_first(looked as u32);
                all.extend(few.iter().map(|s| watch.voice.health(s, now)));
            });
        }
        for _ in 0..self.watches.len() {
            let limit = self.refresh.slice(all.len());
            let watch = &self.watches[self.turn % self.watches.len()];
            watch.with(|d, now| {
                let mut few = Vec::new();
                let (visited, done) = d.refresh(limit, &mut few);
                self.refresh.spend(visited);
                all.extend(few.iter().map(|s| watch.voice.health(s, now)));
                self.turn += usize::from(done);
            });
            if self.turn >= self.watches.len() {
                self.turn = 0;
                self.turns.next(Mono::now());
            }
        }
        if all.is_empty() {
            // Whoever is due was not judged yet.
            self.refresh.give_up();
        }
        all
    }

    pub fn log(&mut self, alert: &Alert) {
        if self.logged == LOG_PER_SEC {
            self.unlogged += 1;
            return;
        }
        self.logged += 1;
        match alert.kind.ends() {
            Some(_) => log::info!("{}", alert.to_json()),
            None => log::error!("{}", alert.to_json()),
        }
    }

    pub fn say_unlogged(&mut self) {
        self.logged = 0;
        let more = std::mem::take(&mut self.unlogged);
        if more > 0 {
            log::error!("{more} more alerts went out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Address;
    use crate::healer::watch::Outlets;
    use crate::watch::voice::Voice;

    #[test]
    fn who_comes_back_before_it_was_forgotten_keeps_its_record() {
        let (events, _events) = crossbeam_channel::bounded(1);
        let (scribe, _nudges) = crossbeam_channel::bounded(1);
        let outlets = Outlets {
            calls: crate::healer::calls::Calls::new(events),
            scribe,
            truth: None,
        };
        let address = Address::parse("redis://127.0.0.1:1", "TEST").expect("valid");
        let voice = Voice::of_healer("i", "h", None);
        let (watch, ..) = Watch::new("bus", &address, voice, "echo".into(), outlets);
        let mut desk = Desk::default();
        desk.take(Job::Forget(vec!["a".into(), "b".into()]));
        desk.take(Job::Meet(watch, vec!["a".into()]));
        assert_eq!(desk.forget, [Box::from("b")]);
        assert_eq!(desk.met.len(), 1);
    }
}
