//! Names on the command line: checked before they become part of anything, and known, or said not to be.

use super::status;
use crate::contract::Name;
use crate::env::Env;
use crate::service::{Error, WATCHERS};
use crate::truth::{Truth, did_you_mean};

/// Names that are listed at most, of those that there are.
const LISTED_MAX: usize = 20;

/// `text` as a name.
pub(super) fn name(text: &str) -> Result<Name, Error> {
    text.parse()
        .map_err(|error: crate::contract::NotAName| Error::Config(error.to_string()))
}

/// An error unless `name` is one of `known`; it says which are. `what` is what they are: `service`, say.
pub(super) fn one_of<'k>(
    name: &str,
    what: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Result<(), Error> {
    let known: Vec<&str> = known.into_iter().collect();
    if known.contains(&name) {
        return Ok(());
    }
    let shown: String = name.chars().take(64).collect();
    let hint = match did_you_mean(name, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant}?"),
        None if known.is_empty() => format!("there is no {what} at all"),
        None => {
            let more = known.len().saturating_sub(LISTED_MAX);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let listed = known[..known.len().min(LISTED_MAX)].join(", ");
            format!("there are {listed}{more}")
        }
    };
    Err(Error::Config(format!(
        "there is no {what} {shown:?}; {hint}"
    )))
}

/// The truth, when it names a service or bus of this name.
pub(super) fn in_truth(env: &Env, name: &str) -> Result<Truth, Error> {
    let truth = status::find_truth(env)?;
    let services = truth.services().map(|svc| svc.name());
    let known = services.chain(truth.buses()).chain(WATCHERS);
    let mut all: Vec<&str> = known.collect();
    all.sort_unstable();
    all.dedup();
    one_of(name, "service or bus", all)?;
    Ok(truth)
}
