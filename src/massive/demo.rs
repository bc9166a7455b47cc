//! A vendor for a newcomer without a key or a network: it speaks the vendor's protocol for three symbols that do not
//! exist, and every record of them says `demo`.
//!
//! Every value is a function of the time alone, so that a demo that is restarted goes on where it would be.

pub mod stream;

use std::f64::consts::TAU;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::answer::request::date;
use super::session::calendar::date_of;

/// What there is, and its usual price.
pub const SYMBOLS: [(&str, f64); 3] = [("DEMO1", 100.0), ("DEMO2", 250.0), ("I:DEMO", 5_000.0)];
/// Expirations of a chain: the next so many Fridays.
const EXPIRATIONS: usize = 6;
/// Strikes lie so far apart, in percent of the usual price, and so many to either side of it.
const STRIKE_PCT: f64 = 1.0;
const STRIKES: i32 = 40;
/// What the vendor answers with where no limit is given, and at most.
const LIMIT_USUAL: usize = 10;
const LIMIT_MAX: usize = 250;
/// Minutes that are told at once.
const MINUTES_MAX: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;
/// A year's volatility of everything.
const VOLATILITY: f64 = 0.2;

/// The answer to a request: status and body. `host` is where it came in, as `127.0.0.1:8098`.
pub fn serve(target: &str, host: &str, now_ms: i64) -> (u16, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let get = |name: &str| {
        let found = parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    let answer = match path {
        "/v1/marketstatus/now" => json!({
            "market": "open", "earlyHours": false, "afterHours": false,
            "serverTime": moment(now_ms), "indicesGroups": {"demo": "open"},
        }),
        "/v1/marketstatus/upcoming" => json!([]),
        "/v3/snapshot" | "/v3/snapshot/indices" => {
            let names = get("ticker.any_of").unwrap_or_default().split(',');
            let limit = limit(get("limit"));
            let items: Vec<Value> = names.take(limit).map(|name| item(name, now_ms)).collect();
            json!({"status": "OK", "request_id": "demo", "results": items})
        }
        "/v3/reference/conditions" => json!({
            "status": "OK",
            "results": [{"id": 14, "name": "of no use here", "update_rules": {"consolidated": {"updates_open_close": true}}}],
        }),
        _ => match (
            path.strip_prefix("/v3/snapshot/options/"),
            minutes(path, now_ms),
        ) {
            (Some(name), _) => chain(&name.replace("%3A", ":"), path, host, &get, now_ms),
            (None, Some(bars)) => bars,
            (None, None) => {
                let body = json!({"status": "NOT_FOUND", "message": "the demo does not have this"});
                return (404, body.to_string());
            }
        },
    };
    (200, answer.to_string())
}

/// Puts the demo into a truth in place of what it says of market data.
pub fn into_truth(truth: &mut Value, port: u16) {
    let own = &mut truth["services"]["massive"];
    own["vendor"] = json!({
        "source": "demo", "base_url": format!("http://127.0.0.1:{port}"), "calls_per_min": 600, "stream": "live",
    });
    own["symbols"] = json!(["DEMO1", "DEMO2"]);
    own["indices"] = json!(["I:DEMO"]);
    own["chains"] = json!([{"underlying": "DEMO1", "expirations": 4, "interval_sec": 10}]);
    own["schedule"] = json!({"spots_sec": 2, "closed_sec": 60});
    own["limits"] = json!({"stale_sec": 15});
}

fn limit(text: Option<&str>) -> usize {
    let limit = text.and_then(|text| text.parse().ok());
    limit.unwrap_or(LIMIT_USUAL).min(LIMIT_MAX)
}

fn moment(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}

fn usual(name: &str) -> Option<f64> {
    SYMBOLS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, usual)| *usual)
}

/// The bars of `/v2/aggs/ticker/{T}/range/1/minute/{from}/{to}`; `None` for another path.
fn minutes(path: &str, now_ms: i64) -> Option<Value> {
    let rest = path.strip_prefix("/v2/aggs/ticker/")?;
    let (name, span) = rest.split_once("/range/1/minute/")?;
    let name = name.replace("%3A", ":");
    let (from, to) = span.split_once('/')?;
    let (from, to): (i64, i64) = (from.parse().ok()?, to.parse().ok()?);
    let usual = usual(&name)?;
    let first = from.max(now_ms - MINUTES_MAX * MINUTE_MS) / MINUTE_MS;
    let last = to.min(now_ms - MINUTE_MS) / MINUTE_MS;
    let bars = (first..=last).map(|minute| {
        let start_ms = minute * MINUTE_MS;
        let [open, high, low, close] = stream::ohlc(usual, start_ms);
        json!({"o": open, "h": high, "l": low, "c": close, "v": 24_000, "t": start_ms})
    });
    let bars: Vec<Value> = bars.collect();
    Some(json!({"status": "OK", "ticker": name, "results": bars}))
}

