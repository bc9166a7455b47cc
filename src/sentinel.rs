//! The sentinel: watches the healer.
//!
//! One thread judges: it subscribes to the healer's heartbeat and to its own echoes with a socket time limit of a second,
//! judges by the healer's own [`Detector`], and tells by the healer's own [`AlertStore`], without a lease.
#![warn(missing_docs, clippy::missing_errors_doc)]

mod alert_writer;
mod beat_handler;
mod names;
mod settings;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, TryRecvError};

use crate::bus::{
    Address, Backoff, BusError, Commands, Limits, Link, LogOnce, Polled, Publisher, Rights,
    ServerIdentity, Sink, check_subscriptions,
};
use crate::clock::{self, Mono, Now};
use crate::contract::{
    ALERT_CHANNEL, BEAT_MAX_BYTES, WATCHER_TRUTH_POLL, echo_channel, heartbeat_channel,
};
use crate::env::Env;
use crate::notify::{self, Notifier, Relay, Role};
use crate::service::{self, Error, Notice, Profile, Service};
use crate::truth::ServiceSchema;
use crate::watch::alert_encoder::AlertEncoder;
use crate::watch::alert_store::AlertStore;
use crate::watch::complaints::Complaints;
use crate::watch::detector::{BusNews, Detector, Echo, Output};
use crate::watch::handover::HANDED_MAX;
use alert_writer::SentinelWriter;
use beat_handler::HealerBeatHandler;
use names::{HEALER, IDLE, usual_timeout};

/// An echo is due each second; the bus is well while one came back within this.
const ECHO_FRESH: Duration = Duration::from_secs(5);
/// One turn of the loop takes no longer, a few connects and commands that hang included.
const TURN_BUDGET: Duration = Duration::from_secs(40);
const PROFILE: Profile = Profile {
    never_gives_up: true,
    truth_period: WATCHER_TRUTH_POLL,
    ..Profile::new("sentinel", "watches the healer")
};

/// Runs the service; a truth is judged by `schemas`.
pub fn run(schemas: &'static [ServiceSchema]) -> ExitCode {
    run_beside(schemas, |_| {})
}

/// As [`run`]; before there are bus and truth, `beside` is given the way to the sentinel's loop. None of its threads
/// fails at will, and what the loop does then is to be seen.
pub fn run_beside(
    schemas: &'static [ServiceSchema],
    beside: impl FnOnce(&Sender<Notice>),
) -> ExitCode {
    let prepare = |_: &Env, sender: &Sender<Notice>| {
        beside(sender);
        Ok(())
    };
    service::run_prepared(&PROFILE, schemas, prepare, |service, ()| {
        Sentinel::new(service)?.run()
    })
}

struct Sentinel {
    service: Service<Notice>,
    handler: HealerBeatHandler,
    /// The ways to people.
    notifier: Notifier,
    /// Of the healer.
    timeout: Duration,
    link: Option<Link>,
    backoff: Backoff,
    /// No attempt to connect before this.
    next_attempt: Mono,
    /// What was said of the trouble with the link, each thing once.
    outage: LogOnce,
    /// What is asked of the healer's bus.
    asks: Commands,
    /// The echoes go out by it.
    publisher: Publisher,
    alerts: SentinelWriter,
    /// `SENTINEL_TIMEOUT_SEC`, which holds where truth gives the healer no timeout.
    usual_timeout: Option<Duration>,
    /// What is wrong with the settings.
    complaints: Complaints,
    /// Why the bus of the healer cannot be known.
    blind: Option<BusError>,
    /// No echo may be sent, and that was said.
    is_barred: bool,
    /// Whether the store's record of the healer was taken in.
    seeded: bool,
    /// The server that was listened to last: another one may hold other data, or none.
    server: ServerIdentity,
}

