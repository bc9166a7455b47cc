//! Redis answers, and takes no writes: everybody hears of everything all the same.

use std::time::Duration;

use super::Scribe;
use crate::bus::BusError;
use crate::clock::{self, Mono, Now};
use crate::contract::{Alert, AlertKind, SYSTEM_BUS};
use crate::healer::calls::Call;
use crate::healer::desk::{Desk, Note, Part, Refusal};
use crate::watch::ledger::{LEASE, LEASE_RENEW};

/// A server that does not do something *yet* has so long before that is called a refusal.
const PASSES_WITHIN: Duration = Duration::from_secs(5);
/// Writes must be taken for so long before that is told: a server at its limit takes some and refuses others.
const SURE_AFTER: Duration = Duration::from_secs(5);
/// When the store does not answer for so long while beats are heard, people are told past it.
const UNANSWERED_AFTER: Duration = LEASE.saturating_add(LEASE_RENEW);

impl Scribe {
    /// A write was refused: says so when that is news.
    ///
    /// # Errors
    /// When it cannot be published.
    pub(super) fn refused(
        &mut self,
        desk: &mut Desk,
        part: Part,
        error: BusError,
    ) -> Result<(), BusError> {
        if error.is_connection_lost() {
            return Err(error);
        }
        if error.is_cut_off() {
            self.set_cut_off(desk, true);
        }
        let now = Mono::now();
        desk.refused(part);
        if error.is_passing() && now.since(*desk.passing_since.get_or_insert(now)) < PASSES_WITHIN {
            return Ok(());
        }
        self.say_refused(desk, error)
    }

    /// Says, once, that writes are refused and why.
    pub(super) fn say_refused(&mut self, desk: &mut Desk, error: BusError) -> Result<(), BusError> {
        if desk.refusal.is_some() {
            return Ok(());
        }
        let error = self.ledger.explain(error);
        let now = Now::read();
        let mut alert = self.voice.alert(
            AlertKind::BusReadonly,
            SYSTEM_BUS,
            now.wall_secs,
            &format!("readonly-{}", now.mono.0),
        );
        alert.reason = Some(error.to_string().into());
        desk.refusal = Some(Refusal {
            since_ts: now.wall_secs,
            since: now.mono,
            reason: error.to_string(),
        });
        log::error!(
            "writes are refused: {error}. Alerts go out all the same, and are written down when that is possible again"
        );
        desk.notes.push_back(Note::new(alert));
        self.publish_notes(desk);
        Ok(())
    }

    /// Says that writes are taken again, once that is sure.
    pub(super) fn end_refusal(&mut self, desk: &mut Desk) {
        let is_sure = desk
            .taken_since()
            .is_some_and(|since| Mono::now().since(since) >= SURE_AFTER);
        if !is_sure {
            return;
        }
        desk.passing_since = None;
        let Some(refusal) = desk.refusal.take() else {
            return;
        };
        desk.refresh.rewrite = true;
        let after = clock::human(Mono::now().since(refusal.since));
        log::info!("Redis takes writes again, after {after}: what was owed is written");
        self.calls.call(Call::Tell(format!(
            "{SYSTEM_BUS} TAKES WRITES AGAIN, after {after}: what was owed is written"
        )));
    }

    /// What cannot be written is at least heard, by people first: PUBLISH passes even when writes are refused, mostly.
    pub(super) fn publish_owed(&mut self, desk: &mut Desk) {
        self.tell_owed(desk);
        let unheard = desk.owed.iter().filter(|e| !e.published);
        let unheard: Vec<Alert> = unheard.map(|e| e.alert.clone()).collect();
        match self.ledger.publish(&unheard) {
            Ok(()) => desk.owed.iter_mut().for_each(|e| e.published = true),
            Err(error) => log::debug!("{} alerts are not published: {error}", unheard.len()),
        }
        desk.trim();
    }

    pub(super) fn publish_notes(&mut self, desk: &mut Desk) {
        let mut notes = std::mem::take(&mut desk.notes);
        for note in &mut notes {
            if !std::mem::replace(&mut note.told, true) {
                desk.log(&note.alert);
                self.tell_directly(&note.alert);
            }
            if !note.published {
                let published = self.ledger.publish(std::slice::from_ref(&note.alert));
                note.published = published.is_ok();
            }
        }
        desk.notes = notes;
    }

    /// Tells people what is owed and does not stand in the log, from which they would hear of it.
    fn tell_owed(&self, desk: &mut Desk) {
        let mut owed = std::mem::take(&mut desk.owed);
        for entry in owed.iter_mut().filter(|e| !e.told) {
            entry.told = true;
            desk.log(&entry.alert);
            self.tell_directly(&entry.alert);
        }
        desk.owed = owed;
    }

    /// The store does not answer, and beats are heard all the same: a death must not wait for that to end.
    pub(super) fn tell_past_the_bus(&mut self, desk: &mut Desk) {
        let is_long = |since: Mono| Mono::now().since(since) >= UNANSWERED_AFTER;
        if !desk.away_since.is_some_and(is_long) || desk.cut_off {
            return;
        }
        let silent = desk.collect();
        desk.refresh.rewrite |= !silent.is_empty();
        self.tell_owed(desk);
        desk.trim();
    }

    /// The bus is, or is no more, a master that its replicas have left, perhaps for another. Nothing is judged there
    /// until it takes a write; what was judged and not written is judged again.
    pub(super) fn set_cut_off(&self, desk: &mut Desk, is_cut_off: bool) {
        if !desk.set_cut_off(is_cut_off) {
            return;
        }
        if is_cut_off {
            log::error!(
                "{SYSTEM_BUS} is cut off from its replicas: nothing is judged there until it takes a write"
            );
            desk.take_back();
        } else {
            log::info!("{SYSTEM_BUS} takes writes again: it is judged");
        }
    }
}
