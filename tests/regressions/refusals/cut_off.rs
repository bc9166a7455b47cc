//! A master that its replicas have left may be one that everybody has left: no verdict is told there.

use std::time::Duration;

use crate::at_both;
use crate::support::receiver::Receiver;
use crate::support::watcher::{DOUBT, HEALER, TIMEOUT, Watcher};
use crate::support::{PATIENCE, RedisServer, Stage, until};

at_both! {
    who_starts_on_a_cut_off_master_tells_no_death,
    who_is_cut_off_takes_back_its_verdict_and_judges_again_afterwards,
}

/// A master and its replica.
fn pair(who: Watcher) -> (RedisServer, Stage) {
    let stage = who.stage_on(RedisServer::start_with(&["--min-replicas-max-lag", "2"]));
    let port = stage.redis.port().to_string();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]);
    until("a replica that follows", PATIENCE, || {
        let role: String = replica.query(&["INFO", "replication"]);
        match role.contains("master_link_status:up") {
            true => Ok(()),
            false => Err(role),
        }
    });
    stage.redis.config_set("min-replicas-to-write", "1");
    (replica, stage)
}

fn wait_refused(redis: &RedisServer) {
    until("a refused write", PATIENCE, || {
        match redis.try_query::<()>(&["SET", "x", "y"]) {
            Err(e) if e.code() == Some("NOREPLICAS") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

fn who_starts_on_a_cut_off_master_tells_no_death(who: Watcher) {
    let stage = who.stage();
    stage.redis.config_set("min-replicas-to-write", "1");
    let people = Receiver::start();
    // Everybody beats elsewhere by now.
    let daemon = stage.start_with(who.program, &[("WEBHOOK_URL", &people.url())]);
    stage
        .redis
        .wait_subscribed(&format!("{}:heartbeat", who.subject), 1);
    if who.program == "healer" {
        daemon.wait_log("is cut off from its replicas", PATIENCE);
        stage.alerts.assert_nothing_else(DOUBT + TIMEOUT * 2);
        assert_eq!(daemon.log_count("speaks"), 0, "{}", daemon.log());
    } else {
        stage.alerts.wait("bus_unstable", "system-redis", PATIENCE);
        people.wait_text("BUS UNSTABLE", PATIENCE);
        stage.alerts.assert_nothing_else(DOUBT + TIMEOUT * 2);
    }
    // The replica is back, and everybody with it: nobody has died.
    let beats = stage.beat(&[who.subject]);
    beats.wait_beat(who.subject);
    stage.redis.config_set("min-replicas-to-write", "0");
    stage.wait_health(who.subject, "up");
    stage.alerts.assert_nothing_else(DOUBT + TIMEOUT);
    // And who is dead then is told.
    beats.silence(who.subject);
    who.wait_miss(&stage.alerts);
    people.wait_text(&format!("DOWN {}", who.subject), PATIENCE);
    beats.resume(who.subject);
    who.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(TIMEOUT);
}

fn who_is_cut_off_takes_back_its_verdict_and_judges_again_afterwards(who: Watcher) {
    let (replica, stage) = pair(who);
    let people = Receiver::start();
    let watch = who.at_work_on(stage, &[("WEBHOOK_URL", &people.url())]);
    let alerts = watch.alerts();
    replica.pause();
    wait_refused(&watch.stage.redis);
    // It beats where the others are.
    watch.beats.silence(who.subject);
    let kind = if who.program == "healer" {
        "bus_readonly"
    } else {
        "bus_unstable"
    };
    let told = alerts.wait(kind, "system-redis", PATIENCE);
    assert!(
        told.json["reason"]
            .as_str()
            .unwrap()
            .contains("lost its replicas"),
        "{}",
        told.text
    );
    people.wait_text("system-redis", PATIENCE);
    alerts.assert_nothing_else(DOUBT + TIMEOUT * 2);
    watch.beats.resume(who.subject);
    replica.resume();
    watch.daemon.wait_log("takes writes again", PATIENCE);
    alerts.assert_nothing_else(DOUBT + TIMEOUT);
    assert_eq!(
        watch
            .stage
            .alert_log()
            .iter()
            .filter(|a| a["type"] == kind)
            .count(),
        1
    );

    // One that dies while nothing is judged is told when it is. (A refusal that is not over for sure goes on.)
    if kind == "bus_readonly" {
        watch.daemon.wait_log("Redis takes writes again", PATIENCE);
    }
    replica.pause();
    wait_refused(&watch.stage.redis);
    watch.beats.silence(who.subject);
    alerts.wait(kind, "system-redis", PATIENCE);
    replica.resume();
    who.wait_miss(alerts);
    watch.beats.resume(who.subject);
    who.wait_ok(alerts);
    alerts.assert_nothing_else(TIMEOUT);
    watch.stage.wait_health(who.subject, "up");
}

#[test]
fn a_bus_that_stays_cut_off_is_unstable_after_a_minute() {
    let (replica, stage) = pair(HEALER);
    let watch = HEALER.at_work_on(stage, &[]);
    replica.pause();
    watch
        .alerts()
        .wait("bus_readonly", "system-redis", PATIENCE);
    watch
        .alerts()
        .wait("bus_unstable", "system-redis", Duration::from_secs(80));
    watch.alerts().assert_nothing_else(TIMEOUT);
    replica.resume();
    watch.assert_still_judges();
}

#[test]
fn one_that_stands_by_does_not_begin_to_speak_on_a_cut_off_master() {
    let (replica, stage) = pair(HEALER);
    let beats = stage.beat(&["svc-a"]);
    let mut first = stage.start("healer");
    first.wait_log("holds the lease and speaks", PATIENCE);
    let second = stage.start("healer");
    second.wait_log("standing by", PATIENCE);
    stage.wait_health("svc-a", "up");
    replica.pause();
    stage.alerts.wait("bus_readonly", "system-redis", PATIENCE);
    first.kill();
    beats.silence("svc-a");
    second.wait_log("is cut off from its replicas", PATIENCE);
    stage.alerts.assert_nothing_else(Duration::from_secs(12));
    assert_eq!(second.log_count("speaks"), 0, "{}", second.log());
    beats.resume("svc-a");
    replica.resume();
    second.wait_log("holds the lease and speaks", Duration::from_secs(30));
    stage
        .alerts
        .assert_none(DOUBT + TIMEOUT, |a| HEALER.is_verdict(a));
}
