//! A truth that is written at run time ends nobody, and lets nobody's next start fail.

use serde_json::json;

use crate::support::truth::{add_service, seed_text};
use crate::support::watcher::{DOUBT, INTERVAL_SEC, TIMEOUT, TIMEOUT_SEC};
use crate::support::{Alerts, Beater, Daemon, PATIENCE, RedisServer, Stage, secs, until};

/// What this process's environment may do to the bus `api`.
const SPOILERS: [(&str, &str); 3] = [
    ("API_URL", "https://api.example.org"),
    ("API_URL_FILE", "/nonexistent/api-url"),
    ("API_URL", "redis://:hunter2@"),
];

/// Waits until the healer has said on the channel that this variable spoils a part of truth.
#[track_caller]
fn wait_rejected(alerts: &Alerts, svc: &str, named: &str) {
    alerts.wait_for(&format!("truth_rejected with {named}"), PATIENCE, |a| {
        a.is("truth_rejected", svc) && a.json["reason"].as_str().unwrap_or("").contains(named)
    });
}

#[test]
fn a_bus_that_the_environment_spoils_is_away_alone_and_every_daemon_goes_on_and_starts_again() {
    let names = ["svc-a", "moves"];
    for spoiler in SPOILERS {
        let mut stage = Stage::new(&names, INTERVAL_SEC, TIMEOUT_SEC);
        for daemon in ["mesh", "massive", "vexy_ai", "rss_agg", "sentinel"] {
            add_service(&mut stage.truth, daemon, 0.5, 30.0);
        }
        stage.truth["services"]["rss_agg"]["feeds"] = json!([]);
        stage.reseed();
        let beats = stage.beat(&names);
        let programs = [
            "healer", "sentinel", "rss_agg", "mesh", "massive", "vexy_ai",
        ];
        let start = |stage: &Stage| programs.map(|name| stage.start_with(name, &[spoiler]));
        let mut daemons = start(&stage);
        for name in ["svc-a", "moves", "mesh", "rss_agg", "healer"] {
            stage.wait_health(name, "up");
        }

        stage.truth["buses"] = json!({"api": {"url": "redis://127.0.0.1:1"}});
        stage.truth["services"]["moves"]["heartbeat"]["redis_url"] = json!("redis://api:6379");
        add_service(&mut stage.truth, "svc-b", INTERVAL_SEC, TIMEOUT_SEC);
        beats.add("svc-b", secs(INTERVAL_SEC));
        stage.reseed();
        wait_rejected(&stage.alerts, "healer", spoiler.0);
        // No old green, and the rest is in force.
        let unheard = stage.wait_health("moves", "unknown");
        let reason = unheard["reason"].as_str().unwrap_or("");
        assert!(reason.contains(spoiler.0), "{unheard}");
        stage.wait_health("svc-b", "up");
        beats.silence("svc-a");
        stage.alerts.wait("heartbeat_miss", "svc-a", PATIENCE);
        beats.resume("svc-a");
        stage.alerts.wait("heartbeat_ok", "svc-a", PATIENCE);
        for daemon in &mut daemons {
            daemon.wait_log(spoiler.0, PATIENCE);
            assert!(daemon.is_alive());
        }

        // The next start.
        for daemon in &mut daemons {
            daemon.kill();
        }
        stage.redis.query::<()>(&["DEL", "healer:lease"]);
        let mut daemons = start(&stage);
        wait_rejected(&stage.alerts, "healer", spoiler.0);
        stage.wait_health("moves", "unknown");
        for daemon in &mut daemons {
            daemon.wait_log(spoiler.0, PATIENCE);
            assert!(daemon.is_alive());
        }
        stage
            .alerts
            .assert_none(DOUBT + TIMEOUT, |a| a.kind() == "heartbeat_miss");
        assert!(daemons.iter_mut().all(Daemon::is_alive));
    }
}

#[test]
fn a_bus_that_truth_names_without_a_url_is_where_the_environment_says() {
    let api = RedisServer::start();
    let mut stage = Stage::new(&["svc-a"], INTERVAL_SEC, TIMEOUT_SEC);
    stage.truth["buses"] = json!({"api": {}});
    stage.truth["services"]["svc-a"]["heartbeat"]["redis_url"] = json!("redis://api:6379");
    stage.reseed();
    let beats = Beater::start(&api, &["svc-a"], secs(INTERVAL_SEC));
    let _healer = stage.start_with("healer", &[("API_URL", &api.url())]);
    stage.wait_health("svc-a", "up");
    beats.silence("svc-a");
    stage.alerts.wait("heartbeat_miss", "svc-a", PATIENCE);
}

#[test]
fn who_should_beat_on_a_spoiled_bus_says_so_and_beats_again_when_truth_moves_it_back() {
    let mut stage = Stage::new(&["mesh"], INTERVAL_SEC, TIMEOUT_SEC);
    let beats = Alerts::on_channel(&stage.redis, "mesh:heartbeat");
    let mut mesh = stage.start_with("mesh", &[("API_URL", "nonsense")]);
    beats.wait_for("a beat", PATIENCE, |_| true);
    let before = stage.truth.clone();
    stage.truth["buses"] = json!({"api": {"url": stage.redis.url()}});
    stage.truth["services"]["mesh"]["heartbeat"]["redis_url"] = json!("redis://api:6379");
    stage.reseed();
    mesh.wait_log("no beat can be sent: API_URL", PATIENCE);
    let sent = beats.all().len();
    stage.truth = before;
    stage.reseed();
    until("beats on the old bus again", PATIENCE, || {
        match beats.all().len() {
            n if n > sent => Ok(()),
            n => Err(format!("{n} beats")),
        }
    });
    assert!(mesh.is_alive());
}

