//! What a channel to people did not survive.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::certificates::Authority;
use crate::support::feed_server::{FeedServer, Reply as Answer};
use crate::support::mail_server::MailServer;
use crate::support::notifier::{log_alert, miss, notifier, notifier_of};
use crate::support::receiver::{Receiver, Reply};
use crate::support::{PATIENCE, RedisServer, secs, until};

/// What a channel has under way, when an attempt at it has failed.
fn failed_delivery(redis: &RedisServer, channel: &str) -> Value {
    let key = format!("notify:healer:{channel}:outbox");
    until("an attempt that failed", PATIENCE, || {
        let stored: Vec<String> = redis.query(&["HVALS", &key]);
        let messages = stored.iter().map(|m| serde_json::from_str::<Value>(m));
        let deliveries = messages.map(|m| m.unwrap()["deliveries"][0].clone());
        let failed = deliveries.into_iter().find(|d| d["attempts"] != 0);
        failed.ok_or_else(|| format!("{stored:?}"))
    })
}

#[test]
fn a_receiver_that_asks_for_a_week_is_asked_in_ten_minutes_and_another_channel_tells_of_it_in_two()
{
    let (redis, good) = (RedisServer::start(), Receiver::start());
    let bad = Receiver::that(|_, _| Reply::Status(429, "Retry-After: 999999\r\n", String::new()));
    let services = json!({"healer": {"notify": [
        {"name": "bad", "kind": "webhook", "url_env": "BAD_URL"},
        {"name": "good", "kind": "webhook", "url_env": "GOOD_URL"},
    ]}});
    let env = [("BAD_URL", bad.url()), ("GOOD_URL", good.url())];
    let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let role = marketswarm::notify::Role::Healer;
    let (_notifier, _events) = notifier_of(role, &redis, &services, &env);
    log_alert(&redis, &miss("a"));
    let failed = Instant::now();
    let delivery = failed_delivery(&redis, "bad");
    let wait_ms = delivery["next_ms"].as_i64().unwrap() - delivery["first_ms"].as_i64().unwrap();
    assert_eq!(wait_ms, 600_000, "{delivery}");
    // Long before the next attempt.
    let note = "CHANNEL bad fails: answered 429";
    good.wait_text(note, Duration::from_secs(120) + 4 * PATIENCE);
    assert!(failed.elapsed() > secs(100.0), "a short failure is no news");
}

#[test]
fn a_ca_of_a_webhook_that_is_renewed_is_read_again_and_its_variable_is_named_until_then() {
    let redis = RedisServer::start();
    let (old, new) = (Authority::new(), Authority::new());
    let server = FeedServer::start_tls(&new.issue("hook", &["localhost"]));
    server.always("/hook", Answer::ok("ok"));
    let env = [
        ("WEBHOOK_URL", server.url("/hook")),
        ("WEBHOOK_CA_FILE", old.file()),
    ];
    let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let _notifier = notifier(&redis, &env);
    log_alert(&redis, &miss("a"));
    let delivery = failed_delivery(&redis, "webhook");
    let said = delivery["last"].as_str().unwrap();
    let place = format!(
        "its certificate is signed by no CA in WEBHOOK_CA_FILE (`{}`)",
        old.file()
    );
    assert!(said.contains(&place), "{said}");
    assert!(server.hits().is_empty());
    fs::copy(new.file(), old.file()).unwrap();
    until("the message comes", PATIENCE, || {
        match server.hits().len() {
            0 => Err("no request".to_owned()),
            _ => Ok(()),
        }
    });
}

#[test]
fn a_self_signed_certificate_that_calls_itself_a_ca_is_believed_by_mail_when_it_is_given() {
    let (redis, Some(server)) = (RedisServer::start(), MailServer::start_as_ca()) else {
        return;
    };
    let env = server.env("ops@example.org");
    let pairs = |env: &[(String, String)]| -> Vec<(String, String)> { env.to_vec() };
    // Without it, the variable to set is named, and nobody is logged in.
    let mut without = pairs(&env);
    without.retain(|(name, _)| name != "SMTP_CA_FILE");
    let without: Vec<(&str, &str)> = without.iter().map(|(n, v)| (&**n, &**v)).collect();
    let first = notifier(&redis, &without);
    log_alert(&redis, &miss("a"));
    let said = failed_delivery(&redis, "email")["last"].clone();
    assert!(said.as_str().unwrap().contains("SMTP_CA_FILE"), "{said}");
    drop(first);
    assert!(server.mails().is_empty());
    let with: Vec<(&str, &str)> = env.iter().map(|(n, v)| (&**n, &**v)).collect();
    let _second = notifier(&redis, &with);
    let mail = server.wait_mail("ops@example.org", "DOWN a", PATIENCE);
    assert_eq!(
        (mail["tls"].as_bool(), mail["login"].as_bool()),
        (Some(true), Some(true))
    );
}
