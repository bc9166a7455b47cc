//! The edge of one bus: a thread that hears it, sends its echoes, and hands on what the registry is to know.

mod acting;
mod beat_handler;
mod look;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use super::hearing::{Hearing, Kept, News, Room};
use super::registry::{Order, Registry};
use crate::bus::{
    Address, Backoff, BusError, Channels, Commands, ConnectionRegistry, Limits, Link, LogOnce,
    Polled, Publisher, ServerIdentity, Sink, check_subscriptions,
};
use crate::clock::{Mono, Now};
use crate::contract::BEAT_MAX_BYTES;
use crate::contract::mesh::State;
use crate::fail_stop::lock;
use crate::service::Error;
use beat_handler::InstanceBeatHandler;
pub use look::Look;

/// The socket time limit of the idle loop.
const IDLE: Duration = Duration::from_secs(1);
/// A socket knows no shorter time limit that is worth its call.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// How often it is looked for who is silent for longer than he should be.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After a handful of beats the thread sleeps for so long, so that a trickle of them, and the deadlines that come up one by
/// one as they did, wake it some twenty times a second and not once for each. A beat is read and a deadline judged by so
/// much later at most; an echo never is.
const NAP: Duration = Duration::from_millis(50);

/// What all buses share.
pub struct Shared {
    registry: Mutex<Registry>,
    /// The loop was woken and has not looked yet.
    is_nudged: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Shared {
    /// Around this registry; `wake` wakes the loop.
    pub fn new(registry: Registry, wake: impl Fn() + Send + Sync + 'static) -> Arc<Shared> {
        Arc::new(Shared {
            registry: Mutex::new(registry),
            is_nudged: AtomicBool::new(false),
            wake: Box::new(wake),
        })
    }

    /// The registry, for a moment: whoever hears a bus waits for it.
    pub fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.registry)
    }

    /// The loop looks from here on: what comes later wakes it anew.
    pub fn looking(&self) {
        self.is_nudged.store(false, Ordering::SeqCst);
    }

    fn nudge(&self) {
        if !self.is_nudged.swap(true, Ordering::SeqCst) {
            (self.wake)();
        }
    }
}

/// What the thread of a bus is told.
pub enum Wish {
    /// A truth.
    Follow(Address, Vec<Kept>),
    Do(Order),
}

/// The handle of a bus.
pub struct Bus {
    pub name: String,
    wishes: Arc<Mutex<Vec<Wish>>>,
    publisher: Arc<Mutex<Arc<Publisher>>>,
    stop: Arc<AtomicBool>,
}

impl Bus {
    /// Tells the thread, and wakes it.
    pub fn wish(&self, wish: Wish) {
        lock(&self.wishes).push(wish);
        self.wake();
    }

    /// The thread ends.
    pub fn end(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// A word on its own echo channel that proves nothing; where there is no line, the thread looks within a second.
    fn wake(&self) {
        let publisher = Arc::clone(&*lock(&self.publisher));
        publisher.publish("0");
    }
}

/// The thread's side.
pub struct Hearer {
    bus: String,
    shared: Arc<Shared>,
    wishes: Arc<Mutex<Vec<Wish>>>,
    stop: Arc<AtomicBool>,
    connections: ConnectionRegistry,
    handler: InstanceBeatHandler,
    address: Address,
    link: Option<Link>,
    backoff: Backoff,
    next_attempt: Mono,
    /// What was said of the trouble with the link, each thing once.
    outage: LogOnce,
    publisher: Arc<Publisher>,
    /// The same, for those who wake this thread.
    shown_publisher: Arc<Mutex<Arc<Publisher>>>,
    server: Arc<Mutex<Option<ServerIdentity>>>,
    has_moved: Arc<AtomicBool>,
    next_look: Mono,
    said_full: Option<Mono>,
    news: Vec<News>,
    was_doubting: bool,
    /// Ends the look-out when it is dropped.
    _alive: Sender<()>,
}

impl Hearer {
    /// A bus at `address`; its handle, the body of its thread, and that of the thread that looks who answers.
    pub fn new(
        bus: &str,
        address: Address,
        echo_channel: &str,
        room: Room,
        shared: Arc<Shared>,
        connections: ConnectionRegistry,
    ) -> (Bus, Hearer, Look) {
        let now = Mono::now();
        let publisher = publisher(&address, echo_channel);
        let shown_publisher = Arc::new(Mutex::new(Arc::clone(&publisher)));
        let wishes = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (server, has_moved) = (Arc::default(), Arc::default());
        let (alive, ended) = bounded(0);
        let look = Look {
            publisher: Arc::clone(&shown_publisher),
            server: Arc::clone(&server),
            has_moved: Arc::clone(&has_moved),
            ended,
        };
        let hearer = Hearer {
            bus: bus.to_owned(),
            shared,
            wishes: Arc::clone(&wishes),
            stop: Arc::clone(&stop),
            connections,
            handler: InstanceBeatHandler::new(bus, Hearing::new(room, now), echo_channel),
            address,
            link: None,
            backoff: Backoff::bus(),
            next_attempt: now,
            outage: LogOnce::default(),
            publisher,
            shown_publisher: Arc::clone(&shown_publisher),
            server,
            has_moved,
            next_look: now + LOOK_EVERY,
            said_full: None,
            news: Vec::new(),
            was_doubting: false,
            _alive: alive,
        };
        let bus = Bus {
            name: bus.to_owned(),
            wishes,
            publisher: shown_publisher,
            stop,
        };
        (bus, hearer, look)
    }

