//! The thread that writes: it holds the lease, tells transitions, refreshes health keys, and pays what is owed.
//!
//! Nobody who judges waits for it. Transitions stay in their detector until the scribe takes them; what the system bus
//! does not take is kept here, in order, and offered again.

mod oversight;
mod records;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, select};

use super::calls::{Call, Calls};
use super::desk::{Desk, Job, PACE, Patience, Refusal};
use super::ledger::{LEASE, LEASE_RENEW, Lease, Ledger, Told};
use super::voice::Voice;
use super::watch::now;
use crate::bus::BusError;
use crate::clock::Mono;
use crate::contract::{Alert, AlertKind, SYSTEM_BUS};
use crate::service::{BeatHandle, Error, Progress};

/// The writer's state.
pub struct Scribe {
    pub ledger: Ledger,
    pub beat: BeatHandle,
    /// Readiness is said by the first beat, or by standing by.
    pub supervisor: crate::service::Supervisor,
    pub jobs: Receiver<Job>,
    /// Transitions wait in some detector.
    pub nudges: Receiver<()>,
    pub calls: Calls,
    /// Whether this is the healer that speaks.
    pub speaking: Arc<AtomicBool>,
    pub voice: Voice,
    pub progress: Progress,
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
            let idle_work = buses_due || desk.refresh.is_due();
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
                    self.refresh(&mut desk);
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

    /// Takes or renews the lease; begins or ceases to speak accordingly. False when the bus does not answer.
    fn hold(&mut self, desk: &mut Desk) -> bool {
        if desk.standing_by && desk.patience != Patience::None {
            return self.wait_for_speaker(desk);
        }
        match self.ledger.hold_lease() {
            Ok(Lease::Kept) if self.is_speaking() && !desk.must_seed => desk.unreachable = false,
            Ok(Lease::Kept | Lease::Taken) => {
                desk.unreachable = false;
                self.take_over(desk);
            }
            Ok(Lease::Others) => {
                desk.unreachable = false;
                if self.is_speaking() {
                    self.fall_silent(desk);
                }
                if !std::mem::replace(&mut desk.standing_by, true) {
                    log::info!("another healer holds the lease: standing by, mute");
                    self.supervisor.ready();
                }
            }
            // Nobody can take the lease while writes are refused: whoever spoke goes on.
            Err(error) if error.is_write_refused() => {
                if !self.is_speaking() && !desk.standing_by {
                    self.take_over(desk);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut desk.unreachable, true) {
                    log::warn!("the lease cannot be asked for: {error}");
                }
                if error.is_connection_lost() {
                    desk.patience = Patience::Away;
                    return false;
                }
            }
        }
        true
    }

    /// The bus was away, and the lease with it. Whoever spoke then told people of the outage, and is to tell its end.
    fn wait_for_speaker(&mut self, desk: &mut Desk) -> bool {
        let answers = self.ledger.commands().ping().is_ok();
        desk.patience = match desk.patience {
            _ if !answers => Patience::Away,
            Patience::Away => Patience::Until(Mono::now() + LEASE + LEASE_RENEW),
            Patience::Until(end) if Mono::now() < end => Patience::Until(end),
            _ => Patience::None,
        };
        answers
    }

    /// Takes in how the last speaker left things, then speaks.
    ///
    /// Also when we believe to be speaking: while this process stood still, another may have spoken and gone. What is
    /// owed from before is offered all the same; the ledger compares.
    fn take_over(&mut self, desk: &mut Desk) {
        if !self.is_speaking() {
            desk.discard();
        }
        desk.must_seed = true;
        if let Err(error) = self.seed(desk) {
            log::warn!("the last state cannot be read: {error}");
            return;
        }
        desk.must_seed = false;
        desk.unheard.restart();
        desk.standing_by = false;
        desk.buses.lost();
        desk.patience = Patience::None;
        if !self.speaking.swap(true, Ordering::SeqCst) {
            self.beat.unmute();
            self.say_look();
            log::info!("this healer holds the lease and speaks");
        }
    }

    fn fall_silent(&mut self, desk: &mut Desk) {
        log::warn!("another healer took the lease: falling silent");
        self.speaking.store(false, Ordering::SeqCst);
        self.beat.mute();
        self.say_look();
        // The other one judges for itself.
        desk.owed.clear();
        desk.notes.clear();
        desk.forget.clear();
    }

