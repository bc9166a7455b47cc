//! What is written in a turn: notes, transitions, and what is to be forgotten.

use std::collections::HashSet;
use std::ops::Range;

use log::Level;

use super::agenda::{Asked, Part, Step};
use super::command::{Command, Meeting, Records, Whose};
use super::{PACE, Writer};
use crate::bus::BusError;
use crate::contract::Health;
use crate::watch::alert_store::{AlertEntry, Told};
use crate::watch::write_queue::Stop;

impl Writer {
    /// Tells a piece of what waits, oldest first.
    pub(super) fn speak(&mut self) {
        if !self.is_speaking {
            self.discard();
            self.has_more = false;
            return;
        }
        if !self.answers {
            // Every wish would wait out its limit, and a stop would wait for all of them.
            self.has_more = false;
            if self.is_unanswered_for_long() {
                self.ask(Asked::Collected { past: true }, Command::Collect);
            }
            return;
        }
        self.next([Step::Upkeep]);
        if !std::mem::take(&mut self.has_more) {
            return;
        }
        if self.cut_off {
            // Whoever wrote last may be on the other side: nothing is said of any service.
            self.take_back();
            return self.next([Step::Notes]);
        }
        self.next([
            Step::Meet,
            Step::Notes,
            Step::Settle,
            Step::Collect,
            Step::Owed,
            Step::Forget,
            Step::Unheard,
        ]);
    }

    /// What was to be written of this turn is not.
    pub(super) fn stop_turn(&mut self) {
        self.agenda.retain(|step| !step.is_of_speaking());
        self.has_more = false;
    }

    fn give_up_turn(&mut self, error: &BusError) {
        let count = self.owed.len();
        self.log(Level::Debug, format!("{count} alerts wait: {error}"));
        self.stop_turn();
        self.unanswered();
    }

    /// Another holds the lease, as a write found out.
    fn be_fenced(&mut self) {
        self.fall_silent();
        self.stop_turn();
    }

    /// Services that are watched anew may have a past, on another bus or in an earlier truth.
    pub(super) fn meet(&mut self) {
        if self.met.is_empty() {
            return;
        }
        let met = std::mem::take(&mut self.met);
        let records = self.records(Whose::Met(met.clone()), false);
        self.ask(Asked::Met(met), Command::Records(records));
    }

    /// The question for these records.
    pub(super) fn records(&self, whose: Whose, settles: bool) -> Records {
        let owed = match settles {
            true => HashSet::new(),
            false => self.owed.iter().map(|e| e.health.svc.clone()).collect(),
        };
        // Those that are yet to be met are among all.
        let met = match &whose {
            Whose::Met(met) => met.as_slice(),
            _ => &self.met,
        };
        let named_anew = met.iter().filter(|meeting| meeting.are_named_anew);
        let named_anew = named_anew.flat_map(|meeting| meeting.names.iter().cloned());
        Records {
            named_anew: named_anew.collect(),
            whose,
            settles,
            // One that is alone believes the record, whatever it said before.
            spoke: self.is_speaking && !self.is_alone,
            owed,
        }
    }

    pub(super) fn have_met(&mut self, met: Vec<Meeting>, done: &Result<(), BusError>) {
        if let Err(error) = done {
            // They are met as soon as the bus answers.
            self.met.splice(0..0, met);
            self.give_up_turn(error);
        }
    }

    pub(super) fn write_notes(&mut self) {
        let Some(note) = self.notes.front() else {
            return self.taken(Part::Notes);
        };
        let (alert, published) = (Box::new(note.alert.clone()), note.published);
        self.ask(Asked::Noted, Command::Note { alert, published });
    }

    pub(super) fn noted(&mut self, told: Result<Told, BusError>) {
        match told {
            Err(error) => self.give_up_turn(&error),
            Ok(Told::Refused(error)) => {
                self.next([Step::PublishNotes, Step::Refused(Part::Notes, error)]);
            }
            Ok(Told::Fenced) => self.be_fenced(),
            Ok(Told::Done { .. } | Told::Already | Told::Conflict { .. }) => {
                self.has_answered();
                if let Some(note) = self.notes.pop_front() {
                    if !note.told {
                        self.log_alert(&note.alert);
                    }
                    self.written(&note.alert, note.published);
                    self.say(Command::Written(vec![note.alert]));
                }
                self.next([Step::Notes]);
            }
        }
    }

    pub(super) fn collect(&mut self) {
        // While writes are refused, what is owed only grows; new deaths are published all the same.
        if self.owed.len() < PACE || self.is_refused() {
            self.ask(Asked::Collected { past: false }, Command::Collect);
        }
    }

