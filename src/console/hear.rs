//! The beats of the services whose pages are open, as they come.
//!
//! Never of all: whoever beats counts his listeners, and one that leaves makes him look whether his bus is still the same.
//! So few channels are heard, each only while somebody looks at it and a minute more.

mod beat_handler;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use serde_json::{Value as Json, json};

use super::shared::Shared;
use crate::bus::{Address, Channels, Commands, Limits, Subscriber};
use crate::clock::Mono;
use crate::contract::BEAT_MAX_BYTES;
use crate::fail_stop::lock;
use crate::service::{Error, Progress};
use crate::swarm_state::Who;
use beat_handler::{BeatHandler, HeardService, Wanted};

/// Channels that are heard at once.
const CHANNELS_MAX: usize = 32;
/// So long after somebody looked last a channel is let go.
const LINGER: Duration = Duration::from_secs(60);
/// As often it is looked which those are.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// Services that may wait to be heard.
const WAITING_MAX: usize = 64;
/// How long it waits for a bus.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    read: Duration::from_secs(5),
};
/// One turn takes no longer: it may wait for the end of a connection that is being made, on each bus.
pub const BUDGET: Duration = Duration::from_secs(120);

/// What was heard, and what is to be. Clones are the same.
#[derive(Clone)]
pub struct Beats {
    services: Arc<Mutex<HashMap<Box<str>, HeardService>>>,
    wishes: Sender<Box<str>>,
}

impl Beats {
    /// Nothing is heard yet; the wishes go to a [`Listener`].
    pub fn new() -> (Beats, Receiver<Box<str>>) {
        let (wishes, inbox) = bounded(WAITING_MAX);
        let services = Arc::default();
        (Beats { services, wishes }, inbox)
    }

    /// The latest beats of `svc`, at which somebody looks now; from now on it is heard. `None` while as many others are
    /// looked at as can be heard at once.
    pub fn look(&self, svc: &str, now: Mono) -> Option<Json> {
        let mut services = lock(&self.services);
        if let Some(service) = services.get_mut(svc) {
            service.viewed = now;
            return Some(service.json());
        }
        if services.len() >= CHANNELS_MAX {
            let (idlest, service) = services.iter().min_by_key(|(_, service)| service.viewed)?;
            if now.since(service.viewed) <= 2 * TIDY_EVERY {
                return None;
            }
            let idlest = idlest.clone();
            services.remove(&idlest);
        }
        // Where too much is wished for, the next look wishes again.
        if self.wishes.try_send(svc.into()).is_ok() {
            services.insert(svc.into(), HeardService::new(now));
        }
        Some(json!({ "heard": false, "beats": [] }))
    }
}

/// The thread that hears: it subscribes what is looked at, and lets go of it.
pub struct Listener {
    beats: Beats,
    inbox: Receiver<Box<str>>,
    /// Disconnected when it is time to stop.
    running: Receiver<()>,
    shared: Arc<Shared>,
    progress: Progress,
    instance: String,
    buses: HashMap<String, BusListener>,
}

/// One bus that is listened to.
struct BusListener {
    subscriber: Subscriber,
    /// Wakes the subscriber, which else asks for more channels when the next message comes.
    commands: Commands,
    /// By channel, whose it is: shared with the subscriber.
    wanted: Wanted,
}

impl Listener {
    /// One that hears what `inbox` names, for `beats`, until `running` is disconnected. `instance` names the channel on
    /// which it wakes itself.
    pub fn new(
        beats: Beats,
        (inbox, running): (Receiver<Box<str>>, Receiver<()>),
        shared: Arc<Shared>,
        progress: Progress,
        instance: &str,
    ) -> Listener {
        Listener {
            beats,
            inbox,
            running,
            shared,
            progress,
            instance: instance.to_owned(),
            buses: HashMap::new(),
        }
    }

