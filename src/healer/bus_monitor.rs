//! One watched bus: its detector, the thread that hears it, and what must be done at once.
//!
//! Whoever touches the detector does so through [`BusMonitor::with`], which afterwards does what the detector asked for:
//! the echo goes out from the same thread, everything that may take time is handed to the thread it belongs to.

mod asked;
mod barred;
mod message_handler;

use barred::Barred;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::calls::{Call, Calls};
use crate::bus::{Address, BusError, Limits, LogOnce, Publisher, Rights, ServerIdentity};
use crate::clock::{self, Mono, Now};
use crate::fail_stop::lock;
use crate::service::{Error, TruthHint};
use crate::watch::alert_encoder::AlertEncoder;
use crate::watch::detector::{Counts, Detector, Echo, Output, Transition};
use crate::watch::handover::Handover;
use crate::watch::senders;

/// Commands that may wait for the reconnect worker; each replaces what a later one would do again.
const COMMANDS_MAX: usize = 2;

/// How often the lookout looks who answers for the bus, besides the times when deadlines make it ask.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// How long the loop waits for the alert writer to make room, at most.
const ROOM_WAIT: std::time::Duration = std::time::Duration::from_millis(5);

/// Where a bus monitor hands on what is not its own.
#[derive(Clone)]
pub struct Outputs {
    /// The main loop.
    pub calls: Calls,
    /// Wakes the alert writer: transitions wait in a detector.
    pub alert_writer: Sender<()>,
    /// Asks for a look at the truth; only for the bus that carries it.
    pub truth: Option<TruthHint>,
}

/// One watched bus, shared by the threads that serve it.
pub struct BusMonitor {
    /// The bus by its name in truth.
    pub bus: String,
    /// Finds the words of the wire for what the detector decided.
    pub encoder: AlertEncoder,
    address: Address,
    detector: Mutex<Detector>,
    /// What it decided, for the alert writer.
    handover: Handover,
    publisher: Publisher,
    outputs: Outputs,
    commands: Sender<WorkerCommand>,
    /// Why services have two instances, as far as that was found out.
    causes: Mutex<Vec<(String, Option<String>)>>,
    /// The server that the proven link goes to.
    server: Mutex<Option<ServerIdentity>>,
    /// What keeps the echoes from being sent or heard, and with it everything from being judged.
    barred: Mutex<Option<Barred>>,
    /// Channels that Redis forbids.
    refused: Mutex<VecDeque<Vec<u8>>>,
    /// Until when the main loop means to sleep, in microseconds.
    asleep_until: AtomicU64,
    /// Counts the servers met: a change means that what was stored may be lost or old.
    servers: AtomicU64,
    /// Ends the lookout when it is dropped.
    _alive: Sender<()>,
}

/// Work for the reconnect worker, which may wait for a bus.
enum WorkerCommand {
    /// Connect the publisher afresh and say this echo.
    Echo(u64),
    /// Look the bus up afresh and compare the server with the link's.
    CheckServer,
    /// Find out why the echoes cannot be heard.
    TryRefused,
    /// Find out where else somebody beats as this service.
    FindSender(String),
}

impl BusMonitor {
    /// A monitor of the bus called `bus`, and the reconnect worker and the lookout that its owner must run on a thread each.
    pub fn new(
        bus: &str,
        address: &Address,
        encoder: AlertEncoder,
        echo_channel: String,
        outputs: Outputs,
    ) -> (Arc<BusMonitor>, ReconnectWorker, ServerLookout) {
        let (commands, inbox) = bounded(COMMANDS_MAX);
        let (alive, ended) = bounded(0);
        let monitor = Arc::new(BusMonitor {
            bus: bus.to_owned(),
            encoder,
            address: address.clone(),
            detector: Mutex::new(Detector::new(Mono::now())),
            handover: Handover::default(),
            publisher: Publisher::new(address.clone(), "healer:echo", echo_channel),
            outputs,
            commands,
            causes: Mutex::default(),
            server: Mutex::new(None),
            barred: Mutex::default(),
            refused: Mutex::default(),
            asleep_until: AtomicU64::new(0),
            servers: AtomicU64::new(0),
            _alive: alive,
        });
        let worker = ReconnectWorker {
            monitor: Arc::downgrade(&monitor),
            inbox,
        };
        let lookout = ServerLookout {
            monitor: Arc::downgrade(&monitor),
            ended,
        };
        (monitor, worker, lookout)
    }

    /// Runs `work` on the detector, then does what the detector asks for.
    pub fn with<R>(&self, work: impl FnOnce(&mut Detector, Now) -> R) -> R {
        self.with_at(Mono::now(), work)
    }

