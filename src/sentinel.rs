//! The sentinel: watches the healer.
//!
//! One thread: it subscribes to the healer's heartbeat and to its own echoes with a socket time limit of a second,
//! judges by the healer's own [`Detector`], and tells by the healer's own [`Ledger`], without a lease.

mod ears;
mod telling;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, TryRecvError};

use crate::bus::{Backoff, BusError, Commands, Limits, Link, Polled, Sink, info_field, prove};
use crate::clock::{self, Mono};
use crate::contract::{ALERT_CHANNEL, BEAT_MAX_BYTES, SYSTEM_BUS, echo_channel, heartbeat_channel};
use crate::healer::detector::{BusNews, Detector, Echo, Now, Output, Spec};
use crate::healer::ledger::Ledger;
use crate::healer::voice::Voice;
use crate::notify::{self, Notifier, Role};
use crate::service::{self, Error, Notice, Profile, Service, bus_names};
use crate::truth::{TIMEOUT_MAX_SEC, Truth};
use ears::Ears;
use telling::Telling;

/// Whom it watches.
const HEALER: &str = "healer";
/// The socket time limit of the idle loop.
const IDLE: Duration = Duration::from_secs(1);
/// An echo is due each second; the bus is well while one came back within this.
const ECHO_FRESH: Duration = Duration::from_secs(5);
/// One turn of the loop takes no longer, a connect and a few commands that hang included.
const TURN_BUDGET: Duration = Duration::from_secs(20);
const PROFILE: Profile = Profile {
    never_gives_up: true,
    listens: false,
    truth_period: Duration::from_secs(5),
    ..Profile::new("sentinel", "watches the healer")
};

/// Runs the service.
pub fn run() -> ExitCode {
    service::run(&PROFILE, |service| Sentinel::new(service)?.run())
}

struct Sentinel {
    service: Service<Notice>,
    ears: Ears,
    /// The ways to people.
    notifier: Notifier,
    /// Of the healer.
    timeout: Duration,
    link: Option<Link>,
    backoff: Backoff,
    /// No attempt to connect before this.
    next_attempt: Mono,
    /// The trouble last told.
    said: Option<String>,
    echoes: Commands,
    telling: Telling,
    /// Whether the store's record of the healer was taken in.
    seeded: bool,
    /// The server of the last proof: another one may hold other data, or none.
    run_id: Option<String>,
}

impl Sentinel {
    fn new(service: Service<Notice>) -> Result<Sentinel, Error> {
        let now = Mono::now();
        let echo_channel = echo_channel(service.id, &service.inst);
        let channel = service.env.text("ALERT_CHANNEL", ALERT_CHANNEL)?;
        let system = service.buses.resolve(SYSTEM_BUS)?;
        let tell = Commands::new(system.clone(), "sentinel:tell", Limits::default());
        let context = notify::Context {
            env: service.env.clone(),
            truth: Arc::clone(&service.truth),
            knows_services: true,
            bus: system.clone(),
            inst: service.inst.clone(),
            host: service.host.clone(),
        };
        let notifier = notify::start(Role::Sentinel, context, service.sender.clone())?;
        let voice = Voice::of_sentinel(&service.inst, &service.host);
        let mut sentinel = Sentinel {
            ears: Ears {
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
            said: None,
            echoes: Commands::new(system, "sentinel:echo", Limits::default()),
            telling: Telling::new(Ledger::new(tell, "", channel), voice),
            seeded: false,
            run_id: None,
            service,
        };
        sentinel.follow(&sentinel.service.truth.clone())?;
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
            self.ears.detector.tick(at(Mono::now()));
            self.act();
            self.telling.pay(&mut self.ears.detector, &self.notifier);
            self.notifier.set_well(self.is_well());
            if !self.listen() {
                return Ok(());
            }
            self.act();
        }
    }

    fn hear(&mut self, notice: Notice) -> Result<(), Error> {
        match notice {
            Notice::Truth(truth) => {
                self.service.adopt(Arc::clone(&truth))?;
                let system = self.service.buses.resolve(SYSTEM_BUS)?;
                self.notifier.set_truth(&truth, &system);
                self.follow(&truth)
            }
            Notice::ThreadEnded { name, error } => Err(Error::Other(format!(
                "thread {name} ended: {}",
                error.unwrap_or_default()
            ))),
            // A bad truth is the healer's to tell.
            Notice::Stop
            | Notice::Message { .. }
            | Notice::TruthRejected { .. }
            | Notice::TruthMissing => Ok(()),
        }
    }

