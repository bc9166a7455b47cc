//! From bytes to entries: encodings, repairs, and one reader for RSS, RDF, Atom and JSON Feed.

mod attributes;
pub mod date;
mod encoding;
pub mod entities;
mod entry;
mod fields;
mod hints;
mod html_names;
mod json;
mod markup;
mod names;
mod page;
pub mod plain;
mod repair;
mod root;
pub mod url;
mod xml;

pub use attributes::Attributes;
pub use entry::{Channel, Entry, Format, Person, Ranked, RawEnclosure, Text};
pub use markup::{Token, Tokenizer};
pub(in crate::feed) use names::lower;
pub use repair::{Needed, Repair, Repairs};

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::feed::item::Hints;

/// A body as text. Parsing borrows from it.
#[derive(Debug)]
pub struct Document<'b> {
    text: Cow<'b, str>,
    /// The encoding that was used, by its standard name.
    pub encoding: &'static str,
    repairs: Repairs,
    /// The text without its slips, where it is JSON and has some.
    mended: OnceLock<String>,
}

/// What a parse may rely on.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The URL that answered: the last base of relative URLs.
    pub url: &'c str,
    /// Entries beyond this many are not read.
    pub max_items: usize,
}

/// A document that was understood.
#[derive(Debug)]
pub struct Parsed<'a> {
    pub channel: Channel<'a>,
    pub entries: Vec<Entry<'a>>,
    pub hints: Hints,
    /// Every repair that was needed, named and counted.
    pub repairs: Repairs,
    /// The document reached its end: nothing is missing at its tail. Validators may be stored.
    pub whole: bool,
    /// More than `max_items` entries were listed; the rest was not read.
    pub over_limit: bool,
    /// The URL that answered: the last base of relative URLs.
    pub url: String,
}

impl Parsed<'_> {
    /// Every item that the feed lists is in `entries`: seen marks may age by it.
    pub fn lists_everything(&self) -> bool {
        self.whole && !self.over_limit
    }
}

/// A document in which no feed was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No bytes, or only white space.
    Empty,
    /// A web page. `feeds` are the absolute URLs of its `<link rel=alternate>` feeds; `relative` are those that stay
    /// relative, because neither the page nor its address says where on the web it is.
    Html {
        feeds: Vec<String>,
        relative: Vec<String>,
    },
    /// XML or JSON, but no feed; `root` is the first element's name.
    NotAFeed { root: String },
    /// Neither XML nor JSON nor HTML.
    Unreadable { reason: String },
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refused::Empty => write!(f, "the document is empty"),
            Refused::Html { feeds, relative } if feeds.is_empty() && relative.is_empty() => {
                write!(f, "a web page, not a feed, and it names no feed")
            }
            Refused::Html { feeds, relative } => {
                let named = [&feeds[..], &relative[..]].concat().join(", ");
                write!(f, "a web page, not a feed; it names {named}")
            }
            Refused::NotAFeed { root } => write!(f, "not a feed: the root is <{root}>"),
            Refused::Unreadable { reason } => write!(f, "neither XML nor JSON: {reason}"),
        }
    }
}

impl<'b> Document<'b> {
    /// Decodes a body: BOM, HTTP charset, XML declaration, UTF-8, windows-1252, in this order.
    pub fn decode(body: &'b [u8], content_type: Option<&str>) -> Document<'b> {
        let (text, encoding, repairs) = encoding::decode(body, content_type);
        Document {
            text,
            encoding: encoding.name(),
            repairs,
            mended: OnceLock::new(),
        }
    }

    /// The text, for those who want to show a piece of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads the text as a feed. `repairs` of a refused document are of no interest to anyone.
    pub fn parse(&self, context: Context<'_>) -> Result<Parsed<'_>, Refused> {
        let text = self.text.trim_start();
        let mut parsed = if text.starts_with('{') {
            self.parse_json(context)?
        } else {
            self.parse_xml(context)?
        };
        parsed.repairs.count_lines(&self.text);
        Ok(parsed)
    }

    /// Only a text that could not be read is looked through for slips.
    fn parse_json(&self, context: Context<'_>) -> Result<Parsed<'_>, Refused> {
        let read = json::read(&self.text, self.repairs.clone(), context);
        let is_well = read.as_ref().is_ok_and(|parsed| {
            parsed.repairs.count(Repair::BadJsonValue) + parsed.repairs.count(Repair::BadJsonItem)
                == 0
                && parsed.whole
        });
        let mended = if is_well {
            None
        } else {
            json::mended(&self.text)
        };
        let Some(mended) = mended else {
            return read;
        };
        let mut repairs = self.repairs.clone();
        for (repair, first) in [
            (Repair::HalfSurrogate, mended.half_pair),
            (Repair::JsonSlip, mended.slip),
        ] {
            if let Some(first) = first {
                repairs.at(repair, first);
            }
        }
        let text = self.mended.get_or_init(|| mended.text);
        let again = json::read(text, repairs, context);
        // What was understood at first is not given up for less.
        let count =
            |read: &Result<Parsed<'_>, Refused>| read.as_ref().map(|p| p.entries.len()).ok();
        if count(&again) < count(&read) {
            read
        } else {
            again
        }
    }

    fn parse_xml(&self, context: Context<'_>) -> Result<Parsed<'_>, Refused> {
        let repairs = self.repairs.clone();
        let mut reader = xml::Reader::new(&self.text, repairs, context.max_items, context.url);
        root::read(&mut reader, context.url)?;
        reader.finish_hints();
        if reader.cut {
            reader.repair(Repair::Truncated);
        }
        Ok(Parsed {
            whole: !reader.cut,
            over_limit: reader.over_limit,
            channel: reader.channel,
            entries: reader.entries,
            hints: reader.hints,
            repairs: reader.tokens.repairs,
            url: context.url.to_string(),
        })
    }
}

#[cfg(test)]
mod tests;
