//! No minute sees more calls than the plan allows, and nothing comes twice or in half, whenever massive is killed and
//! whatever clocks do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::vendor::{KEY, Market, Reply, busiest_minute, marked_contracts, results};
use crate::support::{FakeClock, PATIENCE, repetitions, secs, until};

/// In a usual run; the full one has ten times as many.
const KILLS: u32 = 10;
const CALLS: usize = 7;

fn small_plan(market: &mut Market) {
    market.section("vendor")["calls_per_min"] = json!(CALLS);
}

/// Takes the lease away from one that was killed, so that the next need not wait for its end.
fn free(market: &Market) {
    market.redis.query::<i64>(&["DEL", "massive:lease"]);
}

/// Asks for rounds until no call is left.
fn used_up(market: &Market) {
    until("a plan that is used up", PATIENCE, || {
        market
            .redis
            .query::<i64>(&["PUBLISH", "massive:poll", "now"]);
        let calls: usize = market.redis.query(&["LLEN", "massive:budget"]);
        if calls >= CALLS {
            Ok(())
        } else {
            Err(format!("{calls} calls"))
        }
    });
}

/// Asks for rounds for a while: no more calls come than the plan allows.
fn poll_in_vain(market: &Market) {
    for _ in 0..15 {
        market
            .redis
            .query::<i64>(&["PUBLISH", "massive:poll", "now"]);
        std::thread::sleep(secs(0.2));
    }
    // A call that was taken and could not be used at once is taken again: that errs on the side of fewer.
    let calls = busiest_minute(&market.vendor.arrivals());
    assert!(calls <= CALLS, "{calls} calls in a minute");
}

#[test]
fn kills_let_no_call_more_through() {
    let mut market = Market::open(&["SPY", "I:SPX"]);
    small_plan(&mut market);
    let start = Instant::now();
    let mut kills = 0;
    // Over the end of a minute, so that calls come free between the kills.
    while kills < repetitions(KILLS) || start.elapsed() < secs(65.0) {
        let mut massive = market.start();
        let pause = fastrand::u64(20..if kills % 3 == 0 { 3_000 } else { 400 });
        std::thread::sleep(Duration::from_millis(pause));
        massive.kill();
        free(&market);
        kills += 1;
    }
    let arrivals = market.vendor.arrivals();
    assert!(
        arrivals.len() > CALLS,
        "only {} calls in {kills} lives",
        arrivals.len()
    );
    assert!(
        busiest_minute(&arrivals) <= CALLS,
        "{} calls in a minute",
        busiest_minute(&arrivals)
    );
}

#[test]
fn a_bus_that_lost_everything_lets_no_call_more_through() {
    let mut market = Market::open(&["SPY", "I:SPX"]);
    small_plan(&mut market);
    let _massive = market.start();
    used_up(&market);
    market.wait_price("SPY", "100.50");
    market.redis.query::<()>(&["FLUSHALL"]);
    market.seed();
    // What was known comes back without a call.
    market.wait_price("SPY", "100.50");
    poll_in_vain(&market);
}

#[test]
fn without_a_bus_there_is_no_call_and_the_beat_says_so() {
    let mut market = Market::open(&["SPY"]);
    let _massive = market.start();
    market.wait_price("SPY", "100.50");
    market.redis.kill();
    std::thread::sleep(secs(1.0));
    let asked = market.vendor.arrivals().len();
    std::thread::sleep(secs(3.0));
    assert_eq!(market.vendor.arrivals().len(), asked);
    market.vendor.price("SPY", "77.5");
    market.redis.start_again_empty();
    market.seed();
    market.wait_snapshot("SPY", "back", |s| s.contains_key("price"));
}

#[test]
fn a_step_of_the_clock_of_the_bus_lets_no_call_more_through() {
    let Some(clock) = FakeClock::here() else {
        return;
    };
    for step in [3_600, -3_600] {
        clock.set(0);
        let mut market = Market::open(&["SPY", "I:SPX"]);
        market.redis = clock.redis();
        small_plan(&mut market);
        let massive = market.start();
        used_up(&market);
        clock.set(step);
        poll_in_vain(&market);
        drop(massive);
    }
}

