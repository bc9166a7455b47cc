//! What a good vendor answers, path by path.

use serde_json::{Value, json};

use super::{Known, now_ms};
use crate::support::http_server::{Arrival, Reply};

/// JSON, where a text between two `@` is a number in just these digits.
pub fn json_reply(body: &Value) -> Reply {
    let body = body.to_string().replace("\"@", "").replace("@\"", "");
    Reply::ok(body)
}

/// An error of the vendor's, as it writes them.
pub fn refusal(status: u16) -> Reply {
    let body = json!({"status": "ERROR", "error": "as told"}).to_string();
    Reply::Full(status, Vec::new(), body.into_bytes())
}

impl Known {
    /// What a good vendor answers.
    pub(super) fn good(&self, arrival: &Arrival) -> Reply {
        let asked = |name: &str| -> Vec<String> {
            let list = arrival.parameter(name).unwrap_or_default();
            list.split(',').map(str::to_owned).collect()
        };
        let prices = self.prices.lock().unwrap().clone();
        let of = |names: &[String], item: fn(&str, &str, i64) -> Value| -> Vec<Value> {
            let known = names
                .iter()
                .filter_map(|name| Some((name, prices.get(name)?)));
            known
                .map(|(name, (price, ms))| item(name, price, *ms))
                .collect()
        };
        match arrival.path() {
            "/v1/marketstatus/now" => json_reply(&json!({
                "market": *self.session.lock().unwrap(), "earlyHours": false, "afterHours": false,
                "serverTime": self.time(), "indicesGroups": {"s_and_p": "open"},
            })),
            "/v1/marketstatus/upcoming" => json_reply(&self.calendar.lock().unwrap()),
            "/v3/snapshot" => results(of(&asked("ticker.any_of"), unified)),
            "/v3/snapshot/indices" => results(of(&asked("ticker.any_of"), unified)),
            "/v2/snapshot/locale/us/markets/stocks/tickers" => {
                let tickers = of(&asked("tickers"), ticker);
                json_reply(&json!({"status": "OK", "tickers": tickers}))
            }
            path if path.starts_with("/v2/aggs/grouped/") => {
                let all: Vec<String> = prices
                    .keys()
                    .filter(|name| !name.starts_with("I:"))
                    .cloned()
                    .collect();
                results(of(&all, bar))
            }
            "/v3/reference/conditions" => results(vec![
                condition(14, true),
                condition(41, true),
                condition(37, false),
            ]),
            path if path.starts_with("/v2/aggs/ticker/") => {
                let name = path.split('/').nth(4).unwrap().replace("%3A", ":");
                results(of(&[name], bar))
            }
            path if path.starts_with("/v3/snapshot/options/") => {
                results(marked_contracts(&["2030-01-18", "2030-02-15"], 2, 1.5))
            }
            _ => refusal(404),
        }
    }
}

fn condition(id: i64, updates: bool) -> Value {
    json!({"id": id, "name": "as told", "update_rules": {"consolidated": {"updates_open_close": updates}}})
}

pub fn results(results: Vec<Value>) -> Reply {
    json_reply(&json!({"status": "OK", "request_id": "r", "results": results}))
}

/// A number in just these digits: see [`json_reply`].
fn number(text: &str) -> Value {
    json!(format!("@{text}@"))
}

fn unified(name: &str, price: &str, ms: i64) -> Value {
    match name.starts_with("I:") {
        true => {
            json!({"ticker": name, "type": "indices", "value": number(price), "timeframe": "REAL-TIME",
            "last_updated": ms * 1_000_000})
        }
        false => json!({"ticker": name, "type": "stocks", "market_status": "open",
            "last_trade": {"price": number(price), "size": 100, "sip_timestamp": ms * 1_000_000, "timeframe": "REAL-TIME"},
            "last_quote": {"bid": number(price), "ask": number(price), "bid_size": 1, "ask_size": 2,
                "last_updated": ms * 1_000_000}}),
    }
}

fn ticker(name: &str, price: &str, ms: i64) -> Value {
    json!({"ticker": name, "updated": ms * 1_000_000,
        "lastTrade": {"p": number(price), "s": 100, "t": ms * 1_000_000}})
}

fn bar(name: &str, price: &str, ms: i64) -> Value {
    json!({"T": name, "o": number(price), "h": number(price), "l": number(price), "c": number(price), "v": 5, "t": ms})
}

/// The contracts of these expirations, so many strikes each around 100, calls and puts, with all numbers the same
/// `mark`, so that two answers can be told apart.
pub fn marked_contracts(expirations: &[&str], strikes: i64, mark: f64) -> Vec<Value> {
    let mut list = Vec::new();
    for expiration in expirations {
        for strike in 100 - strikes / 2..100 + strikes - strikes / 2 {
            for kind in ["call", "put"] {
                let letter = kind[..1].to_uppercase();
                let date = expiration[2..].replace('-', "");
                list.push(json!({
                    "details": {"ticker": format!("O:SPY{date}{letter}{:08}", strike * 1_000), "strike_price": strike,
                        "expiration_date": expiration, "contract_type": kind, "shares_per_contract": 100},
                    "last_quote": {"bid": mark, "ask": mark, "last_updated": now_ms() * 1_000_000},
                    "greeks": {"gamma": 0.5}, "open_interest": 10, "implied_volatility": 0.2,
                }));
            }
        }
    }
    list
}
