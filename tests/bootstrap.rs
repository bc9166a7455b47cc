//! `bootstrap` puts a valid truth on both buses, or says what stands in the way.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::truth::truth_of;
use crate::support::{Alerts, Daemon, NotifySocket, PATIENCE, RedisServer, secs};

/// A truth in a file, and the environment that leads `bootstrap` to it.
struct Seed {
    folder: tempfile::TempDir,
    env: Vec<(&'static str, String)>,
}

impl Seed {
    fn of(truth: &Value) -> Seed {
        Seed::of_text(&truth.to_string())
    }

    fn of_text(text: &str) -> Seed {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("truth.json"), text).unwrap();
        let file = folder.path().join("truth.json").display().to_string();
        Seed {
            folder,
            env: vec![("TRUTH_FILE", file)],
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Seed {
        self.env.push((name, value.into()));
        self
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("truth.json")
    }

    fn start(&self, args: &[&str]) -> Daemon {
        let env: Vec<(&str, &str)> = self.env.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Daemon::start_with("bootstrap", args, &env)
    }

    /// Exit code and output.
    #[track_caller]
    fn run(&self, args: &[&str]) -> (i32, String) {
        let mut bootstrap = self.start(args);
        let code = bootstrap.wait_exit(PATIENCE);
        (code, bootstrap.log())
    }
}

fn document_on(redis: &RedisServer) -> Option<String> {
    redis.query(&["GET", "truth:doc"])
}

#[test]
fn the_truth_is_written_to_both_buses_byte_for_byte_and_announced_with_its_digest() {
    let (system, market) = (RedisServer::start(), RedisServer::start());
    let changes = Alerts::on_channel(&system, "truth:changed");
    let market_changes = Alerts::on_channel(&market, "truth:changed");
    let seed = Seed::of(&truth_of(&["massive"], 1.0, 3.0))
        .with("SYSTEM_REDIS_URL", system.url())
        .with("MARKET_REDIS_URL", market.url());

    let (code, log) = seed.run(&[]);

    assert_eq!(code, 0, "{log}");
    let text = fs::read_to_string(seed.file()).unwrap();
    assert_eq!(document_on(&system).as_deref(), Some(text.as_str()));
    assert_eq!(document_on(&market).as_deref(), Some(text.as_str()));
    let digest: String = system.query(&["EVAL", "return redis.sha1hex(ARGV[1])", "0", &text]);
    for bus in [&changes, &market_changes] {
        bus.wait_for("the digest", PATIENCE, |m| m.text == digest);
    }
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let system = RedisServer::start();
    let seed = Seed::of(&truth_of(&["massive"], 1.0, 3.0)).with("SYSTEM_REDIS_URL", system.url());
    assert_eq!(seed.run(&[]).0, 0);
    let changes = Alerts::on_channel(&system, "truth:changed");
    let writes = writes_of(&system);

    let (code, log) = seed.run(&[]);

    assert_eq!(code, 0, "{log}");
    assert!(log.contains("nothing to do"), "{log}");
    assert_eq!(writes_of(&system), writes);
    changes.assert_nothing_else(secs(0.3));
}

/// Changes of the data since the server started.
fn writes_of(redis: &RedisServer) -> String {
    let info: String = redis.query(&["INFO", "replication"]);
    let dirty: String = redis.query(&["INFO", "persistence"]);
    let line = |text: &str, name: &str| {
        text.lines()
            .find(|l| l.starts_with(name))
            .unwrap_or_default()
            .to_owned()
    };
    line(&info, "master_repl_offset") + &line(&dirty, "rdb_changes_since_last_save")
}

#[test]
fn a_market_bus_that_nobody_named_is_not_missed() {
    let system = RedisServer::start();
    let seed = Seed::of(&truth_of(&["massive"], 1.0, 3.0)).with("SYSTEM_REDIS_URL", system.url());
    let (code, log) = seed.run(&[]);
    assert_eq!(code, 0, "{log}");
    assert!(document_on(&system).is_some());
}

#[test]
fn a_refused_truth_is_exit_code_2_with_its_path_and_the_old_one_stays() {
    let system = RedisServer::start();
    system.query::<()>(&["SET", "truth:doc", "the old one"]);
    let mut truth = truth_of(&["massive"], 1.0, 3.0);
    truth["services"]["massive"]["heartbeat"]["interval_sec"] = 5.into();
    let seed = Seed::of(&truth).with("SYSTEM_REDIS_URL", system.url());

    let (code, log) = seed.run(&[]);

    assert_eq!(code, 2, "{log}");
    assert!(log.contains("services.massive.heartbeat"), "{log}");
    assert_eq!(document_on(&system).as_deref(), Some("the old one"));
}

#[test]
fn text_that_is_not_json_is_refused_with_line_and_column() {
    let seed = Seed::of_text("{\"services\": {\n  \"massive\": oops\n}}");
    let (code, log) = seed.run(&["--dry-run"]);
    assert_eq!(code, 2, "{log}");
    assert!(log.contains('2') && log.contains("14"), "{log}");
}

#[test]
fn a_missing_file_a_bad_flag_and_a_bad_variable_are_exit_code_2() {
    let seed = || Seed::of(&truth_of(&["massive"], 1.0, 3.0));
    let (code, log) = seed().run(&["--file", "/nonexistent/truth.json"]);
    assert_eq!(code, 2, "{log}");
    assert!(log.contains("/nonexistent/truth.json"), "{log}");

    let (code, log) = seed().run(&["--frobnicate"]);
    assert_eq!(code, 2, "{log}");
    assert!(
        log.contains("--frobnicate") && log.contains("--help"),
        "{log}"
    );

    let bad_url = seed().with("SYSTEM_REDIS_URL", "http://bob:hunter2@localhost");
    let (code, log) = bad_url.run(&[]);
    assert_eq!(code, 2, "{log}");
    assert!(
        log.contains("SYSTEM_REDIS_URL") && !log.contains("hunter2"),
        "{log}"
    );

    let bad_number = seed().with("BOOTSTRAP_WAIT_SEC", "soon");
    let (code, log) = bad_number.run(&[]);
    assert_eq!(code, 2, "{log}");
    assert!(log.contains("BOOTSTRAP_WAIT_SEC"), "{log}");
}

#[test]
fn a_bus_out_of_reach_is_exit_code_3_after_the_wait_that_was_asked_for() {
    let nobody = RedisServer::prepare(&[]);
    let seed = Seed::of(&truth_of(&["massive"], 1.0, 3.0))
        .with("SYSTEM_REDIS_URL", nobody.url())
        .with("BOOTSTRAP_WAIT_SEC", "1");
    let begin = Instant::now();

    let (code, log) = seed.run(&[]);

    assert_eq!(code, 3, "{log}");
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "it waited too little"
    );
    // By itself it would wait for a minute.
    assert!(
        begin.elapsed() < Duration::from_secs(30),
        "it waited too long"
    );
    assert!(
        log.contains("waiting") && log.contains(&nobody.url()),
        "{log}"
    );
}

#[test]
fn a_bus_that_comes_up_meanwhile_is_seeded() {
    let mut late = RedisServer::prepare(&[]);
    let seed = Seed::of(&truth_of(&["massive"], 1.0, 3.0)).with("SYSTEM_REDIS_URL", late.url());
    let mut bootstrap = seed.start(&[]);
    bootstrap.wait_log("waiting", PATIENCE);

    late.start_again();

    assert_eq!(bootstrap.wait_exit(PATIENCE), 0);
    assert!(document_on(&late).is_some());
}

#[test]
fn a_missing_market_bus_leaves_the_system_bus_as_it_is() {
    let (system, market) = (RedisServer::start(), RedisServer::prepare(&[]));
    let seed = Seed::of(&truth_of(&["massive"], 1.0, 3.0))
        .with("SYSTEM_REDIS_URL", system.url())
        .with("MARKET_REDIS_URL", market.url())
        .with("BOOTSTRAP_WAIT_SEC", "0");
    let (code, log) = seed.run(&[]);
    assert_eq!(code, 3, "{log}");
    assert_eq!(document_on(&system), None);
}

#[test]
fn a_dry_run_says_what_it_would_write_and_needs_no_bus() {
    let nobody = RedisServer::prepare(&[]);
    let seed = Seed::of(&truth_of(&["massive"], 1.0, 3.0)).with("SYSTEM_REDIS_URL", nobody.url());
    let (code, log) = seed.run(&["--dry-run"]);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("would write"), "{log}");
}

