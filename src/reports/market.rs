//! What the market reader wrote of each symbol, read by the rule that every reader keeps, and how it stands itself.

use serde_json::{Map, Value as Json, json};

use super::{Fields, integer, safe};
use crate::bus::{BusError, Commands};
use crate::clock::human;
use crate::contract::market::{BUDGET, STATUS, TOTALS, snapshot_key};
use crate::massive::budget::WINDOW_MS;
use crate::massive::config::Config;
use crate::massive::session::calendar::time_of;

/// Hashes asked for at once.
const AT_ONCE: usize = 200;
/// A status that is older than this was written by one that is dead: it is written every five seconds.
const STATUS_OLD_MS: i64 = 15_000;

/// The market at one moment.
#[derive(Clone, Debug, Default)]
pub struct Market {
    /// Each symbol of truth with its record, indices first.
    pub symbols: Vec<(String, Fields)>,
    pub status: Fields,
    pub totals: Fields,
    pub calls: Calls,
}

/// Calls of the vendor, by the clock of Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Those within the window of the limit.
    pub made: usize,
    /// As many may be made within it.
    pub allowed: i64,
    /// Until the next may be made, in milliseconds.
    pub wait_ms: i64,
}

impl Market {
    /// Reads up to `limit` symbols of `config`.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn read(store: &mut Commands, config: &Config, limit: usize) -> Result<Market, BusError> {
        let symbols: Vec<String> = config.all().take(limit).cloned().collect();
        let records = records(store, &symbols)?;
        let status = hash(store, STATUS)?;
        let calls = Calls::read(store, &status, config)?;
        Ok(Market {
            symbols: symbols.into_iter().zip(records).collect(),
            status,
            totals: hash(store, TOTALS)?,
            calls,
        })
    }

    /// All of it as the console tells it.
    pub fn json(&self, now_ms: i64) -> Json {
        let symbol = |(symbol, record): &(String, Fields)| {
            let mut json = record_json(record, now_ms);
            json["symbol"] = symbol.as_str().into();
            json["stale_why"] = stale(record, now_ms).into();
            json
        };
        let symbols: Vec<Json> = self.symbols.iter().map(symbol).collect();
        json!({ "symbols": symbols, "status": self.status, "totals": self.totals, "calls": self.calls.json() })
    }
}

impl Calls {
    /// Reads how many were made; `status` is the market reader's own.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn read(store: &mut Commands, status: &Fields, config: &Config) -> Result<Calls, BusError> {
        let mut ask = redis::pipe();
        ask.cmd("TIME");
        ask.cmd("LRANGE").arg(BUDGET).arg(0).arg(-1);
        let ((secs, micros), calls): ((i64, i64), Vec<i64>) = store.pipe(&ask)?;
        let now_ms = secs * 1_000 + micros / 1_000;
        let ages: Vec<i64> = calls
            .iter()
            .map(|at| now_ms - at)
            .filter(|age| *age < WINDOW_MS)
            .collect();
        let allowed = integer(status, "calls_allowed").unwrap_or(config.calls_per_min.into());
        let is_free = (ages.len() as i64) < allowed;
        let until_one_ends = || ages.first().map_or(0, |age| WINDOW_MS - age);
        Ok(Calls {
            made: ages.len(),
            allowed,
            wait_ms: if is_free { 0 } else { until_one_ends() },
        })
    }

    /// Whether one may be made now.
    pub fn is_free(self) -> bool {
        (self.made as i64) < self.allowed
    }

    fn json(self) -> Json {
        json!({ "made": self.made, "allowed": self.allowed, "next_in_ms": self.wait_ms })
    }
}

/// The records of these symbols, in their order.
///
/// # Errors
/// Those of the bus.
pub fn records(store: &mut Commands, symbols: &[String]) -> Result<Vec<Fields>, BusError> {
    let mut records = Vec::with_capacity(symbols.len());
    for symbols in symbols.chunks(AT_ONCE) {
        let mut ask = redis::pipe();
        for symbol in symbols {
            ask.cmd("HGETALL").arg(snapshot_key(symbol));
        }
        records.extend(store.pipe::<Vec<Fields>>(&ask)?.into_iter().map(safe));
    }
    Ok(records)
}

/// The hash at `key`.
///
/// # Errors
/// Those of the bus.
pub fn hash(store: &mut Commands, key: &str) -> Result<Fields, BusError> {
    Ok(safe(store.query(redis::cmd("HGETALL").arg(key))?))
}

/// By how many percent a price changed since the day before. A price of the stream is newer than the change that the vendor
/// told: then what the two prices say.
pub fn change_pct(record: &Fields) -> Option<f64> {
    let number = |name: &str| record.get(name).and_then(|text| text.parse::<f64>().ok());
    let told = number("change_pct");
    told.or_else(|| Some((number("price")? / number("prev_close")? - 1.0) * 100.0))
}

/// Why a record is not fresh; `None` while it is.
pub fn stale(fields: &Fields, now_ms: i64) -> Option<String> {
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
pub fn record_json(fields: &Fields, now_ms: i64) -> Json {
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

/// How old something is.
pub fn age(ms: i64) -> String {
    human(std::time::Duration::from_millis(ms.max(0).unsigned_abs()))
}

/// How the market stands, and the calls.
pub fn summary(status: &Fields, now_ms: i64) -> String {
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
