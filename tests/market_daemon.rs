//! What massive brings onto the bus, and how it stands there.

use serde_json::{Value, json};

use crate::support::vendor::{KEY, Market, marked_contracts, now_ms, refusal, results};
use crate::support::{PATIENCE, secs, until};

#[test]
fn every_price_stands_where_it_is_documented_and_dated_by_the_vendor() {
    let market = Market::open(&["SPY", "BRK.B", "I:SPX"]);
    let event_ms = now_ms() - 500;
    market.vendor.price_at("SPY", "601.130", event_ms);
    market.vendor.price_at("I:SPX", "6011.25", event_ms);
    let _massive = market.start();
    let spy = market.wait_price("SPY", "601.130");
    assert_eq!(spy["kind"], "trade");
    assert_eq!(spy["event_ms"], event_ms.to_string());
    assert_eq!(
        (&spy["bid"][..], &spy["ask_size"][..], &spy["size"][..]),
        ("601.130", "2", "100")
    );
    assert_eq!(
        (&spy["feed"][..], &spy["session"][..], &spy["stale"][..]),
        ("live", "open", "0")
    );
    assert_eq!(spy["source"], "massive");
    // Once the vendor said that the market is open, no longer than the age of the event allows.
    let integer = |name: &str, s: &std::collections::BTreeMap<String, String>| {
        s[name].parse::<i64>().unwrap()
    };
    market.wait_snapshot("SPY", "fresh for two minutes", |s| {
        integer("fresh_until_ms", s) == event_ms + 120_000
    });
    let spx = market.wait_price("I:SPX", "6011.25");
    assert_eq!(spx["kind"], "value");

    let text: String = market.redis.query(&["GET", "massive:model:spot:SPY"]);
    let spot: Value = serde_json::from_str(&text).unwrap();
    assert!(text.contains("\"value\":601.130"), "{text}");
    assert_eq!(
        (&spot["symbol"], &spot["source"], &spot["timeframe"]),
        (&json!("SPY"), &json!("massive"), &json!("REAL-TIME"))
    );
    let ttl: i64 = market.redis.query(&["PTTL", "massive:model:spot:SPY"]);
    assert!((1..=120_000).contains(&ttl), "{ttl}");
    let ttl: i64 = market.redis.query(&["TTL", "market:snapshot:SPY"]);
    assert!((600_000..=604_800).contains(&ttl), "{ttl}");
    let ticks: Vec<(String, Vec<String>)> =
        market.redis.query(&["XRANGE", "market:tick:SPY", "-", "+"]);
    assert_eq!(ticks[0].0, format!("{event_ms}-0"));
    assert!(
        ticks[0].1.contains(&"601.130".to_owned()) && ticks[0].1.contains(&"massive".to_owned()),
        "{ticks:?}"
    );
    let asked = &market.vendor.arrivals_of("/v3/snapshot")[0];
    assert_eq!(asked.parameter("limit").as_deref(), Some("250"));
    assert_eq!(
        asked.parameter("ticker.any_of").as_deref(),
        Some("I:SPX,SPY,BRK.B")
    );
}

#[test]
fn each_change_is_announced_and_turning_stale_is_one() {
    let mut market = Market::open(&["SPY"]);
    market.section("limits")["stale_sec"] = json!(5);
    let heard = crate::support::Alerts::on_channel(&market.redis, "massive:spot");
    let _massive = market.start();
    heard.wait_for("the first price", PATIENCE, |spot| {
        spot.json["value"] == 100.5 && spot.json["stale"] == 0
    });
    market.vendor.price("SPY", "101.5");
    heard.wait_for("the second price", PATIENCE, |spot| {
        spot.json["value"] == 101.5
    });
    let stale = heard.wait_for("that it is stale", PATIENCE, |spot| spot.json["stale"] == 1);
    assert_eq!(stale.json["reason"], "old");
    let spy = market.wait_snapshot("SPY", "stale", |s| s["stale"] == "1");
    assert_eq!((&spy["reason"][..], &spy["price"][..]), ("old", "101.5"));
    until("no string for simple readers", PATIENCE, || {
        match market
            .redis
            .query::<Option<String>>(&["GET", "massive:model:spot:SPY"])
        {
            None => Ok(()),
            Some(text) => Err(text),
        }
    });
}

