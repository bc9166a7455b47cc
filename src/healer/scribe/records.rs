//! What the store says of services, taken in.

use std::sync::Arc;

use super::Scribe;
use crate::bus::BusError;
use crate::clock;
use crate::healer::desk::{Desk, PACE};
use crate::healer::watch::Watch;
use crate::watch::ledger::Entry;
use crate::watch::voice::record;

/// When the newest record is older, it does not keep a death from being told again.
const STALE_AFTER_SEC: i64 = 600;

impl Scribe {
    pub(super) fn seed(&mut self, desk: &Desk) -> Result<(), BusError> {
        let stale = self.is_stale(desk)?;
        for watch in &desk.watches {
            let mut from = Some(0);
            while let Some(at) = from {
                let (names, next) = watch.with(|d, _| d.names(at, PACE as u32));
                self.learn(watch, &names, stale, desk.settles)?;
                from = next;
            }
        }
        Ok(())
    }

    /// Takes in what the store says of some services, and lets the detector tell what differs.
    ///
    /// Who has spoken all the time and finds no record, or one from before its own last word, has met a server that
    /// lost data: its word stands, and is written anew. Only what `settles` a conflict counts whatever its age.
    fn learn(
        &mut self,
        watch: &Watch,
        names: &[Box<str>],
        stale: bool,
        settles: bool,
    ) -> Result<(), BusError> {
        let found = self.ledger.health(names)?;
        let spoke = self.is_speaking();
        watch.with(|d, now| {
            for (name, health) in names.iter().zip(&found) {
                let is_past = match health {
                    None => true,
                    Some(health) => !settles && d.changed_since(name, health.as_of_ts),
                };
                if !(spoke && is_past) {
                    d.seed(name, &record(health.as_ref(), stale), now);
                }
            }
        });
        Ok(())
    }

    /// Services that are watched anew may have a past, on another bus or in an earlier truth.
    pub(super) fn meet(&mut self, desk: &mut Desk) -> Result<(), BusError> {
        while let Some((watch, names)) = desk.met.pop() {
            for some in names.chunks(PACE) {
                // When that fails, everything is read again as soon as the bus answers.
                self.learn(&watch, some, false, false)
                    .inspect_err(|_| desk.must_seed = true)?;
            }
        }
        Ok(())
    }

    /// Writes that a few more of those whom nobody hears are `unknown`; whether there are more. A green of before
    /// would be worth nothing.
    pub(super) fn write_unheard(&mut self, desk: &mut Desk) -> Result<bool, BusError> {
        let due = desk.unheard.due(PACE);
        if due.is_empty() {
            return Ok(false);
        }
        let found = self.ledger.health(&desk.unheard.names(due.clone()))?;
        let now_ts = clock::wall_secs();
        let snapshots: Vec<_> = due
            .clone()
            .zip(&found)
            .filter_map(|(nth, found)| desk.unheard.snapshot(nth, found.as_ref(), now_ts))
            .collect();
        if !self.ledger.refresh(&snapshots)? {
            self.fall_silent(desk);
            return Ok(false);
        }
        desk.unheard.done(due.end);
        Ok(true)
    }

    /// Whether even the newest record is too old to be relied on.
    fn is_stale(&mut self, desk: &Desk) -> Result<bool, BusError> {
        let oldest = clock::wall_secs() - STALE_AFTER_SEC;
        let mut any = false;
        for watch in &desk.watches {
            let mut from = Some(0);
            while let Some(at) = from {
                let (names, next) = watch.with(|d, _| d.names(at, PACE as u32));
                for health in self.ledger.health(&names)?.into_iter().flatten() {
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

    /// Somebody else has spoken about a service: its word is taken in.
    pub(super) fn settle(&mut self, desk: &Desk, entry: &Entry) -> Result<(), BusError> {
        let names = [entry.health.svc.as_str().into()];
        let of_bus = |watch: &&Arc<Watch>| watch.voice.bus == entry.alert.bus;
        for watch in desk.watches.iter().filter(of_bus) {
            self.learn(watch, &names, false, true)?;
        }
        Ok(())
    }
}
