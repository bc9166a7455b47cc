//! Option chains, page by page: all of one, or nothing of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::vendor::{Market, Reply, json_reply, marked_contracts, refusal, results};
use crate::support::{PATIENCE, until};

/// Answers with a chain of so many pages of one expiration, one contract each; a page may be something else.
fn pages(market: &Market, other: impl Fn(usize) -> Option<Reply> + Send + Sync + 'static) {
    let port = market.vendor.port;
    let list = marked_contracts(&["2030-01-18"], 2, 1.5);
    market.vendor.rule(move |a| {
        if !a.path().starts_with("/v3/snapshot/options/") {
            return None;
        }
        let nth: usize = a.parameter("cursor").map_or(0, |nth| nth.parse().unwrap());
        if let Some(reply) = other(nth) {
            return Some(reply);
        }
        let mut page = json!({"status": "OK", "results": [list[nth]]});
        if nth + 1 < list.len() {
            page["next_url"] = json!(format!("http://127.0.0.1:{port}/v3/snapshot/options/SPY?cursor={}&apiKey=hunter2-of-the-vendor", nth + 1));
        }
        Some(json_reply(&page))
    });
}

fn chain_of(market: &mut Market) {
    *market.section("chains") = json!([{"underlying": "SPY", "interval_sec": 5}]);
}

fn pointer(market: &Market) -> Option<String> {
    market
        .redis
        .query(&["HGET", "market:chain:SPY", "2030-01-18:pointer"])
}

#[test]
fn pages_are_followed_without_a_key_in_them_and_a_page_that_fails_in_passing_is_asked_again() {
    let mut market = Market::open(&["SPY"]);
    chain_of(&mut market);
    let failed = AtomicUsize::new(0);
    pages(&market, move |nth| {
        (nth == 2 && failed.fetch_add(1, Ordering::SeqCst) == 0).then(|| refusal(503))
    });
    let _massive = market.start();
    let key = until("a chain", PATIENCE, || {
        pointer(&market).ok_or_else(|| "none".to_owned())
    });
    let text: String = market.redis.query(&["GET", &key]);
    let chain: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(chain["contracts"].as_array().unwrap().len(), 4);
    let asked = market.vendor.arrivals_of("/v3/snapshot/options/");
    assert!(
        asked
            .iter()
            .all(|a| !a.target.contains("apiKey") && !a.target.contains("hunter2"))
    );
    assert!(asked.len() >= 5);
}

#[test]
fn a_chain_of_which_one_page_fails_for_good_leaves_the_old_one_whole() {
    type Page = fn(u16) -> Reply;
    let foreign: Page = |_| {
        json_reply(
            &json!({"status": "OK", "results": [], "next_url": "http://example.com/v3/snapshot/options/SPY?cursor=9"}),
        )
    };
    let other_path: Page = |port| {
        json_reply(
            &json!({"status": "OK", "results": [], "next_url": format!("http://127.0.0.1:{port}/v3/other?cursor=9")}),
        )
    };
    let round: Page = |port| {
        json_reply(
            &json!({"status": "OK", "results": [], "next_url": format!("http://127.0.0.1:{port}/v3/snapshot/options/SPY?cursor=1")}),
        )
    };
    let garbage: Page = |_| Reply::ok(b"<html>".to_vec());
    let none: Page = |_| {
        results(vec![
            json!({"details": {"ticker": "O:X"}}),
            json!({}),
            json!({}),
        ])
    };
    for (what, bad) in [
        ("foreign", foreign),
        ("path", other_path),
        ("round", round),
        ("garbage", garbage),
        ("none", none),
    ] {
        let mut market = Market::open(&["SPY"]);
        chain_of(&mut market);
        let is_bad = Arc::new(AtomicUsize::new(0));
        let (turn, port) = (is_bad.clone(), market.vendor.port);
        pages(&market, move |nth| {
            (nth == 2 && turn.load(Ordering::SeqCst) > 0).then(|| bad(port))
        });
        let _massive = market.start();
        let key = until("a chain", PATIENCE, || {
            pointer(&market).ok_or_else(|| "none".to_owned())
        });
        let before = market.hash("market:chain:SPY");
        is_bad.store(1, Ordering::SeqCst);
        until(&format!("{what}: a failure"), PATIENCE, || {
            let kept = market.quarantine();
            if kept.is_empty() {
                Err("none".to_owned())
            } else {
                Ok(())
            }
        });
        assert_eq!(pointer(&market), Some(key.clone()), "{what}");
        let after = market.hash("market:chain:SPY");
        assert_eq!(
            before["2030-01-18:digest"], after["2030-01-18:digest"],
            "{what}"
        );
        let text: Option<String> = market.redis.query(&["GET", &key]);
        assert!(text.is_some(), "{what}");
    }
}
