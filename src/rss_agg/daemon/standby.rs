//! Who polls: one instance at a time, by a lease beside the items, or several, each its parts. Who has nothing stands by.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::turns::Turns;
use super::{Reader, StoreDown};
use crate::bus::lease::{Change, Fence};
use crate::bus::{Address, BusError};
use crate::clock::Mono;
use crate::rss_agg::Event;
use crate::rss_agg::config::SERVICE;
use crate::service::lease::{ShareChange, parts_wanted};
use crate::service::{Error, Service};

impl Reader {
    pub(super) fn lease_changed(
        &mut self,
        change: Change,
        service: &mut Service<Event>,
    ) -> Result<(), Error> {
        match change {
            Change::Taken(taken) => {
                let Turns::Alone { fence, .. } = &mut self.turns else {
                    return Ok(());
                };
                log::info!("this instance holds {} and polls", taken.key());
                *fence = Some(taken);
                // Another may have polled since these were read.
                self.to_load = self.setup.config.feeds.clone();
                service.beat.set_status(None);
                self.store_is_back(service)
            }
            Change::Others { holder } => {
                let holder = holder.split('#').next().unwrap_or_default();
                match self.give_up() {
                    Some(_) => log::warn!("instance {holder} took over: this one stands by"),
                    None => log::info!("instance {holder} polls: this one stands by"),
                }
                self.store_down = None;
                service.beat.set_status(Some("standby"));
                Ok(())
            }
            Change::Away(error) => {
                self.give_up();
                self.lease_away(error, service);
                Ok(())
            }
        }
    }

    fn give_up(&mut self) -> Option<Fence> {
        match &mut self.turns {
            Turns::Alone { fence, .. } => fence.take(),
            Turns::Shared(_) => None,
        }
    }

    /// What this instance may poll, where several share the feeds.
    pub(super) fn shares_changed(
        &mut self,
        change: ShareChange,
        service: &mut Service<Event>,
    ) -> Result<(), Error> {
        if !matches!(self.turns, Turns::Shared(_)) {
            return Ok(());
        }
        let (open, status) = match change {
            ShareChange::Works(open) => (open, None),
            ShareChange::StandsBy => (BTreeMap::new(), Some("standby")),
            ShareChange::Drains { is_done: false } => (BTreeMap::new(), Some("draining")),
            ShareChange::Drains { is_done: true } => (BTreeMap::new(), Some("drained")),
            ShareChange::Away(error) => {
                self.take_parts(BTreeMap::new());
                self.lease_away(error, service);
                return Ok(());
            }
        };
        match (open.len(), status) {
            (0, Some(status)) => log::info!("this instance polls nothing: {status}"),
            (n, _) => log::info!("this instance polls the feeds of {n} parts"),
        }
        self.take_parts(open);
        if status.is_some() {
            self.store_down = None;
        }
        if self
            .store_down
            .as_ref()
            .is_none_or(|down| down.probe_at.is_none())
        {
            self.store_down = None;
            service.beat.set_status(status);
        }
        self.load(service)
    }

    /// Feeds of parts that are held no longer leave the plan; those of parts that are held newly, or under another token,
    /// are read afresh: another may have polled them since.
    fn take_parts(&mut self, open: BTreeMap<u32, u64>) {
        let setup = Arc::clone(&self.setup);
        let tokens = |turns: &Turns| -> Vec<Option<u64>> {
            let feeds = setup.config.feeds.iter();
            feeds.map(|spec| turns.token_of(&spec.id)).collect()
        };
        let before = tokens(&self.turns);
        self.turns.set_open(open);
        let after = tokens(&self.turns);
        for (spec, (before, after)) in setup.config.feeds.iter().zip(before.into_iter().zip(after))
        {
            if before == after {
                continue;
            }
            self.plan.remove(&spec.id);
            self.to_load.retain(|waits| waits.id != spec.id);
            if after.is_some() {
                self.to_load.push(spec.clone());
            }
        }
    }

    /// Nobody knows who may poll, so nobody does.
    fn lease_away(&mut self, error: BusError, service: &Service<Event>) {
        let before = self.store_down.take();
        self.store_down = Some(StoreDown {
            since: before.as_ref().map_or_else(Mono::now, |down| down.since),
            is_told: before.is_some_and(|down| down.is_told),
            why: error,
            // Whoever asks for the lease finds out when it is back.
            probe_at: None,
        });
        self.tell_that_it_lasts(service);
    }

    /// A new truth: the buses may be elsewhere, the number of parts another, and so may be how the work is shared.
    pub(super) fn follow_turns(
        &mut self,
        store: Address,
        service: &mut Service<Event>,
    ) -> Result<(), Error> {
        let is_shared = matches!(self.turns, Turns::Shared(_));
        if is_shared == parts_wanted(&service.truth, SERVICE).is_some() {
            if !self.turns.follow(store, service) {
                log::error!("the lease stays where it is: its thread does not take orders");
            }
            return Ok(());
        }
        // Of the one before nothing is held any more, and its thread ends.
        self.take_parts(BTreeMap::new());
        let ids: Vec<_> = self.plan.ids().cloned().collect();
        ids.iter().for_each(|id| self.plan.remove(id));
        self.to_load.clear();
        self.retired.push(self.turns.thread());
        self.turns = Turns::start(store, service)?;
        self.retired.retain(|name| *name != self.turns.thread());
        Ok(())
    }
}
