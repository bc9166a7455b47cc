//! The thread that writes: it holds the lease, tells transitions, refreshes health keys, and pays what is owed.
//!
//! Nobody who judges waits for it. Transitions stay in their detector until the scribe takes them; what the system bus
//! does not take is kept here, in order, and offered again.

mod lease;
mod others;
mod oversight;
mod records;
mod refusal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, select};

use super::calls::{Call, Calls};
use super::desk::{Desk, Job, PACE, Part};
use crate::bus::BusError;
use crate::clock::Mono;
use crate::contract::{Alert, Health};
use crate::service::{BeatHandle, Error, Progress};
use crate::watch::ledger::{LEASE_RENEW, Ledger, Told};
use crate::watch::voice::Voice;
use crate::watch::write_queue::Stop;
pub use others::Others;

/// The writer's state.
pub struct Scribe {
    pub ledger: Ledger,
    pub beat: BeatHandle,
    /// Readiness is said by the first beat, or by standing by.
    pub service_manager: crate::service::ServiceManager,
    pub jobs: Receiver<Job>,
    /// Transitions wait in some detector.
    pub nudges: Receiver<()>,
    pub calls: Calls,
    /// Whether this is the healer that speaks.
    pub speaking: Arc<AtomicBool>,
    pub voice: Voice,
    pub progress: Progress,
    /// The other healers, while nobody can take the lease.
    pub others: Others,
}

impl Scribe {
    /// Writes until the main loop lets go of the jobs.
    pub fn run(mut self) -> Result<(), Error> {
        let mut desk = Desk::default();
        // Whom to ask the store about is known with the first watches; before that, nothing must be said.
        while desk.watches.is_empty() {
            match self.jobs.recv() {
                Ok(job) => desk.take(job),
                Err(_) => return Ok(()),
            }
        }
        let mut renew = Mono::now();
        let progress = self.progress.clone();
        let mut more = true;
        // Whether the bus answered when the lease was last asked for.
        let mut answers = true;
        // Readers are told of the buses once a second.
        let mut buses_due = true;
        loop {
            let idle_work = buses_due || (desk.refresh.is_due() && !desk.cut_off);
            let wait = if more || (idle_work && self.is_speaking() && answers) {
                Duration::ZERO
            } else {
                renew.since(Mono::now())
            };
            let (jobs, nudges) = (self.jobs.clone(), self.nudges.clone());
            let mut is_news = false;
            more |= select! {
                recv(jobs) -> job => match job {
                    Ok(job) => { desk.take(job); true }
                    Err(_) => break,
                },
                recv(nudges) -> _ => { is_news = true; true },
                default(wait) => false,
            };
            let work = progress.working();
            let now = Mono::now();
            // What was just judged goes first: over a far bus, the lease takes its time.
            let may_wait = is_news && answers && self.is_speaking() && now < renew + LEASE_RENEW;
            if now >= renew && !may_wait {
                desk.say_unlogged();
                answers = self.hold(&mut desk);
                self.end_refusal(&mut desk);
                // From its answer on: over a far bus there is time for the rest, too.
                renew = Mono::now() + LEASE_RENEW;
                desk.plan_refresh();
                buses_due = true;
                // What failed before is offered again.
                more = true;
            }
            if !self.is_speaking() {
                desk.discard();
                more = false;
            } else if !answers {
                // Every wish would wait out its limit, and a stop would wait for all of them.
                self.tell_past_the_bus(&mut desk);
                more = false;
            } else {
                if more {
                    // One piece at a time, however much waits: the lease and a stop do not wait for all of it.
                    more = self.speak(&mut desk).unwrap_or_else(|error| {
                        log::debug!("{} alerts wait: {error}", desk.owed.len());
                        false
                    });
                }
                // Behind the alerts, since no death waits for it; but in the same turn: where the lease takes a second to
                // renew, no turn would have nothing else to do.
                if !more {
                    if std::mem::take(&mut buses_due) {
                        self.write_buses(&mut desk);
                    }
                    if !desk.cut_off {
                        self.refresh(&mut desk);
                    }
                }
            }
            drop(work);
        }
        if self.is_speaking() && self.ledger.commands().is_connected() {
            let _ = self.ledger.release_lease();
        }
        Ok(())
    }

    fn is_speaking(&self) -> bool {
        self.speaking.load(Ordering::SeqCst)
    }

