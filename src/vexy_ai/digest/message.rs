//! A digest in words, and the message that carries it. Pure.

use serde_json::{Value as Json, json};

use super::markdown::{link, plain};
use super::schedule::Due;
use super::story::{Analysed, Story, Summary};
use crate::clock::rfc3339;
use crate::vexy_ai::market::Quote;

/// Bytes of a text; the stories that find no room are left out.
const TEXT_MAX_BYTES: usize = 16 * 1024;
/// Of a title, before it is written.
const TITLE_MAX_BYTES: usize = 200;
/// Of an event, a label or a symbol, likewise.
const WORD_MAX_BYTES: usize = 32;
/// Events that are counted by name.
const EVENTS_MAX: usize = 5;

/// Why a message is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// At a moment of the day.
    Epoch,
    /// Because something weighs enough.
    Event,
}

impl Kind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Epoch => "epoch",
            Kind::Event => "event",
        }
    }
}

/// A message that is ready to be said.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub kind: Kind,
    /// What is said once: an epoch, or a story.
    pub mark: String,
    /// The day it belongs to, in the zone of the digest.
    pub day: String,
    /// As it is published.
    pub json: String,
}

/// The digest of an epoch; `None` when nothing is new.
pub fn epoch(due: &Due, summary: &Summary, quotes: &[Quote], now_ts: i64) -> Option<Message> {
    if summary.stories == 0 {
        return None;
    }
    let (text, told) = text(due, summary, quotes);
    let top: Vec<&str> = summary.top[..told]
        .iter()
        .map(|s| s.best.cluster.as_str())
        .collect();
    let balance = (summary.balance() * 100.0).round() / 100.0;
    let meta = json!({
        "epoch": due.epoch,
        "epoch_name": due.name,
        "day": due.day,
        "at": rfc3339(due.at_ts),
        "from": rfc3339(due.from_ts),
        "items": summary.items,
        "stories": summary.stories,
        "positive": summary.positive,
        "negative": summary.negative,
        "balance": balance,
        "top": top,
    });
    let mark = format!("epoch:{}", due.name);
    Some(message(Kind::Epoch, mark, &due.day, &text, meta, now_ts))
}

/// One story, told when it comes.
pub fn event(day: &str, item: &Analysed, quotes: &[Quote], now_ts: i64) -> Message {
    let story = Story {
        best: item.clone(),
        items: 1,
    };
    let meta = json!({
        "epoch": Json::Null,
        "epoch_name": Json::Null,
        "day": day,
        "uid": item.uid,
        "cluster": item.cluster,
        "event": item.event,
        "salience": item.salience,
        "tickers": item.tickers,
    });
    let mark = format!("event:{}", item.cluster);
    message(Kind::Event, mark, day, &line(&story, quotes), meta, now_ts)
}

fn message(kind: Kind, mark: String, day: &str, text: &str, meta: Json, now_ts: i64) -> Message {
    let json = json!({
        "kind": kind.as_str(),
        "text": text,
        "meta": meta,
        "ts": rfc3339(now_ts),
        "voice": "anchor",
    });
    Message {
        kind,
        mark,
        day: day.to_owned(),
        json: json.to_string(),
    }
}

/// The text, and how many of the top stories are in it.
fn text(due: &Due, summary: &Summary, quotes: &[Quote]) -> (String, usize) {
    let Summary {
        items,
        stories,
        positive,
        negative,
        ..
    } = *summary;
    let neutral = stories - positive - negative;
    let balance = summary.balance();
    let mut text = format!(
        "**{}**: {} since {} ({}), {positive} positive, {neutral} neutral, {negative} negative; balance {balance:+.2}.",
        plain(&due.name, WORD_MAX_BYTES * 2),
        counted(stories, "new story", "new stories"),
        plain(&due.since, WORD_MAX_BYTES),
        counted(items, "item", "items"),
    );
    let mut told = 0;
    for story in &summary.top {
        let line = line(story, quotes);
        if text.len() + line.len() > TEXT_MAX_BYTES {
            break;
        }
        let gap = if told == 0 { "\n\n" } else { "\n" };
        told += 1;
        text += &format!("{gap}{told}. {line}");
    }
    let events = summary.events.iter().take(EVENTS_MAX);
    let events: Vec<String> = events
        .map(|(event, n)| format!("{} {n}", words(event)))
        .collect();
    if !events.is_empty() {
        text += &format!("\n\nEvents: {}.", events.join(", "));
    }
    (text, told)
}

/// `[Title](address) (earnings, positive, 3 items; NVDA 127.31 +1.20 %)`
fn line(story: &Story, quotes: &[Quote]) -> String {
    let best = &story.best;
    let title = if best.title.is_empty() {
        "(no title)"
    } else {
        &best.title
    };
    let mut about: Vec<String> = [&best.event, &best.label]
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(|word| words(word))
        .collect();
    if story.items > 1 {
        about.push(format!("{} items", story.items));
    }
    let tickers: Vec<String> = best
        .tickers
        .iter()
        .map(|symbol| price(symbol, quotes))
        .collect();
    let parts = [about.join(", "), tickers.join(", ")];
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    let title = link(title, TITLE_MAX_BYTES, &best.url);
    match parts.is_empty() {
        true => title,
        false => format!("{title} ({})", parts.join("; ")),
    }
}

