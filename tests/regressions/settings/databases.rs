//! Channels know no databases: two swarms on one server are told so.

use serde_json::json;

use crate::support::watcher::{HEALER, INTERVAL_SEC, SENTINEL, TIMEOUT_SEC};
use crate::support::{Alerts, Beater, Daemon, PATIENCE, RedisServer, Stage, secs};

#[test]
fn a_bus_that_carries_beats_in_a_database_is_warned_of_at_the_start_of_every_daemon() {
    let redis = RedisServer::start();
    let url = format!("{}/1", redis.url());
    let truth = json!({"services": {"mesh": {"heartbeat": {}}, "healer": {"heartbeat": {}},
        "rss_agg": {"heartbeat": {}, "feeds": []}, "sentinel": {"heartbeat": {}}}});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truth.json");
    std::fs::write(&file, truth.to_string()).unwrap();
    let path = file.to_str().unwrap();
    let env = [("SYSTEM_REDIS_URL", url.as_str()), ("TRUTH_FILE", path)];
    let (code, said) = Daemon::run("bootstrap", &[], &env, PATIENCE);
    assert_eq!(code, 0, "{said}");
    for name in ["healer", "sentinel", "mesh", "rss_agg"] {
        let daemon = Daemon::start(name, &env);
        let said = daemon.wait_log("system-redis is in database 1", PATIENCE);
        assert!(said.contains("heartbeat.channel"), "{said}");
        assert_eq!(daemon.log_count("is in database 1"), 1);
    }
    let (code, said) = Daemon::run("marketswarm", &["truth", "check", path], &env, PATIENCE);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("SYSTEM_REDIS_URL: channels know no databases"),
        "{said}"
    );
}

#[test]
fn truth_check_warns_of_a_database_where_it_stands_if_beats_go_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truth.json");
    let check = |truth: serde_json::Value| {
        std::fs::write(&file, serde_json::to_string_pretty(&truth).unwrap()).unwrap();
        let path = file.to_str().unwrap();
        let (code, said) = Daemon::run("marketswarm", &["truth", "check", path], &[], PATIENCE);
        assert_eq!(code, 0, "{said}");
        said
    };
    let said = check(json!({
        "buses": {"lab": {"url": "redis://lab:7000/2"}, "data": {"url": "redis://lab:7000/3"}},
        "services": {
            "a": {"heartbeat": {"redis_url": "redis://lab"}},
            "b": {"heartbeat": {"redis_url": "redis://10.0.0.1:7/4"}},
            "c": {"access_points": {"publish_to": [{"bus": "data", "key": "x"}]}},
        }
    }));
    for warned in [
        "warning: buses.lab.url: beats in database 2",
        "warning: services.b.heartbeat.redis_url: beats in database 4",
    ] {
        assert!(said.contains(warned), "{said}");
    }
    // Data may be kept apart by databases.
    assert!(!said.contains("database 3"), "{said}");
    let said = check(json!({"buses": {"lab": {"url": "redis://lab:7000/0"}},
        "services": {"a": {"heartbeat": {"redis_url": "redis://lab"}}}}));
    assert!(!said.contains("database"), "{said}");
}

#[test]
fn two_of_one_name_in_two_databases_are_told_with_that_cause() {
    let stage = Stage::new(&["mesh"], INTERVAL_SEC, TIMEOUT_SEC);
    let other = format!("{}/1", stage.redis.url());
    stage
        .redis
        .query::<()>(&["COPY", "truth:doc", "truth:doc", "DB", "1"]);
    let beats = Alerts::on_channel(&stage.redis, "mesh:heartbeat");
    let _healer = stage.healer_for("mesh");
    let _first = stage.start("mesh");
    beats.wait_for("the first of them", PATIENCE, |_| true);
    let _second = stage.start_with("mesh", &[("SYSTEM_REDIS_URL", &other)]);
    let told = stage.alerts.wait("duplicate_instance", "mesh", PATIENCE);
    let reason = told.json["reason"].as_str().unwrap_or("");
    assert!(
        reason.contains("in database 1 of this server"),
        "{}",
        told.text
    );
}

#[test]
fn two_of_one_name_are_told_without_a_cause_where_the_clients_cannot_be_listed() {
    for who in [HEALER, SENTINEL] {
        let redis = RedisServer::start();
        redis.query::<()>(&["ACL", "SETUSER", "default", "-client|list", "-info"]);
        let watch = who.at_work_on(who.stage_on(redis), &[]);
        let _second = Beater::start(&watch.stage.redis, &[who.subject], secs(INTERVAL_SEC));
        let told = watch
            .alerts()
            .wait("duplicate_instance", who.subject, PATIENCE);
        assert!(told.json.get("reason").is_none(), "{}", told.text);
        watch.assert_nobody_is_told_dead();
    }
}
