//! What the sentinel has to say, told in order and owed until it is.

use std::collections::VecDeque;
use std::time::Duration;

use super::names::{HEALER, IDLE, SENTINEL};
use crate::bus::{Address, BusError};
use crate::clock::{self, Mono, Now};
use crate::contract::{Alert, AlertKind, SYSTEM_BUS, Status};
use crate::notify::Notifier;
use crate::watch::detector::{Detector, Transition};
use crate::watch::ledger::{Entry, Ledger, Told};
use crate::watch::senders;
use crate::watch::unheard::Unheard;
use crate::watch::voice::{Voice, record};

/// Alerts that may wait for a bus that takes them; beyond, the oldest goes.
const OWED_MAX: usize = 256;
/// How often the stored snapshot is refreshed.
const REFRESH_EVERY: Duration = Duration::from_secs(60);
/// A record that is older does not keep a death from being told again.
const STALE_AFTER_SEC: i64 = 600;

/// When the store does not answer for so long while beats are heard, people are told past it.
const UNANSWERED_AFTER: Duration = Duration::from_secs(6);

/// The ledger, and what it has not taken yet.
pub(super) struct Telling {
    ledger: Ledger,
    voice: Voice,
    owed: VecDeque<Entry>,
    /// Alerts that are not about the healer.
    notes: VecDeque<Note>,
    /// Numbers them.
    noted: u32,
    /// The healer, while its bus cannot be known.
    unheard: Unheard,
    /// When the stored snapshot is refreshed next.
    refresh_at: Mono,
    /// Writes are refused, and that was said.
    refused: bool,
    /// Since when the store does not answer.
    away_since: Option<Mono>,
    /// The bus is a master that its replicas have left: what people were told instead of a verdict.
    cut_off: Option<Alert>,
}

/// An alert that is not about the healer.
struct Note {
    alert: Alert,
    published: bool,
    told: bool,
}

impl Telling {
    pub fn new(ledger: Ledger, voice: Voice) -> Telling {
        let refresh_at = Mono::now() + REFRESH_EVERY;
        Telling {
            ledger,
            voice,
            owed: VecDeque::new(),
            notes: VecDeque::new(),
            noted: 0,
            unheard: Unheard::default(),
            refresh_at,
            refused: false,
            away_since: None,
            cut_off: None,
        }
    }

    /// The stored snapshot may be lost: it is written with the next turn.
    pub fn refresh_now(&mut self) {
        self.refresh_at = Mono::now();
    }

    /// Takes on a transition of the healer, whose bus is at `address`.
    pub fn owe(&mut self, transition: &Transition, address: &Address) {
        if let Some(mut entry) = self.voice.entry(transition) {
            if entry.alert.kind == AlertKind::DuplicateInstance {
                entry.alert.reason = senders::elsewhere(address, HEALER).map(Into::into);
            }
            if self.owed.len() == OWED_MAX {
                self.owed.pop_front();
            }
            self.owed.push_back(entry);
        }
    }

    /// The healer is in it while nobody can hear it: then its snapshot says so.
    pub fn set_unheard(&mut self, unheard: Unheard) {
        self.unheard = unheard;
        self.refresh_now();
    }

    /// Takes on an alert about the settings, in the sentinel's own name.
    pub fn note(&mut self, kind: AlertKind, reason: Option<String>) {
        self.noted += 1;
        let number = format!("note-{}", self.noted);
        let ts = clock::wall_secs();
        let mut alert = self.voice.alert(kind, SENTINEL, ts, &number);
        alert.reason = reason.map(Into::into);
        say(&alert);
        if self.notes.len() == OWED_MAX {
            self.notes.pop_front();
        }
        self.notes.push_back(Note {
            alert,
            published: false,
            told: false,
        });
    }

    /// Tells what is owed, in order, and keeps the stored snapshot fresh.
    pub fn pay(&mut self, detector: &mut Detector, notifier: &Notifier) {
        if let Err(error) = self.pay_notes() {
            self.not_taken(error, detector, notifier);
        }
        if self.cut_off.is_some() && !self.is_joined(detector) {
            return;
        }
        while let Some(entry) = self.owed.front() {
            let told = self.ledger.tell(std::slice::from_ref(entry));
            match told.map(|mut told| told.pop()) {
                Ok(Some(Told::Conflict { .. })) => {
                    // Another sentinel has spoken: take its word, and go on from there.
                    self.owed.pop_front();
                    if let Err(error) = self.seed(detector) {
                        log::warn!("{error}");
                    }
                }
                Ok(Some(Told::Refused(error))) | Err(error) => {
                    return self.not_taken(error, detector, notifier);
                }
                Ok(_) => {
                    self.taken();
                    if let Some(entry) = self.owed.pop_front()
                        && !entry.told
                    {
                        say(&entry.alert);
                    }
                }
            }
        }
        if self.unheard.is_empty() {
            return self.refresh(detector, notifier);
        }
        if let Err(error) = self.write_unheard() {
            log::debug!("the snapshot of the healer is not written: {error}");
        }
    }

    fn refresh(&mut self, detector: &mut Detector, notifier: &Notifier) {
        let now = Mono::now();
        let mut snapshots = Vec::new();
        detector.unwritten(1, &mut snapshots);
        if now >= self.refresh_at {
            self.refresh_at = now + REFRESH_EVERY;
            detector.refresh(1, &mut snapshots);
            if snapshots.is_empty() {
                // It was not heard yet.
                self.refresh_at = now + IDLE;
            }
        }
        let health: Vec<_> = snapshots
            .iter()
            .map(|s| self.voice.health(s, Now::at(now)))
            .collect();
        match self.ledger.refresh(&health) {
            Ok(_) if health.is_empty() => {}
            Ok(_) => self.taken(),
            Err(error) => {
                log::debug!("the snapshot of the healer was not refreshed: {error}");
                self.refresh_at = now + IDLE;
                self.not_taken(error, detector, notifier);
            }
        }
    }

