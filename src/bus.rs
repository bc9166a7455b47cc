//! The only place that talks to Redis.
//!
//! - [`Address`]: where a bus is, and how to say so without its secrets.
//! - [`Commands`]: one blocking command connection with bounded waits.
//! - [`Link`]: one subscribed connection, read without allocating.
//! - [`Subscriber`]: the thread that keeps a link alive and hands its frames to a [`Sink`].
//! - [`PatternLink`]: hears a pattern of channels beside other work.
//! - [`lease`]: who of several does a piece of work, and fences for what is written in its name.
//! - [`stream`]: what is appended to a stream, and the workers of a consumer group.
//! - [`Script`], [`Scripts`]: what runs on the server in one go.
//! - [`Mouth`]: a line for echoes, which waits for nothing.
//! - [`overhear()`]: listens in for a moment.
//! - [`ServerIdentity`]: which server answers, and whether it is still the one of before.
//! - [`Buses`]: which address a bus name stands for.
//! - [`Switchboard`]: all connections of a process; it ends them, and notices when another server answers.
//! - [`Outage`]: what there is to say about a bus that does not serve, each thing once.

mod address;
mod backoff;
mod buses;
mod by_truth;
mod channels;
mod commands;
mod dial;
mod error;
mod frames;
pub mod lease;
mod limits;
mod line;
mod link;
mod mouth;
mod outage;
mod overhear;
mod pattern;
mod proof;
pub mod script;
mod server_identity;
pub mod stream;
mod subscriber;
mod switchboard;

pub use address::{Address, Means};
pub use backoff::Backoff;
pub use buses::Buses;
pub use channels::Channels;
pub use commands::Commands;
pub use error::BusError;
pub use frames::{Frame, Frames, Span};
pub use limits::{AWAY_IS_TOLD_AFTER, Limits};
pub use line::{Line as Connection, info_field};
pub use link::{Batch, Closer, Event, Link, Message, Polled, RUN_MAX, Run, Sink};
pub use mouth::{Mouth, echo_number};
pub use outage::Outage;
pub use overhear::overhear;
pub use pattern::PatternLink;
pub use proof::prove;
pub use script::{Script, Scripts};
pub use server_identity::ServerIdentity;
pub use subscriber::Subscriber;
pub use switchboard::Switchboard;
