//! One watched bus: its detector, the thread that hears it, and what must be done at once.
//!
//! Whoever touches the detector does so through [`Watch::with`], which afterwards does what the detector asked for:
//! the echo goes out from the same thread, everything that may take time is handed to the thread it belongs to.

mod asked;
mod ears;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::calls::{Call, Calls};
use crate::bus::{Address, BusError, Limits, Publisher, ServerIdentity};
use crate::clock::{self, Mono, Now};
use crate::service::{Error, TruthHint};
use crate::watch::detector::{Detector, Echo, Output, Transition};
use crate::watch::handover::Handover;
use crate::watch::senders;
use crate::watch::voice::Voice;

/// Errands that may wait for the attendant; each replaces what a later one would do again.
const ERRANDS_MAX: usize = 2;

/// How often the lookout looks who answers for the bus, besides the times when deadlines make it ask.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// How long the loop waits for the scribe to make room, at most.
const ROOM_WAIT: std::time::Duration = std::time::Duration::from_millis(5);

/// Where a watch hands on what is not its own.
#[derive(Clone)]
pub struct Outlets {
    /// The main loop.
    pub calls: Calls,
    /// Wakes the scribe: transitions wait in a detector.
    pub scribe: Sender<()>,
    /// Asks for a look at the truth; only for the bus that carries it.
    pub truth: Option<TruthHint>,
}

/// One watched bus, shared by the threads that serve it.
pub struct Watch {
    pub bus: String,
    pub voice: Voice,
    address: Address,
    detector: Mutex<Detector>,
    /// What it decided, for the scribe.
    handover: Handover,
    publisher: Publisher,
    outlets: Outlets,
    errands: Sender<Errand>,
    /// Why services have two instances, as far as that was found out.
    causes: Mutex<Vec<(String, Option<String>)>>,
    /// The server that the proven link goes to.
    server: Mutex<Option<ServerIdentity>>,
    /// Until when the main loop means to sleep, in microseconds.
    asleep_until: AtomicU64,
    /// Counts the servers met: a change means that what was stored may be lost or old.
    servers: AtomicU64,
    /// Ends the lookout when it is dropped.
    _alive: Sender<()>,
}

/// Work for the attendant, which may wait for a bus.
enum Errand {
    /// Connect the publisher afresh and say this echo.
    Echo(u64),
    /// Look the bus up afresh and compare the server with the link's.
    CheckServer,
    /// Find out where else somebody beats as this service.
    FindSender(String),
}

impl Watch {
    /// A watch on the bus called `bus`, and the attendant and the lookout that its owner must run on a thread each.
    pub fn new(
        bus: &str,
        address: &Address,
        voice: Voice,
        echo_channel: String,
        outlets: Outlets,
    ) -> (Arc<Watch>, Attendant, Lookout) {
        let (errands, inbox) = bounded(ERRANDS_MAX);
        let (alive, ended) = bounded(0);
        let watch = Arc::new(Watch {
            bus: bus.to_owned(),
            voice,
            address: address.clone(),
            detector: Mutex::new(Detector::new(Mono::now())),
            handover: Handover::default(),
            publisher: Publisher::new(address.clone(), "healer:echo", echo_channel),
            outlets,
            errands,
            causes: Mutex::default(),
            server: Mutex::new(None),
            asleep_until: AtomicU64::new(0),
            servers: AtomicU64::new(0),
            _alive: alive,
        });
        let attendant = Attendant {
            watch: Arc::downgrade(&watch),
            inbox,
        };
        let lookout = Lookout {
            watch: Arc::downgrade(&watch),
            ended,
        };
        (watch, attendant, lookout)
    }

    /// Runs `work` on the detector, then does what the detector asks for.
    pub fn with<R>(&self, work: impl FnOnce(&mut Detector, Now) -> R) -> R {
        self.with_at(Mono::now(), work)
    }

