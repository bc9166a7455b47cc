//! The healer's loop: one queue of events, one sleep until the next deadline, one match.

mod follow;
mod followed;
mod settings;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use followed::Followed;

use super::Event;
use super::alert_writer::{HealerWriter, Others, WORK_BUDGET};
use super::bus_monitor::BusMonitor;
use super::calls::{Call, Calls};
use super::cold_start::{ColdStart, StartOutage};
use super::counting::{Counting, Telling};
use super::monitors::{Job, Monitors};
use super::state_dir::StateDir;
use crate::bus::{Address, Commands, Limits, Subscriber};
use crate::clock::{self, Mono, Now};
use crate::contract::{ALERT_CHANNEL, Alert, AlertKind, SYSTEM_BUS, WATCHER_TRUTH_POLL};
use crate::flap::{Flap, FlapDetector, WINDOW_TIMEOUTS};
use crate::notify::{self, Notifier, Relay, Role};
use crate::service::{self, Error, Notice, Profile, Service};
use crate::truth::ServiceSchema;
use crate::watch::alert_encoder::AlertEncoder;
use crate::watch::alert_store::AlertStore;
use crate::watch::complaints::Complaints;
use crate::watch::detector::BusNews;
use crate::watch::writer::Writer;

/// Jobs that may wait for the alert writer; a loop that has more to say waits.
const JOBS_MAX: usize = 64;
/// Calls heeded between two looks at the buses.
const CALLS_AT_ONCE: usize = 256;
/// A bus that goes down again within this flaps; one that does not change for so long is steady. As for a service with
/// the usual timeout.
const BUS_WINDOW: Duration = Duration::from_secs(30 * WINDOW_TIMEOUTS as u64);
/// One turn of the loop takes no longer, a reload of a million services included.
const TURN_BUDGET: Duration = Duration::from_secs(15);

const PROFILE: Profile = Profile {
    never_gives_up: true,
    listens: false,
    truth_period: WATCHER_TRUTH_POLL,
    keeps_last_good: true,
    beats_at_once: false,
    ..Profile::new(
        "healer",
        "hears every heartbeat and says when one has stopped",
    )
};

/// Runs the service; a truth is judged by `schemas`.
pub fn run(schemas: &'static [ServiceSchema]) -> ExitCode {
    let early = RefCell::new(ColdStart::default());
    service::run_waiting(
        &PROFILE,
        schemas,
        |away| early.borrow_mut().hear(away),
        |service| Healer::new(service, early.take())?.run(),
    )
}

/// A bus that is heard.
struct MonitoredBus {
    monitor: Arc<BusMonitor>,
    address: Address,
    /// Started once the detector knows whom to listen to.
    subscriber: Option<Subscriber>,
    /// The names of the threads of its reconnect worker and its lookout.
    threads: [String; 2],
}

struct Healer {
    service: Service<Event>,
    monitored: BTreeMap<String, MonitoredBus>,
    /// The truth by which those are heard.
    followed: Option<Followed>,
    jobs: Sender<Job>,
    nudge: Sender<()>,
    speaking: Arc<AtomicBool>,
    calls: Calls,
    counting: Counting,
    /// The ways to people; there while this healer speaks.
    notifier: Option<Notifier>,
    /// Hands alerts to those of them that cannot read the log.
    relay: Relay,
    /// What was told before there was a truth, until it is clear who speaks.
    early: Option<StartOutage>,
    state_dir: StateDir,
    /// What is wrong with the settings.
    complaints: Complaints,
    /// Buses that come and go.
    flaps: FlapDetector<String>,
    /// Threads of buses that are heard no more: their end is expected.
    let_go: BTreeSet<String>,
    /// Watches made so far.
    monitors: u32,
    /// Numbers the alerts that belong to no service.
    notes: u32,
}

