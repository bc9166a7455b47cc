//! What an operator does about being told: silences, acknowledgements, the history, trying a channel out.

use crate::support::notifier::{log_alert, miss, notifier, ok, wait_silences_read};
use crate::support::receiver::{Receiver, Reply};
use crate::support::truth::{seed, truth_of};
use crate::support::{Daemon, PATIENCE, RedisServer, secs, until};

/// Runs `marketswarm` against this bus.
fn marketswarm(redis: &RedisServer, args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
    let url = redis.url();
    let mut all = vec![("SYSTEM_REDIS_URL", url.as_str()), ("USER", "ann")];
    all.extend(env);
    Daemon::run("marketswarm", args, &all, PATIENCE)
}

fn bus() -> RedisServer {
    let redis = RedisServer::start();
    seed(&redis, &truth_of(&["rss_agg", "a", "b"], 10.0, 30.0));
    redis
}

#[test]
fn in_a_silence_people_hear_nothing_and_at_its_end_what_is_still_down() {
    let (redis, receiver) = (bus(), Receiver::start());
    let _notifier = notifier(&redis, &[("WEBHOOK_URL", &receiver.url())]);
    let (code, said) = marketswarm(&redis, &["silence", "a", "2h", "--why", "new disks"], &[]);
    assert!(
        code == 0 && said.contains("a is silent until") && said.contains("new disks, by ann"),
        "{said}"
    );
    wait_silences_read(&redis, 1);
    log_alert(&redis, &miss("a"));
    log_alert(&redis, &miss("b"));
    let told = receiver.wait_text("DOWN b", PATIENCE).text();
    assert!(!told.contains("DOWN 2"), "{told}");
    let (_, list) = marketswarm(&redis, &["silence", "list"], &[]);
    assert!(list.contains("a is silent"), "{list}");
    let (code, said) = marketswarm(&redis, &["silence", "end", "a"], &[]);
    assert_eq!(code, 0, "{said}");
    receiver.wait_text("DOWN a", PATIENCE);
    assert_eq!(receiver.messages().len(), 2);
    assert_eq!(
        marketswarm(&redis, &["silence", "list"], &[]),
        (0, "no silences".into())
    );
}

#[test]
fn a_silence_runs_out_by_itself() {
    let (redis, receiver) = (bus(), Receiver::start());
    let _notifier = notifier(&redis, &[("WEBHOOK_URL", &receiver.url())]);
    let begin = std::time::Instant::now();
    marketswarm(&redis, &["silence", "*", "4s", "--why", "a test"], &[]);
    wait_silences_read(&redis, 1);
    log_alert(&redis, &miss("a"));
    let told = receiver.wait_text("DOWN a", PATIENCE);
    let after = told.at - begin;
    assert!(after >= secs(3.9), "told after {after:?}");
    assert!(told.body.contains("no beat for"), "{}", told.body);
    until("the silence is gone", PATIENCE, || {
        let (_, list) = marketswarm(&redis, &["silence", "list"], &[]);
        if list == "no silences" {
            Ok(())
        } else {
            Err(list)
        }
    });
}

#[test]
fn a_silence_that_would_silence_nothing_is_refused() {
    let redis = bus();
    for args in [
        &["silence", "nobody", "2h", "--why", "x"][..],
        &["silence", "a", "2w", "--why", "x"],
        &["silence", "a", "2h"],
        &["silence", "a", "2h", "--why", "x", "--from", "yesterday"],
        &["silence", "a"],
        &["silence", "end"],
        &["silence", "a", "2h", "3h", "--why", "x"],
        &["ack", "nobody"],
        &["notify", "tset"],
    ] {
        let (code, said) = marketswarm(&redis, args, &[]);
        assert!(code == 2 && !said.contains("usage"), "{args:?}: {said}");
    }
    let (code, said) = marketswarm(&redis, &["ack", "a"], &[]);
    assert!(
        code == 1 && said.contains("nobody knows how a stands"),
        "{said}"
    );
}

