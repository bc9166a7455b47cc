//! The threads that see the swarm: a subscriber for each bus, and one that looks at truth and health each second.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::alert_log::newest_alerts;
use super::board::{Look, ROWS_MAX, Seen};
use super::periodic::Periodic;
use super::reader::{READER_LIMITS, StateReader};
use super::truth_source::{Document, TruthSource};
use crate::bus::{
    self, Address, Batch, BusError, Buses, Channels, Commands, ServerIdentity, Sink, Subscriber,
};
use crate::clock::Mono;
use crate::contract::{ALERT_CHANNEL, BEAT_MAX_BYTES, Beat, SYSTEM_BUS, TEXT_MAX_BYTES, TRUTH_KEY};
use crate::env::Env;
use crate::text::SafeText;
use crate::truth::{Defaults, Rules, ServiceSchema, Truth};

/// From one look to the next.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// So many snapshots are read at each look.
const FEW: usize = 1000;
/// Looks from one reading of health to the next, where there are more.
const PATIENCE: u32 = 5;

/// A look that has nothing to wait for is over by then.
const ENDS_WITHIN: Duration = Duration::from_millis(100);

/// What a poller needs to know.
pub struct PollerSettings {
    env: Env,
    buses: Buses,
    truth: Address,
    truth_key: String,
    rules: Rules,
    alert_channel: String,
    past: usize,
}

impl PollerSettings {
    /// By the environment. A truth is judged by `schemas`; `past`: how many of the last alerts to tell first.
    ///
    /// # Errors
    /// When a variable cannot be used.
    pub fn from_env(
        env: &Env,
        schemas: &'static [ServiceSchema],
        past: usize,
    ) -> Result<PollerSettings, BusError> {
        let buses = Buses::from_env(env)?;
        let truth = match env.get("TRUTH_REDIS_URL")? {
            Some(url) => buses.address(&url, "TRUTH_REDIS_URL")?,
            None => buses.system(),
        };
        Ok(PollerSettings {
            truth,
            truth_key: env.text("TRUTH_REDIS_KEY", TRUTH_KEY)?,
            rules: Rules::lenient(Defaults::from_env(env)?, schemas),
            alert_channel: env.text("ALERT_CHANNEL", ALERT_CHANNEL)?,
            env: env.clone(),
            buses,
            past,
        })
    }
}

/// Sees the swarm: a thread that looks each second, and a subscriber for each bus. They end when it is dropped.
pub struct Poller {
    buses: Buses,
    thread: Periodic,
}

impl Drop for Poller {
    /// Whoever ends a command does not wait for a bus that hangs.
    fn drop(&mut self) {
        let connections = self.buses.connections();
        connections.end();
        if !self.thread.ends_within(ENDS_WITHIN) {
            connections.cut();
        }
    }
}

impl Poller {
    /// Starts them. What is seen goes to `sender`; while that is full, Redis holds the rest.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start<E: From<Seen> + Send + 'static>(
        settings: PollerSettings,
        sender: Sender<E>,
    ) -> std::io::Result<Poller> {
        let truth = Commands::new(settings.truth, "marketswarm:truth", READER_LIMITS);
        let system = settings.buses.system();
        let mut worker = Worker {
            source: TruthSource::new(truth, settings.truth_key),
            reader: StateReader::new(system, "marketswarm:look"),
            buses: settings.buses.clone(),
            rules: settings.rules,
            alert_channel: settings.alert_channel,
            env: settings.env,
            past: settings.past,
            names: Vec::new(),
            subscribers: Vec::new(),
            looks: 0,
            known: false,
            sender,
        };
        Ok(Poller {
            buses: settings.buses,
            thread: Periodic::start("poller", LOOK_PERIOD, move || {
                let broken = worker.look().err();
                let bus = SYSTEM_BUS.to_owned();
                worker.tell(Seen::Link { bus, broken })
            })?,
        })
    }
}

struct Worker<E> {
    source: TruthSource,
    reader: StateReader,
    /// As the environment has them.
    buses: Buses,
    rules: Rules,
    alert_channel: String,
    env: Env,
    past: usize,
    /// Whose health is looked at.
    names: Vec<String>,
    subscribers: Vec<Subscriber>,
    looks: u32,
    /// Whether the truth at hand is the one in Redis.
    known: bool,
    sender: Sender<E>,
}

