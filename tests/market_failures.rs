//! What massive does when the vendor misbehaves: each answer of the table, and what follows.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::vendor::{Arrival, Market, Reply, json_reply, now_ms, refusal, results};
use crate::support::{PATIENCE, secs, until};

const PRICES: &str = "/v3/snapshot";

/// Answers the first `n` requests below a path like this, and is good from then on.
fn first(market: &Market, path: &'static str, n: usize, reply: Reply) {
    let left = AtomicUsize::new(n);
    market.vendor.rule(move |arrival| {
        let counts = arrival.path().starts_with(path)
            && left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    left.checked_sub(1)
                })
                .is_ok();
        counts.then(|| reply.clone())
    });
}

#[test]
fn what_passes_is_asked_again_and_old_data_ages_meanwhile() {
    for status in [408, 425, 499, 500, 503, 404] {
        let market = Market::open(&["SPY"]);
        first(&market, PRICES, 1, refusal(status));
        let _massive = market.start();
        market.wait_price("SPY", "100.50");
        let asked = market.vendor.arrivals_of(PRICES);
        assert!(asked[1].at - asked[0].at >= secs(1.5), "{status}: at once");
    }
}

#[test]
fn what_is_no_answer_is_asked_once_more_then_kept_in_quarantine() {
    let html = b"<html>hunter2-of-the-vendor</html>".to_vec();
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"status\":".to_vec();
    let long = vec![b' '; (16 << 20) + 1];
    for reply in [
        Reply::ok(html),
        Reply::Raw(cut),
        Reply::ok(Vec::new()),
        Reply::ok(long),
    ] {
        let market = Market::open(&["SPY"]);
        first(&market, PRICES, 2, reply);
        let _massive = market.start();
        market.wait_price("SPY", "100.50");
        let asked = market.vendor.arrivals_of(PRICES);
        let pause = asked[1].at - asked[0].at;
        assert!(pause >= secs(0.9), "{pause:?}");
        assert!(asked[2].at - asked[1].at >= secs(1.5), "then it backs off");
        let kept = until("an entry", PATIENCE, || {
            let kept = market.quarantine();
            if kept.is_empty() {
                Err("none".to_owned())
            } else {
                Ok(kept)
            }
        });
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert!(!format!("{kept:?}").contains("hunter2"), "{kept:?}");
    }
}

#[test]
fn a_redirect_is_not_followed_and_the_key_not_carried_along() {
    let market = Market::open(&["SPY"]);
    let elsewhere = Market::open(&[]);
    let location = format!("{}/v3/snapshot", elsewhere.vendor.url());
    first(&market, PRICES, 1, Reply::to(302, &location));
    let massive = market.start();
    market.wait_price("SPY", "100.50");
    massive.wait_log("redirects are not followed", PATIENCE);
    assert!(elsewhere.vendor.arrivals().is_empty());
}

#[test]
fn a_bad_request_is_off_until_truth_changes() {
    let mut market = Market::open(&["SPY"]);
    market.vendor.always(PRICES, refusal(400));
    let _massive = market.start();
    market.wait_snapshot("SPY", "bad_request", |s| {
        s.get("reason").is_some_and(|r| r == "bad_request")
    });
    let asked = market.vendor.arrivals_of(PRICES).len();
    market.vendor.heal();
    std::thread::sleep(secs(3.0));
    assert_eq!(market.vendor.arrivals_of(PRICES).len(), asked);
    market.section("limits")["stale_sec"] = json!(130);
    market.seed();
    market.wait_price("SPY", "100.50");
}

