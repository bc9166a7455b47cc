//! The beat thread: one small message every interval, for as long as the work makes progress.

mod carding;
mod handover;
mod listeners;
mod reporting;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::Receiver;

use carding::Carding;
use handover::BeatHandover;
use listeners::Listeners;
use reporting::Reporting;

use super::healthcheck::Notes;
use super::heartbeat::{BeatHandle, HeartbeatSettings, Shared};
use super::watchdog::Verdict;
use super::{Error, ServiceManager};
use crate::bus::{Address, Backoff, BusError, Commands, Limits, LogOnce};
use crate::clock::{self, Mono};
use crate::contract::{self, Beat, Card};

/// The thread's side.
pub struct HeartbeatPublisher {
    id: String,
    inst: String,
    shared: Arc<Shared>,
    inbox: Receiver<()>,
    service_manager: ServiceManager,
    commands: Result<Commands, BusError>,
    /// Where `--healthcheck` looks.
    notes: Option<Notes>,
    /// Number of the last beat that went out.
    count: u64,
    listeners: Listeners,
    carding: Carding,
    reporting: Reporting,
    /// What the beats go by.
    settings: HeartbeatSettings,
    handover: BeatHandover,
    /// A worker is stuck, and that was said.
    is_silent: bool,
}

/// What one attempt to beat came to.
enum Attempt {
    /// Published, or rightly silent.
    Done,
    /// The bus took nothing.
    Failed(BusError),
}

impl HeartbeatPublisher {
    /// A heartbeat of `id`, and the thread's side of it; `notes` are those for `--healthcheck`.
    pub fn new(
        id: &str,
        inst: &str,
        settings: HeartbeatSettings,
        muted: bool,
        service_manager: ServiceManager,
        notes: Option<Notes>,
    ) -> (BeatHandle, HeartbeatPublisher) {
        let (address, first) = (settings.address.clone(), settings.clone());
        let commands = address.map(|address| connection(id, address));
        let (handle, shared, inbox) = BeatHandle::new(settings, muted);
        let publisher = HeartbeatPublisher {
            reporting: Reporting::new(shared.metrics.clone(), id, inst),
            id: id.to_owned(),
            inst: inst.to_owned(),
            shared,
            inbox,
            service_manager,
            commands,
            notes,
            count: 0,
            listeners: Listeners::default(),
            carding: Carding::default(),
            settings: first,
            handover: BeatHandover::default(),
            is_silent: false,
        };
        (handle, publisher)
    }

    /// The beats that others may learn it from say who sends them.
    pub fn with_card(mut self, card: Card) -> HeartbeatPublisher {
        self.carding = Carding::new(card);
        self
    }

    /// Beats until told to stop. The first beat goes out at once; the others keep to that beat's grid.
    ///
    /// # Errors
    /// None: a bus that is away is tried until the process is told to stop.
    pub fn run(mut self) -> Result<(), Error> {
        let mut backoff = Backoff::bus();
        let mut outage = LogOnce::default();
        let mut last = Mono::now();
        // Of the grid of beats; the attempts of an outage do not move it.
        let mut grid = last;
        let mut due = last;
        while !self.shared.stop.load(Ordering::SeqCst) {
            let now = Mono::now();
            let interval = self.handover.interval(self.settings.interval, now);
            if now >= due {
                match self.attempt(now) {
                    Attempt::Done => {
                        if outage.end() {
                            log::info!("beats go out again (beat {})", self.count);
                        }
                        backoff.reset();
                        last = now;
                        grid = next_on_grid(grid, interval, now);
                        due = grid;
                    }
                    Attempt::Failed(error) => {
                        let is_ending = self.commands.as_ref().is_ok_and(Commands::is_ending);
                        if !is_ending && outage.is_news(&error) {
                            log::warn!(
                                "no beat can be sent: {error}; trying on, at least every 2 s"
                            );
                        }
                        self.service_manager
                            .wait(Duration::from_secs(30), "waiting for the bus");
                        due = now + backoff.next_pause();
                    }
                }
            }
            let pet = self.service_manager.watchdog_period().map(|p| now + p);
            let wake = pet.map_or(due, |p| p.min(due));
            if self.inbox.recv_deadline(wake.instant()).is_ok() {
                // New settings, or no longer mute: what is due now counts from the last beat by the new interval.
                let settings = self.shared.state().settings.clone();
                let interval = settings.interval;
                self.aim(settings);
                if !outage.is_on() {
                    let muted_till_now = self.count == 0;
                    grid = if muted_till_now {
                        Mono::now()
                    } else {
                        (last + interval).min(grid)
                    };
                    due = grid;
                }
            } else if !matches!(self.shared.watchdog.judge(Mono::now()), Verdict::Stuck(_)) {
                self.service_manager.pet();
            }
        }
        self.farewell();
        Ok(())
    }

    /// Beats go by these settings from now on.
    fn aim(&mut self, settings: HeartbeatSettings) {
        let before = std::mem::replace(&mut self.settings, settings);
        // Of one that did not beat nobody waits for a beat.
        if self.count > 0 && before != self.settings {
            let now = Mono::now();
            self.handover.begin(&self.id, &before, &self.settings, now);
            self.carding.owe();
        }
        match (self.settings.address.clone(), &mut self.commands) {
            (Ok(address), Ok(commands)) => commands.set_address(address),
            (address, commands) => {
                *commands = address.map(|address| connection(&self.id, address));
            }
        }
    }

