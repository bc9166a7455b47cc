//! `marketswarm vexy …`: what the analyst makes of items, and its work.

mod analyse;
mod control;
mod dead;
mod model;
mod reanalyse;
mod reasons;
mod redo;
mod show;
mod status;
mod swarm;

use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;

use super::{bad_args, complain, print, printed};
use crate::env::Env;
use crate::service::Error;
use crate::swarm_state::when;

const HELP: &str = "\
marketswarm vexy: what the analyst makes of items, and its work

usage: marketswarm vexy COMMAND [ARGUMENTS]

analyses
  status [--json]           what waits, who works, what was done, what was spent today; exit code 1 when it is behind,
                            paused, or nobody works
  show UID [--json]         what was found in one item, and each word and rule that led there
  ticker SYM [--json]       the latest items about a symbol; exit code 1 when there is none
  tail [--json]             analyses as they come, until Ctrl-C: label, event, salience, tickers, title, and the words
                            that weighed most

rules
  analyse FILE|-            what the rules make of a text (its first line is the title), with their reasons; needs no swarm
  analyse FILE|- --jsonl    the same for lines of JSON with title and text, optionally language, feed, category, url and
                            published_ts; a line out for each line in, with an error for a bad one
                            exit code 0 all are good, 1 some are bad, 2 not understood

work
  dead [--json]             what was given up, and why; exit code 1 when there is something
  retry ID...|--all         analyses it once more; an ID is that of a letter or of an item
  drop ID...|--all          forgets it
  reanalyse UID...          analyses items once more, whatever is known of them
  reanalyse [--feed ID] [--since SPAN]
                            the same with what came from one feed, or was fetched within 90s, 10m, 2h, 1d
            [--model]       the model is asked again as well
  pause [--model]           nothing new is begun (--model: the model is asked nothing) until: resume [--model]
  model test                asks the model about one made-up item, and says how that went; exit code 1 when it did not
  drain NAME                one worker finishes what it has, and takes nothing new until: resume NAME

exit codes: 0 done, 1 the answer is no, or some of it could not be done, 2 not understood, 3 the bus cannot be reached
";

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let command = match args.next().map_err(|e| bad_args("vexy", e))? {
        Some(Value(command)) => command.to_string_lossy().into_owned(),
        Some(Long("help") | Short('h')) => return printed(HELP),
        Some(other) => return Err(bad_args("vexy", other.unexpected())),
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
        "status" => status::run(&words, &env),
        "show" => show::run(&words, &env),
        "ticker" => show::ticker(&words, &env),
        "tail" => show::tail(&words, &env),
        "analyse" => analyse::run(&words, &env),
        "dead" => dead::list(&words, &env),
        "retry" => dead::retry(&words, &env),
        "drop" => dead::forget(&words, &env),
        "reanalyse" => reanalyse::run(&words, &env),
        "pause" => control::pause(&words, &env),
        "resume" => control::resume(&words, &env),
        "model" => model::run(&words, &env),
        "drain" => control::drain(&words, &env),
        other => Err(Error::Config(format!(
            "there is no command `vexy {other}`; see marketswarm vexy --help"
        ))),
    }
}

/// The rest of the command line.
#[derive(Default)]
struct Words {
    values: Vec<String>,
    json: bool,
    jsonl: bool,
    all: bool,
    model: bool,
    feed: Option<String>,
    since: Option<Duration>,
    help: bool,
    /// The flags that were given, as they were written.
    flags: Vec<&'static str>,
}

impl Words {
    fn read(mut args: lexopt::Parser) -> Result<Words, Error> {
        let bad = |e| bad_args("vexy", e);
        let mut words = Words::default();
        while let Some(arg) = args.next().map_err(bad)? {
            match arg {
                Long("json") => words.json = words.flag("--json"),
                Long("jsonl") => words.jsonl = words.flag("--jsonl"),
                Long("all") => words.all = words.flag("--all"),
                Long("model") => words.model = words.flag("--model"),
                Long("feed") => {
                    words.flag("--feed");
                    words.feed = Some(args.value().map_err(bad)?.to_string_lossy().into_owned());
                }
                Long("since") => {
                    words.flag("--since");
                    let text = args.value().map_err(bad)?.to_string_lossy().into_owned();
                    let span = when::span(&text).ok_or_else(|| {
                        Error::Config(format!(
                            "--since {text:?} is no span: write 90s, 10m, 2h or 1d"
                        ))
                    })?;
                    words.since = Some(span);
                }
                Long("help") | Short('h') => words.help = true,
                Value(value) => words.values.push(value.to_string_lossy().into_owned()),
                other => return Err(bad(other.unexpected())),
            }
        }
        Ok(words)
    }

    fn flag(&mut self, name: &'static str) -> bool {
        self.flags.push(name);
        true
    }

    /// An error unless every flag that was given is one of these: what a command does not know, it must not ignore.
    fn only(&self, known: &[&str]) -> Result<(), Error> {
        match self.flags.iter().find(|flag| !known.contains(flag)) {
            None => Ok(()),
            Some(flag) => Err(Error::Config(format!(
                "this command takes no {flag}; see marketswarm vexy --help"
            ))),
        }
    }

    fn none(&self) -> Result<(), Error> {
        match self.values.first() {
            None => Ok(()),
            Some(value) => Err(Error::Config(format!(
                "unexpected argument {value:?}; see marketswarm vexy --help"
            ))),
        }
    }
}
