//! A second reader of the vendor's answers: slow, plain, and written from the vendor's documents alone. It looks up
//! where each value that came out should stand, and whether that very number stands there.

use serde_json::Value;

/// 2000-01-01 00:00:00 UTC.
const OLDEST_MS: i64 = 946_684_800_000;

/// Where the values of an answer stand.
struct Places {
    /// The list of elements.
    list: &'static str,
    /// The name of an element's symbol.
    symbol: &'static str,
    /// Name on the wire → pointers within the element.
    fields: &'static [(&'static str, &'static [&'static str])],
    /// Kind → pointers to the price and to its time.
    kinds: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const UNIFIED: Places = Places {
    list: "/results",
    symbol: "/ticker",
    fields: &[
        ("size", &["/last_trade/size"]),
        ("bid", &["/last_quote/bid"]),
        ("ask", &["/last_quote/ask"]),
        ("bid_size", &["/last_quote/bid_size"]),
        ("ask_size", &["/last_quote/ask_size"]),
        ("quote_ms", &["/last_quote/last_updated"]),
        ("open", &["/session/open"]),
        ("high", &["/session/high"]),
        ("low", &["/session/low"]),
        ("close", &["/session/close"]),
        ("volume", &["/session/volume"]),
        ("prev_close", &["/session/previous_close"]),
        ("change", &["/session/change"]),
        ("change_pct", &["/session/change_percent"]),
    ],
    kinds: &[
        ("value", "/value", &["/last_updated"]),
        (
            "trade",
            "/last_trade/price",
            &["/last_trade/sip_timestamp", "/last_trade/last_updated"],
        ),
        (
            "minute",
            "/last_minute/close",
            &["/last_minute/last_updated"],
        ),
        ("day", "/session/close", &["/last_updated"]),
        ("prev", "/session/previous_close", &[]),
    ],
};

const CONTRACT: Places = Places {
    list: "/results",
    symbol: "/details/ticker",
    fields: &[
        ("strike", &["/details/strike_price"]),
        ("bid", &["/last_quote/bid"]),
        ("ask", &["/last_quote/ask"]),
        ("last", &["/last_trade/price"]),
        ("iv", &["/implied_volatility"]),
        ("delta", &["/greeks/delta"]),
        ("gamma", &["/greeks/gamma"]),
        ("theta", &["/greeks/theta"]),
        ("vega", &["/greeks/vega"]),
        ("volume", &["/day/volume", "/session/volume"]),
        ("oi", &["/open_interest"]),
        (
            "underlying",
            &["/underlying_asset/price", "/underlying_asset/value"],
        ),
        (
            "updated",
            &[
                "/last_quote/last_updated",
                "/last_trade/sip_timestamp",
                "/day/last_updated",
                "/session/last_updated",
            ],
        ),
    ],
    kinds: &[],
};

const TICKERS: Places = Places {
    list: "/tickers",
    symbol: "/ticker",
    fields: &[
        ("size", &["/lastTrade/s"]),
        ("bid", &["/lastQuote/p"]),
        ("ask", &["/lastQuote/P"]),
        ("bid_size", &["/lastQuote/s"]),
        ("ask_size", &["/lastQuote/S"]),
        ("quote_ms", &["/lastQuote/t"]),
        ("open", &["/day/o"]),
        ("high", &["/day/h"]),
        ("low", &["/day/l"]),
        ("close", &["/day/c"]),
        ("volume", &["/day/v"]),
        ("prev_close", &["/prevDay/c"]),
        ("change", &["/todaysChange"]),
        ("change_pct", &["/todaysChangePerc"]),
    ],
    kinds: &[
        ("trade", "/lastTrade/p", &["/lastTrade/t"]),
        ("minute", "/min/c", &["/min/t"]),
        ("day", "/day/c", &["/updated"]),
        ("prev", "/prevDay/c", &[]),
    ],
};

const TICKER: Places = Places {
    list: "/ticker",
    ..TICKERS
};

