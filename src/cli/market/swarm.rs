//! A running swarm, as these commands see it: what massive wrote, read by the rule that every reader keeps.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::bus::{BusError, Buses, Commands, Limits};
use crate::cli::status::find_truth;
use crate::clock::wall_millis;
use crate::contract::market::{STATUS, snapshot_key};
use crate::env::Env;
use crate::massive::config::Config;
use crate::service::Error;
use crate::swarm_state::locator;

/// Hashes asked for at once.
const AT_ONCE: usize = 200;

/// A running swarm.
pub(super) struct Swarm {
    pub buses: Buses,
    pub config: Config,
    pub store: Commands,
}

/// One record: its fields by their names.
pub(super) type Fields = BTreeMap<String, String>;

impl Swarm {
    pub fn find(env: &Env) -> Result<Swarm, Error> {
        let env = locator::with_buses(env)?;
        let truth = find_truth(&env)?;
        let config = Config::from_truth(&truth).map_err(|p| Error::Truth(p.to_string()))?;
        let buses = Buses::of(&env, &truth)?;
        let store = Commands::new(buses.market()?, "marketswarm:market", Limits::default());
        Ok(Swarm {
            buses,
            config,
            store,
        })
    }

    /// The records of these symbols, in their order.
    pub fn records(&mut self, symbols: &[String]) -> Result<Vec<Fields>, BusError> {
        let mut records = Vec::with_capacity(symbols.len());
        for symbols in symbols.chunks(AT_ONCE) {
            let mut ask = redis::pipe();
            for symbol in symbols {
                ask.cmd("HGETALL").arg(snapshot_key(symbol));
            }
            records.extend(self.store.pipe::<Vec<Fields>>(&ask)?);
        }
        Ok(records)
    }

    /// Every symbol of truth, indices first.
    pub fn symbols(&self) -> Vec<String> {
        self.config.all().cloned().collect()
    }

    pub fn hash(&mut self, key: &str) -> Result<Fields, BusError> {
        self.store.query(redis::cmd("HGETALL").arg(key))
    }

    pub fn status(&mut self) -> Result<Fields, BusError> {
        self.hash(STATUS)
    }
}

/// Now, in milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    i64::try_from(wall_millis()).unwrap_or(i64::MAX)
}

/// An integer among the fields.
pub(super) fn integer(fields: &Fields, name: &str) -> Option<i64> {
    fields.get(name)?.parse().ok()
}

/// Why a record is not fresh; `None` while it is.
pub(super) fn stale(fields: &Fields, now_ms: i64) -> Option<String> {
    let reason = || {
        fields
            .get("reason")
            .cloned()
            .unwrap_or_else(|| "old".to_owned())
    };
    match (
        fields.get("stale").map(String::as_str),
        integer(fields, "fresh_until_ms"),
    ) {
        (None, _) => Some("no record".to_owned()),
        (Some("0"), Some(until_ms)) if now_ms <= until_ms => None,
        // It was fresh when it was written, and nobody wrote since.
        (Some("0"), _) => Some("old".to_owned()),
        _ => Some(reason()),
    }
}

/// The fields as JSON, numbers as numbers, and whether it is fresh.
pub(super) fn json(fields: &Fields, now_ms: i64) -> Json {
    let value = |text: &String| match serde_json::from_str::<Json>(text) {
        Ok(number @ Json::Number(_)) => number,
        _ => Json::from(text.as_str()),
    };
    let mut object: Map<String, Json> = fields
        .iter()
        .map(|(name, text)| (name.clone(), value(text)))
        .collect();
    object.insert("fresh".to_owned(), stale(fields, now_ms).is_none().into());
    Json::Object(object)
}
