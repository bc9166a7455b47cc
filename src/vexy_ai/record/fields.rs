//! The hash of one analysis, and back.

use std::collections::HashMap;
use std::ops::Deref;

use compact_str::{CompactString, ToCompactString, format_compact};
use serde::de::DeserializeOwned;

use super::json::{self, rounded};
use super::{ModelState, Record, Source};
use crate::vexy_ai::local::{Event, Label};

/// The fields of the hash, in their order.
pub const FIELDS: [&str; 31] = [
    "uid",
    "rev",
    "text_hash",
    "feed",
    "category",
    "title",
    "url",
    "published_ts",
    "analysed_ts",
    "language",
    "language_by",
    "summary",
    "sentiment",
    "sentiment_label",
    "event",
    "events",
    "tickers",
    "names",
    "cluster",
    "cluster_by",
    "salience",
    "why",
    "takeaways",
    "confidence",
    "source",
    "method",
    "model",
    "model_state",
    "because",
    "local",
    "market",
];

/// The value of a field, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// It is part of the record.
    Borrowed(&'a str),
    /// A number.
    Short(CompactString),
    /// A list, as JSON.
    Long(String),
}

impl Deref for FieldValue<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            FieldValue::Borrowed(text) => text,
            FieldValue::Short(text) => text,
            FieldValue::Long(text) => text,
        }
    }
}

impl Record {
    /// The values of [`FIELDS`], in their order; empty where there is nothing.
    pub fn values(&self) -> [FieldValue<'_>; FIELDS.len()] {
        let borrowed = FieldValue::Borrowed;
        let short = |number: &dyn ToCompactString| FieldValue::Short(number.to_compact_string());
        [
            borrowed(&self.uid),
            short(&self.rev),
            borrowed(&self.text_hash),
            borrowed(&self.feed),
            borrowed(&self.category),
            borrowed(&self.title),
            borrowed(&self.url),
            match self.published_ts {
                0 => borrowed(""),
                ts => short(&ts),
            },
            short(&self.analysed_ts),
            borrowed(&self.language),
            borrowed(&self.language_by),
            borrowed(&self.summary),
            decimal(self.sentiment),
            borrowed(self.label.as_str()),
            borrowed(self.event.map(Event::as_str).unwrap_or_default()),
            some(&self.events, json::events),
            some(&self.tickers, json::tickers),
            some(&self.names, json::texts),
            borrowed(&self.cluster),
            borrowed(&self.cluster_by),
            short(&self.salience),
            some(&self.why, json::whys),
            some(&self.takeaways, json::texts),
            self.confidence.map_or(borrowed(""), decimal),
            borrowed(self.source.as_str()),
            borrowed(&self.method),
            borrowed(&self.model),
            borrowed(self.model_state.as_str()),
            borrowed(&self.because),
            borrowed(&self.local),
            borrowed(&self.market),
        ]
    }

    /// The record that such a hash holds; `None` when it has no uid. A field that cannot be read counts as absent.
    pub fn from_hash(mut hash: HashMap<String, String>) -> Option<Record> {
        let mut text = |name: &str| hash.remove(name).unwrap_or_default();
        let uid = Some(text("uid")).filter(|uid| !uid.is_empty())?;
        let label = text("sentiment_label");
        let event = text("event");
        let events: Vec<String> = read_list(&text("events"));
        Some(Record {
            uid,
            rev: text("rev").parse().unwrap_or(1),
            text_hash: text("text_hash"),
            feed: text("feed").into(),
            category: text("category").into(),
            title: text("title"),
            url: text("url"),
            published_ts: text("published_ts").parse().unwrap_or(0),
            analysed_ts: text("analysed_ts").parse().unwrap_or(0),
            language: text("language").into(),
            language_by: text("language_by").into(),
            summary: text("summary"),
            sentiment: text("sentiment").parse().unwrap_or(0.0),
            label: read_label(&label),
            event: read_event(&event),
            events: events.iter().filter_map(|name| read_event(name)).collect(),
            tickers: read_list(&text("tickers")),
            names: read_list(&text("names")),
            cluster: text("cluster"),
            cluster_by: text("cluster_by").into(),
            salience: text("salience").parse().unwrap_or(0),
            why: read_list(&text("why")),
            takeaways: read_list(&text("takeaways")),
            confidence: text("confidence").parse().ok(),
            source: if text("source") == Source::Model.as_str() {
                Source::Model
            } else {
                Source::Local
            },
            method: text("method").into(),
            model: text("model").into(),
            model_state: ModelState::read(&text("model_state")).unwrap_or_default(),
            because: text("because"),
            local: text("local"),
            market: text("market"),
        })
    }
}

/// The event of this name.
pub fn read_event(name: &str) -> Option<Event> {
    Event::ALL.into_iter().find(|event| event.as_str() == name)
}

fn read_label(name: &str) -> Label {
    let all = [Label::Positive, Label::Neutral, Label::Negative];
    let found = all.into_iter().find(|label| label.as_str() == name);
    found.unwrap_or_default()
}

/// To four places, and without any where it is whole.
fn decimal<'a>(number: f64) -> FieldValue<'a> {
    FieldValue::Short(format_compact!("{}", rounded(number)))
}

/// A list as JSON; an empty one is nothing.
fn some<T>(list: &[T], json: fn(&[T]) -> String) -> FieldValue<'static> {
    match list {
        [] => FieldValue::Borrowed(""),
        list => FieldValue::Long(json(list)),
    }
}

fn read_list<T: DeserializeOwned>(text: &str) -> Vec<T> {
    serde_json::from_str(text).unwrap_or_default()
}