const BARS: Places = Places {
    list: "/results",
    symbol: "/T",
    fields: &[
        ("open", &["/o"]),
        ("high", &["/h"]),
        ("low", &["/l"]),
        ("close", &["/c"]),
        ("volume", &["/v"]),
        ("start_ms", &["/t"]),
    ],
    kinds: &[("day", "/c", &["/t"]), ("prev", "/c", &["/t"])],
};

const LAST_TRADE: Places = Places {
    list: "/results",
    symbol: "/T",
    fields: &[("size", &["/s"])],
    kinds: &[("trade", "/p", &["/t"])],
};

const TRADES: Places = Places {
    list: "/results",
    symbol: "/none",
    fields: &[("size", &["/size"]), ("sequence", &["/sequence_number"])],
    kinds: &[("trade", "/price", &["/sip_timestamp"])],
};

const CONDITIONS: Places = Places {
    list: "/results",
    symbol: "/none",
    fields: &[("condition", &["/id"])],
    kinds: &[],
};

/// What needs no place: who and what it is, or made here.
const NOT_THE_VENDORS: &[&str] = &[
    "symbol",
    "kind",
    "session",
    "feed",
    "stale",
    "reason",
    "fetched_ms",
    "fresh_until_ms",
    "source",
    "ticker",
    "expiration",
    "type",
    "name",
    "updates_price",
    "conditions",
];

fn places(path: &str, value: &Value) -> &'static Places {
    let path = path.split('?').next().unwrap_or_default();
    if value["ticker"].is_string() {
        &CONTRACT
    } else if path.starts_with("/v3/snapshot") {
        &UNIFIED
    } else if path.ends_with("/stocks/tickers") {
        &TICKERS
    } else if path.starts_with("/v2/snapshot") {
        &TICKER
    } else if path.starts_with("/v2/aggs") {
        &BARS
    } else if path.starts_with("/v2/last") {
        &LAST_TRADE
    } else if path.starts_with("/v3/trades") {
        &TRADES
    } else {
        &CONDITIONS
    }
}

/// Does every value of the report stand in the answer, as that number, for that symbol, at its documented place?
pub fn holds(path: &str, answer: &Value, report: &Value, now_ms: i64) -> Result<(), String> {
    for value in report["values"].as_array().ok_or("no values")? {
        let places = places(path, value);
        let listed = answer.pointer(places.list).unwrap_or(&Value::Null);
        let elements = match listed {
            Value::Array(list) => list.iter().collect(),
            other => vec![other],
        };
        let is_found = elements
            .iter()
            .filter(|element| is_of(element, value, places))
            .any(|element| value_holds(element, value, places, now_ms).is_ok());
        if !is_found {
            let why = elements
                .iter()
                .map(|element| value_holds(element, value, places, now_ms))
                .find_map(Result::err);
            return Err(format!("{value} is not in the answer: {why:?}"));
        }
        sound(value, now_ms)?;
    }
    Ok(())
}

/// Is the element that of the value's symbol? Where elements name none, any may be.
fn is_of(element: &Value, value: &Value, places: &Places) -> bool {
    let mut names = [element.pointer(places.symbol), element.get("ticker")]
        .into_iter()
        .flatten();
    // A name of null is none.
    let named = names.find(|name| !name.is_null());
    named.is_none_or(|name| *name == value["symbol"])
}

fn value_holds(element: &Value, value: &Value, places: &Places, now_ms: i64) -> Result<(), String> {
    for (name, found) in value.as_object().ok_or("no object")? {
        match name.as_str() {
            name if NOT_THE_VENDORS.contains(&name) => {}
            "mid" | "spread_pct" => derived(value)?,
            "price" | "event_ms" => priced(element, value, places, now_ms)?,
            name => {
                let (_, pointers) = places
                    .fields
                    .iter()
                    .find(|(known, _)| *known == name)
                    .ok_or(format!("{name} has no place"))?;
                let is_time = name.ends_with("_ms") || name == "updated";
                let stands = pointers
                    .iter()
                    .filter_map(|at| element.pointer(at))
                    .any(|there| {
                        if is_time {
                            is_time_of(there, found, 0)
                        } else {
                            there.as_f64() == found.as_f64()
                        }
                    });
                if !stands {
                    return Err(format!("{name} {found} stands at none of {pointers:?}"));
                }
            }
        }
    }
    Ok(())
}

