//! `marketswarm market` and `market get`: prices, and whether they are fresh.

use std::process::ExitCode;

use serde_json::{Map, Value as Json, json};

use super::swarm::{self, Fields, Swarm, integer, now_ms, stale};
use super::{Words, columns, print};
use crate::clock::human;
use crate::env::Env;
use crate::massive::session::calendar::time_of;
use crate::service::Error;

/// A status that is older than this was written by one that is dead: it is written every five seconds.
const STATUS_OLD_MS: i64 = 15_000;
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
            |(symbol, record): (&String, &Fields)| (symbol.clone(), swarm::json(record, now_ms));
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
        format!("{:#}\n", swarm::json(&record, now_ms))
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
    let number = |name: &str| record.get(name).and_then(|text| text.parse::<f64>().ok());
    // A price of the stream is newer than the change that the vendor told: then what the two prices say.
    let told = number("change_pct");
    let change = told.or_else(|| Some((number("price")? / number("prev_close")? - 1.0) * 100.0));
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

/// How old something is.
pub(super) fn age(ms: i64) -> String {
    human(std::time::Duration::from_millis(ms.max(0).unsigned_abs()))
}

/// How the market stands, and the calls.
fn summary(status: &Fields, now_ms: i64) -> String {
    let text = |name: &str| status.get(name).map(String::as_str).unwrap_or_default();
    match integer(status, "as_of_ms") {
        None => return "massive has not written anything yet".to_owned(),
        Some(at) if now_ms - at > STATUS_OLD_MS => {
            return format!(
                "massive wrote last {} ago: what it wrote grows old by itself",
                age(now_ms - at)
            );
        }
        Some(_) => {}
    }
    let session = match (
        text("session"),
        integer(status, "close_ms"),
        integer(status, "next_open_ms"),
    ) {
        ("open", Some(close_ms), _) if close_ms > now_ms => {
            format!("open until {} New York", time_of(close_ms))
        }
        ("open", ..) => "open".to_owned(),
        (session, _, Some(open_ms)) => format!("{session}, opens in {}", age(open_ms - now_ms)),
        (session, ..) => session.to_owned(),
    };
    let assumed = if text("assumed") == "1" {
        " (assumed)"
    } else {
        ""
    };
    let calls = format!(
        "{} of {} calls in the last 60 s",
        text("calls"),
        text("calls_allowed")
    );
    let demand = match text("demand") {
        "" => String::new(),
        demand => format!("; {demand}"),
    };
    let state = match (text("state"), text("reason")) {
        ("degraded", reason) => format!("\ndegraded: {reason}"),
        _ => String::new(),
    };
    format!("{session}{assumed}; {calls}{demand}{state}")
}
