//! The daemon: threads hear the buses and look at streams, one loop writes.

mod speaking;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, TrySendError, bounded};

use super::alerts::Alerts;
use super::bus::{Bus, Hearer, Shared, Wish};
use super::config::{Config, SERVICE};
use super::hearing::{Kept, Room};
use super::record::Record;
use super::registry::{Forgetting, Registry, Wanted};
use super::streams::{Looks, Streams};
use super::work::{Seen, Watched, Works};
use crate::bus::{Address, BusError, Commands, Limits};
use crate::clock::{Mono, Now};
use crate::contract::mesh::{FORGET, INSTANCES_MAX};
use crate::contract::{ALERT_CHANNEL, MARKET_BUS, echo_channel};
use crate::service::metrics::Metrics;
use crate::service::{BeatHandle, Error, Notice, Profile, Service};
use crate::truth::Truth;
use crate::watch::alert_store::AlertStore;

/// What mesh wants of the service room: whoever stands by does not beat.
pub const PROFILE: Profile = Profile {
    channels: &[FORGET],
    beats_at_once: false,
    caps: &["registry"],
    ..Profile::new(
        SERVICE,
        "keeps the registry of instances and finds work that stands still",
    )
};

/// One turn of the loop takes no longer, a few commands that hang included.
const TURN_BUDGET: Duration = Duration::from_secs(30);
/// Everything that goes by seconds is looked at so often.
const EVERY_SECOND: Duration = Duration::from_secs(1);

/// Everything that happens.
pub enum Event {
    Notice(Notice),
    /// There is news in the registry.
    News,
    /// What was seen of watched streams.
    Seen(Vec<(Watched, Seen)>),
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Event {
        Event::Notice(notice)
    }
}

/// The state of the loop.
pub struct Mesh {
    shared: Arc<Shared>,
    room: Room,
    buses: HashMap<String, Bus>,
    /// Buses that truth names no more: their threads may end.
    ended: Vec<String>,
    record: Record,
    alerts: Alerts,
    works: Works,
    looks: Sender<Looks>,
    /// When streams were looked at last, and whether that look is under way.
    looked: Mono,
    is_looking: bool,
    timeouts: HashMap<Box<str>, Duration>,
    /// This mesh writes.
    speaks: bool,
    next_second: Mono,
    next_as_of: Mono,
    /// How many records were there at the last look.
    written_works: Vec<String>,
    /// The trouble that was told last.
    said: Option<String>,
    said_large: bool,
    metrics: Metrics,
}

impl Mesh {
    /// Starts the threads.
    ///
    /// # Errors
    /// When a variable of the environment cannot be used, or no thread can be started.
    pub fn start(service: &mut Service<Event>) -> Result<Mesh, Error> {
        let (system, inst) = (service.buses.system(), service.inst.clone());
        let channel = service.env.text("ALERT_CHANNEL", ALERT_CHANNEL)?;
        let connection =
            |role: &str| Commands::new(system.clone(), format!("mesh:{role}"), Limits::default());
        let store = AlertStore::new(connection("alerts"), &inst, channel);
        let store = store.under(crate::contract::mesh::LEASE);
        let sender = service.sender.clone();
        let wake = move || {
            // Full means that the loop has not slept yet.
            let _ = sender.try_send(Event::News);
        };
        let (looks, inbox) = bounded(1);
        let (streams, tell) = (Streams::new(inbox), service.sender.clone());
        service.threads.spawn("streams", move || {
            streams.run(|seen| {
                let _ = tell.send(Event::Seen(seen));
            })
        })?;
        let now = Mono::now();
        let mut mesh = Mesh {
            shared: Shared::new(Registry::new(&inst), wake),
            room: Room::default(),
            buses: HashMap::new(),
            ended: Vec::new(),
            record: Record::new(connection("record"), &inst),
            alerts: Alerts::new(store, &inst, &service.host),
            works: Works::default(),
            looks,
            looked: now,
            is_looking: false,
            timeouts: HashMap::new(),
            speaks: false,
            next_second: now,
            next_as_of: now,
            written_works: Vec::new(),
            said: None,
            said_large: false,
            metrics: service.beat.metrics().clone(),
        };
        mesh.follow(service)?;
        Ok(mesh)
    }

