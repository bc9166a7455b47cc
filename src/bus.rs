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
//! - [`Rights`]: which right is missing when Redis forbids something, and how to give it.
//! - [`Publisher`]: publishes echoes, and waits for nothing.
//! - [`overhear()`]: listens in for a moment.
//! - [`ServerIdentity`]: which server answers, and whether it is still the one of before.
//! - [`Buses`]: which address a bus name stands for.
//! - [`ConnectionRegistry`]: all connections of a process; it ends them, and notices when another server answers.
//! - [`LogOnce`]: what there is to say about a bus that does not serve, each thing once.
#![warn(missing_docs, clippy::missing_errors_doc)]

mod address;
mod answers;
mod backoff;
mod buses;
mod by_truth;
mod byte_stream;
mod channels;
mod commands;
mod connection;
mod connection_registry;
mod decoder;
mod error;
pub mod lease;
mod limits;
mod link;
mod log_once;
mod pattern;
mod publisher;
mod rights;
pub mod script;
mod server_identity;
pub mod stream;
mod subscriber;
mod subscription_check;

pub use address::{Address, ConnectionContext};
pub use backoff::Backoff;
pub use buses::Buses;
pub use channels::Channels;
pub use commands::Commands;
pub use connection::{Connection, info_field};
pub use connection_registry::ConnectionRegistry;
pub use decoder::{ByteRange, Decoder, Frame};
pub use error::BusError;
pub use limits::{AWAY_IS_TOLD_AFTER, Limits};
pub use link::{Batch, Closer, Event, Link, Message, Polled, RUN_MAX, Run, Sink};
pub use log_once::LogOnce;
pub use pattern::{PatternLink, overhear};
pub use publisher::{Publisher, echo_number};
pub use rights::Rights;
pub use script::{Script, Scripts};
pub use server_identity::ServerIdentity;
pub use subscriber::Subscriber;
pub use subscription_check::check_subscriptions;
