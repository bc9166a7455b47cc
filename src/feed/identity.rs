//! Who an item is: uid, normalised link, text hash. Nothing here depends on dates or on order.
//!
//! - A guid counts when it is not empty and unique in its document; of a URL guid only known tracking
//!   parameters and session ids go.
//! - Else the normalised link counts; where several items share one, link and title together.
//! - Else title and plain text.

mod links;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use ring::digest::{Context, SHA256};

use crate::feed::document::plain::{self, Tags};
use crate::feed::document::{Entry, Parsed, url};
use links::{normalised_link, without_tracking};

/// A key's parts that are not longer together are hashed as one.
const BLOCK_BYTES: usize = 256;

/// 128 bits of a SHA-256: a hostile feed cannot forge the key of another feed's item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 16]);

impl Key {
    /// The key of some parts; a part's end cannot be moved into the next one.
    pub fn of(parts: &[&str]) -> Key {
        let mut digest = Context::new(&SHA256);
        // What is short goes in at once: most of what a small piece costs is the call.
        let mut block = [0; BLOCK_BYTES];
        match join(parts, &mut block) {
            Some(all) => digest.update(all),
            None => parts.iter().for_each(|part| {
                digest.update(&size(part));
                digest.update(part.as_bytes());
            }),
        }
        let mut key = Key::default();
        key.0.copy_from_slice(&digest.finish().as_ref()[..16]);
        key
    }

    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(hex: &str) -> Option<Key> {
        let mut key = Key::default();
        if hex.len() != 2 * key.0.len() {
            return None;
        }
        for (byte, pair) in key.0.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 32];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&hex).unwrap_or_default())
    }
}

/// What stands before a part of a key, so that its end cannot be moved.
fn size(part: &str) -> [u8; 8] {
    (part.len() as u64).to_le_bytes()
}

/// All parts with their sizes, if there is room for them in `block`.
fn join<'b>(parts: &[&str], block: &'b mut [u8; BLOCK_BYTES]) -> Option<&'b [u8]> {
    let mut len = 0;
    for part in parts {
        block.get_mut(len..len + 8)?.copy_from_slice(&size(part));
        len += 8;
        let room = block.get_mut(len..len + part.len())?;
        room.copy_from_slice(part.as_bytes());
        len += part.len();
    }
    Some(&block[..len])
}

/// The identity of one entry of one feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub uid: Key,
    /// Of the normalised link, the same in every feed: the key of the table behind `dup_of`.
    pub link: Option<Key>,
    /// Of link and title (without a title: the text), for feeds in which several items share a link.
    pub link_title: Option<Key>,
    /// `uid` comes from a guid: then a known link alone does not make it a known item.
    pub has_guid: bool,
    /// Whether another entry of this document has the same link.
    pub link_is_shared: bool,
    /// Of the normalised plain text; a change of it is an update.
    pub text: Key,
}

/// Identities of all entries of a document, in its order.
pub fn identify(feed_id: &str, parsed: &Parsed) -> Vec<Identity> {
    let guids: Vec<Option<Cow<str>>> = parsed.entries.iter().map(guid).collect();
    let links: Vec<Option<String>> = parsed
        .entries
        .iter()
        .map(|entry| link(entry, parsed))
        .collect();
    let guid_counts = count(guids.iter().flatten().map(|guid| &**guid));
    let link_counts = count(links.iter().flatten().map(String::as_str));
    let mut scratch = String::new();
    let identities =
        parsed
            .entries
            .iter()
            .zip(guids.iter().zip(&links))
            .map(|(entry, (guid, link))| {
                let title_len = normalised_text(entry, &mut scratch);
                // Of items without a title, only their text tells them apart.
                let title = if title_len == 0 {
                    &*scratch
                } else {
                    &scratch[..title_len]
                };
                let link_key = link.as_deref().map(|link| Key::of(&["link", link]));
                let link_title = link
                    .as_deref()
                    .map(|link| Key::of(&["link and title", link, title]));
                let link_is_shared = link.as_deref().is_some_and(|link| link_counts[link] > 1);
                let guid = guid.as_deref().filter(|guid| guid_counts[guid] == 1);
                let uid = match (guid, link.as_deref()) {
                    (Some(guid), _) => Key::of(&[feed_id, "guid", guid]),
                    (None, Some(link)) if link_is_shared => {
                        Key::of(&[feed_id, "link and title", link, title])
                    }
                    (None, Some(link)) => Key::of(&[feed_id, "link", link]),
                    (None, None) => Key::of(&[feed_id, "text", &scratch]),
                };
                Identity {
                    uid,
                    link: link_key,
                    link_title,
                    has_guid: guid.is_some(),
                    link_is_shared,
                    text: Key::of(&["text", &scratch]),
                }
            });
    identities.collect()
}

