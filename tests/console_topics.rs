//! What the working services keep is shown to whoever may see it, as text, and without keys.

use redis::Value;
use serde_json::json;

use crate::console_browser::Browser;
use crate::support::console::Console;
use crate::support::{PATIENCE, RedisServer, Stage, until};

const TOPICS: [&str; 6] = ["feeds", "market", "analysis", "mesh", "truth", "notify"];
const EVIL: &str = "<script>alert('x')</script>";
const CANARY: &str = "s3cret-canary";

/// A stage without daemons, whose truth names work for each of them, and a key in a URL.
fn stage() -> Stage {
    let mut stage = Stage::new(&["db", "mesh", "vexy_ai"], 0.2, 1.0);
    let services = &mut stage.truth["services"];
    let url = format!("https://feeds.example/rss?key={CANARY}");
    services["rss_agg"] = json!({"heartbeat": {}, "feeds": [{"id": "news", "url": url}]});
    services["massive"] = json!({"heartbeat": {}, "symbols": ["SPY"]});
    services["console"] = json!({"public": {"title": "Shop", "groups": [
        {"name": "All", "services": {"Web shop": "db"}}]}});
    stage.reseed();
    stage
}

fn set(redis: &RedisServer, command: &[&str]) {
    redis.query::<Value>(command);
}

/// Writes what the services would, with texts of somebody who means harm.
fn fill(redis: &RedisServer) {
    let url = format!("https://feeds.example/rss?key={CANARY}");
    let record = json!({"url": url, "health": "failing", "failures": 2, "http_status": 500, "title": EVIL,
        "error": format!("{EVIL} {url}"), "last_fetch_ts": 1, "average_gap_sec": 90.0, "hints": {}});
    set(
        redis,
        &["HSET", "rss_agg:status", "news", &record.to_string()],
    );
    set(redis, &["HSET", "rss_agg:totals", "queued", "7"]);
    let quarantine = ["XADD", "rss:quarantine", "*", "feed", "news", "url", &url];
    let more = ["reason", "no feed", "body", EVIL];
    set(redis, &[&quarantine[..], &more].concat());
    set(
        redis,
        &[
            "HSET",
            "massive:status",
            "state",
            "ok",
            "as_of_ms",
            "1",
            "calls_allowed",
            "5",
        ],
    );
    let spot = [
        "HSET",
        "market:snapshot:SPY",
        "price",
        "510.2",
        "stale",
        "1",
        "reason",
        EVIL,
    ];
    set(redis, &spot);
    set(redis, &["ZADD", "rss:analysis:index", "1800000000", "u1"]);
    let found = [
        "HSET",
        "rss:analysis:u1",
        "uid",
        "u1",
        "title",
        EVIL,
        "feed",
        "news",
        "url",
        &url,
    ];
    let more = [
        "sentiment",
        "-0.5",
        "sentiment_label",
        "negative",
        "source",
        "local",
    ];
    set(redis, &[&found[..], &more].concat());
    let dead = [
        "XADD",
        "vexy:dead",
        "*",
        "uid",
        "u2",
        "title",
        EVIL,
        "reason",
        "6 times",
    ];
    set(redis, &dead);
    let head = [
        "HSET",
        "mesh:head",
        "epoch",
        "1",
        "seq",
        "1",
        "as_of_ts",
        "1",
        "doubting",
        "0",
    ];
    set(redis, &head);
    let instance = json!({"svc": "db", "inst": "i1", "state": "failed", "host": EVIL, "since_ts": 1,
        "last_beat_ts": 1, "id": "e", "seq": 1});
    set(
        redis,
        &["HSET", "mesh:instances", "db/i1", &instance.to_string()],
    );
    let work = json!({"bus": "system-redis", "key": "jobs", "group": "g", "service": "db", "state": "stalled",
        "since_ts": 1, "pending": 3, "unread": true, "reason": EVIL, "as_of_ts": 1});
    set(
        redis,
        &[
            "HSET",
            "mesh:work",
            "system-redis:jobs:g",
            &work.to_string(),
        ],
    );
    let group = [
        "XGROUP",
        "CREATE",
        "healer:alerts:log",
        "healer:ops",
        "$",
        "MKSTREAM",
    ];
    set(redis, &group);
    let message = json!({"id": "m", "made_ms": 1000, "title": "db down",
        "deliveries": [{"to": "", "last": format!("HTTP 500 of {url}")}]});
    set(
        redis,
        &[
            "HSET",
            "notify:healer:ops:outbox",
            "m",
            &message.to_string(),
        ],
    );
    let letter = json!({"reason": format!("{EVIL} {url}"), "at_ms": 1000, "to": "", "message": {"title": EVIL}});
    set(redis, &["LPUSH", "healer:dead:ops", &letter.to_string()]);
}

