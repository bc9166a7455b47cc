//! The demo's stream: what it answers, and what it sends at a moment (pure).

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::{cents, contract, price, usual};

/// Most that one connection may be subscribed to.
const PARAMS_MAX: usize = 8_192;
/// How often it sends: the price is another one each time.
pub const EVERY_MS: i64 = 250;
const MINUTE_MS: i64 = 60_000;
/// Bytes at the end of a contract's ticker: date, side, strike.
const TERMS_BYTES: usize = 15;

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    cluster: String,
    params: BTreeSet<String>,
    is_known: bool,
    sent_ms: i64,
}

impl Connection {
    /// A connection to `/stocks`, `/options` or `/indices`; `None` for another path.
    pub fn new(path: &str, now_ms: i64) -> Option<Connection> {
        let cluster = path.strip_prefix('/')?;
        matches!(cluster, "stocks" | "options" | "indices").then(|| Connection {
            cluster: cluster.to_owned(),
            params: BTreeSet::new(),
            is_known: false,
            sent_ms: now_ms,
        })
    }

    /// What is said first.
    pub fn greeting() -> String {
        status("connected", "Connected Successfully").to_string()
    }

    /// The answer to a message. Any key is good: there is nothing to protect.
    pub fn answer(&mut self, text: &str) -> Option<String> {
        let told: Value = serde_json::from_str(text).ok()?;
        let params = told["params"].as_str().unwrap_or_default();
        match told["action"].as_str()? {
            "auth" => {
                self.is_known = true;
                Some(status("auth_success", "authenticated").to_string())
            }
            "subscribe" if self.is_known => {
                let answers = params.split(',').map(|param| self.subscribe(param));
                let answers: Vec<Value> = answers.collect();
                Some(Value::from(answers).to_string())
            }
            "unsubscribe" => {
                for param in params.split(',') {
                    self.params.remove(param);
                }
                None
            }
            _ => None,
        }
    }

    fn subscribe(&mut self, param: &str) -> Value {
        let (channel, symbol) = param.split_once('.').unwrap_or_default();
        let is_offered = match self.cluster.as_str() {
            "stocks" => !symbol.contains(':') && matches!(channel, "T" | "Q" | "AM"),
            "indices" => symbol.starts_with("I:") && matches!(channel, "V" | "AM"),
            _ => terms(symbol).is_some() && matches!(channel, "T" | "Q"),
        };
        let is_there = usual(symbol).is_some() || terms(symbol).is_some();
        if !is_offered || !is_there || self.params.len() >= PARAMS_MAX {
            return status("error", "not authorized")[0].take();
        }
        self.params.insert(param.to_owned());
        status("success", &format!("subscribed to: {param}"))[0].take()
    }

    /// What there is to send by now; `None` when nothing came about since the last time.
    pub fn events(&mut self, now_ms: i64) -> Option<String> {
        let at_ms = now_ms / EVERY_MS * EVERY_MS;
        if at_ms <= self.sent_ms || self.params.is_empty() {
            return None;
        }
        let minute = at_ms / MINUTE_MS;
        let is_new_minute = minute > self.sent_ms / MINUTE_MS;
        self.sent_ms = at_ms;
        let events = self.params.iter().filter_map(|param| {
            let (channel, symbol) = param.split_once('.')?;
            match channel {
                "AM" if !is_new_minute => None,
                "AM" => Some(minute_of(symbol, usual(symbol)?, (minute - 1) * MINUTE_MS)),
                _ => event(channel, symbol, at_ms),
            }
        });
        let events: Vec<Value> = events.collect();
        (!events.is_empty()).then(|| Value::from(events).to_string())
    }
}

fn status(status: &str, message: &str) -> Value {
    json!([{"ev": "status", "status": status, "message": message}])
}

/// Root, date, strike and side of a contract of the demo's.
fn terms(ticker: &str) -> Option<(&str, Date, f64, bool)> {
    let name = ticker.strip_prefix("O:")?;
    let (root, terms) = name.split_at_checked(name.len().checked_sub(TERMS_BYTES)?)?;
    let (date, rest) = terms.split_at_checked(6)?;
    let (side, strike) = rest.split_at_checked(1)?;
    let date = Date::strptime("%y%m%d", date).ok()?;
    let strike = strike.parse::<u32>().ok()?;
    usual(root)?;
    Some((root, date, f64::from(strike) / 1_000.0, side == "C"))
}

