//! A receiver that took a message and was slow to say so got it again and again.

use std::time::Instant;

use crate::support::mail_server::MailServer;
use crate::support::notifier::{log_alert, miss, notifier};
use crate::support::receiver::{Receiver, Reply, Taken};
use crate::support::{PATIENCE, RedisServer, secs};

#[test]
fn a_mail_server_that_is_silent_behind_the_dot_gets_three_copies_in_a_minute() {
    let Some(server) = MailServer::start() else {
        return;
    };
    let redis = RedisServer::start();
    let mut env = server.env("mute@example.org");
    env.push(("SMTP_TIMEOUT_SEC".to_owned(), "0.5".to_owned()));
    let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let _notifier = notifier(&redis, &env);
    log_alert(&redis, &miss("a"));
    server.wait_mail("mute@example.org", "DOWN a", PATIENCE);
    let first = Instant::now();
    while first.elapsed() < secs(55.0) {
        let copies = server.mails().len();
        assert!(copies <= 3, "{copies} copies in {:?}", first.elapsed());
        std::thread::sleep(secs(0.5));
    }
    assert_eq!(server.mails().len(), 3);
    let outbox: Vec<String> = redis.query(&["HVALS", "notify:healer:email:outbox"]);
    let said = outbox.join(" ");
    assert!(
        said.contains("no answer within") && said.contains("after it was sent whole"),
        "{said}"
    );
}

#[test]
fn what_was_sent_whole_and_never_answered_is_sent_three_times_and_once_more_when_others_are_answered()
 {
    let redis = RedisServer::start();
    let of_a = |taken: &Taken| taken.body.contains("DOWN a");
    let receiver = Receiver::that(|_, _| Reply::Hang);
    let _notifier = notifier(
        &redis,
        &[
            ("WEBHOOK_URL", &receiver.url()),
            ("WEBHOOK_FORMAT", "slack"),
            ("WEBHOOK_TIMEOUT_SEC", "0.5"),
        ],
    );
    log_alert(&redis, &miss("a"));
    let first = receiver.wait_for("the message", PATIENCE, of_a);
    let copies = || receiver.all().iter().filter(|t| of_a(t)).count();
    while first.at.elapsed() < secs(55.0) {
        assert!(
            copies() <= 3,
            "{} copies in {:?}",
            copies(),
            first.at.elapsed()
        );
        std::thread::sleep(secs(0.2));
    }
    assert_eq!(copies(), 3);
    // Others go on meanwhile, and once one of them is answered, the last try is made.
    receiver.behave(move |_, taken| match of_a(taken) {
        true => Reply::Hang,
        false => Reply::ok(),
    });
    log_alert(&redis, &miss("b"));
    receiver.wait_for("the next", PATIENCE, |t| t.body.contains("DOWN b"));
    let end = Instant::now() + PATIENCE;
    while copies() < 4 {
        assert!(Instant::now() < end, "no last try");
        std::thread::sleep(secs(0.05));
    }
    let outbox = || redis.query::<i64>(&["HLEN", "notify:healer:webhook:outbox"]);
    crate::support::until("the end of it", PATIENCE, || match outbox() {
        0 => Ok(()),
        n => Err(format!("{n} messages")),
    });
    assert_eq!(copies(), 4);
}