fn count<'a>(keys: impl Iterator<Item = &'a str>) -> HashMap<&'a str, u32> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

/// The guid without known tracking parameters and session ids; nothing else is changed in it.
fn guid<'a>(entry: &'a Entry) -> Option<Cow<'a, str>> {
    let guid = entry.guid.as_deref()?;
    Some(if url::is_http(guid) {
        without_tracking(guid)
    } else {
        Cow::Borrowed(guid)
    })
}

fn link(entry: &Entry, parsed: &Parsed) -> Option<String> {
    let written = entry.link.value.as_deref()?;
    let absolute = url::resolve(written, Some(entry.base.as_deref().unwrap_or(&parsed.url)))?;
    Some(normalised_link(&absolute))
}

/// Fills `out` with title and text as one line of plain text; returns the title's length.
fn normalised_text(entry: &Entry, out: &mut String) -> usize {
    out.clear();
    if let Some(title) = &entry.title.value {
        title.to_plain(Tags::OfALine, out);
    }
    let title_len = out.len();
    for field in [&entry.summary.value, &entry.content.value]
        .into_iter()
        .flatten()
    {
        out.push('\n');
        field.to_plain(Tags::All, out);
    }
    title_len
}

/// The plain text of a title, as it is stored and shown.
pub fn title_text(entry: &Entry) -> Option<String> {
    let mut text = String::new();
    entry
        .title
        .value
        .as_ref()?
        .to_plain(Tags::OfALine, &mut text);
    let mut line = String::with_capacity(text.len());
    plain::collapse(&text, &mut line);
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::document::{Context, Document};

    fn identities(items: &str) -> Vec<Identity> {
        let feed = format!("<rss version='2.0'><channel>{items}</channel></rss>");
        let document = Document::decode(feed.as_bytes(), None);
        let context = Context {
            url: "http://feed.example/rss",
            max_items: 100,
        };
        identify("f", &document.parse(context).expect("a feed"))
    }

    fn uid(item: &str) -> Key {
        identities(&format!("<item>{item}</item>"))[0].uid
    }

    #[test]
    fn a_guid_outlives_link_title_and_date() {
        let one = uid(
            "<guid>a</guid><link>http://x/1</link><title>t</title><pubDate>1 Jan 2004</pubDate>",
        );
        assert_eq!(
            one,
            uid("<guid>a</guid><link>http://x/2</link><title>u</title>")
        );
        assert_ne!(
            one,
            uid("<guid>b</guid><link>http://x/1</link><title>t</title>")
        );
    }

    #[test]
    fn of_a_url_guid_only_tracking_goes() {
        let one = uid("<guid>http://X.example/a/?id=1</guid>");
        assert_eq!(
            one,
            uid("<guid>http://X.example/a/?utm_source=rss&amp;id=1&amp;FBCLID=z</guid>")
        );
        assert_ne!(one, uid("<guid>http://x.example/a/?id=1</guid>"));
        assert_ne!(one, uid("<guid>http://X.example/a?id=1</guid>"));
    }

    #[test]
    fn a_guid_that_two_items_share_is_none() {
        let both = identities(
            "<item><guid>g</guid><link>http://x/1</link></item><item><guid>g</guid><link>http://x/2</link></item>",
        );
        assert_eq!(both[0].uid, uid("<link>http://x/1</link>"));
        assert_eq!(both[1].uid, uid("<link>https://x:443/2/</link>"));
    }

    #[test]
    fn items_that_share_a_link_are_told_apart_by_title() {
        let both = identities(
            "<item><link>http://x/</link><title>a</title></item><item><link>http://x/</link><title>b</title></item>",
        );
        assert!(both[0].link_is_shared && both[0].link == both[1].link);
        assert_ne!(both[0].uid, both[1].uid);
    }

    #[test]
    fn without_guid_and_link_the_text_is_the_identity_and_never_the_date() {
        let one = uid(
            "<title>t</title><description>&lt;p&gt;x  y&lt;/p&gt;</description><pubDate>1 Jan 2004</pubDate>",
        );
        assert_eq!(
            one,
            uid("<title>t</title><description>x y</description><pubDate>2 Jan 2004</pubDate>")
        );
        assert_ne!(one, uid("<title>t</title><description>x z</description>"));
    }

    #[test]
    fn a_key_survives_its_hex() {
        let key = Key::of(&["a", "b"]);
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        assert_eq!(Key::parse("é".repeat(16).as_str()), None);
        assert_ne!(key, Key::of(&["ab", ""]));
    }
}
