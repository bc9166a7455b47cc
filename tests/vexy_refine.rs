//! The model stage of the analyst: a model refines what it is asked about, delays nobody, and is never asked more than it
//! may be, whoever is killed when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::analysts::{Analysts, CLAIM_IDLE_SEC, title, uid};
use crate::support::model_server::{KEY, ModelServer, error, good, shown, status};
use crate::support::{Alerts, PATIENCE, repetitions, secs, until};

const KILLS: u32 = 10;

/// Analysts whose model is this server; every item is worth asking, and as often as they like.
fn room(server: &ModelServer) -> Analysts {
    let mut room = Analysts::open();
    room.truth["services"]["vexy_ai"]["model"] = json!({
        "url": server.url(), "model": "m", "min_salience": 0, "calls_per_min": 60_000,
        "tokens_per_min": 100_000_000, "calls_per_day": 1_000_000, "tokens_per_day": 1_000_000_000,
    });
    room
}

fn model(room: &mut Analysts) -> &mut Value {
    &mut room.truth["services"]["vexy_ai"]["model"]
}

/// Items that have this state.
fn in_state(room: &Analysts, items: std::ops::RangeInclusive<usize>, state: &str) -> usize {
    let of = |n: &usize| {
        room.analysis_of(*n)
            .get("model_state")
            .is_some_and(|s| s == state)
    };
    items.filter(of).count()
}

#[track_caller]
fn wait_state(room: &Analysts, items: std::ops::RangeInclusive<usize>, state: &str) {
    let wanted = items.clone().count();
    until(
        &format!("{wanted} items that are {state}"),
        Duration::from_secs(300),
        || match in_state(room, items.clone(), state) {
            there if there == wanted => Ok(()),
            there => Err(format!("{there}; {:?}", room.analysis_of(*items.start()))),
        },
    );
}

