//! The market data source: what the vendor says of prices, indices and option chains, never invented, never old
//! unmarked, never over the limit of the plan.
//!
//! Its pure half does no I/O and has no time of its own; `marketswarm market check` shows it at work, too. The way of an
//! answer through it:
//!
//! 1. [`symbol`] says what may be asked for, [`plan`] what is asked next, [`budget`] whether a call may go out now.
//! 2. [`verdict`]: what came back, or did not → take it, ask once more, wait, go a rung down.
//! 3. [`answer`]: bytes → the vendor's documented fields, borrowed; [`number`] keeps the digits of each.
//! 4. [`normalise`]: fields → [`facts`], each dated by its own time; what is refused, with its place and reason.
//!    [`normalise::held`] merges them into what is known of a symbol.
//! 5. [`chain`]: the pages of an option chain → expirations, all of them or none; [`mod@derive`] computes from them.
//! 6. [`session`]: whether the market is open, and from when on a record counts as stale.
//! 7. [`record`]: facts as they are written. [`check`] reports on all of it for one answer.
//! 8. [`book`] holds what is known and says what has to be written, [`agenda`] what has to be asked and what follows.
//!
//! The stream goes another way: [`frames`] reads what comes by it, [`mod@stream`] says what its connections do, and keeps
//! the newest of each symbol for the book.
//!
//! The edges: [`vendor`] asks, [`socket`] listens, [`meter`] counts its calls in Redis, [`store`] writes, [`pollers`] and [`keep`] are the
//! threads for both, [`daemon`] is the loop.
pub mod agenda;
pub mod answer;
pub mod black_scholes;
pub mod book;
pub mod budget;
pub mod chain;
pub mod check;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod derive;
pub mod facts;
pub mod frames;
pub mod keep;
pub mod key;
pub mod meter;
pub mod normalise;
pub mod number;
pub mod plan;
pub mod pollers;
pub mod quarantine;
pub mod record;
pub mod session;
pub mod socket;
pub mod store;
pub mod stream;
pub mod symbol;
pub mod vendor;
pub mod verdict;

use crate::service::Notice;
use frames::Cluster;
use keep::Kept;
use pollers::Fetched;
use stream::link::Standing;
use stream::worker::Batch;

/// Everything that massive's loop is told.
pub enum Event {
    /// What every daemon is told.
    Notice(Notice),
    /// What came of an order to ask the vendor.
    Fetched(Box<Fetched>),
    /// What came of an order to write.
    Kept(Kept),
    /// What the stream brings, and how it stands.
    Stream(Box<StreamNews>),
}

/// News of the stream.
#[derive(Debug)]
pub enum StreamNews {
    /// What came within a tenth of a second.
    Batch(Batch),
    /// How a connection stands.
    Standing(Standing),
    /// Something is missing, of one cluster or of all: of the last so many milliseconds, and why.
    Gap {
        cluster: Option<Cluster>,
        ms: i64,
        why: String,
    },
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Event {
        Event::Notice(notice)
    }
}
