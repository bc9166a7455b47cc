//! The read model: how the swarm stands, read and understood in one way by everybody who shows it.
//!
//! - [`locator`]: where a swarm runs that a command means;
//! - [`when`]: spans and moments as people write them;
//! - [`TruthSource`]: reads the truth document from Redis, and notices when somebody wrote it;
//! - [`Oversight`]: who judges, and which buses can be judged. With the snapshot of a service it tells where that one
//!   stands. Pure;
//! - [`StateReader`]: reads both from Redis; [`snapshots()`], [`log_after`] and [`silences()`]: what else is kept there;
//! - [`Board`] and its [`Row`]s: what is known of each service, and the [`News`]. Pure;
//! - [`registry`]: the instances, as mesh wrote them;
//! - [`Poller`]: the threads that listen to the buses and look at health, for whoever keeps a board.

pub mod locator;
pub mod registry;
pub mod when;

mod alert_log;
mod board;
mod news;
mod oversight;
mod periodic;
mod poller;
mod reader;
mod row;
mod sentence;
mod silences;
mod silencing;
mod snapshots;
mod tellers;
mod told;
mod truth_source;
mod why;

pub use alert_log::{
    LOG_READ_MAX, LogEntry, Logged, first_stream, is_channel_at_work, log_after, log_entries,
    newest_alerts,
};
pub use board::{Board, Look, Moment, Seen, Tells};
pub use news::{NOBODY_IS_TOLD, News, Tone};
pub use oversight::{BusRecords, Healer, Oversight, Standing, State, Trouble, Who};
pub use periodic::Periodic;
pub use poller::{Poller, PollerSettings};
pub use reader::{READER_LIMITS, StateReader};
pub use row::{Mark, Row};
pub use silences::{end_silence, keep_silence, silence_log, silences};
pub use silencing::{Acked, NotSilenced, SPAN_MAX, Wish, acknowledge, silence};
pub use snapshots::snapshots;
pub use tellers::{Teller, tellers};
pub use told::told;
pub use truth_source::{Document, TruthSource};
pub use why::why;
