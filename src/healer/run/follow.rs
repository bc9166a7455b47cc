//! Following the truth: which buses are heard, and who is watched there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::followed::Followed;
use super::{Healer, MonitoredBus};
use crate::bus::Channels;
use crate::clock::Mono;
use crate::contract::{SYSTEM_BUS, echo_channel};
use crate::healer::bus_monitor::{BusMonitor, Outputs};
use crate::healer::monitors::Job;
use crate::service::Error;
use crate::truth::{self, Truth};
use crate::watch::alert_encoder::AlertEncoder;
use crate::watch::detector::{Spec, Watched};
use crate::watch::unheard::Unheard;
use crate::watch::writer::command::Meeting;

/// Services put under watch in one go: the lock on a detector is held for a fraction of a millisecond.
const CHUNK: usize = 512;
/// Slots looked at in one go for services that are gone.
const SWEEP: u32 = 8192;

impl Healer {
    /// Watches whom `truth` names, where it says they beat.
    pub(super) fn follow(&mut self, truth: &Arc<Truth>) -> Result<(), Error> {
        self.state_dir.keep_channels(truth);
        let names: Vec<String> = self
            .service
            .buses
            .names_in(truth)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let buses = heard_buses(truth, &names);
        self.open_and_close(&buses, truth)?;

        let mut changes: BTreeMap<&str, Changes> =
            buses.iter().map(|bus| (*bus, Changes::default())).collect();
        let mut chunks: BTreeMap<&str, Vec<truth::Service<'_>>> = BTreeMap::new();
        let mut unheard = Unheard::default();
        for (bus, bus_heard) in &self.monitored {
            let (mut count, mut bytes) = (0, 0);
            if bus_heard.subscriber.is_none() {
                let here = truth
                    .watched()
                    .filter(|svc| names[svc.bus().index()] == *bus);
                here.for_each(|svc| (count, bytes) = (count + 1, bytes + svc.name().len()));
            }
            bus_heard.monitor.with(|d, _| {
                d.reserve(count, bytes);
                d.begin_reload(Mono::now());
            });
        }
        for svc in truth.watched() {
            let bus = names[svc.bus().index()].as_str();
            if !self.monitored.contains_key(bus) {
                unheard.add(bus, svc.name(), svc.timeout(), || {
                    let spoiled = self.service.buses.resolve(bus).err();
                    spoiled.map(|e| e.to_string()).unwrap_or_default()
                });
                continue;
            }
            let chunk = chunks.entry(bus).or_default();
            chunk.push(svc);
            if chunk.len() == CHUNK {
                self.watch_chunk(bus, chunk, &mut changes);
            }
        }
        for (bus, mut chunk) in chunks {
            self.watch_chunk(bus, &mut chunk, &mut changes);
        }
        self.sweep(truth, &mut changes);
        self.apply(changes)?;
        self.job(Job::Unheard(unheard));
        let monitors = self.monitored.values().map(|h| Arc::clone(&h.monitor));
        self.job(Job::Watch(monitors.collect()));
        let addresses = names.iter().map(|bus| self.service.buses.resolve(bus).ok());
        self.followed = Some(Followed {
            addresses: addresses.collect(),
            truth: Arc::clone(truth),
        });
        log::info!(
            "watching {} services on {}",
            truth.watched().count(),
            buses.join(", ")
        );
        Ok(())
    }

    /// Makes a bus monitor for each bus that has none, and drops those that are not wanted or moved elsewhere.
    fn open_and_close(&mut self, buses: &[&str], truth: &Truth) -> Result<(), Error> {
        let mut addresses = BTreeMap::new();
        for bus in buses {
            // One that the environment spoils is not heard; whoever beats there is `unknown`.
            if let Ok(address) = self.service.buses.resolve(bus) {
                addresses.insert(*bus, address);
            }
        }
        let let_go = &mut self.let_go;
        let mut gone = Vec::new();
        self.monitored.retain(|bus, bus_heard| {
            let stays = addresses.get(bus.as_str()) == Some(&bus_heard.address);
            if !stays {
                let_go.extend(bus_heard.threads.clone());
                let mut from = Some(0);
                while let Some(at) = from {
                    let (names, next) = bus_heard.monitor.with(|d, _| d.names(at, SWEEP));
                    gone.extend(names.into_iter().filter(|name| !is_watched(truth, name)));
                    from = next;
                }
            }
            stays
        });
        self.forget(gone);
        for (bus, address) in addresses {
            if self.monitored.contains_key(bus) {
                continue;
            }
            let is_system = bus == SYSTEM_BUS;
            self.monitors += 1;
            let other = (!is_system).then_some(bus);
            let encoder = AlertEncoder {
                series: self.monitors,
                ..AlertEncoder::of_healer(&self.service.inst, &self.service.host, other)
            };
            let outputs = Outputs {
                calls: self.calls.clone(),
                alert_writer: self.nudge.clone(),
                truth: is_system.then(|| self.service.truth_hint.clone()),
            };
            let echo = echo_channel(self.service.id, &self.service.inst);
            let (monitor, worker, lookout) = BusMonitor::new(bus, &address, encoder, echo, outputs);
            let early = self.early.as_ref().filter(|e| e.bus == bus);
            if let Some(early) = early {
                monitor.with(|d, _| d.restore_bus_down(early.since));
            } else if self.state_dir.knows_down(bus) {
                monitor.with(|d, now| d.restore_bus_down(now.mono));
            }
            // Numbered, so that the end of an earlier one is not taken for the end of this one.
            let name = |what: &str| format!("{what}-{bus}-{}", self.monitors);
            let threads = [name("reconnect"), name("look")];
            let [reconnect, look] = &threads;
            self.service
                .threads
                .spawn(reconnect, move || worker.run())?;
            self.service.threads.spawn(look, move || lookout.run())?;
            let bus_heard = MonitoredBus {
                monitor,
                address,
                subscriber: None,
                threads,
            };
            self.monitored.insert(bus.to_owned(), bus_heard);
        }
        Ok(())
    }

