//! `marketswarm vexy show`, `tail` and `ticker`: analyses as they are stored.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value as Json;

use super::swarm::{AT_ONCE, Swarm};
use super::{Words, print, reasons};
use crate::bus::BusError;
use crate::clock::{local_time, rfc3339, wall_secs};
use crate::contract::analysis::{INDEX, analysis_key};
use crate::contract::feeds;
use crate::env::Env;
use crate::service::{Error, is_reader_gone, stream};
use crate::text::SafeText;
use crate::vexy_ai::record::Record;
use crate::vexy_ai::tail::{Tail, line};

/// Analyses that `ticker` shows.
const SHOWN_MAX: usize = 20;
/// Less than the connection waits for an answer.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs `vexy show UID`.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.only(&["--json"])?;
    let [uid] = &words.values[..] else {
        return Err(Error::Config(
            "it takes the id of one item; see marketswarm vexy --help".into(),
        ));
    };
    let mut swarm = Swarm::find(env)?;
    let Some(record) = record(&mut swarm, uid)? else {
        let ask = redis::cmd("EXISTS").arg(feeds::item_key(uid)).to_owned();
        let uid = SafeText::new(uid);
        print(&match swarm.store.query(&ask)? {
            true => format!(
                "{uid} is not analysed (yet): see marketswarm vexy status, and vexy dead for what was given up\n"
            ),
            false => format!("there is no item {uid} (any more), and no analysis of it\n"),
        })?;
        return Ok(ExitCode::from(1));
    };
    print(&match words.json {
        true => format!("{}\n", record.json_line()),
        false => reasons::text(&record),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `vexy ticker SYM`.
pub(super) fn ticker(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.only(&["--json"])?;
    let [symbol] = &words.values[..] else {
        return Err(Error::Config(
            "it takes one symbol; see marketswarm vexy --help".into(),
        ));
    };
    let symbol = symbol.strip_prefix('$').unwrap_or(symbol);
    let mut swarm = Swarm::find(env)?;
    let mut shown = 0;
    for uid in about(&mut swarm, symbol)? {
        let Some(record) = record(&mut swarm, &uid)? else {
            continue;
        };
        shown += 1;
        print(&match words.json {
            true => format!("{}\n", record.json_line()),
            false => format!("{}  {}\n", rfc3339(record.published_ts), line(&record)),
        })?;
    }
    if shown == 0 && !words.json {
        let symbol = SafeText::new(symbol);
        print(&format!("of what is kept, nothing is about {symbol}\n"))?;
    }
    Ok(ExitCode::from(u8::from(shown == 0)))
}

/// Runs `vexy tail`.
pub(super) fn tail(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    words.only(&["--json"])?;
    let mut swarm = Swarm::find(env)?;
    let mut tail = Tail::default();
    loop {
        for (kind, record) in tail.next(&mut swarm.store, LOOK_EVERY)? {
            let text = match words.json {
                true => with_kind(&kind, &record.json_line()),
                false => {
                    let now_ts = wall_secs();
                    let time = local_time(record.analysed_ts, now_ts);
                    format!("{time}  {}\n", line(&record))
                }
            };
            if !stream(&text)? {
                return Ok(ExitCode::SUCCESS);
            }
        }
        if is_reader_gone() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// The line of JSON with the kind of the analysis before its fields, as the messages have it.
fn with_kind(kind: &str, line: &str) -> String {
    match line.strip_prefix('{') {
        Some(rest) => format!("{{\"kind\":{},{rest}\n", Json::from(kind)),
        None => format!("{line}\n"),
    }
}

fn record(swarm: &mut Swarm, uid: &str) -> Result<Option<Record>, BusError> {
    let ask = redis::cmd("HGETALL").arg(analysis_key(uid)).to_owned();
    let hash: HashMap<String, String> = swarm.store.query(&ask)?;
    Ok(Record::from_hash(hash))
}

/// The newest items that are about a symbol, by the time of their publication.
fn about(swarm: &mut Swarm, symbol: &str) -> Result<Vec<String>, BusError> {
    let (mut found, mut from) = (Vec::new(), 0);
    loop {
        let mut ask = redis::cmd("ZREVRANGE");
        ask.arg(INDEX).arg(from).arg(from + AT_ONCE - 1);
        let uids: Vec<String> = swarm.store.query(&ask)?;
        let mut ask = redis::pipe();
        for uid in &uids {
            ask.cmd("HGET").arg(analysis_key(uid)).arg("tickers");
        }
        let tickers: Vec<Option<String>> = match uids.is_empty() {
            true => Vec::new(),
            false => swarm.store.pipe(&ask)?,
        };
        for (uid, tickers) in uids.iter().zip(tickers) {
            let tickers: Json =
                serde_json::from_str(&tickers.unwrap_or_default()).unwrap_or_default();
            let is_it = |ticker: &Json| {
                let known = ticker["symbol"].as_str();
                known.is_some_and(|known| known.eq_ignore_ascii_case(symbol))
            };
            // The index may change between two looks, so that one is seen twice.
            if tickers.as_array().is_some_and(|all| all.iter().any(is_it)) && !found.contains(uid) {
                found.push(uid.clone());
            }
        }
        if uids.len() < AT_ONCE || found.len() >= SHOWN_MAX {
            found.truncate(SHOWN_MAX);
            return Ok(found);
        }
        from += AT_ONCE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_kind_first() {
        let line = with_kind("analysis", &Record::default().json_line());
        let json: Json = serde_json::from_str(&line).unwrap();
        assert!(
            line.starts_with("{\"kind\":\"analysis\",") && line.ends_with("}\n"),
            "{line}"
        );
        assert_eq!(json["kind"], "analysis");
    }
}
