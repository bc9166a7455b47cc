//! One turn of the loop: who writes, and what is written.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{EVERY_SECOND, Event, Mesh, say_standing};
use crate::bus::BusError;
use crate::bus::lease::Standing;
use crate::clock::{Mono, Now};
use crate::contract::mesh::{State, WORK, low_key, work_key};
use crate::mesh::alerts::Heard;
use crate::mesh::bus::Wish;
use crate::mesh::record::{Outcome, SAY_MAX, Said};
use crate::mesh::registry::Transition;
use crate::mesh::work::{Seen, Watched};
use crate::service::Service;

/// The record is said to be as of now this often, when nothing else is written.
const AS_OF_EVERY: Duration = Duration::from_secs(5);
/// Batches in one turn: the lease must be renewed in between.
const BATCHES: usize = 16;
/// Records whose times are written in one second, at most.
const REFRESH_MAX: usize = 4 * 512;
/// Those that are forgotten in one second, at most.
const FORGET_MAX: usize = 512;

impl Mesh {
    /// Does what is due; when the next thing is.
    pub(super) fn turn(&mut self, service: &Service<Event>) -> Mono {
        self.shared.looking();
        if self.record.next_ask() <= Mono::now() {
            self.ask(service);
        }
        let mut failed = false;
        if self.speaks {
            let done = self.write(service);
            failed = done.is_err();
            self.heed(service, done);
        }
        self.post_orders();
        let now = Mono::now();
        let mut wake = self.record.next_ask();
        // What else is due is done by the one who writes, and after a failure no sooner than the lease is asked for again:
        // what was not done stays due.
        if self.speaks && !failed {
            wake = wake.min(self.next_second);
            if let Some(at) = self.alerts.next_wakeup() {
                wake = wake.min(at);
            }
            if !self.is_looking
                && let Some(at) = self.works.next_look(self.looked)
            {
                wake = wake.min(at);
            }
            if self.shared.registry().waiting() > 0 && self.said.is_none() {
                wake = now;
            }
        }
        wake.max(now)
    }

    /// Asks for the lease, or renews it.
    fn ask(&mut self, service: &Service<Event>) {
        match self.record.hold() {
            Ok(held) if held.is_ours() => {
                let is_new = !self.speaks || held.standing == Standing::Taken;
                if is_new && let Err(error) = self.take_over() {
                    self.trouble(service, &error);
                    return;
                }
                if is_new {
                    log::info!("this mesh writes the registry");
                }
                self.speaks = true;
                match held.refused {
                    Some(error) => self.trouble(service, &error),
                    None => self.well(service),
                }
            }
            Ok(held) => {
                let holder = held.holder.unwrap_or_default();
                if self.speaks || self.said.take().is_some() {
                    log::info!("another mesh ({holder}) writes the registry: standing by");
                }
                self.fall_silent(service);
            }
            Err(error) => self.trouble(service, &error),
        }
    }

    fn fall_silent(&mut self, service: &Service<Event>) {
        self.speaks = false;
        self.shared.registry().fall_silent();
        self.alerts.fall_silent();
        say_standing(&service.beat, false, None);
    }

    /// From here on this mesh speaks: what it knows is held against what is written.
    fn take_over(&mut self) -> Result<(), BusError> {
        self.shared.registry().fall_silent();
        self.alerts.fall_silent();
        let (stored, has_head) = self.record.read()?;
        let heard = self.alerts.read()?;
        let now = Now::read();
        self.believe(heard, now);
        let mut registry = self.shared.registry();
        registry.take_over(stored, now);
        drop(registry);
        if !has_head {
            self.reset()?;
        }
        Ok(())
    }

    pub(super) fn read_alerts(&mut self) {
        match self.alerts.read() {
            Ok(heard) => self.believe(heard, Now::read()),
            Err(error) => log::debug!("what was told is not read: {error}"),
        }
    }

    fn believe(&mut self, heard: Vec<Heard>, now: Now) {
        let watched: Vec<Watched> = self.works.watched().cloned().collect();
        for Heard { key, is_bad } in heard {
            let is_it = |w: &&Watched| work_key(&w.bus, &w.key, &w.group) == key;
            if let Some(watched) = watched.iter().find(is_it) {
                self.works.believe(watched, is_bad);
            } else if let Some(svc) = self.timeouts.keys().find(|svc| low_key(svc) == key) {
                self.shared.registry().believe_low(svc, is_bad, now);
            }
        }
    }

    /// The record is lost: all of it anew.
    fn reset(&mut self) -> Result<(), BusError> {
        log::info!("there is no record of the registry, or an old one: it is written anew");
        let mut registry = self.shared.registry();
        registry.begin_anew();
        let (records, doubting) = (registry.records(), registry.is_doubting());
        let services: BTreeSet<&str> = records.iter().map(|record| record.svc.as_str()).collect();
        let counts = counts_of(&registry, services.into_iter());
        drop(registry);
        if !self.record.reset(&records, &counts, doubting)? {
            return Err(BusError::Fenced {
                key: crate::contract::mesh::LEASE.to_owned(),
            });
        }
        self.written_works.clear();
        Ok(())
    }

    /// What waits is told, and what goes by seconds is done.
    fn write(&mut self, service: &Service<Event>) -> Result<(), BusError> {
        for _ in 0..BATCHES {
            if self.shared.registry().waiting() == 0 || !self.say()? {
                break;
            }
        }
        let now = Now::read();
        if now.mono >= self.next_second {
            self.next_second = now.mono + EVERY_SECOND;
            self.each_second(now)?;
        }
        if !self.is_looking
            && self
                .works
                .next_look(self.looked)
                .is_some_and(|at| at <= now.mono)
        {
            self.looked = now.mono;
            self.look_at_streams(service);
        }
        let heard = self.alerts.pay(now);
        self.believe(heard, now);
        Ok(())
    }

