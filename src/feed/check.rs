//! What `feed check` tells of a document: the feed, its items, every repair, every rule it breaks.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use crate::clock::Mono;
use crate::feed::document::{Context, Document, Entry, Format, Parsed, Refused, Repairs, url};
use crate::feed::identity::identify;
use crate::feed::item::{Feed, Item};
use crate::feed::normalise::Normaliser;

/// Most problems that are listed; beyond them there is one line that says how many more.
const PROBLEMS_MAX: usize = 200;

/// The report of a document that was understood.
#[derive(Debug, Serialize)]
pub struct Report {
    pub feed: Feed,
    pub items: Vec<Item>,
    pub repairs: Repairs,
    pub problems: Vec<Problem>,
}

/// A rule of the format that the document breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which item, from 1; absent when it concerns the feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<usize>,
    /// Its line in the document, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    pub words: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.item, self.line) {
            (Some(item), Some(line)) => write!(f, "item {item} (line {line}): {}", self.words),
            (Some(item), None) => write!(f, "item {item}: {}", self.words),
            _ => write!(f, "feed: {}", self.words),
        }
    }
}

impl Report {
    /// Nothing had to be mended.
    pub fn is_clean(&self) -> bool {
        self.repairs.is_empty()
    }
}

/// Reads a body as a poll would and reports on it. All items are finished, as if all were new.
pub fn check(
    body: &[u8],
    content_type: Option<&str>,
    context: Context,
    feed_id: &str,
    now_ts: i64,
    clock: fn() -> Mono,
) -> Result<Report, Refused> {
    let document = Document::decode(body, content_type);
    let parsed = document.parse(context)?;
    let identities = identify(feed_id, &parsed);
    let mut normaliser = Normaliser::new(&parsed, feed_id, clock);
    let feed = normaliser.feed();
    let items = parsed
        .entries
        .iter()
        .zip(&identities)
        .map(|(entry, id)| normaliser.item(entry, id, now_ts))
        .collect();
    let problems = problems(&parsed, document.text(), now_ts);
    Ok(Report {
        feed,
        items,
        repairs: parsed.repairs.clone(),
        problems,
    })
}

/// Every rule that the document breaks, in words.
fn problems(parsed: &Parsed, text: &str, now_ts: i64) -> Vec<Problem> {
    let mut list = List {
        problems: Vec::new(),
        more: 0,
        lines: Lines {
            text,
            offset: 0,
            line: 1,
        },
    };
    for words in of_feed(parsed) {
        list.add(None, words.to_string());
    }
    let mut guids: HashMap<&str, usize> = HashMap::new();
    for (at, entry) in parsed.entries.iter().enumerate() {
        let place = Some((at + 1, entry.offset));
        for words in of_entry(entry, parsed, now_ts) {
            list.add(place, words);
        }
        if let Some(guid) = entry.guid.as_deref()
            && let Some(first) = guids.insert(guid, at + 1)
        {
            list.add(
                place,
                format!("has the same guid as item {first}, so it identifies neither"),
            );
        }
    }
    if list.more > 0 {
        let words = format!("and {} more problems", list.more);
        list.problems.push(Problem {
            item: None,
            line: None,
            words,
        });
    }
    list.problems
}

fn of_feed(parsed: &Parsed) -> Vec<&'static str> {
    let channel = &parsed.channel;
    let is_atom = matches!(channel.format, Format::Atom(_));
    let is_json = matches!(channel.format, Format::Json(_));
    let mut words = Vec::new();
    let mut check = |broken: bool, rule| words.extend(broken.then_some(rule));
    check(channel.title.value.is_none(), "has no title");
    check(
        channel.link.value.is_none() && !is_json,
        "has no link to its site",
    );
    check(
        channel.description.value.is_none() && !is_atom && !is_json,
        "has no description",
    );
    check(
        is_atom && channel.updated_ts.value.is_none(),
        "has no date of its last update",
    );
    check(channel.bad_date, "has a date that is none");
    check(parsed.entries.is_empty(), "has no items");
    check(parsed.over_limit, "lists more items than are read");
    words
}