    /// Watches the healer as `truth` describes it.
    fn follow(&mut self, truth: &Truth) -> Result<(), Error> {
        let healer = truth.service(HEALER);
        let own = healer.and_then(|h| h.own_timeout());
        let usual = healer.map_or(truth.default_timeout(), |h| h.timeout());
        let timeout = match own {
            Some(own) => own,
            None => self.service.env.secs(
                "SENTINEL_TIMEOUT_SEC",
                usual.as_secs_f64(),
                0.1,
                TIMEOUT_MAX_SEC,
            )?,
        };
        let interval = healer.map_or(truth.defaults().interval_sec, |h| {
            h.interval().as_secs_f64()
        });
        let channel =
            healer.map_or_else(|| heartbeat_channel(HEALER), |h| h.channel().into_owned());
        let bus = healer.map_or(SYSTEM_BUS, |h| {
            bus_names(truth, &self.service.buses)[h.bus().index()]
        });
        let address = self.service.buses.resolve(bus)?;
        let spec = Spec {
            svc: HEALER,
            channel: &channel,
            timeout_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
            interval_ms: (interval * 1000.0) as u32,
        };
        self.timeout = timeout;
        let detector = &mut self.ears.detector;
        detector.begin_reload();
        detector.watch(&spec);
        detector.sweep(u32::MAX, &mut Vec::new());
        if channel != self.ears.channel || address != *self.echoes.address() {
            self.ears.channel = channel;
            self.echoes.set_address(address);
            self.drop_link();
        }
        log::info!("watching the healer: timeout {}", clock::human(timeout));
        Ok(())
    }

    /// Waits up to a second for what the bus brings; false when told to stop meanwhile.
    fn listen(&mut self) -> bool {
        let now = Mono::now();
        let wait = self
            .ears
            .detector
            .next_wakeup()
            .since(now)
            .clamp(Duration::from_millis(1), IDLE);
        if self.link.is_none() && now < self.next_attempt {
            let pause = self.next_attempt.since(now).min(wait);
            return match self.service.events.recv_timeout(pause) {
                Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => false,
                Ok(notice) => self
                    .hear(notice)
                    .inspect_err(|e| log::error!("{e}"))
                    .is_ok(),
                Err(RecvTimeoutError::Timeout) => true,
            };
        }
        if let Err(error) = self.poll(wait) {
            if self.service.buses.switchboard().is_ending() {
                return false;
            }
            let text = error.to_string();
            if self.said.as_ref() != Some(&text) {
                log::warn!("{text}; trying on");
                self.said = Some(text);
            }
            self.drop_link();
            self.next_attempt = Mono::now() + self.backoff.next_pause();
        }
        true
    }

    fn poll(&mut self, wait: Duration) -> Result<(), BusError> {
        let link = match &mut self.link {
            Some(link) => link,
            none => {
                let open = Link::open(
                    self.echoes.address(),
                    "sentinel:sub",
                    &Limits::default(),
                    BEAT_MAX_BYTES,
                )?;
                none.insert(open)
            }
        };
        if !self.seeded {
            self.telling.seed(&mut self.ears.detector)?;
            self.seeded = true;
        }
        link.set_read_timeout(Some(wait))?;
        if link.poll(&mut self.ears)? == Polled::Settled {
            self.echoes.close();
            let proof = prove(link, &mut self.echoes)?;
            self.ears.proven(&proof, Mono::now());
            if self.run_id.is_some() && self.run_id != proof.run_id {
                self.telling.refresh_now();
            }
            self.run_id = proof.run_id;
            self.backoff.reset();
            if self.said.take().is_some() {
                log::info!("listening again");
            }
        }
        Ok(())
    }

    /// Whether the healer beats and the bus echoes.
    fn is_well(&self) -> bool {
        let now = Mono::now();
        let within = |at: Option<Mono>, limit| at.is_some_and(|at| now.since(at) <= limit);
        within(self.ears.last_beat, self.timeout) && within(self.ears.last_echo, ECHO_FRESH)
    }

    fn drop_link(&mut self) {
        self.link = None;
        self.ears.detector.link_lost(at(Mono::now()));
    }

    /// Does what the detector asks for, and what it asks for in consequence.
    fn act(&mut self) {
        loop {
            if let Some(echo) = self.ears.detector.take_echo() {
                self.echo(echo);
            }
            let mut transitions = Vec::new();
            self.ears.detector.take_transitions(&mut transitions);
            for transition in &transitions {
                self.telling.owe(transition);
            }
            let mut outputs = Vec::new();
            self.ears.detector.take_outputs(&mut outputs);
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

    fn echo(&mut self, echo: Echo) {
        if echo.fresh {
            self.echoes.close();
        }
        let publish = redis::cmd("PUBLISH")
            .arg(&self.ears.echo_channel)
            .arg(echo.seq)
            .to_owned();
        if let Err(error) = self.echoes.query::<i64>(&publish) {
            log::debug!("no echo: {error}");
        }
    }

    /// An echo proves only the server that it went through: is that still the one that the name stands for?
    fn check_server(&mut self) {
        let known = self.link.as_ref().map(|l| l.identity()).unwrap_or_default();
        let mut fresh = Commands::new(
            self.echoes.address().clone(),
            "sentinel:check",
            Limits::default(),
        );
        match fresh.query::<String>(redis::cmd("INFO").arg("server")) {
            Ok(info) if info_field(&info, "run_id") != known.run_id => {
                log::warn!("the bus is another server now: making a new connection");
                self.drop_link();
                self.next_attempt = Mono::now();
            }
            Ok(_) | Err(BusError::Denied { .. }) => {
                self.ears.detector.server_checked(at(Mono::now()))
            }
            Err(error) => {
                log::warn!("{error}");
                self.drop_link();
            }
        }
    }
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
        BusNews::Unstable { unjudged } => {
            log::error!(
                "the bus comes and goes: nothing could be judged for {}",
                clock::human(unjudged)
            );
        }
    }
}

fn at(mono: Mono) -> Now {
    Now {
        mono,
        wall_secs: clock::wall_secs(),
    }
}
