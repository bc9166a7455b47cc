//! Two healers, neither of which can hold the lease: one speaks, and one only.

use std::time::{Duration, Instant};

use crate::support::watcher::{DOUBT, HEALER, TIMEOUT};
use crate::support::{Alerts, Daemon, PATIENCE, Stage};

/// 6 s of silence, and the time that services get from a healer that begins to speak.
const SUCCESSION: Duration = Duration::from_secs(30);

fn forbid(stage: &Stage) {
    stage.redis.query::<()>(&[
        "ACL",
        "SETUSER",
        "watcher",
        "on",
        ">s3cret",
        "~*",
        "&*",
        "+@all",
        "-@scripting",
    ]);
}

fn allow(stage: &Stage) {
    stage.redis.query::<()>(&[
        "ACL", "SETUSER", "watcher", "on", ">s3cret", "~*", "&*", "+@all",
    ]);
}

fn start(stage: &Stage) -> Daemon {
    let url = format!("redis://watcher:s3cret@127.0.0.1:{}", stage.redis.port());
    stage.start_with("healer", &[("SYSTEM_REDIS_URL", &url)])
}

#[test]
fn the_one_that_held_the_lease_last_goes_on_and_the_other_follows_it() {
    let stage = HEALER.stage();
    allow(&stage);
    let beats = stage.beat(&["svc-a"]);
    let voices = Alerts::on_channel(&stage.redis, "healer:heartbeat");
    let mut first = start(&stage);
    first.wait_log("holds the lease and speaks", PATIENCE);
    let second = start(&stage);
    second.wait_log("standing by", PATIENCE);
    stage.redis.wait_subscribed("svc-a:heartbeat", 2);
    stage.wait_health("svc-a", "up");

    forbid(&stage);
    stage.alerts.wait("bus_readonly", "system-redis", PATIENCE);
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    beats.resume("svc-a");
    HEALER.wait_ok(&stage.alerts);
    // Long enough for the other one to have noticed that the lease ran out.
    stage.alerts.assert_nothing_else(Duration::from_secs(8));
    assert_eq!(second.log_count("speaks"), 0, "{}", second.log());

    first.kill();
    let killed = Instant::now();
    second.wait_log("no other healer speaks: this one does", SUCCESSION);
    assert!(
        killed.elapsed() >= Duration::from_secs(5),
        "{:?}",
        killed.elapsed()
    );
    stage.alerts.wait("bus_readonly", "system-redis", PATIENCE);
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);

    // A third that starts finds one that speaks.
    let third = start(&stage);
    third.wait_log("standing by", PATIENCE);
    stage.alerts.assert_nothing_else(Duration::from_secs(8));
    assert_eq!(third.log_count("speaks"), 0, "{}", third.log());

    // Whoever spoke takes the lease, and writes what it told.
    allow(&stage);
    stage.wait_health("svc-a", "down");
    beats.resume("svc-a");
    HEALER.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(DOUBT);
    let lease: String = stage.redis.query(&["GET", "healer:lease"]);
    let last = voices.all();
    assert_eq!(last.last().unwrap().json["inst"], lease.as_str());
    assert_eq!(third.log_count("speaks"), 0, "{}", third.log());
}

#[test]
fn of_two_that_start_without_the_right_one_speaks() {
    let stage = HEALER.stage();
    forbid(&stage);
    let beats = stage.beat(&["svc-a"]);
    let (first, second) = (start(&stage), start(&stage));
    stage
        .alerts
        .wait("bus_readonly", "system-redis", SUCCESSION);
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    beats.resume("svc-a");
    HEALER.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(Duration::from_secs(8));
    let speak = |healer: &Daemon| healer.log_count("this one does");
    assert_eq!(speak(&first) + speak(&second), 1);
}

#[test]
fn one_that_was_followed_while_it_stood_still_gives_way() {
    let stage = HEALER.stage();
    allow(&stage);
    let beats = stage.beat(&["svc-a"]);
    let first = start(&stage);
    first.wait_log("holds the lease and speaks", PATIENCE);
    let second = start(&stage);
    second.wait_log("standing by", PATIENCE);
    stage.redis.wait_subscribed("svc-a:heartbeat", 2);
    forbid(&stage);
    stage.alerts.wait("bus_readonly", "system-redis", PATIENCE);
    second.wait_log("the lease cannot be taken", PATIENCE);
    first.pause();
    second.wait_log("no other healer speaks: this one does", SUCCESSION);
    stage.alerts.wait("bus_readonly", "system-redis", PATIENCE);
    first.resume();
    first.wait_log("falling silent", PATIENCE);
    std::thread::sleep(TIMEOUT);
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    stage.alerts.assert_nothing_else(DOUBT + TIMEOUT);
}
