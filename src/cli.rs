//! The operator's command: run the swarm on one host, look at it, ask why.
//!
//! Each command is a module with `run(args, env)`: it reads the rest of the command line, does its work, and answers
//! with an exit code.

mod alerts;
mod beat;
mod doctor;
mod drain;
mod feed;
mod hold;
mod known;
mod market;
mod mesh;
mod notify;
mod silence;
mod status;
pub mod truth;
mod vexy;
mod watch;

use std::process::ExitCode;

use lexopt::Arg;

use crate::env::Env;
use crate::sections::SCHEMAS;
use crate::service::{Error, complain, print, printed, usage_error};
use crate::swarm_state::locator;
use crate::up;

const HELP: &str = "\
marketswarm: run the swarm on one host, look at it, ask why

usage: marketswarm COMMAND [ARGUMENTS]

running
  up                     two redis-servers, bootstrap and all services, until Ctrl-C
  bootstrap              put a changed truth.json in force (--file FILE, --dry-run)
  hold SVC, release SVC  keep a service of `up` down, let it come back
  drain SVC|INST|host:H  have its work given back, part after part (--wait); undrain takes that back
  beat NAME [-- CMD...]  give any program a heartbeat

looking
  status                 one table of all services
  watch                  beats, alerts and states as they come
  alerts                 the history, one outage a line
  doctor                 everything that is wrong, the worst first, each with what to do about it
  mesh                   every instance of every service
  mesh work              streams whose work is watched, and whether it gets on
  mesh events, mesh forget INST
  truth check FILE       everything that is wrong with a truth document, and what to write instead

feeds
  feed status            every feed, the worst first
  feed check FILE|URL    what a feed says, what had to be repaired, which rules it breaks
  feed poll ID, feed tail, feed import-opml, feed export-opml

market data
  market                 every symbol with its price, and whether it is fresh
  market chain U, market get SYM, market status, market budget, market poll, market tail
  market check PATH FILE what an answer of the vendor's says, what of it is refused or missing

analyses
  vexy tail              what was found in each item, as it comes
  vexy status, vexy show UID, vexy ticker SYM
  vexy analyse FILE|-    what the rules make of a text, and why
  vexy dead, vexy retry ID, vexy drop ID
                         what the analyst gave up, and once more or never
  vexy reanalyse UID, vexy pause, vexy resume, vexy drain NAME

being told
  notify test            send a marked test through each channel, say what each answered
  notify dead            messages that could not be delivered
  silence SVC SPAN       people hear nothing of a service for a while
  ack SVC                no reminders about this outage

Every command knows --help. They find the swarm by SYSTEM_REDIS_URL (or REDIS_URL), else by what `up` left
in ./data (MARKETSWARM_DATA names another folder), else at 127.0.0.1:6379.

exit codes: 0 done, 1 the answer is no, 2 bad configuration or truth, 3 the bus cannot be reached
";

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    crate::fail_stop::abort_on_panic();
    match dispatch() {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("marketswarm: {error}\n"));
            error.exit_code()
        }
    }
}

fn dispatch() -> Result<ExitCode, Error> {
    let mut args = lexopt::Parser::from_env();
    let env = Env::of_process();
    let command = match args.next().map_err(|e| bad_args("", e))? {
        Some(Arg::Value(command)) => command.to_string_lossy().into_owned(),
        Some(Arg::Long("version") | Arg::Short('V')) => {
            return printed(&format!("marketswarm {}\n", env!("CARGO_PKG_VERSION")));
        }
        Some(Arg::Long("help") | Arg::Short('h')) => return printed(HELP),
        Some(other) => return Err(bad_args("", other.unexpected())),
        None => {
            complain(HELP);
            return Ok(ExitCode::from(2));
        }
    };
    match command.as_str() {
        "up" => up::run(args, env),
        "status" => status::run(args, env),
        "watch" => watch::run(args, env),
        "beat" => beat::run(args, env),
        "alerts" => alerts::run(args, env),
        "doctor" => doctor::run(args, env),
        "notify" => notify::run(args, env),
        "silence" => silence::run(args, env),
        "ack" => silence::acknowledge(args, env),
        "truth" => truth::run(args, env),
        "feed" => feed::run(args, env),
        "market" => market::run(args, env),
        "mesh" => mesh::run(args, env),
        "vexy" => vexy::run(args, env),
        "bootstrap" => Ok(crate::bootstrap::run_with(
            args,
            locator::with_buses(&env)?,
            SCHEMAS,
        )),
        "hold" => hold::run(args, env, hold::What::Hold),
        "release" => hold::run(args, env, hold::What::Release),
        "drain" => drain::run(args, env, drain::What::Drain),
        "undrain" => drain::run(args, env, drain::What::Undrain),
        "help" => printed(HELP),
        up::child::COMMAND => up::child::run(args),
        other => Err(Error::Config(format!(
            "there is no command `{other}`; see marketswarm --help"
        ))),
    }
}

/// The error of a command line that is not understood.
fn bad_args(command: &str, error: lexopt::Error) -> Error {
    let space = if command.is_empty() { "" } else { " " };
    usage_error(&format!("marketswarm{space}{command}"), error)
}
