//! The feeds: error, gap, and what could not be understood.

use super::{Cell, Sheet, Table, ago, or_none, span};
use crate::console::view::Stand;
use crate::reports::feeds::{Feeds, Refused};
use crate::reports::masked::masked;
use crate::rss_agg::record::{Health, Record};

const HEADS: [&str; 9] = [
    "Feed",
    "Health",
    "Error",
    "Answer",
    "Fetched",
    "Next poll",
    "Last new",
    "Gap",
    "Ask for",
];
const REFUSED: [&str; 4] = ["When", "Feed", "Why", "How it begins"];

/// The page.
pub fn feeds(found: &Feeds, refused: &[Refused], now_ts: i64) -> Sheet {
    let mut sheet = Sheet::default();
    if found.feeds.is_empty() {
        sheet
            .remarks
            .push("No feeds: truth names none. They stand in services.rss_agg.feeds.".to_owned());
    } else if found.totals.is_empty() {
        sheet
            .remarks
            .push("rss_agg does not write this yet.".to_owned());
    }
    let counted = ["queued", "updated", "dropped", "quarantined", "lost"];
    let counted: Vec<String> = counted
        .iter()
        .map(|name| (name, found.total(name)))
        .filter(|(_, n)| *n > 0)
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    if !counted.is_empty() {
        let counted = counted.join(", ");
        sheet
            .remarks
            .push(format!("Items since the beginning: {counted}."));
    }
    sheet
        .tables
        .push(Table::of("Feeds", &HEADS, &found.feeds, |(id, record)| {
            row(id, record, now_ts)
        }));
    if !refused.is_empty() {
        let row = |one: &Refused| {
            vec![
                ago(Some(one.at_ts), now_ts),
                one.feed.as_str().into(),
                one.reason.as_str().into(),
                one.excerpt.as_str().into(),
            ]
        };
        let name = "Could not be understood";
        sheet.tables.push(Table::of(name, &REFUSED, refused, row));
    }
    sheet
}

fn row(id: &str, record: &Record, now_ts: i64) -> Vec<Cell> {
    let (stand, word) = match record.health {
        Health::Failing => (Stand::Down, "failing"),
        Health::Gone => (Stand::Off, "gone"),
        Health::New => (Stand::Unknown, "not polled yet"),
        Health::Ok => (Stand::Up, "ok"),
    };
    let next = match record.next_poll_ts {
        Some(ts) if ts > now_ts => format!("in {}", span(ts - now_ts)).into(),
        Some(_) => "due".into(),
        None if record.health == Health::Gone => "never".into(),
        None => or_none(None::<String>),
    };
    vec![
        id.into(),
        Cell::stand(stand, word),
        error(record),
        or_none(record.http_status.map(|status| format!("HTTP {status}"))),
        ago(record.last_fetch_ts, now_ts),
        next,
        ago(record.last_new_ts, now_ts),
        or_none(record.average_gap_sec.map(|secs| span(secs as i64))),
        Cell::asks(&[("Poll now", format!("/api/v1/feeds/{id}/poll"))]),
    ]
}

/// What is wrong, and what to do about it.
fn error(record: &Record) -> Cell {
    let mut words = Vec::new();
    if let Some(error) = &record.error {
        let times = match record.failures {
            0 | 1 => String::new(),
            times => format!(" ({times} times in a row)"),
        };
        words.push(format!("{}{times}", masked(error)));
    }
    if let Some(to) = &record.moved_to {
        words.push(format!(
            "moved for good to {}: put that into truth",
            masked(to)
        ));
    }
    if let Some(feed) = record.alternates.first() {
        let feed = masked(feed);
        words.push(format!(
            "a web page; its feed is {feed}: put that into truth"
        ));
    }
    or_none((!words.is_empty()).then(|| words.join("; ")))
}