fn priced(element: &Value, value: &Value, places: &Places, now_ms: i64) -> Result<(), String> {
    let kind = value["kind"].as_str().ok_or("a price without a kind")?;
    let (_, price, times) = places
        .kinds
        .iter()
        .find(|(known, ..)| *known == kind)
        .ok_or(format!("the kind {kind} has no place"))?;
    let there = element.pointer(price).and_then(Value::as_f64);
    if there.is_none() || there != value["price"].as_f64() {
        return Err(format!("the price is not at {price}"));
    }
    let Some(event) = value.get("event_ms") else {
        return Ok(());
    };
    // The minute of the second rung came about at its end, unless it still runs.
    let later_ms = if *price == "/min/c" { 60_000 } else { 0 };
    let stands = times
        .iter()
        .filter_map(|at| element.pointer(at))
        .any(|there| {
            is_time_of(there, event, later_ms) || (later_ms > 0 && event.as_i64() == Some(now_ms))
            // A start of up to five seconds ahead is not set back.
            || (later_ms > 0 && is_time_of(there, event, 0))
        });
    if stands {
        Ok(())
    } else {
        Err(format!("the time {event} stands at none of {times:?}"))
    }
}

/// Is one of the two the other, in whichever unit?
fn is_time_of(there: &Value, ms: &Value, later_ms: i64) -> bool {
    let (Some(there), Some(ms)) = (there.as_i64(), ms.as_i64()) else {
        return false;
    };
    let ms = ms - later_ms;
    let of_unit = |per_ms: i64| there.div_euclid(per_ms) == ms;
    of_unit(1) || of_unit(1_000) || of_unit(1_000_000) || there.checked_mul(1_000) == Some(ms)
}

/// Half of bid and ask, and how far they are apart.
fn derived(value: &Value) -> Result<(), String> {
    let number = |name: &str| value[name].as_f64().ok_or(format!("no {name}"));
    let (bid, ask, mid) = (number("bid")?, number("ask")?, number("mid")?);
    let spread = (ask - bid) / ((bid + ask) / 2.0) * 100.0;
    let is_right = (mid - (bid + ask) / 2.0).abs() <= mid.abs() * 1e-9
        && (number("spread_pct")? - spread).abs() <= 1e-6 + spread.abs() * 1e-9;
    if is_right {
        Ok(())
    } else {
        Err("mid or spread_pct is another".to_owned())
    }
}

/// Rules that no value may break, wherever it comes from.
fn sound(value: &Value, now_ms: i64) -> Result<(), String> {
    let number = |name: &str| value[name].as_f64();
    let rule = |is_kept: bool, rule: &str| {
        if is_kept {
            Ok(())
        } else {
            Err(format!("{rule}: {value}"))
        }
    };
    for name in [
        "price",
        "ask",
        "open",
        "high",
        "low",
        "close",
        "prev_close",
        "strike",
        "last",
    ] {
        rule(number(name) != Some(0.0), "0 is no price")?;
    }
    for name in ["event_ms", "quote_ms", "updated", "start_ms"] {
        let time = value[name].as_i64();
        let can_be = time.is_none_or(|ms| (OLDEST_MS..=now_ms + 5_000).contains(&ms));
        rule(can_be, "a time lies between 2000 and 5 s ahead")?;
    }
    rule(
        !matches!((number("bid"), number("ask")), (Some(b), Some(a)) if b > a),
        "bid over ask",
    )?;
    rule(
        !matches!((number("low"), number("high")), (Some(l), Some(h)) if l > h),
        "low over high",
    )?;
    if let (Some(price), Some(prev), Some(change)) =
        (number("price"), number("prev_close"), number("change"))
    {
        let off = (change - (price - prev)).abs();
        rule(off <= prev.abs() * 0.01 + 1e-9, "the change is another")?;
    }
    if value["stale"].is_number() {
        let is_dated = value["event_ms"].is_number() && value["price"].is_number();
        rule(is_dated || value["stale"] == 1, "what has no date is stale")?;
        rule(
            value["stale"] == 0 || value["reason"].is_string(),
            "what is stale says why",
        )?;
    }
    Ok(())
}