impl Sentinel {
    fn new(service: Service<Notice>) -> Result<Sentinel, Error> {
        let now = Mono::now();
        let echo_channel = echo_channel(service.id, &service.inst);
        let channel = service.env.text("ALERT_CHANNEL", ALERT_CHANNEL)?;
        let usual_timeout = usual_timeout(&service.env)?;
        let system = service.buses.system();
        let tell = Commands::new(system.clone(), "sentinel:tell", Limits::default());
        let context = notify::Context {
            env: service.env.clone(),
            truth: Arc::clone(&service.truth),
            knows_services: true,
            bus: system.clone(),
            inst: service.inst.clone(),
            host: service.host.clone(),
            metrics: service.beat.metrics().clone(),
            relay: Relay::default(),
        };
        let notifier = notify::start(Role::Sentinel, context, service.sender.clone())?;
        let encoder = AlertEncoder::of_sentinel(&service.inst, &service.host);
        let mut sentinel = Sentinel {
            publisher: publisher(&system, &echo_channel),
            handler: HealerBeatHandler {
                detector: Detector::new(now),
                channel: heartbeat_channel(HEALER),
                echo_channel,
                last_beat: None,
                last_echo: None,
            },
            notifier,
            timeout: Duration::ZERO,
            link: None,
            backoff: Backoff::bus(),
            next_attempt: now,
            outage: LogOnce::default(),
            asks: Commands::new(system, "sentinel:ask", Limits::default()),
            alerts: SentinelWriter::new(AlertStore::new(tell, "", channel), encoder),
            usual_timeout,
            complaints: Complaints::default(),
            blind: None,
            is_barred: false,
            seeded: false,
            server: ServerIdentity::default(),
            service,
        };
        sentinel.follow(&sentinel.service.truth.clone());
        Ok(sentinel)
    }

    fn run(mut self) -> Result<(), Error> {
        let progress = self.service.beat.progress("loop", TURN_BUDGET);
        let turn = progress.working();
        loop {
            turn.tick();
            match self.service.events.try_recv() {
                Ok(Notice::Stop) | Err(TryRecvError::Disconnected) => return Ok(()),
                Ok(notice) => self.hear(notice)?,
                Err(TryRecvError::Empty) => {}
            }
            self.handler.detector.tick(Now::read(), HANDED_MAX);
            self.act();
            self.tell_complaints();
            let began = Mono::now();
            self.alerts.pay(&mut self.handler.detector, &self.notifier);
            self.was_busy(began);
            self.notifier.set_well(self.is_well());
            self.is_barred &= !self.bus_echoes();
            if !self.listen()? {
                return Ok(());
            }
            self.act();
        }
    }

    fn hear(&mut self, notice: Notice) -> Result<(), Error> {
        match notice {
            Notice::Truth(truth) => {
                self.adopt(truth);
                Ok(())
            }
            Notice::ThreadEnded { name, error } => Err(Error::thread_ended(&name, error)),
            Notice::TruthRejected { reason } => {
                self.hear_rejected(&reason);
                Ok(())
            }
            Notice::TruthMissing => {
                self.hear_missing();
                Ok(())
            }
            Notice::Stop | Notice::Message { .. } => Ok(()),
        }
    }

    /// Waits up to a second for what the bus brings; false when told to stop meanwhile.
    fn listen(&mut self) -> Result<bool, Error> {
        let now = Mono::now();
        let wait = self
            .handler
            .detector
            .next_wakeup()
            .since(now)
            .clamp(Duration::from_millis(1), IDLE);
        if self.blind.is_some() || (self.link.is_none() && now < self.next_attempt) {
            let pause = match self.blind {
                Some(_) => wait,
                None => self.next_attempt.since(now).min(wait),
            };
            return match self.service.events.recv_timeout(pause) {
                Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => Ok(false),
                Ok(notice) => self.hear(notice).map(|()| true),
                Err(RecvTimeoutError::Timeout) => Ok(true),
            };
        }
        if let Err(error) = self.poll(wait) {
            if self.service.buses.connections().is_ending() {
                return Ok(false);
            }
            if self.outage.is_news(&error) {
                log::warn!("{error}; trying on");
            }
            self.drop_link();
            self.next_attempt = Mono::now() + self.backoff.next_pause();
        }
        Ok(true)
    }

    fn poll(&mut self, wait: Duration) -> Result<(), BusError> {
        let link = match &mut self.link {
            Some(link) => link,
            none => {
                let began = Mono::now();
                let open = Link::open(
                    self.asks.address(),
                    "sentinel:sub",
                    &Limits::default(),
                    BEAT_MAX_BYTES,
                )?;
                self.handler.detector.was_busy(began, Now::read());
                none.insert(open)
            }
        };
        if !self.seeded {
            self.alerts.restore(&mut self.handler.detector)?;
            self.seeded = true;
        }
        link.set_read_timeout(Some(wait))?;
        if link.poll(&mut self.handler)? == Polled::Settled {
            self.asks.close();
            let began = Mono::now();
            let proof = check_subscriptions(link, &mut self.asks)?;
            self.handler.detector.was_busy(began, Now::read());
            self.handler.proven(&proof, Mono::now());
            // One that does not say who it is may be another whenever the link is another.
            let is_unknown = proof.is_anonymous() && self.outage.is_on();
            if is_unknown || self.server.is_other(&proof) {
                self.alerts.met_server();
            }
            self.server = proof;
            self.backoff.reset();
            if self.outage.end() {
                log::info!("listening again");
            }
        }
        Ok(())
    }

