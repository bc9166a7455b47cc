//! Each bus is judged for itself: when one is down, nobody on another is harmed.

use serde_json::json;

use crate::support::truth::seed;
use crate::support::watcher::{DOUBT, INTERVAL_SEC, TIMEOUT, TIMEOUT_SEC};
use crate::support::{Beater, Daemon, PATIENCE, RedisServer, Stage, secs, until};

/// `svc-a` beats on the system bus, `svc-m` on the market bus.
struct TwoBuses {
    a: Beater,
    m: Beater,
    healer: Daemon,
    stage: Stage,
    market: RedisServer,
}

fn two_buses() -> TwoBuses {
    let market = RedisServer::start();
    let mut stage = Stage::new(&["svc-a", "svc-m"], INTERVAL_SEC, TIMEOUT_SEC);
    stage.truth["services"]["svc-m"]["heartbeat"]["redis_url"] = json!("redis://market-redis:6379");
    seed(&stage.redis, &stage.truth);
    let url = market.url();
    let a = stage.beat(&["svc-a"]);
    let m = Beater::start(&market, &["svc-m"], secs(INTERVAL_SEC));
    let healer = stage.start_with("healer", &[("MARKET_REDIS_URL", &url)]);
    stage.wait_health("svc-a", "up");
    stage.wait_health("svc-m", "up");
    TwoBuses {
        a,
        m,
        healer,
        stage,
        market,
    }
}

#[test]
fn a_death_on_another_bus_is_told_on_the_system_bus_and_names_its_bus() {
    let two = two_buses();
    two.m.silence("svc-m");
    let miss = two.stage.alerts.wait("heartbeat_miss", "svc-m", PATIENCE);
    assert_eq!(miss.json["bus"], "market-redis", "{}", miss.text);
    two.m.resume("svc-m");
    two.stage.alerts.wait("heartbeat_ok", "svc-m", PATIENCE);
    two.stage.alerts.assert_nothing_else(TIMEOUT);
}

#[test]
fn a_bus_that_is_down_is_told_once_freezes_its_own_services_only_and_is_told_to_be_up() {
    let mut two = two_buses();
    two.market.kill();
    let down = two.stage.alerts.wait("bus_down", "market-redis", PATIENCE);
    assert!(
        down.text
            .starts_with(r#"{"type":"bus_down","svc":"market-redis","ts":"#),
        "{}",
        down.text
    );
    // Judged as ever.
    two.a.silence("svc-a");
    two.stage.alerts.wait("heartbeat_miss", "svc-a", PATIENCE);
    two.a.resume("svc-a");
    two.stage.alerts.wait("heartbeat_ok", "svc-a", PATIENCE);
    two.market.start_again();
    two.stage.alerts.wait("bus_up", "market-redis", PATIENCE);
    two.stage.alerts.assert_nothing_else(DOUBT + TIMEOUT);
    two.m.silence("svc-m");
    two.stage.alerts.wait("heartbeat_miss", "svc-m", PATIENCE);
}

#[test]
fn an_outage_of_the_system_bus_is_told_when_it_is_over_and_a_short_one_is_not() {
    let mut two = two_buses();
    two.stage.redis.kill();
    two.healer.wait_log("the link is lost", PATIENCE);
    two.stage.redis.start_again();
    two.stage.alerts.assert_nothing_else(DOUBT + TIMEOUT);

    two.stage.redis.kill();
    two.healer.wait_log("system-redis is down", PATIENCE);
    two.stage.redis.start_again();
    until("both in the log", PATIENCE, || {
        let log = two.stage.alert_log();
        let kinds: Vec<&str> = log.iter().filter_map(|a| a["type"].as_str()).collect();
        if kinds == ["bus_down", "bus_up"] {
            Ok(())
        } else {
            Err(format!("{kinds:?}"))
        }
    });
    // The ear on the channel may be back too late for these two.
    two.stage
        .alerts
        .assert_none(DOUBT + TIMEOUT, |a| !a.kind().starts_with("bus_"));
    assert_eq!(two.stage.alert_log().len(), 2);
}

#[test]
fn a_bus_that_truth_names_no_more_is_let_go_and_one_that_it_names_anew_is_heard() {
    let mut two = two_buses();
    let with_market = two.stage.truth.clone();
    two.stage.truth["services"]
        .as_object_mut()
        .unwrap()
        .remove("svc-m");
    two.stage.reseed();
    until("no subscriber on the market bus", PATIENCE, || {
        match two.market.subscribers("svc-m:heartbeat") {
            0 => Ok(()),
            n => Err(format!("{n}")),
        }
    });
    two.m.silence("svc-m");
    two.stage.alerts.assert_nothing_else(TIMEOUT * 3);
    assert!(two.healer.is_alive());

    two.m.resume("svc-m");
    seed(&two.stage.redis, &with_market);
    two.stage.wait_health("svc-m", "up");
    two.m.silence("svc-m");
    two.stage.alerts.wait("heartbeat_miss", "svc-m", PATIENCE);
    two.stage.alerts.assert_nothing_else(TIMEOUT);
}
