//! The bus over TLS: a CA of one's own, client certificates, and words that say what stands in the way.

use std::fs;

use crate::support::certificates::{Authority, Issued};
use crate::support::redis_server::free_port;
use crate::support::truth::{seed, truth_of};
use crate::support::{Alerts, Daemon, PATIENCE, RedisServer, secs, until};

const INTERVAL_SEC: f64 = 0.25;
const TIMEOUT_SEC: f64 = 3.0;

/// A redis-server that speaks TLS on one port; on the other it is plain, for the test's own eyes.
struct Encrypted {
    // The server is dropped before the files that it reads.
    redis: RedisServer,
    port: u16,
    ca: Authority,
    server: Issued,
    client: Issued,
}

impl Encrypted {
    /// With a certificate for this machine. `clients`: what the server says to clients without one.
    fn start(clients: &str) -> Encrypted {
        let ca = Authority::new();
        let server = ca.issue("server", &["localhost", "127.0.0.1"]);
        Encrypted::with(ca, server, clients)
    }

    fn with(ca: Authority, server: Issued, clients: &str) -> Encrypted {
        let port = free_port();
        let redis = RedisServer::start_with(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &server.cert,
            "--tls-key-file",
            &server.key,
            "--tls-ca-cert-file",
            &ca.file(),
            "--tls-auth-clients",
            clients,
        ]);
        let client = ca.issue("client", &["swarm"]);
        Encrypted {
            redis,
            port,
            ca,
            server,
            client,
        }
    }

    fn url(&self) -> String {
        format!("rediss://localhost:{}", self.port)
    }

    /// The environment of a daemon to which nothing is missing.
    fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SYSTEM_REDIS_URL", self.url()),
            ("REDIS_CA_FILE", self.ca.file()),
            ("REDIS_CERT_FILE", self.client.cert.clone()),
            ("REDIS_KEY_FILE", self.client.key.clone()),
        ]
    }
}

fn pairs<'a>(env: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    env.iter().map(|(k, v)| (*k, v.as_str())).collect()
}

#[test]
fn the_whole_swarm_runs_over_tls_tells_a_death_and_finds_its_bus_again() {
    let mut bus = Encrypted::start("yes");
    let truth = bus.ca.path("truth.json");
    fs::write(
        &truth,
        truth_of(&["massive", "sentinel"], INTERVAL_SEC, TIMEOUT_SEC).to_string(),
    )
    .unwrap();
    let mut env = bus.env();
    env.push(("TRUTH_FILE", truth));
    let env = pairs(&env);

    let (code, log) = Daemon::run("bootstrap", &[], &env, PATIENCE);
    assert_eq!(code, 0, "{log}");
    let alerts = Alerts::on(&bus.redis);
    // Whoever is watched beats before anybody watches; the two watchers have their timeout to meet.
    let mut massive = Daemon::start("massive", &env);
    massive.wait_log("beating", PATIENCE);
    let healer = Daemon::start("healer", &env);
    healer.wait_log("holds the lease and speaks", PATIENCE);
    let _sentinel = Daemon::start("sentinel", &env);
    let status = || Daemon::run("marketswarm", &["status"], &env, PATIENCE);
    let wait_status = |wanted| {
        until(&format!("status {wanted}"), PATIENCE, || match status() {
            (code, _) if code == wanted => Ok(()),
            (_, said) => Err(said),
        });
    };
    wait_status(0);
    // Nobody took the plain way.
    let clients: String = bus.redis.query(&["CLIENT", "LIST"]);
    let plain = format!("laddr=127.0.0.1:{} ", bus.redis.port());
    for line in clients.lines().filter(|line| line.contains(&plain)) {
        assert!(line.contains("name=test:"), "{line}");
    }

    massive.kill();
    alerts.wait("heartbeat_miss", "massive", PATIENCE);
    wait_status(1);
    massive = Daemon::start("massive", &env);
    alerts.wait("heartbeat_ok", "massive", PATIENCE);

    bus.redis.start_again();
    healer.wait_log("subscribed again", PATIENCE);
    wait_status(0);
    alerts.assert_none(secs(INTERVAL_SEC + 3.0 + TIMEOUT_SEC), |a| {
        a.kind() == "heartbeat_miss" || a.kind() == "healer_miss"
    });
    massive.kill();
    alerts.wait("heartbeat_miss", "massive", PATIENCE);
}