    /// As [`with`](BusMonitor::with), at a moment that was read before.
    pub fn with_at<R>(&self, mono: Mono, work: impl FnOnce(&mut Detector, Now) -> R) -> R {
        let now = Now {
            mono,
            wall_secs: clock::wall_secs(),
        };
        let mut detector = self.lock();
        let done = work(&mut detector, now);
        if detector.wants_attention() {
            self.hand_over(detector);
        }
        done
    }

    /// Lets time pass on the detector; returns when it wants to be looked at again.
    pub fn tick(&self) -> Mono {
        let mut outputs = Vec::new();
        let mut detector = self.lock();
        let now = Now::read();
        // Also when nothing is due: the detector must know until when the loop means to sleep.
        detector.tick(now, self.handover.room());
        let echoes = take_echoes(&mut detector);
        detector.take_outputs(&mut outputs);
        let told = self.handover.lay_down(&mut detector);
        let mut wake = detector.next_wakeup();
        if wake <= now.mono && self.handover.room() == 0 {
            // More deaths wait than may be told at once: the alert writer calls when it has taken those that are out.
            wake = now.mono + ROOM_WAIT;
        }
        // Under the lock: who changes the detector after this sees until when the loop sleeps.
        self.asleep_until.store(wake.0, Ordering::Relaxed);
        drop(detector);
        self.hand_out(echoes, outputs, told);
        wake
    }

    /// Takes what the detector decided, oldest first, and lets it tell what had no room.
    pub fn take_transitions(&self, into: &mut Vec<Transition>) {
        if self.handover.take(into) {
            self.outputs.calls.look();
        }
    }

    /// What was heard so far, and the slowest echo of late.
    pub fn counts(&self) -> (Counts, Option<Duration>) {
        let detector = self.lock();
        (detector.counts(), detector.slowest_echo())
    }

    /// How often another server was met.
    pub fn servers(&self) -> u64 {
        self.servers.load(Ordering::Relaxed)
    }

    /// A word on the own echo channel that proves nothing: it wakes the subscriber.
    pub fn wake_subscriber(&self) {
        self.publisher.publish("0");
    }

    /// A word on the own echo channel, among the echoes.
    pub fn say(&self, text: &str) {
        self.publisher.publish(text);
    }

    fn hand_over(&self, mut detector: MutexGuard<'_, Detector>) {
        let mut outputs = Vec::new();
        let echoes = take_echoes(&mut detector);
        detector.take_outputs(&mut outputs);
        let told = self.handover.lay_down(&mut detector);
        let look = detector.next_wakeup().0 < self.asleep_until.load(Ordering::Relaxed);
        drop(detector);
        self.hand_out(echoes, outputs, told);
        if look {
            self.outputs.calls.look();
        }
    }

    fn hand_out(&self, echoes: Vec<Echo>, outputs: Vec<Output>, told: bool) {
        if told {
            // A nudge that waits already is as good as two.
            let _ = self.outputs.alert_writer.try_send(());
        }
        for Echo { seq, fresh } in echoes {
            if fresh {
                self.publisher.disconnect();
            }
            if !self.publisher.publish(&seq.to_string()) {
                self.lock().echo_waits(seq);
                self.send(WorkerCommand::Echo(seq));
            }
        }
        for output in outputs {
            match output {
                Output::CheckServer => self.send(WorkerCommand::CheckServer),
                Output::Reconnect => self.outputs.calls.call(Call::Reconnect {
                    bus: self.bus.clone(),
                }),
                Output::Bus(news) => self.outputs.calls.call(Call::News {
                    bus: self.bus.clone(),
                    news,
                }),
                Output::Malformed { svc, why, count } => {
                    log::warn!(
                        "{count} payloads on the heartbeat channel of {svc} were no beats: {why}"
                    );
                }
            }
        }
    }

    fn send(&self, command: WorkerCommand) {
        // A reconnect worker that is busy is waiting for the bus: by the time it is free, this command would be stale.
        let _ = self.commands.try_send(command);
    }

    fn lock(&self) -> MutexGuard<'_, Detector> {
        lock(&self.detector)
    }

    fn server(&self) -> MutexGuard<'_, Option<ServerIdentity>> {
        lock(&self.server)
    }
}

fn take_echoes(detector: &mut Detector) -> Vec<Echo> {
    std::iter::from_fn(|| detector.take_echo()).collect()
}

/// The thread of a bus monitor that may wait for the bus.
pub struct ReconnectWorker {
    /// Not an owner: it ends when the monitor is gone.
    monitor: std::sync::Weak<BusMonitor>,
    inbox: Receiver<WorkerCommand>,
}

