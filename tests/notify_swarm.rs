//! The real healer and the real sentinel tell people.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::support::receiver::{Receiver, Reply, Taken};
use crate::support::{Daemon, PATIENCE, Stage, secs, until};

/// Stands for every secret below: it must be in no log line, and in nothing that Redis holds.
const SECRET: &str = "t0p-secret";

fn texts(receiver: &Receiver) -> Vec<String> {
    receiver.messages().iter().map(Taken::text).collect()
}

#[test]
fn a_death_is_told_by_the_healer_and_the_healers_own_by_the_sentinel() {
    // Time enough for whoever beats on a busy machine.
    let (stage, receiver) = (Stage::new(&["a"], 0.3, 4.0), Receiver::start());
    let url = receiver.url();
    let env = [("WEBHOOK_URL", url.as_str())];
    let beater = stage.beat(&["a"]);
    let mut healer = stage.start_with("healer", &env);
    stage.wait_health("a", "up");
    // The healer speaks by now: it is not missed while it starts.
    let _sentinel = stage.start_with("sentinel", &env);
    stage.wait_health("healer", "up");
    drop(beater);
    let down = receiver.wait_text("DOWN a: no beat for", PATIENCE);
    assert!(down.text().contains("last beat number"), "{}", down.text());
    let beater = stage.beat(&["a"]);
    receiver.wait_text("UP a after", PATIENCE);
    healer.kill();
    let told = receiver.wait_text("DOWN healer: no beat for", PATIENCE);
    assert!(
        told.text().contains("nobody judges the services"),
        "{}",
        told.text()
    );
    let _healer = stage.start_with("healer", &env);
    receiver.wait_text("UP healer after", PATIENCE);
    drop(beater);
    let texts = texts(&receiver);
    let healers = texts
        .iter()
        .filter(|t| t.starts_with("DOWN healer"))
        .count();
    assert_eq!(healers, 1, "{texts:?}");
}

#[test]
fn status_warns_exactly_while_the_healer_has_no_channel() {
    let (stage, receiver) = (Stage::new(&["a"], 0.3, 1.0), Receiver::start());
    let (bus, hook) = (stage.redis.url(), receiver.url());
    let wait_warning = |wanted: bool| {
        until(&format!("a warning: {wanted}"), PATIENCE, || {
            let env = [("SYSTEM_REDIS_URL", bus.as_str())];
            let (_, table) = Daemon::run("marketswarm", &["status"], &env, PATIENCE);
            let silent = table.contains("the healer is silent");
            match table.contains("nobody will be told") {
                warns if warns == wanted && !silent => Ok(()),
                _ => Err(table),
            }
        });
    };
    for (channel, warns) in [(Some(&hook), false), (None, true), (Some(&hook), false)] {
        let env = channel.map(|url| ("WEBHOOK_URL", url.as_str()));
        let mut healer = stage.start_with("healer", env.as_slice());
        wait_warning(warns);
        healer.stop();
    }
    // Nor does it warn when Redis takes no more data.
    let _healer = stage.start_with("healer", &[("WEBHOOK_URL", &hook)]);
    wait_warning(false);
    stage.redis.config_set("maxmemory", "1");
    // The channel's key would have run out by then.
    std::thread::sleep(secs(11.0));
    wait_warning(false);
}

#[test]
fn the_bus_being_down_is_told_by_the_healer_without_it_and_once() {
    let (mut stage, receiver) = (Stage::new(&["a"], 0.3, 10.0), Receiver::start());
    let url = receiver.url();
    let folder = tempfile::tempdir().unwrap();
    let env = [
        ("WEBHOOK_URL", url.as_str()),
        ("STATE_DIR", folder.path().to_str().unwrap()),
    ];
    let _beater = stage.beat(&["a"]);
    let healer = stage.start_with("healer", &env);
    stage.redis.wait_subscribed("a:heartbeat", 1);
    healer.wait_log("channel webhook", PATIENCE);
    stage.wait_health("a", "up");
    stage.redis.kill();
    receiver.wait_text("BUS DOWN system-redis", PATIENCE);
    stage.redis.start_again();
    receiver.wait_text("BUS UP system-redis after", PATIENCE);
    until("the log has both", PATIENCE, || {
        let kinds: Vec<String> = stage
            .alert_log()
            .iter()
            .map(|a| a["type"].to_string())
            .collect();
        let both = ["bus_down", "bus_up"]
            .iter()
            .all(|k| kinds.contains(&format!("\"{k}\"")));
        if both {
            Ok(())
        } else {
            Err(format!("{kinds:?}"))
        }
    });
    std::thread::sleep(secs(2.0));
    let texts = texts(&receiver);
    assert_eq!(texts.len(), 2, "{texts:?}");
}