    /// Whether the healer beats and the bus echoes.
    fn is_well(&self) -> bool {
        self.healer_beats() && self.bus_echoes()
    }

    fn healer_beats(&self) -> bool {
        is_within(self.handler.last_beat, self.timeout)
    }

    fn bus_echoes(&self) -> bool {
        is_within(self.handler.last_echo, ECHO_FRESH)
    }

    fn drop_link(&mut self) {
        self.link = None;
        self.handler.detector.link_lost(Now::read());
    }

    /// Does what the detector asks for, and what it asks for in consequence.
    fn act(&mut self) {
        loop {
            while let Some(echo) = self.handler.detector.take_echo() {
                self.echo(echo);
            }
            let mut transitions = Vec::new();
            self.handler.detector.take_transitions(&mut transitions);
            for transition in &transitions {
                self.alerts.owe(transition, self.asks.address());
            }
            let mut outputs = Vec::new();
            self.handler.detector.take_outputs(&mut outputs);
            if outputs.is_empty() {
                return;
            }
            for output in outputs {
                self.act_on(output);
            }
        }
    }

    fn act_on(&mut self, output: Output) {
        match output {
            Output::Reconnect => {
                log::warn!("nothing was heard for seconds: making a new connection");
                self.drop_link();
                self.next_attempt = Mono::now();
            }
            Output::CheckServer => self.check_server(),
            Output::Bus(news) => say_bus(news),
            Output::Malformed { svc, why, count } => {
                log::warn!(
                    "{count} payloads on the heartbeat channel of {svc} were no beats: {why}"
                );
            }
        }
    }

    /// One write into a socket, as the healer does it; only a connection that must be made is waited for.
    fn echo(&mut self, Echo { seq, fresh }: Echo) {
        if fresh {
            self.publisher.disconnect();
        }
        let word = seq.to_string();
        if self.publisher.publish(&word) {
            return;
        }
        let began = Mono::now();
        let made = self.publisher.connect(&Limits::default());
        self.was_busy(began);
        match made {
            Ok(_) if self.handler.detector.echo_goes(seq, Now::read()) => {
                self.publisher.publish(&word);
            }
            Ok(_) => {}
            Err(error) if Rights::is_about(&error) => self.bar(error),
            Err(error) => log::debug!("no echo: {error}"),
        }
    }

    /// No echo may be sent: nobody but people can help, and they hear of it once.
    fn bar(&mut self, error: BusError) {
        if std::mem::replace(&mut self.is_barred, true) {
            return;
        }
        let began = Mono::now();
        let error = self.publisher.explain(error, &Limits::default());
        self.was_busy(began);
        let text = format!("SENTINEL cannot judge the healer: {error}");
        log::error!("{text}");
        self.notifier.tell(&text);
    }

    /// Nothing was read since `began`, because this thread itself waited for a bus.
    fn was_busy(&mut self, began: Mono) {
        self.handler.detector.was_busy(began, Now::read());
    }

    /// An echo proves only the server that it went through: is that still the one that the name stands for?
    fn check_server(&mut self) {
        let known = self.link.as_ref().map(|l| l.identity()).unwrap_or_default();
        let began = Mono::now();
        let mut fresh = Commands::new(
            self.asks.address().clone(),
            "sentinel:check",
            Limits::default(),
        );
        let met = fresh.server();
        self.was_busy(began);
        match met {
            Ok(server) if known.is_other(&server) => {
                log::warn!("the bus is another server now: making a new connection");
                self.drop_link();
                self.next_attempt = Mono::now();
            }
            Ok(_) => self.handler.detector.server_checked(Now::read()),
            Err(error) => {
                log::warn!("{error}");
                self.drop_link();
            }
        }
    }
}

fn publisher(address: &Address, channel: &str) -> Publisher {
    Publisher::new(address.clone(), "sentinel:echo", channel)
}

fn say_bus(news: BusNews) {
    match news {
        BusNews::Down { silent } => {
            log::error!(
                "the bus is silent for {}: the healer is not judged until it talks again",
                clock::human(silent)
            );
        }
        BusNews::Up { down } => log::info!("the bus talks again, after {}", clock::human(down)),
        BusNews::Unstable { unjudged, why } => {
            log::error!(
                "nothing could be judged for {}: {why}",
                clock::human(unjudged)
            );
        }
    }
}

fn is_within(at: Option<Mono>, limit: Duration) -> bool {
    at.is_some_and(|at| Mono::now().since(at) <= limit)
}
