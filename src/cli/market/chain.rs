//! `marketswarm market chain`: the expirations of an option chain, or the contracts of one.

use std::process::ExitCode;

use serde_json::Value as Json;

use super::swarm::{Swarm, now_ms};
use super::{Words, columns, print};
use crate::contract::market::chain_hash;
use crate::env::Env;
use crate::massive::symbol::in_chain_keys;
use crate::reports::Fields;
use crate::reports::market::{record_json, stale};
use crate::service::Error;

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    let (underlying, expiration) = match &words.values[..] {
        [underlying] => (underlying, None),
        [underlying, expiration] => (underlying, Some(expiration)),
        _ => {
            return Err(Error::Config(
                "it takes an underlying, and an expiration if you like; see marketswarm market --help".into(),
            ));
        }
    };
    let mut swarm = Swarm::find(env)?;
    let hash = swarm.hash(&chain_hash(in_chain_keys(underlying)))?;
    let now_ms = now_ms();
    let stale = stale(&hash, now_ms);
    let text = match expiration {
        None if words.json => format!("{:#}\n", record_json(&hash, now_ms)),
        None => overview(underlying, &hash, stale.as_deref()),
        Some(expiration) => {
            let Some(pointer) = hash.get(&format!("{expiration}:pointer")) else {
                return Err(Error::Other(format!(
                    "there is no expiration {expiration} of {underlying}; see marketswarm market chain {underlying}"
                )));
            };
            let chain: Option<String> = swarm.store.query(redis::cmd("GET").arg(pointer))?;
            let chain = chain.ok_or_else(|| Error::Other(format!("{pointer} is gone")))?;
            match words.json {
                true => format!("{chain}\n"),
                false => contracts(&chain, stale.as_deref()),
            }
        }
    };
    print(&text)?;
    Ok(ExitCode::from(u8::from(stale.is_some())))
}

fn overview(underlying: &str, hash: &Fields, stale: Option<&str>) -> String {
    let summaries = hash.keys().filter_map(|name| name.strip_suffix(":pointer"));
    let rows: Vec<Vec<String>> = summaries
        .map(|date| {
            let text = hash
                .get(&format!("{date}:summary"))
                .map_or("{}", String::as_str);
            let summary = crate::reports::json(text);
            let get = |name: &str| cell(&summary[name]);
            vec![
                date.to_owned(),
                get("atm"),
                get("straddle"),
                get("iv_atm"),
                get("pc_volume"),
                get("pc_oi"),
            ]
        })
        .collect();
    let head = [
        "EXPIRATION",
        "ATM",
        "STRADDLE",
        "IV ATM",
        "P/C VOLUME",
        "P/C OI",
    ];
    let spot = hash.get("spot").map_or("-", String::as_str);
    let state = stale.unwrap_or("fresh");
    format!("{}{underlying} at {spot}; {state}\n", columns(&head, &rows))
}

fn contracts(chain: &str, stale: Option<&str>) -> String {
    let chain = crate::reports::json(chain);
    let list = chain["contracts"].as_array().cloned().unwrap_or_default();
    let names = [
        "type", "strike", "bid", "ask", "last", "iv", "delta", "gamma", "volume", "oi",
    ];
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|contract| names.iter().map(|name| cell(&contract[*name])).collect())
        .collect();
    let head: Vec<String> = names.iter().map(|name| name.to_ascii_uppercase()).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let state = stale.unwrap_or("fresh");
    let spot = cell(&chain["spot"]);
    format!(
        "{}{} contracts, spot {spot}, fetched {}; {state}\n",
        columns(&head, &rows),
        list.len(),
        cell(&chain["ts"])
    )
}

fn cell(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
