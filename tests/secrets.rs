//! No secret is ever printed, nor written to a bus: not at the finest log level, not in trouble.

use std::collections::BTreeMap;

use crate::support::certificates::Authority;
use crate::support::feed_server::{FeedServer, Reply};
use crate::support::redis_server::free_port;
use crate::support::truth::{seed, truth_of};
use crate::support::{Alerts, Daemon, PATIENCE, RedisServer, until};

/// Every secret of this test contains it.
const MARK: &str = "xyzzy";

#[test]
fn secrets_of_the_environment_are_neither_printed_nor_written_to_the_bus() {
    let password = format!("pw-{MARK}");
    let ca = Authority::new();
    let (server, client) = (
        ca.issue("server", &["localhost"]),
        ca.issue("client", &["swarm"]),
    );
    let tls_port = free_port().to_string();
    let mut system = RedisServer::start_with(&[
        "--requirepass",
        &password,
        "--tls-port",
        &tls_port,
        "--tls-cert-file",
        &server.cert,
        "--tls-key-file",
        &server.key,
        "--tls-ca-cert-file",
        &ca.file(),
        "--tls-auth-clients",
        "yes",
    ]);
    let market = RedisServer::start();
    // Of a key, every line is a secret.
    let client_key = std::fs::read_to_string(&client.key).unwrap();
    let client_cert = std::fs::read_to_string(&client.cert).unwrap();
    let key_line = client_key.lines().nth(1).unwrap();
    // A server that a feed's redirects lead to, with tokens that it gives.
    let feeds = FeedServer::start();
    let token = format!("token={MARK}");
    feeds.always(
        "/bad",
        Reply::to(302, &format!("ftp://{MARK}@files/{MARK}?{token}")),
    );
    feeds.always("/loop", Reply::to(302, &format!("/loop?{token}")));
    feeds.always(
        &format!("/loop?{token}"),
        Reply::to(302, &format!("/loop?{token}")),
    );
    let mut truth = truth_of(&["massive", "mesh", "vexy_ai", "sentinel"], 0.3, 1.0);
    truth["services"]["rss_agg"] = serde_json::json!({
        "heartbeat": {"interval_sec": 0.3, "timeout_sec": 1.0},
        "schedule": {"interval_sec": 1, "min_sec": 1},
        "limits": {"allow_hosts": [feeds.host()], "per_host_rps": 1000},
        "feeds": [
            {"id": "bad", "url": feeds.url("/bad")},
            {"id": "loop", "url": feeds.url("/loop")},
        ],
    });
    seed(&system, &truth);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), truth.to_string()).unwrap();

    let url = format!("rediss://user-{MARK}:{password}@localhost:{tls_port}");
    let ca_file = ca.file();
    system.query::<()>(&[
        "ACL",
        "SETUSER",
        &format!("user-{MARK}"),
        "on",
        &format!(">{password}"),
        "~*",
        "&*",
        "+@all",
    ]);
    let market_url = market.url();
    let hook = format!("http://127.0.0.1:9/services/{MARK}?token={MARK}");
    let secret = |name: &str| format!("{name}-{MARK}");
    let (smtp_user, smtp_pass, key) =
        (secret("user"), secret("pass"), format!("whsec_{MARK:A<32}"));
    let env = BTreeMap::from([
        ("SYSTEM_REDIS_URL", url.as_str()),
        ("MARKET_REDIS_URL", market_url.as_str()),
        ("REDIS_CA_FILE", ca_file.as_str()),
        ("REDIS_CERT", client_cert.as_str()),
        ("REDIS_KEY", client_key.as_str()),
        ("TRUTH_FILE", file.path().to_str().unwrap()),
        ("LOG_LEVEL", "trace"),
        ("WEBHOOK_URL", hook.as_str()),
        ("WEBHOOK_SECRET", key.as_str()),
        ("DEADMAN_URL", hook.as_str()),
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", "9"),
        ("SMTP_TLS", "none"),
        ("SMTP_USER", smtp_user.as_str()),
        ("SMTP_PASS", smtp_pass.as_str()),
        ("SMTP_FROM", "swarm@example.org"),
        ("SMTP_TO", "you@example.org"),
    ]);
    let env: Vec<(&str, &str)> = env.into_iter().collect();

    let (code, said) = Daemon::run("bootstrap", &[], &env, PATIENCE);
    assert_eq!(code, 0, "{said}");
    let names = [
        "massive", "mesh", "vexy_ai", "rss_agg", "healer", "sentinel",
    ];
    let mut daemons: Vec<Daemon> = names.iter().map(|name| Daemon::start(name, &env)).collect();
    let healthy = Alerts::on_channel(&system, "healer:heartbeat");
    healthy.wait_for("a healer at work", PATIENCE, |_| true);
    daemons[0].wait_log("beating", PATIENCE);
    daemons[3].wait_log("no web address", PATIENCE);
    daemons[3].wait_log("more than 10 redirects", PATIENCE);
    daemons[0].kill();
    until("the alert of a death", PATIENCE, || {
        match system.query::<u64>(&["XLEN", "healer:alerts:log"]) {
            0 => Err("none yet".into()),
            n => Ok(n),
        }
    });
    // Both channels are tried, and fail.
    daemons[4].wait_log("127.0.0.1:9", PATIENCE);
    // Trouble of every kind makes them talk.
    system.kill_clients();
    system.change_password("another");
    system.query::<()>(&["ACL", "DELUSER", &format!("user-{MARK}")]);
    system.kill_clients();
    daemons[1].wait_log("password", PATIENCE);
    system.kill();
    daemons[4].wait_log("system-redis is down", PATIENCE);

    for bus in [&system, &market] {
        let data = bus.data();
        let is_secret = |secret: &&str| data.contains(*secret);
        let found = [MARK, key_line].iter().any(is_secret);
        assert!(!found, "a secret is in the data of a bus");
    }
    for (name, daemon) in names.iter().zip(&mut daemons) {
        daemon.kill();
        let log = daemon.log();
        assert!(log.len() > 100, "{name} said nothing");
        let line = log
            .lines()
            .find(|l| l.contains(MARK) || l.contains(key_line));
        assert!(line.is_none(), "{name} says: {}", line.unwrap_or_default());
    }
}
