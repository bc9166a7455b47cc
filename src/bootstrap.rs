//! Seeds the truth on both buses, and exits.
#![warn(missing_docs, clippy::missing_errors_doc)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::bus::{Backoff, BusError, Buses, Commands, Limits};
use crate::clock::Mono;
use crate::contract::{
    ALERT_LOG, HEALER_LEASE, MARKET_BUS, SYSTEM_BUS, TRUTH_CHANGED, TRUTH_KEY, TRUTH_MAX_BYTES,
};
use crate::env::Env;
use crate::service::{self, Error, ServiceManager, complain, print, usage_error};
use crate::swarm_state::{Document, TruthSource};
use crate::truth::{Defaults, Rules, ServiceSchema, Truth, digest};

const HELP: &str = "\
bootstrap: validates the truth document and writes it to both buses

usage: bootstrap [--file FILE] [--dry-run]

  --file FILE   the document (TRUTH_FILE, else truth.json here)
  --dry-run     validates and says what would be written, and writes nothing
  --version, --help

environment: SYSTEM_REDIS_URL or REDIS_URL (redis://system-redis:6379), MARKET_REDIS_URL
(optional; without it, and without buses.market-redis in truth, only the system bus is seeded),
TRUTH_REDIS_KEY (truth:doc), BOOTSTRAP_WAIT_SEC (60): how long to wait for the buses.

exit codes: 0 done, 2 bad configuration or truth, 3 a bus cannot be reached, 1 anything else
";

/// What the command line asks for.
struct Args {
    file: Option<PathBuf>,
    dry_run: bool,
}

/// Runs the command line of this process; see [`run_with`].
pub fn run(schemas: &'static [ServiceSchema]) -> ExitCode {
    run_with(lexopt::Parser::from_env(), Env::of_process(), schemas)
}

/// Runs the rest of a command line in an environment. The document is judged by `schemas`.
pub fn run_with(parser: lexopt::Parser, env: Env, schemas: &'static [ServiceSchema]) -> ExitCode {
    let done = args(parser).and_then(|args| match args {
        None => Ok(()),
        Some(args) => {
            service::start_logging("bootstrap", &env)?;
            seed(&env, &args, schemas)
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("bootstrap: {error}\n"));
            error.exit_code()
        }
    }
}

fn args(mut parser: lexopt::Parser) -> Result<Option<Args>, Error> {
    use lexopt::prelude::*;
    let mut args = Args {
        file: None,
        dry_run: false,
    };
    let bad = |e| usage_error("bootstrap", e);
    while let Some(arg) = parser.next().map_err(bad)? {
        match arg {
            Long("file") | Short('f') => args.file = Some(parser.value().map_err(bad)?.into()),
            Long("dry-run") | Short('n') => args.dry_run = true,
            Long("help") | Short('h') => {
                print(HELP)?;
                return Ok(None);
            }
            Long("version") | Short('V') => {
                print(concat!("bootstrap ", env!("CARGO_PKG_VERSION"), "\n"))?;
                return Ok(None);
            }
            other => return Err(bad(other.unexpected())),
        }
    }
    Ok(Some(args))
}

fn seed(env: &Env, args: &Args, schemas: &'static [ServiceSchema]) -> Result<(), Error> {
    let file = match &args.file {
        Some(file) => file.clone(),
        None => PathBuf::from(env.text("TRUTH_FILE", "truth.json")?),
    };
    let text = read(&file)?;
    let truth = Truth::parse(&text, Rules::strict(Defaults::from_env(env)?, schemas))
        .map_err(|rejected| Error::Truth(format!("{} is refused:\n{rejected}", file.display())))?;
    for warning in truth.warnings().list() {
        log::warn!("{}: {warning}", file.display());
    }
    let digest = digest(&text);
    log::info!(
        "{}: {} services, digest {digest}",
        file.display(),
        truth.services().len()
    );

    let buses = Buses::of(env, &truth)?;
    for (_, error) in buses.spoiled() {
        log::warn!("{error}");
    }
    let key = env.text("TRUTH_REDIS_KEY", TRUTH_KEY)?;
    let wait = env.secs("BOOTSTRAP_WAIT_SEC", 60.0, 0.0, 86_400.0)?;
    let end = Mono::now() + wait;
    let mut targets = vec![SYSTEM_BUS];
    if buses.is_named(MARKET_BUS) && buses.resolve(MARKET_BUS)? != buses.system() {
        targets.push(MARKET_BUS);
    }
    if args.dry_run {
        for bus in targets {
            log::info!(
                "would write {} bytes to {key} on {bus} ({})",
                text.len(),
                buses.resolve(bus)?
            );
        }
        return Ok(());
    }
    // Both buses first, so that a missing one leaves neither ahead of the other.
    let service_manager = ServiceManager::from_env(env);
    let mut open = Vec::new();
    for bus in targets {
        open.push((bus, reach(bus, &buses, end, &service_manager)?));
    }
    for (bus, commands) in open {
        write(bus, commands, &key, &text, &digest)?;
    }
    service_manager.ready();
    Ok(())
}

fn read(file: &std::path::Path) -> Result<Vec<u8>, Error> {
    let error = |e: std::io::Error| {
        Error::Config(format!(
            "cannot read {}: {e}; name it with --file",
            file.display()
        ))
    };
    let size = std::fs::metadata(file).map_err(error)?.len();
    if size > TRUTH_MAX_BYTES as u64 {
        return Err(Error::Truth(format!(
            "{} has {size} bytes, more than {TRUTH_MAX_BYTES}",
            file.display()
        )));
    }
    std::fs::read(file).map_err(error)
}

/// Connects to `bus`, waiting for it until `end` and saying so.
fn reach(
    bus: &str,
    buses: &Buses,
    end: Mono,
    service_manager: &ServiceManager,
) -> Result<Commands, Error> {
    // A large document takes its time to write: the limits are for a wait, not for the whole.
    let limits = Limits {
        read: Duration::from_secs(10),
        ..Limits::default()
    };
    let mut commands = Commands::new(buses.resolve(bus)?, "bootstrap:seed", limits);
    let mut backoff = Backoff::bus();
    let mut said = None::<Mono>;
    loop {
        // PING also waits for a server that is still loading.
        let error = match commands.ping() {
            Ok(()) if bus == SYSTEM_BUS => {
                commands.refuse_cluster([ALERT_LOG, HEALER_LEASE])?;
                return Ok(commands);
            }
            Ok(()) => return Ok(commands),
            Err(error) => error,
        };
        let hopeless = matches!(error, BusError::Tls { .. } | BusError::Auth { .. });
        if hopeless || error.is_bad_setting() || Mono::now() >= end {
            return Err(error.into());
        }
        if said.is_none_or(|at| Mono::now().since(at) >= Duration::from_secs(5)) {
            said = Some(Mono::now());
            log::warn!(
                "{bus}: {error}; waiting up to {} s more",
                end.since(Mono::now()).as_secs()
            );
        }
        service_manager.wait(Duration::from_secs(30), &format!("waiting for {bus}"));
        std::thread::sleep(backoff.next_pause());
    }
}

/// Writes the document unless it is there already, reads it back, and announces it.
fn write(bus: &str, commands: Commands, key: &str, text: &[u8], digest: &str) -> Result<(), Error> {
    let mut source = TruthSource::new(commands, key);
    let place = source.place();
    if let Document::Text(there) = source.read()?
        && there == text
    {
        log::info!("{bus}: {place} is the same already: nothing to do");
        return Ok(());
    }
    source
        .commands()
        .query::<()>(redis::cmd("SET").arg(key).arg(text))?;
    match source.read()? {
        Document::Text(back) if back == text => {}
        _ => {
            return Err(Error::Other(format!(
                "{bus}: {place} reads back other than it was written"
            )));
        }
    }
    let heard: i64 = source
        .commands()
        .query(redis::cmd("PUBLISH").arg(TRUTH_CHANGED).arg(digest))?;
    log::info!(
        "{bus}: wrote {} bytes to {place}; {heard} listeners were told",
        text.len()
    );
    Ok(())
}
