//! An HTTP/1.1 server for a handful of pages and many who watch them: small, bounded, and on one thread.
//!
//! - [`Conn`]: one connection. Bytes and `now` in, requests and the next deadline out. Pure.
//! - [`Request`], [`Response`]: what was asked, and what is answered. Pure.
//! - [`Host`]: the `Host` of a request, read whole so that it can be compared whole. Pure.
//! - [`Table`]: which connections there are, and who goes when there is no room. Pure.
//! - [`Server`]: the edge. One thread waits for sockets (epoll) and for whoever wakes it (eventfd).
//!
//! No TLS, no files, no chunked bodies: what stands in front of it does the first, nobody needs the others.
#![warn(missing_docs, clippy::missing_errors_doc)]

mod conn;
mod host;
mod request;
mod response;
mod server;
mod table;

pub use conn::{Conn, LIVE_PENDING_MAX, Step};
pub use host::Host;
pub use request::{Method, Refusal, Request, form_fields};
pub use response::{Body, Response};
pub use server::{Answer, Order, Server, ServerSettings, Site, Ticket, Waker};
pub use table::{Standing, Table};

/// Longest head of a request, in bytes.
pub const HEAD_MAX: usize = 16 * 1024;
/// Fields that a head may have.
pub const FIELDS_MAX: usize = 64;
/// Longest target, in bytes.
pub const TARGET_MAX: usize = 2 * 1024;
/// Longest body of a request, in bytes.
pub const BODY_MAX: usize = 16 * 1024;
