//! `marketswarm mesh …`: who is there, and which work stands still.

mod events;
mod forget;
mod show;
mod work;

use std::process::ExitCode;

use lexopt::prelude::*;

use super::{bad_args, print, printed};
use crate::bus::{Buses, Commands, Limits};
use crate::cli::status::find_truth;
use crate::env::Env;
use crate::service::Error;
use crate::swarm_state::locator;

const HELP: &str = "\
marketswarm mesh: who is there, and which work stands still

usage: marketswarm mesh [COMMAND] [ARGUMENTS] [--json]

without a command   every instance: its service, host, version, state, and since when
                    exit code 0 all are up, 1 one is not, or nobody keeps the registry
  events            what happened; --follow: and what happens, until Ctrl-C
  work              the streams that are watched, and whether they get on
                    exit code 0 all do, 1 one does not, or nobody looks
  forget INST       takes an instance that is gone out of the registry; INST is its id, or SVC/ID
                    exit code 0 done, 1 there is none, or it beats

exit code 3: the bus cannot be reached
";

/// Runs the command.
pub(super) fn run(args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let mut words = Words::read(args)?;
    if words.help {
        return printed(HELP);
    }
    if words.values.is_empty() {
        return show::run(&words, &env);
    }
    let command = words.values.remove(0);
    match command.as_str() {
        "events" => events::run(&words, &env),
        "work" => work::run(&words, &env),
        "forget" => forget::run(&words, &env),
        other => Err(Error::Config(format!(
            "there is no command `mesh {other}`; see marketswarm mesh --help"
        ))),
    }
}

/// The rest of the command line.
#[derive(Default)]
struct Words {
    values: Vec<String>,
    json: bool,
    follow: bool,
    help: bool,
}

impl Words {
    fn read(mut args: lexopt::Parser) -> Result<Words, Error> {
        let bad = |e| bad_args("mesh", e);
        let mut words = Words::default();
        while let Some(arg) = args.next().map_err(bad)? {
            match arg {
                Long("json") => words.json = true,
                Long("follow") | Short('f') => words.follow = true,
                Long("help") | Short('h') => words.help = true,
                Value(value) => words.values.push(value.to_string_lossy().into_owned()),
                other => return Err(bad(other.unexpected())),
            }
        }
        Ok(words)
    }

    fn none(&self) -> Result<(), Error> {
        match self.values.first() {
            None => Ok(()),
            Some(value) => Err(Error::Config(format!(
                "unexpected argument {value:?}; see marketswarm mesh --help"
            ))),
        }
    }
}

/// The system bus of a running swarm.
fn system(env: &Env) -> Result<Commands, Error> {
    let env = locator::with_buses(env)?;
    // Its buses may be named there; a swarm without truth has a bus all the same.
    let buses = match find_truth(&env) {
        Ok(truth) => Buses::of(&env, &truth)?,
        Err(Error::Truth(_)) => Buses::from_env(&env)?,
        Err(error) => return Err(error),
    };
    Ok(Commands::new(
        buses.system(),
        "marketswarm:mesh",
        Limits::default(),
    ))
}

/// Rows under their heads, in columns; two blanks between them.
fn columns(head: &[&str], rows: &[Vec<String>]) -> String {
    use crate::text::width::columns;
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let cells = cells.map(|cell| columns(cell));
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, &width)| {
            let blanks = " ".repeat(width.saturating_sub(columns(cell)));
            format!("{cell}{blanks}")
        });
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut out = line(head.to_vec());
    for row in rows {
        out += &line(row.iter().map(String::as_str).collect());
    }
    out
}

/// How long ago, as people say it.
fn ago(now_ts: i64, ts: i64) -> String {
    let span = u64::try_from(now_ts - ts).unwrap_or(0);
    crate::clock::human(std::time::Duration::from_secs(span))
}
