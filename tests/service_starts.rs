//! A service waits for what it needs, says what that is, and gives up with an exit code that means something.

use std::time::{Duration, Instant};

use crate::support::truth::{seed, seed_text, truth_of};
use crate::support::{Alerts, Daemon, PATIENCE, RedisServer, Stage};

#[test]
fn a_service_that_finds_no_truth_waits_then_exits_with_2_and_names_the_remedy() {
    let redis = RedisServer::start();
    let url = redis.url();
    let begin = Instant::now();
    let env = [("SYSTEM_REDIS_URL", url.as_str()), ("TRUTH_WAIT_SEC", "1")];
    let (code, log) = Daemon::run("massive", &[], &env, PATIENCE);
    assert_eq!(code, 2, "{log}");
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "it waited too little"
    );
    assert!(
        log.contains("truth:doc") && log.contains("run bootstrap"),
        "{log}"
    );
}

#[test]
fn a_truth_that_comes_while_a_service_waits_is_found() {
    let redis = RedisServer::start();
    let beats = Alerts::on_channel(&redis, "massive:heartbeat");
    let url = redis.url();
    let service = Daemon::start("massive", &[("SYSTEM_REDIS_URL", &url)]);
    service.wait_log("there is no truth", PATIENCE);
    seed(&redis, &truth_of(&["massive"], 0.2, 1.0));
    beats.wait_for("the first beat", PATIENCE, |b| b.json["i"] == 1);
}

#[test]
fn a_bus_that_comes_while_a_service_waits_is_found() {
    let mut redis = RedisServer::prepare(&[]);
    let url = redis.url();
    let service = Daemon::start("massive", &[("SYSTEM_REDIS_URL", &url)]);
    service.wait_log("cannot be reached", PATIENCE);
    redis.start_again();
    let beats = Alerts::on_channel(&redis, "massive:heartbeat");
    seed(&redis, &truth_of(&["massive"], 0.2, 1.0));
    beats.wait_for("a beat", PATIENCE, |_| true);
}

#[test]
fn a_bus_out_of_reach_is_exit_code_3() {
    let nobody = RedisServer::prepare(&[]);
    let url = nobody.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str()), ("TRUTH_WAIT_SEC", "1")];
    let (code, log) = Daemon::run("massive", &[], &env, PATIENCE);
    assert_eq!(code, 3, "{log}");
    assert!(
        log.contains(&url) && log.contains("cannot be reached"),
        "{log}"
    );
}

#[test]
fn a_host_name_that_does_not_resolve_is_said_in_bounded_time() {
    let env = [
        ("SYSTEM_REDIS_URL", "redis://no-such-host.invalid:6379"),
        ("TRUTH_WAIT_SEC", "0"),
    ];
    let (code, log) = Daemon::run("massive", &[], &env, PATIENCE);
    assert_eq!(code, 3, "{log}");
    assert!(log.contains("no-such-host.invalid"), "{log}");
}

#[test]
fn a_truth_that_cannot_be_used_is_exit_code_2_with_its_path() {
    let stage = Stage::new(&["massive"], 1.0, 3.0);
    let text = stage
        .truth
        .to_string()
        .replace("\"timeout_sec\":3.0", "\"timeout_sec\":-3");
    seed_text(&stage.redis, &text);
    let mut service = stage.start_with("massive", &[("TRUTH_WAIT_SEC", "0")]);
    assert_eq!(service.wait_exit(PATIENCE), 2);
    let log = service.log();
    assert!(
        log.contains("services.massive.heartbeat.timeout_sec"),
        "{log}"
    );
}

#[test]
fn the_last_good_truth_serves_where_the_present_one_cannot_be_used() {
    let stage = Stage::new(&["massive"], 0.2, 1.0);
    let good = stage.truth.to_string();
    stage.redis.query::<()>(&["SET", "truth:last_good", &good]);
    seed_text(&stage.redis, "{}}");
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let service = stage.start("massive");
    beats.wait_for("beat 2", PATIENCE, |b| b.json["i"] == 2);
    service.wait_log("the last good one is in force", PATIENCE);
}

#[test]
fn a_bad_variable_or_flag_is_exit_code_2_and_named() {
    for (name, value) in [
        ("SYSTEM_REDIS_URL", "localhost:6379"),
        ("TRUTH_WAIT_SEC", "a while"),
        ("LOG_LEVEL", "loud"),
        ("DEFAULT_TIMEOUT_SEC", "0"),
        ("SYSTEM_REDIS_URL_FILE", "/nonexistent/url"),
    ] {
        let (code, log) = Daemon::run("massive", &[], &[(name, value)], PATIENCE);
        assert_eq!(code, 2, "{name}={value}: {log}");
        assert!(log.contains(name), "{name}={value}: {log}");
    }
    let (code, log) = Daemon::run("massive", &["--frobnicate"], &[], PATIENCE);
    assert_eq!(code, 2, "{log}");
    assert!(log.contains("--frobnicate"), "{log}");
}

#[test]
fn help_and_version_need_nothing() {
    let daemons = [
        "rss_agg", "massive", "mesh", "vexy_ai", "healer", "sentinel", "console",
    ];
    for program in daemons.into_iter().chain(["bootstrap"]) {
        let (code, text) = Daemon::run(program, &["--help"], &[], PATIENCE);
        assert_eq!(code, 0, "{text}");
        assert!(
            text.contains("usage:") && text.contains("exit codes:"),
            "{text}"
        );
        let (code, text) = Daemon::run(program, &["--version"], &[], PATIENCE);
        assert_eq!(code, 0, "{text}");
        assert_eq!(text, format!("{program} {}", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn every_line_of_the_log_has_time_level_and_service() {
    let stage = Stage::new(&["massive"], 0.2, 1.0);
    let mut service = stage.start("massive");
    service.wait_log("beating", PATIENCE);
    service.stop();
    for line in service.log().lines() {
        let mut words = line.split_ascii_whitespace();
        let time = words.next().unwrap();
        assert!(
            time.len() == 24 && time.ends_with('Z') && time.as_bytes()[10] == b'T',
            "{line}"
        );
        let level = words.next().unwrap();
        assert!(
            ["ERROR", "WARN", "INFO", "DEBUG"].contains(&level),
            "{line}"
        );
        assert_eq!(words.next(), Some("massive:"), "{line}");
    }
}
