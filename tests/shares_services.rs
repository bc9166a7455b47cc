//! What truth says of instances, as massive and the analyst follow it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::analysts::Analysts;
use crate::support::market::Market;
use crate::support::{PATIENCE, until};

/// Who holds the one part of massive's work.
fn holder(market: &Market) -> Option<String> {
    market.redis.query(&["HGET", "mesh:parts:massive", "0"])
}

#[test]
fn of_two_massives_one_writes_and_the_other_goes_on_when_it_is_gone() {
    let mut market = Market::open(&["SPY"]);
    market.truth["services"]["massive"]["instances"] = json!({"mode": "one"});
    let mut first = market.start();
    market.wait_price("SPY", "100.50");
    let before = holder(&market).expect("it holds the part");
    let fence: u64 = market.redis.query(&["GET", "fence:massive:0"]);
    assert!(before.ends_with(&format!("|{fence}")), "{before} {fence}");
    let lease: Option<String> = market.redis.query(&["GET", "massive:lease"]);
    assert_eq!(lease, None, "the part takes its place");

    let second = market.start();
    market.wait_status("standby");
    first.kill();
    market.vendor.price("SPY", "101.25");
    market.wait_price("SPY", "101.25");
    let after = until("the second holds the part", PATIENCE, || {
        match holder(&market) {
            Some(holder) if holder != before => Ok(holder),
            other => Err(format!("{other:?}")),
        }
    });
    until("results under the old token are refused", PATIENCE, || {
        let fence: u64 = market.redis.query(&["GET", "fence:massive:0"]);
        if after.ends_with(&format!("|{fence}")) {
            Ok(())
        } else {
            Err(format!("{fence}, held by {after}"))
        }
    });
    drop(second);
}

#[test]
fn an_analyst_of_several_is_a_consumer_of_its_own_on_its_machine() {
    let mut room = Analysts::open();
    room.truth["services"]["vexy_ai"]["instances"] = json!({"mode": "free"});
    room.give(1..=20);
    let _daemon = room.start("vexy_ai");
    room.assert_each_once(20);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let consumers: Vec<BTreeMap<String, redis::Value>> =
        room.redis
            .query(&["XINFO", "CONSUMERS", "rss:queue", "vexy"]);
    let name = |consumer: &BTreeMap<String, redis::Value>| match &consumer["name"] {
        redis::Value::BulkString(name) => String::from_utf8_lossy(name).into_owned(),
        other => panic!("{other:?}"),
    };
    let names: Vec<String> = consumers.iter().map(name).collect();
    let own = format!("vexy_ai@{}:", host.trim());
    assert!(
        !names.is_empty() && names.iter().all(|name| name.starts_with(&own)),
        "{names:?}"
    );
}
