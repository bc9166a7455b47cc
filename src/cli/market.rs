//! `marketswarm market …`: market data, and what massive makes of it.

mod chain;
mod check;
mod demo;
mod live;
mod show;
mod status;
mod swarm;
mod table;

use std::process::ExitCode;

use lexopt::prelude::*;

use super::{bad_args, print, printed};
use crate::env::Env;
use crate::service::Error;

const HELP: &str = "\
marketswarm market: market data, and what massive makes of it

usage: marketswarm market [COMMAND] [ARGUMENTS] [--json]

without a command           every symbol with its price, and whether it is fresh
                            exit code 0 all are fresh, 1 one is not
  get SYMBOL                everything that is known of one symbol; exit codes likewise
  chain U [EXPIRATION]      the expirations of an option chain, or the contracts of one; exit codes likewise
  status                    how massive stands, what it asks for, what failed, and its counters
  budget                    the calls of the last minute, and how many there may be
  poll                      a round of everything now
  tail                      prices as they change, until Ctrl-C
  check PATH FILE [--now MS]
                            an answer of the vendor's, read as massive reads it: its values, how the market
                            stands, its calendar, and everything that is refused or missing. PATH is that of the
                            request, such as /v3/snapshot; with its query, what was asked for counts. --now is
                            when the answer came (milliseconds since 1970).
                            exit code 0 clean, 1 problems, 2 not understood
  demo [--port PORT]        a vendor of three symbols that do not exist, on 127.0.0.1

A record is fresh while `stale` is 0 and now is not past `fresh_until_ms`.
";

/// From 1970 to 9999, in milliseconds.
const MOMENTS: std::ops::Range<i64> = 0..253_402_300_800_000;

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
        "check" => check::run(&words),
        "get" => show::get(&words, &env),
        "chain" => chain::run(&words, &env),
        "status" => status::run(&words, &env),
        "budget" => status::budget(&words, &env),
        "poll" => live::poll(&words, &env),
        "tail" => live::tail(&words, &env),
        "demo" => demo::run(&words),
        other => Err(Error::Config(format!(
            "there is no command `market {other}`; see marketswarm market --help"
        ))),
    }
}

/// The rest of the command line.
#[derive(Default)]
struct Words {
    values: Vec<String>,
    json: bool,
    now_ms: Option<i64>,
    port: Option<u16>,
    help: bool,
}

impl Words {
    fn read(mut args: lexopt::Parser) -> Result<Words, Error> {
        let bad = |e| bad_args("market", e);
        let mut words = Words::default();
        while let Some(arg) = args.next().map_err(bad)? {
            match arg {
                Long("json") => words.json = true,
                Long("now") => {
                    let now_ms = args.value().and_then(|v| v.parse()).map_err(bad)?;
                    if !MOMENTS.contains(&now_ms) {
                        return Err(Error::Config(format!(
                            "--now {now_ms} is no moment: it takes milliseconds since 1970"
                        )));
                    }
                    words.now_ms = Some(now_ms);
                }
                Long("port") => {
                    words.port = Some(args.value().and_then(|v| v.parse()).map_err(bad)?)
                }
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
                "unexpected argument {value:?}; see marketswarm market --help"
            ))),
        }
    }
}

/// Rows under their heads, in columns; two blanks between them.
fn columns(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let cells = cells.map(|cell| cell.chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut out = line(head.to_vec());
    for row in rows {
        out += &line(row.iter().map(String::as_str).collect());
    }
    out
}
