//! Raw entries: borrowed from the document wherever no repair or entity forced a copy.

use std::borrow::Cow;
use std::sync::Arc;

use super::plain::{self, Tags};

/// An entry as the feed gave it: nothing sanitised, nothing resolved.
#[derive(Clone, Debug, Default)]
pub struct Entry<'a> {
    pub guid: Option<Cow<'a, str>>,
    /// What RSS 1.0 names the item by, where that is its link: shown in place of a guid, but the link says who it is.
    pub about: Option<Cow<'a, str>>,
    pub title: Ranked<Text<'a>>,
    /// The link as written, maybe relative to `base`.
    pub link: Ranked<Cow<'a, str>>,
    pub summary: Ranked<Text<'a>>,
    pub content: Ranked<Text<'a>>,
    pub author: Ranked<Person<'a>>,
    pub categories: Vec<Cow<'a, str>>,
    pub published_ts: Ranked<i64>,
    pub updated_ts: Ranked<i64>,
    pub enclosures: Vec<RawEnclosure<'a>>,
    pub image: Ranked<Cow<'a, str>>,
    pub language: Option<Cow<'a, str>>,
    /// The `xml:base` in force.
    pub base: Option<Arc<str>>,
    /// A date was given that is none.
    pub bad_date: bool,
    /// Where the entry starts in the text, in bytes.
    pub offset: usize,
}

impl Entry<'_> {
    /// The date of publication, else of the last update, if the feed gave a readable one.
    pub fn dated_ts(&self) -> Option<i64> {
        self.published_ts.value.or(self.updated_ts.value)
    }
}

/// The feed's own data as it gave them.
#[derive(Clone, Debug, Default)]
pub struct Channel<'a> {
    pub format: Format,
    pub title: Ranked<Text<'a>>,
    pub description: Ranked<Text<'a>>,
    pub link: Ranked<Cow<'a, str>>,
    pub feed_link: Ranked<Cow<'a, str>>,
    pub language: Ranked<Cow<'a, str>>,
    pub author: Ranked<Person<'a>>,
    pub image: Ranked<Cow<'a, str>>,
    pub categories: Vec<Cow<'a, str>>,
    pub copyright: Ranked<Text<'a>>,
    pub generator: Option<String>,
    pub published_ts: Ranked<i64>,
    pub updated_ts: Ranked<i64>,
    pub base: Option<Arc<str>>,
    pub bad_date: bool,
}

/// The family of the format, and its version as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Unknown,
    Rss(String),
    Rdf(&'static str),
    Atom(&'static str),
    Json(String),
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, version) = match self {
            Format::Unknown => return write!(f, "unknown"),
            Format::Rss(version) => ("RSS", version.as_str()),
            Format::Rdf(version) => ("RSS (RDF)", *version),
            Format::Atom(version) => ("Atom", *version),
            Format::Json(version) => ("JSON Feed", version.as_str()),
        };
        write!(f, "{name} {version}")
    }
}

/// A piece of text that may be HTML.
#[derive(Clone, Debug, Default)]
pub struct Text<'a> {
    pub raw: Cow<'a, str>,
    pub is_html: bool,
    /// The `xml:base` in force for its relative URLs.
    pub base: Option<Arc<str>>,
    /// Its end tag was missing: it may hold what is not its own.
    pub unclosed: bool,
}

impl<'a> Text<'a> {
    pub fn plain(raw: Cow<'a, str>) -> Text<'a> {
        Text {
            raw,
            ..Text::default()
        }
    }

    /// Appends the plain text.
    pub fn to_plain(&self, tags: Tags, out: &mut String) {
        if self.is_html {
            plain::html_to_text(&self.raw, tags, out);
        } else {
            plain::collapse(&self.raw, out);
        }
    }
}

/// Who wrote something, as written.
#[derive(Clone, Debug)]
pub enum Person<'a> {
    /// One string: a name, an address, or both in either order.
    Text(Cow<'a, str>),
    Parts {
        name: Option<Cow<'a, str>>,
        email: Option<Cow<'a, str>>,
    },
}

/// An enclosure as written.
#[derive(Clone, Debug, Default)]
pub struct RawEnclosure<'a> {
    pub url: Cow<'a, str>,
    pub media_type: Option<Cow<'a, str>>,
    pub length: Option<Cow<'a, str>>,
}

/// A field that several elements can fill: the best rank wins (0 is the feed's own element), the first of equals.
#[derive(Clone, Debug)]
pub struct Ranked<T> {
    pub value: Option<T>,
    rank: u8,
}

impl<T> Default for Ranked<T> {
    fn default() -> Ranked<T> {
        Ranked {
            value: None,
            rank: u8::MAX,
        }
    }
}

impl<'a> Ranked<Text<'a>> {
    /// As [`offer`](Ranked::offer), but a text without its end tag gives way to a whole one of the same rank.
    pub fn offer_text(&mut self, rank: u8, text: Option<Text<'a>>) {
        let unclosed = text.as_ref().is_some_and(|text| text.unclosed);
        self.offer(2 * rank + u8::from(unclosed), text);
    }
}

impl<T> Ranked<T> {
    pub fn offer(&mut self, rank: u8, value: Option<T>) {
        if rank < self.rank && value.is_some() {
            *self = Ranked { value, rank };
        }
    }

    /// The last of equals wins.
    pub fn offer_last(&mut self, rank: u8, value: Option<T>) {
        if rank <= self.rank && value.is_some() {
            *self = Ranked { value, rank };
        }
    }
}
