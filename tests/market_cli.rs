//! What an operator sees of market data, with a demo in place of the vendor.

use serde_json::{Value, json};

use crate::support::vendor::Market;
use crate::support::{Daemon, PATIENCE, secs, until};

fn demo(port: &str) -> Daemon {
    Daemon::start_with("marketswarm", &["market", "demo", "--port", port], &[])
}

#[test]
fn the_demo_shows_prices_that_move_and_old_ones_when_nobody_writes_any_more() {
    let vendor = demo("0");
    let line = vendor.wait_log("http://127.0.0.1:", PATIENCE);
    let port: u16 = line.rsplit(':').next().unwrap().trim().parse().unwrap();
    let mut market = Market::open(&[]);
    *market.section("vendor") = json!({"source": "demo", "base_url": format!("http://127.0.0.1:{port}"), "calls_per_min": 600});
    *market.section("limits") = json!({"stale_sec": 5});
    *market.section("symbols") = json!(["DEMO1", "DEMO2"]);
    *market.section("indices") = json!(["I:DEMO"]);
    *market.section("chains") = json!([{"underlying": "DEMO1", "interval_sec": 5}]);
    // A key that lies around is not for a demo.
    let mut massive = market.start();
    until("all are fresh", PATIENCE, || match market.cli(&[]) {
        (0, table) => Ok(table),
        (_, table) => Err(table),
    });
    let (_, table) = market.cli(&[]);
    assert!(
        table.contains("I:DEMO") && table.contains("fresh"),
        "{table}"
    );
    assert!(table.contains("calls in the last 60 s"), "{table}");
    let price = |market: &Market| {
        let (_, text) = market.cli(&["get", "DEMO1", "--json"]);
        serde_json::from_str::<Value>(&text).unwrap()["price"].clone()
    };
    let before = price(&market);
    until("a price that moves", PATIENCE, || {
        let now = price(&market);
        if now != before {
            Ok(())
        } else {
            Err(now.to_string())
        }
    });
    let (_, text) = market.cli(&["--json"]);
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(all["symbols"]["DEMO2"]["source"], "demo");
    let chain = until("a chain", PATIENCE, || {
        match market.cli(&["chain", "DEMO1"]) {
            (0, text) => Ok(text),
            (_, text) => Err(text),
        }
    });
    assert!(chain.contains("STRADDLE"), "{chain}");
    let (code, status) = market.cli(&["status"]);
    assert!(code == 0 && status.contains("chain DEMO1"), "{status}");
    let (_, budget) = market.cli(&["budget"]);
    assert!(budget.contains("of 600 calls"), "{budget}");
    massive.kill();
    until("all are old", secs(30.0), || {
        let (code, table) = market.cli(&[]);
        if code == 1 && !table.contains("fresh") {
            Ok(())
        } else {
            Err(table)
        }
    });
}

#[test]
fn a_poll_is_a_round_now_and_needs_somebody_who_listens() {
    let mut market = Market::open(&["SPY"]);
    *market.section("schedule") = json!({"spots_sec": 3600, "closed_sec": 3600});
    market.seed();
    let (code, said) = market.cli(&["poll"]);
    assert!(code == 1 && said.contains("is it running?"), "{said}");
    let _massive = market.start();
    market.wait_price("SPY", "100.50");
    market.vendor.price("SPY", "100.75");
    let (code, said) = market.cli(&["poll"]);
    assert!(
        code == 0 && said.contains("1 of 1 symbols are fresh"),
        "{said}"
    );
    assert_eq!(market.snapshot("SPY")["price"], "100.75");
}
