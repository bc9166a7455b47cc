//! When each feed is polled: pure cores that take the time and give decisions.
//!
//! - [`pace`]: how long a feed rests after an answer or a failure, and why.
//! - [`hosts`]: how often and how widely one host may be asked.
//! - [`plan`]: which feed a free poller takes now, and when to look again.

pub mod hosts;
pub mod pace;
pub mod plan;