impl ReconnectWorker {
    /// Runs commands until the monitor is gone.
    ///
    /// # Errors
    /// None: what a bus does not answer is asked again.
    pub fn run(self) -> Result<(), Error> {
        let mut outage = LogOnce::default();
        let mut finder = Finder::default();
        while let Ok(command) = self.inbox.recv() {
            let Some(monitor) = self.monitor.upgrade() else {
                break;
            };
            let command = match command {
                WorkerCommand::FindSender(svc) => {
                    finder.find(&monitor, svc);
                    continue;
                }
                other => other,
            };
            match command.run(&monitor) {
                Ok(()) => drop(outage.end()),
                Err(error) => {
                    let is_news = outage.is_news(&error);
                    if Rights::is_about(&error) {
                        monitor.bar(|| {
                            monitor
                                .publisher
                                .explain(error, &Limits::default())
                                .to_string()
                        });
                    } else if is_news {
                        log::warn!("{}: no echo can be sent: {error}", monitor.bus);
                    }
                }
            }
        }
        finder.end();
        Ok(())
    }
}

impl WorkerCommand {
    fn run(self, monitor: &BusMonitor) -> Result<(), BusError> {
        let limits = Limits::default();
        match self {
            WorkerCommand::Echo(seq) => {
                // Over a far bus, the echo for which the last connection was made may have been given up meanwhile.
                if !monitor.publisher.is_connected() {
                    monitor.publisher.connect(&limits)?;
                }
                if monitor.with(|detector, now| detector.echo_goes(seq, now)) {
                    monitor.publisher.publish(&seq.to_string());
                }
            }
            WorkerCommand::TryRefused => monitor.try_refused(&limits),
            WorkerCommand::CheckServer => check_server(monitor, &monitor.publisher.look(&limits)?),
            // The finder's.
            WorkerCommand::FindSender(_) => {}
        }
        Ok(())
    }
}

/// The thread of a bus monitor that looks, while all is quiet, who answers for the bus. It has time, and the reconnect worker has not.
pub struct ServerLookout {
    monitor: std::sync::Weak<BusMonitor>,
    ended: Receiver<()>,
}

impl ServerLookout {
    /// Looks until the monitor is gone.
    ///
    /// # Errors
    /// None: a look in vain is made again.
    pub fn run(self) -> Result<(), Error> {
        while self.ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout)
            && let Some(monitor) = self.monitor.upgrade()
        {
            look_around(&monitor);
        }
        Ok(())
    }
}

/// Asks the server who its clients are, on a thread of its own: no echo may wait for that.
#[derive(Default)]
struct Finder {
    thread: Option<JoinHandle<()>>,
}

impl Finder {
    /// Finds out where else somebody beats as `svc`, unless that is being asked for another service.
    fn find(&mut self, monitor: &Arc<BusMonitor>, svc: String) {
        if self.thread.as_ref().is_some_and(|t| !t.is_finished()) {
            return monitor.found(svc, None);
        }
        self.end();
        let (monitor, name) = (Arc::clone(monitor), format!("find-{}", monitor.bus));
        let asks = thread::Builder::new().name(name).spawn(move || {
            let cause = senders::elsewhere(&monitor.address, &svc);
            monitor.found(svc, cause);
        });
        // Without a thread the alert goes out without a reason.
        self.thread = asks.ok();
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic there has ended the process.
            let _ = thread.join();
        }
    }
}

/// While all is quiet: a name may lead elsewhere without any connection to the old server breaking. Who starts anew
/// then beats there, and must not be missed here. When nobody answers, the echoes tell more about the bus.
fn look_around(monitor: &BusMonitor) {
    let known = monitor.server().is_some();
    if known && let Ok(fresh) = monitor.publisher.look(&Limits::default()) {
        is_same_server(monitor, &fresh);
    }
    monitor.try_refused(&Limits::default());
}

/// An echo proves only the server that it went through: is the link still on the one that the name stands for?
fn check_server(monitor: &BusMonitor, fresh: &ServerIdentity) {
    if is_same_server(monitor, fresh) {
        monitor.with(|detector, now| detector.server_checked(now));
    }
}

/// Whether the link's server is the one that was met afresh, in the same role. If not, the link is made anew.
fn is_same_server(monitor: &BusMonitor, fresh: &ServerIdentity) -> bool {
    let known = monitor.server().clone().unwrap_or_default();
    if !known.is_other(fresh) {
        return true;
    }
    log::warn!(
        "{}: another server answers now, or the same in another role: moving over",
        monitor.bus
    );
    // Of another process, the connection registry has given up the connections already.
    if !known.is_other_process(fresh) {
        monitor.outputs.calls.call(Call::Reconnect {
            bus: monitor.bus.clone(),
        });
    }
    false
}
