//! A record as one line of JSON, and as a message of bounded length.

use serde_json::value::RawValue;

use super::writer::{Writer, is_escaped, push_list, push_number, push_text, push_whole};
use super::{FoundTicker, Kind, Record, Why};
use crate::contract::analysis::MESSAGE_MAX;
use crate::vexy_ai::local::{Event, Place};

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

/// The fields of a message and of the hash take about so many bytes beside their texts.
const NAMES_BYTES: usize = 640;
/// An element of another list takes about so many bytes.
const ELEMENT_BYTES: usize = 48;
/// A reason takes about so many bytes.
const WHY_BYTES: usize = 112;

impl Record {
    /// One line of JSON under the names of the hash. It holds no character that anybody takes for the end of a line.
    pub fn json_line(&self) -> String {
        let texts = self.title.len() + self.summary.len() + self.url.len();
        let mut line = Writer::with_room(NAMES_BYTES + texts + WHY_BYTES * self.why.len());
        line.text("uid", &self.uid);
        line.whole("rev", self.rev);
        line.text("text_hash", &self.text_hash);
        line.text("feed", &self.feed);
        line.text("category", &self.category);
        line.text("title", &self.title);
        line.text("url", &self.url);
        line.seconds("published_ts", self.published_ts);
        line.seconds("analysed_ts", self.analysed_ts);
        line.text("language", &self.language);
        line.text("language_by", &self.language_by);
        self.result(&mut line);
        line.list("names", &self.names, |out, name| push_text(out, name));
        line.text("cluster", &self.cluster);
        line.text("cluster_by", &self.cluster_by);
        line.whole("salience", self.salience.into());
        line.list("why", &self.why, push_why);
        line.list("takeaways", &self.takeaways, |out, text| {
            push_text(out, text);
        });
        match self.confidence {
            Some(confidence) => line.number("confidence", rounded(confidence)),
            None => line.json("confidence", "null"),
        }
        line.text("source", self.source.as_str());
        line.text("method", &self.method);
        line.text("model", &self.model);
        line.text("model_state", self.model_state.as_str());
        line.text("because", &self.because);
        line.json("local", json_or_null(&self.local));
        line.json("market", json_or_null(&self.market));
        one_line(line.end())
    }

    /// What the rules found, as JSON: what [`local`](Record::local) holds beside a model's result.
    pub fn local_json(&self) -> String {
        let mut local = Writer::with_room(self.summary.len() + WHY_BYTES * (2 + self.why.len()));
        self.result(&mut local);
        local.text("method", &self.method);
        let whys = self.why.iter().filter(|why| why.is_of_result());
        local.list("why", whys, push_why);
        local.end()
    }

    /// What a model's answer takes the place of, but for the reasons.
    fn result(&self, object: &mut Writer) {
        object.text("summary", &self.summary);
        object.number("sentiment", rounded(self.sentiment));
        object.text("sentiment_label", self.label.as_str());
        object.some_text("event", self.event.map(Event::as_str));
        object.list("events", &self.events, push_event);
        object.list("tickers", &self.tickers, push_ticker);
    }

