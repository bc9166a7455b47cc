//! The thread that writes: it carries out what the [`Writer`] wants done, one thing after the other.
//!
//! Nobody who judges waits for it. Transitions stay in their detector until the writer asks for them; what the system bus
//! does not take it keeps, in order, and offers again.

mod others;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, select};

use super::calls::{Call, Calls};
use super::counting::Telling;
use super::monitors::{Job, Monitors};
use crate::clock::{Mono, Now};
use crate::notify::Relay;
use crate::service::{BeatHandle, Error, Progress, ServiceManager};
use crate::watch::alert_store::{AlertStore, log_alert};
use crate::watch::writer::command::{Command, Reply};
use crate::watch::writer::{Input, Writer};
pub use others::Others;

/// The edge of the writer.
pub struct HealerWriter {
    /// Where a judgement becomes a fact.
    pub store: AlertStore,
    /// Beats while this healer speaks, and is mute while another does.
    pub beat: BeatHandle,
    /// Readiness is said by the first beat, or by standing by.
    pub service_manager: ServiceManager,
    /// What the main loop wants written.
    pub jobs: Receiver<Job>,
    /// Transitions wait in some detector.
    pub nudges: Receiver<()>,
    /// What the main loop is asked for.
    pub calls: Calls,
    /// Whether this is the healer that speaks.
    pub speaking: Arc<AtomicBool>,
    /// Whether this thread gets on.
    pub progress: Progress,
    /// The other healers, while nobody can take the lease.
    pub others: Others,
    /// Counts what is told.
    pub telling: Telling,
    /// Hands what is written to channels that cannot read it.
    pub relay: Relay,
    /// Decides what is done next (pure).
    pub writer: Writer,
    /// The watched buses.
    pub monitors: Monitors,
}

impl HealerWriter {
    /// Writes until the main loop lets go of the jobs.
    ///
    /// # Errors
    /// None: what the store does not take waits for it.
    pub fn run(mut self) -> Result<(), Error> {
        let progress = self.progress.clone();
        loop {
            let wait = self.writer.wake().since(Mono::now());
            let (jobs, nudges) = (self.jobs.clone(), self.nudges.clone());
            let input = select! {
                recv(jobs) -> job => match job {
                    Ok(job) => self.input(job),
                    Err(_) => break,
                },
                recv(nudges) -> _ => Input::News,
                default(wait) => Input::Tick,
            };
            let _work = progress.working();
            self.step(input);
        }
        if self.writer.is_speaking() && self.store.commands().is_connected() {
            let _ = self.store.release_lease(&mut self.writer.into_lease());
        }
        Ok(())
    }

    /// Tells the writer what happened, and carries out what follows from it.
    fn step(&mut self, input: Input) {
        let mut commands = VecDeque::from(self.writer.step(input, Now::read()));
        while let Some(command) = commands.pop_front() {
            if let Some(reply) = self.carry_out(command) {
                if self.nudges.try_recv().is_ok() {
                    // Decided while the store was asked: it goes before what can wait.
                    let meanwhile = self.writer.step(Input::News, Now::read());
                    debug_assert!(meanwhile.is_empty(), "one question at a time");
                }
                commands.extend(self.writer.step(Input::Reply(Box::new(reply)), Now::read()));
            }
        }
        self.telling.owes(self.writer.owed_count());
    }

    fn input(&mut self, job: Job) -> Input {
        match job {
            Job::Watch(monitors) => Input::Watched {
                is_new: self.monitors.watch(monitors),
            },
            Job::Meet(meeting) => Input::Met(meeting),
            Job::Note(alert) => Input::Note(alert),
            Job::Forget(names) => Input::Forget(names),
            Job::Unheard(unheard) => Input::Unheard(unheard),
        }
    }

    /// Does it; the answer, if it is a question.
    fn carry_out(&mut self, command: Command) -> Option<Reply> {
        if !command.is_question() {
            self.obey(command);
            return None;
        }
        let store = &mut self.store;
        Some(match command {
            Command::Ping => Reply::Pong(store.commands().ping().is_ok()),
            Command::AskLease(ask) => Reply::Lease(store.ask_lease(&ask)),
            Command::AskHolder => Reply::Holder(store.lease_holder()),
            Command::Listen => Reply::Heard(self.others.listen()),
            Command::Records(records) => Reply::Records(self.monitors.take_in(&records, store)),
            Command::Collect => self.monitors.collect(),
            Command::Tell { count } => {
                let entries = self.writer.owed(count);
                self.telling.tells(entries);
                Reply::Told(store.tell(entries))
            }
            Command::Note { alert, published } => Reply::Noted(store.note(&alert, published)),
            Command::Publish(alerts) => Reply::Published(store.publish(&alerts)),
            Command::Refresh(snapshots) => Reply::Refreshed(store.refresh(&snapshots)),
            Command::Forget(names) => Reply::Forgotten(store.forget(&names)),
            Command::Read(names) => Reply::Found(store.health(&names)),
            Command::Census => Reply::Census(self.monitors.census()),
            Command::Snapshots(slice) => self.monitors.snapshots(slice),
            Command::Buses => self.monitors.buses(),
            Command::SetBuses(records) => Reply::BusesSet(store.set_buses(&records)),
            Command::SetJudged { sure, now_ts } => {
                let sure = sure.iter().map(|(bus, since)| (bus.as_str(), *since));
                let judged = store.set_judged(sure, now_ts);
                if let Err(error) = store.set_unwatched() {
                    log::debug!("what was not judged is not noted: {error}");
                }
                Reply::Judged(judged)
            }
            Command::CheckRights => Reply::Rights(store.check_rights()),
            Command::Explain(error) => Reply::Explained(store.explain(error)),
            _ => return None,
        })
    }

    /// Does what has no answer.
    fn obey(&mut self, command: Command) {
        match command {
            Command::SayWord(word) => self.others.say(self.store.commands(), &word),
            Command::Deafen => self.others.end(),
            Command::Speak => {
                self.speaking.store(true, Ordering::SeqCst);
                self.beat.unmute();
                // The loop starts or stops telling people.
                self.calls.look();
            }
            Command::FallSilent => {
                self.speaking.store(false, Ordering::SeqCst);
                self.beat.mute();
                self.calls.look();
            }
            Command::StandBy => self.service_manager.ready(),
            Command::Discard => self.monitors.discard(),
            Command::CutOff(is_cut_off) => self.monitors.cut_off(is_cut_off),
            Command::DropBuses => {
                let _ = self.store.drop_buses();
            }
            Command::SayOnBus(text) => self.monitors.say_on_system_bus(&text),
            Command::TellPeople(alert) => self.calls.call(Call::TellDirectly(alert)),
            Command::TellWords(text) => self.calls.call(Call::Tell(text)),
            Command::Log(level, text) => log::log!(level, "{text}"),
            Command::LogAlert(alert) => log_alert(&alert),
            Command::Written(alerts) => self.relay.written(alerts, Mono::now()),
            Command::BeatMute(true) => self.beat.unmute(),
            Command::BeatMute(false) => self.beat.mute(),
            _ => debug_assert!(false, "it is a question"),
        }
    }
}

/// How long the alert writer may be at one thing.
pub const WORK_BUDGET: Duration = Duration::from_secs(20);
