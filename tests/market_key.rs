//! The vendor's key: in the header of a request, and nowhere else, whatever the vendor says.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::support::vendor::{KEY, Market, Reply, json_reply, marked_contracts, now_ms};
use crate::support::{Alerts, Daemon, PATIENCE, RedisServer, until};

/// What no process may write is in the key.
const SECRET: &str = "hunter2";

/// The vendor says the key wherever it can.
fn tell_everywhere(market: &Market) {
    let turn = AtomicU32::new(0);
    let echo = format!(r#"{{"status":"ERROR","error":"{KEY} is of no use","message":"{KEY}"}}"#);
    let html = format!("<html>{KEY}</html>");
    market.vendor.rule(move |a| {
        if a.path() != "/v3/snapshot" {
            return None;
        }
        let ms = now_ms();
        Some(match turn.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::ok(echo.clone()),
            1 | 2 => Reply::ok(html.clone()),
            3 => Reply::Full(503, vec![("X-Key".into(), KEY.into())], KEY.into()),
            _ => json_reply(&json!({
                "status": "OK", "request_id": KEY,
                "results": [
                    {"ticker": "SPY", "type": "stocks", "name": KEY, "market_status": KEY,
                        "last_trade": {"price": 100.5, "size": KEY, "conditions": KEY,
                            "sip_timestamp": ms * 1_000_000, "timeframe": KEY},
                        "last_quote": {"bid": KEY, "ask": KEY, "last_updated": KEY}, "session": KEY},
                    {"ticker": KEY, "type": "stocks", "value": 5},
                    {"ticker": "QQQ", "error": KEY, "message": KEY},
                ],
            })),
        })
    });
    market.vendor.rule(|a| {
        (a.path() == "/v1/marketstatus/now").then(|| {
            json_reply(&json!({"market": "open", "serverTime": KEY, "indicesGroups": {KEY: KEY}}))
        })
    });
    // Contracts that are named after it, and a next page whose address has it, plain and in disguise.
    let port = market.vendor.port;
    let turn = AtomicU32::new(0);
    market.vendor.rule(move |a| {
        if !a.path().starts_with("/v3/snapshot/options/") {
            return None;
        }
        let mut list = marked_contracts(&["2030-01-18"], 20, 1.5);
        list[3]["details"]["ticker"] = json!(KEY);
        let mut page = json!({"status": "OK", "results": list});
        let disguised = KEY.replacen('h', "%68", 1);
        let next = match turn.fetch_add(1, Ordering::SeqCst) % 4 {
            0 => format!("cursor={KEY}"),
            1 => format!("cursor={disguised}&apiKey={KEY}"),
            _ => return Some(json_reply(&page)),
        };
        page["next_url"] = json!(format!(
            "http://127.0.0.1:{port}/v3/snapshot/options/SPY?{next}"
        ));
        Some(json_reply(&page))
    });
}

#[test]
fn the_key_is_nowhere_but_in_the_header() {
    let mut market = Market::open(&["SPY", "QQQ"]);
    // So that what is in the file is there in plain text.
    market.redis = RedisServer::start_with(&["--rdbcompression", "no"]);
    *market.section("chains") = json!([{"underlying": "SPY", "interval_sec": 5}]);
    tell_everywhere(&market);
    let beats = Alerts::on_channel(&market.redis, "massive:heartbeat");
    let spots = Alerts::on_channel(&market.redis, "massive:spot");
    let massive = market.start();
    market.wait_price("SPY", "100.5");
    until("a chain after two that failed", PATIENCE * 2, || {
        let hash = market.hash("market:chain:SPY");
        match hash.get("2030-01-18:pointer") {
            Some(key) => Ok(market.redis.query::<String>(&["GET", key])),
            None => Err(format!("{hash:?}")),
        }
    });
    until("what was refused", PATIENCE, || {
        let kept = market.quarantine();
        match format!("{kept:?}").contains("not_asked") {
            true => Ok(()),
            false => Err(format!("{kept:?}")),
        }
    });

    let mut said = vec![("log", massive.log())];
    for arrival in market.vendor.arrivals() {
        let bearer = format!("Bearer {KEY}");
        assert_eq!(arrival.header("authorization"), Some(bearer.as_str()));
        assert!(!arrival.target.contains(SECRET), "{}", arrival.target);
        assert!(!arrival.target.contains("%68unter2"), "{}", arrival.target);
    }
    for args in [
        &[][..],
        &["--json"],
        &["get", "SPY"],
        &["get", "SPY", "--json"],
        &["get", "QQQ"],
        &["chain", "SPY"],
        &["chain", "SPY", "2030-01-18"],
        &["chain", "SPY", "2030-01-18", "--json"],
        &["status"],
        &["status", "--json"],
        &["budget"],
        &["poll"],
    ] {
        said.push(("command", market.cli(args).1));
    }
    for heard in [&beats, &spots] {
        let all = heard.all();
        assert!(!all.is_empty());
        said.extend(all.iter().map(|one| ("channel", one.json.to_string())));
    }
    for (what, text) in &said {
        assert!(!text.contains(SECRET), "{what}: {text}");
    }
    // Everything that the store has, as it would lie on a disk, and everything that was ever written to it.
    let files = [market.redis.saved(), market.redis.data().into_bytes()];
    for file in files {
        assert!(holds(&file, b"100.5") && holds(&file, b"massive:quarantine"));
        assert!(
            !holds(&file, SECRET.as_bytes()),
            "{}",
            String::from_utf8_lossy(&file)
        );
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn an_answer_in_a_file_is_checked_without_telling_what_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answer.json");
    let answer: Value = json!({"results": [{"ticker": "SPY", "value": KEY, "last_trade": KEY}]});
    std::fs::write(&file, answer.to_string()).unwrap();
    let args = ["market", "check", "/v3/snapshot", file.to_str().unwrap()];
    let env = [("MASSIVE_API_KEY", KEY)];
    for args in [&args[..], &[&args[..], &["--json"]].concat()] {
        let (code, said) = Daemon::run("marketswarm", args, &env, PATIENCE);
        assert!(code == 1 && !said.contains(SECRET), "{said}");
    }
}
