//! A new truth is obeyed by a running healer without disturbing anybody; a bad one changes nothing.

use serde_json::json;

use crate::support::truth::{add_service, seed, seed_text};
use crate::support::watcher::{DOUBT, HEALER, INTERVAL_SEC, TIMEOUT, TIMEOUT_SEC};
use crate::support::{PATIENCE, RedisServer, Stage, secs, until};

#[test]
fn a_service_that_is_added_is_watched_within_five_seconds_and_disturbs_nobody() {
    let mut watch = HEALER.at_work();
    // Announced, and not announced.
    for (name, announced) in [("new-a", true), ("new-b", false)] {
        add_service(&mut watch.stage.truth, name, INTERVAL_SEC, TIMEOUT_SEC);
        let text = watch.stage.truth.to_string();
        // It beats before it is watched: its first deadline does not wait for this test.
        watch.beats.add(name, secs(INTERVAL_SEC));
        let begin = std::time::Instant::now();
        if announced {
            watch.stage.reseed();
        } else {
            watch.stage.redis.query::<()>(&["SET", "truth:doc", &text]);
        }
        watch
            .stage
            .redis
            .wait_subscribed(&format!("{name}:heartbeat"), 1);
        // A machine that is busy with other tests has less than one more look at the truth would take.
        assert!(
            begin.elapsed() < secs(9.5),
            "{name} was watched after {:?}",
            begin.elapsed()
        );
        watch.stage.wait_health(name, "up");
        watch.beats.silence(name);
        let miss = watch.alerts().wait("heartbeat_miss", name, PATIENCE);
        assert!(miss.json.get("never_heard").is_none(), "{}", miss.text);
        watch.beats.resume(name);
        watch.alerts().wait("heartbeat_ok", name, PATIENCE);
    }
    watch.alerts().assert_nothing_else(TIMEOUT);
    watch.assert_still_judges();
}

#[test]
fn a_service_that_is_added_and_never_beats_is_told() {
    let mut watch = HEALER.at_work();
    add_service(
        &mut watch.stage.truth,
        "stillborn",
        INTERVAL_SEC,
        TIMEOUT_SEC,
    );
    watch.stage.reseed();
    let miss = watch.alerts().wait("heartbeat_miss", "stillborn", PATIENCE);
    assert_eq!(miss.json["never_heard"], true, "{}", miss.text);
    watch.alerts().assert_nothing_else(TIMEOUT);
}

#[test]
fn reloads_without_end_delay_no_verdict() {
    let mut watch = HEALER.at_work();
    add_service(&mut watch.stage.truth, "svc-b", INTERVAL_SEC, TIMEOUT_SEC);
    watch.beats.add("svc-b", secs(INTERVAL_SEC));
    watch.stage.reseed();
    watch.stage.wait_health("svc-b", "up");
    let last = watch.beats.silence("svc-a");
    let told = || watch.alerts().count("heartbeat_miss", "svc-a") > 0;
    let mut reloads = 0;
    while !told() {
        assert!(
            last.elapsed() < PATIENCE,
            "{reloads} reloads put the verdict off"
        );
        watch
            .stage
            .redis
            .query::<()>(&["SET", "truth:doc", &with_note(&watch.stage, reloads)]);
        watch
            .stage
            .redis
            .query::<i64>(&["PUBLISH", "truth:changed", "x"]);
        reloads += 1;
        std::thread::sleep(secs(0.05));
    }
    HEALER.wait_miss(watch.alerts());
    watch.alerts().assert_nothing_else(TIMEOUT);
}

/// The stage's truth with another description.
fn with_note(stage: &Stage, n: u32) -> String {
    let mut truth = stage.truth.clone();
    truth["description"] = json!(format!("edition {n}"));
    truth.to_string()
}

