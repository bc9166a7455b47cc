//! What the working services keep in Redis, read for people: by the command line and by the console alike.
//!
//! Each part reads one service's records at one moment, with as few questions as that takes, and says them as JSON. What
//! stands there was written by the services and, through them, by the world: texts are made safe, and URLs are shown
//! without what a query or a user part may hold.
//!
//! - [`feeds`], [`market`], [`analysis`], [`mesh`]: what the feed reader, the market reader, the analyst and the registry
//!   keep;
//! - [`notify`]: the channels that tell people, and what could not be delivered;
//! - [`truth`]: the document, and what changed in it.

pub mod analysis;
pub mod feeds;
pub mod market;
pub mod masked;
pub mod mesh;
pub mod notify;
pub mod truth;

use std::collections::BTreeMap;

/// A hash: its fields by their names.
pub type Fields = BTreeMap<String, String>;

/// An integer among the fields.
pub fn integer(fields: &Fields, name: &str) -> Option<i64> {
    fields.get(name)?.parse().ok()
}