#[test]
fn the_history_is_one_outage_a_line() {
    let redis = bus();
    let mut alerts = [miss("a"), miss("b"), ok("a")];
    for (alert, ts) in alerts
        .iter_mut()
        .zip([1_795_528_831, 1_795_528_841, 1_795_528_933])
    {
        alert.ts = ts;
        log_alert(&redis, alert);
    }
    let (code, said) = marketswarm(&redis, &["alerts"], &[]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((code, lines.len()), (0, 2), "{said}");
    assert!(
        lines[0].contains("2 min 13 s") && lines[0].contains(" a "),
        "{said}"
    );
    assert!(
        lines[1].contains("so far") && lines[1].contains(" b "),
        "{said}"
    );
    let (_, json) = marketswarm(&redis, &["alerts", "--json", "--svc", "a"], &[]);
    let line: serde_json::Value =
        serde_json::from_str(&json).unwrap_or_else(|e| panic!("{e}: {json}"));
    assert_eq!(line["duration_sec"], 133);
    let (_, recent) = marketswarm(&redis, &["alerts", "--since", "1h", "--svc", "a"], &[]);
    assert_eq!(recent, "no alerts");
}

#[test]
fn the_history_can_be_followed() {
    let redis = bus();
    let url = redis.url();
    let follower = Daemon::start_with(
        "marketswarm",
        &["alerts", "--follow"],
        &[("SYSTEM_REDIS_URL", &url)],
    );
    follower.wait_log("no alerts", PATIENCE);
    log_alert(&redis, &miss("a"));
    follower.wait_log("so far", PATIENCE);
    log_alert(&redis, &ok("a"));
    until("the end", PATIENCE, || {
        match follower.log_count("down (limit") {
            2 => Ok(()),
            n => Err(n.to_string()),
        }
    });
    assert_eq!(follower.log_count("so far"), 1, "{}", follower.log());
}

#[test]
fn a_test_message_goes_through_each_channel_and_says_what_each_answered() {
    let (redis, receiver) = (bus(), Receiver::start());
    let url = format!("{}/t0p-secret", receiver.url());
    let env = [("WEBHOOK_URL", url.as_str())];
    let (code, said) = marketswarm(&redis, &["notify", "test"], &env);
    assert!(
        code == 0 && said.starts_with("taken ") && said.contains("answered 200"),
        "{said}"
    );
    let taken = &receiver.all()[0];
    assert_eq!(taken.json()["test"], true);
    assert!(taken.text().starts_with("TEST from "), "{}", taken.body);
    receiver.behave(|_, _| Reply::Status(403, "", "invalid_token".into()));
    let (code, said) = marketswarm(&redis, &["notify", "test"], &env);
    assert!(
        code == 1 && said.contains("REFUSED") && said.contains("403: invalid_token"),
        "{said}"
    );
    assert!(!said.contains("t0p-secret"), "{said}");
    let (code, said) = marketswarm(&redis, &["notify", "test"], &[]);
    assert!(
        code == 2 && said.contains("no channel is configured"),
        "{said}"
    );
}

#[test]
fn a_dead_letter_can_be_looked_at_and_sent_again() {
    let (redis, receiver) = (bus(), Receiver::that(|_, _| Reply::status(404)));
    let url = receiver.url();
    let env = [("WEBHOOK_URL", url.as_str())];
    let _notifier = notifier(&redis, &env);
    log_alert(&redis, &miss("a"));
    until("a dead letter", PATIENCE, || {
        match redis.query::<i64>(&["LLEN", "healer:dead:webhook"]) {
            1 => Ok(()),
            n => Err(n.to_string()),
        }
    });
    let (code, said) = marketswarm(&redis, &["notify", "dead"], &env);
    assert!(
        code == 1 && said.contains("DOWN a") && said.contains("answered 404"),
        "{said}"
    );
    receiver.behave(|_, _| Reply::ok());
    let (code, said) = marketswarm(&redis, &["notify", "dead", "--resend"], &env);
    assert!(code == 0 && said.contains("taken"), "{said}");
    let all = receiver.all();
    assert_eq!(all[0].id(), all[1].id(), "the same message");
    assert_eq!(
        marketswarm(&redis, &["notify", "dead"], &env),
        (0, "no dead letters".into())
    );
}

#[test]
fn letters_of_a_channel_that_nobody_knows_any_more_are_listed() {
    let redis = bus();
    let letter = serde_json::json!({"reason": "answered 404", "at_ms": 1_795_528_800_000_i64, "to": "",
        "message": {"id": "msg_1", "title": "DOWN a"}});
    redis.query::<i64>(&["LPUSH", "healer:dead:pager", &letter.to_string()]);
    // Neither this shell nor truth names it.
    let (code, said) = marketswarm(&redis, &["notify", "dead"], &[]);
    assert!(
        code == 1 && said.contains("pager") && said.contains("DOWN a"),
        "{said}"
    );
    let (code, said) = marketswarm(&redis, &["notify", "dead", "--channel", "pager"], &[]);
    assert!(code == 1 && said.contains("DOWN a"), "{said}");
    let (code, said) = marketswarm(&redis, &["notify", "dead", "--channel", "pagre"], &[]);
    assert!(code == 2 && said.contains("did you mean pager"), "{said}");
}

#[test]
fn a_channel_of_the_environment_is_tried_out_without_a_bus_and_without_a_truth() {
    let receiver = Receiver::start();
    let url = receiver.url();
    let env = [
        ("WEBHOOK_URL", url.as_str()),
        // Nobody listens there.
        ("SYSTEM_REDIS_URL", "redis://127.0.0.1:1"),
    ];
    let (code, said) = Daemon::run("marketswarm", &["notify", "test"], &env, PATIENCE);
    assert!(code == 0 && said.contains("taken "), "{said}");
    let empty = RedisServer::start();
    let bus = empty.url();
    let env = [env[0], ("SYSTEM_REDIS_URL", bus.as_str())];
    let (code, said) = Daemon::run("marketswarm", &["notify", "test"], &env, PATIENCE);
    assert!(
        code == 0 && said.contains("taken ") && said.contains("no truth"),
        "{said}"
    );
    assert_eq!(receiver.all().len(), 2);
}
