//! What the sentinel has to say: it carries out what the [`Writer`] wants.

use std::collections::{HashSet, VecDeque};

use super::names::{HEALER, SENTINEL};
use crate::bus::{Address, BusError};
use crate::clock::{self, Mono, Now};
use crate::contract::{AlertKind, Health, Status};
use crate::notify::Notifier;
use crate::watch::alert_encoder::AlertEncoder;
use crate::watch::alert_store::{AlertEntry, AlertStore, log_alert};
use crate::watch::detector::{Detector, Transition};
use crate::watch::record::{STALE_AFTER_SEC, due_snapshots, take_in};
use crate::watch::senders;
use crate::watch::unheard::Unheard;
use crate::watch::writer::command::{Census, Command, Records, Reply, Whose};
use crate::watch::writer::{Input, Writer};

/// Alerts that may wait for the writer; beyond, the oldest goes.
const DECIDED_MAX: usize = 256;
/// Turns of the writer in one of the loop: it has the bus to listen to.
const TURNS: usize = 8;

/// The writer, the alert store that it writes by, and what it has not asked for yet.
pub(super) struct SentinelWriter {
    writer: Writer,
    store: AlertStore,
    encoder: AlertEncoder,
    decided: VecDeque<AlertEntry>,
    /// What only the health key shows.
    silent: Vec<Health>,
    /// Numbers alerts that are not about the healer.
    noted: u32,
    /// Servers met so far.
    servers: u64,
}

impl SentinelWriter {
    /// One that writes to `store`, in the words of `encoder`.
    pub fn new(store: AlertStore, encoder: AlertEncoder) -> SentinelWriter {
        SentinelWriter {
            writer: Writer::alone(encoder.clone(), Now::read()),
            store,
            encoder,
            decided: VecDeque::new(),
            silent: Vec::new(),
            noted: 0,
            servers: 0,
        }
    }

    /// Another server was met: the stored snapshot may be lost.
    pub fn met_server(&mut self) {
        self.servers += 1;
    }

    /// Takes on a transition of the healer, whose bus is at `address`.
    pub fn owe(&mut self, transition: &Transition, address: &Address) {
        let Some(mut entry) = self.encoder.entry(transition) else {
            let at = Now {
                mono: transition.at,
                wall_secs: transition.ts,
            };
            self.silent = vec![self.encoder.health(&transition.service, at)];
            return;
        };
        if entry.alert.kind == AlertKind::DuplicateInstance {
            entry.alert.reason = senders::elsewhere(address, HEALER).map(Into::into);
        }
        if self.decided.len() == DECIDED_MAX {
            self.decided.pop_front();
        }
        self.decided.push_back(entry);
    }

    /// The healer is in it while nobody can hear it: then its snapshot says so.
    pub fn set_unheard(&mut self, unheard: Unheard) {
        self.met_server();
        self.writer.step(Input::Unheard(unheard), Now::read());
    }

    /// Takes on an alert about the settings, in the sentinel's own name.
    pub fn note(&mut self, kind: AlertKind, reason: Option<String>) {
        self.noted += 1;
        let number = format!("note-{}", self.noted);
        let ts = clock::wall_secs();
        let mut alert = self.encoder.alert(kind, SENTINEL, ts, &number);
        alert.reason = reason.map(Into::into);
        self.writer.step(Input::Note(Box::new(alert)), Now::read());
    }

    /// Tells what is owed, in order, and keeps the stored snapshot fresh.
    pub fn pay(&mut self, detector: &mut Detector, notifier: &Notifier) {
        if !(self.decided.is_empty() && self.silent.is_empty()) {
            self.step(Input::News, detector, notifier);
        }
        for _ in 0..TURNS {
            if self.writer.wake() > Mono::now() {
                break;
            }
            self.step(Input::Tick, detector, notifier);
        }
    }

    fn step(&mut self, input: Input, detector: &mut Detector, notifier: &Notifier) {
        let mut commands = VecDeque::from(self.writer.step(input, Now::read()));
        while let Some(command) = commands.pop_front() {
            if let Some(reply) = self.carry_out(command, detector, notifier) {
                let reply = Input::Reply(Box::new(reply));
                commands.extend(self.writer.step(reply, Now::read()));
            }
        }
    }

    /// Does it; the answer, if it is a question.
    fn carry_out(
        &mut self,
        command: Command,
        detector: &mut Detector,
        notifier: &Notifier,
    ) -> Option<Reply> {
        if let Command::Discard = command {
            self.decided.clear();
            self.silent.clear();
        }
        if !command.is_question() {
            obey(command, detector, notifier);
            return None;
        }
        let store = &mut self.store;
        Some(match command {
            Command::Records(records) => Reply::Records(self.take_in(&records, detector)),
            Command::Collect => Reply::Collected {
                entries: self.decided.drain(..).collect(),
                silent: std::mem::take(&mut self.silent),
            },
            Command::Tell { count } => Reply::Told(store.tell(self.writer.owed(count))),
            Command::Note { alert, published } => Reply::Noted(store.note(&alert, published)),
            Command::Publish(alerts) => Reply::Published(store.publish(&alerts)),
            Command::Refresh(snapshots) => Reply::Refreshed(store.refresh(&snapshots)),
            Command::Read(names) => Reply::Found(store.health(&names)),
            Command::Census => Reply::Census(Census {
                slots: detector.slots(),
                unwritten: detector.unwritten_count() as u32,
                servers: self.servers,
            }),
            Command::Snapshots(slice) => due_snapshots(detector, &self.encoder, slice, Now::read()),
            Command::Explain(error) => Reply::Explained(store.explain(error)),
            other => {
                debug_assert!(false, "that is not asked of a sentinel: {other:?}");
                return None;
            }
        })
    }

    /// Takes in what the store knows of the healer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn restore(&mut self, detector: &mut Detector) -> Result<(), BusError> {
        let records = Records {
            whose: Whose::All,
            settles: false,
            spoke: false,
            owed: HashSet::new(),
            named_anew: HashSet::new(),
        };
        self.take_in(&records, detector)
    }

    fn take_in(&mut self, records: &Records, detector: &mut Detector) -> Result<(), BusError> {
        let now = Now::read();
        let found = self.store.health(&[HEALER])?.pop().flatten();
        let is_down = |health: &Health| health.status == Status::Down;
        if found.as_ref().is_some_and(is_down) {
            log::info!("the healer was told to be down before: that is not told again");
        }
        let is_stale = |health: &Health| now.wall_secs - health.as_of_ts > STALE_AFTER_SEC;
        let is_stale = found.as_ref().is_some_and(is_stale);
        let found = [(HEALER, found.as_ref())];
        // What the detector decides is taken on at once.
        let decided = &mut VecDeque::new();
        take_in(detector, decided, &found, records, is_stale, now);
        Ok(())
    }
}

/// Does what has no answer.
fn obey(command: Command, detector: &mut Detector, notifier: &Notifier) {
    match command {
        Command::CutOff(is_cut_off) => detector.set_cut_off(is_cut_off, Now::read()),
        Command::TellPeople(alert) => notifier.tell_out_of_band(&alert),
        Command::Log(level, text) => log::log!(level, "{text}"),
        Command::LogAlert(alert) => log_alert(&alert),
        Command::Written(alerts) => notifier.written(alerts),
        // What was decided is taken from the detector at once; the rest is a healer's.
        _ => {}
    }
}
