//! The newest items with what was found in them, and the newest that were given up.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use crate::bus::{BusError, Commands, stream};
use crate::contract::analysis::{DEAD, INDEX, analysis_key};
use crate::reports::line;
use crate::reports::masked::masked;
use crate::text::SafeText;
use crate::vexy_ai::record::{Record, Source};

/// Items that are read, the newest by their publication.
const ITEMS_MAX: usize = 50;
/// Letters that are read.
const LETTERS_MAX: usize = 50;

/// What was found of late.
#[derive(Clone, Debug, Default)]
pub struct Items {
    /// The newest first.
    pub items: Vec<Record>,
    /// The newest first.
    pub letters: Vec<Letter>,
}

/// An entry that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub id: String,
    pub at_ts: i64,
    pub uid: SafeText,
    pub title: SafeText,
    pub reason: SafeText,
}

impl Items {
    /// Reads them.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn read(store: &mut Commands) -> Result<Items, BusError> {
        let mut ask = redis::cmd("ZREVRANGE");
        ask.arg(INDEX).arg(0).arg(ITEMS_MAX - 1);
        let uids: Vec<String> = store.query(&ask)?;
        let mut ask = redis::pipe();
        for uid in &uids {
            ask.cmd("HGETALL").arg(analysis_key(uid));
        }
        let found: Vec<HashMap<String, String>> = match uids.is_empty() {
            true => Vec::new(),
            false => store.pipe(&ask)?,
        };
        let letters = stream::newest(store, DEAD, LETTERS_MAX)?;
        Ok(Items {
            items: found
                .into_iter()
                .filter_map(Record::from_hash)
                .map(safe)
                .collect(),
            letters: letters.iter().map(Letter::of).collect(),
        })
    }

    /// The members that they add to what is said of the work.
    pub fn json(&self) -> (Json, Json) {
        let items = self.items.iter().map(item);
        let letters = self.letters.iter().map(|letter| {
            json!({ "id": letter.id, "ts": letter.at_ts, "uid": letter.uid, "title": letter.title, "reason": letter.reason })
        });
        (items.collect(), letters.collect())
    }
}

/// What is shown of a record, made safe.
fn safe(mut record: Record) -> Record {
    for text in [
        &mut record.uid,
        &mut record.title,
        &mut record.url,
        &mut record.summary,
    ] {
        *text = line(text);
    }
    for name in [&mut record.feed, &mut record.model] {
        *name = line(name).into();
    }
    for ticker in &mut record.tickers {
        ticker.symbol = line(&ticker.symbol).into();
    }
    record
}

/// Who found it, in a word.
pub fn source(record: &Record) -> &'static str {
    match record.source {
        Source::Local => "rules",
        Source::Model => "model",
    }
}

fn item(record: &Record) -> Json {
    let tickers = record.tickers.iter().map(|ticker| &*ticker.symbol);
    json!({
        "uid": record.uid,
        "feed": record.feed,
        "title": record.title,
        "url": masked(&record.url),
        "published_ts": record.published_ts,
        "analysed_ts": record.analysed_ts,
        "sentiment": record.sentiment,
        "label": record.label.as_str(),
        "event": record.event.map(|event| event.as_str()),
        "tickers": tickers.collect::<Vec<_>>(),
        "salience": record.salience,
        "source": source(record),
        "model": record.model,
        "summary": record.summary,
    })
}

impl Letter {
    fn of(entry: &stream::Entry) -> Letter {
        let text = |name: &str| SafeText::new(&masked(&entry.text(name).unwrap_or_default()));
        Letter {
            id: entry.id.to_string(),
            at_ts: (entry.id.ms / 1000) as i64,
            uid: text("uid"),
            title: text("title"),
            reason: text("reason"),
        }
    }
}
