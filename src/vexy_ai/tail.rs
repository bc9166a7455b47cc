//! Follows what is analysed, for who looks on: [`Tail`] reads the log, [`line()`] is one analysis in one line.

use std::collections::HashMap;
use std::time::Duration;

use super::local::Event;
use super::record::Record;
use crate::bus::stream::{self, EntryId};
use crate::bus::{BusError, Commands};
use crate::contract::analysis::{LOG, analysis_key};
use crate::text::{SafeText, width};

/// Analyses that are read at once.
const AT_ONCE: usize = 200;
/// Columns of the label, the event and the tickers; what is longer shifts its line.
const LABEL_COLUMNS: usize = 8;
const EVENT_COLUMNS: usize = 16;
const TICKERS_COLUMNS: usize = 8;
/// Of what comes from outside, at most.
const TITLE_COLUMNS: usize = 80;
const WORD_COLUMNS: usize = 24;
const TICKERS_MAX: usize = 3;

/// How far the log is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tail {
    last: Option<EntryId>,
}

impl Tail {
    /// What was analysed since the last call, in its order, with its kind (`analysis`, `analysis_changed`,
    /// `analysis_model`); waits up to `block` for it. The first call only finds out where the log ends. Each is as it is
    /// stored now; what is stored no longer is left out.
    ///
    /// # Errors
    /// Those of the bus: the next call begins at the same place. `block` must be shorter than the connection waits for an
    /// answer.
    pub fn next(
        &mut self,
        store: &mut Commands,
        block: Duration,
    ) -> Result<Vec<(String, Record)>, BusError> {
        let Some(last) = self.last else {
            let newest = stream::newest(store, LOG, 1)?;
            self.last = Some(newest.first().map_or(EntryId::ZERO, |entry| entry.id));
            return Ok(Vec::new());
        };
        let entries = stream::after(store, LOG, last, AT_ONCE, Some(block))?;
        let Some(newest) = entries.last().map(|entry| entry.id) else {
            return Ok(Vec::new());
        };
        let mut ask = redis::pipe();
        for entry in &entries {
            let uid = entry.text("uid").unwrap_or_default();
            ask.cmd("HGETALL").arg(analysis_key(&uid));
        }
        let found: Vec<HashMap<String, String>> = store.pipe(&ask)?;
        self.last = Some(newest);
        let kind = |entry: &stream::Entry| entry.text("kind").unwrap_or_default().into_owned();
        let all = entries.iter().zip(found);
        Ok(all
            .filter_map(|(entry, hash)| Some((kind(entry), Record::from_hash(hash)?)))
            .collect())
    }
}

/// An analysis in one line: label, event, salience, tickers, title, and the words that weighed most.
pub fn line(record: &Record) -> String {
    let tickers = record.tickers.iter().take(TICKERS_MAX);
    let tickers: Vec<String> = tickers.map(|t| SafeText::new(&t.symbol).into()).collect();
    let tickers = if tickers.is_empty() {
        "-".to_owned()
    } else {
        tickers.join(",")
    };
    let word = |text: &str| String::from(SafeText::within(text, SafeText::MAX_BYTES, WORD_COLUMNS));
    let words: Vec<String> = record.strongest().into_iter().map(word).collect();
    let words = if words.is_empty() {
        String::new()
    } else {
        format!("  [{}]", words.join(", "))
    };
    let title = match record.title.as_str() {
        "" => "(no title)",
        title => title,
    };
    format!(
        "{}  {}  {:>3}  {}  {}{words}",
        width::padded(record.label.as_str(), LABEL_COLUMNS),
        width::padded(record.event.map_or("-", Event::as_str), EVENT_COLUMNS),
        record.salience,
        width::padded(&tickers, TICKERS_COLUMNS),
        SafeText::within(title, SafeText::MAX_BYTES, TITLE_COLUMNS),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vexy_ai::local::{Label, Place};
    use crate::vexy_ai::record::{FoundTicker, Why};

    #[test]
    fn an_analysis_is_one_line_whatever_its_texts_hold() {
        let why = |words: &str, weight| Why {
            part: "sentiment".into(),
            rule: "direction".into(),
            words: words.into(),
            weight,
            place: Place::Title,
        };
        let ticker = |symbol: &str| FoundTicker {
            symbol: symbol.into(),
            rule: "cashtag".into(),
        };
        let record = Record {
            title: "Profit\nrose \u{1b}[2J".to_owned(),
            label: Label::Positive,
            event: Some(Event::Earnings),
            salience: 61,
            tickers: vec![ticker("ACME"), ticker("B\u{202e}")],
            why: vec![why("ro\nse", 1.0), why("profit", 2.0), why("x", 0.1)],
            ..Record::default()
        };
        assert_eq!(
            line(&record),
            "positive  earnings           61  ACME,B    Profit rose \u{fffd}[2J  [profit, ro se]"
        );
        assert_eq!(
            line(&Record::default()),
            "neutral   -                   0  -         (no title)"
        );
    }
}
