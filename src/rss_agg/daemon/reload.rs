//! A truth that changes, and feeds that find their place in the schedule.

use std::sync::Arc;
use std::time::Duration;

use super::{Reader, setup, store_address};
use crate::bus::BusError;
use crate::clock::{self, Mono};
use crate::rss_agg::Event;
use crate::rss_agg::config::Config;
use crate::rss_agg::context::Setup;
use crate::rss_agg::pollers::{Due, Job};
use crate::rss_agg::schedule::pace::key_of;
use crate::rss_agg::schedule::plan::turn_delay;
use crate::service::{Error, Service};

/// A start of more feeds than this at once is stretched, so that they do not stay together for ever.
const CROWD: usize = 20;

impl Reader {
    pub(super) fn reload(
        &mut self,
        config: Config,
        service: &mut Service<Event>,
    ) -> Result<(), Error> {
        match store_address(&service.buses) {
            Ok(address) => {
                self.store.set_address(address.clone());
                self.follow_turns(address, service)?;
            }
            Err(error) => log::error!("the store stays where it is: {error}"),
        }
        self.hosts.lock().set_limits(config.limits.hosts());
        let old = self.setup.clone();
        self.setup = Arc::new(if old.fits(&config) {
            Setup::new(config, old.fetcher.clone(), old.big_bodies.clone())
        } else {
            setup(config, old.big_bodies.clone(), &self.trust)
        });
        let gone: Vec<_> = self
            .plan
            .ids()
            .filter(|id| self.setup.spec(id).is_none())
            .cloned()
            .collect();
        for id in &gone {
            self.plan.remove(id);
        }
        let changed = self.setup.config.feeds.iter();
        let changed = changed.filter(|spec| old.spec(&spec.id).as_ref() != Some(*spec));
        let changed = changed.filter(|spec| self.turns.has(&spec.id));
        self.to_load.extend(changed.cloned());
        log::info!(
            "a new truth is in force: {} feeds, {} new or changed, {} gone",
            self.setup.config.feeds.len(),
            self.to_load.len(),
            gone.len()
        );
        self.load(service)
    }

    pub(super) fn load(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        let may_load = self.store_down.is_none() && self.turns.may_work(Mono::now());
        if may_load && !self.to_load.is_empty() {
            let specs = std::mem::take(&mut self.to_load);
            if !self.give_any(Job::Load(specs.clone()), service)? {
                self.to_load = specs;
            }
        }
        Ok(())
    }

    pub(super) fn loaded(
        &mut self,
        loaded: Result<Vec<Due>, BusError>,
        service: &mut Service<Event>,
    ) -> Result<(), Error> {
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                let all = self.setup.config.feeds.iter();
                let ours = all.filter(|spec| self.turns.has(&spec.id));
                self.to_load = ours.cloned().collect();
                self.store_failed(error, None);
                return Ok(());
            }
        };
        let (now, now_ts) = (Mono::now(), clock::wall_secs());
        let mut overdue = Vec::new();
        for (spec, due_ts) in loaded {
            if !self.turns.has(&spec.id) {
                continue;
            }
            if self.setup.spec(&spec.id).as_ref() != Some(&spec) {
                // Changed again in the meantime: its next load is under way.
                continue;
            }
            if self.forced.contains(&spec.id) {
                // Somebody asked for it meanwhile, whatever the store says.
                self.plan.put(&spec.id, &spec.host(), Some(now));
                continue;
            }
            match due_ts {
                Some(due_ts) if due_ts <= now_ts => overdue.push(spec),
                Some(due_ts) => {
                    let wait = Duration::from_secs(due_ts.abs_diff(now_ts));
                    self.plan.put(&spec.id, &spec.host(), Some(now + wait));
                }
                None => self.plan.put(&spec.id, &spec.host(), None),
            }
        }
        // In an order that has nothing to do with truth's, where neighbours often share a host.
        overdue.sort_unstable_by_key(|spec| key_of(&spec.id));
        for (turn, spec) in overdue.iter().enumerate() {
            let due = now + turn_delay(turn, overdue.len());
            self.plan.put(&spec.id, &spec.host(), Some(due));
            if overdue.len() > CROWD {
                self.stretch.insert(spec.id.clone());
            }
        }
        self.load(service)
    }
}
