//! Webhooks: at least once, once as far as the receiver lets us, whatever the receiver does.

use std::time::Duration;

use serde_json::Value;

use crate::support::notifier::{log_alert, miss, notifier, ok};
use crate::support::receiver::{Receiver, Reply};
use crate::support::{PATIENCE, RedisServer, secs, until};

/// Dead letters of a channel.
fn dead_letters(redis: &RedisServer, channel: &str) -> Vec<Value> {
    let list: Vec<String> = redis.query(&["LRANGE", &format!("healer:dead:{channel}"), "0", "-1"]);
    list.iter()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

/// A channel that reads the log.
fn wait_reads(redis: &RedisServer) {
    until("the channel reads", PATIENCE, || {
        let groups =
            redis.try_query::<Vec<redis::Value>>(&["XINFO", "GROUPS", "healer:alerts:log"]);
        match groups {
            Ok(groups) if groups.len() == 1 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn a_death_reaches_the_receiver_and_its_end_too() {
    let (redis, receiver) = (RedisServer::start(), Receiver::start());
    let _notifier = notifier(&redis, &[("WEBHOOK_URL", &receiver.url())]);
    let id = log_alert(&redis, &miss("rss_agg"));
    let down = receiver.wait_text("DOWN rss_agg: no beat for 31 s (limit 30 s)", PATIENCE);
    assert_eq!(down.json()["alerts"][0]["id"], id);
    assert!(
        down.text().contains("last beat") || down.text().contains("since "),
        "{}",
        down.text()
    );
    log_alert(&redis, &ok("rss_agg"));
    let up = receiver.wait_text("UP rss_agg after", PATIENCE);
    assert_ne!(up.id(), down.id());
    assert_eq!(receiver.messages().len(), 2);
}

#[test]
fn a_death_is_told_within_a_second() {
    // A machine that is busy with other tests may be late now and then; the promise is for every death, so the best of
    // many. A fresh channel for each three: a fourth message would wait for the first ten seconds to be over.
    let mut lates = Vec::new();
    for _ in 0..5 {
        let (redis, receiver) = (RedisServer::start(), Receiver::start());
        let _notifier = notifier(&redis, &[("WEBHOOK_URL", &receiver.url())]);
        wait_reads(&redis);
        for svc in ["rss_agg", "a", "b"] {
            log_alert(&redis, &miss(svc));
            let logged = std::time::Instant::now();
            let told = receiver.wait_text(&format!("DOWN {svc}"), PATIENCE);
            let late = told.at.saturating_duration_since(logged);
            if late < secs(1.0) {
                return;
            }
            lates.push(late);
        }
    }
    panic!("told after {lates:?}");
}

#[test]
fn a_receiver_that_fails_hangs_or_cuts_gets_the_same_message_again() {
    for (manner, why) in [
        (Reply::status(500), "500"),
        (
            Reply::Status(503, "", "x".repeat(10_000_000)),
            "503 and ten megabytes",
        ),
        (
            Reply::Status(429, "Retry-After: 1\r\n", String::new()),
            "429",
        ),
        (Reply::Hang, "hang"),
        (Reply::Cut, "cut"),
        (Reply::Rubbish, "rubbish"),
    ] {
        let redis = RedisServer::start();
        let receiver = Receiver::that(move |nth, _| {
            if nth == 0 {
                manner.clone()
            } else {
                Reply::ok()
            }
        });
        let _notifier = notifier(
            &redis,
            &[
                ("WEBHOOK_URL", &receiver.url()),
                ("WEBHOOK_TIMEOUT_SEC", "2"),
            ],
        );
        log_alert(&redis, &miss("a"));
        receiver.wait_text("DOWN a", PATIENCE);
        let all = receiver.all();
        assert!(all.len() >= 2, "{why}");
        for again in &all[1..] {
            assert_eq!(
                (again.id(), &again.body),
                (all[0].id(), &all[0].body),
                "{why}"
            );
        }
        let pause = all[1].at - all[0].at;
        assert!(pause >= secs(0.9), "{why}: again after {pause:?}");
        assert!(dead_letters(&redis, "webhook").is_empty(), "{why}");
    }
}

#[test]
fn what_is_taken_counts_whatever_the_receiver_says_after_it() {
    let redis = RedisServer::start();
    let long = "x".repeat(1_000_000);
    let receiver = Receiver::that(move |nth, _| match nth {
        0 => Reply::Drip,
        1 => Reply::Status(200, "Content-Encoding: gzip\r\n", long.clone()),
        _ => Reply::Status(204, "", String::new()),
    });
    let _notifier = notifier(
        &redis,
        &[
            ("WEBHOOK_URL", &receiver.url()),
            ("WEBHOOK_TIMEOUT_SEC", "8"),
        ],
    );
    for svc in ["a", "b", "mesh"] {
        log_alert(&redis, &miss(svc));
        receiver.wait_text(&format!("DOWN {svc}"), PATIENCE);
    }
    assert_eq!(receiver.all().len(), 3, "none was sent twice");
}

#[test]
fn a_refusal_or_a_redirect_is_a_dead_letter_that_says_why_and_the_next_message_goes_on() {
    let (redis, other) = (RedisServer::start(), Receiver::start());
    let receiver = Receiver::that(|_, taken| match taken.text() {
        text if text.starts_with("DOWN a") => Reply::status(410),
        text if text.starts_with("DOWN b") => Reply::Status(
            302,
            "Location: https://login.example.org/in?token=t0psecret\r\n",
            String::new(),
        ),
        _ => Reply::ok(),
    });
    let services = serde_json::json!({"healer": {"notify": [
        {"name": "one", "kind": "webhook", "url_env": "ONE_URL"},
        {"name": "two", "kind": "webhook", "url_env": "TWO_URL"},
    ]}});
    let env = [("ONE_URL", receiver.url()), ("TWO_URL", other.url())];
    let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let role = marketswarm::notify::Role::Healer;
    let (_notifier, _events) = crate::support::notifier::notifier_of(role, &redis, &services, &env);
    for (n, svc) in ["a", "b"].into_iter().enumerate() {
        log_alert(&redis, &miss(svc));
        until("a dead letter", PATIENCE, || {
            match dead_letters(&redis, "one").len() {
                there if there > n => Ok(()),
                there => Err(format!("{there}")),
            }
        });
    }
    let dead = dead_letters(&redis, "one");
    assert_eq!(dead[1]["reason"], "answered 410");
    assert_eq!(
        dead[0]["reason"],
        "answered 302, a redirect to https://login.example.org/…, which is not followed"
    );
    log_alert(&redis, &miss("mesh"));
    receiver.wait_text("DOWN mesh", PATIENCE);
    other.wait_text(r#""t-1""#, PATIENCE);
    other.wait_text("CHANNEL one fails: answered 410", PATIENCE);
    other.wait_text("CHANNEL one works again", PATIENCE);
}

#[test]
fn a_channel_that_hangs_delays_no_other() {
    let (redis, good) = (RedisServer::start(), Receiver::start());
    let bad = Receiver::that(|_, _| Reply::Hang);
    let services = serde_json::json!({"healer": {"notify": [
        {"name": "bad", "kind": "webhook", "url_env": "BAD_URL", "timeout_sec": 60},
        {"name": "good", "kind": "webhook", "url_env": "GOOD_URL"},
    ]}});
    let env = [("BAD_URL", bad.url()), ("GOOD_URL", good.url())];
    let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let role = marketswarm::notify::Role::Healer;
    let (notifier, _events) = crate::support::notifier::notifier_of(role, &redis, &services, &env);
    // Long before the attempt at the bad one is over.
    for svc in ["a", "b"] {
        log_alert(&redis, &miss(svc));
        good.wait_text(&format!("DOWN {svc}"), PATIENCE);
        bad.wait_for("an attempt", PATIENCE, |_| true);
    }
    let stop = std::time::Instant::now();
    drop(notifier);
    assert!(
        stop.elapsed() < PATIENCE,
        "a hanging send does not hold up the stop"
    );
}

#[test]
fn a_signed_message_is_signed_as_standard_webhooks_says() {
    let (redis, receiver) = (RedisServer::start(), Receiver::start());
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let _notifier = notifier(
        &redis,
        &[("WEBHOOK_URL", &receiver.url()), ("WEBHOOK_SECRET", secret)],
    );
    log_alert(&redis, &miss("a"));
    let taken = receiver.wait_text("DOWN a", PATIENCE);
    let header = |name: &str| taken.headers.get(name).cloned().unwrap_or_default();
    let key = marketswarm::notify::sign::SigningKey::parse(secret).unwrap();
    let timestamp: i64 = header("webhook-timestamp").parse().unwrap();
    assert_eq!(
        header("webhook-signature"),
        key.sign(taken.id(), timestamp, &taken.body)
    );
    assert!((timestamp - marketswarm::clock::wall_secs()).abs() < 60);
}

#[test]
fn a_receiver_that_was_away_gets_one_digest_and_not_a_flood() {
    let redis = RedisServer::start();
    let receiver = Receiver::that(|_, _| Reply::status(503));
    let _notifier = notifier(
        &redis,
        &[("WEBHOOK_URL", &receiver.url()), ("RATE_LIMIT_SEC", "0")],
    );
    log_alert(&redis, &miss("a"));
    receiver.wait_for("an attempt", PATIENCE, |t| t.text().starts_with("DOWN a"));
    for svc in ["rss_agg", "massive", "mesh"] {
        log_alert(&redis, &miss(svc));
        std::thread::sleep(Duration::from_millis(700));
        log_alert(&redis, &ok(svc));
    }
    log_alert(&redis, &ok("a"));
    log_alert(&redis, &miss("b"));
    receiver.behave(|_, _| Reply::ok());
    receiver.wait_text("DOWN b", PATIENCE);
    std::thread::sleep(secs(2.0));
    let taken = receiver.messages();
    assert_eq!(
        taken.len(),
        2,
        "{:?}",
        taken.iter().map(|t| t.text()).collect::<Vec<_>>()
    );
    let digest = taken[1].text();
    let lines: Vec<&str> = digest.lines().collect();
    assert!(
        lines[0].starts_with("DOWN b"),
        "what is true comes first: {digest}"
    );
    assert!(
        digest.contains("WAS DOWN 3 services: rss_agg, massive, mesh"),
        "{digest}"
    );
    assert!(digest.contains("UP a after"), "{digest}");
}