#[test]
fn certificates_are_renewed_while_the_swarm_runs() {
    let mut bus = Encrypted::start("yes");
    seed(&bus.redis, &truth_of(&["massive"], 0.25, 3.0));
    let alerts = Alerts::on(&bus.redis);
    let env = bus.env();
    let mut massive = Daemon::start("massive", &pairs(&env));
    let healer = Daemon::start("healer", &pairs(&env));
    bus.redis.wait_subscribed("massive:heartbeat", 1);

    // Half of a renewal: a connection made now goes by what was read before.
    let new_ca = Authority::new();
    let server = new_ca.issue("server", &["localhost"]);
    let client = new_ca.issue("client", &["swarm"]);
    fs::copy(&client.cert, &bus.client.cert).unwrap();
    healer.wait_log(
        "it does not go with the certificate in REDIS_CERT; what was read before stays in force",
        PATIENCE,
    );

    // The rest of it, with another CA behind it all.
    fs::copy(&client.key, &bus.client.key).unwrap();
    fs::copy(new_ca.file(), bus.ca.file()).unwrap();
    fs::copy(&server.cert, &bus.server.cert).unwrap();
    fs::copy(&server.key, &bus.server.key).unwrap();
    bus.redis.start_again();
    healer.wait_log("have changed, and were read again", PATIENCE);
    healer.wait_log("subscribed again", PATIENCE);
    alerts.assert_none(secs(6.0), |a| a.kind() == "heartbeat_miss");
    massive.kill();
    alerts.wait("heartbeat_miss", "massive", PATIENCE);
}

#[test]
fn a_server_that_asks_for_no_certificate_is_shown_none() {
    let bus = Encrypted::start("no");
    let mut env = bus.env();
    env.truncate(2);
    let (code, said) = Daemon::run("marketswarm", &["status"], &pairs(&env), PATIENCE);
    assert!(code == 2 && said.contains("there is no truth"), "{said}");
}