    fn attempt(&mut self, now: Mono) -> Attempt {
        let verdict = self.shared.watchdog.judge(now);
        if let Verdict::Stuck(why) = verdict {
            // Once: how long it has lasted grows with each look.
            if !std::mem::replace(&mut self.is_silent, true) {
                log::error!("the beat stops until this moves again: {why}");
            }
            return Attempt::Done;
        }
        if std::mem::take(&mut self.is_silent) {
            log::info!("the work moves again, so does the beat");
        }
        if let Some(notes) = &self.notes {
            notes.turned(self.settings.interval);
        }
        if self.shared.muted.load(Ordering::SeqCst) {
            self.note_life();
            return Attempt::Done;
        }
        let (status, reason) = match verdict {
            Verdict::Degraded(why) => (Some("degraded".to_owned()), Some(why)),
            _ => {
                let state = self.shared.state();
                (state.status.clone(), state.reason.clone())
            }
        };
        let mut told = self.publish(status.as_deref(), reason.as_deref(), None);
        if matches!(told, Ok(heard) if self.listeners.are_fewer(heard, now)) && self.look_afresh() {
            told = self.publish(status.as_deref(), reason.as_deref(), None);
        }
        match told {
            Ok(heard) => {
                if self.listeners.note(heard) {
                    // Somebody came who may not know it yet.
                    self.carding.owe();
                }
                self.note_life();
                self.service_manager.ready();
                self.service_manager.pet();
                Attempt::Done
            }
            Err(error) => Attempt::Failed(error),
        }
    }

    /// Where does the name lead now? True when another server answers there, or the same in another role: who used
    /// to listen is expected there. When nobody answers, things stay as they are.
    fn look_afresh(&mut self) -> bool {
        // No beat may be late for it.
        let budget = self.shared.state().settings.interval / 2;
        let Ok(commands) = &mut self.commands else {
            return false;
        };
        match commands.renew(budget) {
            Ok(is_other) => {
                if is_other {
                    log::warn!("another server answers for the bus: the beats go there");
                }
                is_other
            }
            Err(error) => {
                log::debug!("no look at who answers for the bus: {error}");
                false
            }
        }
    }

    /// Publishes the next beat; how many heard it. The number goes up only with a beat that went out, so that an
    /// outage leaves no hole in the count.
    fn publish(
        &mut self,
        status: Option<&str>,
        reason: Option<&str>,
        eta: Option<i64>,
    ) -> Result<u64, BusError> {
        let beat = Beat {
            svc: self.id.as_str().into(),
            i: Some(self.count + 1),
            ts: Some(clock::wall_secs()),
            inst: Some(self.inst.as_str().into()),
            status: status.map(|s| crate::text::cut(s, contract::TEXT_MAX_BYTES).into()),
            reason: reason.map(|r| crate::text::cut(r, contract::TEXT_MAX_BYTES).into()),
            eta,
        };
        let beat = beat.to_json();
        let commands = self.commands.as_mut().map_err(|error| error.clone())?;
        let channel = &self.settings.channel;
        let now = Mono::now();
        let (beat, is_carded) = self.carding.on(beat, commands, now);
        let heard = self.reporting.publish(commands, channel, &beat, now);
        self.handover.publish(commands, &beat, Mono::now());
        let heard = heard?;
        if is_carded {
            self.carding.sent(commands.connects(), now);
        }
        self.count += 1;
        Ok(heard)
    }

    fn note_life(&self) {
        if let Some(notes) = &self.notes {
            notes.beat(self.shared.state().settings.interval);
        }
    }

    /// A last beat, if that can be had without waiting for a bus.
    fn farewell(&mut self) {
        self.service_manager.stopping();
        if self.count == 0
            || self.shared.muted.load(Ordering::SeqCst)
            || !self.commands.as_ref().is_ok_and(Commands::is_connected)
        {
            return;
        }
        let eta = self.shared.state().eta;
        self.handover.end();
        if let Err(error) = self.publish(Some("stopping"), None, eta) {
            log::debug!("no last beat: {error}");
        }
    }
}

fn connection(id: &str, address: Address) -> Commands {
    Commands::new(address, format!("{id}:beat"), Limits::default())
}

/// One whose every step takes no longer than `budget`.
fn connection_within(id: &str, address: Address, budget: Duration) -> Commands {
    let limits = Limits {
        connect: budget,
        read: budget,
    };
    Commands::new(address, format!("{id}:beat"), limits)
}

/// The first moment after `now` on the grid through `from` with step `interval`: beats do not drift, and beats that
/// were missed are not made up for.
fn next_on_grid(from: Mono, interval: Duration, now: Mono) -> Mono {
    let step = u64::try_from(interval.as_micros())
        .unwrap_or(u64::MAX)
        .max(1);
    let passed = now.0.saturating_sub(from.0) / step;
    Mono(from.0.saturating_add(step.saturating_mul(passed + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_do_not_drift_and_missed_ones_are_not_made_up_for() {
        let second = Duration::from_secs(1);
        let at = |ms: u64| Mono(ms * 1000);
        assert_eq!(next_on_grid(at(0), second, at(0)), at(1000));
        assert_eq!(next_on_grid(at(1000), second, at(1007)), at(2000));
        assert_eq!(next_on_grid(at(1000), second, at(5900)), at(6000));
    }
}
