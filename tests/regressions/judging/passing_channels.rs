//! A channel that passed from one service to another was lost for ever: nobody was judged by it again.

use serde_json::json;

use crate::support::truth::add_service;
use crate::support::watcher::{HEALER, INTERVAL_SEC, TIMEOUT, TIMEOUT_SEC, Watch};
use crate::support::{PATIENCE, RedisServer, Stage, secs, until};

/// A service and the channel on which it beats.
type Beats<'a> = (&'a str, &'a str);

/// A truth with these services instead of those that it has.
fn write_truth(stage: &mut Stage, services: &[Beats<'_>]) {
    let all = stage.truth["services"].as_object_mut().unwrap();
    all.retain(|name, _| name == "healer");
    for (svc, channel) in services {
        add_service(&mut stage.truth, svc, INTERVAL_SEC, TIMEOUT_SEC);
        stage.truth["services"][svc]["heartbeat"]["channel"] = json!(channel);
    }
}

/// A healer that hears these services on their channels.
fn hears(services: &[Beats<'_>]) -> Watch {
    let mut stage = Stage::on(RedisServer::start(), &[], INTERVAL_SEC, TIMEOUT_SEC);
    write_truth(&mut stage, services);
    stage.reseed();
    let beats = stage.beat(&[]);
    for (svc, channel) in services {
        beats.add(svc, secs(INTERVAL_SEC));
        beats.move_to(svc, channel);
    }
    let watch = Watch {
        beats,
        daemon: stage.start("healer"),
        stage,
        who: HEALER,
    };
    for (svc, _) in services {
        watch.stage.wait_health(svc, "up");
    }
    watch
}

/// Truth and the beaters change from `before` to `after` at once.
fn change(watch: &mut Watch, before: &[Beats<'_>], after: &[Beats<'_>]) {
    write_truth(&mut watch.stage, after);
    for (svc, _) in before {
        if after.iter().all(|(other, _)| other != svc) {
            watch.beats.silence(svc);
        }
    }
    for (svc, channel) in after {
        if before.iter().all(|(other, _)| other != svc) {
            watch.beats.add(svc, secs(INTERVAL_SEC));
        }
        watch.beats.move_to(svc, channel);
    }
    let reloads = watch.daemon.log_count("watching ");
    watch.stage.reseed();
    wait_reload(watch, reloads);
}

fn wait_reload(watch: &Watch, before: usize) {
    until("a reload", PATIENCE, || {
        match watch.daemon.log_count("watching ") {
            n if n > before => Ok(()),
            n => Err(format!("{n} reloads")),
        }
    });
}

/// Each of these is told when it falls silent, and when it is back; of nobody else anything is told.
#[track_caller]
fn assert_judged(watch: &Watch, services: &[Beats<'_>]) {
    for (svc, channel) in services {
        watch.stage.redis.wait_subscribed(channel, 1);
        watch.stage.wait_health(svc, "up");
        watch.beats.silence(svc);
        let miss = watch.alerts().wait("heartbeat_miss", svc, PATIENCE);
        assert_eq!(miss.json["timeout_sec"], TIMEOUT_SEC, "{}", miss.text);
        watch.beats.resume(svc);
        watch.alerts().wait("heartbeat_ok", svc, PATIENCE);
    }
    watch.alerts().assert_nothing_else(TIMEOUT * 2);
}

fn stay_judged(before: &[Beats<'_>], after: &[Beats<'_>]) {
    let mut watch = hears(before);
    change(&mut watch, before, after);
    assert_judged(&watch, after);
    // And back, over a link that breaks meanwhile.
    change(&mut watch, after, before);
    watch
        .stage
        .redis
        .query::<i64>(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    watch.stage.redis.wait_subscribed("healer:alerts", 1);
    assert_judged(&watch, before);
}

#[test]
fn a_service_that_is_renamed_is_judged_on_the_channel_that_it_keeps() {
    stay_judged(&[("a", "c1"), ("m", "c2")], &[("z", "c1"), ("m", "c2")]);
}

#[test]
fn services_that_swap_their_channels_are_judged() {
    stay_judged(&[("a", "c1"), ("b", "c2")], &[("a", "c2"), ("b", "c1")]);
}

#[test]
fn services_whose_channels_rotate_are_judged_also_on_the_default_ones_of_others() {
    stay_judged(
        &[
            ("a", "a:heartbeat"),
            ("b", "b:heartbeat"),
            ("c", "c:heartbeat"),
        ],
        &[
            ("a", "b:heartbeat"),
            ("b", "c:heartbeat"),
            ("c", "a:heartbeat"),
        ],
    );
}

#[test]
fn a_service_that_takes_what_another_leaves_is_judged_there() {
    stay_judged(
        &[("a", "a:heartbeat"), ("b", "c2")],
        &[("a", "c9"), ("b", "a:heartbeat")],
    );
    stay_judged(&[("b", "c1"), ("a", "c2")], &[("b", "c2"), ("a", "c3")]);
}

#[test]
fn a_channel_that_is_subscribed_already_is_proven_for_its_new_owner_who_never_beats() {
    let before = [("a", "c1"), ("b", "c2")];
    let mut watch = hears(&before);
    watch.beats.silence("a");
    write_truth(&mut watch.stage, &[("z", "c1"), ("b", "c2")]);
    watch.stage.reseed();
    let miss = watch.alerts().wait("heartbeat_miss", "z", PATIENCE);
    assert_eq!(miss.json["never_heard"], true, "{}", miss.text);
    watch
        .alerts()
        .assert_none(TIMEOUT * 2, |a| a.svc() == "b" || a.kind() == "bus_down");
    let log = watch.stage.alert_log();
    let of_a = log.iter().filter(|alert| alert["svc"] == "a").count();
    assert!(of_a <= 1, "told of a name that is gone: {log:?}");
}