/// A symbol, and its price while that is fresh: an old one would be taken for today's.
fn price(symbol: &str, quotes: &[Quote]) -> String {
    let name = plain(symbol, WORD_MAX_BYTES);
    let fresh = quotes
        .iter()
        .find(|quote| quote.symbol == symbol && !quote.is_stale);
    let Some(quote) = fresh else {
        return name;
    };
    let change = quote
        .change_pct
        .as_ref()
        .and_then(|text| text.parse::<f64>().ok());
    let change = change.map_or_else(String::new, |pct| format!(" {pct:+.2} %"));
    format!("{name} {}{change}", plain(&quote.price, WORD_MAX_BYTES))
}

/// A name on the wire as people read it.
fn words(name: &str) -> String {
    plain(&name.replace('_', " "), WORD_MAX_BYTES)
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(title: &str, tickers: &[&str]) -> Story {
        Story {
            best: Analysed {
                uid: "u1".into(),
                cluster: "u0".into(),
                title: title.into(),
                url: "https://x.example/1".into(),
                salience: 80,
                event: "m_and_a".into(),
                label: "positive".into(),
                tickers: tickers.iter().map(|t| (*t).to_owned()).collect(),
                ..Analysed::default()
            },
            items: 3,
        }
    }

    fn quote(symbol: &str, is_stale: bool) -> Quote {
        Quote {
            symbol: symbol.into(),
            price: "127.310".into(),
            change: None,
            change_pct: Some("1.204".into()),
            event_ms: None,
            is_stale,
        }
    }

    fn due() -> Due {
        Due {
            day: "2026-11-24".into(),
            epoch: 1,
            name: "market <open>".into(),
            at_ts: 1_795_528_800,
            from_ts: 1_795_500_000,
            since: "Mon 16:00".into(),
        }
    }

    fn summary(top: Vec<Story>) -> Summary {
        Summary {
            items: 124,
            stories: 38,
            positive: 12,
            negative: 6,
            events: vec![("m_and_a".into(), 12), ("earnings".into(), 4)],
            top,
        }
    }

    #[test]
    fn a_digest_says_counts_balance_stories_and_fresh_prices() {
        let top = vec![story("Buys & <sells>", &["NVDA", "OLD"]), story("", &[])];
        let quotes = [quote("NVDA", false), quote("OLD", true)];
        let message = epoch(&due(), &summary(top), &quotes, 1_795_528_801).expect("news");
        let json: Json = serde_json::from_str(&message.json).expect("JSON");
        assert_eq!(
            json["text"],
            "**market &#60;open&#62;**: 38 new stories since Mon 16&#58;00 (124 items), 12 positive, 20 neutral, \
             6 negative; balance +0.16.\n\n\
             1. [Buys &#38; &#60;sells&#62;](https://x.example/1) (m and a, positive, 3 items; NVDA 127.310 +1.20 %, OLD)\n\
             2. [&#40;no title&#41;](https://x.example/1) (m and a, positive, 3 items)\n\n\
             Events: m and a 12, earnings 4."
        );
        assert_eq!(
            (&json["kind"], &json["voice"], &json["ts"]),
            (
                &json!("epoch"),
                &json!("anchor"),
                &json!("2026-11-24T14:00:01Z")
            )
        );
        let meta = &json["meta"];
        assert_eq!(
            (&meta["epoch"], &meta["epoch_name"]),
            (&json!(1), &json!("market <open>"))
        );
        assert_eq!(
            (&meta["top"], &meta["balance"]),
            (&json!(["u0", "u0"]), &json!(0.16))
        );
        assert_eq!(
            (message.mark.as_str(), message.day.as_str()),
            ("epoch:market <open>", "2026-11-24")
        );
    }

    #[test]
    fn nothing_new_is_nothing_to_say() {
        assert_eq!(epoch(&due(), &Summary::default(), &[], 5), None);
        let old = Summary {
            items: 3,
            ..Summary::default()
        };
        assert_eq!(epoch(&due(), &old, &[], 5), None);
    }

    #[test]
    fn a_text_is_bounded_and_names_in_meta_what_is_in_it() {
        let hard = "<".repeat(200);
        let mut long = story(&hard, &[]);
        long.best.url = format!("https://x.example/{}", "a".repeat(900));
        let message = epoch(&due(), &summary(vec![long; 20]), &[], 5).expect("news");
        let json: Json = serde_json::from_str(&message.json).expect("JSON");
        let text = json["text"].as_str().expect("text");
        assert!(text.len() < TEXT_MAX_BYTES + 200, "{}", text.len());
        let told = json["meta"]["top"].as_array().expect("a list").len();
        assert_eq!(text.matches("](https").count(), told);
        assert!((2..20).contains(&told), "{told}");
    }

    #[test]
    fn an_event_is_one_line_about_one_story() {
        let message = event(
            "2026-11-24",
            &story("Up", &["NVDA"]).best,
            &[quote("NVDA", false)],
            5,
        );
        let json: Json = serde_json::from_str(&message.json).expect("JSON");
        assert_eq!(
            json["text"],
            "[Up](https://x.example/1) (m and a, positive; NVDA 127.310 +1.20 %)"
        );
        assert_eq!(
            (&json["kind"], &json["meta"]["salience"]),
            (&json!("event"), &json!(80))
        );
        assert_eq!(message.mark, "event:u0");
    }
}
