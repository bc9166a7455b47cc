//! The read model: how the swarm stands, read and understood in one way by everybody who shows it.
//!
//! - [`Oversight`]: who judges, and which buses can be judged. With the snapshot of a service it tells where that one
//!   stands. Pure.
//! - [`StateReader`]: reads both from Redis.

mod oversight;
mod reader;

pub use oversight::{BusRecords, Healer, Oversight, Standing, State, Trouble, Who};
pub use reader::{READER_LIMITS, StateReader};