#[test]
fn a_sign_of_life_goes_out_while_the_healer_beats_and_the_bus_echoes() {
    let (stage, elsewhere) = (Stage::new(&["a"], 0.3, 1.0), Receiver::start());
    let url = elsewhere.url();
    let _sentinel = stage.start_with("sentinel", &[("DEADMAN_URL", &url)]);
    stage.redis.wait_subscribed("healer:heartbeat", 1);
    std::thread::sleep(secs(2.0));
    assert!(elsewhere.all().is_empty(), "no healer beats");
    let _healer = stage.start("healer");
    let sign = elsewhere.wait_for("a sign of life", PATIENCE, |_| true);
    assert_eq!(sign.method, "GET");
}

#[test]
fn a_setting_that_cannot_be_used_stops_the_healer_at_the_start_and_names_the_variable() {
    let stage = Stage::new(&["a"], 0.3, 1.0);
    let url = stage.redis.url();
    for (name, value) in [
        ("WEBHOOK_URL", SECRET),
        ("WEBHOOK_FORMAT", SECRET),
        ("WEBHOOK_SECRET", "whsec_t0p-secret!"),
    ] {
        for program in ["healer", "sentinel"] {
            let mut env = vec![("SYSTEM_REDIS_URL", url.as_str()), (name, value)];
            if name != "WEBHOOK_URL" {
                env.push(("WEBHOOK_URL", "https://example.org/"));
            }
            let (code, said) = Daemon::run(program, &[], &env, PATIENCE);
            assert!(code == 2 && said.contains(name), "{program}: {said}");
            assert!(!said.contains(SECRET), "{program}: {said}");
        }
    }
}

#[test]
fn no_secret_is_in_a_log_or_in_redis_whatever_the_receiver_does() {
    // Whoever sends when: a message finds the fifth answer with its fifth attempt.
    let attempts = Mutex::new(BTreeMap::new());
    let nth = move |taken: &Taken| {
        let mut attempts = attempts.lock().unwrap();
        let nth = attempts.entry(taken.id().to_owned()).or_insert(0_usize);
        *nth += 1;
        *nth - 1
    };
    let receiver = Receiver::that(move |_, taken| match nth(taken) % 5 {
        0 => Reply::status(503),
        1 => Reply::Status(500, "", format!("cannot POST {}", taken.path)),
        2 => Reply::Cut,
        3 => Reply::Rubbish,
        _ => Reply::Status(404, "", format!("{} not found", taken.path)),
    });
    let stage = Stage::new(&["a"], 0.3, 1.0);
    let url = format!("{}/{SECRET}/x?token={SECRET}", receiver.url());
    // Base64 of the secret, as a signing secret is written.
    let signing = "whsec_dDBwLXNlY3JldC10MHAtc2VjcmV0";
    let env = [
        ("WEBHOOK_URL", url.as_str()),
        ("WEBHOOK_SECRET", signing),
        ("DEADMAN_URL", url.as_str()),
        ("SMTP_HOST", "localhost"),
        ("SMTP_PORT", "1"),
        ("SMTP_USER", "swarm"),
        ("SMTP_PASS", SECRET),
        ("SMTP_FROM", "a@example.org"),
        ("SMTP_TO", "b@example.org"),
        ("LOG_LEVEL", "trace"),
    ];
    let healer = stage.start_with("healer", &env);
    let sentinel = stage.start_with("sentinel", &env);
    // Nobody beats for `a`: it is not seen, and that is told.
    until("a dead letter", secs(60.0), || {
        match stage.redis.query::<i64>(&["LLEN", "healer:dead:webhook"]) {
            0 => Err("none".into()),
            _ => Ok(()),
        }
    });
    healer.wait_log("channel email", PATIENCE);
    let mut all = vec![healer.log(), sentinel.log()];
    for key in ["healer:dead:webhook", "healer:dead:email"] {
        all.extend(
            stage
                .redis
                .query::<Vec<String>>(&["LRANGE", key, "0", "-1"]),
        );
    }
    for channel in ["webhook", "email"] {
        for part in ["told", "outbox"] {
            let key = format!("notify:healer:{channel}:{part}");
            all.extend(stage.redis.query::<Vec<String>>(&["HVALS", &key]));
        }
    }
    for text in all {
        assert!(
            !text.contains(SECRET) && !text.contains(&signing[6..]),
            "{text}"
        );
    }
}