    /// Hears until it is time to stop.
    pub fn run(mut self) -> Result<(), Error> {
        let (inbox, running) = (self.inbox.clone(), self.running.clone());
        loop {
            let wish = select! {
                recv(inbox) -> wish => match wish {
                    Ok(svc) => Some(svc),
                    Err(_) => return Ok(()),
                },
                recv(running) -> _ => return Ok(()),
                default(TIDY_EVERY) => None,
            };
            let progress = self.progress.clone();
            let work = progress.working();
            if let Some(svc) = wish
                && !self.hear(&svc)
            {
                // The next look wishes again.
                lock(&self.beats.services).remove(&svc);
            }
            self.tidy(Mono::now());
            drop(work);
        }
    }

    /// Hears `svc`; false when it cannot be heard now.
    fn hear(&mut self, svc: &str) -> bool {
        let found = self.shared.truth().and_then(|truth| {
            let buses: Vec<&str> = truth.buses().collect();
            let service = truth.service(svc).filter(|s| s.has_heartbeat())?;
            let bus = Who::of(&service, &buses).bus.to_owned();
            let channel: Box<[u8]> = service.channel().as_bytes().into();
            Some((bus, channel))
        });
        let Some((bus, channel)) = found else {
            return false;
        };
        let Some(address) = self.shared.bus(&bus) else {
            return false;
        };
        let listener = match self.buses.remove(&bus) {
            Some(listener) => Some(listener),
            None => self.listen(&bus, address),
        };
        let Some(mut listener) = listener else {
            return false;
        };
        let is_new = lock(&listener.wanted)
            .insert(channel.clone(), svc.into())
            .is_none();
        if is_new {
            let mut channels = Channels::default();
            channels.push(&channel);
            listener.subscriber.add(channels);
            self.wake(&mut listener);
        }
        self.buses.insert(bus, listener);
        true
    }

    fn listen(&self, bus: &str, address: Address) -> Option<BusListener> {
        let wanted = Arc::default();
        let handler = BeatHandler {
            services: Arc::clone(&self.beats.services),
            wanted: Arc::clone(&wanted),
            own: self.own_channel(),
        };
        let thread = format!("hear-{bus}");
        let name = "console:hear";
        let started = Subscriber::start(
            &thread,
            address.clone(),
            name,
            LIMITS,
            BEAT_MAX_BYTES,
            handler,
        );
        let subscriber = started
            .inspect_err(|error| log::warn!("{bus} is not listened to: {error}"))
            .ok()?;
        Some(BusListener {
            subscriber,
            commands: Commands::new(address, "console:hear:wake", LIMITS),
            wanted,
        })
    }

    /// Lets go of what nobody looks at any more.
    fn tidy(&mut self, now: Mono) {
        let kept: BTreeSet<Box<str>> = {
            let mut services = lock(&self.beats.services);
            services.retain(|_, service| now.since(service.viewed) <= LINGER);
            services.keys().cloned().collect()
        };
        let mut listeners = std::mem::take(&mut self.buses);
        listeners.retain(|_, listener| {
            let mut gone = Channels::default();
            let mut wanted = lock(&listener.wanted);
            wanted.retain(|channel, svc| {
                let stays = kept.contains(svc);
                if !stays {
                    gone.push(channel);
                }
                stays
            });
            let is_empty = wanted.is_empty();
            drop(wanted);
            if !is_empty && !gone.is_empty() {
                listener.subscriber.remove(gone);
                self.wake(listener);
            }
            // Without anybody to hear, the connection ends.
            !is_empty
        });
        self.buses = listeners;
    }

    fn wake(&self, listener: &mut BusListener) {
        let mut command = redis::cmd("PUBLISH");
        command.arg(self.own_channel()).arg("0");
        // Where that is refused, the next beat of another wakes it.
        if let Err(error) = listener.commands.query::<i64>(&command) {
            log::debug!("the subscriber is not woken: {error}");
        }
    }

    fn own_channel(&self) -> String {
        format!("console:hear:{}", self.instance)
    }
}