    /// Tells a piece of what waits, oldest first; whether more may wait.
    fn speak(&mut self, desk: &mut Desk) -> Result<bool, BusError> {
        if desk.cut_off {
            // Whoever wrote last may be on the other side: nothing is said of any service.
            desk.take_back();
            self.write_notes(desk)?;
            return Ok(false);
        }
        self.meet(desk)?;
        self.write_notes(desk)?;
        if !self.is_speaking() {
            return Ok(false);
        }
        let silent = desk.collect();
        if !silent.is_empty() {
            self.write_snapshots(desk, &silent);
        }
        if !desk.owed.is_empty() {
            return self.pay(desk);
        }
        desk.taken(Part::Owed);
        let some = desk.forget.len().min(PACE);
        match self.ledger.forget(&desk.forget[..some]) {
            Ok(true) => {
                desk.forget.drain(..some);
            }
            Ok(false) => self.fall_silent(desk),
            Err(error) => return self.refused(desk, Part::Forget, error).map(|()| false),
        }
        desk.taken(Part::Forget);
        let unwritten = self.is_speaking() && self.write_unheard(desk)?;
        Ok(unwritten || !desk.forget.is_empty())
    }

    fn write_notes(&mut self, desk: &mut Desk) -> Result<(), BusError> {
        while let Some(note) = desk.notes.front() {
            match self.ledger.note(&note.alert, note.published)? {
                Told::Refused(error) => {
                    self.publish_notes(desk);
                    return self.refused(desk, Part::Notes, error);
                }
                Told::Fenced => {
                    self.fall_silent(desk);
                    return Ok(());
                }
                Told::Done { .. } | Told::Already | Told::Conflict { .. } => {
                    if let Some(note) = desk.notes.pop_front()
                        && !note.told
                    {
                        desk.log(&note.alert);
                    }
                }
            }
        }
        desk.taken(Part::Notes);
        Ok(())
    }

    /// Offers what is owed. False when it is refused, or when this healer speaks no more.
    fn pay(&mut self, desk: &mut Desk) -> Result<bool, BusError> {
        // One is enough to find out whether writes are still refused.
        let pace = if desk.is_refused() { 1 } else { PACE };
        let told = self.ledger.tell(desk.owed.offer(pace))?;
        let answered = desk.owed.answered(told.into_iter().map(Told::into_outcome));
        for entry in answered.written {
            if !(entry.published || entry.told) {
                desk.log(&entry.alert);
            }
        }
        for entry in answered.conflicting {
            self.settle(desk, &entry)?;
        }
        match answered.stopped {
            None => {}
            Some(Stop::Fenced) => {
                self.fall_silent(desk);
                return Ok(false);
            }
            Some(Stop::Refused(error)) => {
                if !error.is_cut_off() {
                    self.publish_owed(desk);
                }
                self.refused(desk, Part::Owed, error)?;
                return Ok(false);
            }
        }
        desk.taken(Part::Owed);
        Ok(true)
    }

    /// The loop starts or stops telling people.
    fn say_look(&self) {
        self.calls.look();
    }

    /// The log cannot carry it, so that people would not hear of it from there in time.
    fn tell_directly(&self, alert: &Alert) {
        self.calls.call(Call::TellDirectly(Box::new(alert.clone())));
    }

    /// Writes a few of the snapshots that are due: no transition waits longer for them than these few take.
    fn refresh(&mut self, desk: &mut Desk) {
        let snapshots = desk.due_snapshots();
        self.write_snapshots(desk, &snapshots);
    }

    fn write_snapshots(&mut self, desk: &mut Desk, snapshots: &[Health]) {
        match self.ledger.refresh(snapshots) {
            Ok(true) if snapshots.is_empty() => {}
            Ok(true) => desk.taken(Part::Refresh),
            Ok(false) => self.fall_silent(desk),
            Err(error) => {
                log::debug!("health keys are not refreshed: {error}");
                desk.refresh.fail();
                if !error.is_connection_lost() {
                    // Tried again each second: that it is over shall not be noticed a minute later.
                    desk.refresh.rewrite = true;
                    let _ = self.refused(desk, Part::Refresh, error);
                }
            }
        }
    }
}

/// How long the scribe may be at one thing.
pub const WORK_BUDGET: Duration = Duration::from_secs(20);