/// The price at a moment: two waves, in cents, another one each quarter of a second.
fn price(usual: f64, now_ms: i64) -> f64 {
    let secs = (now_ms / 250) as f64 / 4.0;
    let wave = 0.01 * (secs * TAU / 600.0).sin() + 0.002 * (secs * TAU / 37.0).sin();
    cents(usual * (1.0 + wave))
}

fn cents(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// One element of a snapshot.
fn item(name: &str, now_ms: i64) -> Value {
    let Some(usual) = usual(name) else {
        return json!({"ticker": name, "error": "NOT_FOUND", "message": "the demo does not have this"});
    };
    // Whole seconds: the price of one is the same however often it is asked for.
    let second_ms = now_ms / 1_000 * 1_000;
    let (nanos, price) = (second_ms * 1_000_000, price(usual, second_ms));
    let session = json!({
        "open": usual, "high": cents(usual * 1.012), "low": cents(usual * 0.988), "close": price,
        "previous_close": usual, "change": cents(price - usual),
        "change_percent": (price / usual - 1.0) * 100.0,
    });
    if name.starts_with("I:") {
        return json!({
            "ticker": name, "type": "indices", "market_status": "open", "value": price,
            "timeframe": "REAL-TIME", "last_updated": nanos, "session": session,
        });
    }
    json!({
        "ticker": name, "type": "stocks", "market_status": "open", "session": session,
        "last_trade": {"price": price, "size": 100, "sip_timestamp": nanos, "timeframe": "REAL-TIME"},
        "last_quote": {
            "bid": cents(price - 0.01), "ask": cents(price + 0.01), "bid_size": 3, "ask_size": 2,
            "last_updated": nanos,
        },
        "last_updated": nanos,
    })
}

/// One page of a chain.
fn chain<'q>(
    name: &str,
    path: &str,
    host: &str,
    get: &dyn Fn(&str) -> Option<&'q str>,
    now_ms: i64,
) -> Value {
    let Some(usual) = usual(name) else {
        return json!({"status": "OK", "request_id": "demo", "results": []});
    };
    // A cursor is the query that it goes on with, and how much of it was there.
    let (from, low, high, at) =
        match get("cursor").map(|cursor| cursor.split('_').collect::<Vec<_>>()) {
            Some(parts) if parts.len() == 4 => {
                (parts[0], parts[1], parts[2], parts[3].parse().unwrap_or(0))
            }
            _ => (
                get("expiration_date.gte").unwrap_or_default(),
                get("strike_price.gte").unwrap_or("0"),
                get("strike_price.lte").unwrap_or("1000000"),
                0_usize,
            ),
        };
    let limit = limit(get("limit"));
    let first = date(from).unwrap_or_else(|| date_of(now_ms));
    let strikes = (low.parse().unwrap_or(0.0), high.parse().unwrap_or(f64::MAX));
    let spot = price(usual, now_ms);
    let all = contracts(usual, first, strikes);
    let page = all.iter().skip(at).take(limit);
    let results: Vec<Value> = page
        .map(|(date, strike, is_call)| contract(name, *date, *strike, *is_call, spot, now_ms))
        .collect();
    let mut answer = json!({"status": "OK", "request_id": "demo", "results": results});
    if at + limit < all.len() {
        let next = format!(
            "http://{host}{path}?cursor={first}_{low}_{high}_{}&limit={limit}",
            at + limit
        );
        answer["next_url"] = json!(next);
    }
    answer
}

/// Every contract between these strikes, the nearest expiration first.
fn contracts(usual: f64, first: Date, (low, high): (f64, f64)) -> Vec<(Date, f64, bool)> {
    let days = std::iter::successors(Some(first), |day| day.tomorrow().ok());
    let fridays = days
        .filter(|day| day.weekday() == Weekday::Friday)
        .take(EXPIRATIONS);
    let mut all = Vec::new();
    for friday in fridays {
        for nth in -STRIKES..=STRIKES {
            let strike = usual * (1.0 + f64::from(nth) * STRIKE_PCT / 100.0);
            if (low..=high).contains(&strike) {
                all.extend([true, false].map(|is_call| (friday, strike, is_call)));
            }
        }
    }
    all
}

