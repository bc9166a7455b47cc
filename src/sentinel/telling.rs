//! What the sentinel has to say, told in order and owed until it is.

use std::collections::VecDeque;
use std::time::Duration;

use super::{HEALER, IDLE, SENTINEL, at};
use crate::bus::{Address, BusError};
use crate::clock::{self, Mono};
use crate::contract::{Alert, AlertKind, Status};
use crate::healer::detector::{Detector, Transition};
use crate::healer::ledger::{Entry, Ledger, Told};
use crate::healer::senders;
use crate::healer::unheard::Unheard;
use crate::healer::voice::{Voice, record};
use crate::notify::Notifier;

/// Alerts that may wait for a bus that takes them; beyond, the oldest goes.
const OWED_MAX: usize = 256;
/// How often the stored snapshot is refreshed.
const REFRESH_EVERY: Duration = Duration::from_secs(60);
/// A record that is older does not keep a death from being told again.
const STALE_AFTER_SEC: i64 = 600;

/// The ledger, and what it has not taken yet.
pub(super) struct Telling {
    ledger: Ledger,
    voice: Voice,
    owed: VecDeque<Entry>,
    /// Alerts that are not about the healer, and whether they are published already.
    notes: VecDeque<(Alert, bool)>,
    /// Numbers them.
    noted: u32,
    /// The healer, while its bus cannot be known.
    unheard: Unheard,
    /// When the stored snapshot is refreshed next.
    refresh_at: Mono,
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
                entry.alert.reason = senders::elsewhere(address, HEALER);
            }
            say(&entry.alert);
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
        alert.reason = reason;
        say(&alert);
        if self.notes.len() == OWED_MAX {
            self.notes.pop_front();
        }
        self.notes.push_back((alert, false));
    }

    /// Tells what is owed, in order, and keeps the stored snapshot fresh.
    pub fn pay(&mut self, detector: &mut Detector, notifier: &Notifier) {
        if let Err(error) = self.pay_notes(notifier) {
            log::debug!("an alert waits: {error}");
            return;
        }
        while let Some(entry) = self.owed.front_mut() {
            match self
                .ledger
                .tell(std::slice::from_ref(entry))
                .map(|mut told| told.pop())
            {
                Ok(Some(Told::Conflict { .. })) => {
                    // Another sentinel has spoken: take its word, and go on from there.
                    self.owed.pop_front();
                    if let Err(error) = self.seed(detector) {
                        log::warn!("{error}");
                    }
                }
                Ok(Some(Told::Refused(error))) => {
                    if !entry.published {
                        log::error!(
                            "{error}: the alert goes out, and is written down when that is possible again"
                        );
                        entry.published = self
                            .ledger
                            .publish(std::slice::from_ref(&entry.alert))
                            .is_ok();
                        // The log cannot carry it to people now.
                        notifier.tell_out_of_band(&entry.alert);
                    }
                    return;
                }
                Ok(_) => {
                    self.owed.pop_front();
                }
                Err(error) => {
                    log::debug!("an alert waits: {error}");
                    return;
                }
            }
        }
        if !self.unheard.is_empty() {
            if let Err(error) = self.write_unheard() {
                log::debug!("the snapshot of the healer is not written: {error}");
            }
            return;
        }
        let now = Mono::now();
        let mut snapshots = Vec::new();
        detector.unwritten(1, &mut snapshots);
        if now >= self.refresh_at {
            self.refresh_at = now + REFRESH_EVERY;
            detector.refresh(1, &mut snapshots);
        }
        let health: Vec<_> = snapshots
            .iter()
            .map(|s| self.voice.health(s, at(now)))
            .collect();
        if let Err(error) = self.ledger.refresh(&health) {
            log::debug!("the snapshot of the healer was not refreshed: {error}");
            self.refresh_at = now + IDLE;
        }
    }

    fn pay_notes(&mut self, notifier: &Notifier) -> Result<(), BusError> {
        while let Some((alert, published)) = self.notes.front_mut() {
            if let Told::Refused(error) = self.ledger.note(alert, *published)? {
                if !*published {
                    log::error!("{error}: the alert goes out unwritten");
                    self.ledger.publish(std::slice::from_ref(alert))?;
                    *published = true;
                    notifier.tell_out_of_band(alert);
                }
                return Ok(());
            }
            self.notes.pop_front();
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
        let now = at(Mono::now());
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
    match alert.kind {
        AlertKind::HealerOk | AlertKind::Steady => log::info!("{text}"),
        _ => log::error!("{text}"),
    }
}
