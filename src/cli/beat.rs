//! `marketswarm beat NAME [-- CMD...]`: gives any program a heartbeat.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use lexopt::prelude::*;
use nix::sys::signal::SigSet;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpgid, getpgrp, kill_process, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

use super::{bad_args, known, printed};
use crate::bus::{Buses, Commands, Limits};
use crate::clock::wall_secs;
use crate::contract::{Beat, Card, TRUTH_KEY, beat_counter_key, heartbeat_channel};
use crate::env::Env;
use crate::sections::SCHEMAS;
use crate::service::{self, Error, HeartbeatPublisher, HeartbeatSettings, ServiceManager};
use crate::service::{Received, host_name, not_ignored, set_of, signals_to};
use crate::swarm_state::Periodic;
use crate::swarm_state::locator;
use crate::swarm_state::{Document, TruthSource};
use crate::truth::{Defaults, Rules, Truth};
use crate::up::child::{self, OnOrphaned};

const HELP: &str = "\
marketswarm beat: gives any program a heartbeat

usage: marketswarm beat NAME [--interval SEC] -- CMD [ARGUMENTS]
       marketswarm beat NAME

The first form runs CMD and beats as NAME while it lives. Signals are passed on to CMD, and its exit code is
that of this command (128 + N when signal N ended it, 127 when there is no such program, 126 when it is none).
What is ignored or blocked stays so, as under nohup; as process 1 of a container it reaps what CMD leaves behind. The second form beats once: for cron, or the end of a script.

Channel, bus and interval are those of NAME in truth; without an entry there: NAME:heartbeat, the system bus,
HB_INTERVAL_SEC (10). CMD runs whether or not the bus can be reached, and ends with this command.
";

/// How often the truth is looked at: the program runs already, with or without one.
const TRUTH_PERIOD: Duration = Duration::from_secs(5);

/// How long a bus that hangs may keep us from the first beat, or from the end.
const TRUTH_PATIENCE: Duration = Duration::from_millis(500);

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("beat", e);
    let (mut name, mut interval) = (None, None);
    let mut words: Vec<OsString> = Vec::new();
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Long("interval") => {
                let text = args.value().map_err(bad)?;
                interval = Some(seconds(&text.to_string_lossy())?);
            }
            Long("help") | Short('h') => return printed(HELP),
            Value(value) if name.is_none() => name = Some(value.to_string_lossy().into_owned()),
            // What follows `--`, and all that follows it.
            Value(first) => {
                words.push(first);
                words.extend(args.raw_args().map_err(bad)?);
            }
            other => return Err(bad(other.unexpected())),
        }
    }
    let name = name.ok_or_else(|| {
        Error::Config("beat needs the NAME of a service; see marketswarm beat --help".into())
    })?;
    let name = known::name(&name)?;
    let env = locator::with_buses(&env)?;
    match words.split_first() {
        None => once(&name, &env),
        Some((program, arguments)) => {
            // It ends with us: a program that lives on without its beat would be called dead.
            let mut command = child::command(Path::new(program), OnOrphaned::End);
            command.args(arguments);
            beside(&name, interval, &env, command)
        }
    }
}

fn seconds(text: &str) -> Result<Duration, Error> {
    match text.parse::<f64>() {
        Ok(secs) if (0.01..=86_400.0 * 32.0).contains(&secs) => Ok(Duration::from_secs_f64(secs)),
        _ => Err(Error::Config(format!(
            "--interval {text}: not a number of seconds"
        ))),
    }
}

