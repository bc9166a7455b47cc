//! E-mail, against a real server with STARTTLS and a login.

use crate::support::mail_server::{MailServer, header};
use crate::support::notifier::{log_alert, miss, notifier, ok};
use crate::support::receiver::Receiver;
use crate::support::{PATIENCE, RedisServer, until};

fn pairs(env: &[(String, String)]) -> Vec<(&str, &str)> {
    env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

#[test]
fn an_outage_is_one_conversation_of_plain_mails_over_an_encrypted_link() {
    let (redis, Some(server)) = (RedisServer::start(), MailServer::start()) else {
        return;
    };
    let env = server.env("ops@example.org");
    let _notifier = notifier(&redis, &pairs(&env));
    log_alert(&redis, &miss("rss_agg"));
    let down = server.wait_mail(
        "ops@example.org",
        "DOWN rss_agg: no beat for 31 s (limit 30 s)",
        PATIENCE,
    );
    log_alert(&redis, &ok("rss_agg"));
    let up = server.wait_mail("ops@example.org", "UP rss_agg after", PATIENCE);
    for mail in [&down, &up] {
        assert_eq!(
            (mail["tls"].as_bool(), mail["login"].as_bool()),
            (Some(true), Some(true))
        );
        assert!(
            header(mail, "Content-Type").starts_with("text/plain"),
            "{mail}"
        );
    }
    assert_eq!(
        header(&down, "Subject"),
        "DOWN rss_agg: no beat for 31 s (limit 30 s)"
    );
    assert_eq!(
        header(&up, "Subject"),
        "Re: DOWN rss_agg: no beat for 31 s (limit 30 s)"
    );
    assert_eq!(header(&up, "In-Reply-To"), header(&down, "Message-ID"));
    assert!(header(&down, "Message-ID").starts_with("<msg_"), "{down}");
    assert_eq!(server.mails().len(), 2);
}

#[test]
fn a_refused_or_greylisted_address_does_not_cost_the_others_theirs() {
    let (redis, Some(server)) = (RedisServer::start(), MailServer::start()) else {
        return;
    };
    let env = server.env("refused@example.org, grey@example.org, good@example.org");
    let _notifier = notifier(&redis, &pairs(&env));
    log_alert(&redis, &miss("a"));
    server.wait_mail("good@example.org", "DOWN a", PATIENCE);
    server.wait_mail("grey@example.org", "DOWN a", PATIENCE);
    let dead: String = until("a dead letter", PATIENCE, || {
        let list: Vec<String> = redis.query(&["LRANGE", "healer:dead:email", "0", "-1"]);
        list.into_iter().next().ok_or_else(|| "none".into())
    });
    let dead: serde_json::Value = serde_json::from_str(&dead).unwrap();
    assert_eq!(dead["to"], "refused@example.org");
    assert!(
        dead["reason"].as_str().unwrap().starts_with("answered 550"),
        "{dead}"
    );
    assert_eq!(server.mails().len(), 2, "each of the others has it once");
}

#[test]
fn a_mail_server_that_hangs_does_not_delay_the_webhook() {
    let (redis, Some(server)) = (RedisServer::start(), MailServer::start()) else {
        return;
    };
    let receiver = Receiver::start();
    let mut env = server.env("hang@example.org");
    env.push(("SMTP_TIMEOUT_SEC".into(), "5".into()));
    env.push(("WEBHOOK_URL".into(), receiver.url()));
    let _notifier = notifier(&redis, &pairs(&env));
    let attempts = || {
        let said = server.said();
        said.iter().filter(|s| s["hanging"].is_string()).count()
    };
    let wait_attempts = |wanted: usize| {
        // A second one comes only when the first has waited out its limit, twice.
        until("an attempt that hangs", PATIENCE * 2, || match attempts() {
            n if n >= wanted => Ok(()),
            n => Err(format!("{n} of {wanted}")),
        });
    };
    log_alert(&redis, &miss("a"));
    receiver.wait_text("DOWN a", PATIENCE);
    wait_attempts(1);
    log_alert(&redis, &miss("b"));
    receiver.wait_text("DOWN b", PATIENCE);
    assert_eq!(attempts(), 1, "told only when the first attempt was over");
    wait_attempts(2);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_trusted_and_no_password_is_shown() {
    let (redis, Some(server)) = (RedisServer::start(), MailServer::start()) else {
        return;
    };
    let mut env = server.env("ops@example.org");
    env.retain(|(name, _)| name != "SMTP_CA_FILE");
    let _notifier = notifier(&redis, &pairs(&env));
    log_alert(&redis, &miss("a"));
    let stored = until("an attempt that failed", PATIENCE, || {
        let all: Vec<String> = redis.query(&["HVALS", "notify:healer:email:outbox"]);
        let failed = all
            .into_iter()
            .find(|m| m.contains("TLS") || m.contains("certificate"));
        failed.ok_or_else(|| "none".into())
    });
    assert!(!stored.contains("hunter2"), "{stored}");
    assert!(server.mails().is_empty());
}

#[test]
fn a_wrong_password_is_a_dead_letter_without_the_password_in_it() {
    let (redis, Some(server)) = (RedisServer::start(), MailServer::start()) else {
        return;
    };
    let mut env = server.env("ops@example.org");
    for (name, value) in &mut env {
        if name == "SMTP_PASS" {
            *value = "wr0ng-hunter2".into();
        }
    }
    let _notifier = notifier(&redis, &pairs(&env));
    log_alert(&redis, &miss("a"));
    let dead: String = until("a dead letter", PATIENCE, || {
        let list: Vec<String> = redis.query(&["LRANGE", "healer:dead:email", "0", "-1"]);
        list.into_iter().next().ok_or_else(|| "none".into())
    });
    assert!(dead.contains("535") && !dead.contains("hunter2"), "{dead}");
}

#[test]
fn a_server_that_encrypts_from_the_first_byte_is_spoken_to_so() {
    let (redis, Some(server)) = (RedisServer::start(), MailServer::start_implicit()) else {
        return;
    };
    let mut env = server.env("ops@example.org");
    env.push(("SMTP_TLS".into(), "tls".into()));
    let _notifier = notifier(&redis, &pairs(&env));
    log_alert(&redis, &miss("a"));
    let mail = server.wait_mail("ops@example.org", "DOWN a", PATIENCE);
    assert_eq!(mail["login"].as_bool(), Some(true));
}