impl Healer {
    fn new(mut service: Service<Event>, early: ColdStart) -> Result<Healer, Error> {
        // Whoever cannot be told must be known at the start, not at the first death.
        notify::try_environment(&service.env, &service.truth, &service.host)?;
        let (jobs, job_inbox) = bounded(JOBS_MAX);
        let (nudge, nudges) = bounded(1);
        let speaking = Arc::new(AtomicBool::new(false));
        let channel = service.env.text("ALERT_CHANNEL", ALERT_CHANNEL)?;
        let system = service.buses.system();
        let commands = Commands::new(system.clone(), "healer:tell", Limits::default());
        let state_dir = StateDir::new(service.env.folder("STATE_DIR")?)?;
        let others = Others::new(service.id, &service.inst, system.clone());
        let mut early = early.found(&state_dir, &service.inst, &service.host);
        if let Some(notifier) = early.as_mut().and_then(|e| e.notifier.as_mut()) {
            notifier.set_truth(&service.truth, &system);
        }
        let early_notifier = early.as_ref().and_then(|e| e.notifier.as_ref());
        let relay = early_notifier.map_or_else(Relay::default, Notifier::relay);
        let calls = Calls::new(service.sender.clone());
        let encoder = AlertEncoder::of_healer(&service.inst, &service.host, None);
        let alert_writer = HealerWriter {
            store: AlertStore::new(commands, &service.inst, channel),
            beat: service.beat.clone(),
            service_manager: service.service_manager.clone(),
            jobs: job_inbox,
            nudges,
            calls: calls.clone(),
            speaking: Arc::clone(&speaking),
            progress: service.beat.progress("alert-writer", WORK_BUDGET),
            others,
            telling: Telling::new(service.beat.metrics()),
            relay: relay.clone(),
            writer: Writer::new(encoder, Now::read()),
            monitors: Monitors::default(),
        };
        service
            .threads
            .spawn("alert-writer", move || alert_writer.run())?;
        Ok(Healer {
            service,
            monitored: BTreeMap::new(),
            followed: None,
            jobs,
            nudge,
            speaking,
            calls,
            counting: Counting::default(),
            notifier: None,
            relay,
            early,
            state_dir,
            complaints: Complaints::default(),
            flaps: FlapDetector::default(),
            let_go: BTreeSet::new(),
            monitors: 0,
            notes: 0,
        })
    }

    fn run(mut self) -> Result<(), Error> {
        let done = self.watch_on();
        // What is on its way to people has the time that the rest takes: whatever is not told yet stands in the log.
        if let Some(notifier) = &mut self.notifier {
            notifier.stop();
        }
        self.early = None;
        // MonitoredBus ends first, then writing: what was judged is told.
        self.monitored.clear();
        let Healer {
            service,
            jobs,
            notifier,
            ..
        } = self;
        drop(jobs);
        drop(notifier);
        drop(service);
        done
    }

    fn watch_on(&mut self) -> Result<(), Error> {
        clock::wake_on_time();
        let truth = Arc::clone(&self.service.truth);
        self.follow(&truth)?;
        self.judge_settings();
        let progress = self.service.beat.progress("loop", TURN_BUDGET);
        loop {
            let wake = self.tick();
            let watches = self.monitored.values().map(|h| &*h.monitor);
            self.counting.look(self.service.beat.metrics(), watches);
            self.tell_steady_buses();
            self.follow_speaking();
            self.tell_complaints();
            self.tell_barred();
            let wake = self.flaps.next_due().map_or(wake, |due| due.min(wake));
            let wake = if self.heed_calls() { Mono::now() } else { wake };
            let Ok(event) = self.service.events.recv_deadline(wake.instant()) else {
                continue;
            };
            let _work = progress.working();
            self.follow_speaking();
            match event {
                Event::Notice(Notice::Stop) => return Ok(()),
                Event::Notice(Notice::Truth(truth)) => self.adopt(truth)?,
                Event::Notice(Notice::TruthRejected { reason }) => self.hear_rejected(&reason),
                Event::Notice(Notice::TruthMissing) => self.hear_missing(),
                Event::Notice(Notice::ThreadEnded { name, error: None })
                    if self.let_go.remove(&name) =>
                {
                    log::debug!("{name} ended, as it should");
                }
                Event::Notice(Notice::ThreadEnded { name, error }) => {
                    return Err(Error::thread_ended(&name, error));
                }
                Event::Notice(Notice::Message { .. }) | Event::Look => {}
            }
        }
    }