#[test]
fn a_step_of_the_hosts_clock_makes_no_price_old_or_new() {
    let Some(clock) = FakeClock::here() else {
        return;
    };
    for step in [3_600, -3_600] {
        clock.set(0);
        let market = Market::open(&["SPY"]);
        let env = clock.env();
        let mut all: Vec<(&str, &str)> =
            env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        all.push(("MASSIVE_API_KEY", KEY));
        let _massive = market.start_with(&all);
        market.wait_price("SPY", "100.50");
        clock.set(step);
        market.vendor.price("SPY", "100.75");
        let spy = market.wait_price("SPY", "100.75");
        assert_eq!(spy["stale"], "0", "{step}: {spy:?}");
    }
}

#[test]
fn kills_amid_chains_tear_none_and_repeat_no_tick() {
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
    let mut chains = 0;
    for kill in 0..repetitions(KILLS) {
        market.vendor.price("SPY", &format!("10{}.5", kill % 7));
        let mut massive = market.start();
        let pause = 0.05 * 20f64.powf(fastrand::f64());
        std::thread::sleep(Duration::from_secs_f64(pause));
        massive.kill();
        free(&market);
        chains += usize::from(whole_chain(&market));
    }
    let _massive = market.start();
    until("a chain", PATIENCE, || {
        if whole_chain(&market) {
            Ok(())
        } else {
            Err("none".to_owned())
        }
    });
    println!("{chains} looks found a chain");
    let ticks: Vec<(String, HashMap<String, String>)> =
        market.redis.query(&["XRANGE", "market:tick:SPY", "-", "+"]);
    let mut ids: Vec<&String> = ticks.iter().map(|(id, _)| id).collect();
    ids.dedup();
    assert_eq!(ids.len(), ticks.len());
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

#[test]
fn two_of_them_share_one_plan_and_one_writes() {
    let mut market = Market::open(&["SPY", "I:SPX"]);
    small_plan(&mut market);
    let mut first = market.start();
    used_up(&market);
    let second = market.start();
    market.wait_status("standby");
    first.stop();
    until("the second writes", PATIENCE, || {
        let holder: Option<String> = market.redis.query(&["GET", "massive:lease"]);
        holder.map(drop).ok_or_else(|| "nobody".to_owned())
    });
    poll_in_vain(&market);
    drop(second);
}

#[test]
fn too_small_a_plan_stretches_intervals_and_says_so() {
    let mut market = Market::open(&["SPY", "I:SPX"]);
    market.section("vendor")["calls_per_min"] = json!(5);
    let massive = market.start();
    massive.wait_log("calls/min wanted, 5 allowed", PATIENCE);
    let demand = until("the demand in the status", PATIENCE, || {
        let demand: Option<String> = market.redis.query(&["HGET", "massive:status", "demand"]);
        demand
            .filter(|demand| !demand.is_empty())
            .ok_or_else(|| "none".to_owned())
    });
    assert!(demand.contains("5 allowed"), "{demand}");
}

#[test]
fn the_key_is_nowhere_but_in_the_header() {
    let market = Market::open(&["SPY"]);
    // The vendor says it in every text that it has.
    let echo =
        format!(r#"{{"status":"ERROR","error":"the key {KEY} is of no use","message":"{KEY}"}}"#);
    let html = format!("<html>{KEY}</html>").into_bytes();
    let turn = AtomicU32::new(0);
    market.vendor.rule(move |a| {
        if !a.path().starts_with("/v3/snapshot") {
            return None;
        }
        match turn.fetch_add(1, Ordering::SeqCst) {
            0 => Some(Reply::ok(echo.clone().into_bytes())),
            1 | 2 => Some(Reply::ok(html.clone())),
            _ => None,
        }
    });
    let massive = market.start();
    market.wait_price("SPY", "100.50");
    assert!(!massive.log().contains("hunter2"), "{}", massive.log());
    for arrival in market.vendor.arrivals() {
        let bearer = format!("Bearer {KEY}");
        assert_eq!(arrival.header("authorization"), Some(bearer.as_str()));
        assert!(!arrival.target.contains("hunter2"));
    }
    // Everything that the store has, byte for byte.
    let keys: Vec<Vec<u8>> = market.redis.query(&["KEYS", "*"]);
    assert!(keys.len() > 5);
    let mut redis = market.redis.connection();
    for key in keys {
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&key).query(&mut redis).unwrap();
        let all = [key, dump].concat();
        assert!(
            !all.windows(7).any(|part| part == b"hunter2"),
            "{}",
            String::from_utf8_lossy(&all)
        );
    }
}
