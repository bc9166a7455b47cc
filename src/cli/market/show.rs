//! `marketswarm market` and `market get`: prices, and whether they are fresh.

use std::process::ExitCode;

use serde_json::{Map, Value as Json, json};

use super::swarm::{Swarm, now_ms};
use super::{Words, columns, print};
use crate::env::Env;
use crate::reports::market::{age, change_pct, record_json, stale, summary};
use crate::reports::{Fields, integer};
use crate::service::Error;

const HEAD: [&str; 9] = [
    "SYMBOL", "PRICE", "KIND", "CHANGE", "BID", "ASK", "AGE", "FEED", "STATE",
];

/// Every symbol of truth.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut swarm = Swarm::find(env)?;
    let symbols = swarm.symbols();
    let records = swarm.records(&symbols)?;
    let status = swarm.status()?;
    let now_ms = now_ms();
    let are_fresh = records.iter().all(|record| stale(record, now_ms).is_none());
    let text = if words.json {
        let of =
            |(symbol, record): (&String, &Fields)| (symbol.clone(), record_json(record, now_ms));
        let all: Map<String, Json> = symbols.iter().zip(&records).map(of).collect();
        format!("{:#}\n", json!({"symbols": all, "status": status}))
    } else if symbols.is_empty() {
        "services.massive of this truth names no symbols\n".to_owned()
    } else {
        let row = |(symbol, record): (&String, &Fields)| row(symbol, record, now_ms);
        let rows: Vec<Vec<String>> = symbols.iter().zip(&records).map(row).collect();
        format!("{}{}\n", columns(&HEAD, &rows), summary(&status, now_ms))
    };
    print(&text)?;
    Ok(ExitCode::from(u8::from(!are_fresh)))
}

/// One symbol.
pub(super) fn get(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    let [symbol] = &words.values[..] else {
        return Err(Error::Config(
            "it takes one symbol; see marketswarm market --help".into(),
        ));
    };
    let mut swarm = Swarm::find(env)?;
    let record = swarm
        .records(std::slice::from_ref(symbol))?
        .pop()
        .unwrap_or_default();
    let now_ms = now_ms();
    if record.is_empty() && !words.json {
        print(&format!("there is no record of {symbol}\n"))?;
        return Ok(ExitCode::from(1));
    }
    let stale = stale(&record, now_ms);
    print(&if words.json {
        format!("{:#}\n", record_json(&record, now_ms))
    } else {
        let lines = record
            .iter()
            .map(|(name, value)| format!("{name:<15} {value}\n"));
        let state = stale.clone().unwrap_or_else(|| "fresh".to_owned());
        format!("{}{:<15} {state}\n", lines.collect::<String>(), "state")
    })?;
    Ok(ExitCode::from(u8::from(stale.is_some())))
}

fn row(symbol: &str, record: &Fields, now_ms: i64) -> Vec<String> {
    let get = |name: &str| record.get(name).cloned().unwrap_or_else(|| "-".to_owned());
    let change = change_pct(record);
    let change = change.map_or_else(|| "-".to_owned(), |pct| format!("{pct:+.2} %"));
    let age = integer(record, "event_ms").map_or_else(|| "-".to_owned(), |ms| age(now_ms - ms));
    let state = stale(record, now_ms).unwrap_or_else(|| "fresh".to_owned());
    vec![
        symbol.to_owned(),
        get("price"),
        get("kind"),
        change,
        get("bid"),
        get("ask"),
        age,
        get("feed"),
        state,
    ]
}
