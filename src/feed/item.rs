//! The one model that every feed format becomes: what is stored, shown and handed to the workers.

use serde::{Deserialize, Serialize};

/// One item, finished: plain text is plain, HTML is sanitised, URLs are absolute http(s).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Stable identity within the feed, 32 hex digits; also the item's key in the store.
    pub uid: String,
    /// Id of the feed in truth.
    pub feed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_title: Option<String>,
    /// Plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Sanitised HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The summary as plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_text: Option<String>,
    /// Sanitised HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The content as plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    pub published_ts: i64,
    /// Where `published_ts` came from, when the feed gave no usable date of publication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_supplied: Option<Supplied>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_ts: Option<i64>,
    pub fetched_ts: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enclosures: Vec<Enclosure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// Uid of the first item seen anywhere with this link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dup_of: Option<String>,
    /// What was cut or flattened, because the field or the document cost too much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<Cut>,
}

/// Who wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// A file that belongs to an item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosure {
    pub url: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
}

/// What stands in for a missing or impossible date of publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supplied {
    /// The date of the last update, which the feed did give.
    Updated,
    /// The time of the fetch: the feed gave no date, an unreadable one, or one in the future.
    FetchTime,
}

/// What an item lost to the limits on hostile or huge HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// A field was longer than the limit; the rest is gone.
    FieldTooLong,
    /// Tags nested deeper than the limit were dropped, their text kept.
    TagsTooDeep,
    /// The document had used up its time: HTML fields hold escaped plain text only.
    PlainTextOnly,
}

/// What a feed says about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// The format in words: `RSS 2.0`, `Atom 1.0`, `JSON Feed 1.1`, …
    pub format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Sanitised HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The site that the feed belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The feed's own address, as it gives it.
    #[serde(rename = "feedLink", skip_serializing_if = "Option::is_none")]
    pub feed_link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copyright: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_ts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_ts: Option<i64>,
    #[serde(default)]
    pub hints: Hints,
}

/// What a feed asks of its readers: how often to come, and when not to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hints {
    /// `<ttl>` in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_sec: Option<u64>,
    /// `sy:updatePeriod` divided by `sy:updateFrequency`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sy_sec: Option<u64>,
    /// Hours of the day (UTC, 0-23) in which the feed does not change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip_hours: Vec<u8>,
    /// Days (0 is Monday) on which the feed does not change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip_days: Vec<u8>,
}
