//! From `main` to a running daemon, and back.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::first_truth::{First, find_truth};
use super::healthcheck::Notes;
use super::heartbeat::HeartbeatSettings;
use super::heartbeat_publisher::HeartbeatPublisher;
use super::message_handler;
use super::truth_watch::TruthWatch;
use super::{
    EVENTS_MAX, Error, Notice, Profile, Received, Remarks, Service, ServiceManager, Signals,
    Standard, ThreadGroup, complain, healthcheck, logging, standard_args,
};
use crate::bus::{Address, BusError, Buses, Commands, ConnectionRegistry, Limits};
use crate::clock::Mono;
use crate::contract::{ALERT_LOG, Card, HEALER_LEASE, SYSTEM_BUS, heartbeat_channel};
use crate::env::Env;
use crate::fail_stop;
use crate::swarm_state::TruthSource;
use crate::text::SafeText;
use crate::truth::{Defaults, Rules, ServiceSchema, Truth};

/// How long a stop may take before the process ends itself.
const STOP_MAX: Duration = Duration::from_secs(2);

/// Runs the daemon that `profile` describes: everything a `main` has to do. A truth is judged by `schemas`.
pub fn run<E: From<Notice> + Send + 'static>(
    profile: &Profile,
    schemas: &'static [ServiceSchema],
    body: impl FnOnce(Service<E>) -> Result<(), Error>,
) -> ExitCode {
    run_waiting(profile, schemas, |_| {}, body)
}

/// As [`run`]; tells `waits` each time that the bus was asked for the first truth in vain.
pub fn run_waiting<E: From<Notice> + Send + 'static>(
    profile: &Profile,
    schemas: &'static [ServiceSchema],
    waits: impl FnMut(&Away<'_, E>),
    body: impl FnOnce(Service<E>) -> Result<(), Error>,
) -> ExitCode {
    let prepare = |_: &Env, _: &Sender<E>| Ok(());
    begin(profile, schemas, prepare, waits, |service, ()| {
        body(service)
    })
}

/// As [`run`]; what `prepare` makes, before bus and truth are there, is handed to the body.
pub fn run_prepared<E: From<Notice> + Send + 'static, P>(
    profile: &Profile,
    schemas: &'static [ServiceSchema],
    prepare: impl FnOnce(&Env, &Sender<E>) -> Result<P, Error>,
    body: impl FnOnce(Service<E>, P) -> Result<(), Error>,
) -> ExitCode {
    begin(profile, schemas, prepare, |_| {}, body)
}

fn begin<E: From<Notice> + Send + 'static, P>(
    profile: &Profile,
    schemas: &'static [ServiceSchema],
    prepare: impl FnOnce(&Env, &Sender<E>) -> Result<P, Error>,
    waits: impl FnMut(&Away<'_, E>),
    body: impl FnOnce(Service<E>, P) -> Result<(), Error>,
) -> ExitCode {
    fail_stop::abort_on_panic();
    let env = Env::of_process();
    match standard_args(profile) {
        Ok(Standard::Run) => {}
        Ok(Standard::Printed) => return ExitCode::SUCCESS,
        Ok(Standard::Healthcheck(check)) => return healthcheck::check(profile.id, &env, check),
        Err(error) => {
            complain(&format!("{error}\n"));
            return error.exit_code();
        }
    }
    if let Err(error) = logging::start(profile.id, &env) {
        complain(&format!("{}: {error}\n", profile.id));
        return ExitCode::from(2);
    }
    match start(profile, env, schemas, prepare, waits, body) {
        Ok(()) => {
            log::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            log::error!("{error}");
            error.exit_code()
        }
    }
}

fn start<E: From<Notice> + Send + 'static, P>(
    profile: &Profile,
    env: Env,
    schemas: &'static [ServiceSchema],
    prepare: impl FnOnce(&Env, &Sender<E>) -> Result<P, Error>,
    mut waits: impl FnMut(&Away<'_, E>),
    body: impl FnOnce(Service<E>, P) -> Result<(), Error>,
) -> Result<(), Error> {
    let inst = format!("{:016x}", fastrand::u64(..));
    let host = host_name();
    log::info!(
        "version {}, instance {inst} on {host}",
        env!("CARGO_PKG_VERSION")
    );
    let service_manager = ServiceManager::from_env(&env);
    let (sender, events) = bounded(EVENTS_MAX);
    let buses = Buses::from_env(&env)?;
    watch_signals(sender.clone(), buses.connections().clone())?;
    let prepared = prepare(&env, &sender)?;

    let notes = Notes::of(profile.id, &env)?;
    let rules = Rules::lenient(Defaults::from_env(&env)?, schemas);
    let away = |since, address: &Address, error: &BusError| {
        waits(&Away {
            env: &env,
            rules,
            buses: &buses,
            inst: &inst,
            host: &host,
            sender: &sender,
            address,
            error,
            since,
        });
    };
    let manager = &service_manager;
    let found = find_truth(profile, &env, rules, &buses, manager, notes.as_ref(), away)?;
    let Some(first) = found else {
        return Ok(());
    };
    let starting = Starting {
        inst,
        host,
        buses: buses.for_truth(&env, &first.truth),
        env,
        service_manager,
        sender,
        events,
    };
    starting.serve(profile, rules, first, notes, |service| {
        body(service, prepared)
    })
}

/// A daemon that has its truth and no threads yet.
struct Starting<E> {
    inst: String,
    host: String,
    env: Env,
    buses: Buses,
    service_manager: ServiceManager,
    sender: Sender<E>,
    events: Receiver<E>,
}