    /// Tells a piece of what waits, oldest first; whether more may wait.
    fn speak(&mut self, desk: &mut Desk) -> Result<bool, BusError> {
        self.meet(desk)?;
        self.write_notes(desk)?;
        if !self.is_speaking() {
            return Ok(false);
        }
        desk.collect(&mut self.ledger)?;
        if !desk.owed.is_empty() {
            return self.pay(desk);
        }
        let some = desk.forget.len().min(PACE);
        if self.ledger.forget(&desk.forget[..some])? {
            desk.forget.drain(..some);
        } else {
            self.fall_silent(desk);
        }
        let unwritten = self.is_speaking() && self.write_unheard(desk)?;
        Ok(unwritten || !desk.forget.is_empty())
    }

    fn write_notes(&mut self, desk: &mut Desk) -> Result<(), BusError> {
        while let Some((alert, published)) = desk.notes.front_mut() {
            match self.ledger.note(alert, *published)? {
                Told::Refused(error) => {
                    if !*published {
                        self.ledger.publish(std::slice::from_ref(alert))?;
                        *published = true;
                    }
                    self.say_refused(desk, error)?;
                    break;
                }
                Told::Fenced => {
                    self.fall_silent(desk);
                    break;
                }
                Told::Done { .. } | Told::Already | Told::Conflict { .. } => {
                    if let Some((alert, _)) = desk.notes.pop_front() {
                        desk.log(&alert);
                    }
                }
            }
        }
        Ok(())
    }

    /// Offers what is owed. False when it is refused, or when this healer speaks no more.
    fn pay(&mut self, desk: &mut Desk) -> Result<bool, BusError> {
        // One is enough to find out whether writes are still refused.
        let pace = if desk.refusal.is_some() { 1 } else { PACE };
        let count = desk.owed.len().min(pace);
        let told = self.ledger.tell(&desk.owed.make_contiguous()[..count])?;
        for outcome in told {
            match outcome {
                Told::Done { .. } | Told::Already => {
                    if let Some(entry) = desk.owed.pop_front()
                        && !entry.published
                    {
                        desk.log(&entry.alert);
                    }
                }
                Told::Conflict { id } => {
                    if let Some(entry) = desk.owed.pop_front() {
                        if desk.owes(&id) {
                            desk.log(&entry.alert);
                        } else {
                            self.settle(desk, &entry)?;
                        }
                    }
                }
                Told::Fenced => {
                    self.fall_silent(desk);
                    return Ok(false);
                }
                Told::Refused(error) => {
                    self.publish_owed(desk)?;
                    self.say_refused(desk, error)?;
                    return Ok(false);
                }
            }
        }
        self.end_refusal(desk);
        Ok(true)
    }

    fn end_refusal(&self, desk: &mut Desk) {
        if desk.refusal.take().is_some() {
            log::info!("Redis takes writes again: what was owed is written");
        }
    }

    /// What cannot be written is at least heard: PUBLISH passes even when writes are refused.
    fn publish_owed(&mut self, desk: &mut Desk) -> Result<(), BusError> {
        let unheard: Vec<Alert> = desk
            .owed
            .iter()
            .filter(|e| !e.published)
            .map(|e| e.alert.clone())
            .collect();
        self.ledger.publish(&unheard)?;
        for entry in desk.owed.iter_mut().filter(|e| !e.published) {
            entry.published = true;
        }
        for alert in &unheard {
            desk.log(alert);
            self.tell_directly(alert);
        }
        desk.trim();
        Ok(())
    }

    fn say_refused(&mut self, desk: &mut Desk, error: BusError) -> Result<(), BusError> {
        if desk.refusal.is_some() {
            return Ok(());
        }
        let now = now();
        desk.refusal = Some(Refusal {
            since_ts: now.wall_secs,
            reason: error.to_string(),
        });
        let mut alert = self.voice.alert(
            AlertKind::BusReadonly,
            SYSTEM_BUS,
            now.wall_secs,
            &format!("readonly-{}", now.mono.0),
        );
        alert.reason = Some(error.to_string());
        self.ledger.publish(std::slice::from_ref(&alert))?;
        desk.log(&alert);
        self.tell_directly(&alert);
        desk.notes.push_back((alert, true));
        Ok(())
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
        match self.ledger.refresh(&snapshots) {
            Ok(true) => {}
            Ok(false) => self.fall_silent(desk),
            Err(error) => {
                log::debug!("health keys are not refreshed: {error}");
                desk.refresh.fail();
            }
        }
    }
}

/// How long the scribe may be at one thing.
pub const WORK_BUDGET: Duration = Duration::from_secs(20);
