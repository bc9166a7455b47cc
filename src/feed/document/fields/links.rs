//! Links: which of several is the page that a person opens, and what relative ones refer to.

use std::borrow::Cow;

use super::parts::keep_enclosure;
use crate::feed::document::entry::{Ranked, RawEnclosure};
use crate::feed::document::url;
use crate::feed::document::xml::{Reader, Tag};

/// What the link before a counting proxy was (`feedburner:origLink`): so one story is known in two feeds.
pub const ORIGINAL: u8 = 0;
/// RSS's own link.
pub const RSS: u8 = 1;
/// A web page among Atom's alternates; one more where a quote is missing.
const PAGE: u8 = 2;
/// An alternate of another type; one more where a quote is missing.
const FILE: u8 = 4;
/// A guid or an id that is a URL. An id need not lead anywhere, but where there is no link it mostly does.
pub const GUID: u8 = 8;
/// What RSS 1.0 names the item by.
pub const ABOUT: u8 = 9;
/// What is no http URL: kept only to be told of.
const OTHER_SCHEME: u8 = 20;

/// What a link is to the thing that has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Alternate,
    Enclosure,
    Itself,
    Other,
}

/// The rank of RSS's own link.
pub fn rss_rank(link: Option<&str>) -> u8 {
    if link.is_none_or(url::may_be_http) {
        RSS
    } else {
        OTHER_SCHEME
    }
}

/// RSS's link: its text, or `href` where Atom's habit crept in.
pub fn rss_link<'a>(reader: &mut Reader<'a>, tag: &Tag<'a>) -> Option<Cow<'a, str>> {
    let href = reader.attribute(tag, "href");
    let link = reader.word(tag).or(href)?;
    Some(reader.based(link))
}

/// Reads a link of an entry.
pub fn entry_link<'a>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
    link: &mut Ranked<Cow<'a, str>>,
    enclosures: &mut Vec<RawEnclosure<'a>>,
) {
    let (relation, href, rank) = atom_link(reader, tag);
    match relation {
        Relation::Alternate => link.offer(rank, href),
        Relation::Enclosure => {
            let enclosure = href.map(|url| RawEnclosure {
                url,
                media_type: reader.attribute(tag, "type"),
                length: reader.attribute(tag, "length"),
            });
            keep_enclosure(enclosures, enclosure);
        }
        Relation::Itself | Relation::Other => {}
    }
}

/// Reads Atom's link: what it is, where it leads, and its rank among alternates.
pub fn atom_link<'a>(
    reader: &mut Reader<'a>,
    tag: &Tag<'a>,
) -> (Relation, Option<Cow<'a, str>>, u8) {
    let relation = relation(reader.value(tag, "rel").unwrap_or_default());
    let is_page = is_page(reader.value(tag, "type").unwrap_or_default());
    let href = match reader
        .attribute(tag, "href")
        .or_else(|| empty_href(reader, tag))
    {
        Some(href) => {
            reader.skip(tag);
            Some(href)
        }
        // As RSS does it.
        None => reader
            .word(tag)
            .filter(|text| !text.contains(char::is_whitespace)),
    };
    let rank = match &href {
        Some(href) if !url::may_be_http(href) => OTHER_SCHEME,
        _ if is_page => PAGE + u8::from(tag.attributes.is_broken()),
        _ => FILE + u8::from(tag.attributes.is_broken()),
    };
    (relation, href.map(|href| reader.based(href)), rank)
}

/// `href=""` is a reference to the base itself.
fn empty_href<'a>(reader: &Reader<'a>, tag: &Tag<'a>) -> Option<Cow<'a, str>> {
    let is_empty = reader.value(tag, "href")?.trim().is_empty();
    let base = reader.base().filter(|_| is_empty)?;
    Some(Cow::Owned(base.to_string()))
}

/// Reads a `rel`: in any case, by its name or its IRI, alone or in a list.
fn relation(rel: &str) -> Relation {
    let is = |wanted: &str| {
        rel.split_ascii_whitespace().any(|word| {
            let is_iana = word
                .get(..4)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"))
                && word.to_ascii_lowercase().contains("iana.org/assignments/");
            let name = if is_iana {
                word.rsplit('/').next()
            } else {
                Some(word)
            };
            name.is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        })
    };
    if rel.trim().is_empty() || is("alternate") {
        Relation::Alternate
    } else if is("enclosure") {
        Relation::Enclosure
    } else if is("self") {
        Relation::Itself
    } else {
        Relation::Other
    }
}

/// Is this the type of a web page, or none?
fn is_page(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.is_empty()
        || essence.eq_ignore_ascii_case("text/html")
        || essence.eq_ignore_ascii_case("application/xhtml+xml")
}
