//! One item as the feed reader keeps it, read for its analysis; pure.

use ring::digest::{Context, SHA256};

use super::local::Article;

/// The fields of `rss:item:<uid>` that are read, in the order in which [`Item::read`] takes them.
pub const ITEM_FIELDS: [&str; 10] = [
    "feed",
    "rev",
    "title",
    "summary_text",
    "content_text",
    "language",
    "category",
    "url",
    "published_ts",
    "dup_of",
];

/// Bytes of a hash of text: as many as nobody makes two texts of one hash for.
const HASH_BYTES: usize = 16;

/// One item, as it was when it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    pub feed: String,
    /// How often it has been written: 1, and 1 more with each update.
    pub rev: u64,
    pub title: String,
    /// Summary and content; what stands in both stands here once.
    pub text: String,
    pub language: Option<String>,
    pub category: String,
    pub url: String,
    /// Seconds since 1970; 0 when nobody knows.
    pub published_ts: i64,
    /// The first item with the same link.
    pub dup_of: Option<String>,
    /// What its text is told from others by, as hexadecimal digits.
    pub text_hash: String,
}

impl Item {
    /// The item with these values of [`ITEM_FIELDS`]; `None` when there is none: every item has a feed.
    pub fn read(values: Vec<Option<String>>) -> Option<Item> {
        let mut values = values.into_iter();
        let mut next = || values.next().flatten();
        let feed = next()?;
        let rev = next();
        let title = next().unwrap_or_default();
        let summary = next().unwrap_or_default();
        let content = next().unwrap_or_default();
        let language = next();
        let text_hash = text_hash(&[
            &title,
            &summary,
            &content,
            language.as_deref().unwrap_or_default(),
        ]);
        Some(Item {
            feed,
            rev: rev.and_then(|rev| rev.parse().ok()).unwrap_or(1),
            title,
            text: joined(summary, content),
            language,
            category: next().unwrap_or_default(),
            url: next().unwrap_or_default(),
            published_ts: next().and_then(|ts| ts.parse().ok()).unwrap_or(0),
            dup_of: next(),
            text_hash,
        })
    }

    /// As the rules read it.
    pub fn article(&self) -> Article<'_> {
        Article {
            title: &self.title,
            text: &self.text,
            language: self.language.as_deref(),
            feed: &self.feed,
            category: &self.category,
            url: &self.url,
            published_ts: self.published_ts,
        }
    }
}

/// Many feeds say the beginning of the content once more in the summary.
fn joined(summary: String, content: String) -> String {
    if content.is_empty() {
        return summary;
    }
    if summary.is_empty() || content.contains(without_dots(&summary)) {
        return content;
    }
    summary + "\n\n" + &content
}

/// A text that was cut says so at its end.
fn without_dots(text: &str) -> &str {
    let end = |c: char| c.is_whitespace() || matches!(c, '.' | '…' | '[' | ']');
    text.trim_end_matches(end)
}

fn text_hash(parts: &[&str]) -> String {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finish();
    let mut text = String::with_capacity(2 * HASH_BYTES);
    for byte in &digest.as_ref()[..HASH_BYTES] {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(pairs: &[(&str, &str)]) -> Option<Item> {
        let value = |name: &&str| {
            let found = pairs.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Item::read(ITEM_FIELDS.iter().map(value).collect())
    }

    #[test]
    fn an_item_that_is_gone_is_none_and_one_of_before_has_the_first_revision() {
        assert_eq!(item(&[]), None);
        assert_eq!(item(&[("title", "left over")]), None);
        let read = item(&[("feed", "wire"), ("published_ts", "17")]).expect("an item");
        assert_eq!((read.rev, read.published_ts), (1, 17));
        assert_eq!(
            item(&[("feed", "f"), ("rev", "4")]).expect("an item").rev,
            4
        );
    }

    #[test]
    fn what_stands_in_summary_and_content_is_read_once() {
        let text = |summary, content| {
            let fields = [
                ("feed", "f"),
                ("summary_text", summary),
                ("content_text", content),
            ];
            item(&fields).expect("an item").text
        };
        assert_eq!(
            text("Profit rose …", "Profit rose again."),
            "Profit rose again."
        );
        assert_eq!(text("In short.", "At length."), "In short.\n\nAt length.");
        assert_eq!(text("In short.", ""), "In short.");
        assert_eq!(text("", "At length."), "At length.");
    }

    #[test]
    fn a_hash_tells_texts_apart_and_where_they_stand() {
        let hash = |title, summary, content| {
            let fields = [
                ("feed", "f"),
                ("title", title),
                ("summary_text", summary),
                ("content_text", content),
            ];
            item(&fields).expect("an item").text_hash
        };
        let all = [
            hash("a", "b", "c"),
            hash("ab", "", "c"),
            hash("a", "bc", ""),
            hash("a", "b", ""),
            hash("", "", ""),
        ];
        for (i, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 2 * HASH_BYTES);
            assert!(!all[..i].contains(one));
        }
        assert_eq!(hash("a", "b", "c"), all[0]);
        // The address and the date are no part of the text.
        let moved = item(&[("feed", "g"), ("title", "a"), ("url", "https://b/")]);
        assert_eq!(moved.expect("an item").text_hash, hash("a", "", ""));
    }
}
