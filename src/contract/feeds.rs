//! What the feed reader keeps on the market bus (the system bus when there is no other) and says on the system bus.

/// Stream of new items, once each: the work of the workers. Fields as in [`QUEUE_FIELDS`].
pub const QUEUE: &str = "rss:queue";
/// Stream of the items that were updated, as long as they are kept: the work of those who work on updates too. Fields as
/// in [`CHANGES_FIELDS`]; `rev` is that of the item from then on.
pub const CHANGES: &str = "rss:changes";
/// Entries that [`CHANGES`] keeps, about.
pub const CHANGES_MAX: usize = 10_000;
/// Sorted set of the items that are kept: uid by time of publication, in seconds.
pub const INDEX: &str = "rss:index";
/// Sorted set of the items that are kept: uid by time of the fetch, in seconds; what retention goes by.
pub const FETCHED: &str = "rss:fetched";
/// Sorted set of the feeds that were read completely at least once, by the time of the last such reading.
pub const SEEN: &str = "rss:seen";
/// Stream of what could not be understood. Fields: `feed`, `url`, `reason`, `body` (the first 4 KiB).
pub const QUARANTINE: &str = "rss:quarantine";
/// Channel on which a changed item is announced: `{"uid": …, "feed": …}`.
pub const UPDATED: &str = "rss:updated";
/// Hash of what is known of each feed: feed id to JSON.
pub const STATUS: &str = "rss_agg:status";
/// Hash of counters since the beginning: `queued`, `updated`, `dropped`, `quarantined`, `lost`.
pub const TOTALS: &str = "rss_agg:totals";
/// Key of the lease that the one polling instance holds, beside the items. Its value is `<instance>#<n>`, new with each
/// holding; whatever is written about feeds is written while it has that value.
pub const LEASE: &str = "rss_agg:lease";
/// Channel on which an operator asks for a poll now; the payload is the feed's id.
pub const POLL: &str = "rss_agg:poll";

/// The fields of a queue entry: enough to skip an item without a second read. Absent ones are left out.
pub const QUEUE_FIELDS: [&str; 9] = [
    "uid",
    "feed",
    "category",
    "title",
    "url",
    "published_ts",
    "fetched_ts",
    "language",
    "dup_of",
];

/// The fields of an entry of [`CHANGES`], before the title, which is left out where there is none.
pub const CHANGES_FIELDS: [&str; 3] = ["uid", "feed", "rev"];

/// Beginning of the keys of items.
pub const ITEM: &str = "rss:item:";

/// `rss:item:<uid>`, the hash of one item. Its field `rev` is 1, and 1 more with each update; where it is absent, it is 1.
pub fn item_key(uid: &str) -> String {
    format!("{ITEM}{uid}")
}

/// `rss:seen:<feed>`, the hash of the marks of one feed.
pub fn seen_key(feed: &str) -> String {
    format!("rss:seen:{feed}")
}

/// `rss:link:<hash>`, the uid of the first item seen anywhere with a link.
pub fn link_key(hash: &str) -> String {
    format!("rss:link:{hash}")
}
