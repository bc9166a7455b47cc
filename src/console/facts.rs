//! What is read besides what the healer writes. Pure.

use std::collections::BTreeMap;

/// The words for how a feed does, as the feed reader writes them.
pub const FEED_HEALTHS: [&str; 4] = ["ok", "new", "failing", "gone"];

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether each bus answered, by name.
    pub buses: BTreeMap<String, bool>,
    /// How many feeds do how, in the order of [`FEED_HEALTHS`]; `None` when nobody could read that.
    pub feeds: Option<[u64; FEED_HEALTHS.len()]>,
}