/// Beats once. Without `inst`: each call is another process, and none is a restart.
fn once(name: &str, env: &Env) -> Result<ExitCode, Error> {
    let settings = from_truth(name, env)?.map_or_else(|| usual(name, env), Ok)?;
    let mut commands = Commands::new(settings.address?, format!("{name}:beat"), Limits::default());
    let i = commands.query(redis::cmd("INCR").arg(beat_counter_key(name)))?;
    let beat = Beat {
        svc: name.into(),
        i: Some(i),
        ts: Some(wall_secs()),
        ..Beat::default()
    };
    commands.query::<i64>(
        redis::cmd("PUBLISH")
            .arg(settings.channel)
            .arg(beat.to_json()),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `command` and beats while it lives.
fn beside(
    name: &str,
    interval: Option<Duration>,
    env: &Env,
    mut command: Command,
) -> Result<ExitCode, Error> {
    let with_interval = move |mut settings: HeartbeatSettings| {
        settings.interval = interval.unwrap_or(settings.interval);
        settings
    };
    let settings = with_interval(usual(name, env)?);
    let (sender, events) = bounded(16);
    let mut wanted = not_ignored(&[SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]);
    // Also where whoever started us ignores it: then nobody could say how the program ended.
    wanted.push(SIGCHLD);
    let blocked = SigSet::thread_get_mask().map_err(std::io::Error::from)?;
    signals_to(sender, &wanted, |received| received)?;
    let pid = spawn_blocking(&mut command, blocked)?;

    let inst = format!("{:016x}", fastrand::u64(..));
    let (beat, beater) = HeartbeatPublisher::new(
        name,
        &inst,
        settings,
        false,
        ServiceManager::default(),
        None,
    );
    let beater = beater.with_card(Card {
        host: host_name().into(),
        pid,
        ..Card::default()
    });
    let (svc, with_buses, handle) = (name.to_owned(), env.clone(), beat.clone());
    let look = move || {
        if let Ok(Some(settings)) = from_truth(&svc, &with_buses) {
            handle.configure(with_interval(settings));
        }
    };
    let first_look = look.clone();
    let beating = thread::Builder::new().name("beat".into()).spawn(move || {
        // Before the first beat, so that it goes where truth wants it.
        first_look();
        beater.run()
    })?;
    let truth = Periodic::start("truth", TRUTH_PERIOD, move || {
        look();
        true
    })?;

    let mut told_to_end = false;
    let status = loop {
        match events.recv() {
            Ok(received) if received.signal == SIGCHLD => {
                if let Some(status) = reap(pid)? {
                    break status;
                }
            }
            Ok(received) => {
                told_to_end |= matches!(received.signal, SIGINT | SIGTERM | SIGHUP | SIGQUIT);
                pass_on(received, pid);
            }
            Err(_) => return Err(Error::Other("nobody waits for the program".into())),
        }
    };
    if status.exit_status() != Some(0) && !told_to_end {
        // It failed: a last beat that says `stopping` would make that look planned.
        beat.mute();
    }
    beat.stop();
    drop(truth);
    // A panic there has ended the process.
    let _ = beating.join();
    Ok(ExitCode::from(code_of(status)))
}

/// The exit code as a shell would have it.
fn code_of(status: WaitStatus) -> u8 {
    let by_signal = status.terminating_signal().map(|signal| 128 + signal);
    let code = status.exit_status().or(by_signal);
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Starts `command` as whoever started us would have: what is ignored stays so by itself (but SIGPIPE: how that was, Rust's
/// runtime hides, and programs get it as usual), and with the signals blocked that `blocked` names;
/// but not the one that tells a program that its own children ended.
fn spawn_blocking(command: &mut Command, mut blocked: SigSet) -> Result<u32, Error> {
    let own = SigSet::thread_get_mask().map_err(std::io::Error::from)?;
    for signal in &set_of(&[SIGCHLD]) {
        blocked.remove(signal);
    }
    blocked.thread_set_mask().map_err(std::io::Error::from)?;
    let started = command.spawn();
    own.thread_set_mask().map_err(std::io::Error::from)?;
    Ok(started?.id())
}

/// Takes note of all that ended: the program, whose status is the answer, and, as process 1, what others left behind.
fn reap(pid: u32) -> Result<Option<WaitStatus>, Error> {
    let mut of_program = None;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((ended, status))) if is(ended, pid) => of_program = Some(status),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            // Nobody else ended, or nobody is left.
            Ok(None) | Err(Errno::CHILD) => return Ok(of_program),
            Err(error) => return Err(std::io::Error::from(error).into()),
        }
    }
}

fn is(process: Pid, pid: u32) -> bool {
    u32::try_from(process.as_raw_pid()).is_ok_and(|ended| ended == pid)
}

fn pass_on(received: Received, pid: u32) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    // Ctrl-C and Ctrl-\ reach everybody in the foreground, the program as well; what a process sent reached us alone.
    let is_key = received.by_kernel && matches!(received.signal, SIGINT | SIGQUIT);
    if is_key && getpgid(Some(pid)).is_ok_and(|group| group == getpgrp()) {
        return;
    }
    if let Some(signal) = Signal::from_named_raw(received.signal) {
        // It may have ended just now.
        let _ = kill_process(pid, signal);
    }
}

/// How `name` beats as long as truth does not say otherwise.
fn usual(name: &str, env: &Env) -> Result<HeartbeatSettings, Error> {
    let buses = Buses::from_env(env)?;
    let interval = Defaults::from_env(env)?.interval_sec;
    Ok(HeartbeatSettings {
        address: Ok(buses.system()),
        channel: heartbeat_channel(name),
        interval: Duration::from_secs_f64(interval),
    })
}

/// How truth wants it; `None` when there is no usable truth.
fn from_truth(name: &str, env: &Env) -> Result<Option<HeartbeatSettings>, Error> {
    let address = Buses::from_env(env)?.system();
    let limits = Limits {
        connect: TRUTH_PATIENCE,
        read: TRUTH_PATIENCE,
    };
    let commands = Commands::new(address, format!("{name}:truth"), limits);
    let mut source = TruthSource::new(commands, env.text("TRUTH_REDIS_KEY", TRUTH_KEY)?);
    let Document::Text(text) = source.read()? else {
        return Ok(None);
    };
    let Ok(truth) = Truth::parse(&text, Rules::lenient(Defaults::from_env(env)?, SCHEMAS)) else {
        return Ok(None);
    };
    let buses = Buses::of(env, &truth)?;
    Ok(Some(service::beat_settings(name, &buses, &truth)))
}