#[test]
fn a_bus_that_takes_no_writes_is_exit_code_3_and_the_message_says_why() {
    let full = RedisServer::start_with(&["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"]);
    full.config_set("maxmemory", "1");
    let replica = RedisServer::start();
    replica.query::<()>(&[
        "REPLICAOF",
        "127.0.0.1",
        &RedisServer::prepare(&[]).port().to_string(),
    ]);
    for (server, why) in [(&full, "out of memory"), (&replica, "read-only")] {
        let seed =
            Seed::of(&truth_of(&["massive"], 1.0, 3.0)).with("SYSTEM_REDIS_URL", server.url());
        let (code, log) = seed.run(&[]);
        assert_eq!(code, 3, "{log}");
        assert!(log.contains(why), "{log}");
    }
}

#[test]
fn a_service_manager_is_asked_for_patience_while_the_bus_is_awaited() {
    let mut late = RedisServer::prepare(&[]);
    let manager = NotifySocket::new();
    let seed = Seed::of(&truth_of(&["massive"], 1.0, 3.0))
        .with("SYSTEM_REDIS_URL", late.url())
        .with("NOTIFY_SOCKET", manager.path());
    let mut bootstrap = seed.start(&[]);
    manager.wait_for("EXTEND_TIMEOUT_USEC=", PATIENCE);
    late.start_again();
    manager.wait_for("READY=1", PATIENCE);
    assert_eq!(bootstrap.wait_exit(PATIENCE), 0);
}
