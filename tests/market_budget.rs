//! No minute sees more calls than the plan allows, whatever buses and clocks do.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::vendor::{KEY, Market, busiest_minute, refusal};
use crate::support::{FakeClock, PATIENCE, secs, until};

pub const CALLS: usize = 7;

pub fn small_plan(market: &mut Market) {
    market.section("vendor")["calls_per_min"] = json!(CALLS);
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
fn a_second_answer_of_too_many_calls_leaves_four_fifths_of_the_plan() {
    const PLAN: usize = 10;
    let mut market = Market::open(&["SPY", "I:SPX"]);
    market.section("vendor")["calls_per_min"] = json!(PLAN);
    let left = AtomicUsize::new(2);
    market.vendor.rule(move |_| {
        let take = |left: usize| left.checked_sub(1);
        let is_refused = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
        is_refused
            .is_ok()
            .then(|| refusal(429).with("Retry-After", "1"))
    });
    let _massive = market.start();
    market.wait_snapshot("SPY", "a price after both", |s| s.contains_key("price"));
    until("a lower budget", PATIENCE, || {
        match market.status("calls_allowed").as_str() {
            "8" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    let (_, said) = market.cli(&["budget", "--json"]);
    let budget: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&budget["allowed"], &budget["plan"]),
        (&json!(8), &json!(10))
    );
    for _ in 0..20 {
        market
            .redis
            .query::<i64>(&["PUBLISH", "massive:poll", "now"]);
        std::thread::sleep(secs(0.2));
    }
    // The two that were refused are among them.
    let calls = busiest_minute(&market.vendor.arrivals());
    assert!(calls <= 8 && calls > 2, "{calls} calls in a minute");
}