#[test]
fn what_the_services_keep_is_shown_as_text_and_without_keys() {
    let stage = stage();
    fill(&stage.redis);
    let console = Console::start(&stage.redis.url(), &[]);
    console.wait_state("db", "unknown");
    let mut pages = Vec::new();
    for topic in TOPICS {
        let (page, api) = (
            console.get(&format!("/{topic}")),
            console.get(&format!("/api/v1/{topic}")),
        );
        assert_eq!(
            (page.status, api.status),
            (200, 200),
            "{topic}: {page:?} {api:?}"
        );
        assert!(!page.body.contains("<script>alert"), "{topic}: {page:?}");
        for answer in [&page, &api] {
            assert!(!answer.body.contains(CANARY), "{topic}: {answer:?}");
        }
        assert_eq!(
            console.get_openly(&format!("/{topic}")).status,
            303,
            "{topic}"
        );
        assert_eq!(
            console.get_openly(&format!("/api/v1/{topic}")).status,
            401,
            "{topic}"
        );
        pages.push(page.body);
    }
    let shown = [
        ("feeds", "HTTP 500"),
        ("market", "STALE: &lt;script&gt;"),
        ("analysis", "negative"),
        ("mesh", "stalled"),
        ("truth", "https://feeds.example/rss?…"),
        ("notify", "Dead letters"),
    ];
    for ((topic, words), page) in shown.into_iter().zip(&pages) {
        assert!(page.contains(words), "{topic}: {page}");
    }
    let feeds = console.get("/api/v1/feeds").json();
    assert_eq!(feeds["feeds"][0]["gap_sec"], 90.0, "{feeds}");
    assert_eq!(feeds["quarantine"][0]["excerpt"], EVIL, "{feeds}");
    let market = console.get("/api/v1/market").json();
    assert_eq!(market["symbols"][0]["fresh"], false, "{market}");
    let analysis = console.get("/api/v1/analysis").json();
    assert_eq!(analysis["letters"][0]["uid"], "u2", "{analysis}");
    let notify = console.get("/api/v1/notify").json();
    assert_eq!(notify["channels"][0]["waiting_since_ts"], 1, "{notify}");
    let public = console.get_openly("/public").body;
    assert!(public.contains("Web shop"), "{public}");
    for hidden in [CANARY, "news", "SPY", "alert("] {
        assert!(!public.contains(hidden), "{public}");
    }
    let tag = console.get("/api/v1/truth");
    let tag = tag.field("ETag").expect("a tag");
    let token = crate::support::console::TOKEN;
    let again = format!(
        "GET /api/v1/truth HTTP/1.1\nHost: localhost\nAuthorization: Bearer {token}\nIf-None-Match: {tag}"
    );
    assert_eq!(console.send(&again, "").status, 304);
}

#[test]
fn a_data_bus_that_is_away_is_said_and_keeps_nothing_else_from_being_shown() {
    let stage = stage();
    let market = RedisServer::prepare(&[]);
    let console = Console::start(&stage.redis.url(), &[("MARKET_REDIS_URL", &market.url())]);
    console.wait_state("db", "unknown");
    for topic in ["feeds", "market", "analysis"] {
        let page = console.get(&format!("/{topic}"));
        assert_eq!(page.status, 503, "{topic}: {page:?}");
        let api = console.get(&format!("/api/v1/{topic}"));
        assert_eq!(api.status, 503, "{topic}: {api:?}");
    }
    for topic in ["mesh", "truth", "notify"] {
        let page = console.get(&format!("/{topic}"));
        assert_eq!(page.status, 200, "{topic}: {page:?}");
    }
}

#[test]
fn what_changed_in_truth_is_entered_once_however_many_consoles_look() {
    let mut stage = stage();
    let consoles = [(); 2].map(|()| Console::start(&stage.redis.url(), &[]));
    let seen = || stage.redis.query::<bool>(&["EXISTS", "console:truth:seen"]);
    until("the document is known", PATIENCE, || {
        if seen() {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    });
    stage.truth["services"]["api"] = json!({"heartbeat": {"interval_sec": 0.2}});
    stage.truth["services"]["db"]["heartbeat"]["interval_sec"] = json!(0.3);
    stage.reseed();
    let changes = until("a change", PATIENCE, || {
        let truth = consoles[0].get("/api/v1/truth").json();
        match truth["changes"].as_array() {
            Some(list) if !list.is_empty() => Ok(list.clone()),
            _ => Err(truth.to_string()),
        }
    });
    let paths: Vec<&str> = changes[0]["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|change| change["path"].as_str())
        .collect();
    assert!(
        paths.contains(&"services.api") && paths.contains(&"services.db.heartbeat.interval_sec"),
        "{changes:?}"
    );
    // Both have met it: the next one that either meets stands alone before this one.
    for console in &consoles {
        console.wait_state("api", "unknown");
    }
    stage.truth["services"]
        .as_object_mut()
        .unwrap()
        .remove("api");
    stage.reseed();
    until("the next change", PATIENCE, || {
        let truth = consoles[1].get("/api/v1/truth").json();
        match truth["changes"].as_array() {
            Some(list) if list.len() == 2 => Ok(()),
            _ => Err(truth.to_string()),
        }
    });
}

#[test]
fn the_pages_of_the_services_hold_in_a_browser_wide_and_narrow_light_and_dark() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let stage = stage();
    fill(&stage.redis);
    let console = Console::start(&stage.redis.url(), &[]);
    console.wait_state("db", "unknown");
    let views = browser.look(&console, "topics", &["topics"]);
    assert!(views.len() >= TOPICS.len() * 4, "{views:?}");
}
