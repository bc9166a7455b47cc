//! Outages that end though no alert says so: truth names the service no more, or the alert was lost.

use super::{Folder, PIECE};
use crate::bus::BusError;
use crate::clock;
use crate::contract::{Health, Status};
use crate::history::store::Everything;
use crate::history::{Change, Intervals, OpenOutages, Record};
use crate::swarm_state::snapshots;

impl Folder {
    /// Notes which services truth names now, and ends what lasts of those that it does not name any more.
    pub(super) fn follow_truth(&mut self, everything: &mut Everything) -> Result<(), BusError> {
        let Some(mut names) = self.take_named() else {
            return Ok(());
        };
        names.sort_unstable();
        let now = clock::wall_secs();
        let is_named = |svc: &str| {
            names
                .binary_search_by(|name| name.as_str().cmp(svc))
                .is_ok()
        };
        let is_open = |record: &Record| record.watched.contains(i64::MAX - 1);
        let gone: Vec<String> = everything
            .records
            .iter()
            .filter(|(svc, record)| is_open(record) && !is_named(svc))
            .map(|(svc, _)| svc.clone())
            .collect();
        let new: Vec<String> = names
            .iter()
            .filter(|svc| {
                !everything
                    .records
                    .get(*svc)
                    .is_some_and(|record| is_open(record))
            })
            .cloned()
            .collect();
        let mut after: Vec<(String, Intervals, Intervals)> = Vec::new();
        for svc in &gone {
            let before = everything.record(svc).watched.clone();
            let ended: Intervals = before
                .list()
                .iter()
                .map(|(from, to)| (*from, (*to).min(now.max(from + 1))))
                .collect();
            after.push((svc.clone(), before, ended));
        }
        for svc in &new {
            let before = everything.record(svc).watched.clone();
            let begun = before
                .list()
                .iter()
                .copied()
                .chain([(now, i64::MAX)])
                .collect();
            after.push((svc.clone(), before, begun));
        }
        let changes: Vec<(&str, &Intervals, &Intervals)> = after
            .iter()
            .map(|(svc, before, after)| (svc.as_str(), before, after))
            .collect();
        self.store.watch(&changes)?;
        for (svc, _, watched) in &after {
            everything.record(svc).watched = watched.clone();
        }
        for svc in &gone {
            let before = everything.fold.open.get(svc).cloned();
            let change = everything.fold.remove(svc, now);
            self.end(everything, before, change)?;
        }
        self.tell_records(everything, gone.iter().chain(&new).map(String::as_str));
        self.names = Some(names);
        Ok(())
    }

    /// Writes what ended though no alert said so.
    fn end(
        &mut self,
        everything: &mut Everything,
        before: Option<OpenOutages>,
        change: Option<Change>,
    ) -> Result<(), BusError> {
        let Some((before, change)) = before.zip(change) else {
            return Ok(());
        };
        match self.store.end(&change.svc, &before, &change.closed)? {
            true => self.take_in(everything, &[change]),
            // Another console ended it, in its own words.
            false => self.is_outdated = true,
        }
        Ok(())
    }

    /// Ends what lasts by the log though the healer says since that it is over: the alert that said so was lost.
    pub(super) fn compare(&mut self, everything: &mut Everything) -> Result<(), BusError> {
        let mut names: Vec<String> = everything.fold.open.keys().cloned().collect();
        names.sort_unstable();
        for names in names.chunks(PIECE) {
            let found = snapshots(self.store.commands(), names)?;
            for (svc, health) in names.iter().zip(found) {
                let Some(since) = health
                    .as_ref()
                    .and_then(|health| up_since(health, everything, svc))
                else {
                    continue;
                };
                let before = everything.fold.open.get(svc).cloned();
                let change = everything.fold.is_up(svc, since);
                self.end(everything, before, change)?;
            }
        }
        Ok(())
    }
}

/// Since when `health` says that the service is up, if the outage that lasts is older than that.
fn up_since(health: &Health, everything: &Everything, svc: &str) -> Option<i64> {
    let open = everything.fold.open.get(svc)?.down.as_ref()?;
    let is_up = matches!(health.status, Status::Up | Status::Degraded);
    let is_its_end = health
        .alert
        .as_ref()
        .is_some_and(|alert| *alert.id != *open.id);
    (is_up && is_its_end && health.since_ts > open.from).then_some(health.since_ts)
}
