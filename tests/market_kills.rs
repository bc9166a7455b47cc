//! massive, killed again and again amid calls and chains: no minute sees a call too many, nothing comes in half, and
//! nothing twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::market_budget::{CALLS, small_plan};
use crate::support::vendor::{Market, busiest_minute, marked_contracts, now_ms, results};
use crate::support::{PATIENCE, repetitions, secs, until};

/// In a usual run; the full one has ten times as many.
const KILLS: u32 = 10;

/// Instants that can be had again.
fn instants() -> Rng {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed} replays the instants of this run");
    Rng::with_seed(seed)
}

/// A life of massive of that length. The lease of the dead is taken away, so that the next need not wait for its end.
fn live_and_die(market: &Market, life: Duration) {
    let mut massive = market.start();
    std::thread::sleep(life);
    massive.kill();
    market.redis.query::<i64>(&["DEL", "massive:lease"]);
}

#[test]
fn kills_let_no_call_more_through() {
    let mut rng = instants();
    let mut market = Market::open(&["SPY", "I:SPX"]);
    small_plan(&mut market);
    let start = Instant::now();
    let mut kills = 0;
    // Over the end of a minute, so that calls come free between the kills.
    while kills < repetitions(KILLS) || start.elapsed() < secs(65.0) {
        let longest = if kills % 3 == 0 { 3_000 } else { 400 };
        live_and_die(&market, Duration::from_millis(rng.u64(20..longest)));
        kills += 1;
    }
    let arrivals = market.vendor.arrivals();
    assert!(
        arrivals.len() > CALLS,
        "only {} calls in {kills} lives",
        arrivals.len()
    );
    let busiest = busiest_minute(&arrivals);
    println!(
        "{kills} kills, {} calls, {busiest} in the busiest minute",
        arrivals.len()
    );
    assert!(busiest <= CALLS, "{busiest} calls in a minute");
}

#[test]
fn kills_amid_chains_tear_none_and_repeat_no_tick() {
    let mut rng = instants();
    let mut market = Market::open(&["SPY"]);
    *market.section("chains") =
        json!([{"underlying": "SPY", "interval_sec": 5, "strikes_pct": 100}]);
    // Each chain differs from the one before in every contract.
    let mark = AtomicU32::new(1);
    market.vendor.rule(move |a| {
        a.path().starts_with("/v3/snapshot/options/").then(|| {
            let mark = f64::from(mark.fetch_add(1, Ordering::SeqCst));
            results(marked_contracts(&["2030-01-18", "2030-02-15"], 20, mark))
        })
    });
    // What the vendor ever said: each price has one moment, and each moment one price.
    let mut told = BTreeMap::new();
    let mut chains = 0;
    for kill in 0..repetitions(KILLS) {
        let (price, ms) = (format!("10{}.{kill:03}", kill % 7), now_ms());
        market.vendor.price_at("SPY", &price, ms);
        told.insert(format!("{ms}-0"), price);
        live_and_die(
            &market,
            Duration::from_secs_f64(0.05 * 20f64.powf(rng.f64())),
        );
        chains += usize::from(whole_chain(&market));
    }
    let _massive = market.start();
    until("a chain", PATIENCE, || match whole_chain(&market) {
        true => Ok(()),
        false => Err("none".to_owned()),
    });
    let (_, last) = told.last_key_value().expect("a price");
    market.wait_price("SPY", last);
    let ticks: Vec<(String, HashMap<String, String>)> =
        market.redis.query(&["XRANGE", "market:tick:SPY", "-", "+"]);
    println!("{chains} looks found a chain, {} ticks", ticks.len());
    let mut prices = BTreeSet::new();
    for (id, tick) in &ticks {
        assert_eq!(
            told.get(id),
            tick.get("price"),
            "{id} is no event of the vendor's"
        );
        assert!(prices.insert(&tick["price"]), "{id} came twice");
    }
    assert!(prices.contains(last), "{ticks:?}");
}

/// Both expirations of one fetch, all contracts of one mark, and the digest that the hash tells.
fn whole_chain(market: &Market) -> bool {
    let hash = market.hash("market:chain:SPY");
    let chains: Vec<Value> = ["2030-01-18", "2030-02-15"]
        .iter()
        .filter_map(|date| {
            let key = hash.get(&format!("{date}:pointer"))?;
            let text: Option<String> = market.redis.query(&["GET", key]);
            let chain: Value =
                serde_json::from_str(&text.expect("a pointer leads somewhere")).unwrap();
            assert_eq!(chain["digest"], hash[&format!("{date}:digest")]);
            Some(chain)
        })
        .collect();
    if chains.is_empty() {
        return false;
    }
    assert_eq!(chains.len(), 2);
    let mark = &chains[0]["contracts"][0]["bid"];
    for chain in &chains {
        assert_eq!(chain["fetch_id"], chains[0]["fetch_id"]);
        let contracts = chain["contracts"].as_array().unwrap();
        assert_eq!(contracts.len(), 40);
        assert!(contracts.iter().all(|contract| contract["bid"] == *mark));
    }
    true
}