#[test]
fn a_service_that_is_removed_is_watched_no_more_and_its_health_goes() {
    let mut watch = HEALER.at_work();
    add_service(
        &mut watch.stage.truth,
        "short-lived",
        INTERVAL_SEC,
        TIMEOUT_SEC,
    );
    watch.beats.add("short-lived", secs(INTERVAL_SEC));
    watch.stage.reseed();
    watch.stage.wait_health("short-lived", "up");

    watch.stage.truth["services"]
        .as_object_mut()
        .unwrap()
        .remove("short-lived");
    watch.stage.reseed();
    until("its channel let go", PATIENCE, || {
        match watch.stage.redis.subscribers("short-lived:heartbeat") {
            0 => Ok(()),
            n => Err(format!("{n} subscribers")),
        }
    });
    until("its health key gone", PATIENCE, || {
        let health = watch.stage.health("short-lived");
        if health.is_null() {
            Ok(())
        } else {
            Err(health.to_string())
        }
    });
    watch.beats.silence("short-lived");
    watch.alerts().assert_nothing_else(TIMEOUT * 2);
    watch.assert_still_judges();
}

#[test]
fn a_new_timeout_applies_from_the_next_beat() {
    let mut watch = HEALER.at_work();
    add_service(&mut watch.stage.truth, "svc-a", INTERVAL_SEC, 3.0);
    watch.stage.reseed();
    watch.daemon.wait_log("watching 1 services", PATIENCE);
    until("the new timeout", PATIENCE, || {
        match watch.daemon.log_count("watching 1 services") {
            2.. => Ok(()),
            n => Err(format!("{n} reloads")),
        }
    });
    watch.beats.wait_beat("svc-a");
    watch.beats.wait_beat("svc-a");
    let last = watch.beats.silence("svc-a");
    let miss = HEALER.wait_miss(watch.alerts());
    assert!(miss.at.duration_since(last) >= secs(3.0), "{}", miss.text);
    assert_eq!(miss.json["timeout_sec"], 3.0, "{}", miss.text);
}

