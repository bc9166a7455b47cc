//! What a model wrote, and whether it is taken for a result. Pure.
//!
//! A model reads text from outside and may do what that text tells it. So an answer is worth nothing by itself: it is
//! taken only when it has just the fields that were asked for, each within its range, and when its words, numbers and
//! tickers are those of the item. What is not taken is refused with the reason; nothing is ever mended.

mod grounded;
mod object;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::local::Event;
use crate::text::SafeText;
use grounded::Words;

pub use object::{is_object, object_in};

/// The longest summary, in characters.
pub const SUMMARY_MAX: usize = 600;
/// Most takeaways, and the longest of them, in characters.
pub const TAKEAWAYS_MAX: usize = 5;
pub const TAKEAWAY_MAX: usize = 240;
/// Most tickers, and the longest, in bytes.
pub const TICKERS_MAX: usize = 10;
pub const TICKER_MAX: usize = 12;

/// A result of a model that passed all checks.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Plain text of one line.
    pub summary: String,
    /// -1 (bad) to 1 (good).
    pub sentiment: f64,
    pub event: Event,
    pub tickers: Vec<String>,
    /// Plain text of one line each.
    pub takeaways: Vec<String>,
    /// 0 to 1, as the model says.
    pub confidence: f64,
}

/// What a model was shown, which its answer has to be about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// Title and text, as far as they were shown.
    pub title: &'a str,
    pub text: &'a str,
    /// The item's own; the only one that an answer may hold.
    pub url: &'a str,
    /// Tickers that the local rules found in the text, under a company's name perhaps.
    pub tickers: &'a [String],
    /// The marker around the text, which is nobody's to repeat.
    pub nonce: &'a str,
}

/// Why an answer is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no object in it.
    NoObject,
    /// Other fields than those asked for, or of other types.
    Fields(String),
    /// A field is out of its range, or too long, or empty.
    Range(&'static str),
    /// A field holds `<`, a control character, or one that nobody sees or that turns the direction of text.
    Characters(&'static str),
    /// It repeats the marker.
    Marker,
    /// A link that is not the item's.
    Link(&'static str),
    /// A number that the text does not have.
    Number(&'static str, String),
    /// A ticker that is not in the text.
    Ticker(String),
    /// More than half of the content words are not those of the text.
    Words(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoObject => f.write_str("there is no JSON object in the answer"),
            Refusal::Fields(why) => write!(f, "its fields are not those asked for: {why}"),
            Refusal::Range(field) => write!(f, "{field} is empty, too long or out of its range"),
            Refusal::Characters(field) => write!(f, "{field} holds characters that are not taken"),
            Refusal::Marker => f.write_str("it repeats the marker"),
            Refusal::Link(field) => write!(f, "{field} holds a link that is not the item's"),
            Refusal::Number(field, number) => {
                write!(f, "{field} holds {number}, which the text does not")
            }
            Refusal::Ticker(symbol) => write!(f, "the ticker {symbol} is not in the text"),
            Refusal::Words(field) => write!(f, "most words of {field} are not in the text"),
        }
    }
}

/// The answer as it is written.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    summary: String,
    sentiment: f64,
    event: String,
    tickers: Vec<String>,
    takeaways: Vec<String>,
    confidence: f64,
}

/// Reads the first object in `content` and checks it against what the model was shown.
///
/// # Errors
/// Why it is not taken.
pub fn read(content: &str, shown: &Shown<'_>) -> Result<Answer, Refusal> {
    let object = object_in(content).ok_or(Refusal::NoObject)?;
    let mut written: Written = serde_json::from_str(object)
        .map_err(|e| Refusal::Fields(SafeText::cut(&e.to_string(), 200).into()))?;
    for text in [&mut written.summary]
        .into_iter()
        .chain(&mut written.takeaways)
    {
        *text = text.trim().to_owned();
    }
    check(written, shown)
}

fn check(written: Written, shown: &Shown<'_>) -> Result<Answer, Refusal> {
    within("sentiment", written.sentiment, -1.0)?;
    within("confidence", written.confidence, 0.0)?;
    let known = Event::ALL.into_iter().find(|e| e.as_str() == written.event);
    let event = known.ok_or(Refusal::Range("event"))?;
    if written.takeaways.len() > TAKEAWAYS_MAX {
        return Err(Refusal::Range("takeaways"));
    }
    let words = Words::of(shown);
    plain("summary", &written.summary, SUMMARY_MAX, shown, &words)?;
    for takeaway in &written.takeaways {
        plain("takeaways", takeaway, TAKEAWAY_MAX, shown, &words)?;
    }
    let mut tickers: Vec<String> = Vec::new();
    for symbol in written.tickers {
        if !is_ticker(&symbol) {
            return Err(Refusal::Range("tickers"));
        }
        if !shown.tickers.contains(&symbol) && !words.has_ticker(&symbol) {
            return Err(Refusal::Ticker(symbol));
        }
        if !tickers.contains(&symbol) {
            tickers.push(symbol);
        }
    }
    if tickers.len() > TICKERS_MAX {
        return Err(Refusal::Range("tickers"));
    }
    Ok(Answer {
        summary: written.summary,
        sentiment: written.sentiment,
        event,
        tickers,
        takeaways: written.takeaways,
        confidence: written.confidence,
    })
}

fn within(field: &'static str, value: f64, min: f64) -> Result<(), Refusal> {
    match (min..=1.0).contains(&value) {
        true => Ok(()),
        false => Err(Refusal::Range(field)),
    }
}

/// One line of plain text that says what the item says.
fn plain(
    field: &'static str,
    text: &str,
    max_chars: usize,
    shown: &Shown<'_>,
    words: &Words,
) -> Result<(), Refusal> {
    if text.is_empty() || text.chars().count() > max_chars {
        return Err(Refusal::Range(field));
    }
    if text.contains('<') || SafeText::cut(text, text.len()) != *text {
        return Err(Refusal::Characters(field));
    }
    if !shown.nonce.is_empty() && text.contains(shown.nonce) {
        return Err(Refusal::Marker);
    }
    if !words.links_are_known(text, shown.url) {
        return Err(Refusal::Link(field));
    }
    if let Some(number) = words.unknown_number(text) {
        return Err(Refusal::Number(field, SafeText::cut(&number, 40).into()));
    }
    match words.has_half_of(text) {
        true => Ok(()),
        false => Err(Refusal::Words(field)),
    }
}

/// `AAPL`, `BRK.B`, `VOD.L`, `BTC-USD`, `7203.T`.
fn is_ticker(symbol: &str) -> bool {
    let is_char = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = symbol.as_bytes();
    (1..=TICKER_MAX).contains(&bytes.len())
        && bytes.iter().copied().all(is_char)
        && edge(bytes.first())
        && edge(bytes.last())
}

impl Answer {
    /// As a model would have written it, to be kept and read again by [`read`].
    pub fn to_json(&self) -> String {
        let written = Written {
            summary: self.summary.clone(),
            sentiment: self.sentiment,
            event: self.event.as_str().to_owned(),
            tickers: self.tickers.clone(),
            takeaways: self.takeaways.clone(),
            confidence: self.confidence,
        };
        // Strings and finite numbers: there is nothing in it that JSON cannot say.
        serde_json::to_string(&written).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
