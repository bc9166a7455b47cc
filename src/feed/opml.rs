//! OPML: the lists of feeds that every reader exports, to and from the `feeds` of truth.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::feed::document::plain::escape;
use crate::feed::document::{Attributes, Document, Token, Tokenizer, url};

/// Most feeds that a file may list.
pub const FEEDS_MAX: usize = 100_000;
/// Longest id that is made of a title.
const ID_MAX_BYTES: usize = 40;

/// One feed, as truth has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    pub id: String,
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// What was read of an OPML file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    pub feeds: Vec<Outline>,
    /// Outlines that name no usable feed, with the reason, in words.
    pub skipped: Vec<String>,
}

/// A file that is no OPML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOpml;

impl fmt::Display for NotOpml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no <opml> and no <outline> in it: not an OPML file")
    }
}

/// Reads a file. `taken` are the ids that are in use; a feed whose URL is in `known` is skipped.
pub fn import(
    file: &[u8],
    taken: &HashSet<String>,
    known: &HashSet<String>,
) -> Result<Import, NotOpml> {
    let document = Document::decode(file, None);
    let mut tokens = Tokenizer::new(document.text(), Default::default());
    let (mut import, mut is_opml) = (Import::default(), false);
    let (mut ids, mut urls) = (taken.clone(), known.clone());
    // Titles of the open outlines: the innermost folder is the category.
    let mut folders: Vec<Option<String>> = Vec::new();
    loop {
        match tokens.next("") {
            Token::Start {
                name,
                attributes,
                empty,
            } if name.eq_ignore_ascii_case("outline") => {
                is_opml = true;
                let title = ["title", "text"]
                    .iter()
                    .find_map(|name| value(attributes, name));
                if let Some(address) = value(attributes, "xmlUrl") {
                    let written = value(attributes, "category").map(|c| last_of(&c));
                    let category = folders.iter().rev().find_map(Clone::clone).or(written);
                    import.add(address, title.clone(), category, &mut ids, &mut urls);
                    if !empty {
                        folders.push(None);
                    }
                } else if !empty {
                    folders.push(title);
                }
            }
            Token::End { name } if name.eq_ignore_ascii_case("outline") => {
                folders.pop();
            }
            Token::Start { name, .. } => is_opml |= name.eq_ignore_ascii_case("opml"),
            Token::Cut | Token::Eof => break,
            _ => {}
        }
    }
    if is_opml { Ok(import) } else { Err(NotOpml) }
}

impl Import {
    fn add(
        &mut self,
        address: String,
        title: Option<String>,
        category: Option<String>,
        ids: &mut HashSet<String>,
        urls: &mut HashSet<String>,
    ) {
        let Some(absolute) = url::resolve(&address, None).map(|url| url.into_owned()) else {
            self.skipped
                .push(format!("{address}: not an http or https URL"));
            return;
        };
        if self.feeds.len() >= FEEDS_MAX {
            self.skipped
                .push(format!("{absolute}: more than {FEEDS_MAX} feeds"));
        } else if !urls.insert(absolute.clone()) {
            self.skipped.push(format!("{absolute}: already there"));
        } else {
            let id = unused_id(&slug(title.as_deref().unwrap_or_default(), &absolute), ids);
            self.feeds.push(Outline {
                id,
                url: absolute,
                category,
            });
        }
    }
}

/// Writes feeds as OPML 2.0, a folder for each category.
pub fn export(feeds: &[Outline], titles: &HashMap<String, String>) -> String {
    let mut opml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<opml version=\"2.0\">\n  <head>\n    <title>MarketSwarm feeds</title>\n  </head>\n  <body>\n",
    );
    let mut categories: Vec<Option<&str>> =
        feeds.iter().map(|feed| feed.category.as_deref()).collect();
    categories.sort_unstable();
    categories.dedup();
    for category in categories {
        let indent = if let Some(category) = category {
            opml.push_str(&format!("    <outline text=\"{}\">\n", quoted(category)));
            "      "
        } else {
            "    "
        };
        for feed in feeds
            .iter()
            .filter(|feed| feed.category.as_deref() == category)
        {
            let title = titles.get(&feed.id).unwrap_or(&feed.id);
            opml.push_str(&format!(
                "{indent}<outline type=\"rss\" text=\"{}\" xmlUrl=\"{}\"/>\n",
                quoted(title),
                quoted(&feed.url)
            ));
        }
        if category.is_some() {
            opml.push_str("    </outline>\n");
        }
    }
    opml.push_str("  </body>\n</opml>\n");
    opml
}