fn of_entry(entry: &Entry, parsed: &Parsed, now_ts: i64) -> Vec<String> {
    let is_atom = matches!(parsed.channel.format, Format::Atom(_));
    let is_json = matches!(parsed.channel.format, Format::Json(_));
    let mut words = Vec::new();
    let mut check = |broken: bool, rule: &str| words.extend(broken.then(|| rule.to_string()));
    let has_text = entry.summary.value.is_some() || entry.content.value.is_some();
    check(
        entry.title.value.is_none() && !has_text,
        "has neither title nor text",
    );
    check(is_atom && entry.title.value.is_none(), "has no title");
    match (&entry.guid, &entry.link.value) {
        (None, None) => check(
            true,
            "has neither guid nor link: its text is its identity, so an edit makes it new",
        ),
        (None, Some(_)) => check(is_atom || is_json, "has no id"),
        _ => {}
    }
    check(entry.bad_date, "has a date that is none");
    match entry.dated_ts() {
        None => check(!entry.bad_date && !is_json, "has no date"),
        Some(ts) => check(ts > now_ts + 86_400, "is dated in the future"),
    }
    if let Some(link) = entry.link.value.as_deref()
        && !url::is_http(link)
    {
        let base = entry.base.as_deref().unwrap_or(&parsed.url);
        let resolved = url::resolve(link, Some(base)).is_some();
        check(
            true,
            if resolved {
                "has a relative link"
            } else {
                "has a link that is no http URL"
            },
        );
    }
    for file in &entry.enclosures {
        check(file.media_type.is_none(), "has an enclosure without a type");
        let length = file
            .length
            .as_deref()
            .map(|length| length.trim().parse::<u64>());
        check(
            matches!(length, Some(Err(_))),
            "has an enclosure whose length is no number",
        );
    }
    words
}

/// A list with a limit.
struct List<'t> {
    problems: Vec<Problem>,
    more: usize,
    lines: Lines<'t>,
}

impl List<'_> {
    fn add(&mut self, place: Option<(usize, usize)>, words: String) {
        if self.problems.len() >= PROBLEMS_MAX {
            self.more += 1;
            return;
        }
        let line = place.map(|(_, offset)| self.lines.line_of(offset));
        self.problems.push(Problem {
            item: place.map(|(item, _)| item),
            line,
            words,
        });
    }
}

/// Counts lines once, for offsets that only grow.
struct Lines<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
}

impl Lines<'_> {
    fn line_of(&mut self, offset: usize) -> usize {
        if let Some(between) = self.text.as_bytes().get(self.offset..offset) {
            self.line += memchr::memchr_iter(b'\n', between).count();
            self.offset = offset;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(body: &str) -> Report {
        let context = Context {
            url: "http://feed.example/",
            max_items: 100,
        };
        check(
            body.as_bytes(),
            None,
            context,
            "f",
            1_000_000_000,
            Mono::default,
        )
        .expect("a feed")
    }

    #[test]
    fn a_good_feed_has_nothing_to_say() {
        let report = report(
            "<rss version='2.0'><channel><title>t</title><link>http://x/</link><description>d</description>\
             <item><title>i</title><guid>http://x/1</guid><pubDate>1 Jan 2000</pubDate></item></channel></rss>",
        );
        assert!(report.is_clean(), "{:?}", report.repairs);
        assert_eq!(report.problems, []);
    }

    #[test]
    fn every_broken_rule_is_told_in_words() {
        let report = report(
            "<rss version='2.0'><channel><title>t & u</title>\n\
             <item><guid>a</guid><pubDate>soon</pubDate></item>\n<item><guid>a</guid><link>/x</link></item></channel></rss>",
        );
        let words: Vec<String> = report
            .problems
            .iter()
            .map(|problem| problem.to_string())
            .collect();
        assert_eq!(
            words,
            [
                "feed: has no link to its site",
                "feed: has no description",
                "item 1 (line 2): has neither title nor text",
                "item 1 (line 2): has a date that is none",
                "item 2 (line 3): has neither title nor text",
                "item 2 (line 3): has no date",
                "item 2 (line 3): has a relative link",
                "item 2 (line 3): has the same guid as item 1, so it identifies neither",
            ]
        );
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["repairs"][0]["repair"], "bare_ampersand");
        assert_eq!(json["items"][1]["url"], "http://feed.example/x");
    }
}
