//! The vendor's stream: prices as they come about, over one connection for each cluster.
//!
//! 1. [`link`] says what a connection does next: greet, authenticate, ping, give up, come back (pure). [`params`] knows
//!    what it is subscribed to (pure).
//! 2. [`reader`] is the thread of a connection. It only reads: what comes goes into the [`queue`].
//! 3. [`worker`] takes it from there and reads it; [`coalesce`] keeps the newest of each symbol (pure) until the loop
//!    takes it, every 100 ms.

pub mod coalesce;
pub mod link;
pub mod params;
pub mod queue;
pub mod reader;
pub mod target;
pub mod worker;
