//! `marketswarm market …`: market data, and what massive makes of it.

mod check;
mod table;

use std::process::ExitCode;

use lexopt::prelude::*;

use super::{bad_args, complain, print, printed};
use crate::service::Error;

const HELP: &str = "\
marketswarm market: market data, and what massive makes of it

usage: marketswarm market COMMAND [ARGUMENTS]

  check PATH FILE [--now MS] [--json]
                            an answer of the vendor's, read as massive reads it: its values, how the market
                            stands, its calendar, and everything that is refused or missing. PATH is that of the
                            request, such as /v3/snapshot; with its query, what was asked for counts. --now is
                            when the answer came (milliseconds since 1970).
                            exit code 0 clean, 1 problems, 2 not understood
";

/// From 1970 to 9999, in milliseconds.
const MOMENTS: std::ops::Range<i64> = 0..253_402_300_800_000;

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser) -> Result<ExitCode, Error> {
    let command = match args.next().map_err(|e| bad_args("market", e))? {
        Some(Value(command)) => command.to_string_lossy().into_owned(),
        Some(Long("help") | Short('h')) => return printed(HELP),
        Some(other) => return Err(bad_args("market", other.unexpected())),
        None => {
            complain(HELP);
            return Ok(ExitCode::from(2));
        }
    };
    let words = Words::read(args)?;
    if words.help {
        return printed(HELP);
    }
    match command.as_str() {
        "check" => check::run(&words),
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
                Long("help") | Short('h') => words.help = true,
                Value(value) => words.values.push(value.to_string_lossy().into_owned()),
                other => return Err(bad(other.unexpected())),
            }
        }
        Ok(words)
    }
}