    /// Does what it was called for, a piece at a time; whether more waits.
    fn heed_calls(&mut self) -> bool {
        for _ in 0..CALLS_AT_ONCE {
            match self.calls.next() {
                None => return false,
                Some(Call::Reconnect { bus }) => {
                    let bus_heard = self.monitored.get(&bus);
                    if let Some(subscriber) = bus_heard.and_then(|h| h.subscriber.as_ref()) {
                        log::warn!("{bus}: making a new link");
                        subscriber.reconnect();
                    }
                }
                Some(Call::News { bus, news }) => self.hear_news(&bus, news),
                Some(Call::TellDirectly(alert)) => self.tell_directly(&alert),
                Some(Call::Tell(text)) => {
                    if let Some(notifier) = &self.notifier {
                        notifier.tell(&text);
                    }
                }
            }
        }
        true
    }

    /// Lets time pass on every bus; returns when the next one wants to be looked at.
    fn tick(&self) -> Mono {
        let far = Mono::now() + Duration::from_secs(3600);
        self.monitored
            .values()
            // Nobody listens yet: that nothing is heard says nothing about the bus.
            .filter(|h| h.subscriber.is_some())
            .map(|h| h.monitor.tick())
            .fold(far, Mono::min)
    }

    fn hear_news(&mut self, bus: &str, news: BusNews) {
        match news {
            BusNews::Down { silent } => {
                let reason = format!("nothing heard for {}", clock::human(silent));
                log::error!("{bus} is down: {reason}; nobody on it is judged until it talks again");
                self.state_dir.down(bus);
                self.note(AlertKind::BusDown, bus, Some(reason), true);
                let flap = self.flaps.fell(&bus.to_owned(), Now::read(), BUS_WINDOW);
                if let Some(flap) = flap {
                    self.note_flap(AlertKind::Flapping, bus, flap);
                }
            }
            BusNews::Up { down } => {
                log::info!("{bus} talks again, after {}", clock::human(down));
                self.state_dir.up(bus);
                self.flaps.rose(&bus.to_owned(), Mono::now(), BUS_WINDOW);
                self.note(
                    AlertKind::BusUp,
                    bus,
                    Some(format!("after {}", clock::human(down))),
                    true,
                );
            }
            BusNews::Unstable { .. } if self.is_barred(bus) => {}
            BusNews::Unstable { unjudged, why } => {
                let reason = format!(
                    "nothing could be judged for {}: {why}",
                    clock::human(unjudged)
                );
                log::error!("{bus}: {reason}");
                self.note(AlertKind::BusUnstable, bus, Some(reason), true);
            }
        }
    }

    /// Whether people were told why, and what to do.
    fn is_barred(&self, bus: &str) -> bool {
        let heard = self.monitored.get(bus);
        heard.is_some_and(|heard| heard.monitor.barred().is_some())
    }

    /// What keeps a bus from being judged and only people can mend, once.
    fn tell_barred(&mut self) {
        if !self.is_speaking() {
            return;
        }
        let untold = self.monitored.iter();
        let untold =
            untold.filter_map(|(bus, heard)| Some((bus.clone(), heard.monitor.take_barred()?)));
        for (bus, why) in untold.collect::<Vec<_>>() {
            let reason = format!("nothing can be judged: {why}");
            self.note(AlertKind::BusUnstable, &bus, Some(reason), true);
        }
    }

