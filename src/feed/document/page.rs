//! What a web page, met in the place of a feed, says about where its feeds are.

use std::borrow::Cow;
use std::sync::Arc;

use ::url::{ParseError, Url};

use super::xml::{Reader, Tag};
use super::{Refused, url};
use crate::text::SafeText;

/// Most `<link rel=alternate>` that are kept of a web page.
const MOST_ALTERNATES: usize = 10;
/// Characters that are shown of a URL that could not be resolved.
const SHOWN_BYTES: usize = 200;

/// The feeds that a page names, as they stand, and what they are relative to.
#[derive(Default)]
pub struct Page {
    /// The first `<base href>`.
    base: Option<String>,
    /// `xml:base` of the root or the head.
    xml_base: Option<Arc<str>>,
    links: Vec<Link>,
}

struct Link {
    href: String,
    xml_base: Option<Arc<str>>,
}

impl Page {
    /// Looks at one element.
    pub fn meet<'a>(&mut self, reader: &mut Reader<'a>, tag: &Tag<'a>) {
        match tag.local() {
            "html" | "head" => self.xml_base = reader.base().or(self.xml_base.take()),
            "base" if self.base.is_none() => {
                self.base = reader.attribute(tag, "href").map(Cow::into_owned);
            }
            "link" if self.links.len() < MOST_ALTERNATES && names_a_feed(tag) => {
                let href = reader.attribute(tag, "href");
                let xml_base = reader.base();
                self.links.extend(href.map(|href| Link {
                    href: href.into_owned(),
                    xml_base,
                }));
            }
            _ => {}
        }
    }

    pub fn names_feeds(&self) -> bool {
        !self.links.is_empty()
    }

    /// The page instead of a feed; `address` is its own.
    pub fn refusal(self, address: &str) -> Refused {
        let base = self.base.as_deref();
        let base = base.and_then(|base| url::resolve(base, Some(address)));
        let of_page = base.as_deref().or(self.xml_base.as_deref());
        let (mut feeds, mut relative) = (Vec::new(), Vec::new());
        for link in &self.links {
            let base = link.xml_base.as_deref().or(of_page).unwrap_or(address);
            if let Some(feed) = url::resolve(&link.href, Some(base)) {
                feeds.push(feed.into_owned());
            } else if Url::parse(&link.href) == Err(ParseError::RelativeUrlWithoutBase) {
                // For people to read: not to move the cursor of a terminal, nor to fill it.
                relative.push(SafeText::cut(&link.href, SHOWN_BYTES).into());
            }
        }
        Refused::Html { feeds, relative }
    }
}

fn names_a_feed(tag: &Tag) -> bool {
    let is_alternate = tag.attributes.get("rel").is_some_and(|rel| {
        rel.split_ascii_whitespace()
            .any(|word| word.eq_ignore_ascii_case("alternate"))
    });
    let is_feed = tag.attributes.get("type").is_some_and(|media_type| {
        let media_type = media_type.trim().to_ascii_lowercase();
        [
            "application/rss+xml",
            "application/atom+xml",
            "application/rdf+xml",
            "application/feed+json",
        ]
        .iter()
        .any(|feed| media_type.starts_with(feed))
    });
    is_alternate && is_feed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::document::{Context, Document};

    #[test]
    #[allow(clippy::too_many_lines)] // A table of cases.
    fn a_page_names_its_feeds_by_its_base_and_what_stays_relative_as_it_stands() {
        let page = |head: &str, href: &str| {
            format!("{head}<link rel=alternate type=application/atom+xml href='{href}'>")
        };
        for (address, page, feeds, relative) in [
            // Of the web, everything has an address.
            (
                "http://a.example/x/y",
                page("<html>", "z"),
                &["http://a.example/x/z"][..],
                &[][..],
            ),
            (
                "http://a.example/",
                page("<base href='/b/'>", "z"),
                &["http://a.example/b/z"],
                &[],
            ),
            (
                "http://a.example/",
                page("<base href='http://b.example/c/'><base href='/d/'>", "z"),
                &["http://b.example/c/z"],
                &[],
            ),
            (
                "http://a.example/",
                page("<html xml:base='http://b.example/'>", "z"),
                &["http://b.example/z"],
                &[],
            ),
            // A file has one on the web when it says so.
            (
                "file:///tmp/p.html",
                page("<html>", "http://a.example/z"),
                &["http://a.example/z"],
                &[],
            ),
            (
                "file:///tmp/p.html",
                page("<base href='http://a.example/'>", "/z"),
                &["http://a.example/z"],
                &[],
            ),
            (
                "file:///tmp/p.html",
                page("<base href='/b/'>", "z"),
                &[],
                &["z"],
            ),
            (
                "file:///tmp/p.html",
                page("<html>", "//a.example/\u{1b}z"),
                &[],
                &["//a.example/z"],
            ),
            (
                "file:///tmp/p.html",
                page("<html>", "ftp://a.example/z"),
                &[],
                &[],
            ),
        ] {
            let context = Context {
                url: address,
                max_items: 1,
            };
            let owned = |urls: &[&str]| urls.iter().map(|url| url.to_string()).collect();
            let refused = Refused::Html {
                feeds: owned(feeds),
                relative: owned(relative),
            };
            let document = Document::decode(page.as_bytes(), None);
            assert_eq!(document.parse(context).err(), Some(refused), "{page}");
        }
    }
}
