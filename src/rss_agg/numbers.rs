//! What the feed reader counts of its work.

use crate::service::metrics::{Counter, Metrics};

/// Polls, the bytes of documents that they brought, and the items of those that were new.
#[derive(Clone)]
pub struct Numbers {
    pub polls: Counter,
    pub bytes: Counter,
    pub items: Counter,
}

impl Numbers {
    /// Counts among `metrics`.
    pub fn new(metrics: &Metrics) -> Numbers {
        Numbers {
            polls: metrics.counter("rss_agg_polls_total", &[]),
            bytes: metrics.counter("rss_agg_bytes_total", &[]),
            items: metrics.counter("rss_agg_items_total", &[]),
        }
    }
}
