//! Two healers on one bus speak with one voice, and one of them is enough.

use std::time::Duration;

use crate::support::receiver::Receiver;
use crate::support::watcher::{DOUBT, HEALER, TIMEOUT};
use crate::support::{Alerts, Daemon, PATIENCE, Stage};

/// A lease lasts 5 s, and a healer that takes over waits for its services.
const TAKE_OVER: Duration = Duration::from_secs(20);

/// A speaking healer and one that stands by.
fn pair(stage: &Stage) -> (Daemon, Daemon) {
    let first = stage.start("healer");
    first.wait_log("holds the lease and speaks", PATIENCE);
    let second = stage.start("healer");
    second.wait_log("standing by", PATIENCE);
    stage.redis.wait_subscribed("svc-a:heartbeat", 2);
    (first, second)
}

#[test]
fn the_one_that_stands_by_is_mute_and_beatless_and_nothing_is_doubled() {
    let stage = HEALER.stage();
    let beats = stage.beat(&["svc-a"]);
    let healer_beats = Alerts::on_channel(&stage.redis, "healer:heartbeat");
    let _pair = pair(&stage);
    stage.wait_health("svc-a", "up");
    for _ in 0..3 {
        beats.silence("svc-a");
        HEALER.wait_miss(&stage.alerts);
        beats.resume("svc-a");
        HEALER.wait_ok(&stage.alerts);
    }
    stage.alerts.assert_nothing_else(TIMEOUT);
    let heard = healer_beats.all();
    assert!(
        heard
            .iter()
            .all(|b| b.json["inst"] == heard[0].json["inst"]),
        "two healers beat"
    );
    assert_eq!(stage.alert_log().len(), 6);
}

#[test]
fn after_an_outage_the_one_that_told_of_it_tells_its_end() {
    let mut stage = HEALER.stage();
    let receiver = Receiver::start();
    let url = receiver.url();
    let env = [("WEBHOOK_URL", url.as_str())];
    let first = stage.start_with("healer", &env);
    first.wait_log("channel webhook", PATIENCE);
    let second = stage.start_with("healer", &env);
    second.wait_log("standing by", PATIENCE);
    stage.redis.kill();
    receiver.wait_text("BUS DOWN system-redis", PATIENCE);
    stage.redis.start_again();
    receiver.wait_text("BUS UP system-redis after", PATIENCE);
    assert_eq!(second.log_count("speaks"), 0, "{}", second.log());
}

#[test]
fn when_the_one_that_speaks_is_killed_the_other_takes_over_and_nothing_is_lost_or_doubled() {
    let stage = HEALER.stage();
    let beats = stage.beat(&["svc-a"]);
    let healer_beats = Alerts::on_channel(&stage.redis, "healer:heartbeat");
    let (mut first, second) = pair(&stage);
    stage.wait_health("svc-a", "up");

    // Dead and told by the first; alive again and told by the second.
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    first.kill();
    beats.resume("svc-a");
    stage.alerts.wait("heartbeat_ok", "svc-a", TAKE_OVER);
    second.wait_log("holds the lease and speaks", PATIENCE);
    let first_inst = &healer_beats.all()[0].json["inst"];
    healer_beats.wait_for("beats of the second", PATIENCE, |b| {
        b.json["inst"] != *first_inst
    });

    // Dead while nobody spoke: a third stands by, the second is killed in the same moment.
    let third = stage.start("healer");
    third.wait_log("standing by", PATIENCE);
    stage.redis.wait_subscribed("svc-a:heartbeat", 2);
    let mut second = second;
    beats.silence("svc-a");
    second.kill();
    stage.alerts.wait("heartbeat_miss", "svc-a", TAKE_OVER);
    beats.resume("svc-a");
    HEALER.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(DOUBT);
    assert_eq!(stage.alert_log().len(), 4);
}

#[test]
fn a_healer_that_stops_gives_its_lease_back() {
    let stage = HEALER.stage();
    let beats = stage.beat(&["svc-a"]);
    let (mut first, second) = pair(&stage);
    let holder = || {
        stage
            .redis
            .query::<Option<String>>(&["GET", "healer:lease"])
    };
    let held = holder();
    first.stop();
    assert_ne!(holder(), held, "it is left to run out");
    second.wait_log("holds the lease and speaks", PATIENCE);
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    stage.alerts.assert_nothing_else(TIMEOUT);
}

#[test]
fn the_one_that_stood_still_for_longer_than_its_lease_finds_itself_mute() {
    let stage = HEALER.stage();
    let beats = stage.beat(&["svc-a"]);
    let (first, second) = pair(&stage);
    stage.wait_health("svc-a", "up");
    first.pause();
    second.wait_log("holds the lease and speaks", TAKE_OVER);
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    // It wakes up with a lease that it believes in, and a death that it has not told.
    first.resume();
    first.wait_log("falling silent", PATIENCE);
    stage.alerts.assert_nothing_else(DOUBT + TIMEOUT);
    beats.resume("svc-a");
    HEALER.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(TIMEOUT);
    assert_eq!(stage.alert_log().len(), 2);
}
