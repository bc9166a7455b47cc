//! massive and the vendor's stream: what comes by it is written at once, once, and nothing of it is taken for what it is
//! not.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::stream_vendor::StreamVendor;
use crate::support::vendor::{KEY, Market, now_ms};
use crate::support::{Daemon, PATIENCE, until};

/// A market with a live stream.
pub fn streaming(names: &[&str]) -> (Market, StreamVendor) {
    let mut market = Market::open(names);
    let stream = StreamVendor::open();
    market.section("vendor")["stream"] = json!("live");
    market.section("vendor")["stream_url"] = json!(stream.url());
    (market, stream)
}

/// The same, with massive at work, all subscribed, and what conditions mean known.
pub fn started(names: &[&str]) -> (Market, StreamVendor, Daemon) {
    let (market, stream) = streaming(names);
    let massive = market.start();
    ready(&market, &stream, names);
    (market, stream, massive)
}

/// Waits until everything is subscribed, and what conditions mean is known.
pub fn ready(market: &Market, stream: &StreamVendor, names: &[&str]) {
    for name in names {
        match name.strip_prefix("I:") {
            Some(_) => stream.wait_asked("/indices", &format!("V.{name}")),
            None => stream.wait_asked("/stocks", &format!("T.{name}")),
        }
    }
    market.vendor.wait_arrivals("/v3/reference/conditions", 1);
    // The first trade that is a price says that all of it is in force.
    let stocks: Vec<&&str> = names
        .iter()
        .filter(|name| !name.starts_with("I:"))
        .collect();
    let Some(name) = stocks.first() else { return };
    until("the stream is worked on", PATIENCE, || {
        stream.send("/stocks", &[trade(name, 1.0, now_ms() - 50, 1, &[14])]);
        let ticks = ticks(market, name);
        match ticks.iter().any(|(_, tick)| tick["price"] == "1.0") {
            true => Ok(()),
            false => Err(format!("{ticks:?}")),
        }
    });
}

pub fn trade(symbol: &str, price: f64, ms: i64, number: i64, conditions: &[i64]) -> Value {
    json!({"ev": "T", "sym": symbol, "x": 4, "i": "1", "z": 3, "p": price, "s": 100, "c": conditions, "t": ms, "q": number})
}

pub fn ticks(market: &Market, symbol: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let key = format!("market:tick:{symbol}");
    market.redis.query(&["XRANGE", &key, "-", "+"])
}

pub fn total(market: &Market, name: &str) -> u64 {
    let count: Option<u64> = market.redis.query(&["HGET", "massive:totals", name]);
    count.unwrap_or(0)
}

/// Without a limit on jumps: tests put prices wherever they like.
fn calm(market: &mut Market) {
    market.section("limits")["jump_pct"] = json!(0);
}

#[test]
fn what_comes_by_the_stream_stands_in_its_fields_and_keeps_its_digits() {
    let (mut market, stream) = streaming(&["SPY", "I:SPX"]);
    calm(&mut market);
    let _massive = market.start();
    ready(&market, &stream, &["SPY", "I:SPX"]);
    let ms = now_ms();
    let minute = ms / 60_000 * 60_000 - 60_000;
    stream.send_text(
        "/stocks",
        &format!(
            r#"[{{"ev":"T","sym":"SPY","x":4,"i":"1","z":3,"p":601.1300,"s":100,"c":[14,41],"t":{ms},"q":77}},
            {{"ev":"Q","sym":"SPY","bp":601.12,"bs":3,"ap":601.140,"as":2,"t":{ms},"q":78}},
            {{"ev":"LULD","T":"SPY","h":661.20,"l":541.0,"i":[21],"t":{}}},
            {{"ev":"AM","sym":"SPY","v":4110,"o":600.5,"c":600.75,"h":601.0,"l":600.25,"s":{minute},"e":{}}}]"#,
            ms * 1_000,
            minute + 60_000
        ),
    );
    stream.send(
        "/indices",
        &[json!({"ev": "V", "val": 3988.5, "T": "I:SPX", "t": ms})],
    );
    let spy = market.wait_snapshot("SPY", "all of it", |s| {
        let has = |name: &str, value: &str| s.get(name).is_some_and(|v| v == value);
        has("price", "601.1300") && has("bid", "601.12") && has("limit_up", "661.20")
    });
    for (name, value) in [
        ("kind", "trade"),
        ("size", "100"),
        ("conditions", "14,41"),
        ("bid", "601.12"),
        ("ask", "601.140"),
        ("bid_size", "3"),
        ("limit_up", "661.20"),
        ("limit_down", "541.0"),
        ("feed", "live"),
        ("stale", "0"),
        ("source", "massive"),
    ] {
        assert_eq!(spy[name], value, "{name}");
    }
    assert_eq!(spy["event_ms"], ms.to_string());
    let spx = market.wait_price("I:SPX", "3988.5");
    assert_eq!((&spx["kind"][..], &spx["feed"][..]), ("value", "live"));
    let tick = until("its tick", PATIENCE, || {
        let ticks: BTreeMap<_, _> = ticks(&market, "SPY").into_iter().collect();
        let tick = ticks.get(&format!("{ms}-77")).cloned();
        tick.ok_or_else(|| format!("{ticks:?}"))
    });
    assert_eq!(
        (&tick["price"][..], &tick["source"][..]),
        ("601.1300", "massive")
    );
    let bars = until("the bar is stored", PATIENCE, || {
        let bars: Vec<(String, i64)> =
            market
                .redis
                .query(&["ZRANGE", "market:bars:SPY", "0", "-1", "WITHSCORES"]);
        match bars.is_empty() {
            true => Err("no bar".to_owned()),
            false => Ok(bars),
        }
    });
    assert_eq!(bars.len(), 1);
    assert_eq!(
        (&bars[0].0[..], bars[0].1),
        (
            &format!(
                r#"{{"start_ms":{minute},"open":600.5,"high":601.0,"low":600.25,"close":600.75,"volume":4110,"source":"massive"}}"#
            )[..],
            minute
        )
    );
    // Where everything comes by the stream, nobody asks for it every second any more.
    let asked = until("prices are asked for seldom", PATIENCE, || {
        let jobs = market.status("jobs");
        let jobs: Value = serde_json::from_str(&jobs).unwrap_or_default();
        let spots = jobs.as_array().into_iter().flatten();
        let spots: Vec<_> = spots
            .filter(|job| job["job"] == "indices and symbols")
            .cloned()
            .collect();
        match spots
            .iter()
            .any(|job| job["interval_ms"].as_i64() > Some(50_000))
        {
            true => Ok(market.vendor.arrivals_of("/v3/snapshot").len()),
            false => Err(format!("{spots:?}")),
        }
    });
    std::thread::sleep(Duration::from_secs(3));
    assert!(market.vendor.arrivals_of("/v3/snapshot").len() <= asked + 1);
    until("the command says it", PATIENCE, || {
        let (code, said) = market.cli(&["status"]);
        let words = ["stream live", "stocks", "1 of 1"];
        match code == 0 && words.iter().all(|word| said.contains(word)) {
            true => Ok(()),
            false => Err(format!("{code} {said}")),
        }
    });
}