    /// Hears the bus until told to end.
    pub fn run(mut self) -> Result<(), Error> {
        while !self.is_ending() {
            self.take_wishes();
            if self.has_moved.swap(false, Ordering::SeqCst) {
                log::warn!(
                    "{}: another server answers now, or the same in another role: moving over",
                    self.bus
                );
                self.drop_link();
                self.next_attempt = Mono::now();
            }
            let now = Now::read();
            self.handler.hearing.detector().tick(now, usize::MAX);
            if now.mono >= self.next_look {
                self.next_look = now.mono + LOOK_EVERY;
                self.handler.hearing.look(now);
                self.say_full(now.mono);
            }
            self.act();
            self.listen();
            self.act();
        }
        Ok(())
    }

    fn is_ending(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.connections.is_ending()
    }

    fn take_wishes(&mut self) {
        let wishes = std::mem::take(&mut *lock(&self.wishes));
        let now = Now::read();
        for wish in wishes {
            match wish {
                Wish::Follow(address, kept) => self.follow(address, kept, now),
                Wish::Do(Order::Forget { svc, inst }) => self.handler.hearing.forget(&svc, &inst),
                Wish::Do(Order::Expect { svc, inst, state }) => match state {
                    State::Joining | State::Up | State::Suspect => {
                        self.handler.hearing.expect(&svc, &inst, now);
                    }
                    State::Failed => self.handler.hearing.expect_gone(&svc, &inst, false, now),
                    State::Left => self.handler.hearing.expect_gone(&svc, &inst, true, now),
                },
            }
        }
    }

    fn follow(&mut self, address: Address, kept: Vec<Kept>, now: Now) {
        let before: std::collections::HashSet<String> =
            self.handler.hearing.channels().map(str::to_owned).collect();
        self.handler.hearing.follow(kept, now);
        if address != self.address {
            self.address = address;
            self.publisher = publisher(&self.address, &self.handler.echo_channel);
            *lock(&self.shown_publisher) = Arc::clone(&self.publisher);
            self.drop_link();
            self.next_attempt = now.mono;
            return;
        }
        if let Some(link) = &mut self.link {
            let now_heard: std::collections::HashSet<&str> =
                self.handler.hearing.channels().collect();
            let new = now_heard.iter().filter(|c| !before.contains(**c)).copied();
            let gone = before
                .iter()
                .map(String::as_str)
                .filter(|c| !now_heard.contains(c));
            let (new, gone): (Channels, Channels) = (new.collect(), gone.collect());
            link.subscribe(new);
            link.unsubscribe(&gone);
        }
    }

    /// Waits up to a second for what the bus brings.
    fn listen(&mut self) {
        let now = Mono::now();
        let mut wake = self
            .handler
            .hearing
            .detector()
            .next_wakeup()
            .min(self.next_look);
        if let Some(end) = self.handler.hearing.doubt_ends() {
            wake = wake.min(end);
        }
        let wait = wake.since(now).clamp(SHORTEST_WAIT, IDLE);
        if self.link.is_none() && now < self.next_attempt {
            std::thread::park_timeout(self.next_attempt.since(now).min(wait));
            return;
        }
        if let Err(error) = self.poll(wait) {
            if self.is_ending() {
                return;
            }
            if self.outage.is_news(&error) {
                log::warn!("{}: {error}; trying on", self.bus);
            }
            self.drop_link();
            self.next_attempt = Mono::now() + self.backoff.next_pause();
        }
    }

    fn poll(&mut self, wait: Duration) -> Result<(), BusError> {
        let link = match &mut self.link {
            Some(link) => link,
            none => {
                let began = Mono::now();
                let limits = Limits::default();
                let open = Link::open(&self.address, "mesh:sub", &limits, BEAT_MAX_BYTES)?;
                self.handler.hearing.detector().was_busy(began, Now::read());
                none.insert(open)
            }
        };
        let mut wait = wait;
        if self.handler.is_trickle() {
            std::thread::sleep(NAP);
            wait = wait.saturating_sub(NAP).max(SHORTEST_WAIT);
        }
        link.set_read_timeout(Some(wait))?;
        if link.poll(&mut self.handler)? != Polled::Settled {
            return Ok(());
        }
        let began = Mono::now();
        let mut asks = Commands::new(self.address.clone(), "mesh:proof", Limits::default());
        let proof = check_subscriptions(link, &mut asks)?;
        self.handler.hearing.detector().was_busy(began, Now::read());
        self.handler.proven(&proof, Mono::now());
        *lock(&self.server) = Some(proof);
        self.backoff.reset();
        if self.outage.end() {
            log::info!("{}: listening again", self.bus);
        }
        Ok(())
    }

    fn drop_link(&mut self) {
        self.link = None;
        *lock(&self.server) = None;
        self.handler.hearing.link_lost(Now::read());
    }
}

fn publisher(address: &Address, channel: &str) -> Arc<Publisher> {
    Arc::new(Publisher::new(address.clone(), "mesh:echo", channel))
}
