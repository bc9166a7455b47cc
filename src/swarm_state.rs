//! The read model: how the swarm stands, read and understood in one way by everybody who shows it.
//!
//! - [`Oversight`]: who judges, and which buses can be judged. With the snapshot of a service it tells where that one
//!   stands. Pure.
//! - [`StateReader`]: reads both from Redis.
//! - [`TruthSource`]: reads the truth document from Redis, and notices when somebody wrote it.

mod oversight;
mod reader;
mod truth_source;

pub use oversight::{BusRecords, Healer, Oversight, Standing, State, Trouble, Who};
pub use reader::{READER_LIMITS, StateReader};
pub use truth_source::{Document, TruthSource};