    pub(super) fn collected(&mut self, past: bool, entries: Vec<AlertEntry>, silent: Vec<Health>) {
        for entry in entries {
            self.owed.push(entry);
        }
        if past {
            self.refresh.rewrite |= !silent.is_empty();
            self.tell_owed();
            self.trim();
        } else if !silent.is_empty() {
            self.ask(Asked::Refreshed, Command::Refresh(silent));
        }
    }

    /// Offers what is owed.
    pub(super) fn pay(&mut self) {
        if !self.is_speaking {
            return self.stop_turn();
        }
        if self.owed.is_empty() {
            return self.taken(Part::Owed);
        }
        // One is enough to find out whether writes are still refused.
        let pace = if self.is_refused() { 1 } else { PACE };
        let count = pace.min(self.owed.len());
        self.ask(Asked::Told, Command::Tell { count });
    }

    pub(super) fn told(&mut self, told: Result<Vec<Told>, BusError>) {
        let told = match told {
            Ok(told) => told,
            // Perhaps it is written, perhaps not: it is offered again, and the store compares.
            Err(error) => return self.give_up_turn(&error),
        };
        self.has_answered();
        let answered = self.owed.answered(told.into_iter().map(Told::into_outcome));
        for entry in &answered.written {
            if !(entry.published || entry.told) {
                self.log_alert(&entry.alert);
            }
            self.written(&entry.alert, entry.published);
        }
        if !answered.written.is_empty() {
            let written = answered.written.into_iter().map(|entry| entry.alert);
            self.say(Command::Written(written.collect()));
        }
        let spoken = answered.conflicting.into_iter();
        self.spoken
            .extend(spoken.map(|entry| (entry.alert.bus, entry.health.svc)));
        self.next([Step::Settle, Step::Paid(answered.stopped)]);
    }

    /// Somebody else has spoken about services: its word is taken in.
    pub(super) fn settle(&mut self) {
        if self.spoken.is_empty() {
            return;
        }
        let records = self.records(Whose::Spoken(self.spoken.clone()), true);
        self.ask(Asked::Settled, Command::Records(records));
    }

    pub(super) fn settled(&mut self, done: &Result<(), BusError>) {
        match done {
            Ok(()) => self.spoken.clear(),
            Err(error) => self.give_up_turn(error),
        }
    }

    /// What was offered is answered: the rest of the turn is the next one's.
    pub(super) fn paid(&mut self, stop: Option<Stop<BusError>>) {
        self.stop_turn();
        match stop {
            None => {
                self.taken(Part::Owed);
                self.has_more = true;
            }
            Some(Stop::Fenced) => self.fall_silent(),
            Some(Stop::Refused(error)) => {
                let is_cut_off = error.is_cut_off();
                self.next([Step::Refused(Part::Owed, error)]);
                if !is_cut_off {
                    self.next([Step::PublishOwed, Step::ShowOwed]);
                }
            }
        }
    }

    pub(super) fn forget(&mut self) {
        let count = self.forget.len().min(PACE);
        if count == 0 {
            return self.taken(Part::Forget);
        }
        let some: Vec<Box<str>> = self.forget.drain(..count).collect();
        self.ask(Asked::Forgotten(some.clone()), Command::Forget(some));
    }

    pub(super) fn forgotten(&mut self, names: Vec<Box<str>>, done: Result<bool, BusError>) {
        match done {
            Ok(true) => {
                self.taken(Part::Forget);
                self.has_more |= !self.forget.is_empty();
            }
            Ok(false) => self.be_fenced(),
            Err(error) => {
                self.forget.extend(names);
                self.stop_turn();
                self.refused(Part::Forget, error);
            }
        }
    }

    /// Writes that a few more of those whom nobody hears are `unknown`. A green of before would be worth nothing.
    pub(super) fn write_unheard(&mut self) {
        let due = self.unheard.due(PACE);
        if due.is_empty() {
            return;
        }
        let names = self.unheard.names(due.clone());
        let names = names.into_iter().map(Box::from).collect();
        self.ask(Asked::Found(due), Command::Read(names));
    }

    pub(super) fn unheard_found(
        &mut self,
        due: Range<usize>,
        found: Result<Vec<Option<Health>>, BusError>,
    ) {
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.give_up_turn(&error),
        };
        let now_ts = self.now.wall_secs;
        let each = due.clone().zip(&found);
        let snapshots: Vec<Health> = each
            .filter_map(|(nth, found)| self.unheard.snapshot(nth, found.as_ref(), now_ts))
            .collect();
        match snapshots.is_empty() {
            true => self.unheard_written(due.end, Ok(true)),
            false => self.ask(Asked::UnheardWritten(due.end), Command::Refresh(snapshots)),
        }
    }

    pub(super) fn unheard_written(&mut self, end: usize, done: Result<bool, BusError>) {
        match done {
            Ok(true) => {
                self.unheard.done(end);
                self.has_more = true;
            }
            Ok(false) => self.be_fenced(),
            Err(error) => self.give_up_turn(&error),
        }
    }
}
