//! The analysis: how the work stands, what was found of late, and what was given up.

use std::time::Duration;

use super::{Cell, Sheet, Table, ago, or_none, span};
use crate::clock::human;
use crate::console::view::Stand;
use crate::reports::analysis::{Items, Letter, Queue, State, Work, Worker, source};
use crate::vexy_ai::local::Label;
use crate::vexy_ai::record::Record;

const ITEMS: [&str; 7] = [
    "Published",
    "Title",
    "Feed",
    "Sentiment",
    "Event",
    "Tickers",
    "Source",
];
const LETTERS: [&str; 4] = ["When", "Item", "Title", "Why"];
const STREAMS: [&str; 4] = ["Stream", "Waiting", "In work", "Oldest"];
const WORKERS: [&str; 5] = ["Worker", "State", "Threads", "In work", "Last seen"];

/// The page. `state` is how the work stands as a whole.
pub fn analysis(work: &Work, state: State, items: &Items, now_ts: i64) -> Sheet {
    let mut sheet = Sheet::default();
    if work.workers.is_empty() && work.totals.is_empty() {
        let words = "vexy_ai does not write this yet.";
        sheet.remarks.push(words.to_owned());
    }
    sheet.remarks.push(format!(
        "The work: {}; {} analyses are kept, {} items were given up.",
        state.word(),
        work.kept,
        work.dead
    ));
    if let Some(since) = work.control.paused_ts {
        let words = format!("Paused for {}.", span(now_ts - since));
        sheet.remarks.push(words);
    }
    if let Some(since) = work.control.model_paused_ts {
        let words = format!("The model is paused for {}.", span(now_ts - since));
        sheet.remarks.push(words);
    }
    sheet
        .remarks
        .extend(work.spent.text().lines().map(str::to_owned));
    let item = |record: &Record| item(record, now_ts);
    sheet
        .tables
        .push(Table::of("Items", &ITEMS, &items.items, item));
    if !items.letters.is_empty() {
        let row = |letter: &Letter| letter_row(letter, now_ts);
        let table = Table::of("Dead letters", &LETTERS, &items.letters, row);
        sheet.tables.push(table);
    }
    sheet
        .tables
        .push(Table::of("Work", &STREAMS, &work.queues, stream));
    let workers: Vec<(&String, &Worker)> = work.workers.iter().collect();
    if !workers.is_empty() {
        let row = |(name, worker): &(&String, &Worker)| {
            let word = work.control.word(name);
            vec![
                name.as_str().into(),
                word.map_or(Cell::stand(Stand::Up, "at work"), |word| {
                    Cell::stand(Stand::Planned, word)
                }),
                worker.threads.to_string().into(),
                worker.in_work.to_string().into(),
                or_none(
                    worker
                        .idle_ms
                        .map(|ms| format!("{} ago", human(Duration::from_millis(ms)))),
                ),
            ]
        };
        sheet
            .tables
            .push(Table::of("Workers", &WORKERS, &workers, row));
    }
    sheet
}

fn item(record: &Record, now_ts: i64) -> Vec<Cell> {
    let sign = match record.label {
        Label::Positive => "▲",
        Label::Neutral => "■",
        Label::Negative => "▼",
    };
    let tickers: Vec<&str> = record.tickers.iter().map(|t| &*t.symbol).collect();
    let source = match record.model.as_str() {
        "" => source(record).to_owned(),
        model => format!("{}: {model}", source(record)),
    };
    vec![
        ago(
            (record.published_ts > 0).then_some(record.published_ts),
            now_ts,
        ),
        record.title.as_str().into(),
        record.feed.as_str().into(),
        format!("{sign} {} {:+.2}", record.label.as_str(), record.sentiment).into(),
        or_none(record.event.map(|event| event.as_str())),
        or_none((!tickers.is_empty()).then(|| tickers.join(", "))),
        source.into(),
    ]
}

fn letter_row(letter: &Letter, now_ts: i64) -> Vec<Cell> {
    vec![
        ago(Some(letter.at_ts), now_ts),
        letter.uid.as_str().into(),
        letter.title.as_str().into(),
        letter.reason.as_str().into(),
    ]
}

fn stream(queue: &Queue) -> Vec<Cell> {
    let oldest = queue.oldest_ms.map(|ms| human(Duration::from_millis(ms)));
    vec![
        queue.key.into(),
        queue
            .waiting
            .map_or_else(|| "not known".into(), |n| n.to_string().into()),
        queue.in_work.to_string().into(),
        or_none(oldest),
    ]
}
