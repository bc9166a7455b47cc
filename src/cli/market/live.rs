//! `marketswarm market poll` and `market tail`: a round now, and prices as they change.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use super::swarm::{Swarm, now_ms};
use super::{Words, print};
use crate::bus::{Commands, Limits};
use crate::clock::{Mono, rfc3339_millis};
use crate::contract::market::POLL;
use crate::env::Env;
use crate::reports::market::{record_json, stale};
use crate::reports::{Fields, integer};
use crate::service::{Error, is_reader_gone, stream};

/// How long a round may take, with the wait for a call before it.
const POLL_PATIENCE: Duration = Duration::from_secs(75);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Runs `market poll`.
pub(super) fn poll(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut swarm = Swarm::find(env)?;
    let symbols = swarm.symbols();
    let fetched = |records: &[Fields]| {
        records
            .iter()
            .filter_map(|r| integer(r, "fetched_ms"))
            .max()
    };
    let before = fetched(&swarm.records(&symbols)?);
    let mut system = Commands::new(
        swarm.buses.system(),
        "marketswarm:market",
        Limits::default(),
    );
    let heard: u64 = system.query(redis::cmd("PUBLISH").arg(POLL).arg("now"))?;
    if heard == 0 {
        return Err(Error::Other(
            "massive does not listen: is it running?".into(),
        ));
    }
    let give_up = Mono::now() + POLL_PATIENCE;
    while Mono::now() < give_up {
        std::thread::sleep(LOOK_EVERY);
        let records = swarm.records(&symbols)?;
        if fetched(&records) > before {
            let now_ms = now_ms();
            let fresh = records
                .iter()
                .filter(|record| stale(record, now_ms).is_none())
                .count();
            print(&if words.json {
                format!(
                    "{}\n",
                    serde_json::json!({"symbols": symbols.len(), "fresh": fresh})
                )
            } else {
                format!("{fresh} of {} symbols are fresh\n", symbols.len())
            })?;
            return Ok(ExitCode::from(u8::from(fresh < symbols.len())));
        }
    }
    let secs = POLL_PATIENCE.as_secs();
    Err(Error::Other(format!(
        "no answer came within {secs} s; see marketswarm market status"
    )))
}

/// Runs `market tail`.
pub(super) fn tail(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut swarm = Swarm::find(env)?;
    let symbols = swarm.symbols();
    let mut last: BTreeMap<String, [Option<String>; 3]> = BTreeMap::new();
    loop {
        let records = swarm.records(&symbols)?;
        for (symbol, record) in symbols.iter().zip(&records) {
            let now = ["price", "event_ms", "stale"].map(|name| record.get(name).cloned());
            let is_first = !last.contains_key(symbol);
            if last.insert(symbol.clone(), now.clone()).as_ref() == Some(&now) || is_first {
                continue;
            }
            if !stream(&line(symbol, record, words.json))? {
                return Ok(ExitCode::SUCCESS);
            }
        }
        std::thread::sleep(LOOK_EVERY);
        if is_reader_gone() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn line(symbol: &str, record: &Fields, is_json: bool) -> String {
    let now_ms = now_ms();
    if is_json {
        let mut json = record_json(record, now_ms);
        json["symbol"] = symbol.into();
        return format!("{json}\n");
    }
    let get = |name: &str| record.get(name).map_or("-", String::as_str);
    let time = integer(record, "event_ms")
        .map_or_else(|| "-".to_owned(), |ms| rfc3339_millis(ms.unsigned_abs()));
    let state = stale(record, now_ms).unwrap_or_else(|| "fresh".to_owned());
    format!(
        "{time}  {symbol}  {} {}  {state}\n",
        get("price"),
        get("kind")
    )
}
