//! What crosses a network, except what is said to Redis itself. Nobody else keeps a copy of any of it.
//!
//! - [`resolve`]: names become addresses, within bounds.
//! - [`trust_store`]: which servers are believed over TLS, and what is wrong when one is not, in words.
//! - [`ssrf_guard`]: which addresses may be asked on behalf of others.
//! - [`http`]: agents, connections and bodies of HTTP clients.
//! - [`proxy`]: who is asked for the way to a server.
//! - [`wire`]: a connection for what is not HTTP.
//! - [`permits`]: how often, and how many at once.
//! - [`backoff`]: how long to wait after failures (pure).
//! - [`retry_after`]: how long a server wants to be left alone (pure).
#![warn(missing_docs, clippy::missing_errors_doc)]

pub mod backoff;
pub mod http;
pub mod permits;
pub mod proxy;
pub mod resolve;
pub mod retry_after;
pub mod ssrf_guard;
pub mod trust_store;
pub mod wire;