    /// Serves until told to stop.
    ///
    /// # Errors
    /// When one of the threads ended.
    pub fn serve(mut self, service: &mut Service<Event>) -> Result<(), Error> {
        let progress = service.beat.progress("loop", TURN_BUDGET);
        let turn = progress.working();
        let done = loop {
            turn.tick();
            let wake = self.turn(service);
            let notice = match service.events.recv_deadline(wake.instant()) {
                Ok(Event::Notice(notice)) => notice,
                Ok(Event::News) | Err(RecvTimeoutError::Timeout) => continue,
                Ok(Event::Seen(seen)) => {
                    self.see(seen);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => Notice::Stop,
            };
            match notice {
                Notice::Stop => break Ok(()),
                Notice::Truth(truth) => {
                    service.adopt(truth);
                    self.follow(service)?;
                }
                Notice::ThreadEnded { name, error } => {
                    if error.is_some() || !self.ended.contains(&name) {
                        break Err(Error::thread_ended(&name, error));
                    }
                }
                Notice::Message { payload, .. } => self.forget(&String::from_utf8_lossy(&payload)),
                Notice::TruthRejected { .. } | Notice::TruthMissing => {}
            }
        };
        self.buses.values().for_each(Bus::end);
        self.record.give_back();
        done
    }

    /// Lives by the truth in force.
    fn follow(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        let (truth, now) = (Arc::clone(&service.truth), Now::read());
        let config = Config::of(&truth);
        let mut by_bus: HashMap<String, Vec<Kept>> = HashMap::new();
        let mut wanted = Vec::new();
        let names = service.buses.names_in(&truth);
        let only_several = self.is_large(&truth);
        self.timeouts.clear();
        for svc in truth
            .services()
            .filter(|svc| svc.has_heartbeat() && svc.is_enabled())
        {
            if only_several && svc.instances().is_none() {
                continue;
            }
            let ms = |d: Duration| u32::try_from(d.as_millis()).unwrap_or(u32::MAX);
            by_bus
                .entry(names[svc.bus().index()].to_owned())
                .or_default()
                .push(Kept {
                    svc: svc.name().into(),
                    channel: svc.channel().into(),
                    timeout_ms: ms(svc.timeout()),
                    interval_ms: ms(svc.interval()),
                });
            let min = svc.instances().map_or(0, |instances| instances.min);
            let timeout = svc.timeout();
            wanted.push((svc.name().into(), Wanted { min, timeout }));
            self.timeouts.insert(svc.name().into(), timeout);
            if min > 0 {
                self.alerts.know_service(svc.name(), timeout);
            }
        }
        self.shared
            .registry()
            .follow(wanted, config.forget_after, now);
        self.hear(service, by_bus)?;
        config
            .watched
            .iter()
            .for_each(|watched| self.alerts.know_work(watched));
        self.works.follow(config.watched, now);
        self.record.set_address(service.buses.system());
        self.alerts.set_address(service.buses.system());
        // Of what is new, another may have told something.
        if self.speaks {
            self.read_alerts();
        }
        Ok(())
    }

    /// Whether there are more services than instances may be kept: then only those of which several may run are.
    fn is_large(&mut self, truth: &Truth) -> bool {
        let is_large = truth.services().len() > INSTANCES_MAX;
        if is_large && !std::mem::replace(&mut self.said_large, true) {
            log::warn!(
                "truth names {} services: only those with `instances` are kept in the registry",
                truth.services().len()
            );
        }
        is_large
    }

    /// A thread for each bus that is to be heard, and none for others.
    fn hear(
        &mut self,
        service: &mut Service<Event>,
        mut by_bus: HashMap<String, Vec<Kept>>,
    ) -> Result<(), Error> {
        let gone: Vec<String> = self
            .buses
            .keys()
            .filter(|bus| !by_bus.contains_key(*bus))
            .cloned()
            .collect();
        for name in gone {
            if let Some(bus) = self.buses.remove(&name) {
                bus.end();
                self.ended
                    .extend([format!("hear-{name}"), format!("look-{name}")]);
                self.shared.registry().settle(&name);
            }
        }
        for (name, kept) in by_bus.drain() {
            let address = match service.buses.resolve(&name) {
                Ok(address) => address,
                Err(error) => {
                    log::error!("{name} cannot be heard: {error}");
                    continue;
                }
            };
            if !self.buses.contains_key(&name) {
                let bus = self.start_bus(service, &name, address.clone())?;
                self.buses.insert(name.clone(), bus);
            }
            if let Some(bus) = self.buses.get(&name) {
                bus.wish(Wish::Follow(address, kept));
            }
        }
        Ok(())
    }

    fn start_bus(
        &self,
        service: &mut Service<Event>,
        name: &str,
        address: Address,
    ) -> Result<Bus, Error> {
        let echoes = echo_channel(service.id, &service.inst);
        let shared = Arc::clone(&self.shared);
        let ends = service.buses.connections().clone();
        let room = self.room.clone();
        let (bus, hearer, look) = Hearer::new(name, address, &echoes, room, shared, ends);
        service
            .threads
            .spawn(&format!("hear-{name}"), move || hearer.run())?;
        service
            .threads
            .spawn(&format!("look-{name}"), move || look.run())?;
        Ok(bus)
    }

    /// An operator wishes one forgotten that is gone.
    fn forget(&mut self, name: &str) {
        if !self.speaks {
            return;
        }
        match self.shared.registry().forget_gone(name, Now::read()) {
            Forgetting::Done => log::info!("{name:?} is forgotten, as was asked for"),
            Forgetting::Unknown => {
                log::warn!("nobody is called {name:?}: there is nothing to forget")
            }
            Forgetting::Lives => log::warn!("{name:?} beats: it is not forgotten"),
        }
    }

    /// Asks for a look at the watched streams.
    fn look_at_streams(&mut self, service: &Service<Event>) {
        let streams = self.works.watched().map(|watched| {
            let address = stream_bus(service, &watched.bus);
            (watched.clone(), address)
        });
        let looks = Looks {
            streams: streams.collect(),
        };
        match self.looks.try_send(looks) {
            Ok(()) => self.is_looking = true,
            // One look waits already.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

/// Where a bus of data is: where nobody named the market bus, its data are on the system bus.
fn stream_bus(service: &Service<Event>, bus: &str) -> Result<Address, BusError> {
    match bus {
        MARKET_BUS => service.buses.market(),
        other => service.buses.resolve(other),
    }
}

/// What the beats say.
fn say_standing(beat: &BeatHandle, speaks: bool, trouble: Option<&str>) {
    match trouble {
        Some(why) => beat.set_degraded(why),
        None => beat.set_status(None),
    }
    if speaks {
        beat.unmute();
    } else {
        beat.mute();
    }
}