fn event(channel: &str, symbol: &str, ms: i64) -> Option<Value> {
    // So many quarters of a second since 1970: the same number whenever it is asked.
    let number = ms / EVERY_MS;
    if let Some((root, date, strike, is_call)) = terms(symbol) {
        let spot = price(usual(root)?, ms);
        let of = contract(root, date, strike, is_call, spot, ms);
        return Some(match channel {
            "Q" => json!({"ev": "Q", "sym": symbol, "bp": of["last_quote"]["bid"], "bs": 5,
                "ap": of["last_quote"]["ask"], "as": 5, "t": ms, "q": number}),
            _ => {
                json!({"ev": "T", "sym": symbol, "p": of["last_trade"]["price"], "s": 1, "c": [], "t": ms, "q": number})
            }
        });
    }
    let price = price(usual(symbol)?, ms);
    Some(match channel {
        "T" => {
            json!({"ev": "T", "sym": symbol, "x": 4, "i": number.to_string(), "z": 3, "p": price, "s": 100,
            "c": [], "t": ms, "q": number})
        }
        "Q" => {
            json!({"ev": "Q", "sym": symbol, "bp": cents(price - 0.01), "bs": 3, "ap": cents(price + 0.01),
            "as": 2, "t": ms, "q": number})
        }
        "V" => json!({"ev": "V", "T": symbol, "val": price, "t": ms}),
        _ => return None,
    })
}

/// Open, high, low and close of a minute.
pub(super) fn ohlc(usual: f64, start_ms: i64) -> [f64; 4] {
    let prices = (0..MINUTE_MS / EVERY_MS).map(|nth| price(usual, start_ms + nth * EVERY_MS));
    let prices: Vec<f64> = prices.collect();
    let most = prices.iter().copied().fold(f64::MIN, f64::max);
    let least = prices.iter().copied().fold(f64::MAX, f64::min);
    [prices[0], most, least, prices[prices.len() - 1]]
}

fn minute_of(symbol: &str, usual: f64, start_ms: i64) -> Value {
    let [open, high, low, close] = ohlc(usual, start_ms);
    json!({"ev": "AM", "sym": symbol, "v": 24_000, "o": open, "c": close, "h": high, "l": low, "s": start_ms,
        "e": start_ms + MINUTE_MS})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::massive::facts::Refusals;
    use crate::massive::frames::{self, Cluster};

    const NOW_MS: i64 = 1_795_558_200_123;

    fn subscribed(path: &str, params: &str) -> (Connection, String) {
        let mut connection = Connection::new(path, NOW_MS).expect("a cluster");
        connection.answer(r#"{"action":"auth","params":"any"}"#);
        let asked = format!(r#"{{"action":"subscribe","params":"{params}"}}"#);
        let said = connection.answer(&asked).expect("an answer");
        (connection, said)
    }

    #[test]
    fn what_it_sends_is_read_without_a_refusal_and_a_function_of_the_time() {
        for (cluster, params) in [
            (Cluster::Stocks, "T.DEMO1,Q.DEMO1,AM.DEMO2"),
            (Cluster::Indices, "V.I:DEMO,AM.I:DEMO"),
            (
                Cluster::Options,
                "T.O:DEMO1261127C00100000,Q.O:DEMO1261127C00100000",
            ),
        ] {
            let path = format!("/{}", cluster.word());
            let (mut connection, said) = subscribed(&path, params);
            let count = params.split(',').count();
            assert_eq!(said.matches("subscribed to: ").count(), count, "{said}");
            assert_eq!(connection.events(NOW_MS), None);
            let later = NOW_MS + 60_000;
            let frame = connection.events(later).expect("events");
            let (mut refusals, mut events) = (Refusals::default(), 0);
            frames::read(&frame, cluster, later, &mut refusals, &mut |_| events += 1)
                .expect("a frame");
            assert_eq!((refusals.list(), events), (&[][..], count), "{frame}");
            let (mut again, _) = subscribed(&path, params);
            assert_eq!(again.events(later), Some(frame));
        }
    }

    #[test]
    fn what_it_does_not_have_is_not_confirmed() {
        let (mut connection, said) =
            subscribed("/stocks", "T.SPY,V.DEMO1,T.I:DEMO,LULD.DEMO1,nothing");
        assert_eq!(said.matches("not authorized").count(), 5, "{said}");
        assert_eq!(connection.events(NOW_MS + 1_000), None);
        assert!(Connection::new("/crypto", 0).is_none());
        let mut unknown = Connection::new("/stocks", 0).expect("a cluster");
        let asked = r#"{"action":"subscribe","params":"T.DEMO1"}"#;
        assert_eq!(unknown.answer(asked), None, "without a key");
    }
}
