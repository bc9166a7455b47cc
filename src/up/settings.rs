//! What `marketswarm up` is asked for.

use std::path::{Path, PathBuf};

use lexopt::prelude::*;

use super::ports::{self, Wish};
use crate::console::CONSOLE;
use crate::env::Env;
use crate::sections::SCHEMAS;
use crate::service::{Error, SERVICES, usage_error};
use crate::swarm_state::locator;
use crate::truth::{Defaults, Rules, Truth};

/// As the user writes it.
const COMMAND: &str = "marketswarm up";

/// Beats of the demo.
const DEMO_INTERVAL_SEC: u32 = 1;
const DEMO_TIMEOUT_SEC: u32 = 5;

pub(super) const HELP: &str = "\
marketswarm up: two redis-servers, bootstrap and all services on this host, until Ctrl-C

usage: marketswarm up [OPTIONS]

  --only A,B           starts these services only
  --no-restart         leaves a service that died dead
  --truth FILE         the truth document (TRUTH_FILE, else truth.json here)
  --data DIR           data of Redis, logs, state (MARKETSWARM_DATA, else ./data)
  --system-port PORT   of system-redis (6379, or the next free one; 0: any)
  --market-port PORT   of market-redis (6380, or the next free one; 0: any)
  --console-port PORT  of the console (CONSOLE_LISTEN, else 8480, or the next free one; 0: any)
  --bin-dir DIR        where the services' programs are (beside this one)
  --demo               generated feeds and prices from this machine in place of those of truth, quick beats
  --plain              a line per event, also on a terminal
  --help

The environment is handed on to the services: LOG_LEVEL, WEBHOOK_URL, SMTP_HOST and so on.
It never uses, stops or changes a redis-server that it did not start.
";

/// What is wanted.
pub(super) struct Settings {
    pub services: Vec<&'static str>,
    pub restarts: bool,
    pub truth_file: PathBuf,
    pub truth: Truth,
    pub data: PathBuf,
    pub system: Wish,
    pub market: Wish,
    /// `None` where the environment says where the console listens, or none is started.
    pub console: Option<Wish>,
    pub bin_dir: PathBuf,
    pub redis_server: PathBuf,
    /// The ports of the generated feeds and of the generated market.
    pub demo: Option<[u16; 2]>,
    pub plain: bool,
    pub env: Env,
}

/// Reads the rest of a command line; `None` when it asks for help.
#[allow(clippy::too_many_lines)] // One argument after the other.
pub(super) fn settings(mut args: lexopt::Parser, env: Env) -> Result<Option<Settings>, Error> {
    let bad = |e| usage_error(COMMAND, e);
    let mut services = SERVICES.to_vec();
    let (mut restarts, mut plain, mut demo) = (true, false, false);
    let (mut truth_file, mut data, mut bin_dir) = (None, None, None);
    let (mut system_port, mut market_port, mut console_port) = (None, None, None);
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Long("only") => services = only(&args.value().map_err(bad)?.to_string_lossy())?,
            Long("no-restart") => restarts = false,
            Long("plain") => plain = true,
            Long("demo") => demo = true,
            Long("truth") => truth_file = Some(PathBuf::from(args.value().map_err(bad)?)),
            Long("data") => data = Some(PathBuf::from(args.value().map_err(bad)?)),
            Long("bin-dir") => bin_dir = Some(PathBuf::from(args.value().map_err(bad)?)),
            Long("system-port") => system_port = Some(port(&mut args, "--system-port")?),
            Long("market-port") => market_port = Some(port(&mut args, "--market-port")?),
            Long("console-port") => console_port = Some(port(&mut args, "--console-port")?),
            Long("help") | Short('h') => return Ok(None),
            other => return Err(bad(other.unexpected())),
        }
    }
    if system_port.is_some_and(|port| port != 0 && system_port == market_port) {
        return Err(Error::Config(
            "--system-port and --market-port are the same: two redis-servers need two ports".into(),
        ));
    }
    let truth_file = match truth_file {
        Some(file) => file,
        None => env.text("TRUTH_FILE", "truth.json")?.into(),
    };
    let data = match data {
        Some(data) => data,
        None => locator::data_folder(&env)?,
    };
    let demo = match demo {
        true => Some([ports::any()?, ports::any()?]),
        false => None,
    };
    let truth_file = match demo {
        Some(ports) => demo_truth(&truth_file, ports, &data)?,
        None => truth_file,
    };
    let truth = read_truth(&truth_file, &env)?;
    let document = read(&truth_file)?;
    // A name that stands in the document, with its quotes, is one that somebody reads.
    env.must_be_text(|name| {
        let name = name.strip_suffix("_FILE").unwrap_or(name);
        let quoted = format!("\"{name}\"");
        document
            .windows(quoted.len())
            .any(|part| part == quoted.as_bytes())
    })?;
    let bin_dir = match bin_dir {
        Some(dir) => dir,
        None => beside()?,
    };
    for name in services.iter().chain(&["bootstrap"]) {
        if !bin_dir.join(name).is_file() {
            let dir = bin_dir.display();
            return Err(Error::Config(format!(
                "there is no program {name} in {dir}: build it (cargo build --release), or name the folder with --bin-dir"
            )));
        }
    }
    let has_console = services.contains(&CONSOLE);
    let is_told = console_port.is_none() && env.get("CONSOLE_LISTEN")?.is_some();
    let console = (has_console && !is_told).then_some(Wish {
        asked: console_port,
        flag: "--console-port",
        usual: 8480,
    });
    Ok(Some(Settings {
        services,
        restarts,
        truth_file,
        truth,
        data,
        system: Wish {
            asked: system_port,
            flag: "--system-port",
            usual: 6379,
        },
        market: Wish {
            asked: market_port,
            flag: "--market-port",
            usual: 6380,
        },
        console,
        bin_dir,
        redis_server: find_redis_server()?,
        demo,
        plain,
        env,
    }))
}