    fn watch_chunk(
        &self,
        bus: &str,
        chunk: &mut Vec<truth::Service<'_>>,
        changes: &mut BTreeMap<&str, Changes>,
    ) {
        let (Some(bus_heard), Some(changes)) = (self.monitored.get(bus), changes.get_mut(bus))
        else {
            return;
        };
        let is_new = bus_heard.subscriber.is_none();
        bus_heard.monitor.with(|detector, _| {
            for svc in chunk.drain(..) {
                let channel = svc.channel();
                let spec = Spec {
                    svc: svc.name(),
                    channel: &channel,
                    timeout_ms: millis(svc.timeout()),
                    interval_ms: millis(svc.interval()),
                };
                let watched = detector.watch(&spec);
                detector.set_several(svc.name(), svc.instances().is_some());
                let former = self.followed.as_ref();
                let came_over = watched == Watched::Added
                    && former.is_some_and(|f| f.has_elsewhere(svc.name(), &bus_heard.address));
                if came_over {
                    detector.came_over(svc.name());
                }
                match watched {
                    // A subscriber that is yet to start asks the detector for everything.
                    _ if is_new => {}
                    Watched::Already => {}
                    Watched::Added => {
                        changes.add(channel.as_bytes());
                        match came_over {
                            true => changes.came_over.push(svc.name().into()),
                            false => changes.met.push(svc.name().into()),
                        }
                    }
                    Watched::Moved { from } => {
                        from.iter().for_each(|from| changes.removed.push(from));
                        changes.add(channel.as_bytes());
                    }
                }
            }
        });
        // Deadlines that come up meanwhile are not late for a reload.
        self.tick();
    }

    /// Drops services that truth names no more.
    fn sweep(&self, truth: &Truth, changes: &mut BTreeMap<&str, Changes>) {
        let mut gone = Vec::new();
        for (bus, bus_heard) in &self.monitored {
            let Some(changes) = changes.get_mut(bus.as_str()) else {
                continue;
            };
            let mut dropped = Vec::new();
            while !bus_heard.monitor.with(|d, _| d.sweep(SWEEP, &mut dropped)) {
                self.tick();
            }
            for service in dropped {
                if let Some(channel) = &service.channel {
                    changes.removed.push(channel);
                }
                // One that only moved to another bus keeps its health key.
                if !is_watched(truth, &service.svc) {
                    gone.push(service.svc);
                }
            }
        }
        self.forget(gone);
    }

    fn forget(&self, gone: Vec<Box<str>>) {
        if !gone.is_empty() {
            log::info!("{} services are watched no more", gone.len());
            self.job(Job::Forget(gone));
        }
    }

    /// Tells the subscribers what changed; those that are new start with everything.
    fn apply(&mut self, changes: BTreeMap<&str, Changes>) -> Result<(), Error> {
        let mut meetings = Vec::new();
        for (bus, changes) in changes {
            let Some(bus_heard) = self.monitored.get_mut(bus) else {
                continue;
            };
            let Some(subscriber) = &bus_heard.subscriber else {
                bus_heard.subscriber = Some(bus_heard.monitor.listen(bus_heard.address.clone())?);
                continue;
            };
            for (names, are_named_anew) in [(changes.met, true), (changes.came_over, false)] {
                if !names.is_empty() {
                    meetings.push(Job::Meet(Meeting {
                        watch: bus_heard.monitor.encoder.series,
                        names,
                        are_named_anew,
                    }));
                }
            }
            if !changes.removed.is_empty() {
                subscriber.remove(changes.removed);
            }
            for channels in changes.added {
                subscriber.add(channels);
            }
            bus_heard.monitor.wake_subscriber();
        }
        for job in meetings {
            self.job(job);
        }
        Ok(())
    }
}

/// The buses on which somebody beats, of those that are called `names` by their number.
fn heard_buses<'n>(truth: &Truth, names: &'n [String]) -> Vec<&'n str> {
    let mut wanted = vec![false; names.len()];
    for svc in truth.watched() {
        wanted[svc.bus().index()] = true;
    }
    let named = names.iter().zip(wanted).filter(|(_, wanted)| *wanted);
    let mut buses: Vec<&str> = named.map(|(name, _)| name.as_str()).collect();
    // The system bus is heard even when nobody beats there: its own health, and word of a new truth.
    buses.push(SYSTEM_BUS);
    buses.sort_unstable();
    buses.dedup();
    buses
}

/// What a reload changes for one subscriber.
#[derive(Default)]
struct Changes {
    /// Channels of services that are new on them; those that another service leaves are subscribed already.
    added: Vec<Channels>,
    /// Channels that a service left. Those that another has by now are not let go of.
    removed: Channels,
    /// Services that truth did not name until now; the store may know them.
    met: Vec<Box<str>>,
    /// Services that are watched on this bus from now on.
    came_over: Vec<Box<str>>,
}

impl Changes {
    fn add(&mut self, channel: &[u8]) {
        if self.added.last().is_none_or(Channels::is_full) {
            self.added.push(Channels::default());
        }
        if let Some(last) = self.added.last_mut() {
            last.push(channel);
        }
    }
}

fn is_watched(truth: &Truth, svc: &str) -> bool {
    truth.service(svc).is_some_and(|s| s.is_watched())
}

fn millis(d: std::time::Duration) -> u32 {
    u32::try_from(d.as_millis()).unwrap_or(u32::MAX)
}
