//! The read model: how the swarm stands, read and understood in one way by everybody who shows it.
//!
//! - [`locator`]: where a swarm runs that a command means;
//! - [`TruthSource`]: reads the truth document from Redis, and notices when somebody wrote it;
//! - [`Oversight`]: who judges, and which buses can be judged. With the snapshot of a service it tells where that one
//!   stands. Pure;
//! - [`StateReader`]: reads both from Redis;
//! - [`Board`] and its [`Row`]s: what is known of each service, and the [`News`]. Pure;
//! - [`Poller`]: the threads that listen to the buses and look at health, for whoever keeps a board.

pub mod locator;

mod board;
mod news;
mod oversight;
mod periodic;
mod poller;
mod reader;
mod row;
mod sentence;
mod truth_source;

pub use board::{Board, Look, Moment, Seen, Tells};
pub use news::{NOBODY_IS_TOLD, News, Tone};
pub use oversight::{BusRecords, Healer, Oversight, Standing, State, Trouble, Who};
pub use periodic::Periodic;
pub use poller::{Poller, PollerSettings};
pub use reader::{READER_LIMITS, StateReader};
pub use row::{Mark, Row};
pub use truth_source::{Document, TruthSource};