#[test]
fn a_bad_truth_is_told_with_its_reason_and_changes_nothing_also_over_a_restart() {
    let mut watch = HEALER.at_work();
    until("a last good truth", PATIENCE, || {
        let there: bool = watch.stage.redis.query(&["EXISTS", "truth:last_good"]);
        if there {
            Ok(())
        } else {
            Err("not there".into())
        }
    });
    let bad = watch
        .stage
        .truth
        .to_string()
        .replace("\"timeout_sec\":1.0", "\"timeout_sec\":-1");
    seed_text(&watch.stage.redis, &bad);
    let told = watch.alerts().wait("truth_rejected", "healer", PATIENCE);
    let reason = told.json["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("services.svc-a.heartbeat.timeout_sec"),
        "{}",
        told.text
    );
    assert!(
        told.text
            .starts_with(r#"{"type":"truth_rejected","svc":"healer","ts":"#),
        "{}",
        told.text
    );
    // Told once, however often it is announced.
    watch
        .stage
        .redis
        .query::<i64>(&["PUBLISH", "truth:changed", "x"]);
    watch.alerts().assert_nothing_else(secs(1.0));
    watch.assert_still_judges();

    watch.daemon.kill();
    watch.daemon = watch.stage.start("healer");
    watch.daemon.wait_log("last good one is in force", PATIENCE);
    watch
        .alerts()
        .assert_none(DOUBT, |a| a.kind().starts_with("heartbeat"));
    watch.assert_still_judges();

    // A good one is taken up again.
    watch.stage.reseed();
    watch.assert_still_judges();
}

#[test]
fn a_truth_that_is_gone_is_told_and_stays_in_force() {
    let watch = HEALER.at_work();
    watch.stage.redis.query::<()>(&["DEL", "truth:doc"]);
    let told = watch.alerts().wait("truth_missing", "healer", PATIENCE);
    assert!(
        told.text
            .starts_with(r#"{"type":"truth_missing","svc":"healer","ts":"#),
        "{}",
        told.text
    );
    watch.assert_still_judges();
    watch.alerts().assert_nothing_else(secs(0.1));
}

#[test]
fn truth_and_health_lost_with_the_data_are_told_and_written_again() {
    let mut watch = HEALER.at_work();
    watch.beats.silence("svc-a");
    HEALER.wait_miss(watch.alerts());
    watch.stage.wait_health("svc-a", "down");
    watch.stage.redis.start_again_empty();
    watch.stage.wait_logged("truth_missing");
    // It is still down: written again, and not told again.
    watch.stage.wait_health("svc-a", "down");
    watch
        .alerts()
        .assert_none(DOUBT + TIMEOUT, |a| HEALER.is_verdict(a));
    watch.beats.resume("svc-a");
    HEALER.wait_ok(watch.alerts());
    watch.assert_still_judges();
}

#[test]
fn who_is_watched_is_what_truth_says() {
    let redis = RedisServer::start();
    let mut stage = Stage::on(redis, &["svc-a", "off"], INTERVAL_SEC, TIMEOUT_SEC);
    stage.truth["services"]["off"]["enabled"] = json!(false);
    stage.truth["services"]["healer"]["access_points"] = json!({"subscribe_to": [
        {"bus": "system-redis", "key": "svc-a:heartbeat"},
        {"bus": "system-redis", "key": "stranger:heartbeat"},
    ]});
    seed(&stage.redis, &stage.truth);
    let _healer = stage.healer_for("svc-a");
    stage.redis.wait_subscribed("stranger:heartbeat", 1);
    assert_eq!(stage.redis.subscribers("off:heartbeat"), 0);
    assert_eq!(
        stage.redis.subscribers("healer:heartbeat"),
        0,
        "it does not watch itself"
    );
    assert_eq!(stage.redis.query::<u64>(&["PUBSUB", "NUMPAT"]), 0);
    // The stranger gets the defaults: the cadence of the healer.
    let miss = stage.alerts.wait("heartbeat_miss", "stranger", PATIENCE);
    assert_eq!(miss.json["timeout_sec"], TIMEOUT_SEC, "{}", miss.text);
    stage.alerts.wait("heartbeat_miss", "svc-a", PATIENCE);
    stage.alerts.assert_nothing_else(TIMEOUT);
}

#[test]
fn a_service_that_moves_to_another_channel_or_is_switched_off_is_no_death() {
    let mut watch = HEALER.at_work();
    // It beats on the old channel, and on the new one before anybody listens there.
    let on_new = json!({"svc": "svc-a", "i": 1_000_000, "inst": null});
    watch.beats.add("moved", secs(INTERVAL_SEC));
    watch.beats.say("moved", on_new);
    watch.stage.truth["services"]["svc-a"]["heartbeat"]["channel"] = json!("moved:heartbeat");
    watch.stage.reseed();
    watch.stage.redis.wait_subscribed("moved:heartbeat", 1);
    watch.alerts().assert_nothing_else(DOUBT + TIMEOUT);
    assert_eq!(watch.stage.redis.subscribers("svc-a:heartbeat"), 0);
    watch.beats.silence("moved");
    HEALER.wait_miss(watch.alerts());
    watch.beats.resume("moved");
    HEALER.wait_ok(watch.alerts());

    watch.stage.truth["services"]["svc-a"]["enabled"] = json!(false);
    watch.stage.reseed();
    until("its channel let go", PATIENCE, || {
        match watch.stage.redis.subscribers("moved:heartbeat") {
            0 => Ok(()),
            n => Err(format!("{n} subscribers")),
        }
    });
    watch.beats.silence("moved");
    watch.alerts().assert_nothing_else(TIMEOUT * 2);
}

#[test]
fn a_truth_that_is_written_while_the_last_one_is_kept_is_noticed() {
    use marketswarm::bus::{Address, Commands, Limits};
    use marketswarm::swarm_state::{Document, TruthSource};
    let redis = RedisServer::start();
    let address = Address::parse(&redis.url(), "TEST").unwrap();
    let commands = Commands::new(address, "test:truth", Limits::default());
    let mut source = TruthSource::new(commands, "truth:doc");
    redis.query::<()>(&["SET", "truth:doc", "one"]);
    assert_eq!(source.read().unwrap(), Document::Text(b"one".to_vec()));
    assert!(!source.was_written().unwrap());
    redis.query::<()>(&["SET", "truth:doc", "two"]);
    source.copy_to("truth:last_good").unwrap();
    let kept: Option<String> = redis.query(&["GET", "truth:last_good"]);
    assert_eq!(kept, None, "what was not read is not kept as good");
    // However often it is asked, until it is read.
    assert!(source.was_written().unwrap() && source.was_written().unwrap());
    assert_eq!(source.read().unwrap(), Document::Text(b"two".to_vec()));
    assert!(!source.was_written().unwrap());
    source.copy_to("truth:last_good").unwrap();
    assert_eq!(redis.query::<String>(&["GET", "truth:last_good"]), "two");
    assert!(!source.was_written().unwrap());
}