    fn tell_steady_buses(&mut self) {
        while let Some(bus) = self.flaps.due(Mono::now()) {
            if let Some(flap) = self.flaps.end(&bus) {
                self.note_flap(AlertKind::Steady, &bus, flap);
            }
        }
    }

    fn note_flap(&mut self, kind: AlertKind, bus: &str, flap: Flap) {
        self.note_with(kind, bus, true, |alert| {
            alert.of = Some(AlertKind::BusDown);
            alert.count = Some(flap.times.into());
            alert.since_ts = (kind == AlertKind::Flapping).then_some(flap.since_ts);
        });
    }

    /// An alert about no service: into the log, on the channel, and, when the bus may not carry it, straight to people.
    fn note(&mut self, kind: AlertKind, subject: &str, reason: Option<String>, is_about_bus: bool) {
        self.note_with(kind, subject, is_about_bus, |alert| {
            alert.reason = reason.map(Into::into);
        });
    }

    fn note_with(
        &mut self,
        kind: AlertKind,
        subject: &str,
        is_about_bus: bool,
        fill: impl FnOnce(&mut Alert),
    ) {
        let speaking = self.speaking.load(Ordering::SeqCst);
        let may_tell = speaking || (is_about_bus && self.early.is_some());
        if !may_tell {
            return;
        }
        self.notes += 1;
        let encoder = AlertEncoder::of_healer(&self.service.inst, &self.service.host, None);
        let mut alert = encoder.alert(
            kind,
            subject,
            clock::wall_secs(),
            &format!("note-{}", self.notes),
        );
        fill(&mut alert);
        if is_about_bus {
            alert.bus = Some(subject.to_owned());
        }
        if let Some(early) = self.early.as_mut().filter(|_| !speaking) {
            return early.tell(alert);
        }
        if is_about_bus && subject == SYSTEM_BUS {
            self.tell_directly(&alert);
        }
        self.job(Job::Note(Box::new(alert)));
    }

    /// Straight to people, past the bus. The log follows, and is not told again.
    fn tell_directly(&self, alert: &Alert) {
        if let Some(notifier) = &self.notifier {
            notifier.tell_out_of_band(alert);
        }
    }

    fn is_speaking(&self) -> bool {
        self.speaking.load(Ordering::SeqCst)
    }

    /// People are told by the healer that speaks, and by no other.
    fn follow_speaking(&mut self) {
        let speaking = self.speaking.load(Ordering::SeqCst);
        if speaking && let Some(early) = self.early.take() {
            self.notifier = early.notifier;
            for alert in early.alerts {
                self.job(Job::Note(Box::new(alert)));
            }
        }
        if self.early.as_ref().is_some_and(|e| Mono::now() > e.until) {
            // Another healer went on all the time, and tells.
            self.early = None;
        }
        if speaking == self.notifier.is_some() {
            return;
        }
        // Letting go of a notifier waits for what it is sending, up to a second: a mute healer has that time.
        self.notifier = None;
        if !speaking {
            return;
        }
        self.notifier = Some(self.start_notifier(self.service.buses.system()));
    }

    fn start_notifier(&self, bus: Address) -> Notifier {
        let context = notify::Context {
            env: self.service.env.clone(),
            truth: Arc::clone(&self.service.truth),
            knows_services: true,
            bus,
            inst: self.service.inst.clone(),
            host: self.service.host.clone(),
            metrics: self.service.beat.metrics().clone(),
            relay: self.relay.clone(),
        };
        let events = self.service.sender.clone();
        notify::start(Role::Healer, context.clone(), events.clone()).unwrap_or_else(|error| {
            // A truth of later than the start may spoil the channels, and the next one mend them.
            log::error!("nobody can be told: {error}");
            notify::idle(Role::Healer, context, events)
        })
    }

    fn job(&self, job: Job) {
        // The alert writer ends only after this loop; a full queue makes the loop wait, which the doubt rule covers.
        let _ = self.jobs.send(job);
    }
}
