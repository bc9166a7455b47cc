//! The analysis of one item as it is stored, said and printed; pure.
//!
//! - [`Record`] is all of it: what the item was, what was found, what led there.
//! - `fields`: the hash `rss:analysis:<uid>`, and back. Every field is written each time, empty where there is nothing,
//!   so that nothing of an older analysis stays.
//! - `json`: one line of JSON with the same names, and the message on `sse:vexy-message`; `writer` writes its words.

mod fields;
mod json;
#[cfg(test)]
mod tests;
mod writer;

use std::borrow::Cow;

use compact_str::CompactString;
use serde::Deserialize;

use super::local::{Article, Event, Findings, Label, METHOD, Place, Reason, Ticker};

pub use fields::FIELDS;
pub use json::{message_begin, one_line};

/// What was found in one item, and what led there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub uid: String,
    /// How often the item had been written when it was read, from 1.
    pub rev: u64,
    /// What its text is told from others by.
    pub text_hash: String,
    pub feed: CompactString,
    pub category: CompactString,
    pub title: String,
    pub url: String,
    /// Seconds since 1970; 0 when nobody knows.
    pub published_ts: i64,
    /// Seconds since 1970.
    pub analysed_ts: i64,
    pub language: CompactString,
    pub language_by: CompactString,
    pub summary: String,
    /// -1 (bad) to 1 (good).
    pub sentiment: f64,
    pub label: Label,
    pub event: Option<Event>,
    /// All events, the best first.
    pub events: Vec<Event>,
    pub tickers: Vec<FoundTicker>,
    /// Companies, as the list of companies names them.
    pub names: Vec<CompactString>,
    /// The uid of the oldest item that says the same: its own when there is none.
    pub cluster: String,
    /// `text`, `link` or `self`.
    pub cluster_by: CompactString,
    /// 0 to 100.
    pub salience: u8,
    pub why: Vec<Why>,
    /// A model's; the rules have none.
    pub takeaways: Vec<String>,
    /// A model's, from 0 to 1.
    pub confidence: Option<f64>,
    pub source: Source,
    /// The version of the rules (`local/1`); beside a model's result too, so that newer rules are told from it.
    pub method: CompactString,
    /// The model's name; empty when the rules found this.
    pub model: CompactString,
    pub model_state: ModelState,
    /// Why the model's state is what it is.
    pub because: String,
    /// What the rules found, as JSON, beside what a model found; else empty.
    pub local: String,
    /// What the tickers cost, as JSON; empty when nobody knows.
    pub market: String,
}

/// Who found it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Local,
    Model,
}

/// How the item stands with the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelState {
    /// No model is configured, or it is not worth asking.
    #[default]
    None,
    Queued,
    Done,
    /// There was no room for it, or no money.
    Skipped,
    Failed,
    /// Another item of its cluster was asked about.
    As,
}

/// A company's sign on an exchange, and what led to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FoundTicker {
    pub symbol: CompactString,
    pub rule: Cow<'static, str>,
}

/// One word or rule that weighed; see [`Reason`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Why {
    pub part: Cow<'static, str>,
    pub rule: Cow<'static, str>,
    pub words: CompactString,
    pub weight: f64,
    #[serde(deserialize_with = "json::place::deserialize")]
    pub place: Place,
}

impl Why {
    /// Whether it led to what a model's answer takes the place of.
    pub fn is_of_result(&self) -> bool {
        matches!(&*self.part, "sentiment" | "event" | "ticker")
    }
}

/// What an analysis is, for who follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first of its item.
    New,
    /// The item's text has changed, or the rules have, or somebody asked for it.
    Changed,
    /// A model's answer took the place of what the rules found.
    Model,
}

impl Record {
    /// What the rules found in an article. Who it is, its text's hash, cluster and salience are the caller's to fill in.
    pub fn new(article: &Article<'_>, findings: Findings, analysed_ts: i64) -> Record {
        let mut names: Vec<CompactString> = Vec::with_capacity(findings.tickers.len());
        for name in findings.tickers.iter().filter_map(|t| t.name.as_ref()) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Record {
            feed: article.feed.into(),
            category: article.category.into(),
            title: article.title.to_owned(),
            url: article.url.to_owned(),
            published_ts: article.published_ts,
            analysed_ts,
            language: findings.language.into(),
            language_by: findings.language_by.into(),
            summary: findings.summary,
            sentiment: findings.sentiment,
            label: findings.label,
            event: findings.event,
            events: findings.events,
            tickers: findings
                .tickers
                .into_iter()
                .map(FoundTicker::from)
                .collect(),
            names,
            why: findings.why.into_iter().map(Why::from).collect(),
            method: METHOD.into(),
            ..Record::default()
        }
    }

    /// The two words that weighed most for the sentiment; where there is none, for the event.
    pub fn strongest(&self) -> Vec<&str> {
        for part in ["sentiment", "event"] {
            let mut words: Vec<&str> = Vec::with_capacity(2);
            while words.len() < 2
                && let Some(next) = self.strongest_but(part, &words)
            {
                words.push(next);
            }
            if !words.is_empty() {
                return words;
            }
        }
        Vec::new()
    }

    /// The words that weighed most for a part, but these; the first of equal ones.
    fn strongest_but(&self, part: &str, but: &[&str]) -> Option<&str> {
        let mut best: Option<&Why> = None;
        for why in self.why.iter().filter(|why| why.part == part) {
            let is_more = |best: &Why| why.weight.abs() > best.weight.abs();
            if !why.words.is_empty()
                && !but.contains(&why.words.as_str())
                && best.is_none_or(is_more)
            {
                best = Some(why);
            }
        }
        best.map(|why| why.words.as_str())
    }
}

impl From<Ticker> for FoundTicker {
    fn from(ticker: Ticker) -> FoundTicker {
        FoundTicker {
            symbol: ticker.symbol,
            rule: Cow::Borrowed(ticker.rule),
        }
    }
}

impl From<Reason> for Why {
    fn from(reason: Reason) -> Why {
        Why {
            part: Cow::Borrowed(reason.part),
            rule: Cow::Borrowed(reason.rule),
            words: reason.words,
            // Thousandths are enough to add up by.
            weight: (reason.weight * 1000.0).round() / 1000.0,
            place: reason.place,
        }
    }
}

impl Source {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Local => "local",
            Source::Model => "model",
        }
    }
}

impl ModelState {
    const ALL: [ModelState; 6] = [
        ModelState::None,
        ModelState::Queued,
        ModelState::Done,
        ModelState::Skipped,
        ModelState::Failed,
        ModelState::As,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ModelState::None => "none",
            ModelState::Queued => "queued",
            ModelState::Done => "done",
            ModelState::Skipped => "skipped",
            ModelState::Failed => "failed",
            ModelState::As => "as",
        }
    }

    fn read(word: &str) -> Option<ModelState> {
        ModelState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

impl Kind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::New => "analysis",
            Kind::Changed => "analysis_changed",
            Kind::Model => "analysis_model",
        }
    }
}
