//! The store answers, and takes no writes: everybody hears of everything all the same.

use std::time::Duration;

use log::Level;

use super::agenda::{Asked, Part, Step, Wanted};
use super::command::Command;
use super::{PACE, Writer};
use crate::bus::BusError;
use crate::clock::{self, Mono};
use crate::contract::{Alert, AlertKind, SYSTEM_BUS};
use crate::watch::alert_store::{LEASE, LEASE_RENEW};

/// A server that does not do something *yet* has so long before that is called a refusal.
const PASSES_WITHIN: Duration = Duration::from_secs(5);
/// Writes must be taken for so long before that is told: a server at its limit takes some and refuses others.
const SURE_AFTER: Duration = Duration::from_secs(5);
/// When the store does not answer for so long while beats are heard, people are told past it.
const UNANSWERED_AFTER: Duration = LEASE.saturating_add(LEASE_RENEW);
/// Entries that may be owed; beyond, only the latest of each service is kept.
const OWED_MAX: usize = 10_000;
/// Services that may be owed something; beyond, those that waited longest are dropped.
const OWED_SERVICES_MAX: usize = 50_000;
/// Alerts that are written and may wait to be published; beyond, the oldest goes.
const UNPUBLISHED_MAX: usize = 256;

/// The store answers, but takes no writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Wall time at which it began.
    pub(super) since_ts: i64,
    pub(super) since: Mono,
    /// Why, in words.
    pub(super) reason: String,
}

/// An alert about no service.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) alert: Alert,
    /// The channel has it.
    pub(super) published: bool,
    /// People were told of it past the bus.
    pub(super) told: bool,
}

impl Note {
    pub(super) fn new(alert: Alert) -> Note {
        Note {
            alert,
            published: false,
            told: false,
        }
    }
}

impl Writer {
    /// A write was refused: says so when that is news.
    pub(super) fn refused(&mut self, part: Part, error: BusError) {
        if error.is_connection_lost() {
            return self.log(Level::Debug, format!("a write waits: {error}"));
        }
        if error.is_cut_off() {
            self.set_cut_off(Some(&error));
        }
        self.parts.insert(part);
        self.taken_since = None;
        let now = self.now.mono;
        let is_passing =
            error.is_passing() && now.since(*self.passing_since.get_or_insert(now)) < PASSES_WITHIN;
        if !is_passing && self.refusal.is_none() {
            self.next([Step::SayRefused(error)]);
        }
    }

    /// Says, once, that writes are refused and why.
    pub(super) fn say_refused(&mut self, error: BusError) {
        if self.refusal.is_none() {
            self.ask(Asked::Explained(Wanted::Refusal), Command::Explain(error));
        }
    }

    pub(super) fn explained(&mut self, wanted: Wanted, error: &BusError) {
        match wanted {
            Wanted::Barred => self.log(Level::Error, format!("the lease cannot be taken: {error}")),
            Wanted::Refusal => self.tell_refusal(error),
        }
    }

    fn tell_refusal(&mut self, error: &BusError) {
        let now = self.now;
        self.refusal = Some(Refusal {
            since_ts: now.wall_secs,
            since: now.mono,
            reason: error.to_string(),
        });
        self.log(
            Level::Error,
            format!(
                "writes are refused: {error}. Alerts go out all the same, and are written down when that is possible again"
            ),
        );
        if self.is_alone {
            return;
        }
        let number = format!("readonly-{}", now.mono.0);
        let mut alert = self.alert(AlertKind::BusReadonly, SYSTEM_BUS, &number);
        alert.reason = Some(error.to_string().into());
        self.notes.push_back(Note::new(alert));
        self.next([Step::PublishNotes]);
    }

    /// Says that writes are taken again, once that is sure.
    pub(super) fn end_refusal(&mut self) {
        let now = self.now.mono;
        let is_sure = |since: Mono| now.since(since) >= SURE_AFTER;
        if !self.taken_since.is_some_and(is_sure) {
            return;
        }
        self.passing_since = None;
        let Some(refusal) = self.refusal.take() else {
            return;
        };
        self.refresh.rewrite = true;
        self.hide_due = now;
        let after = clock::human(now.since(refusal.since));
        self.log(
            Level::Info,
            format!("Redis takes writes again, after {after}: what was owed is written"),
        );
        if self.is_alone {
            return;
        }
        self.say(Command::TellWords(format!(
            "{SYSTEM_BUS} TAKES WRITES AGAIN, after {after}: what was owed is written"
        )));
    }

    /// What cannot be written is at least heard, by people first: PUBLISH passes even when writes are refused, mostly.
    pub(super) fn publish_owed(&mut self) {
        self.tell_owed();
        let unheard = self.owed.iter().filter(|e| !e.published);
        let unheard: Vec<Alert> = unheard.map(|e| e.alert.clone()).collect();
        if unheard.is_empty() {
            return self.trim();
        }
        self.ask(Asked::OwedPublished, Command::Publish(unheard));
    }

    pub(super) fn owed_published(&mut self, done: &Result<(), BusError>) {
        match done {
            Ok(()) => self.owed.iter_mut().for_each(|e| e.published = true),
            Err(error) => self.not_published(error),
        }
        self.trim();
    }

    fn not_published(&mut self, error: &BusError) {
        self.log(Level::Debug, format!("alerts are not published: {error}"));
        if error.is_refusal() {
            self.parts.insert(Part::Publish);
        }
    }

    /// What is not in the log shows in the health keys, if they can be written.
    pub(super) fn show_owed(&mut self) {
        if !self.unshown.is_empty() {
            let unshown = std::mem::take(&mut self.unshown);
            self.ask(Asked::Shown, Command::Refresh(unshown));
        }
    }

