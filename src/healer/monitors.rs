//! The watched buses as the writer asks about them: what they decided, what is to be refreshed, and how they are.

use std::sync::Arc;

use super::bus_monitor::BusMonitor;
use super::held::Held;
use crate::bus::BusError;
use crate::clock::{self, Mono, Now};
use crate::contract::{Alert, AlertKind, Health};
use crate::watch::alert_store::{AlertEntry, AlertStore};
use crate::watch::detector::Transition;
use crate::watch::record::STALE_AFTER_SEC;
use crate::watch::unheard::Unheard;
use crate::watch::writer::PACE;
use crate::watch::writer::bus_states::Found;
use crate::watch::writer::command::{Census, Meeting, Records, Reply, Whose};
use crate::watch::writer::rate_limiter::Slice;

/// What the main loop wants written.
pub enum Job {
    /// The buses that are watched from now on.
    Watch(Vec<Arc<BusMonitor>>),
    /// Services that are watched anew: what the store knows of them is to be taken in.
    Meet(Meeting),
    /// An alert about no service.
    Note(Box<Alert>),
    /// Services that truth names no more.
    Forget(Vec<Box<str>>),
    /// Services on buses that are not heard; those of before are heard again, or gone.
    Unheard(Unheard),
}

/// The watched buses, and what waits a moment for its reason.
#[derive(Default)]
pub struct Monitors {
    /// One for each bus that truth names, as far as it is heard.
    pub monitors: Vec<Arc<BusMonitor>>,
    /// What is not handed on yet, because its reason is being looked for.
    held: Held,
    /// Whose snapshots are refreshed now, by monitor.
    turn: usize,
}

impl Monitors {
    /// These are watched from now on; whether one of them is new.
    pub fn watch(&mut self, monitors: Vec<Arc<BusMonitor>>) -> bool {
        let is_known =
            |monitor: &Arc<BusMonitor>| self.monitors.iter().any(|w| Arc::ptr_eq(w, monitor));
        let is_new = !monitors.iter().all(is_known);
        self.monitors = monitors;
        is_new
    }

    /// What was decided is void.
    pub fn discard(&mut self) {
        for monitor in &self.monitors {
            monitor.take_transitions(&mut Vec::new());
        }
        self.held.clear();
    }

    /// Nothing is judged on the bus that carries the store, or all is again.
    pub fn cut_off(&self, is_cut_off: bool) {
        for monitor in self.monitors.iter().filter(|w| w.encoder.bus.is_none()) {
            monitor.with(|d, now| d.set_cut_off(is_cut_off, now));
        }
    }