/// Nothing waits for the model any more.
#[track_caller]
fn wait_settled(room: &Analysts) {
    until("an empty queue of the model", PATIENCE, || {
        let left: usize = room.redis.query(&["XLEN", "vexy:model:todo"]);
        let (pending, ..): (usize, Option<String>, Option<String>, redis::Value) =
            room.redis.query(&["XPENDING", "vexy:model:todo", "vexy"]);
        match (left, pending) {
            (0, 0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

/// How often each item's answer is in the log, and said.
fn refined(room: &Analysts) -> Vec<String> {
    let log = room.log().into_iter();
    let ours = log.filter(|entry| entry["kind"] == "analysis_model");
    ours.map(|entry| entry["uid"].clone()).collect()
}

#[test]
fn an_answer_replaces_what_the_rules_found_which_is_kept_beside_it() {
    let server = ModelServer::good();
    let room = room(&server);
    let _daemon = room.start("vexy_ai");
    room.give(1..=20);
    wait_state(&room, 1..=20, "done");
    wait_settled(&room);
    assert_eq!(server.calls(), 20);
    let stored = room.analysis_of(7);
    for (name, value) in [
        ("source", "model"),
        ("model", "m"),
        ("method", "local/1"),
        ("summary", title(7).as_str()),
        ("sentiment", "0.5"),
        ("sentiment_label", "positive"),
        ("event", "dividend"),
        ("confidence", "0.9"),
        ("because", ""),
        ("takeaways", ""),
    ] {
        assert_eq!(stored[name], value, "{name}");
    }
    assert_eq!(stored.len(), 31, "every field is there");
    let local: Value = serde_json::from_str(&stored["local"]).unwrap();
    assert_ne!(local["event"], "dividend");
    let mut all = refined(&room);
    all.sort();
    assert_eq!(all, (1..=20).map(uid).collect::<Vec<_>>());
    let message = room.said.wait_for("the answer", PATIENCE, |said| {
        said.json["kind"] == "analysis_model" && said.json["uid"] == json!(uid(7))
    });
    assert_eq!(
        (&message.json["source"], &message.json["event"]),
        (&json!("model"), &json!("dividend"))
    );
    assert!(message.text.len() <= 4096);
    assert_eq!(room.total("model_done"), 20);
}

#[test]
fn what_is_not_asked_or_not_answered_says_why_and_keeps_its_local_result() {
    let server = ModelServer::that(|_, _| error(400, "not today", None, "odd"));
    let mut room = room(&server);
    model(&mut room)["concurrency"] = json!(1);
    let daemon = room.start("vexy_ai");
    room.give(1..=2);
    wait_state(&room, 1..=2, "failed");
    let stored = room.analysis_of(1);
    assert_eq!(
        (
            stored["source"].as_str(),
            stored["local"].as_str(),
            stored["model"].as_str()
        ),
        ("local", "", "")
    );
    assert!(
        stored["because"].contains("400: the request is refused (not today)"),
        "{stored:?}"
    );
    assert!(!stored["summary"].is_empty());
    assert_eq!(refined(&room), Vec::<String>::new());
    // Not worth it.
    model(&mut room)["min_salience"] = json!(100);
    room.seed();
    daemon.wait_log("a new truth is in force", PATIENCE);
    room.give(3..=3);
    room.wait_done(3);
    assert_eq!(room.analysis_of(3)["model_state"], "none");
    // The same once more: the model is asked about the first of them.
    model(&mut room)["min_salience"] = json!(0);
    room.seed();
    until("the truth is in force", PATIENCE, || {
        match daemon.log().matches("a new truth is in force").count() {
            2.. => Ok(()),
            n => Err(format!("{n} times")),
        }
    });
    let same = |n: usize| {
        format!(
            "One story of Acme that many tell in the same words, {}.",
            n / 1_000
        )
    };
    room.give_with(4..=5, same, |_| {
        "Acme Corp told its people that its plants will open again in the spring of next year."
            .into()
    });
    room.wait_done(5);
    let states: BTreeSet<String> = [4, 5]
        .map(|n| room.analysis_of(n)["model_state"].clone())
        .into();
    assert!(states.contains("as"), "{states:?}");
    let follower = [4, 5]
        .into_iter()
        .find(|n| room.analysis_of(*n)["model_state"] == "as")
        .unwrap();
    assert!(
        room.analysis_of(follower)["because"].contains("item-00000"),
        "{:?}",
        room.analysis_of(follower)
    );
}

#[test]
fn a_full_queue_and_a_long_wait_skip_items() {
    let server = ModelServer::good();
    let mut room = room(&server);
    model(&mut room)["queue_max"] = json!(3);
    room.redis
        .query::<i64>(&["HSET", "vexy:control", "model_paused", "1"]);
    let _daemon = room.start("vexy_ai");
    room.give(1..=10);
    room.wait_done(10);
    assert_eq!(
        (
            in_state(&room, 1..=10, "queued"),
            in_state(&room, 1..=10, "skipped")
        ),
        (3, 7)
    );
    assert_eq!(server.calls(), 0, "an operator has paused the model");
    // One that was queued long ago.
    let old = uid(3);
    room.redis
        .query::<i64>(&["XTRIM", "vexy:model:todo", "MAXLEN", "0"]);
    room.redis.query::<i64>(&["DEL", "vexy:model:todo"]);
    let long_ago = (jiff::Timestamp::now().as_millisecond() - 30_000_000).to_string();
    room.redis.query::<String>(&[
        "XADD",
        "vexy:model:todo",
        &format!("{long_ago}-1"),
        "uid",
        &old,
        "rev",
        "1",
    ]);
    room.redis.query::<i64>(&[
        "HSET",
        &format!("rss:analysis:{old}"),
        "model_state",
        "queued",
    ]);
    room.redis
        .query::<i64>(&["HDEL", "vexy:control", "model_paused"]);
    until("it is skipped", PATIENCE, || {
        let stored = room.analysis_of(3);
        match stored["because"].contains("max_age_sec") && stored["model_state"] == "skipped" {
            true => Ok(()),
            false => Err(format!("{stored:?}")),
        }
    });
    assert_eq!(server.calls(), 0);
}

#[test]
fn an_answer_about_another_text_is_thrown_away() {
    let gate = Arc::new(AtomicBool::new(false));
    let open = Arc::clone(&gate);
    let asked = Arc::new(AtomicBool::new(false));
    let is_asked = Arc::clone(&asked);
    let server = ModelServer::that(move |nth, taken| {
        is_asked.store(true, Ordering::SeqCst);
        while nth == 0 && !open.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        good(taken)
    });
    let mut room = room(&server);
    model(&mut room)["concurrency"] = json!(2);
    let _daemon = room.start("vexy_ai");
    room.give(1..=1);
    until("a call", PATIENCE, || match asked.load(Ordering::SeqCst) {
        true => Ok(()),
        false => Err(String::new()),
    });
    room.change(1, "Something else was said about company 7 altogether.");
    until("the new text is answered", PATIENCE, || {
        match room.analysis_of(1) {
            of if of["rev"] == "2" && of["model_state"] == "done" => Ok(()),
            of => Err(format!("{of:?}")),
        }
    });
    let before = room.analysis_of(1);
    gate.store(true, Ordering::SeqCst);
    until("the old answer is dropped", PATIENCE, || {
        match room.total("model_dropped") {
            1 => Ok(()),
            n => Err(format!("{n}")),
        }
    });
    assert_eq!(room.analysis_of(1), before);
    assert_eq!((server.calls(), room.total("model_done")), (2, 1));
}

#[test]
fn kills_cost_a_call_each_at_most_and_lose_nothing() {
    let server = ModelServer::that(|_, taken| {
        std::thread::sleep(Duration::from_millis(fastrand::u64(1..15)));
        good(taken)
    });
    let mut room = room(&server);
    model(&mut room)["concurrency"] = json!(4);
    let kills = repetitions(KILLS);
    let items = 60 * kills as usize;
    let most = items + 4 * kills as usize;
    // The budget is what the promise allows.
    model(&mut room)["calls_per_day"] = json!(most);
    room.give(1..=items);
    for _ in 0..kills {
        let mut daemon = room.start("vexy_ai");
        std::thread::sleep(Duration::from_millis(fastrand::u64(150..900)));
        daemon.kill();
    }
    let _daemon = room.start("vexy_ai");
    room.wait_done(items);
    until(
        "no item waits for the model",
        Duration::from_secs(300),
        || match in_state(&room, 1..=items, "queued") {
            0 => Ok(()),
            n => Err(format!("{n} wait")),
        },
    );
    wait_settled(&room);
    let (done, failed) = (
        in_state(&room, 1..=items, "done"),
        in_state(&room, 1..=items, "failed"),
    );
    // Who was in hand at three kills is not tried once more.
    assert_eq!(done + failed, items);
    assert!(failed <= kills as usize, "{failed} failed");
    let mut all = refined(&room);
    all.sort();
    all.dedup();
    assert_eq!(
        (refined(&room).len(), all.len()),
        (done, done),
        "one answer each"
    );
    let calls = server.calls();
    assert!(
        calls >= done && calls <= most,
        "{calls} calls for {items} items and {kills} kills of 4 threads"
    );
    let spent: u64 = room.redis.query(&["HGET", &usage_key(&room), "calls"]);
    assert!(
        spent >= calls as u64 && spent <= most as u64,
        "{spent} calls are counted, {calls} came"
    );
    println!(
        "{items} items, {kills} kills: {calls} calls came, {spent} were counted, {failed} failed"
    );
    assert_eq!(room.dead(), []);
}

fn usage_key(room: &Analysts) -> String {
    let keys: Vec<String> = room.redis.query(&["KEYS", "vexy:model:usage:2*"]);
    keys.into_iter().next().expect("a day")
}

#[test]
fn two_analysts_share_one_budget() {
    let server = ModelServer::good();
    let mut room = room(&server);
    model(&mut room)["calls_per_min"] = json!(7);
    let _one = room.start("vexy_ai");
    let _two = room.start("vexy_ai-2");
    room.give(1..=60);
    room.wait_done(60);
    until("the calls of a minute", PATIENCE, || match server.calls() {
        7.. => Ok(()),
        n => Err(format!("{n} calls")),
    });
    let first = server.receiver.all()[0].at;
    while first.elapsed() < secs(15.0) {
        std::thread::sleep(secs(0.5));
    }
    assert_eq!(server.calls(), 7);
    assert_eq!(
        in_state(&room, 1..=60, "failed"),
        0,
        "what waits is not failed"
    );
}

#[test]
fn a_long_call_is_made_once_and_a_stop_does_not_wait_for_it() {
    let server = ModelServer::that(|nth, taken| {
        if nth == 0 {
            std::thread::sleep(Duration::from_secs(2 * CLAIM_IDLE_SEC + 3));
        }
        good(taken)
    });
    let room = room(&server);
    let mut one = room.start("vexy_ai");
    let mut two = room.start("vexy_ai-2");
    room.give(1..=1);
    wait_state(&room, 1..=1, "done");
    assert_eq!(server.calls(), 1, "nobody took it meanwhile");
    // And now one that never answers.
    server
        .receiver
        .behave(|_, _| crate::support::receiver::Reply::Hang);
    room.give(2..=2);
    server
        .receiver
        .wait_for("a call", PATIENCE, |taken| taken.body.contains("Story 2:"));
    for daemon in [&mut one, &mut two] {
        let began = Instant::now();
        daemon.stop();
        assert!(began.elapsed() < secs(4.0), "{:?}", began.elapsed());
    }
    let breaker: Vec<String> = room.redis.query(&["HVALS", "vexy:model:breaker"]);
    assert!(
        breaker
            .iter()
            .all(|record| !record.contains("\"failures\":1")),
        "a stop is no fault: {breaker:?}"
    );
    // What was given back is taken at once by the next.
    server.receiver.behave(|_, taken| good(taken));
    let _three = room.start("vexy_ai-2");
    wait_state(&room, 2..=2, "done");
}

#[test]
fn the_third_delivery_is_not_tried() {
    let server = ModelServer::good();
    let room = room(&server);
    room.redis
        .query::<i64>(&["HSET", "vexy:control", "model_paused", "1"]);
    let mut daemon = room.start("vexy_ai");
    room.give(1..=2);
    wait_state(&room, 1..=2, "queued");
    daemon.kill();
    // Twice it was delivered, and ended whoever had it.
    let group = ["XGROUP", "CREATE", "vexy:model:todo", "vexy", "0"];
    let _ = room.redis.try_query::<String>(&group);
    let read = |id: &str| {
        let ask = [
            "XREADGROUP",
            "GROUP",
            "vexy",
            "vexy_ai:1",
            "COUNT",
            "1",
            "STREAMS",
            "vexy:model:todo",
            id,
        ];
        room.redis.query::<redis::Value>(&ask);
    };
    read(">");
    read("0");
    room.redis
        .query::<i64>(&["HDEL", "vexy:control", "model_paused"]);
    let _daemon = room.start("vexy_ai");
    wait_state(&room, 1..=1, "failed");
    wait_state(&room, 2..=2, "done");
    assert_eq!(
        room.analysis_of(1)["because"],
        "delivered 3 times and never done"
    );
    assert_eq!(server.calls(), 1);
    assert_eq!(room.dead(), []);
}

/// Waits until the beat says this.
#[track_caller]
fn wait_degraded(room: &Analysts, words: &str) {
    let ear = Alerts::on_channel(&room.redis, "vexy_ai:heartbeat");
    ear.wait_for(&format!("a beat with {words:?}"), PATIENCE, |beat| {
        beat.text.contains(words)
    });
}

#[test]
fn a_refused_key_is_said_and_the_key_by_nobody() {
    let echo = json!({"error": {"message": format!("the key {KEY} is of no use"), "code": "invalid_api_key"}});
    let refused = Arc::new(AtomicBool::new(true));
    let is_refused = Arc::clone(&refused);
    let server = ModelServer::that(move |_, taken| match is_refused.load(Ordering::SeqCst) {
        true => status(401, &echo),
        false => good(taken),
    });
    let mut room = room(&server);
    room.redis.config_set("rdbcompression", "no");
    // One after the other: of two at once, both would be refused.
    model(&mut room)["concurrency"] = json!(1);
    let url = server.url();
    room.env = vec![
        ("VEXY_LLM_KEY".into(), KEY.into()),
        ("VEXY_LLM_URL".into(), url),
    ];
    let daemon = room.start("vexy_ai");
    room.give(1..=3);
    room.wait_done(3);
    wait_degraded(&room, "401: the key is refused");
    assert_eq!(server.calls(), 1, "the breaker is open");
    assert_eq!(in_state(&room, 1..=3, "failed"), 0);
    // Another key closes it.
    drop(daemon);
    refused.store(false, Ordering::SeqCst);
    room.env[0].1 = format!("{KEY}-2");
    let daemon = room.start("vexy_ai");
    wait_state(&room, 1..=3, "done");
    assert!(!daemon.log().contains("hunter2"), "{}", daemon.log());
    let keys: Vec<String> = room.redis.query(&["KEYS", "*"]);
    let mut connection = room.redis.connection();
    for key in keys {
        let dump: Option<Vec<u8>> = redis::cmd("DUMP").arg(&key).query(&mut connection).unwrap();
        let dump = dump.unwrap_or_default();
        assert!(!dump.windows(7).any(|part| part == b"hunter2"), "{key}");
    }
}

#[test]
fn a_url_of_truth_alone_draws_no_key_and_the_beat_says_so() {
    let server = ModelServer::good();
    let mut room = room(&server);
    room.env = vec![("VEXY_LLM_KEY".into(), KEY.into())];
    let _daemon = room.start("vexy_ai");
    wait_degraded(&room, "the key is not sent to 127.0.0.1");
    room.give(1..=1);
    wait_state(&room, 1..=1, "done");
    assert_eq!(server.receiver.all()[0].headers.get("authorization"), None);
}

#[test]
fn a_dead_model_delays_nothing() {
    let server = ModelServer::that(|_, _| status(503, &json!({})));
    let room = room(&server);
    let _daemon = room.start("vexy_ai");
    room.give(1..=200);
    let began = Instant::now();
    room.assert_each_once(200);
    println!("200 items in {:?} beside a dead model", began.elapsed());
    let states: Vec<usize> = ["queued", "failed"]
        .map(|state| in_state(&room, 1..=200, state))
        .into();
    assert_eq!(states.iter().sum::<usize>(), 200, "{states:?}");
    assert!(server.calls() <= 6, "{} calls", server.calls());
}

/// Runs `marketswarm vexy model test`.
fn model_test(room: &Analysts, env: &[(&str, &str)]) -> (i32, String) {
    let url = room.redis.url();
    let mut command = std::process::Command::new(crate::support::daemon::program("marketswarm"));
    command
        .env_clear()
        .env("SYSTEM_REDIS_URL", &url)
        .envs(env.iter().copied());
    let out = command.args(["vexy", "model", "test"]).output().unwrap();
    let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (out.status.code().unwrap(), said.concat())
}

#[test]
fn the_command_asks_the_model_once_and_says_how_it_went() {
    let server = ModelServer::that(|_, taken| {
        let (title, _) = shown(&taken.json());
        assert!(title.starts_with("Acme"));
        good(taken)
    });
    let room = room(&server);
    room.seed();
    let (code, said) = model_test(&room, &[("VEXY_LLM_KEY", KEY)]);
    assert_eq!(code, 0, "{said}");
    for words in [
        "m at 127.0.0.1; the key is not sent to 127.0.0.1",
        "1 call",
        "with a JSON schema",
        "event dividend",
        "today     1 calls, 460 tokens",
    ] {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    server
        .receiver
        .behave(|_, _| error(401, &format!("no {KEY}"), None, "invalid_api_key"));
    let (code, said) = model_test(
        &room,
        &[("VEXY_LLM_KEY", KEY), ("VEXY_LLM_URL", &server.url())],
    );
    assert!(
        code == 1 && said.contains("401: the key is refused"),
        "{code} {said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    let mut room = room;
    room.truth["services"]["vexy_ai"]
        .as_object_mut()
        .unwrap()
        .remove("model");
    room.seed();
    let (code, said) = model_test(&room, &[]);
    assert!(code == 2 && said.contains("VEXY_LLM_URL"), "{code} {said}");
}
