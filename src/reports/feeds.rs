//! The feeds of truth as the feed reader knows them, the worst first, and what it could not understand.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::masked::masked;
use crate::bus::{BusError, stream};
use crate::contract::feeds::QUARANTINE;
use crate::rss_agg::config::{Config, FeedSpec};
use crate::rss_agg::record::{Health, Record};
use crate::rss_agg::store::Store;
use crate::text::SafeText;

/// Documents of the quarantine that are read, the newest.
const REFUSED_MAX: usize = 20;
/// What is shown of such a document, in bytes.
const EXCERPT_BYTES: usize = 400;

/// The feeds at one moment.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    /// The worst first, each with its id.
    pub feeds: Vec<(String, Record)>,
    /// Counters since the beginning.
    pub totals: Vec<(String, u64)>,
}

/// A document that could not be understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub at_ts: i64,
    pub feed: SafeText,
    /// Where it came from, masked.
    pub url: SafeText,
    pub reason: SafeText,
    /// Its beginning, as text.
    pub excerpt: SafeText,
}

impl Feeds {
    /// Reads the records of the feeds in `config`.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn read(store: &mut Store, config: &Config) -> Result<Feeds, BusError> {
        let ids: Vec<&str> = config.feeds.iter().map(|spec| spec.id.as_str()).collect();
        let records = store.records(&ids, || {})?;
        let totals = store.totals()?;
        let about = |(spec, record): (&Arc<FeedSpec>, Option<Record>)| {
            (spec.id.clone(), record.unwrap_or_default().about(spec))
        };
        let mut feeds: Vec<(String, Record)> =
            config.feeds.iter().zip(records).map(about).collect();
        feeds.sort_unstable_by_key(|(id, record)| (rank(record), id.clone()));
        Ok(Feeds { feeds, totals })
    }

    /// Whether one of them fails, or is gone.
    pub fn fails(&self) -> bool {
        let fine = rank(&Record::default());
        self.feeds.iter().any(|(_, record)| rank(record) < fine)
    }

    /// One of the counters; 0 when it was never counted.
    pub fn total(&self, name: &str) -> u64 {
        let found = self.totals.iter().find(|(known, _)| known == name);
        found.map_or(0, |(_, n)| *n)
    }

    /// Up to `limit` of them as the console tells them.
    pub fn json(&self, refused: &[Refused], limit: usize) -> Json {
        let totals: Map<String, Json> = self
            .totals
            .iter()
            .map(|(name, n)| (name.clone(), (*n).into()))
            .collect();
        let feeds: Vec<Json> = self.feeds.iter().take(limit).map(feed).collect();
        let refused: Vec<Json> = refused.iter().map(Refused::json).collect();
        json!({ "total": self.feeds.len(), "feeds": feeds, "totals": totals, "quarantine": refused })
    }
}

/// The worst first.
fn rank(record: &Record) -> u8 {
    match record.health {
        Health::Failing => 0,
        Health::Gone => 1,
        Health::New => 2,
        Health::Ok => 3,
    }
}

fn feed((id, record): &(String, Record)) -> Json {
    json!({
        "id": id,
        "health": record.health,
        "url": masked(&record.url),
        "title": record.title,
        "error": record.error.as_ref().map(|error| masked(error)),
        "failures": record.failures,
        "http_status": record.http_status,
        "last_fetch_ts": record.last_fetch_ts,
        "last_ok_ts": record.last_ok_ts,
        "last_new_ts": record.last_new_ts,
        "next_poll_ts": record.next_poll_ts,
        "next_poll_why": record.next_poll_why,
        "gap_sec": record.average_gap_sec,
        "moved_to": record.moved_to.as_deref().map(masked),
        "listed": record.listed,
        "queued": record.queued,
        "updated": record.updated,
        "dropped": record.dropped,
    })
}

/// The newest documents that could not be understood, the newest first.
///
/// # Errors
/// Those of the bus.
pub fn refused(store: &mut Store) -> Result<Vec<Refused>, BusError> {
    let entries = stream::newest(store.commands(), QUARANTINE, REFUSED_MAX)?;
    let text = |entry: &stream::Entry, name: &str| {
        let raw = entry.text(name).unwrap_or_default();
        SafeText::new(&masked(&raw))
    };
    let refused = |entry: &stream::Entry| Refused {
        at_ts: (entry.id.ms / 1000) as i64,
        feed: text(entry, "feed"),
        url: text(entry, "url"),
        reason: text(entry, "reason"),
        excerpt: SafeText::cut(&text(entry, "body"), EXCERPT_BYTES),
    };
    Ok(entries.iter().map(refused).collect())
}

impl Refused {
    fn json(&self) -> Json {
        json!({ "ts": self.at_ts, "feed": self.feed, "url": self.url, "reason": self.reason, "excerpt": self.excerpt })
    }
}