    /// What the detectors decided, and what only the health keys show.
    pub fn collect(&mut self) -> Reply {
        let now = Mono::now();
        let mut entries: Vec<AlertEntry> = Vec::new();
        for monitor in &self.monitors {
            for (svc, cause) in monitor.take_causes() {
                entries.extend(self.held.settle(&svc, cause));
            }
        }
        entries.extend(self.held.overdue(now));
        let mut silent: Vec<Health> = Vec::new();
        for monitor in &self.monitors {
            let mut transitions: Vec<Transition> = Vec::new();
            monitor.take_transitions(&mut transitions);
            for transition in &transitions {
                let Some(entry) = monitor.encoder.entry(transition) else {
                    let at = Now {
                        mono: transition.at,
                        wall_secs: transition.ts,
                    };
                    silent.push(monitor.encoder.health(&transition.service, at));
                    continue;
                };
                let Some(entry) = self.held.follow(entry) else {
                    continue;
                };
                // Its reason takes a look at the server's clients; nobody else's alert waits for that.
                let waits = entry.alert.kind == AlertKind::DuplicateInstance
                    && self.held.has_room()
                    && monitor.find_sender(&entry.health.svc);
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
        for monitor in &self.monitors {
            monitor.with(|d, _| {
                census.slots += d.slots();
                census.unwritten += d.unwritten_count() as u32;
            });
            if monitor.encoder.bus.is_none() {
                census.servers = monitor.servers();
            }
        }
        census
    }

    /// How the buses are.
    pub fn buses(&self) -> Reply {
        let found = self.monitors.iter().map(|monitor| {
            let (services, unjudged) = monitor.with(|d, now| (d.services(), d.unjudged(now.mono)));
            Found {
                bus: monitor.bus.clone(),
                services,
                unjudged,
                barred: monitor.barred(),
            }
        });
        Reply::Buses {
            found: found.collect(),
            slots: self.monitors.iter().map(|w| w.with(|d, _| d.slots())).sum(),
        }
    }

    /// Says something on the healer's own channel, past everything that waits for an answer.
    pub fn say_on_system_bus(&self, text: &str) {
        let system = self
            .monitors
            .iter()
            .find(|monitor| monitor.encoder.bus.is_none());
        if let Some(monitor) = system {
            monitor.say(text);
        }
    }

    /// The next few snapshots that are due: first of those that were never written, then in turn.
    pub fn snapshots(&mut self, mut left: Slice) -> Reply {
        let mut all: Vec<Health> = Vec::new();
        for monitor in &self.monitors {
            let limit = left.first(all.len());
            monitor.with(|d, now| {
                let mut few = Vec::new();
                let looked = d.unwritten(limit as usize, &mut few);
                left.spend_first(looked as u32);
                all.extend(few.iter().map(|s| monitor.encoder.health(s, now)));
            });
        }
        let mut turns = 0;
        for _ in 0..self.monitors.len() {
            let limit = left.due(all.len());
            let monitor = &self.monitors[self.turn % self.monitors.len()];
            monitor.with(|d, now| {
                let mut few = Vec::new();
                let (visited, done) = d.refresh(limit, &mut few);
                left.spend(visited);
                all.extend(few.iter().map(|s| monitor.encoder.health(s, now)));
                self.turn += usize::from(done);
            });
            if self.turn >= self.monitors.len() {
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
    pub fn take_in(&self, records: &Records, store: &mut AlertStore) -> Result<(), BusError> {
        let is_stale = records.whose == Whose::All && self.is_stale(store)?;
        let mut learn = |monitor: &BusMonitor, names: &[Box<str>]| -> Result<(), BusError> {
            let found = store.health(names)?;
            let found = names.iter().zip(&found);
            let found: Vec<_> = found
                .map(|(name, health)| (&**name, health.as_ref()))
                .collect();
            monitor.take_in(&found, records, is_stale);
            Ok(())
        };
        match &records.whose {
            Whose::All => {
                for monitor in &self.monitors {
                    let mut from = Some(0);
                    while let Some(at) = from {
                        let (names, next) = monitor.with(|d, _| d.names(at, PACE as u32));
                        learn(monitor, &names)?;
                        from = next;
                    }
                }
            }
            Whose::Met(met) => {
                for meeting in met.iter().rev() {
                    let is_it = |m: &&Arc<BusMonitor>| m.encoder.series == meeting.watch;
                    let Some(monitor) = self.monitors.iter().find(is_it) else {
                        continue;
                    };
                    for some in meeting.names.chunks(PACE) {
                        learn(monitor, some)?;
                    }
                }
            }
            Whose::Spoken(spoken) => {
                for (bus, svc) in spoken {
                    let of_bus = |monitor: &&Arc<BusMonitor>| monitor.encoder.bus == *bus;
                    for monitor in self.monitors.iter().filter(of_bus) {
                        learn(monitor, &[svc.as_str().into()])?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether even the newest record is too old to be relied on.
    fn is_stale(&self, store: &mut AlertStore) -> Result<bool, BusError> {
        let oldest = clock::wall_secs() - STALE_AFTER_SEC;
        let mut any = false;
        for monitor in &self.monitors {
            let mut from = Some(0);
            while let Some(at) = from {
                let (names, next) = monitor.with(|d, _| d.names(at, PACE as u32));
                for health in store.health(&names)?.into_iter().flatten() {
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
