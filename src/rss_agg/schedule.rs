//! When each feed is polled: pure cores that take the time and give decisions.
//!
//! - [`pace`]: how long a feed rests after an answer or a failure, and why.
//! - [`plan`]: which feed a free poller takes now, and when to look again.

pub mod pace;
pub mod plan;