fn contract(name: &str, date: Date, strike: f64, is_call: bool, spot: f64, now_ms: i64) -> Value {
    let nanos = now_ms / 1_000 * 1_000_000_000;
    let days = date_of(now_ms)
        .until(date)
        .map_or(1, |span| span.get_days().max(1));
    let width = spot * VOLATILITY * (f64::from(days) / 365.0).sqrt();
    let away = (spot - strike) / width;
    // Roughly a bell: enough for something that looks like a market.
    let time_value = 0.4 * width * (-away * away / 2.0).exp();
    let inner = if is_call {
        spot - strike
    } else {
        strike - spot
    };
    let value = inner.max(0.0) + time_value;
    let up = 1.0 / (1.0 + (-1.7 * away).exp());
    let (kind, letter) = if is_call { ("call", 'C') } else { ("put", 'P') };
    let root = name.trim_start_matches("I:");
    let ticker = format!(
        "O:{root}{}{letter}{:08.0}",
        date.strftime("%y%m%d"),
        strike * 1_000.0
    );
    json!({
        "details": {
            "ticker": ticker, "contract_type": kind, "strike_price": strike, "shares_per_contract": 100,
            "expiration_date": date.to_string(), "exercise_style": "american",
        },
        "day": {"volume": (value * 10.0).round(), "last_updated": nanos},
        "last_quote": {
            "bid": cents(value * 0.99), "ask": cents(value * 1.01) + 0.01, "bid_size": 5, "ask_size": 5,
            "last_updated": nanos,
        },
        "last_trade": {"price": cents(value.max(0.01)), "size": 1, "sip_timestamp": nanos},
        "greeks": {
            "delta": if is_call { up } else { up - 1.0 }, "gamma": (-away * away / 2.0).exp() * 0.4 / width,
            "theta": -time_value / f64::from(days) / 2.0, "vega": time_value / VOLATILITY / 100.0,
        },
        "implied_volatility": VOLATILITY,
        "open_interest": 100 + (time_value * 100.0).round() as i64,
        "underlying_asset": {"ticker": name, "price": spot},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::massive::answer::ask;
    use crate::massive::answer::request::Request;
    use crate::massive::chain::{Gathering, Next, Wanted};
    use crate::massive::normalise;

    const NOW_MS: i64 = 1_795_558_200_123;

    #[test]
    fn its_prices_are_read_without_a_refusal_and_move() {
        let names = SYMBOLS.map(|(name, _)| name.to_owned());
        let target = &ask::unified(&names, 250)[0].target;
        let request = Request::parse(target).expect("a path");
        let values = |now_ms| {
            let (status, body) = serve(target, "127.0.0.1:1", now_ms);
            assert_eq!(status, 200);
            let facts = normalise::read(body.as_bytes(), &request, now_ms).expect("an answer");
            assert_eq!(facts.refusals.list(), []);
            let value = |spot: &crate::massive::facts::Spot| {
                spot.price.as_ref().map(|price| price.value.value())
            };
            facts.spots.iter().map(value).collect::<Vec<_>>()
        };
        assert_eq!(
            values(NOW_MS),
            values(NOW_MS),
            "a function of the time alone"
        );
        assert_eq!(values(NOW_MS).len(), 3);
        assert_ne!(values(NOW_MS), values(NOW_MS + 5_000));
        assert_eq!(serve("/v2/other", "", 0).0, 404);
    }

    #[test]
    fn its_chain_comes_in_pages_and_is_whole() {
        let from = date_of(NOW_MS);
        let mut target = ask::chain("DEMO1", from, None);
        let request = Request::parse(&target).expect("a path");
        let wanted = Wanted {
            expirations: 4,
            max_contracts: 10_000,
        };
        let mut gathering = Gathering::new(request, "127.0.0.1", wanted);
        let mut pages = 0;
        loop {
            pages += 1;
            let (_, body) = serve(&target, "127.0.0.1:8098", NOW_MS);
            match gathering.page(body.as_bytes(), NOW_MS).expect("a page") {
                Next::Page(next) => target = next,
                Next::Whole => break,
            }
        }
        assert_eq!(gathering.refusals().list(), []);
        let contracts = gathering.finish();
        assert_eq!((pages, contracts.len()), (3, 4));
        assert!(contracts.values().all(|list| list.len() == 162));
    }
}