    pub(super) fn shown(&mut self, done: Result<bool, BusError>) {
        match done {
            Ok(true) => {}
            Ok(false) => self.fall_silent(),
            Err(error) => {
                // What stands there is wrong, however fresh it is.
                if let Some(refusal) = &mut self.refusal {
                    refusal.since_ts = self.now.wall_secs;
                }
                self.log(Level::Debug, format!("deaths are not shown: {error}"));
            }
        }
    }

    /// These stand in the log now.
    pub(super) fn written(&mut self, alert: &Alert, published: bool) {
        if published || !self.parts.contains(&Part::Publish) {
            return;
        }
        if self.unpublished.len() == UNPUBLISHED_MAX {
            self.unpublished.pop_front();
        }
        self.unpublished.push_back(alert.clone());
    }

    /// Publishes what could not be published when it was written.
    pub(super) fn republish(&mut self) {
        if self.unpublished.is_empty() {
            let waits = self.owed.iter().any(|entry| !entry.published)
                || self.notes.iter().any(|note| !note.published);
            if !waits {
                self.taken(Part::Publish);
            }
            return;
        }
        let alerts = self.unpublished.iter().cloned().collect();
        self.ask(Asked::Republished, Command::Publish(alerts));
    }

    pub(super) fn republished(&mut self, done: &Result<(), BusError>) {
        match done {
            Ok(()) => {
                self.unpublished.clear();
                self.taken(Part::Publish);
            }
            Err(error) => self.not_published(error),
        }
    }

    /// Tells people what stands in no log yet.
    pub(super) fn tell_notes(&mut self) {
        let mut notes = std::mem::take(&mut self.notes);
        for note in notes.iter_mut().filter(|note| !note.told) {
            note.told = true;
            self.log_alert(&note.alert);
            self.say(Command::TellPeople(Box::new(note.alert.clone())));
        }
        self.notes = notes;
    }

    pub(super) fn publish_notes(&mut self) {
        self.tell_notes();
        let unheard = self.notes.iter().filter(|note| !note.published);
        let unheard: Vec<Alert> = unheard.map(|note| note.alert.clone()).collect();
        if !unheard.is_empty() {
            let ids = unheard.iter().map(|alert| alert.id.clone()).collect();
            self.ask(Asked::NotesPublished(ids), Command::Publish(unheard));
        }
    }

    pub(super) fn notes_published(&mut self, ids: &[String], done: &Result<(), BusError>) {
        let published = self.notes.iter_mut();
        for note in published.filter(|note| done.is_ok() && ids.contains(&note.alert.id)) {
            note.published = true;
        }
        if let Err(error) = done {
            self.not_published(error);
        }
    }

    /// Tells people what is owed and does not stand in the log, from which they would hear of it.
    pub(super) fn tell_owed(&mut self) {
        let mut owed = std::mem::take(&mut self.owed);
        for entry in owed.iter_mut().filter(|e| !e.told) {
            entry.told = true;
            self.log_alert(&entry.alert);
            if self.unshown.len() < PACE {
                self.unshown.push(entry.health.clone());
            }
            self.say(Command::TellPeople(Box::new(entry.alert.clone())));
        }
        self.owed = owed;
    }

    /// The store does not answer, and beats are heard all the same: a death must not wait for that to end.
    pub(super) fn is_unanswered_for_long(&self) -> bool {
        let is_long = |since: Mono| self.now.mono.since(since) >= UNANSWERED_AFTER;
        self.away_since.is_some_and(is_long) && !self.cut_off
    }

    /// Keeps what is owed within its limits: of each service the latest, following what the store knows; of those, the
    /// youngest. What is dropped shows in the health keys at least, which are then written anew.
    pub(super) fn trim(&mut self) {
        let Some(dropped) = self.owed.trim(OWED_MAX, OWED_SERVICES_MAX) else {
            return;
        };
        self.refresh.rewrite |= dropped > 0;
        let count = self.owed.len();
        self.log(
            Level::Warn,
            format!(
                "writes are refused for long: only the latest state of {count} services is kept"
            ),
        );
    }

    /// The bus is, or is no more, a master that its replicas have left, perhaps for another. Nothing is judged there
    /// until it takes a write; what was judged and not written is judged again.
    pub(super) fn set_cut_off(&mut self, reason: Option<&BusError>) {
        let is_cut_off = reason.is_some();
        if std::mem::replace(&mut self.cut_off, is_cut_off) == is_cut_off {
            return;
        }
        self.say(Command::CutOff(is_cut_off));
        let Some(reason) = reason else {
            return self.log(
                Level::Info,
                format!("{SYSTEM_BUS} takes writes again: it is judged"),
            );
        };
        self.log(
            Level::Error,
            format!(
                "{SYSTEM_BUS} is cut off from its replicas: nothing is judged there until it takes a write"
            ),
        );
        self.take_back();
        if self.is_alone {
            self.say_cut_off(reason);
        }
    }

    /// What was judged and is not written is as good as not judged; the record is read again before anything is said.
    pub(super) fn take_back(&mut self) {
        self.say(Command::Discard);
        self.owed.clear();
        (self.must_seed, self.settles) = (true, true);
    }

    /// A write of this part was taken, or there is none to make.
    pub(super) fn taken(&mut self, part: Part) {
        self.parts.remove(&part);
        if self.parts.is_empty() {
            self.taken_since.get_or_insert(self.now.mono);
        }
    }

    /// Whether some write was refused when it was last tried.
    pub(super) fn is_refused(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Another speaks now, and finds out for itself.
    pub(super) fn forget_refusal(&mut self) {
        self.refusal = None;
        self.passing_since = None;
        self.parts.clear();
        self.unpublished.clear();
        self.unshown.clear();
    }
}