fn only(list: &str) -> Result<Vec<&'static str>, Error> {
    let names: Vec<&str> = list
        .split(',')
        .map(str::trim)
        .filter(|n| !n.is_empty())
        .collect();
    if let Some(name) = names.iter().find(|name| !SERVICES.contains(name)) {
        return Err(Error::Config(format!(
            "--only: there is no service `{name}`; there are {}",
            SERVICES.join(", ")
        )));
    }
    if names.is_empty() {
        return Err(Error::Config(format!(
            "--only names no service; there are {}",
            SERVICES.join(", ")
        )));
    }
    Ok(SERVICES
        .into_iter()
        .filter(|name| names.contains(name))
        .collect())
}

fn port(args: &mut lexopt::Parser, flag: &str) -> Result<u16, Error> {
    let value = args.value().map_err(|e| usage_error(COMMAND, e))?;
    value.parse().map_err(|_| {
        let value = value.to_string_lossy();
        Error::Config(format!(
            "{flag} {value}: no port; write a number up to 65535, or 0 for any"
        ))
    })
}

fn read_truth(file: &Path, env: &Env) -> Result<Truth, Error> {
    let refused = |rejected| Error::Truth(format!("{} is refused:\n{rejected}", file.display()));
    Truth::parse(
        &read(file)?,
        Rules::strict(Defaults::from_env(env)?, SCHEMAS),
    )
    .map_err(refused)
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|e| {
        let file = file.display();
        Error::Config(format!(
            "cannot read {file}: {e}; name the truth document with --truth"
        ))
    })
}

/// The truth of the demo: that of `file` with generated feeds and a generated market, and quick, so that something happens. Written beside
/// the notes of the run; answers with where.
fn demo_truth(file: &Path, [feeds, market]: [u16; 2], data: &Path) -> Result<PathBuf, Error> {
    let mut truth: serde_json::Value = serde_json::from_slice(&read(file)?)
        .map_err(|e| Error::Truth(format!("{}: {e}", file.display())))?;
    crate::demo_feeds::into_truth(&mut truth, feeds);
    crate::massive::demo::into_truth(&mut truth, market);
    if let Some(services) = truth["services"].as_object_mut() {
        for service in services.values_mut() {
            service["heartbeat"]["interval_sec"] = DEMO_INTERVAL_SEC.into();
            service["heartbeat"]["timeout_sec"] = DEMO_TIMEOUT_SEC.into();
        }
    }
    let run = locator::RunFolder::of(data);
    let cannot_write = |file: &Path, e: std::io::Error| {
        Error::Config(format!("cannot write {}: {e}", file.display()))
    };
    std::fs::create_dir_all(run.path()).map_err(|e| cannot_write(run.path(), e))?;
    let demo = run.path().join("demo-truth.json");
    std::fs::write(&demo, format!("{truth:#}\n")).map_err(|e| cannot_write(&demo, e))?;
    Ok(demo)
}

fn beside() -> Result<PathBuf, Error> {
    let me = std::env::current_exe()?;
    Ok(me.parent().map(Path::to_path_buf).unwrap_or_default())
}

fn find_redis_server() -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("redis-server"))
        .find(|file| file.is_file());
    found.ok_or_else(|| {
        Error::Config(
            "there is no redis-server in PATH: install it (apt-get install redis-server), or start with scripts/run.sh, which does"
                .into(),
        )
    })
}
