//! A bus that is there but does not serve: the message says which trouble it is, and never tells a secret.

use serde_json::json;

use crate::support::truth::{seed, truth_of};
use crate::support::{Daemon, PATIENCE, RedisServer};

const PASSWORD: &str = "s3cret-hunter2";

fn url_with(redis: &RedisServer, login: &str) -> String {
    format!("redis://{login}@127.0.0.1:{}", redis.port())
}

#[test]
fn a_bus_that_asks_for_a_password_says_so_and_where_to_put_it() {
    let redis = RedisServer::start_with(&["--requirepass", PASSWORD]);
    for url in [redis.url(), url_with(&redis, ":wrong-s3cret")] {
        let env = [("SYSTEM_REDIS_URL", url.as_str()), ("TRUTH_WAIT_SEC", "0")];
        let (code, log) = Daemon::run("massive", &[], &env, PATIENCE);
        assert_eq!(code, 3, "{log}");
        assert!(
            log.contains("password") && log.contains("environment"),
            "{log}"
        );
        assert!(!log.contains("s3cret"), "{log}");
    }
}

#[test]
fn user_and_password_of_the_environment_are_used_and_never_printed() {
    let mut redis = RedisServer::start_with(&["--requirepass", PASSWORD]);
    redis.query::<()>(&[
        "ACL",
        "SETUSER",
        "bob-s3cret",
        "on",
        ">bobs-s3cret",
        "~*",
        "&*",
        "+@all",
    ]);
    seed(&redis, &truth_of(&["massive", "mesh"], 0.2, 1.0));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, url_with(&redis, "bob-s3cret:bobs-s3cret") + "\n").unwrap();

    let by_url = url_with(&redis, &format!(":{PASSWORD}"));
    let mut massive = Daemon::start(
        "massive",
        &[
            ("SYSTEM_REDIS_URL", by_url.as_str()),
            ("LOG_LEVEL", "trace"),
        ],
    );
    let mut mesh = Daemon::start(
        "mesh",
        &[
            ("SYSTEM_REDIS_URL_FILE", file.to_str().unwrap()),
            ("LOG_LEVEL", "trace"),
        ],
    );
    massive.wait_log("beating", PATIENCE);
    mesh.wait_log("this mesh writes the registry", PATIENCE);
    // Also with all the words that trouble brings.
    redis.change_password("another-s3cret");
    redis.kill_clients();
    massive.wait_log("password", PATIENCE);
    for service in [&mut massive, &mut mesh] {
        service.stop();
        let log = service.log();
        assert!(!log.contains("s3cret"), "{log}");
    }
}

#[test]
fn a_bus_that_loads_its_data_is_waited_for_and_said_to_be_loading() {
    // Twenty seconds for reading 200 keys, and a moment for clients after each.
    let mut redis = RedisServer::start_with(&[
        "--appendonly",
        "no",
        "--rdbcompression",
        "no",
        "--key-load-delay",
        "100000",
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    seed(&redis, &truth_of(&["massive"], 0.2, 1.0));
    let fill = "for i = 1, 200 do redis.call('SET', 'k' .. i, string.rep('x', 2048)) end";
    redis.query::<()>(&["EVAL", fill, "0"]);
    redis.query::<()>(&["SAVE"]);
    redis.start_again_loading();

    let url = redis.url();
    let service = Daemon::start("massive", &[("SYSTEM_REDIS_URL", &url)]);
    service.wait_log("still loading its data", PATIENCE);
    redis.config_set("key-load-delay", "0");
    service.wait_log("beating", PATIENCE);
}

#[test]
fn a_forbidden_channel_is_said_aloud() {
    let redis = RedisServer::start();
    seed(&redis, &truth_of(&["massive"], 0.2, 1.0));
    redis.query::<()>(&[
        "ACL",
        "SETUSER",
        "deaf",
        "on",
        ">pw",
        "~*",
        "resetchannels",
        "&*:heartbeat",
        "+@all",
    ]);
    let url = url_with(&redis, "deaf:pw");
    let service = Daemon::start("massive", &[("SYSTEM_REDIS_URL", &url)]);
    let line = service.wait_log("forbids channel", PATIENCE);
    assert!(
        line.contains("truth:changed") && line.contains("ERROR"),
        "{line}"
    );
    service.wait_log("beating", PATIENCE);
}

#[test]
fn what_answers_but_is_no_redis_is_said_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::Write;
        for client in listener.incoming().take(20).flatten() {
            let mut client = client;
            let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n");
        }
    });
    let url = format!("redis://127.0.0.1:{port}");
    let env = [("SYSTEM_REDIS_URL", url.as_str()), ("TRUTH_WAIT_SEC", "0")];
    let (code, log) = Daemon::run("massive", &[], &env, PATIENCE);
    assert_eq!(code, 3, "{log}");
    assert!(log.contains(&url), "{log}");
}

#[test]
fn a_credential_in_the_truth_is_refused_without_being_repeated() {
    let redis = RedisServer::start();
    let mut truth = truth_of(&["massive"], 0.2, 1.0);
    truth["buses"] = json!({"lab": {"url": format!("redis://:{PASSWORD}@127.0.0.1:1")}});
    seed(&redis, &truth);
    let url = redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str()), ("TRUTH_WAIT_SEC", "0")];
    let (code, log) = Daemon::run("massive", &[], &env, PATIENCE);
    assert_eq!(code, 2, "{log}");
    assert!(
        log.contains("buses.lab.url") && !log.contains("s3cret"),
        "{log}"
    );
}