#[test]
fn a_bad_truth_is_told_after_a_start_as_well_and_so_is_one_that_is_gone() {
    let stage = Stage::new(&["svc-a"], INTERVAL_SEC, TIMEOUT_SEC);
    let good = stage.truth.to_string();
    stage.redis.query::<()>(&["SET", "truth:last_good", &good]);
    let bad = good.replace("\"timeout_sec\":1.0", "\"timeout_sec\":-1");
    seed_text(&stage.redis, &bad);
    let _beats = stage.beat(&["svc-a"]);
    let mut healer = stage.start("healer");
    wait_rejected(
        &stage.alerts,
        "healer",
        "services.svc-a.heartbeat.timeout_sec",
    );
    stage.wait_health("svc-a", "up");
    healer.stop();
    stage.redis.query::<()>(&["DEL", "truth:doc"]);
    let _healer = stage.start("healer");
    stage.alerts.wait("truth_missing", "healer", PATIENCE);
}

#[test]
fn the_sentinel_tells_a_bad_truth_while_there_is_no_healer_and_leaves_it_to_one_that_is_there() {
    let stage = Stage::new(&["svc-a"], INTERVAL_SEC, TIMEOUT_SEC);
    let beats = stage.beat(&["healer"]);
    let _sentinel = stage.start("sentinel");
    stage.wait_health("healer", "up");
    seed_text(&stage.redis, "{}}");
    // It is seen within 5 s, and then the healer is heard long enough to have told.
    stage
        .alerts
        .assert_none(secs(18.0), |a| a.kind() == "truth_rejected");
    beats.silence("healer");
    stage.alerts.wait("healer_miss", "healer", PATIENCE);
    stage
        .alerts
        .assert_none(secs(5.0), |a| a.kind() == "truth_rejected");
    seed_text(&stage.redis, "[]");
    wait_rejected(&stage.alerts, "sentinel", "an object");
}

#[test]
fn a_sentinel_that_cannot_know_the_healers_bus_says_so_and_shows_no_old_green() {
    let mut stage = Stage::new(&["svc-a"], INTERVAL_SEC, TIMEOUT_SEC);
    let beats = stage.beat(&["healer"]);
    let mut sentinel = stage.start_with("sentinel", &[("API_URL", "https://api.example.org")]);
    stage.wait_health("healer", "up");
    let before = stage.truth.clone();
    stage.truth["buses"] = json!({"api": {"url": stage.redis.url()}});
    stage.truth["services"]["healer"]["heartbeat"]["redis_url"] = json!("redis://api:6379");
    stage.reseed();
    wait_rejected(&stage.alerts, "sentinel", "API_URL");
    stage.wait_health("healer", "unknown");
    stage
        .alerts
        .assert_none(DOUBT + TIMEOUT, |a| a.kind() == "healer_miss");
    assert!(sentinel.is_alive());

    stage.truth = before;
    stage.reseed();
    stage.wait_health("healer", "up");
    beats.silence("healer");
    stage.alerts.wait("healer_miss", "healer", PATIENCE);
}

#[test]
fn a_mistake_in_the_sentinels_time_out_is_found_at_the_start_and_not_by_a_later_truth() {
    let mut stage = Stage::new(&["svc-a"], INTERVAL_SEC, TIMEOUT_SEC);
    stage.truth["services"]["healer"]["heartbeat"]["timeout_sec"] = json!(1.0);
    stage.reseed();
    let mut sentinel = stage.start_with("sentinel", &[("SENTINEL_TIMEOUT_SEC", "a while")]);
    assert_eq!(sentinel.wait_exit(PATIENCE), 2);
    assert!(sentinel.log().contains("SENTINEL_TIMEOUT_SEC"));
}

#[test]
fn the_sentinel_too_is_told_of_a_new_truth_and_beats_and_judges_by_it_at_once() {
    let mut stage = Stage::new(&[], INTERVAL_SEC, TIMEOUT_SEC);
    let watchers = ["healer", "sentinel"];
    let write = |stage: &mut Stage, interval_sec: f64, timeout_sec: f64| {
        for watcher in watchers {
            add_service(&mut stage.truth, watcher, interval_sec, timeout_sec);
        }
        stage.reseed();
    };
    write(&mut stage, 10.0, 30.0);
    let _daemons = watchers.map(|watcher| stage.start(watcher));
    for watcher in watchers {
        stage.wait_health(watcher, "up");
    }
    stage.redis.wait_subscribed("truth:changed", 2);
    // Who heard of the one later would owe beats meanwhile, of the other wait for beats that nobody owes.
    write(&mut stage, INTERVAL_SEC, TIMEOUT_SEC);
    stage.alerts.assert_nothing_else(DOUBT + TIMEOUT);
    write(&mut stage, 10.0, 30.0);
    stage.alerts.assert_nothing_else(DOUBT + TIMEOUT);
}