    /// The message on `sse:vexy-message` of this kind. It [begins](message_begin) with what may be another when the commit script
    /// has looked.
    pub fn message(&self, kind: Kind) -> String {
        let url = Some(self.url.as_str()).filter(|url| cut_json(url, URL_BYTES).len() == url.len());
        let tickers = self.tickers.iter().take(TICKERS_MAX);
        let texts = self.title.len() + self.summary.len() + self.url.len();
        let mut rest = Writer::with_room(NAMES_BYTES + texts.min(MESSAGE_MAX));
        rest.text("kind", kind.as_str());
        rest.text("model_state", self.model_state.as_str());
        rest.text("uid", cut_json(&self.uid, ID_BYTES));
        rest.whole("rev", self.rev);
        rest.text("feed", cut_json(&self.feed, NAME_BYTES));
        rest.text("category", cut_json(&self.category, NAME_BYTES));
        rest.text("title", cut_json(&self.title, TITLE_BYTES));
        // A part of an address leads elsewhere.
        rest.text("url", url.unwrap_or_default());
        rest.seconds("published_ts", self.published_ts);
        rest.seconds("analysed_ts", self.analysed_ts);
        rest.text("language", cut_json(&self.language, TICKER_BYTES));
        rest.text("summary", cut_json(&self.summary, SUMMARY_BYTES));
        rest.number("sentiment", rounded(self.sentiment));
        rest.text("sentiment_label", self.label.as_str());
        rest.some_text("event", self.event.map(Event::as_str));
        rest.list("tickers", tickers, |out, ticker| {
            push_text(out, cut_json(&ticker.symbol, TICKER_BYTES));
        });
        rest.list("words", self.strongest(), |out, word| {
            push_text(out, cut_json(word, WORDS_BYTES));
        });
        rest.text("cluster", cut_json(&self.cluster, ID_BYTES));
        rest.whole("salience", self.salience.into());
        rest.text("source", self.source.as_str());
        let text = rest.end();
        debug_assert!(text.len() <= MESSAGE_MAX, "{} bytes", text.len());
        debug_assert!(text.starts_with(&message_begin(kind.as_str(), self.model_state.as_str())));
        text
    }
}

/// What a message begins with. The commit script makes it likewise: only there it is known whether an analysis is the first of
/// its item, and whether there is room for it before the model.
pub fn message_begin(kind: &str, state: &str) -> String {
    format!(r#"{{"kind":"{kind}","model_state":"{state}","#)
}

/// The reasons, as the hash has them.
pub(super) fn whys(whys: &[Why]) -> String {
    let mut out = String::with_capacity(WHY_BYTES * whys.len());
    push_list(&mut out, whys, push_why);
    out
}

/// The tickers, as the hash has them.
pub(super) fn tickers(tickers: &[FoundTicker]) -> String {
    let mut out = String::with_capacity(ELEMENT_BYTES * tickers.len());
    push_list(&mut out, tickers, push_ticker);
    out
}

/// The events, as the hash has them.
pub(super) fn events(events: &[Event]) -> String {
    let mut out = String::with_capacity(ELEMENT_BYTES * events.len());
    push_list(&mut out, events, push_event);
    out
}

/// Texts, as the hash has them.
pub(super) fn texts<T: AsRef<str>>(texts: &[T]) -> String {
    let mut out = String::with_capacity(ELEMENT_BYTES * texts.len());
    push_list(&mut out, texts, |out, text| push_text(out, text.as_ref()));
    out
}

fn push_event(out: &mut String, event: &Event) {
    push_text(out, event.as_str());
}

fn push_ticker(out: &mut String, ticker: &FoundTicker) {
    out.push_str(r#"{"symbol":"#);
    push_text(out, &ticker.symbol);
    out.push_str(r#","rule":"#);
    push_text(out, &ticker.rule);
    out.push('}');
}

fn push_why(out: &mut String, why: &Why) {
    out.push_str(r#"{"part":"#);
    push_text(out, &why.part);
    out.push_str(r#","rule":"#);
    push_text(out, &why.rule);
    out.push_str(r#","words":"#);
    push_text(out, &why.words);
    out.push_str(r#","weight":"#);
    push_number(out, why.weight);
    out.push_str(r#","place":"#);
    match why.place {
        Place::Title => out.push_str("\"title\""),
        Place::Sentence(nth) => push_whole(out, nth.into()),
        Place::Outside => out.push_str("null"),
    }
    out.push('}');
}

/// JSON that somebody else wrote, if it is any.
fn json_or_null(text: &str) -> &str {
    let json = serde_json::from_str::<&RawValue>(text);
    json.map_or("null", RawValue::get)
}

/// To four places, and no negative zero: what a reader can tell apart.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4 + 0.0
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
    if text.len() <= max && !text.bytes().any(is_escaped) {
        return text;
    }
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

/// A place from JSON: `"title"`, the number of a sentence, or null.
pub(super) mod place {
    use serde::{Deserialize, Deserializer};
    use serde_json::Value;

    use crate::vexy_ai::local::Place;

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
