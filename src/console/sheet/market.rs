//! The market: prices, how old they are, and the calls.

use super::{Cell, NONE, Sheet, Table, or_none};
use crate::console::view::Stand;
use crate::reports::market::{Market, age, change_pct, stale, summary};
use crate::reports::{Fields, integer};

const HEADS: [&str; 7] = ["Symbol", "State", "Price", "Change", "Bid", "Ask", "Age"];
const JOBS: [&str; 4] = ["Job", "Last good answer", "Failures", "Last error"];

/// The page.
pub fn market(found: &Market, now_ms: i64) -> Sheet {
    let mut sheet = Sheet::default();
    if found.symbols.is_empty() {
        let words = "No symbols: truth names none. They stand in services.massive.symbols.";
        sheet.remarks.push(words.to_owned());
    }
    if found.status.is_empty() {
        let words = "massive does not write this yet.";
        sheet.remarks.push(words.to_owned());
    } else {
        let lines = summary(&found.status, now_ms);
        sheet.remarks.extend(lines.lines().map(str::to_owned));
        let calls = found.calls;
        let next = match calls.is_free() {
            true => "one is free".to_owned(),
            false => format!("the next in {}", age(calls.wait_ms)),
        };
        sheet.remarks.push(format!(
            "Budget: {} of {} calls used; {next}.",
            calls.made, calls.allowed
        ));
    }
    let row = |(symbol, record): &(String, Fields)| row(symbol, record, now_ms);
    let table = Table::of("Prices", &HEADS, &found.symbols, row);
    sheet.tables.push(table);
    sheet.tables.extend(jobs(&found.status, now_ms));
    sheet
}

fn row(symbol: &str, record: &Fields, now_ms: i64) -> Vec<Cell> {
    let get = |name: &str| or_none(record.get(name));
    let state = match stale(record, now_ms) {
        None => Cell::stand(Stand::Up, "fresh"),
        Some(_) if record.is_empty() => Cell::stand(Stand::Unknown, "no record"),
        Some(why) => Cell::stand(Stand::Degraded, format!("STALE: {why}")),
    };
    let age = integer(record, "event_ms").map(|ms| age(now_ms - ms));
    vec![
        symbol.into(),
        state,
        get("price"),
        or_none(change_pct(record).map(|pct| format!("{pct:+.2} %"))),
        get("bid"),
        get("ask"),
        or_none(age),
    ]
}

/// What is asked of the vendor, and how that goes.
fn jobs(status: &Fields, now_ms: i64) -> Option<Table> {
    let jobs = crate::reports::json(status.get("jobs")?);
    let jobs = jobs.as_array().filter(|jobs| !jobs.is_empty())?;
    let row = |job: &serde_json::Value| {
        let word = |name: &str| job[name].as_str().unwrap_or_default();
        let good = job["good_ms"].as_i64();
        let failures = job["failures"].as_u64().unwrap_or(0);
        let error = match word("error") {
            "" => NONE,
            error => error,
        };
        vec![
            word("job").into(),
            or_none(good.map(|ms| format!("{} ago", age(now_ms - ms)))),
            failures.to_string().into(),
            crate::reports::masked::masked(error).into_owned().into(),
        ]
    };
    Some(Table::of("Jobs", &JOBS, jobs, row))
}
