//! The watched buses as the writer asks about them: what they decided, what is to be refreshed, and how they are.

use std::sync::Arc;

use super::held::Held;
use super::watch::Watch;
use crate::bus::BusError;
use crate::clock::{self, Mono, Now};
use crate::contract::{Alert, AlertKind, Health};
use crate::watch::detector::Transition;
use crate::watch::ledger::{Entry, Ledger};
use crate::watch::record::STALE_AFTER_SEC;
use crate::watch::unheard::Unheard;
use crate::watch::writer::PACE;
use crate::watch::writer::bus_states::Found;
use crate::watch::writer::command::{Census, Records, Reply, Whose};
use crate::watch::writer::pacing::Slice;

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

/// The watched buses, and what waits a moment for its reason.
#[derive(Default)]
pub struct Desk {
    pub watches: Vec<Arc<Watch>>,
    /// What is not handed on yet, because its reason is being looked for.
    held: Held,
    /// Whose snapshots are refreshed now, by watch.
    turn: usize,
}

impl Desk {
    /// These are watched from now on; whether one of them is new.
    pub fn watch(&mut self, watches: Vec<Arc<Watch>>) -> bool {
        let is_known = |watch: &Arc<Watch>| self.watches.iter().any(|w| Arc::ptr_eq(w, watch));
        let is_new = !watches.iter().all(is_known);
        self.watches = watches;
        is_new
    }

    /// What was decided is void.
    pub fn discard(&mut self) {
        for watch in &self.watches {
            watch.take_transitions(&mut Vec::new());
        }
        self.held.clear();
    }

    /// Nothing is judged on the bus that carries the store, or all is again.
    pub fn cut_off(&self, is_cut_off: bool) {
        for watch in self.watches.iter().filter(|w| w.voice.bus.is_none()) {
            watch.with(|d, now| d.set_cut_off(is_cut_off, now));
        }
    }

    /// What the detectors decided, and what only the health keys show.
    pub fn collect(&mut self) -> Reply {
        let now = Mono::now();
        let mut entries: Vec<Entry> = Vec::new();
        for watch in &self.watches {
            for (svc, cause) in watch.take_causes() {
                entries.extend(self.held.settle(&svc, cause));
            }
        }
        entries.extend(self.held.overdue(now));
        let mut silent: Vec<Health> = Vec::new();
        for watch in &self.watches {
            let mut transitions: Vec<Transition> = Vec::new();
            watch.take_transitions(&mut transitions);
            for transition in &transitions {
                let Some(entry) = watch.voice.entry(transition) else {
                    let at = Now {
                        mono: transition.at,
                        wall_secs: transition.ts,
                    };
                    silent.push(watch.voice.health(&transition.service, at));
                    continue;
                };
                let Some(entry) = self.held.follow(entry) else {
                    continue;
                };
                // Its reason takes a look at the server's clients; nobody else's alert waits for that.
                let waits = entry.alert.kind == AlertKind::DuplicateInstance
                    && self.held.has_room()
                    && watch.find_sender(&entry.health.svc);
                match waits {
                    true => self.held.hold(entry, now),
                    false => entries.push(entry),
                }
            }
        }
        Reply::Collected { entries, silent }
    }

    /// How much there is to be refreshed.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for watch in &self.watches {
            watch.with(|d, _| {
                census.slots += d.slots();
                census.unwritten += d.unwritten_count() as u32;
            });
            if watch.voice.bus.is_none() {
                census.servers = watch.servers();
            }
        }
        census
    }

    /// How the buses are.
    pub fn buses(&self) -> Reply {
        let found = self.watches.iter().map(|watch| {
            let (services, unjudged) = watch.with(|d, now| (d.services(), d.unjudged(now.mono)));
            Found {
                bus: watch.bus.clone(),
                services,
                unjudged,
            }
        });
        Reply::Buses {
            found: found.collect(),
            slots: self.watches.iter().map(|w| w.with(|d, _| d.slots())).sum(),
        }
    }

    /// Says something on the healer's own channel, past everything that waits for an answer.
    pub fn say_on_system_bus(&self, text: &str) {
        let system = self.watches.iter().find(|watch| watch.voice.bus.is_none());
        if let Some(watch) = system {
            watch.say(text);
        }
    }

    /// The next few snapshots that are due: first of those that were never written, then in turn.
    pub fn snapshots(&mut self, mut left: Slice) -> Reply {
        let mut all: Vec<Health> = Vec::new();
        for watch in &self.watches {
            let limit = left.first(all.len());
            watch.with(|d, now| {
                let mut few = Vec::new();
                let looked = d.unwritten(limit as usize, &mut few);
                left.spend_first(looked as u32);
                all.extend(few.iter().map(|s| watch.voice.health(s, now)));
            });
        }
        let mut turns = 0;
        for _ in 0..self.watches.len() {
            let limit = left.due(all.len());
            let watch = &self.watches[self.turn % self.watches.len()];
            watch.with(|d, now| {
                let mut few = Vec::new();
                let (visited, done) = d.refresh(limit, &mut few);
                left.spend(visited);
                all.extend(few.iter().map(|s| watch.voice.health(s, now)));
                self.turn += usize::from(done);
            });
            if self.turn >= self.watches.len() {
                self.turn = 0;
                turns += 1;
            }
        }
        Reply::Snapshots {
            snapshots: all,
            left,
            turns,
        }
    }

    /// Has the detectors take in what the store says of services.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn take_in(&self, records: &Records, ledger: &mut Ledger) -> Result<(), BusError> {
        let is_stale = records.whose == Whose::All && self.is_stale(ledger)?;
        let mut learn = |watch: &Watch, names: &[Box<str>]| -> Result<(), BusError> {
            let found = ledger.health(names)?;
            let found = names.iter().zip(&found);
            let found: Vec<_> = found
                .map(|(name, health)| (&**name, health.as_ref()))
                .collect();
            watch.take_in(&found, records, is_stale);
            Ok(())
        };
        match &records.whose {
            Whose::All => {
                for watch in &self.watches {
                    let mut from = Some(0);
                    while let Some(at) = from {
                        let (names, next) = watch.with(|d, _| d.names(at, PACE as u32));
                        learn(watch, &names)?;
                        from = next;
                    }
                }
            }
            Whose::Met(met) => {
                for (series, names) in met.iter().rev() {
                    let watch = self.watches.iter().find(|w| w.voice.series == *series);
                    for (watch, some) in watch
                        .into_iter()
                        .flat_map(|watch| names.chunks(PACE).map(move |some| (watch, some)))
                    {
                        learn(watch, some)?;
                    }
                }
            }
            Whose::Spoken(spoken) => {
                for (bus, svc) in spoken {
                    let of_bus = |watch: &&Arc<Watch>| watch.voice.bus == *bus;
                    for watch in self.watches.iter().filter(of_bus) {
                        learn(watch, &[svc.as_str().into()])?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether even the newest record is too old to be relied on.
    fn is_stale(&self, ledger: &mut Ledger) -> Result<bool, BusError> {
        let oldest = clock::wall_secs() - STALE_AFTER_SEC;
        let mut any = false;
        for watch in &self.watches {
            let mut from = Some(0);
            while let Some(at) = from {
                let (names, next) = watch.with(|d, _| d.names(at, PACE as u32));
                for health in ledger.health(&names)?.into_iter().flatten() {
                    if health.as_of_ts >= oldest {
                        return Ok(false);
                    }
                    any = true;
                }
                from = next;
            }
        }
        Ok(any)
    }
}