fn value(attributes: Attributes, name: &str) -> Option<String> {
    let mut text = String::new();
    crate::feed::document::plain::html_to_text(
        attributes.get(name)?,
        crate::feed::document::plain::Tags::OfALine,
        &mut text,
    );
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_string())
}

/// `/News/Markets,/Other` → `Markets`
fn last_of(category: &str) -> String {
    let first = category.split(',').next().unwrap_or_default();
    first
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_string()
}

fn quoted(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape(text, &mut escaped);
    escaped.replace('"', "&quot;")
}

/// Letters, digits and dashes of the title, else of the host.
fn slug(title: &str, address: &str) -> String {
    let of = |text: &str| {
        let mut slug = String::new();
        for c in text.chars() {
            if c.is_ascii_alphanumeric() {
                slug.push(c.to_ascii_lowercase());
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            if slug.len() >= ID_MAX_BYTES {
                break;
            }
        }
        slug.trim_end_matches('-').to_string()
    };
    let host = address.split('/').nth(2).unwrap_or_default();
    [of(title), of(host)]
        .into_iter()
        .find(|slug| !slug.is_empty())
        .unwrap_or_else(|| "feed".to_string())
}

fn unused_id(slug: &str, ids: &mut HashSet<String>) -> String {
    let numbered = (2..).map(|n: u32| format!("{slug}-{n}"));
    let mut candidates = std::iter::once(slug.to_string()).chain(numbered);
    // The numbers never end, so there always is an unused one.
    let id = candidates.find(|id| !ids.contains(id)).unwrap_or_default();
    ids.insert(id.clone());
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Import {
        import(file.as_bytes(), &HashSet::new(), &HashSet::new()).expect("OPML")
    }

    fn feed(id: &str, url: &str, category: Option<&str>) -> Outline {
        Outline {
            id: id.to_string(),
            url: url.to_string(),
            category: category.map(str::to_string),
        }
    }

    #[test]
    fn folders_become_categories_and_titles_ids() {
        let import = read(
            r#"<opml version="1.1"><body>
              <outline text="Markets &amp; money">
                <outline type="rss" text="The Daily: News" xmlUrl="https://a.example/rss?a=1&amp;b=2"/>
                <outline type="rss" title="the daily news" xmlUrl="https://b.example/rss"></outline>
              </outline>
              <outline xmlurl="http://c.example/" category="/x/Tech"/>
            </body></opml>"#,
        );
        assert_eq!(
            import.feeds,
            [
                feed(
                    "the-daily-news",
                    "https://a.example/rss?a=1&b=2",
                    Some("Markets & money")
                ),
                feed(
                    "the-daily-news-2",
                    "https://b.example/rss",
                    Some("Markets & money")
                ),
                feed("c-example", "http://c.example/", Some("Tech")),
            ]
        );
    }

    #[test]
    fn what_is_no_feed_or_known_already_is_skipped_with_its_reason() {
        let file = r#"<opml><outline xmlUrl="feed://x"/><outline xmlUrl="http://a/"/><outline xmlUrl="http://a/"/></opml>"#;
        let import = read(file);
        assert_eq!(import.feeds.len(), 1);
        assert_eq!(
            import.skipped,
            [
                "feed://x: not an http or https URL",
                "http://a/: already there"
            ]
        );
    }

    #[test]
    fn what_was_exported_comes_back() {
        let feeds = [
            feed("b", "http://b/?x=1&y=\"2\"", None),
            feed("a", "http://a/", Some("One <two>")),
        ];
        let mut back = read(&export(&feeds, &HashMap::new())).feeds;
        back.sort_by(|a, b| b.id.cmp(&a.id));
        assert_eq!(back[1], feeds[1]);
        assert_eq!(
            (back[0].id.as_str(), back[0].category.as_deref()),
            ("b", None)
        );
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        assert_eq!(
            import(b"<rss></rss>", &HashSet::new(), &HashSet::new()),
            Err(NotOpml)
        );
        assert_eq!(
            import(b"\xff\x00", &HashSet::new(), &HashSet::new()),
            Err(NotOpml)
        );
    }
}
