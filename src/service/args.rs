//! The few flags that every daemon knows.

use super::healthcheck::Check;
use super::{Error, Profile, print};

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Run.
    Run,
    /// Look whether the running one is well, say so, and exit.
    Healthcheck(Check),
    /// The text has been printed; exit.
    Printed,
}

/// The error of a command line that is not understood; `program` as the user writes it.
pub fn usage_error(program: &str, error: lexopt::Error) -> Error {
    Error::Config(format!("{error}; see {program} --help"))
}

/// Reads the command line of a daemon; prints `--help` and `--version` itself.
///
/// # Errors
/// A word that a daemon does not know, with what it does know.
pub fn standard_args(profile: &Profile) -> Result<Standard, Error> {
    let mut parser = lexopt::Parser::from_env();
    let bad = |e: lexopt::Error| usage_error(profile.id, e);
    match parser.next().map_err(bad)? {
        None => Ok(Standard::Run),
        Some(lexopt::Arg::Long("healthcheck")) => {
            let value = parser.optional_value();
            let value = value.map(|value| value.to_string_lossy().into_owned());
            Ok(Standard::Healthcheck(Check::read(value.as_deref())?))
        }
        Some(lexopt::Arg::Long("version") | lexopt::Arg::Short('V')) => {
            print(&format!("{} {}\n", profile.id, env!("CARGO_PKG_VERSION")))?;
            Ok(Standard::Printed)
        }
        Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h')) => {
            print(&help(profile))?;
            Ok(Standard::Printed)
        }
        Some(other) => Err(bad(other.unexpected())),
    }
}

fn help(profile: &Profile) -> String {
    format!(
        "{id}: {about}\n\n\
         usage: {id} [--healthcheck[=live] | --version | --help]\n\n\
         It takes its settings from the truth document in Redis and from the environment:\n  \
         SYSTEM_REDIS_URL, REDIS_URL   the control bus (redis://system-redis:6379)\n  \
         MARKET_REDIS_URL              the data bus (redis://market-redis:6379)\n  \
         TRUTH_REDIS_KEY               key of the truth document (truth:doc)\n  \
         TRUTH_WAIT_SEC                how long to wait for bus and truth (60)\n  \
         LOG_LEVEL                     error, warn, info, debug, trace (info)\n  \
         RUN_DIR                       folder of the notes that --healthcheck reads\n\n\
         exit codes: 0 done, 2 bad configuration or truth, 3 bus unreachable, 1 anything else\n",
        id = profile.id,
        about = profile.about
    )
}