#[test]
fn a_403_goes_one_rung_down_for_its_class_alone() {
    let market = Market::open(&["SPY", "I:SPX"]);
    market
        .vendor
        .rule(|a: &Arrival| (a.path() == "/v3/snapshot").then(|| refusal(403)));
    let massive = market.start();
    market.wait_price("SPY", "100.50");
    market.wait_price("I:SPX", "101.50");
    market
        .vendor
        .wait_arrivals("/v2/snapshot/locale/us/markets/stocks/tickers", 1);
    market.vendor.wait_arrivals("/v3/snapshot/indices", 1);
    drop(massive);

    // The daily summary, of the last finished session that has one.
    let market = Market::open(&["SPY", "I:SPX"]);
    let yesterday = now_ms() - 86_400_000;
    market.vendor.price_at("SPY", "99.5", yesterday);
    market.vendor.price_at("I:SPX", "98.5", yesterday);
    market
        .vendor
        .rule(|a| a.path().contains("/snapshot").then(|| refusal(403)));
    first(&market, "/v2/aggs/grouped/", 2, results(Vec::new()));
    let _massive = market.start();
    let spy = market.wait_price("SPY", "99.5");
    assert_eq!(
        (
            &spy["feed"][..],
            &spy["stale"][..],
            &spy["reason"][..],
            &spy["kind"][..]
        ),
        ("eod", "1", "eod", "day")
    );
    let days: Vec<String> = market
        .vendor
        .arrivals_of("/v2/aggs/grouped/")
        .iter()
        .map(|a| a.path().to_owned())
        .collect();
    assert!(days[0] > days[1] && days[1] > days[2], "{days:?}");
    assert_eq!(market.wait_price("I:SPX", "98.5")["kind"], "prev");

    // The summary is refused as well: one by one.
    let market = Market::open(&["SPY", "QQQ"]);
    market.vendor.rule(|a| {
        (a.path().contains("/snapshot") || a.path().contains("/grouped/")).then(|| refusal(403))
    });
    let _massive = market.start();
    market.wait_price("SPY", "100.50");
    market.wait_price("QQQ", "101.50");
}

#[test]
fn no_time_on_any_price_while_the_market_is_open_is_a_rung_down() {
    let market = Market::open(&["SPY"]);
    market.vendor.rule(|a| {
        let undated = json!({"ticker": "SPY", "type": "stocks", "session": {"close": 99, "previous_close": 98}});
        (a.path() == "/v3/snapshot").then(|| results(vec![undated]))
    });
    let _massive = market.start();
    market.wait_price("SPY", "100.50");
}

#[test]
fn one_symbol_that_is_refused_or_missing_concerns_itself_alone() {
    let market = Market::open(&["SPY", "XXXX", "I:VIX", "GONE"]);
    market.vendor.rule(|a| {
        let asked = a.parameter("ticker.any_of")?;
        let ms = now_ms();
        let trade = json!({"price": 100.5, "sip_timestamp": ms * 1_000_000});
        let mut items = vec![json!({"ticker": "SPY", "type": "stocks", "last_trade": trade})];
        if asked.contains("XXXX") {
            items.push(json!({"ticker": "XXXX", "error": "NOT_FOUND", "message": "no"}));
        }
        if asked.contains("I:VIX") {
            items.push(json!({"ticker": "I:VIX", "error": "NOT_ENTITLED", "message": "no"}));
        }
        Some(results(items))
    });
    let _massive = market.start();
    market.wait_price("SPY", "100.5");
    market.wait_snapshot("XXXX", "not found", |s| {
        s.get("reason").is_some_and(|r| r == "not found")
    });
    market.wait_snapshot("I:VIX", "not entitled", |s| {
        s.get("reason").is_some_and(|r| r == "not entitled")
    });
    let gone = market.wait_snapshot("GONE", "missing", |s| {
        s.get("reason").is_some_and(|r| r == "missing")
    });
    assert_eq!((gone["stale"].as_str(), gone.get("price")), ("1", None));
    // Those that were refused are not asked for again, the missing one is.
    let n = market.vendor.arrivals_of(PRICES).len();
    let later = market.vendor.wait_arrivals(PRICES, n + 2).pop().unwrap();
    assert_eq!(
        later.parameter("ticker.any_of").as_deref(),
        Some("SPY,GONE")
    );
    assert!(market.quarantine().is_empty(), "nothing was refused by us");
}