#[test]
fn a_chain_comes_whole_behind_its_pointer_and_nothing_moves_while_it_is_the_same() {
    let mut market = Market::open(&["SPY"]);
    *market.section("chains") =
        json!([json!({"underlying": "SPY", "expirations": 1, "interval_sec": 5})]);
    let _massive = market.start();
    let pointer = until("a chain", PATIENCE, || {
        let key: Option<String> = market
            .redis
            .query(&["GET", "massive:chain:latest:SPY:2030-01-18"]);
        key.ok_or_else(|| "none".to_owned())
    });
    let text: String = market.redis.query(&["GET", &pointer]);
    let chain: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&chain["underlying"], &chain["expiration"]),
        (&json!("SPY"), &json!("2030-01-18"))
    );
    assert_eq!(chain["contracts"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&chain["atm"], &chain["spot"], &chain["range_points"]),
        (&json!(100), &json!(100.5), &json!(10.05))
    );
    assert_eq!(chain["contracts"][0]["mid"], 1.5);
    let hash = market.hash("market:chain:SPY");
    assert_eq!(hash["2030-01-18:pointer"], pointer);
    assert_eq!(hash["2030-01-18:digest"], chain["digest"].as_str().unwrap());
    assert!(
        hash["2030-01-18:summary"].contains("\"straddle\":3"),
        "{hash:?}"
    );
    assert_eq!(hash["stale"], "0");
    let gex: String = market.redis.query(&["GET", "massive:gex:model:SPY:calls"]);
    let gex: Value = serde_json::from_str(&gex).unwrap();
    assert_eq!(gex["expirations"]["2030-01-18"]["100"], 500);
    assert_eq!(
        (&gex["symbol"], &gex["source"]),
        (&json!("SPY"), &json!("massive"))
    );
    let feed: Vec<(String, Vec<String>)> =
        market.redis.query(&["XRANGE", "sse:chain-feed", "-", "+"]);
    assert_eq!(feed.len(), 1, "the second expiration is not wanted");
    let entry: Value = serde_json::from_str(&feed[0].1[1]).unwrap();
    assert_eq!(
        (&entry["symbol"], &entry["count"], &entry["truncated"]),
        (&json!("SPY"), &json!(4), &json!(false))
    );
    assert_eq!(
        (&feed[0].1[0], &feed[0].1[2]),
        (&"json".to_owned(), &"delta".to_owned())
    );

    // The same contracts again.
    let confirmed = hash["confirmed_ms"].clone();
    until("a confirmation", PATIENCE, || {
        let hash = market.hash("market:chain:SPY");
        if hash["confirmed_ms"] == confirmed {
            return Err(confirmed.clone());
        }
        // The vendor dates its quotes anew with each answer here, so contracts differ: a new key, the old one ends.
        Ok(hash)
    });
    let asked = &market.vendor.arrivals_of("/v3/snapshot/options/SPY")[0];
    assert_eq!(
        asked.parameter("strike_price.gte").as_deref(),
        Some("90.45")
    );
    assert_eq!(asked.parameter("order").as_deref(), Some("asc"));
}

#[test]
fn a_chain_that_did_not_change_keeps_its_key() {
    let mut market = Market::open(&["SPY"]);
    *market.section("chains") = json!([json!({"underlying": "SPY", "interval_sec": 5})]);
    let list = marked_contracts(&["2030-01-18"], 2, 1.5);
    market.vendor.rule(move |a| {
        a.path()
            .starts_with("/v3/snapshot/options/")
            .then(|| results(list.clone()))
    });
    let _massive = market.start();
    let first = until("a chain", PATIENCE, || {
        let hash = market.hash("market:chain:SPY");
        if hash.contains_key("2030-01-18:pointer") {
            Ok(hash)
        } else {
            Err(format!("{hash:?}"))
        }
    });
    let second = until("a confirmation", PATIENCE, || {
        let hash = market.hash("market:chain:SPY");
        if hash["confirmed_ms"] != first["confirmed_ms"] {
            Ok(hash)
        } else {
            Err(format!("{hash:?}"))
        }
    });
    assert_eq!(first["2030-01-18:pointer"], second["2030-01-18:pointer"]);
    let feed: usize = market.redis.query(&["XLEN", "sse:chain-feed"]);
    assert_eq!(feed, 1);
    let ttl: i64 = market.redis.query(&["TTL", &second["2030-01-18:pointer"]]);
    assert!(ttl > 600_000, "{ttl}");
}

#[test]
fn what_leaves_truth_leaves_the_store_and_what_comes_is_asked_for() {
    let mut market = Market::open(&["SPY", "QQQ"]);
    *market.section("chains") = json!([json!({"underlying": "SPY", "interval_sec": 5})]);
    let massive = market.start();
    market.wait_price("QQQ", "101.50");
    until("a chain", PATIENCE, || {
        match market
            .redis
            .query::<i64>(&["EXISTS", "massive:gex:model:SPY:puts"])
        {
            1 => Ok(()),
            _ => Err("none".to_owned()),
        }
    });
    market.vendor.price("IWM", "7.5");
    *market.section("symbols") = json!(["QQQ", "IWM"]);
    *market.section("chains") = json!([]);
    market.seed();
    market.wait_price("IWM", "7.5");
    let left: Vec<String> = market.redis.query(&["KEYS", "*SPY*"]);
    assert!(
        left.iter().all(|key| key.contains(":chain:snapshot:")) && left.is_empty(),
        "{left:?}"
    );
    market.wait_price("QQQ", "101.50");
    drop(massive);
}

#[test]
fn without_a_key_nothing_is_asked_and_without_symbols_it_is_idle() {
    let mut market = Market::open(&["SPY"]);
    let massive = market.start_with(&[]);
    market.wait_status("unconfigured");
    assert_eq!(massive.log_count("MASSIVE_API_KEY"), 1, "one line");
    drop(massive);
    assert!(market.vendor.arrivals().is_empty());
    *market.section("symbols") = json!([]);
    let _massive = market.start();
    market.wait_status("idle");
    assert!(market.vendor.arrivals().is_empty());
}

#[test]
fn a_key_in_a_file_is_read_again_and_a_refused_one_stops_everything() {
    let market = Market::open(&["SPY"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "hunter2-bad\n").unwrap();
    market.vendor.rule(|arrival| {
        let is_good = arrival
            .header("authorization")
            .is_some_and(|key| key == format!("Bearer {KEY}"));
        (!is_good).then(|| refusal(401))
    });
    let _massive = market.start_with(&[("MASSIVE_API_KEY_FILE", file.to_str().unwrap())]);
    let beat = market.wait_status("degraded");
    assert!(
        beat["reason"].as_str().unwrap().contains("refuses the key"),
        "{beat}"
    );
    let asked = market.vendor.arrivals().len();
    std::thread::sleep(secs(3.0));
    assert_eq!(market.vendor.arrivals().len(), asked, "all stops");
    std::fs::write(&file, KEY).unwrap();
    market.wait_price("SPY", "100.50");
    market.wait_status("");
}
