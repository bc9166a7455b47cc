//! What crosses a network that is not a bus, and what both need: names, for now.

pub mod http;
pub mod resolve;
