//! A service that read a new truth some seconds after the healer (each looks by itself when no word comes) was told
//! dead by a place or a timing that it did not know yet.

use std::time::Duration;

use serde_json::json;

use crate::support::truth::{add_service, seed};
use crate::support::watcher::{HEALER, INTERVAL_SEC, TIMEOUT_SEC, Watch};
use crate::support::{Alerts, Beater, Daemon, PATIENCE, RedisServer, secs, until};

/// Services look every ten seconds: most of that.
const NOT_YET: Duration = Duration::from_millis(8500);

/// Puts the truth of the stage in force at the healer, which alone hears of it.
fn only_the_healer_reads(watch: &Watch) {
    let reloads = watch.daemon.log_count("watching ");
    watch.stage.reseed();
    until("a reload", PATIENCE, || {
        match watch.daemon.log_count("watching ") {
            n if n > reloads => Ok(()),
            n => Err(format!("{n} reloads")),
        }
    });
}

#[track_caller]
fn assert_no_verdict(watch: &Watch) {
    watch
        .alerts()
        .assert_none(NOT_YET, |a| HEALER.is_verdict(a));
}

#[test]
fn who_does_not_know_its_new_channel_yet_is_not_dead() {
    let mut watch = HEALER.at_work();
    watch.stage.truth["services"]["svc-a"]["heartbeat"]["channel"] = json!("beats/a");
    only_the_healer_reads(&watch);
    assert_no_verdict(&watch);
    watch.beats.move_to("svc-a", "beats/a");
    watch.stage.wait_health("svc-a", "up");
    watch.assert_still_judges();
}

#[test]
fn who_does_not_know_its_new_interval_yet_is_not_dead() {
    let mut stage = HEALER.stage();
    add_service(&mut stage.truth, "slow", 4.0, 8.0);
    stage.reseed();
    let mut watch = HEALER.at_work_on(stage, &[]);
    watch.beats.add("slow", secs(4.0));
    watch.stage.wait_health("slow", "up");
    add_service(&mut watch.stage.truth, "slow", INTERVAL_SEC, TIMEOUT_SEC);
    only_the_healer_reads(&watch);
    assert_no_verdict(&watch);
    // It knows, and dies at once.
    watch.beats.add("slow", secs(INTERVAL_SEC));
    watch.beats.wait_beat("slow");
    watch.beats.silence("slow");
    watch.alerts().wait("heartbeat_miss", "slow", PATIENCE);
}

#[test]
fn who_does_not_know_its_new_bus_yet_is_not_dead() {
    let other = RedisServer::start();
    let mut watch = HEALER.at_work();
    watch.stage.truth["services"]["svc-a"]["heartbeat"]["redis_url"] = json!(other.url());
    only_the_healer_reads(&watch);
    assert_no_verdict(&watch);
}

#[test]
fn who_does_not_know_that_its_bus_is_elsewhere_yet_is_not_dead() {
    let (first, second) = (RedisServer::start(), RedisServer::start());
    let mut stage = HEALER.stage();
    stage.truth["buses"] = json!({"far-redis": {"url": first.url()}});
    add_service(&mut stage.truth, "far", INTERVAL_SEC, TIMEOUT_SEC);
    stage.truth["services"]["far"]["heartbeat"]["redis_url"] = json!("redis://far-redis:6379");
    stage.reseed();
    let beats = Beater::start(&first, &["far"], secs(INTERVAL_SEC));
    let mut watch = HEALER.at_work_on(stage, &[]);
    watch.stage.wait_health("far", "up");
    watch.stage.truth["buses"]["far-redis"]["url"] = json!(second.url());
    only_the_healer_reads(&watch);
    assert_no_verdict(&watch);
    drop(beats);
}

/// A service whose truth comes from another server than the healer's: who reads which truth when is up to the test.
struct Apart {
    // Fields are dropped in this order: processes before the servers.
    service: Daemon,
    watch: Watch,
    truths: RedisServer,
}

fn apart() -> Apart {
    let truths = RedisServer::start();
    let mut stage = HEALER.stage();
    add_service(&mut stage.truth, "mesh", INTERVAL_SEC, TIMEOUT_SEC);
    stage.reseed();
    seed(&truths, &stage.truth);
    let url = truths.url();
    let service = stage.start_with("mesh", &[("TRUTH_REDIS_URL", &url)]);
    let watch = HEALER.at_work_on(stage, &[]);
    watch.stage.wait_health("mesh", "up");
    Apart {
        service,
        watch,
        truths,
    }
}

#[test]
fn a_real_service_that_learns_later_than_the_healer_is_not_dead() {
    let mut apart = apart();
    let heartbeat = &mut apart.watch.stage.truth["services"]["mesh"]["heartbeat"];
    heartbeat["channel"] = json!("beats/mesh");
    only_the_healer_reads(&apart.watch);
    assert_no_verdict(&apart.watch);
    let beats = Alerts::on_channel(&apart.watch.stage.redis, "beats/mesh");
    seed(&apart.truths, &apart.watch.stage.truth);
    beats.wait_for("a beat at the new place", PATIENCE, |_| true);
    apart.service.kill();
    let miss = apart
        .watch
        .alerts()
        .wait("heartbeat_miss", "mesh", PATIENCE);
    assert!(miss.json.get("never_heard").is_none(), "{}", miss.text);
}

/// The other way round: the service reads it first, and the healer, which looks every five seconds, is the late one.
#[test]
fn a_real_service_that_learns_earlier_than_the_healer_is_not_dead() {
    for (field, value) in [
        ("channel", json!("beats/mesh")),
        ("redis_url", json!(null)),
        ("interval_sec", json!(20.0)),
    ] {
        let other = RedisServer::start();
        let mut apart = apart();
        let heartbeat = &mut apart.watch.stage.truth["services"]["mesh"]["heartbeat"];
        heartbeat[field] = match value {
            serde_json::Value::Null => json!(other.url()),
            value => value,
        };
        if field == "interval_sec" {
            heartbeat["timeout_sec"] = json!(60.0);
        }
        let reads = apart.truths.query::<String>(&["INFO", "commandstats"]);
        seed(&apart.truths, &apart.watch.stage.truth);
        // It listens for word on the bus that it shares with the healer, whose truth is as it was.
        let word = ["PUBLISH", "truth:changed", "test"];
        apart.watch.stage.redis.query::<i64>(&word);
        until("the service to read its truth", PATIENCE, || {
            let now = apart.truths.query::<String>(&["INFO", "commandstats"]);
            let of = |text: &str| text.lines().find(|l| l.contains("getrange")).map(calls);
            match of(&now) > of(&reads) {
                true => Ok(()),
                false => Err(now),
            }
        });
        apart
            .watch
            .alerts()
            .assert_none(secs(4.0), |a| HEALER.is_verdict(a));
        apart.watch.stage.reseed();
        apart
            .watch
            .alerts()
            .assert_none(secs(4.0), |a| HEALER.is_verdict(a));
    }
}

/// The count in a line of `INFO commandstats`.
fn calls(line: &str) -> u64 {
    let (_, rest) = line.split_once("calls=").expect("a count");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}