impl<E: From<Notice> + Send + 'static> Starting<E> {
    /// Starts the threads that every daemon has, and runs `body` while they work.
    fn serve(
        self,
        profile: &Profile,
        rules: Rules,
        mut first: First,
        notes: Option<Notes>,
        body: impl FnOnce(Service<E>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (sender, connections) = (self.sender.clone(), self.buses.connections().clone());
        let mut remarks = Remarks::default();
        remarks.say(&self.buses, &first.truth);
        refuse_cluster(profile, &self.buses, &mut first.source)?;
        if let Some(notice) = first.notice {
            let _ = sender.try_send(E::from(notice));
        }

        let mut spine = ThreadGroup::new(sender.clone(), connections.clone());
        let (beat, publisher) = HeartbeatPublisher::new(
            profile.id,
            &self.inst,
            beat_settings(profile.id, &self.buses, &first.truth),
            !profile.beats_at_once,
            self.service_manager.clone(),
            notes,
        );
        let publisher = publisher.with_card(card(profile, &self.host));
        let started = beat.metrics().gauge("daemon_start_time_seconds", &[]);
        started.set(crate::clock::wall_secs() as f64);
        spine.spawn("beat", move || publisher.run())?;

        let (period, keeps) = (profile.truth_period, profile.keeps_last_good);
        let (watch, hint) = TruthWatch::new(first.source, rules, period, first.digest, keeps);
        let tell = sender.clone();
        spine.spawn("truth", move || {
            watch.run(|notice| tell.send(E::from(notice)).is_ok())
        })?;

        let system = self.buses.system();
        let listen = || message_handler::listen(profile, system, hint.clone(), sender.clone());
        let subscriber = profile.listens.then(listen).transpose()?;

        let done = body(Service {
            id: profile.id,
            inst: self.inst,
            host: self.host,
            env: self.env,
            buses: self.buses,
            truth: first.truth,
            remarks,
            beat: beat.clone(),
            truth_hint: hint.clone(),
            service_manager: self.service_manager,
            events: self.events,
            threads: ThreadGroup::new(sender.clone(), connections),
            sender: self.sender,
        });
        // The body has joined its own threads. Now those of the room, which end when nobody needs them.
        beat.stop();
        drop(hint);
        drop(subscriber);
        drop(spine);
        done
    }
}

/// What the beats of this process say of it; the address is that of their connection.
fn card(profile: &Profile, host: &str) -> Card {
    Card {
        host: host.into(),
        ver: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        addr: SafeText::default(),
        caps: profile.caps.iter().map(|&word| word.into()).collect(),
    }
}

/// Puts [`Notice::Stop`] on the queue at the first SIGTERM or SIGINT, and ends the process when stopping takes too
/// long or a second signal comes.
fn watch_signals<E: From<Notice> + Send + 'static>(
    sender: Sender<E>,
    connections: ConnectionRegistry,
) -> Result<(), Error> {
    let mut signals = Signals::of(&[SIGTERM, SIGINT])?;
    // Never joined: it waits for signals until the process ends.
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            while let Some(Received { signal, .. }) = signals.wait() {
                if connections.is_ending() {
                    log::warn!("signal {signal} again: ending at once");
                    std::process::exit(1);
                }
                log::info!("signal {signal}: stopping");
                connections.end();
                let (connections, end) = (connections.clone(), Mono::now() + STOP_MAX);
                let limit = thread::Builder::new().name("stop-limit".into());
                let _ = limit.spawn(move || {
                    connections.cut();
                    thread::sleep(end.since(Mono::now()));
                    log::error!("not stopped after {} s: ending at once", STOP_MAX.as_secs());
                    std::process::exit(1);
                });
                let _ = sender.send(E::from(Notice::Stop));
            }
        })?;
    Ok(())
}

/// A bus that cannot be asked for the first truth.
pub struct Away<'a, E> {
    /// The environment of the process.
    pub env: &'a Env,
    /// What a truth of before is judged by.
    pub rules: Rules,
    /// The addresses by the environment alone: there is no truth yet.
    pub buses: &'a Buses,
    /// The instance that waits.
    pub inst: &'a str,
    /// The machine it runs on.
    pub host: &'a str,
    /// For the threads of whoever does something about it.
    pub sender: &'a Sender<E>,
    /// The bus that was asked.
    pub address: &'a Address,
    /// Why it gave no truth.
    pub error: &'a BusError,
    /// The first attempt in vain.
    pub since: Mono,
}

/// A Redis Cluster as the bus that carries control would refuse one thing after the other: that is said at the start.
fn refuse_cluster(profile: &Profile, buses: &Buses, truth: &mut TruthSource) -> Result<(), Error> {
    let system = buses.resolve(SYSTEM_BUS)?;
    let keys = [HEALER_LEASE, ALERT_LOG];
    if *truth.commands().address() == system {
        return Ok(truth.commands().refuse_cluster(keys)?);
    }
    let name = format!("{}:check", profile.id);
    Ok(Commands::new(system, name, Limits::default()).refuse_cluster(keys)?)
}

/// Where and how often `id` beats: by truth, else by the defaults.
pub fn beat_settings(id: &str, buses: &Buses, truth: &Truth) -> HeartbeatSettings {
    let Some(service) = truth.service(id) else {
        return HeartbeatSettings {
            address: Ok(buses.system()),
            channel: heartbeat_channel(id),
            interval: Duration::from_secs_f64(truth.defaults().interval_sec),
        };
    };
    HeartbeatSettings {
        address: buses.resolve(buses.names_in(truth)[service.bus().index()]),
        channel: service.channel().into_owned(),
        interval: service.interval(),
    }
}

/// The machine's name.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "unknown-host".into()
    } else {
        name.into()
    }
}
