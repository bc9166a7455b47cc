//! Where the feed starts in a document, and whether it is one.

use super::Refused;
use super::attributes::Attributes;
use super::entry::Format;
use super::fields;
use super::markup::Token;
use super::names::Ns;
use super::page::Page;
use super::repair::Repair;
use super::xml::{End, Level, Reader, Tag};

/// What was met before the feed.
#[derive(Default)]
struct Before<'a> {
    text: bool,
    /// The first element that is no feed's root.
    stranger: Option<&'a str>,
    html: bool,
    page: Page,
}

/// Reads the whole text; what it finds is in the reader. `address` resolves the links of a web page.
pub fn read<'a>(reader: &mut Reader<'a>, address: &str) -> Result<(), Refused> {
    let mut before = Before::default();
    let mut rooted = false;
    let mut rootless = false;
    let mut closed = false;
    loop {
        match reader.tokens.next("") {
            Token::Start {
                name,
                attributes,
                empty,
            } => {
                let scope = reader.enter(attributes);
                let tag = reader.tag(name, attributes, empty);
                match root_of(reader, &tag, &before) {
                    Some(format) if !rooted => {
                        rooted = true;
                        rootless = is_part(&tag);
                        if before.text || before.stranger.is_some() {
                            reader.repair(Repair::LeadingJunk);
                        }
                        reader.root_ends();
                        closed = open_root(reader, tag, format);
                        // What the root declared holds for what follows a root that ended too early.
                        continue;
                    }
                    Some(_) if !is_part(&tag) => {
                        closed |=
                            reader.children(&tag, Level::Feed, fields::channel_field) == End::Closed
                    }
                    _ if rooted => {
                        // What is left of a root says little about what it held.
                        if rootless && tag.is_item() {
                            let is_entry = tag.local() == "entry";
                            reader.native = if is_entry { Ns::Atom } else { Ns::Rss };
                        }
                        // A feed that was closed too early goes on behind its end.
                        if fields::channel_field(reader, &tag) && closed {
                            reader.repair(Repair::TrailingJunk);
                        }
                    }
                    _ => before.meet(reader, &tag),
                }
                reader.leave(scope);
            }
            Token::Text(text) | Token::Cdata(text) => {
                let junk = !text.trim().is_empty();
                before.text |= junk;
                if junk && closed {
                    reader.repair(Repair::TrailingJunk);
                }
            }
            Token::End { .. } => {}
            Token::Cut => reader.cut |= !closed,
            Token::Eof => break,
        }
    }
    if rooted {
        Ok(())
    } else {
        Err(before.refuse(reader, address))
    }
}

/// The format that this element opens, if it is a root.
fn root_of(reader: &mut Reader, tag: &Tag, before: &Before) -> Option<Format> {
    let version = tag
        .attributes
        .get("version")
        .map(str::trim)
        .unwrap_or_default();
    let html = before.html;
    match tag.local() {
        "rss" => {
            let version = if version.is_empty() {
                reader.repair(Repair::MissingVersion);
                "2.0"
            } else {
                version
            };
            Some(Format::Rss(version.chars().take(10).collect()))
        }
        "rdf" => Some(Format::Rdf(rdf_version(tag.attributes))),
        "feed" if !html || tag.attributes.get("xmlns").is_some() => {
            let namespace = tag
                .attributes
                .iter()
                .find(|(name, _)| name.starts_with("xmlns"))
                .map(|(_, uri)| uri);
            let is_03 = version == "0.3" || namespace.is_some_and(|uri| uri.contains("purl.org"));
            Some(Format::Atom(if is_03 { "0.3" } else { "1.0" }))
        }
        // The root itself is lost, but what it holds is here.
        "channel" | "item" if !html => Some(Format::Rss("2.0".to_string())),
        "entry" if !html => Some(Format::Atom("1.0")),
        _ => None,
    }
}

/// Is this a part of a feed, rather than its root?
fn is_part(tag: &Tag) -> bool {
    matches!(tag.local(), "channel" | "item" | "entry")
}

fn rdf_version(attributes: Attributes) -> &'static str {
    let is_09 = attributes
        .iter()
        .any(|(name, uri)| name == "xmlns" && uri.contains("/simple/0.9"));
    if is_09 { "0.90" } else { "1.0" }
}

/// Reads the root with all that is in it; says whether it was closed.
fn open_root<'a>(reader: &mut Reader<'a>, tag: Tag<'a>, format: Format) -> bool {
    reader.native = if matches!(format, Format::Atom(_)) {
        Ns::Atom
    } else {
        Ns::Rss
    };
    reader.channel.format = format;
    reader.channel.base = reader.base();
    let language = reader.attribute(&tag, "xml:lang");
    reader.channel.language.offer(2, language);
    if is_part(&tag) {
        reader.repair(Repair::MissingRoot);
        // Resolved again, now that the native vocabulary is known.
        let tag = reader.tag(tag.name, tag.attributes, tag.empty);
        fields::channel_field(reader, &tag);
        return false;
    }
    reader.children(&tag, Level::Feed, fields::channel_field) == End::Closed
}

impl<'a> Before<'a> {
    fn meet(&mut self, reader: &mut Reader<'a>, tag: &Tag<'a>) {
        self.stranger.get_or_insert(tag.name);
        self.html |= matches!(tag.local(), "html" | "head" | "body");
        self.page.meet(reader, tag);
    }

    fn refuse(self, reader: &Reader, address: &str) -> Refused {
        let doctype_html = reader
            .tokens
            .doctype
            .is_some_and(|name| name.eq_ignore_ascii_case("html"));
        match self.stranger {
            _ if self.html || doctype_html || self.page.names_feeds() => self.page.refusal(address),
            Some(root) => Refused::NotAFeed {
                root: root.chars().take(100).collect(),
            },
            None if self.text => Refused::Unreadable {
                reason: "there is no element in it".to_string(),
            },
            None if reader.cut => Refused::Unreadable {
                reason: "it ends within its first tag".to_string(),
            },
            None => Refused::Empty,
        }
    }
}
