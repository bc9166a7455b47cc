//! A record as one line of JSON, and as a message of bounded length.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{FoundTicker, Kind, ModelState, Record, Why};
use crate::contract::analysis::MESSAGE_MAX;
use crate::vexy_ai::local::Event;

/// Bytes of JSON that a text may take in a message. Together with the names of the fields they stay below
/// [`MESSAGE_MAX`].
const ID_BYTES: usize = 64;
const NAME_BYTES: usize = 128;
const TITLE_BYTES: usize = 512;
const URL_BYTES: usize = 768;
const SUMMARY_BYTES: usize = 1_400;
const WORDS_BYTES: usize = 64;
/// Tickers in a message.
const TICKERS_MAX: usize = 10;
const TICKER_BYTES: usize = 16;

/// Everything, in the order and under the names of the hash.
#[derive(Serialize)]
struct Line<'a> {
    uid: &'a str,
    rev: u64,
    text_hash: &'a str,
    feed: &'a str,
    category: &'a str,
    title: &'a str,
    url: &'a str,
    published_ts: Option<i64>,
    analysed_ts: Option<i64>,
    language: &'a str,
    language_by: &'a str,
    summary: &'a str,
    sentiment: f64,
    sentiment_label: &'static str,
    event: Option<&'static str>,
    events: Vec<&'static str>,
    tickers: &'a [FoundTicker],
    names: &'a [String],
    cluster: &'a str,
    cluster_by: &'a str,
    salience: u8,
    why: &'a [Why],
    takeaways: &'a [String],
    confidence: Option<f64>,
    source: &'static str,
    method: &'a str,
    model: &'a str,
    model_state: &'static str,
    because: &'a str,
    local: Option<&'a RawValue>,
    market: Option<&'a RawValue>,
}

/// What the rules found, beside what a model found.
#[derive(Serialize)]
struct Local<'a> {
    summary: &'a str,
    sentiment: f64,
    sentiment_label: &'static str,
    event: Option<&'static str>,
    events: Vec<&'static str>,
    tickers: &'a [FoundTicker],
    method: &'a str,
    why: Vec<&'a Why>,
}

/// What a screen needs; kind and state come before it.
#[derive(Serialize)]
struct Message<'a> {
    uid: &'a str,
    rev: u64,
    feed: &'a str,
    category: &'a str,
    title: &'a str,
    url: &'a str,
    published_ts: Option<i64>,
    analysed_ts: i64,
    language: &'a str,
    summary: &'a str,
    sentiment: f64,
    sentiment_label: &'static str,
    event: Option<&'static str>,
    tickers: Vec<&'a str>,
    words: Vec<&'a str>,
    cluster: &'a str,
    salience: u8,
    source: &'static str,
}

impl Record {
    /// One line of JSON under the names of the hash. It holds no character that anybody takes for the end of a line.
    pub fn json_line(&self) -> String {
        let line = Line {
            uid: &self.uid,
            rev: self.rev,
            text_hash: &self.text_hash,
            feed: &self.feed,
            category: &self.category,
            title: &self.title,
            url: &self.url,
            published_ts: some_ts(self.published_ts),
            analysed_ts: some_ts(self.analysed_ts),
            language: &self.language,
            language_by: &self.language_by,
            summary: &self.summary,
            sentiment: rounded(self.sentiment),
            sentiment_label: self.label.as_str(),
            event: self.event.map(Event::as_str),
            events: self.events.iter().map(|event| event.as_str()).collect(),
            tickers: &self.tickers,
            names: &self.names,
            cluster: &self.cluster,
            cluster_by: &self.cluster_by,
            salience: self.salience,
            why: &self.why,
            takeaways: &self.takeaways,
            confidence: self.confidence.map(rounded),
            source: self.source.as_str(),
            method: &self.method,
            model: &self.model,
            model_state: self.model_state.as_str(),
            because: &self.because,
            local: serde_json::from_str(&self.local).ok(),
            market: serde_json::from_str(&self.market).ok(),
        };
        // Strings as keys and finite numbers only, so serialising cannot fail.
        one_line(serde_json::to_string(&line).unwrap_or_default())
    }

