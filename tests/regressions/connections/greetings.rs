//! Servers and users that lack what a greeting likes to ask.

use std::time::Duration;

use serde_json::json;

use crate::support::truth::truth_of;
use crate::support::{Alerts, Daemon, PATIENCE, RedisServer, until};

const SERVICES: [&str; 2] = ["rss_agg", "mesh"];
const TIMEOUT: Duration = Duration::from_secs(4);

/// A server that was given other names for some commands. The test knows the new names.
fn without(commands: &[&str]) -> RedisServer {
    let mut args = Vec::new();
    for command in commands {
        args.extend([
            "--rename-command".to_owned(),
            (*command).to_owned(),
            format!("LAB.{command}"),
        ]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    RedisServer::start_with(&args)
}

/// Everything works on this server for whoever comes by `url`, and the log says once what is limited.
#[track_caller]
fn a_swarm_works(mut redis: RedisServer, url: &str, refused: &str) {
    let mut truth = truth_of(&SERVICES, 1.0, TIMEOUT.as_secs_f64());
    truth["services"]["rss_agg"]["feeds"] = json!([]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truth.json");
    std::fs::write(&file, truth.to_string()).unwrap();
    let env = [
        ("SYSTEM_REDIS_URL", url),
        ("MARKET_REDIS_URL", url),
        ("TRUTH_FILE", file.to_str().unwrap()),
    ];
    let (code, said) = Daemon::run("bootstrap", &[], &env, PATIENCE);
    assert_eq!(code, 0, "{said}");

    let alerts = Alerts::on(&redis);
    let healer = Daemon::start("healer", &env);
    let sentinel = Daemon::start("sentinel", &env);
    let _feeds = Daemon::start("rss_agg", &env);
    let mut mesh = Daemon::start("mesh", &env);
    redis.wait_subscribed("mesh:heartbeat", 1);
    redis.wait_subscribed("healer:heartbeat", 1);
    let is_up = |what: &str| {
        until(what, PATIENCE, || {
            match Daemon::run("marketswarm", &["status"], &env, PATIENCE) {
                (0, _) => Ok(()),
                (code, said) => Err(format!("{code}: {said}")),
            }
        })
    };
    is_up("a status that is all well");
    for daemon in [&healer, &sentinel] {
        let limits = daemon.wait_log(" refuses ", PATIENCE);
        assert!(limits.contains(refused), "{limits}");
        assert_eq!(daemon.log_count(" refuses "), 1, "{}", daemon.log());
    }

    // Nobody is said to be dead who is not; who is, is told.
    alerts.assert_nothing_else(TIMEOUT + Duration::from_secs(1));
    mesh.kill();
    let miss = alerts.wait("heartbeat_miss", "mesh", TIMEOUT + PATIENCE);
    assert!(miss.json["late_sec"].as_f64().unwrap() < 2.0 * TIMEOUT.as_secs_f64());
    let _mesh = Daemon::start("mesh", &env);
    alerts.wait("heartbeat_ok", "mesh", PATIENCE);

    // Who does not know which server it was takes it for another, and writes anew what that one may have lost.
    redis.start_again_empty();
    let (code, said) = Daemon::run("bootstrap", &[], &env, PATIENCE);
    assert_eq!(code, 0, "{said}");
    is_up("health is written again");
    drop(healer);
    alerts.wait("healer_miss", "healer", TIMEOUT + PATIENCE);
    alerts.assert_none(Duration::ZERO, |a| a.kind() == "heartbeat_miss");
}

#[test]
fn a_server_without_client_and_info_serves_the_whole_swarm() {
    let redis = without(&["CLIENT", "INFO"]);
    let url = redis.url();
    a_swarm_works(
        redis,
        &url,
        "CLIENT SETNAME, CLIENT ID, INFO server, INFO replication",
    );
}

#[test]
fn a_server_that_takes_scripts_by_their_text_only_serves_the_whole_swarm() {
    let redis = without(&["CLIENT", "INFO", "SCRIPT"]);
    let url = redis.url();
    a_swarm_works(redis, &url, "CLIENT SETNAME, CLIENT ID, INFO server");
    let redis = without(&["EVALSHA", "INFO"]);
    let url = redis.url();
    a_swarm_works(redis, &url, "INFO server");
}

#[test]
fn a_server_without_info_and_role_serves_the_whole_swarm() {
    let redis = without(&["INFO", "ROLE"]);
    let url = redis.url();
    a_swarm_works(redis, &url, "INFO server, INFO replication");
}

#[test]
fn a_user_without_client_and_ping_serves_the_whole_swarm() {
    a_user_does("-@connection", "CLIENT SETNAME, CLIENT ID: it works");
}

#[test]
fn a_user_who_may_look_but_does_not_know_his_number_serves_the_whole_swarm() {
    a_user_does(
        "-client +client|list -info",
        "CLIENT SETNAME, CLIENT ID, INFO server",
    );
}

#[test]
fn a_user_who_may_not_silence_answers_serves_the_whole_swarm() {
    a_user_does(
        "-client|reply -client|setname -info -role -config",
        "CLIENT SETNAME, INFO server",
    );
}

/// A swarm works for a user who may do all but `rights`.
#[track_caller]
fn a_user_does(rights: &str, refused: &str) {
    let mut args = vec!["--user", "svc", "on", ">hunter2", "~*", "&*", "+@all"];
    args.extend(rights.split(' '));
    let redis = RedisServer::start_with(&args);
    let url = format!("redis://svc:hunter2@127.0.0.1:{}", redis.port());
    a_swarm_works(redis, &url, refused);
}