#[test]
fn the_key_goes_out_in_one_frame_after_the_greeting_and_in_no_address_or_header() {
    let (_market, stream, _massive) = started(&["SPY"]);
    let seen = stream.wait_connections("/stocks", 1);
    let auths: Vec<&String> = seen
        .iter()
        .flat_map(|seen| &seen.said)
        .filter(|(_, text)| text.contains(KEY))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(auths, [&format!(r#"{{"action":"auth","params":"{KEY}"}}"#)]);
    for seen in stream.seen() {
        assert!(!seen.path.contains(KEY) && !format!("{:?}", seen.headers).contains(KEY));
    }
    assert!(stream.seen_of("/options").is_empty(), "there are no chains");
}

#[test]
fn late_ineligible_older_and_repeated_trades_are_no_prices() {
    let (mut market, stream) = streaming(&["SPY"]);
    calm(&mut market);
    let _massive = market.start();
    ready(&market, &stream, &["SPY"]);
    let counts = || {
        [
            "stream_late",
            "stream_ineligible",
            "stream_steps_back",
            "stream_doubles",
        ]
        .map(|name| total(&market, name))
    };
    // Until it was known what conditions mean, trades with any were no prices: they are counted once a later one is.
    let mut last = trade("SPY", 1.25, now_ms(), 2, &[]);
    last["trft"] = json!(now_ms() - 60_000);
    stream.send("/stocks", &[last]);
    until("all before is counted", PATIENCE, || {
        match total(&market, "stream_late") {
            1 => Ok(()),
            n => Err(n.to_string()),
        }
    });
    let before = counts();
    let ms = now_ms();
    stream.send("/stocks", &[trade("SPY", 600.5, ms, 10, &[14])]);
    market.wait_price("SPY", "600.5");
    let mut late = trade("SPY", 1.25, ms + 3, 11, &[]);
    late["trft"] = json!(ms + 3 - 10_000);
    stream.send(
        "/stocks",
        &[
            late,
            trade("SPY", 2.25, ms + 3, 12, &[14, 37]),
            trade("SPY", 3.25, ms + 3, 13, &[999]),
            trade("SPY", 4.25, ms - 1, 14, &[]),
            trade("SPY", 600.5, ms, 10, &[14]),
            json!({"ev": "Q", "sym": "SPY", "bp": 7, "ap": 8, "t": ms + 4}),
        ],
    );
    let spy = market.wait_snapshot("SPY", "the quote after them", |s| {
        s.get("bid").is_some_and(|bid| bid == "7")
    });
    assert_eq!(spy["price"], "600.5");
    let prices: Vec<String> = ticks(&market, "SPY")
        .into_iter()
        .map(|(_, tick)| tick["price"].clone())
        .collect();
    assert!(
        prices.iter().all(|price| !price.contains(".25")),
        "{prices:?}"
    );
    until("they are counted", PATIENCE, || {
        let now = counts();
        let more: Vec<u64> = now
            .iter()
            .zip(before)
            .map(|(now, before)| now - before)
            .collect();
        match more == [1, 2, 1, 1] {
            true => Ok(()),
            false => Err(format!("{more:?}")),
        }
    });
}

#[test]
fn one_tick_is_written_for_each_flush_and_the_others_are_counted() {
    let (mut market, stream) = streaming(&["SPY"]);
    calm(&mut market);
    let _massive = market.start();
    ready(&market, &stream, &["SPY"]);
    let (ms, coalesced) = (now_ms(), total(&market, "stream_coalesced"));
    let trades: Vec<Value> = (0..500)
        .map(|n| trade("SPY", 500.0 + f64::from(n), ms, 100 + i64::from(n), &[]))
        .collect();
    stream.send("/stocks", &trades);
    market.wait_price("SPY", "999.0");
    // Those that were sent before are none of these.
    let all = ticks(&market, "SPY").into_iter();
    let own = all.filter(|(id, _)| id.starts_with(&format!("{ms}-")));
    let written = own.filter(|(_, tick)| tick["price"] != "1.0").count();
    assert!((1..=4).contains(&written), "{written} ticks of one message");
    until("the others are counted", PATIENCE, || {
        match total(&market, "stream_coalesced") - coalesced {
            n if n as usize + written >= 500 => Ok(()),
            n => Err(format!("{n}")),
        }
    });
}

#[test]
fn a_channel_that_is_not_confirmed_is_left_for_the_next_one_down() {
    let (mut market, stream) = streaming(&["SPY", "QQQ", "I:SPX"]);
    calm(&mut market);
    stream.behave(|manner| {
        // Nobody's trades; of one symbol not even its seconds. Of the index nothing.
        manner.offers =
            std::sync::Arc::new(|param| matches!(param, "A.SPY" | "AM.SPY" | "AM.QQQ" | "Q.SPY"));
    });
    let _massive = market.start();
    stream.wait_asked("/stocks", "A.QQQ");
    stream.wait_asked("/indices", "A.I:SPX");
    let (ms, minute) = (now_ms(), now_ms() / 60_000 * 60_000 - 60_000);
    until("prices by what there is", PATIENCE, || {
        let ms = now_ms();
        stream.send(
            "/stocks",
            &[
                json!({"ev": "A", "sym": "SPY", "o": 5, "c": 5.5, "h": 6, "l": 5, "s": ms - 1_000, "e": ms}),
                json!({"ev": "AM", "sym": "QQQ", "o": 7, "c": 7.5, "h": 8, "l": 7, "s": minute, "e": ms}),
            ],
        );
        let [spy, qqq] = ["SPY", "QQQ"].map(|name| market.snapshot(name));
        let is = |s: &BTreeMap<String, String>, price: &str, kind: &str| {
            s.get("price").is_some_and(|p| p == price) && s["kind"] == kind
        };
        match is(&spy, "5.5", "trade") && is(&qqq, "7.5", "minute") {
            true => Ok(()),
            false => Err(format!("{spy:?} {qqq:?}")),
        }
    });
    assert!(now_ms() - ms < 60_000);
    // The index has no channel at all: it is asked for as if there were no stream.
    market.vendor.price("I:SPX", "6123.5");
    market.wait_price("I:SPX", "6123.5");
}

#[test]
fn contracts_nearest_to_the_money_are_listened_to_and_each_has_a_record() {
    let (mut market, stream) = streaming(&["SPY"]);
    *market.section("chains") = json!([{"underlying": "SPY", "expirations": 1, "interval_sec": 5}]);
    let _massive = market.start();
    let contract = "O:SPY300118C00100000";
    stream.wait_asked("/options", &format!("Q.{contract}"));
    let ms = now_ms();
    stream.send(
        "/options",
        &[
            json!({"ev": "Q", "sym": contract, "bp": 1.25, "ap": 1.5, "bs": 4, "as": 5, "t": ms, "q": 1}),
            json!({"ev": "T", "sym": contract, "p": 1.375, "s": 2, "c": [233], "t": ms, "q": 2}),
        ],
    );
    let record = market.wait_snapshot(contract, "price and quote", |s| {
        s.contains_key("price") && s.contains_key("bid")
    });
    assert_eq!(
        (&record["price"][..], &record["bid"][..]),
        ("1.375", "1.25")
    );
    assert_eq!(
        (&record["kind"][..], &record["feed"][..]),
        ("trade", "live")
    );
    let ttl: i64 = market
        .redis
        .query(&["TTL", &format!("market:snapshot:{contract}")]);
    assert!((1..=3_600).contains(&ttl), "{ttl}");
    let string: Option<String> = market
        .redis
        .query(&["GET", &format!("massive:model:spot:{contract}")]);
    assert_eq!(string, None);
    *market.section("chains") = json!([]);
    market.seed();
    until("its record is gone", PATIENCE, || {
        let record = market.snapshot(contract);
        match record.is_empty() {
            true => Ok(()),
            false => Err(format!("{record:?}")),
        }
    });
}