    fn taken(&mut self) {
        self.away_since = None;
        if std::mem::take(&mut self.refused) {
            log::info!("Redis takes writes again");
        }
    }

    /// The store did not take what it was offered: people are told all the same, unless the bus may be one that
    /// everybody has left.
    fn not_taken(&mut self, error: BusError, detector: &mut Detector, notifier: &Notifier) {
        if error.is_cut_off() {
            self.take_back(&error, detector, notifier);
        } else if error.is_connection_lost() {
            log::debug!("an alert waits: {error}");
            let since = *self.away_since.get_or_insert_with(Mono::now);
            if Mono::now().since(since) < UNANSWERED_AFTER {
                return;
            }
        } else if !std::mem::replace(&mut self.refused, true) {
            let error = self.ledger.explain(error.clone());
            log::error!(
                "writes are refused: {error}. Alerts go out all the same, and are written down when that is possible again"
            );
        }
        for entry in self.owed.iter_mut().filter(|entry| !entry.told) {
            say(&entry.alert);
            // The log cannot carry it to people now.
            entry.told = true;
            notifier.tell_out_of_band(&entry.alert);
        }
        for note in self.notes.iter_mut().filter(|note| !note.told) {
            note.told = true;
            notifier.tell_out_of_band(&note.alert);
        }
        if error.is_connection_lost() {
            return;
        }
        let owed = self.owed.iter_mut().map(|e| (&e.alert, &mut e.published));
        let notes = self.notes.iter_mut().map(|n| (&n.alert, &mut n.published));
        for (alert, published) in owed.chain(notes).filter(|(_, published)| !**published) {
            *published = self.ledger.publish(std::slice::from_ref(alert)).is_ok();
        }
    }

    /// Nothing is judged on a master that its replicas have left: the healer may have left it with them. People hear
    /// that, once, and no verdict.
    fn take_back(&mut self, error: &BusError, detector: &mut Detector, notifier: &Notifier) {
        self.owed.clear();
        if self.cut_off.is_some() {
            return;
        }
        detector.set_cut_off(true, Now::read());
        let now = Now::read();
        let number = format!("cut-off-{}", now.mono.0);
        let mut alert =
            self.voice
                .alert(AlertKind::BusUnstable, SYSTEM_BUS, now.wall_secs, &number);
        alert.bus = Some(SYSTEM_BUS.to_owned());
        alert.reason = Some(format!("the healer cannot be judged: {error}").into());
        say(&alert);
        notifier.tell_out_of_band(&alert);
        if let Err(error) = self.ledger.publish(std::slice::from_ref(&alert)) {
            log::debug!("it is not published: {error}");
        }
        self.cut_off = Some(alert);
    }

    /// Offers what was told of the cut-off bus to the log. Once that takes it, the healer is judged again, by the record.
    fn is_joined(&mut self, detector: &mut Detector) -> bool {
        self.owed.clear();
        let Some(alert) = &self.cut_off else {
            return true;
        };
        match self.ledger.note(alert, true) {
            Ok(Told::Refused(error)) | Err(error) => {
                log::debug!("not yet: {error}");
                // Another refusal than that is none of a server that everybody has left.
                if error.is_cut_off() || !error.is_refusal() {
                    return false;
                }
            }
            Ok(_) => {}
        }
        match self.seed(detector) {
            Ok(()) => {
                self.cut_off = None;
                self.refresh_now();
                detector.set_cut_off(false, Now::read());
                log::info!("{SYSTEM_BUS} takes writes again: the healer is judged");
                true
            }
            Err(error) => {
                log::warn!("{error}");
                false
            }
        }
    }

    fn pay_notes(&mut self) -> Result<(), BusError> {
        while let Some(note) = self.notes.front() {
            if let Told::Refused(error) = self.ledger.note(&note.alert, note.published)? {
                return Err(error);
            }
            self.notes.pop_front();
            self.taken();
        }
        Ok(())
    }

    fn write_unheard(&mut self) -> Result<(), BusError> {
        for nth in self.unheard.due(1) {
            let found = self.ledger.health(&[HEALER])?.pop().flatten();
            let snapshot = self
                .unheard
                .snapshot(nth, found.as_ref(), clock::wall_secs());
            self.ledger.refresh(snapshot.as_slice())?;
            self.unheard.done(nth + 1);
        }
        Ok(())
    }

    /// Takes in what the store knows of the healer.
    pub fn seed(&mut self, detector: &mut Detector) -> Result<(), BusError> {
        let now = Now::read();
        let found = self.ledger.health(&[HEALER])?.pop().flatten();
        let stale = found
            .as_ref()
            .is_some_and(|h| now.wall_secs - h.as_of_ts > STALE_AFTER_SEC);
        let record = record(found.as_ref(), stale);
        if record.status == Some(Status::Down) {
            log::info!("the healer was told to be down before: that is not told again");
        }
        detector.seed(HEALER, &record, now);
        Ok(())
    }
}

fn say(alert: &Alert) {
    let text = alert.to_json();
    match alert.kind.ends() {
        Some(_) => log::info!("{text}"),
        None => log::error!("{text}"),
    }
}
