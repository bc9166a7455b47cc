//! Values of an answer as people read them.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value as Json;

use crate::clock::human;
use crate::massive::check::{Report, Value};
use crate::massive::session::calendar::DayStatus;
use crate::massive::session::calendar::time_of;
use crate::text::{SafeText, width};

/// Most lines of one list; the rest is in `--json`.
const LINES_MAX: usize = 50;

const SPOT: [&str; 9] = [
    "SYMBOL", "PRICE", "KIND", "CHANGE", "BID", "ASK", "AGE", "FEED", "STATE",
];
const CONTRACT: [&str; 9] = [
    "TICKER",
    "EXPIRATION",
    "STRIKE",
    "TYPE",
    "BID",
    "ASK",
    "IV",
    "VOLUME",
    "OI",
];
const BAR: [&str; 7] = [
    "SYMBOL", "START_MS", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME",
];
const RULE: [&str; 3] = ["CONDITION", "UPDATES_PRICE", "NAME"];

/// The report as text.
pub(super) fn of(report: &Report, now_ms: i64) -> String {
    let mut out = String::new();
    let values: Vec<Json> = report
        .values
        .iter()
        .map(Value::json)
        .filter_map(|json| serde_json::from_str(&json).ok())
        .collect();
    let of_kind = |has: fn(&Json) -> bool| values.iter().filter(move |value| has(value));
    table(
        &mut out,
        &CONTRACT,
        of_kind(|v| v["ticker"].is_string()).map(contract),
    );
    table(
        &mut out,
        &RULE,
        of_kind(|v| v["condition"].is_number()).map(|v| cells(v, &RULE)),
    );
    table(
        &mut out,
        &BAR,
        of_kind(|v| v["start_ms"].is_number()).map(|v| cells(v, &BAR)),
    );
    let is_spot =
        |v: &Json| v["ticker"].is_null() && v["condition"].is_null() && v["start_ms"].is_null();
    table(
        &mut out,
        &SPOT,
        of_kind(is_spot).map(|value| spot(value, now_ms)),
    );
    // Writing to a string cannot fail.
    if let Some(session) = report.market.as_ref().and_then(|market| market.session) {
        let _ = writeln!(out, "the market is {}", session.word());
    }
    for day in report.calendar.iter().take(LINES_MAX) {
        let hours = match day.status {
            DayStatus::Closed => "closed".to_owned(),
            DayStatus::EarlyClose { open_ms, close_ms } => {
                format!("{} to {} New York", time_of(open_ms), time_of(close_ms))
            }
        };
        let _ = writeln!(out, "{}  {hours}  ({})", day.date, day.exchanges.join(", "));
    }
    problems(&mut out, report);
    out
}

fn problems(out: &mut String, report: &Report) {
    if report.is_clean() {
        let _ = writeln!(out, "Nothing is refused, nothing is missing.");
        return;
    }
    let _ = writeln!(out, "Refused or missing: {}", report.problems.len());
    for problem in report.problems.iter().take(LINES_MAX) {
        let parts = [problem.symbol.as_str(), problem.path.as_str()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let reason = problem.reason.word().replace('_', " ");
        let _ = writeln!(out, "  {}: {reason}", parts.join("  "));
    }
    if let Some(more) = report.problems.len().checked_sub(LINES_MAX + 1) {
        let _ = writeln!(out, "  and {} more (--json lists them)", more + 1);
    }
}

fn cells(value: &Json, columns: &[&str]) -> Vec<String> {
    columns
        .iter()
        .map(|column| cell(&value[column.to_ascii_lowercase()]))
        .collect()
}

/// A value as text, `-` where it is not known. What the vendor wrote is made one line of printable characters.
fn cell(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => SafeText::new(text).into(),
        other => other.to_string(),
    }
}

fn contract(value: &Json) -> Vec<String> {
    cells(value, &CONTRACT)
}

fn spot(value: &Json, now_ms: i64) -> Vec<String> {
    let age = value["event_ms"].as_i64().and_then(|event_ms| {
        let age_ms = u64::try_from(now_ms - event_ms).ok()?;
        Some(human(Duration::from_millis(age_ms)))
    });
    let change = value["change_pct"]
        .as_f64()
        .map(|change| format!("{change:+.2} %"));
    let state = if value["stale"] == 0 {
        "fresh".to_owned()
    } else {
        cell(&value["reason"])
    };
    vec![
        cell(&value["symbol"]),
        cell(&value["price"]),
        cell(&value["kind"]),
        change.unwrap_or_else(|| "-".to_owned()),
        cell(&value["bid"]),
        cell(&value["ask"]),
        age.unwrap_or_else(|| "-".to_owned()),
        cell(&value["feed"]),
        state.replace('_', " "),
    ]
}

/// Columns as wide as their widest cell.
fn table(out: &mut String, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let shown = &rows[..rows.len().min(LINES_MAX)];
    let width = |column: usize| {
        let cells = shown.iter().map(|row| width::columns(&row[column]));
        cells.chain([heads[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let mut line = |cells: Vec<&str>| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "{}  ", width::padded(cell, *width));
        }
        let _ = writeln!(out, "{}", text.trim_end());
    };
    line(heads.to_vec());
    for row in shown {
        line(row.iter().map(String::as_str).collect());
    }
    if rows.len() > shown.len() {
        let _ = writeln!(
            out,
            "and {} more (--json lists them)",
            rows.len() - shown.len()
        );
    }
}
