//! A bus that the healer cannot hear was shown green for as long as nobody could say that it was not.

use serde_json::json;

use super::{Status, wait_table};
use crate::support::truth::seed;
use crate::support::watcher::{INTERVAL_SEC, TIMEOUT_SEC};
use crate::support::{Beater, Daemon, PATIENCE, Proxy, RedisServer, Stage, secs, until};

/// `svc-a` beats on the system bus, `svc-m` and `svc-d` on the market bus, which the healer reaches through a proxy.
struct TwoBuses {
    market_beats: Beater,
    _beats: Beater,
    _healer: Daemon,
    proxy: Proxy,
    stage: Stage,
    _market: RedisServer,
}

fn two_buses() -> TwoBuses {
    let market = RedisServer::start();
    let proxy = Proxy::to(market.port());
    let mut stage = Stage::new(&["svc-a", "svc-m", "svc-d"], INTERVAL_SEC, TIMEOUT_SEC);
    for svc in ["svc-m", "svc-d"] {
        stage.truth["services"][svc]["heartbeat"]["redis_url"] = json!("redis://market-redis:6379");
    }
    seed(&stage.redis, &stage.truth);
    let beats = stage.beat(&["svc-a"]);
    let market_beats = Beater::start(&market, &["svc-m", "svc-d"], secs(INTERVAL_SEC));
    let healer = stage.start_with("healer", &[("MARKET_REDIS_URL", &proxy.url())]);
    for svc in ["svc-a", "svc-m", "svc-d"] {
        stage.wait_health(svc, "up");
    }
    TwoBuses {
        market_beats,
        _beats: beats,
        _healer: healer,
        proxy,
        stage,
        _market: market,
    }
}

#[test]
fn services_of_a_bus_that_cannot_be_judged_are_unknown_and_told_deaths_stay_down() {
    let two = two_buses();
    let stage = &two.stage;
    let all_up = wait_table(stage, "all are up", |status| status.code == 0);
    assert!(!all_up.text.contains("warning: market"), "{}", all_up.text);
    two.market_beats.silence("svc-d");
    stage.alerts.wait("heartbeat_miss", "svc-d", PATIENCE);
    let url = stage.redis.url();
    let mut watch = Daemon::start_with(
        "marketswarm",
        &["watch", "--plain"],
        &[("SYSTEM_REDIS_URL", &url)],
    );
    stage.redis.wait_subscribed("svc-a:heartbeat", 2);

    two.proxy.go_silent();
    let status = wait_table(stage, "svc-m is unknown", |s| s.state("svc-m") == "unknown");
    let reason = "market-redis cannot be judged: ";
    assert_eq!(status.code, 1, "{}", status.text);
    assert!(status.line("svc-m").contains(reason), "{}", status.text);
    assert_eq!(status.state("svc-a"), "up", "{}", status.text);
    assert_eq!(status.state("svc-d"), "down", "{}", status.text);
    let said = format!("warning: {reason}");
    assert!(status.text.contains(&said), "{}", status.text);
    let (code, json) = Status::json(stage);
    let services = json["services"].as_array().unwrap();
    let one = |svc: &str| services.iter().find(|s| s["svc"] == svc).unwrap();
    assert_eq!((code, &one("svc-m")["status"]), (1, &json!("unknown")));
    assert!(one("svc-m")["reason"].as_str().unwrap().starts_with(reason));
    assert_eq!(one("svc-a")["status"], "up");
    let buses = json["buses"].as_array().unwrap();
    let market = buses.iter().find(|b| b["bus"] == "market-redis").unwrap();
    assert_eq!(market["judged"], false);
    watch.wait_log(reason, PATIENCE);

    two.proxy.heal();
    wait_table(stage, "svc-m is up again", |s| s.state("svc-m") == "up");
    watch.wait_log("market-redis can be judged again", PATIENCE);
    two.market_beats.resume("svc-d");
    wait_table(stage, "all are up again", |status| status.code == 0);
    watch.stop();
}

#[test]
fn a_healer_that_never_heard_a_bus_does_not_vouch_for_what_another_wrote() {
    let two = two_buses();
    let TwoBuses {
        _healer: mut healer,
        proxy,
        stage,
        ..
    } = two;
    // The next one starts while the bus is away: what stands in the store is from before.
    healer.kill();
    proxy.go_silent();
    stage.redis.query::<()>(&["DEL", "healer:lease"]);
    let _healer = stage.start_with("healer", &[("MARKET_REDIS_URL", &proxy.url())]);
    let status = wait_table(&stage, "svc-a is up, svc-m unknown", |s| {
        s.state("svc-a") == "up" && s.state("svc-m") == "unknown"
    });
    assert_eq!(status.code, 1, "{}", status.text);
}

#[test]
fn watch_shows_no_green_of_a_bus_that_does_not_answer_and_ends_at_once() {
    let stage = Stage::new(&["svc-a"], INTERVAL_SEC, TIMEOUT_SEC);
    let _beats = stage.beat(&["svc-a"]);
    let _healer = stage.healer_for("svc-a");
    stage.wait_health("svc-a", "up");
    let proxy = Proxy::to(stage.redis.port());
    let mut watch = Daemon::start_with(
        "marketswarm",
        &["watch", "--plain"],
        &[("SYSTEM_REDIS_URL", &proxy.url())],
    );
    watch.wait_log("beat svc-a", PATIENCE);
    proxy.go_silent();
    watch.wait_log("the link to system-redis broke", PATIENCE);
    let (code, _) = Daemon::run(
        "marketswarm",
        &["status"],
        &[("SYSTEM_REDIS_URL", &proxy.url())],
        PATIENCE,
    );
    assert_eq!(code, 3);
    let told = std::time::Instant::now();
    watch.stop();
    assert!(told.elapsed() < secs(3.0), "{:?}", told.elapsed());
}

#[test]
fn one_look_tells_of_ten_thousand_services_and_more() {
    let mut stage = Stage::new(&["svc-a"], INTERVAL_SEC, TIMEOUT_SEC);
    for n in 0..10_500 {
        stage.truth["services"][format!("s{n:05}")] = json!({"heartbeat": {}});
    }
    stage.reseed();
    // A service that none of them is: it stands beyond what a screen holds.
    until("all are listed", PATIENCE, || {
        let status = Status::table(&stage);
        match status.text.lines().any(|l| l.starts_with("s10499 ")) {
            true => Ok(()),
            false => Err(status.text.lines().count().to_string()),
        }
    });
}