    fn each_second(&mut self, now: Now) -> Result<(), BusError> {
        let mut registry = self.shared.registry();
        registry.tidy(FORGET_MAX, now);
        let low = registry.judge_low(now);
        let stale = registry.stale(REFRESH_MAX);
        drop(registry);
        for news in low {
            let timeout = self.timeouts.get(&news.svc).copied().unwrap_or_default();
            self.alerts.low(&news, timeout, now);
        }
        for some in stale.chunks(SAY_MAX) {
            if !self.record.refresh(some)? {
                return Err(fenced());
            }
        }
        if now.mono >= self.next_as_of {
            self.tell(&[])?;
        }
        Ok(())
    }

    /// Counts who is there, for whoever watches mesh.
    fn count(&self) {
        let mut total = self.shared.registry().total();
        for state in State::ALL {
            let labels = [("state", state.as_str())];
            let gauge = self.metrics.gauge("mesh_instances", &labels);
            gauge.set(f64::from(*total.of(state)));
        }
    }

    /// Tells the next batch; false when nothing more can be told now.
    fn say(&mut self) -> Result<bool, BusError> {
        let batch = self.shared.registry().next(SAY_MAX);
        self.tell(&batch)
    }

    fn tell(&mut self, batch: &[Transition]) -> Result<bool, BusError> {
        let registry = self.shared.registry();
        let services: BTreeSet<&str> = batch
            .iter()
            .filter_map(|t| t.event.instance.as_ref().map(|i| i.svc.as_str()))
            .collect();
        let counts = counts_of(&registry, services.into_iter());
        let doubting = registry.is_doubting();
        drop(registry);
        let outcomes = match self.record.say(batch, &counts, doubting)? {
            Said::Each(outcomes) => outcomes,
            Said::Fenced => return Err(fenced()),
            Said::Lost => return self.reset().map(|()| true),
        };
        let now = Now::read();
        self.next_as_of = now.mono + AS_OF_EVERY;
        self.count();
        for outcome in outcomes {
            match outcome {
                Outcome::Done => self.shared.registry().told(),
                // Those behind it were judged by what the record was taken to be: they are told with the next batch.
                Outcome::Conflict(stored) => {
                    self.shared
                        .registry()
                        .conflicts(stored.map(|stored| *stored), now);
                    return Ok(true);
                }
                Outcome::Refused(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// What became of a turn's writing.
    fn heed(&mut self, service: &Service<Event>, done: Result<(), BusError>) {
        match done {
            Ok(()) => self.well(service),
            Err(BusError::Fenced { .. }) => {
                log::warn!("another mesh has taken over");
                self.fall_silent(service);
                self.record.ask_now();
            }
            Err(error) => self.trouble(service, &error),
        }
    }

    /// What was seen of watched streams.
    pub(super) fn see(&mut self, seen: Vec<(Watched, Seen)>) {
        self.is_looking = false;
        if !self.speaks {
            return;
        }
        let now = Now::read();
        for (watched, seen) in seen {
            let rests = self.shared.registry().rests(&watched.service);
            if let Some(turn) = self.works.see(&watched, seen, rests, now) {
                let record = self
                    .works
                    .record_of(&watched)
                    .map_or_else(|| "{}".to_owned(), |w| w.to_json());
                self.alerts.work(&turn, record, now);
            }
        }
        self.write_works();
    }

    /// What the command shows.
    fn write_works(&mut self) {
        let all = self.works.records();
        let pairs: Vec<(String, String)> = all
            .map(|work| {
                (
                    format!("{}:{}:{}", work.bus, work.key, work.group),
                    work.to_json(),
                )
            })
            .collect();
        let names: Vec<String> = pairs.iter().map(|(name, _)| name.clone()).collect();
        let gone: Vec<&String> = self
            .written_works
            .iter()
            .filter(|n| !names.contains(n))
            .collect();
        let done = self.record.set(WORK, &pairs, &gone);
        match done {
            Ok(true) => self.written_works = names,
            // Another writes its own; whoever asks for the lease finds out.
            Ok(false) => self.record.ask_now(),
            Err(error) => log::debug!("{WORK} is not written: {error}"),
        }
    }

    fn post_orders(&mut self) {
        let orders = self.shared.registry().take_orders();
        for order in orders {
            for bus in self.buses.values() {
                bus.wish(Wish::Do(order.clone()));
            }
        }
    }

    fn well(&mut self, service: &Service<Event>) {
        if self.said.take().is_some() {
            log::info!("the registry is written again");
        }
        say_standing(&service.beat, self.speaks, None);
    }

    fn trouble(&mut self, service: &Service<Event>, error: &BusError) {
        let text = error.to_string();
        if self.said.as_ref() != Some(&text) {
            log::warn!("the registry is not written: {text}; trying on");
        }
        if !error.is_connection_lost() {
            // Nobody else can write either: this one is not to look dead for it.
            say_standing(&service.beat, true, Some(&text));
        }
        self.said = Some(text);
    }
}

fn fenced() -> BusError {
    BusError::Fenced {
        key: crate::contract::mesh::LEASE.to_owned(),
    }
}

fn counts_of<'s>(
    registry: &crate::mesh::registry::Registry,
    services: impl Iterator<Item = &'s str>,
) -> Vec<(String, String)> {
    let counted = services.filter_map(|svc| Some((svc, registry.counts(svc)?)));
    counted
        .map(|(svc, counts)| (svc.to_owned(), counts.to_json()))
        .collect()
}