/// Runs `status`, `bootstrap` and a service against `env`; each must end with `code` and say all of `words`.
#[track_caller]
fn refused(env: &[(&'static str, String)], code: i32, words: &[&str]) {
    let truth = tempfile::NamedTempFile::new().unwrap();
    fs::write(truth.path(), truth_of(&["massive"], 1.0, 3.0).to_string()).unwrap();
    let mut env = pairs(env);
    env.extend([
        ("TRUTH_FILE", truth.path().to_str().unwrap()),
        ("TRUTH_WAIT_SEC", "0"),
        ("BOOTSTRAP_WAIT_SEC", "0"),
    ]);
    for (program, args) in [
        ("marketswarm", &["status"][..]),
        ("bootstrap", &[]),
        ("massive", &[]),
    ] {
        let (ended, said) = Daemon::run(program, args, &env, PATIENCE);
        assert_eq!(ended, code, "{program}: {said}");
        for word in words {
            assert!(
                said.contains(word),
                "{program} does not say `{word}`: {said}"
            );
        }
        assert!(!said.contains("PRIVATE KEY-----\n"), "{said}");
    }
}

#[test]
fn a_private_ca_that_nobody_named_is_refused_with_the_name_of_the_variable() {
    let bus = Encrypted::start("no");
    let env = vec![("SYSTEM_REDIS_URL", bus.url())];
    refused(&env, 3, &[&bus.url(), "no public CA", "REDIS_CA_FILE"]);
}

#[test]
fn a_server_of_another_ca_is_refused() {
    let bus = Encrypted::start("no");
    let other = Authority::new();
    let env = vec![
        ("SYSTEM_REDIS_URL", bus.url()),
        ("REDIS_CA_FILE", other.file()),
    ];
    let words = ["signed by no CA in REDIS_CA_FILE", &other.file()];
    refused(&env, 3, &words);
}

#[test]
fn a_certificate_made_out_to_another_name_is_refused() {
    let ca = Authority::new();
    let server = ca.issue("server", &["redis.example"]);
    let bus = Encrypted::with(ca, server, "no");
    refused(
        &bus.env(),
        3,
        &["made out to redis.example, not to `localhost`"],
    );
}

#[test]
fn a_certificate_that_has_expired_is_refused() {
    let ca = Authority::new();
    let server = ca.issue_until("server", &["localhost"], 2001);
    let bus = Encrypted::with(ca, server, "no");
    refused(&bus.env(), 3, &["has expired"]);
}

#[test]
fn a_self_signed_certificate_that_is_given_is_believed_though_it_says_that_it_is_a_ca() {
    let ca = Authority::new();
    let server = ca.self_signed_ca("server", &["localhost"]);
    let bus = Encrypted::with(ca, server, "no");
    let env = vec![
        ("SYSTEM_REDIS_URL", bus.url()),
        ("REDIS_CA_FILE", bus.server.cert.clone()),
    ];
    let (code, said) = Daemon::run("marketswarm", &["status"], &pairs(&env), PATIENCE);
    assert!(code == 2 && said.contains("there is no truth"), "{said}");
    refused(
        &env[..1],
        3,
        &["the certificate of a CA as its own", "REDIS_CA_FILE"],
    );
}

#[test]
fn a_server_that_asks_for_a_certificate_says_so() {
    let bus = Encrypted::start("yes");
    let mut env = bus.env();
    env.truncate(2);
    let words = [
        "asks for a client certificate",
        "REDIS_CERT_FILE",
        "REDIS_KEY_FILE",
    ];
    refused(&env, 3, &words);
}

#[test]
fn a_client_certificate_of_another_ca_is_refused() {
    let bus = Encrypted::start("yes");
    let stranger = Authority::new();
    let stranger = stranger.issue("stranger", &["swarm"]);
    let mut env = bus.env();
    env[2].1 = stranger.cert;
    env[3].1 = stranger.key;
    refused(
        &env,
        3,
        &["does not accept the client certificate", "REDIS_CERT"],
    );
}

#[test]
fn a_plain_port_that_is_spoken_to_in_tls_says_so() {
    let redis = RedisServer::start();
    let env = vec![(
        "SYSTEM_REDIS_URL",
        format!("rediss://127.0.0.1:{}", redis.port()),
    )];
    refused(&env, 3, &["write redis:// instead of rediss://"]);
}

#[test]
fn a_tls_port_that_is_spoken_to_in_plain_says_so() {
    let bus = Encrypted::start("no");
    let env = vec![(
        "SYSTEM_REDIS_URL",
        format!("redis://127.0.0.1:{}", bus.port),
    )];
    refused(&env, 3, &["write rediss:// instead of redis://"]);
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_variable() {
    let bus = Encrypted::start("yes");
    let with = |changes: &[(&'static str, &str)]| {
        let mut env = bus.env();
        for (name, value) in changes {
            env.retain(|(n, _)| n != name);
            if !value.is_empty() {
                env.push((name, value.to_string()));
            }
        }
        env
    };
    let nothing = bus.ca.path("nothing.pem");
    let junk = bus.ca.path("junk.pem");
    fs::write(&junk, "hello\n").unwrap();
    let empty = bus.ca.path("empty.pem");
    fs::write(&empty, "").unwrap();
    let broken = bus.ca.path("broken.pem");
    fs::write(
        &broken,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let other = bus.ca.issue("other", &["swarm"]);
    for (changes, words) in [
        (
            vec![("REDIS_CA_FILE", nothing.as_str())],
            vec!["REDIS_CA_FILE", &nothing, "cannot read"],
        ),
        (
            vec![("REDIS_CA_FILE", junk.as_str())],
            vec!["REDIS_CA_FILE", &junk, "no certificate"],
        ),
        (
            vec![("REDIS_CA_FILE", empty.as_str())],
            vec!["REDIS_CA_FILE", &empty, "it is empty"],
        ),
        (
            vec![("REDIS_CA_FILE", broken.as_str())],
            vec!["REDIS_CA_FILE", &broken, "cannot be used as a CA"],
        ),
        (
            vec![("REDIS_CERT_FILE", junk.as_str())],
            vec!["REDIS_CERT_FILE", &junk, "no certificate"],
        ),
        (
            vec![("REDIS_KEY_FILE", junk.as_str())],
            vec!["REDIS_KEY_FILE", &junk, "no private key"],
        ),
        (
            vec![("REDIS_KEY_FILE", "")],
            vec!["REDIS_KEY_FILE", "is missing"],
        ),
        (
            vec![("REDIS_CERT_FILE", "")],
            vec!["REDIS_CERT_FILE", "is missing"],
        ),
        (
            vec![("REDIS_KEY_FILE", other.key.as_str())],
            vec!["REDIS_KEY_FILE", &other.key, "does not go with"],
        ),
    ] {
        refused(&with(&changes), 2, &words);
    }
}
