//! `marketswarm feed …`: look at feeds, at what rss_agg makes of them, and at the items as they come.

mod check;
mod demo;
mod live;
mod opml;
mod status;

use std::process::ExitCode;

use lexopt::prelude::*;

use super::status::find_truth;
use super::{bad_args, complain, print, printed};
use crate::bus::Buses;
use crate::env::Env;
use crate::rss_agg::config::Config;
use crate::rss_agg::daemon::store_address;
use crate::rss_agg::store::Store;
use crate::service::Error;
use crate::swarm_state::locator;

const HELP: &str = "\
marketswarm feed: feeds, and what rss_agg makes of them

usage: marketswarm feed COMMAND [ARGUMENTS]

  check FILE|URL [--json]   the feed, its items, every repair and every rule that it breaks
                            exit code 0 understood, 1 repaired, 2 refused
  status [--json]           every feed of truth, the worst first; exit code 1 when one of them fails
  poll ID                   polls a feed now
  tail [--json]             new items as they come, until Ctrl-C
  import-opml FILE          prints the feeds of an OPML file as the section of truth
  export-opml [FILE]        prints the feeds of a truth (of the one in force without FILE) as OPML
  demo [--port PORT]        serves the generated feeds of the demo on 127.0.0.1
";

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let command = match args.next().map_err(|e| bad_args("feed", e))? {
        Some(Value(command)) => command.to_string_lossy().into_owned(),
        Some(Long("help") | Short('h')) => return printed(HELP),
        Some(other) => return Err(bad_args("feed", other.unexpected())),
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
        "check" => check::run(&words, &env),
        "status" => status::run(&words, env),
        "poll" => live::poll(&words, env),
        "tail" => live::tail(&words, env),
        "import-opml" => opml::import(&words),
        "export-opml" => opml::export(&words, env),
        "demo" => demo::run(&words),
        other => Err(Error::Config(format!(
            "there is no command `feed {other}`; see marketswarm feed --help"
        ))),
    }
}

/// The rest of the command line.
struct Words {
    values: Vec<String>,
    json: bool,
    port: Option<u16>,
    help: bool,
}

impl Words {
    fn read(mut args: lexopt::Parser) -> Result<Words, Error> {
        let bad = |e| bad_args("feed", e);
        let mut words = Words {
            values: Vec::new(),
            json: false,
            port: None,
            help: false,
        };
        while let Some(arg) = args.next().map_err(bad)? {
            match arg {
                Long("json") => words.json = true,
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

    /// The one value that a command takes.
    fn only(&self, what: &str) -> Result<&str, Error> {
        match &self.values[..] {
            [value] => Ok(value),
            _ => Err(Error::Config(format!(
                "it takes one {what}; see marketswarm feed --help"
            ))),
        }
    }

    fn none(&self) -> Result<(), Error> {
        match self.values.first() {
            None => Ok(()),
            Some(value) => Err(Error::Config(format!(
                "unexpected argument {value:?}; see marketswarm feed --help"
            ))),
        }
    }
}

/// A running swarm, as the commands see it.
struct Swarm {
    buses: Buses,
    config: Config,
    store: Store,
}

impl Swarm {
    fn find(env: &Env) -> Result<Swarm, Error> {
        let env = locator::with_buses(env)?;
        let truth = find_truth(&env)?;
        let config = Config::from_truth(&truth).map_err(|p| Error::Truth(p.to_string()))?;
        let buses = Buses::of(&env, &truth)?;
        let store = Store::new(store_address(&buses)?, "marketswarm:feed");
        Ok(Swarm {
            buses,
            config,
            store,
        })
    }
}