impl<E: From<Seen> + Send + 'static> Worker<E> {
    fn look(&mut self) -> Result<(), BusError> {
        if !self.known || self.source.was_written()? {
            self.known = false;
            if let Document::Text(text) = self.source.read()?
                && let Ok(truth) = Truth::parse(&text, self.rules)
            {
                self.listen(Arc::new(truth));
            }
            self.known = true;
        }
        if self.past > 0 {
            let alerts = newest_alerts(self.reader.commands(), self.past)?;
            self.past = 0;
            self.tell(Seen::Past(alerts));
        }
        let oversight = self.reader.oversight()?;
        let mut health = Vec::new();
        if self.names.len() <= FEW || self.looks.is_multiple_of(PATIENCE) {
            let names = self.names.iter().map(String::as_str);
            health = self.reader.health(names)?.into_iter().flatten().collect();
        }
        self.looks = self.looks.wrapping_add(1);
        self.tell(Seen::Look(Box::new(Look { oversight, health })));
        Ok(())
    }

    /// Listens to the beats that `truth` names, each on its bus, and to the alerts.
    fn listen(&mut self, truth: Arc<Truth>) {
        self.subscribers.clear();
        self.names = truth
            .services()
            .filter(|service| service.has_heartbeat() && service.is_enabled())
            .take(ROWS_MAX)
            .map(|service| service.name().to_owned())
            .collect();
        let buses = self.buses.for_truth(&self.env, &truth);
        let bus_names = buses.names_in(&truth);
        let mut handlers: BTreeMap<&str, Handler<E>> = BTreeMap::new();
        let mut on = |bus, channel: String, svc: Option<&str>| {
            let handler = handlers
                .entry(bus)
                .or_insert_with(|| Handler::new(bus, self.sender.clone()));
            handler.channels.push(channel.clone());
            handler
                .meaning
                .insert(channel.into_bytes(), svc.map(str::to_owned));
        };
        on(SYSTEM_BUS, self.alert_channel.clone(), None);
        for service in truth.services().take(ROWS_MAX) {
            if service.has_heartbeat() && service.is_enabled() {
                let bus = bus_names[service.bus().index()];
                on(bus, service.channel().into_owned(), Some(service.name()));
            }
        }
        self.tell(Seen::Truth(Arc::clone(&truth)));
        for (bus, handler) in handlers {
            let Ok(address) = buses.resolve(bus) else {
                continue;
            };
            let started = Subscriber::start(
                "subscriber",
                address,
                "marketswarm:sub",
                READER_LIMITS,
                BEAT_MAX_BYTES,
                handler,
            );
            self.subscribers.extend(started.ok());
        }
    }

    /// False when nobody listens any more.
    fn tell(&self, seen: Seen) -> bool {
        self.sender.send(E::from(seen)).is_ok()
    }
}

/// What hhandlers one bus.
struct Handler<E> {
    bus: String,
    channels: Vec<String>,
    /// The service behind a channel; `None` for the alerts.
    meaning: HashMap<Vec<u8>, Option<String>>,
    sender: Sender<E>,
}

impl<E: From<Seen>> Handler<E> {
    fn new(bus: &str, sender: Sender<E>) -> Handler<E> {
        Handler {
            bus: bus.to_owned(),
            channels: Vec::new(),
            meaning: HashMap::new(),
            sender,
        }
    }

    fn understand(&self, channel: &[u8], payload: &[u8], at: Mono) -> Option<Seen> {
        match self.meaning.get(channel)? {
            None => Some(Seen::Alert(serde_json::from_slice(payload).ok()?)),
            Some(svc) => {
                let beat = Beat::read(payload, svc).ok()?;
                Some(Seen::Beat {
                    svc: svc.clone(),
                    i: beat.i,
                    inst: beat.inst.map(|inst| safe(&inst)),
                    status: beat.status.map(|status| safe(&status)),
                    at,
                })
            }
        }
    }

    /// The link to the system bus is what the looking thread tells of.
    fn tell_link(&self, broken: Option<BusError>) {
        if self.bus != SYSTEM_BUS {
            let bus = self.bus.clone();
            let _ = self.sender.send(E::from(Seen::Link { bus, broken }));
        }
    }
}

impl<E: From<Seen> + Send + 'static> Sink for Handler<E> {
    fn wanted(&mut self, from: usize, into: &mut Channels) -> Option<usize> {
        for (at, channel) in self.channels.iter().enumerate().skip(from) {
            if into.is_full() {
                return Some(at);
            }
            into.push(channel.as_bytes());
        }
        None
    }

    fn batch(&mut self, batch: &mut Batch<'_>, now: Mono) {
        while let Some(event) = batch.next() {
            let bus::Event::Messages(run) = event else {
                continue;
            };
            for message in run.messages() {
                if let Some(seen) = self.understand(message.channel, message.payload, now) {
                    // Full means that the screen is busy: Redis holds the rest meanwhile.
                    let _ = self.sender.send(E::from(seen));
                }
            }
        }
    }

    fn proven(&mut self, _proof: &ServerIdentity, _now: Mono) {
        self.tell_link(None);
    }

    fn lost(&mut self, error: &BusError, _now: Mono) {
        self.tell_link(Some(error.clone()));
    }
}

/// A word of a beat, made safe.
fn safe(word: &str) -> String {
    SafeText::cut(word, TEXT_MAX_BYTES).into()
}