    /// What the rules found, as JSON: what [`local`](Record::local) holds beside a model's result.
    pub fn local_json(&self) -> String {
        let local = Local {
            summary: &self.summary,
            sentiment: rounded(self.sentiment),
            sentiment_label: self.label.as_str(),
            event: self.event.map(Event::as_str),
            events: self.events.iter().map(|event| event.as_str()).collect(),
            tickers: &self.tickers,
            method: &self.method,
            why: self.why.iter().filter(|why| why.is_of_result()).collect(),
        };
        serde_json::to_string(&local).unwrap_or_default()
    }

    /// The message on `sse:vexy-message` without its beginning, which says kind and state: see [`message`].
    pub fn message_rest(&self) -> String {
        let url = Some(self.url.as_str()).filter(|url| cut_json(url, URL_BYTES).len() == url.len());
        let tickers = self.tickers.iter().take(TICKERS_MAX);
        let words = self.strongest().into_iter();
        let message = Message {
            uid: cut_json(&self.uid, ID_BYTES),
            rev: self.rev,
            feed: cut_json(&self.feed, NAME_BYTES),
            category: cut_json(&self.category, NAME_BYTES),
            title: cut_json(&self.title, TITLE_BYTES),
            // A part of an address leads elsewhere.
            url: url.unwrap_or_default(),
            published_ts: some_ts(self.published_ts),
            analysed_ts: self.analysed_ts,
            language: cut_json(&self.language, TICKER_BYTES),
            summary: cut_json(&self.summary, SUMMARY_BYTES),
            sentiment: rounded(self.sentiment),
            sentiment_label: self.label.as_str(),
            event: self.event.map(Event::as_str),
            tickers: tickers.map(|t| cut_json(&t.symbol, TICKER_BYTES)).collect(),
            words: words.map(|w| cut_json(w, WORDS_BYTES)).collect(),
            cluster: cut_json(&self.cluster, ID_BYTES),
            salience: self.salience,
            source: self.source.as_str(),
        };
        let mut text = serde_json::to_string(&message).unwrap_or_default();
        text.remove(0);
        debug_assert!(
            self::message(Kind::Changed, ModelState::Skipped, &text).len() <= MESSAGE_MAX
        );
        text
    }
}

/// The message of this kind; `rest` comes from [`Record::message_rest`]. The commit script makes it likewise, since only
/// there kind and state are known.
pub fn message(kind: Kind, state: ModelState, rest: &str) -> String {
    let (kind, state) = (kind.as_str(), state.as_str());
    format!(r#"{{"kind":"{kind}","model_state":"{state}",{rest}"#)
}

/// To four places, and no negative zero: what a reader can tell apart.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4 + 0.0
}

fn some_ts(ts: i64) -> Option<i64> {
    Some(ts).filter(|ts| *ts != 0)
}

/// JSON without the line ends that JSON allows within strings, which is the only place where they can stand.
pub fn one_line(json: String) -> String {
    let ends = ['\u{85}', '\u{2028}', '\u{2029}'];
    if !json.contains(ends) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if ends.contains(&c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// The beginning of `text` that takes at most `max` bytes as a JSON string.
fn cut_json(text: &str, max: usize) -> &str {
    let mut bytes = 0;
    for (at, c) in text.char_indices() {
        bytes += match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            c if c < ' ' => 6,
            c => c.len_utf8(),
        };
        if bytes > max {
            return &text[..at];
        }
    }
    text
}

/// A place as JSON: `"title"`, the number of a sentence, or null.
pub(super) mod place {
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    use crate::vexy_ai::local::Place;

    pub fn serialize<S: Serializer>(place: &Place, s: S) -> Result<S::Ok, S::Error> {
        match place {
            Place::Title => s.serialize_str("title"),
            Place::Sentence(nth) => s.serialize_u16(*nth),
            Place::Outside => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Place, D::Error> {
        let value = Value::deserialize(d)?;
        let nth = value.as_u64().and_then(|nth| u16::try_from(nth).ok());
        Ok(match (value.as_str(), nth) {
            (Some("title"), _) => Place::Title,
            (_, Some(nth)) => Place::Sentence(nth),
            _ => Place::Outside,
        })
    }
}
