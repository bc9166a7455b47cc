//! The market data source: what the vendor says of prices, indices and option chains, never invented, never old
//! unmarked, never over the limit of the plan.
//!
//! Its daemon is not there yet: it beats, reloads and stops. What is there is its pure half (no I/O, no time of its
//! own), which `marketswarm market check` shows at work. The way of an answer through it:
//!
//! 1. [`symbol`] says what may be asked for, [`plan`] what is asked next, [`budget`] whether a call may go out now.
//! 2. [`verdict`]: what came back, or did not → take it, ask once more, wait, go a rung down.
//! 3. [`answer`]: bytes → the vendor's documented fields, borrowed; [`number`] keeps the digits of each.
//! 4. [`normalise`]: fields → [`facts`], each dated by its own time; what is refused, with its place and reason.
//!    [`normalise::held`] merges them into what is known of a symbol.
//! 5. [`chain`]: the pages of an option chain → expirations, all of them or none; [`mod@derive`] computes from them.
//! 6. [`session`]: whether the market is open, and from when on a record counts as stale.
//! 7. [`record`]: facts as they are written. [`check`] reports on all of it for one answer.
pub mod answer;
pub mod budget;
pub mod chain;
pub mod check;
pub mod derive;
pub mod facts;
pub mod normalise;
pub mod number;
pub mod plan;
pub mod record;
pub mod session;
pub mod symbol;
pub mod verdict;

use std::process::ExitCode;

use crate::service::{self, Profile};
use crate::truth::ServiceSchema;

/// Runs the service; a truth is judged by `schemas`.
pub fn run(schemas: &'static [ServiceSchema]) -> ExitCode {
    service::run(
        &Profile::new("massive", "sources market data"),
        schemas,
        service::idle,
    )
}
