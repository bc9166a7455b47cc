//! From a raw entry to a finished item: sanitised HTML, plain text, absolute URLs, honest dates.

use std::borrow::Cow;
use std::sync::Arc;

use crate::clock::Mono;
use crate::feed::document::plain::{self, Tags};
use crate::feed::document::{Entry, Format, Parsed, Person, Ranked, RawEnclosure, Text, url};
use crate::feed::identity::{Identity, title_text};
use crate::feed::item::{Author, Cut, Enclosure, Feed, Item, Supplied};
use crate::feed::sanitise::{self, Sanitiser};

/// A date that is further ahead than this is in the future: clocks differ a little.
const FUTURE_TOLERATED_SEC: i64 = 300;
/// Longest plain field (a title, a name, a category); the rest is cut.
const LONGEST_PLAIN: usize = 4 * 1024;

/// Finishes the entries of one document within one budget.
pub struct Normaliser<'p> {
    parsed: &'p Parsed<'p>,
    feed_id: &'p str,
    sanitiser: Sanitiser,
    feed_title: Option<String>,
    language: Option<String>,
    author: Option<Author>,
    /// What relative URLs in content refer to, unless `xml:base` says otherwise.
    base: String,
    /// What those of items themselves do.
    link_base: Arc<str>,
}

impl<'p> Normaliser<'p> {
    /// `clock` is `Mono::now`, or a virtual one in tests: HTML that costs too much becomes plain text.
    pub fn new(parsed: &'p Parsed<'p>, feed_id: &'p str, clock: fn() -> Mono) -> Normaliser<'p> {
        let channel = &parsed.channel;
        let address = channel.base.as_deref().unwrap_or(&parsed.url);
        let site = channel
            .link
            .value
            .as_deref()
            .and_then(|link| resolve(link, address));
        let base = channel.base.clone().map_or_else(
            || site.as_deref().unwrap_or(address).to_string(),
            |base| base.to_string(),
        );
        // Atom names the base of its links: the document's address. RSS names none; those who write `/page` mean their
        // site, wherever the feed is kept, and pictures and links alike.
        let link_base = match channel.format {
            Format::Atom(_) => Arc::from(&*parsed.url),
            _ => Arc::from(&*base),
        };
        Normaliser {
            parsed,
            feed_id,
            sanitiser: Sanitiser::new(clock),
            feed_title: plain_line(&channel.title),
            language: channel.language.value.as_deref().map(short),
            author: author(&channel.author),
            base,
            link_base,
        }
    }

    /// The feed's title, which every item carries.
    pub fn feed_title(&self) -> Option<&str> {
        self.feed_title.as_deref()
    }

    /// The feed's own data.
    pub fn feed(&mut self) -> Feed {
        let channel = &self.parsed.channel;
        let address = channel.base.as_deref().unwrap_or(&self.parsed.url);
        let absolute = |link: &Ranked<Cow<str>>| resolve(link.value.as_deref()?, address);
        let image = absolute(&channel.image).or_else(|| {
            let description = channel
                .description
                .value
                .as_ref()
                .filter(|text| text.is_html)?;
            resolve(&read(plain::first_image(&description.raw)?), &self.base)
        });
        let mut cut = Vec::new();
        Feed {
            format: channel.format.to_string(),
            title: self.feed_title.clone(),
            description: self.html(&channel.description, &mut cut),
            link: absolute(&channel.link),
            feed_link: absolute(&channel.feed_link),
            language: self.language.clone(),
            author: self.author.clone(),
            image,
            categories: channel
                .categories
                .iter()
                .map(|category| short(category))
                .collect(),
            copyright: plain_line(&channel.copyright),
            generator: channel.generator.as_deref().map(short),
            published_ts: channel.published_ts.value,
            updated_ts: channel.updated_ts.value,
            hints: self.parsed.hints.clone(),
        }
    }

    /// One entry as an item, fetched at `fetched_ts`.
    pub fn item(&mut self, entry: &Entry, identity: &Identity, fetched_ts: i64) -> Item {
        let mut cut = Vec::new();
        let link_base = entry.base.as_ref().unwrap_or(&self.link_base).clone();
        let address = &*link_base;
        let (published_ts, published_supplied) = published(entry, fetched_ts);
        Item {
            uid: identity.uid.to_string(),
            feed: self.feed_id.to_string(),
            feed_title: self.feed_title.clone(),
            title: title_text(entry).map(|title| short(&title)),
            url: entry
                .link
                .value
                .as_deref()
                .and_then(|link| resolve(link, address)),
            summary: self.html(&entry.summary, &mut cut),
            summary_text: text(&entry.summary),
            content: self.html(&entry.content, &mut cut),
            content_text: text(&entry.content),
            // Atom lets an entry inherit its feed's author; elsewhere that is no worse a guess.
            author: author(&entry.author).or_else(|| self.author.clone()),
            categories: entry
                .categories
                .iter()
                .map(|category| short(category))
                .collect(),
            published_ts,
            published_supplied,
            updated_ts: entry.updated_ts.value,
            fetched_ts,
            enclosures: entry
                .enclosures
                .iter()
                .filter_map(|file| enclosure(file, address))
                .collect(),
            image: image(entry, address, &self.base),
            language: entry
                .language
                .as_deref()
                .map(short)
                .or_else(|| self.language.clone()),
            guid: entry.guid.as_deref().or(entry.about.as_deref()).map(short),
            dup_of: None,
            cut,
        }
    }

    fn html(&mut self, field: &Ranked<Text>, cut: &mut Vec<Cut>) -> Option<String> {
        let text = field.value.as_ref()?;
        let base = text.base.as_deref().unwrap_or(&self.base);
        let clean = self.sanitiser.clean(text, base, cut);
        (!clean.is_empty()).then_some(clean)
    }
}

/// The date of publication, or what stands in for it.
fn published(entry: &Entry, fetched_ts: i64) -> (i64, Option<Supplied>) {
    let possible = |ts: &i64| *ts <= fetched_ts.saturating_add(FUTURE_TOLERATED_SEC);
    if let Some(ts) = entry.published_ts.value.filter(possible) {
        return (ts, None);
    }
    match entry.updated_ts.value.filter(possible) {
        Some(ts) if entry.published_ts.value.is_none() => (ts, Some(Supplied::Updated)),
        _ => (fetched_ts, Some(Supplied::FetchTime)),
    }
}

fn text(field: &Ranked<Text>) -> Option<String> {
    let text = field.value.as_ref()?;
    let seen = sanitise::head(&text.raw).unwrap_or(&text.raw);
    let mut plain = String::new();
    if text.is_html {
        plain::html_to_text(seen, Tags::All, &mut plain);
    } else {
        plain::collapse(seen, &mut plain);
    }
    (!plain.is_empty()).then_some(plain)
}

fn plain_line(field: &Ranked<Text>) -> Option<String> {
    let mut plain = String::new();
    field.value.as_ref()?.to_plain(Tags::OfALine, &mut plain);
    let line = plain.replace('\n', " ");
    (!line.is_empty()).then(|| short(&line))
}

fn image(entry: &Entry, address: &str, content_base: &str) -> Option<String> {
    let named = entry
        .image
        .value
        .as_deref()
        .and_then(|image| resolve(image, address));
    let enclosed = || {
        let is_image = |file: &&RawEnclosure| {
            file.media_type
                .as_deref()
                .is_some_and(|kind| kind.starts_with("image/"))
        };
        resolve(&entry.enclosures.iter().find(is_image)?.url, address)
    };
    let shown = || {
        let fields = [&entry.content.value, &entry.summary.value];
        fields
            .into_iter()
            .flatten()
            .filter(|text| text.is_html)
            .find_map(|text| {
                let base = text.base.as_deref().unwrap_or(content_base);
                resolve(&read(plain::first_image(&text.raw)?), base)
            })
    };
    named.or_else(enclosed).or_else(shown)
}

/// An attribute's value with its references read.
fn read(raw: &str) -> String {
    let mut value = String::new();
    plain::html_to_text(raw, Tags::OfALine, &mut value);
    value
}

fn resolve(link: &str, base: &str) -> Option<String> {
    url::resolve(&url::unescaped(link), Some(base)).map(Cow::into_owned)
}

fn enclosure(file: &RawEnclosure, address: &str) -> Option<Enclosure> {
    Some(Enclosure {
        url: resolve(&file.url, address)?,
        media_type: file.media_type.as_deref().map(short),
        length: file
            .length
            .as_deref()
            .and_then(|length| length.trim().parse().ok()),
    })
}

/// `Name`, `address`, `Name (address)`, `address (Name)` or `Name <address>`.
fn author(person: &Ranked<Person>) -> Option<Author> {
    let keep = |part: &str| {
        let part = part.trim();
        (!part.is_empty()).then(|| short(part))
    };
    match person.value.as_ref()? {
        Person::Parts { name, email } => Some(Author {
            name: name.as_deref().and_then(keep),
            email: email
                .as_deref()
                .map(|email| email.trim().trim_start_matches("mailto:"))
                .and_then(keep),
        }),
        Person::Text(text) => {
            let text = text.trim();
            let (open, close) = if text.ends_with(')') {
                ('(', ')')
            } else {
                ('<', '>')
            };
            let parts = text
                .strip_suffix(close)
                .and_then(|inside| inside.split_once(open));
            let (one, two) = parts.unwrap_or((text, ""));
            let (name, email) = match (is_address(one.trim()), is_address(two.trim())) {
                (true, _) => (two, one),
                (false, true) => (one, two),
                (false, false) => (text, ""),
            };
            Some(Author {
                name: keep(name),
                email: keep(email),
            })
        }
    }
}

fn is_address(text: &str) -> bool {
    let at = text.find('@');
    at.is_some_and(|at| at > 0 && at + 1 < text.len()) && !text.contains(char::is_whitespace)
}

fn short(text: &str) -> String {
    let mut end = text.len().min(LONGEST_PLAIN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_told_from_an_address() {
        let read = |text: &'static str| {
            let mut person = Ranked::default();
            person.offer(0, Some(Person::Text(Cow::Borrowed(text))));
            let author = author(&person).expect("an author");
            (
                author.name.unwrap_or_default(),
                author.email.unwrap_or_default(),
            )
        };
        let both = ("Ann".to_string(), "a@x.org".to_string());
        assert_eq!(read("Ann (a@x.org)"), both);
        assert_eq!(read("a@x.org (Ann)"), both);
        assert_eq!(read("Ann <a@x.org>"), both);
        assert_eq!(read("a@x.org"), (String::new(), "a@x.org".to_string()));
        assert_eq!(
            read("Ann (editor)"),
            ("Ann (editor)".to_string(), String::new())
        );
    }

    #[test]
    fn a_date_in_the_future_takes_the_fetch_time_and_says_so() {
        let mut entry = Entry::default();
        assert_eq!(published(&entry, 1_000), (1_000, Some(Supplied::FetchTime)));
        entry.updated_ts.offer(0, Some(900));
        assert_eq!(published(&entry, 1_000), (900, Some(Supplied::Updated)));
        entry.published_ts.offer(0, Some(5_000));
        assert_eq!(published(&entry, 1_000), (1_000, Some(Supplied::FetchTime)));
        assert_eq!(published(&entry, 5_000), (5_000, None));
    }
}