    /// As [`with`](Watch::with), at a moment that was read before.
    pub fn with_at<R>(&self, mono: Mono, work: impl FnOnce(&mut Detector, Now) -> R) -> R {
        let now = Now {
            mono,
            wall_secs: clock::wall_secs(),
        };
        let mut detector = self.lock();
        let done = work(&mut detector, now);
        if detector.wants_attention() {
            self.attend(detector);
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
            // More deaths wait than may be told at once: the scribe calls when it has taken those that are out.
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
            self.outlets.calls.look();
        }
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

    fn attend(&self, mut detector: MutexGuard<'_, Detector>) {
        let mut outputs = Vec::new();
        let echoes = take_echoes(&mut detector);
        detector.take_outputs(&mut outputs);
        let told = self.handover.lay_down(&mut detector);
        let look = detector.next_wakeup().0 < self.asleep_until.load(Ordering::Relaxed);
        drop(detector);
        self.hand_out(echoes, outputs, told);
        if look {
            self.outlets.calls.look();
        }
    }

    fn hand_out(&self, echoes: Vec<Echo>, outputs: Vec<Output>, told: bool) {
        if told {
            // A nudge that waits already is as good as two.
            let _ = self.outlets.scribe.try_send(());
        }
        for Echo { seq, fresh } in echoes {
            if fresh {
                self.publisher.disconnect();
            }
            if !self.publisher.publish(&seq.to_string()) {
                self.lock().echo_waits(seq);
                self.send(Errand::Echo(seq));
            }
        }
        for output in outputs {
            match output {
                Output::CheckServer => self.send(Errand::CheckServer),
                Output::Reconnect => self.outlets.calls.call(Call::Reconnect {
                    bus: self.bus.clone(),
                }),
                Output::Bus(news) => self.outlets.calls.call(Call::News {
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

    fn send(&self, errand: Errand) {
        // An attendant that is busy is waiting for the bus: by the time it is free, this errand would be stale.
        let _ = self.errands.try_send(errand);
    }

    fn lock(&self) -> MutexGuard<'_, Detector> {
        self.detector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn server(&self) -> MutexGuard<'_, Option<ServerIdentity>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_echoes(detector: &mut Detector) -> Vec<Echo> {
    std::iter::from_fn(|| detector.take_echo()).collect()
}

/// The thread of a watch that may wait for the bus.
pub struct Attendant {
    /// Not an owner: it ends when the watch is gone.
    watch: std::sync::Weak<Watch>,
    inbox: Receiver<Errand>,
}

impl Attendant {
    /// Runs errands until the watch is gone.
    pub fn run(self) -> Result<(), Error> {
        let mut said = None::<String>;
        let mut finder = Finder::default();
        while let Ok(errand) = self.inbox.recv() {
            let Some(watch) = self.watch.upgrade() else {
                break;
            };
            let errand = match errand {
                Errand::FindSender(svc) => {
                    finder.find(&watch, svc);
                    continue;
                }
                other => other,
            };
            match errand.run(&watch) {
                Ok(()) => said = None,
                Err(error) => {
                    let text = error.to_string();
                    if said.as_ref() != Some(&text) {
                        log::warn!("{}: no echo can be sent: {text}", watch.bus);
                        said = Some(text);
                    }
                }
            }
        }
        finder.end();
        Ok(())
    }
}

impl Errand {
    fn run(self, watch: &Watch) -> Result<(), BusError> {
        let limits = Limits::default();
        match self {
            Errand::Echo(seq) => {
                // Over a far bus, the echo for which the last connection was made may have been given up meanwhile.
                if !watch.publisher.is_connected() {
                    watch.publisher.connect(&limits)?;
                }
                if watch.with(|detector, now| detector.echo_goes(seq, now)) {
                    watch.publisher.publish(&seq.to_string());
                }
            }
            Errand::CheckServer => check_server(watch, &watch.publisher.look(&limits)?),
            // The finder's.
            Errand::FindSender(_) => {}
        }
        Ok(())
    }
}

/// The thread of a watch that looks, while all is quiet, who answers for the bus. It has time, and the attendant has not.
pub struct Lookout {
    watch: std::sync::Weak<Watch>,
    ended: Receiver<()>,
}

impl Lookout {
    /// Looks until the watch is gone.
    pub fn run(self) -> Result<(), Error> {
        while self.ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout)
            && let Some(watch) = self.watch.upgrade()
        {
            look_around(&watch);
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
    fn find(&mut self, watch: &Arc<Watch>, svc: String) {
        if self.thread.as_ref().is_some_and(|t| !t.is_finished()) {
            return watch.found(svc, None);
        }
        self.end();
        let (watch, name) = (Arc::clone(watch), format!("find-{}", watch.bus));
        let asks = thread::Builder::new().name(name).spawn(move || {
            let cause = senders::elsewhere(&watch.address, &svc);
            watch.found(svc, cause);
        });
        // Without a thread the alert goes out without a reason.
        self.thread = asks.ok();
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic there was reported; nothing depends on it.
            let _ = thread.join();
        }
    }
}

/// While all is quiet: a name may lead elsewhere without any connection to the old server breaking. Who starts anew
/// then beats there, and must not be missed here. When nobody answers, the echoes tell more about the bus.
fn look_around(watch: &Watch) {
    let known = watch.server().is_some();
    if known && let Ok(fresh) = watch.publisher.look(&Limits::default()) {
        is_same_server(watch, &fresh);
    }
}

/// An echo proves only the server that it went through: is the link still on the one that the name stands for?
fn check_server(watch: &Watch, fresh: &ServerIdentity) {
    if is_same_server(watch, fresh) {
        watch.with(|detector, now| detector.server_checked(now));
    }
}

/// Whether the link's server is the one that was met afresh, in the same role. If not, the link is made anew.
fn is_same_server(watch: &Watch, fresh: &ServerIdentity) -> bool {
    let known = watch.server().clone().unwrap_or_default();
    if !known.is_other(fresh) {
        return true;
    }
    log::warn!(
        "{}: another server answers now, or the same in another role: moving over",
        watch.bus
    );
    // Of another process, the connection registry has given up the connections already.
    if !known.is_other_process(fresh) {
        watch.outlets.calls.call(Call::Reconnect {
            bus: watch.bus.clone(),
        });
    }
    false
}
