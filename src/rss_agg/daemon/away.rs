//! A store that is away: nobody polls in vain, and people hear of it once it lasts.

use super::{PROBE_EVERY, Reader, StoreDown};
use crate::bus::{AWAY_IS_TOLD_AFTER, BusError};
use crate::clock::Mono;
use crate::rss_agg::Event;
use crate::service::{Error, Service};

impl Reader {
    /// One failure may be no more than a dead connection: the store is asked at once, before anybody is told.
    pub(super) fn store_failed(&mut self, why: BusError, feed: Option<&str>) {
        if let BusError::Fenced { .. } = why {
            return self.turns.was_fenced(feed);
        }
        if self.store_down.is_none() {
            self.store_down = Some(StoreDown {
                why,
                since: Mono::now(),
                probe_at: Some(Mono::now()),
                is_told: false,
            });
        }
    }

    /// It was asked whether it is back, and is not.
    pub(super) fn store_is_away(&mut self, error: BusError, service: &Service<Event>) {
        let Some(down) = &mut self.store_down else {
            return;
        };
        if let BusError::Fenced { .. } = error {
            // It answers. Whoever holds the lease now tells whether it takes writes.
            down.probe_at = Some(Mono::now() + PROBE_EVERY);
            return self.turns.was_fenced(None);
        }
        down.probe_at = Some(Mono::now() + PROBE_EVERY);
        down.why = error;
        self.tell_that_it_lasts(service);
    }

    /// Most servers have started again before anybody is told of it.
    pub(super) fn tell_that_it_lasts(&mut self, service: &Service<Event>) {
        let Some(down) = &mut self.store_down else {
            return;
        };
        let lasts = Mono::now() >= down.since + AWAY_IS_TOLD_AFTER;
        if lasts && !std::mem::replace(&mut down.is_told, true) {
            let why = &down.why;
            let reason = format!("the store cannot be used: {why}; polls wait until it can");
            log::warn!("{reason}");
            service.beat.set_degraded(&reason);
        }
    }

    /// It answers again.
    pub(super) fn store_is_back(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        if self.store_down.take().is_some_and(|down| down.is_told) {
            log::info!("the store is back; polls go on");
            service.beat.set_status(None);
        }
        self.load(service)
    }
}