#[test]
fn a_batch_that_is_too_large_is_halved() {
    let market = Market::open(&["A", "B", "C", "D", "E"]);
    market.vendor.rule(|a| {
        let names = a.parameter("ticker.any_of")?.split(',').count();
        (names > 2).then(|| refusal(414))
    });
    let _massive = market.start();
    for (nth, name) in ["A", "B", "C", "D", "E"].iter().enumerate() {
        market.wait_price(name, &format!("{}.50", 100 + nth));
    }
}

#[test]
fn too_many_calls_means_that_nobody_asks_for_as_long_as_the_vendor_wants() {
    let market = Market::open(&["SPY"]);
    first(&market, PRICES, 1, refusal(429).with("Retry-After", "3"));
    let _massive = market.start();
    market.wait_price("SPY", "100.50");
    let asked = market.vendor.arrivals();
    let refused = asked.iter().find(|a| a.path() == PRICES).unwrap();
    let next = asked
        .iter()
        .find(|a| a.at > refused.at + secs(0.5))
        .unwrap();
    assert!(
        next.at - refused.at >= secs(2.9),
        "{:?}",
        next.at - refused.at
    );
}

#[test]
fn an_envelope_counts_as_the_failure_that_it_names() {
    let market = Market::open(&["SPY"]);
    let refused =
        json!({"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."});
    market
        .vendor
        .rule(move |a| (a.path() == "/v3/snapshot").then(|| json_reply(&refused)));
    let _massive = market.start();
    market.wait_price("SPY", "100.50");
    market
        .vendor
        .wait_arrivals("/v2/snapshot/locale/us/markets/stocks/tickers", 1);
}

#[test]
fn a_vendor_that_hangs_ends_nothing_but_its_own_call_and_a_stop_is_quick() {
    let market = Market::open(&["SPY"]);
    market.vendor.always(PRICES, Reply::Hang);
    let mut massive = market.start();
    market.vendor.wait_arrivals(PRICES, 1);
    let stopping = std::time::Instant::now();
    massive.stop();
    assert!(stopping.elapsed() < secs(6.0), "{:?}", stopping.elapsed());
}

#[test]
fn a_price_that_jumps_waits_for_another_that_confirms_it() {
    let market = Market::open(&["SPY"]);
    let _massive = market.start();
    market.wait_price("SPY", "100.50");
    market.vendor.price("SPY", "50.25");
    until("the jump in quarantine", PATIENCE, || {
        let kept = market.quarantine();
        if format!("{kept:?}").contains("jump") {
            Ok(())
        } else {
            Err(format!("{kept:?}"))
        }
    });
    assert_eq!(market.snapshot("SPY")["price"], "100.50");
    market.vendor.price("SPY", "50.30");
    market.wait_price("SPY", "50.30");
}

#[test]
fn one_value_that_is_refused_costs_itself_alone_and_is_told_once_in_ten_minutes() {
    let market = Market::open(&["SPY"]);
    market.vendor.rule(|a| {
        (a.path() == "/v3/snapshot").then(|| {
            let ns = now_ms() * 1_000_000;
            results(vec![json!({"ticker": "SPY", "type": "stocks",
                "last_trade": {"price": 100.5, "size": "hunter2", "sip_timestamp": ns},
                "last_quote": {"bid": 100, "ask": 101, "last_updated": ns}})])
        })
    });
    let _massive = market.start();
    let spy = market.wait_price("SPY", "100.5");
    assert_eq!((spy.get("size"), spy["bid"].as_str()), (None, "100"));
    // Each round refuses it anew, and counts that.
    market.vendor.wait_arrivals(PRICES, 5);
    until("four refusals that were counted", PATIENCE, || {
        let refused: Option<u32> = market.redis.query(&["HGET", "massive:totals", "refused"]);
        match refused {
            Some(refused) if refused >= 4 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let kept = market.quarantine();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let entry = &kept[0].1;
    assert_eq!(
        (
            &entry["symbol"][..],
            &entry["path"][..],
            &entry["reason"][..]
        ),
        ("SPY", "results[0].last_trade.size", "wrong_type")
    );
    assert!(!format!("{entry:?}").contains("hunter2"), "{entry:?}");
}
