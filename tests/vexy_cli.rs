//! `marketswarm vexy`: what an operator sees of analyses, and does about them.

use marketswarm::vexy_ai::local::{Event, Label, Place};
use marketswarm::vexy_ai::record::{FIELDS, FoundTicker, Record, Why};
use serde_json::Value;

use crate::support::analysts::{Analysts, uid};
use crate::support::truth::{seed, truth_of};
use crate::support::{Alerts, Daemon, PATIENCE, RedisServer, until};

/// A bus with a truth that names two workers, and no worker.
struct Desk {
    redis: RedisServer,
}

impl Desk {
    fn open() -> Desk {
        let redis = RedisServer::start();
        seed(&redis, &truth_of(&["vexy_ai", "vexy_ai-2"], 1.0, 5.0));
        Desk { redis }
    }

    fn run(&self, args: &[&str]) -> (i32, String) {
        let url = self.redis.url();
        let args = [&["vexy"], args].concat();
        Daemon::run(
            "marketswarm",
            &args,
            &[("SYSTEM_REDIS_URL", url.as_str())],
            PATIENCE,
        )
    }

    /// Runs a command that must succeed.
    #[track_caller]
    fn done(&self, args: &[&str]) -> String {
        let (code, said) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {said}");
        said
    }

    /// Runs a command that must fail with this code, and say this.
    #[track_caller]
    fn fails(&self, args: &[&str], wanted: i32, says: &str) {
        let (code, said) = self.run(args);
        assert!(
            code == wanted && said.contains(says),
            "{args:?}: {code} {said}"
        );
    }

    fn item(&self, uid: &str, feed: &str, fetched_ts: i64) {
        let key = format!("rss:item:{uid}");
        self.redis
            .query::<()>(&["HSET", &key, "uid", uid, "feed", feed, "title", "A title"]);
        self.redis
            .query::<()>(&["ZADD", "rss:fetched", &fetched_ts.to_string(), uid]);
    }

    /// Writes an analysis as a worker does.
    fn analysed(&self, record: &Record) {
        let key = format!("rss:analysis:{}", record.uid);
        let values = record.values();
        let mut words = vec!["HSET", &key];
        for (name, value) in FIELDS.iter().zip(&values) {
            words.extend([*name, &**value]);
        }
        self.redis.query::<()>(&words);
        let (uid, ts) = (record.uid.as_str(), record.published_ts.to_string());
        self.redis
            .query::<()>(&["ZADD", "rss:analysis:index", &ts, uid]);
        let salience = record.salience.to_string();
        self.redis.query::<()>(&[
            "XADD",
            "rss:analysis:log",
            "*",
            "uid",
            uid,
            "rev",
            "1",
            "kind",
            "analysis",
            "salience",
            &salience,
            "cluster",
            uid,
            "sig",
            "",
        ]);
    }

    fn letter(&self, uid: &str) -> String {
        self.redis.query(&[
            "XADD",
            "vexy:dead",
            "*",
            "uid",
            uid,
            "stream",
            "rss:queue",
            "entry",
            "5-0",
            "reason",
            "delivered 6 times",
            "deliveries",
            "6",
            "title",
            "Up\u{1b}[2J <b>",
        ])
    }

    /// What is to be analysed once more: the fields of each entry.
    fn redo(&self) -> Vec<String> {
        let all: redis::streams::StreamRangeReply =
            self.redis.query(&["XRANGE", "vexy:redo", "-", "+"]);
        let fields = |entry: &redis::streams::StreamId| {
            let uid: String = entry.get("uid").unwrap();
            let model: Option<String> = entry.get("model");
            format!(
                "{uid}{}",
                model.map_or_else(String::new, |m| format!(" {m}"))
            )
        };
        all.ids.iter().map(fields).collect()
    }

    fn control(&self) -> std::collections::BTreeMap<String, i64> {
        self.redis.query(&["HGETALL", "vexy:control"])
    }
}

fn now() -> i64 {
    marketswarm::clock::wall_secs()
}

/// An analysis about one symbol.
fn record(uid: &str, symbol: &str, published_ts: i64) -> Record {
    let why = |words: &str, weight| Why {
        part: "sentiment".into(),
        rule: "direction".into(),
        words: words.into(),
        weight,
        place: Place::Title,
    };
    Record {
        uid: uid.to_owned(),
        rev: 1,
        feed: "wire".into(),
        title: format!("Profit of {uid} rose\u{1b}[2J <b>"),
        url: "https://x.example/".to_owned(),
        published_ts,
        analysed_ts: published_ts + 1,
        language: "en".into(),
        language_by: "declared".into(),
        sentiment: 0.5,
        label: Label::Positive,
        event: Some(Event::Earnings),
        events: vec![Event::Earnings],
        tickers: vec![FoundTicker {
            symbol: symbol.into(),
            rule: "name".into(),
        }],
        cluster: uid.to_owned(),
        cluster_by: "self".into(),
        salience: 61,
        why: vec![why("rose", 1.5), why("profit", -2.0), why("of", 0.1)],
        method: "local/1".into(),
        ..Record::default()
    }
}

#[test]
fn vexy_status_says_what_waits_who_works_and_what_was_spent() {
    let desk = Desk::open();
    let said = desk.done(&["status"]);
    assert!(said.contains("ok; 0 analyses are kept"), "{said}");
    assert!(
        said.contains("the model was asked: 0 of 1000 calls, 0 of 500000 tokens"),
        "{said}"
    );

    let redis = &desk.redis;
    // Two entries that nobody works on; then one of them is in work.
    for uid in ["a", "b"] {
        redis.query::<()>(&["XADD", "rss:queue", "*", "uid", uid]);
    }
    desk.fails(&["status"], 1, "nobody works");
    redis.query::<()>(&["XGROUP", "CREATE", "rss:queue", "vexy", "0"]);
    redis.query::<redis::Value>(&[
        "XREADGROUP",
        "GROUP",
        "vexy",
        "vexy_ai-2:0",
        "COUNT",
        "1",
        "STREAMS",
        "rss:queue",
        ">",
    ]);
    desk.letter("dead");
    desk.analysed(&record("a1", "NVDA", now()));
    redis.query::<()>(&["HSET", "vexy:totals", "analysed", "7"]);
    let day = marketswarm::clock::rfc3339(now())[..10].to_owned();
    redis.query::<()>(&[
        "HSET",
        &format!("vexy:model:usage:{day}"),
        "calls",
        "12",
        "tokens",
        "345",
        "nano",
        "2500000000",
    ]);
    let json: Value = serde_json::from_str(&desk.done(&["status", "--json"])).unwrap();
    let queue = &json["streams"]["rss:queue"];
    assert_eq!(
        (&queue["waiting"], &queue["in_work"]),
        (&1.into(), &1.into())
    );
    assert_eq!(json["workers"]["vexy_ai-2"]["in_work"], 1);
    assert_eq!(
        (&json["totals"]["analysed"], &json["kept"], &json["dead"]),
        (&7.into(), &1.into(), &1.into())
    );
    assert_eq!(
        (&json["state"], &json["spent"]["calls"]),
        (&"ok".into(), &12.into())
    );
    let said = desk.done(&["status"]);
    assert!(
        said.contains("12 of 1000 calls, 345 of 500000 tokens, for 2.5000"),
        "{said}"
    );
    assert!(
        said.contains("1 were given up: marketswarm vexy dead"),
        "{said}"
    );

    desk.done(&["pause"]);
    desk.fails(&["status"], 1, "to go on: marketswarm vexy resume");
    desk.done(&["resume"]);
    // An entry of long ago: what truth allows is over.
    redis.query::<()>(&["DEL", "rss:queue"]);
    redis.query::<()>(&["XADD", "rss:queue", "1000-0", "uid", "old"]);
    redis.query::<()>(&["XGROUP", "CREATE", "rss:queue", "vexy", "0"]);
    redis.query::<()>(&["XGROUP", "CREATECONSUMER", "rss:queue", "vexy", "vexy_ai:0"]);
    desk.fails(&["status"], 1, "behind;");
}

#[test]
fn vexy_shows_an_analysis_with_its_reasons_and_says_where_there_is_none() {
    let desk = Desk::open();
    desk.analysed(&record("a1", "NVDA", now()));
    let said = desk.done(&["show", "a1"]);
    for says in [
        "positive +0.50",
        "earnings",
        "NVDA (name)",
        "+1.50",
        "title",
        "rose",
        "local/1",
    ] {
        assert!(said.contains(says), "{says}: {said}");
    }
    assert!(!said.contains('\u{1b}'), "{said}");
    let json: Value = serde_json::from_str(&desk.done(&["show", "a1", "--json"])).unwrap();
    assert_eq!(
        (&json["uid"], &json["why"][0]["words"]),
        (&"a1".into(), &"rose".into())
    );
    assert_eq!(json.as_object().unwrap().len(), FIELDS.len());

    desk.fails(&["show", "nobody"], 1, "there is no item nobody");
    desk.item("waits", "f1", now());
    desk.fails(&["show", "waits"], 1, "waits is not analysed (yet)");
}

#[test]
fn vexy_lists_the_latest_items_about_a_symbol() {
    let desk = Desk::open();
    desk.fails(&["ticker", "NVDA"], 1, "nothing is about NVDA");
    for n in 0..30 {
        desk.analysed(&record(&format!("n{n:02}"), "NVDA", 1_795_528_800 + n));
    }
    desk.analysed(&record("other", "SPY", 1_795_528_800));
    let said = desk.done(&["ticker", "$nvda"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 20, "{said}");
    assert_eq!(
        lines[0],
        "2026-11-24T14:00:29Z  positive  earnings           61  NVDA      \
         Profit of n29 rose\u{fffd}[2J <b>  [profit, rose]"
    );
    let said = desk.done(&["ticker", "SPY", "--json"]);
    let json: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(json["uid"], "other");
    // What the index names and nobody keeps any more.
    desk.redis.query::<()>(&["DEL", "rss:analysis:other"]);
    desk.fails(&["ticker", "SPY"], 1, "nothing is about SPY");
}

#[test]
fn vexy_tail_shows_each_analysis_as_it_comes() {
    let desk = Desk::open();
    desk.analysed(&record("before", "NVDA", now()));
    let url = desk.redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let tails = [&["vexy", "tail"][..], &["vexy", "tail", "--json"]]
        .map(|args| Daemon::start_with("marketswarm", args, &env));
    // Each has found the log's end when it waits there.
    until("both wait", PATIENCE, || {
        let clients: String = desk.redis.query(&["CLIENT", "LIST"]);
        let waiting = clients
            .lines()
            .filter(|c| c.contains("marketswarm:vexy") && c.contains("cmd=xread"));
        match waiting.count() {
            2 => Ok(()),
            n => Err(format!("{n} wait")),
        }
    });
    desk.analysed(&record("after", "NVDA", now()));
    let line = tails[0].wait_log("after", PATIENCE);
    assert!(
        line.ends_with("positive  earnings           61  NVDA      Profit of after rose\u{fffd}[2J <b>  [profit, rose]"),
        "{line}"
    );
    let json: Value = serde_json::from_str(&tails[1].wait_log("after", PATIENCE)).unwrap();
    assert_eq!(
        (&json["kind"], &json["uid"]),
        (&"analysis".into(), &"after".into())
    );
    for tail in &tails {
        assert_eq!(tail.log_count("before"), 0, "{}", tail.log());
    }
}

#[test]
fn vexy_letters_are_listed_tried_once_more_and_forgotten() {
    let desk = Desk::open();
    assert_eq!(desk.done(&["dead"]), "nothing was given up");
    let ids: Vec<String> = ["a1", "b2", "c3", ""].map(|uid| desk.letter(uid)).to_vec();

    let (code, said) = desk.run(&["dead"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(&ids[0])
            && said.contains("rss:queue 5-0, delivered 6 times: delivered 6 times"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}') && said.contains("<b>"), "{said}");
    let (code, said) = desk.run(&["dead", "--json"]);
    let first: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!((code, &first["uid"]), (1, &Value::from("a1")));
    assert_eq!(first["deliveries"], 6);

    // By the id of a letter, and by that of an item; what names nothing is said, the rest is done.
    let (code, said) = desk.run(&["retry", &ids[0], "b2", "nobody"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("2 items are analysed once more") && said.contains("nobody: no letter"),
        "{said}"
    );
    assert_eq!(desk.redo(), ["a1", "b2"]);
    desk.fails(&["retry", "a1"], 1, "0 items");
    desk.fails(&["retry", "--all"], 1, "1 letters name no item");
    assert_eq!(desk.redo(), ["a1", "b2", "c3"]);
    assert!(
        desk.done(&["drop", "--all"])
            .contains("1 letters are forgotten")
    );
    assert_eq!(desk.redis.query::<u64>(&["XLEN", "vexy:dead"]), 0);
    assert_eq!(
        desk.redo(),
        ["a1", "b2", "c3"],
        "what is forgotten is not done again"
    );
}

#[test]
fn vexy_items_are_analysed_again_by_uid_feed_and_time() {
    let desk = Desk::open();
    for n in 0..4 {
        desk.item(&format!("old{n}"), "f1", now() - 90_000);
        desk.item(&format!("new{n}"), "f1", now() - 60);
    }
    desk.item("other", "f2", now() - 60);

    let (code, said) = desk.run(&["reanalyse", "new0", "gone", "new0"]);
    assert!(
        code == 1 && said.contains("gone: there is no such item"),
        "{said}"
    );
    assert_eq!(desk.redo(), ["new0"]);
    desk.done(&["reanalyse", "other", "--model"]);
    assert_eq!(desk.redo(), ["new0", "other 1"]);
    let said = desk.done(&["reanalyse", "--feed", "f1", "--since", "1h"]);
    assert!(said.contains("4 items"), "{said}");
    assert_eq!(desk.redo()[2..], ["new0", "new1", "new2", "new3"]);
    assert!(
        desk.done(&["reanalyse", "--since", "2d"])
            .contains("9 items")
    );
    desk.fails(&["reanalyse", "--feed", "nobody"], 1, "0 items");
}

#[test]
fn no_more_items_wait_to_be_analysed_again_than_there_is_room_for() {
    let desk = Desk::open();
    desk.item("x", "f1", now());
    desk.redis.query::<()>(&[
        "EVAL",
        "for i = 1, 10000 do redis.call('XADD', KEYS[1], '*', 'uid', i) end",
        "1",
        "vexy:redo",
    ]);
    desk.letter("x");
    desk.fails(&["reanalyse", "x"], 1, "there is room for 0 more");
    desk.fails(&["retry", "x"], 1, "there is room for 0 more");
    assert_eq!(
        desk.redis.query::<u64>(&["XLEN", "vexy:dead"]),
        1,
        "the letter stays"
    );

    // What is done makes room, what is pending does not.
    let redis = &desk.redis;
    redis.query::<()>(&["XGROUP", "CREATE", "vexy:redo", "vexy", "0"]);
    let read: redis::streams::StreamReadReply = redis.query(&[
        "XREADGROUP",
        "GROUP",
        "vexy",
        "w",
        "COUNT",
        "3",
        "STREAMS",
        "vexy:redo",
        ">",
    ]);
    desk.fails(&["reanalyse", "x"], 1, "there is room for 0 more");
    let first: Vec<&str> = read.keys[0].ids[..2]
        .iter()
        .map(|e| e.id.as_str())
        .collect();
    redis.query::<()>(&["XACK", "vexy:redo", "vexy", first[0], first[1]]);
    desk.done(&["reanalyse", "x"]);
    assert_eq!(redis.query::<u64>(&["XLEN", "vexy:redo"]), 9_999);
    redis.query::<()>(&["XACK", "vexy:redo", "vexy", &read.keys[0].ids[2].id]);
    desk.done(&["retry", "x"]);
    assert_eq!(redis.query::<u64>(&["XLEN", "vexy:redo"]), 9_999);
}

#[test]
fn vexy_pauses_and_drains_last_until_they_are_ended() {
    let desk = Desk::open();
    let before = now();
    assert!(
        desk.done(&["pause"])
            .contains("until: marketswarm vexy resume")
    );
    assert!(desk.done(&["pause"]).contains("already"));
    desk.done(&["pause", "--model"]);
    desk.done(&["drain", "vexy_ai-2"]);
    let control = desk.control();
    let fields: Vec<&str> = control.keys().map(String::as_str).collect();
    assert_eq!(fields, ["drain:vexy_ai-2", "model_paused", "paused"]);
    assert!(control.values().all(|ts| *ts >= before), "{control:?}");

    assert!(desk.done(&["resume", "--model"]).contains("goes on"));
    assert!(desk.done(&["resume", "--model"]).contains("was not paused"));
    desk.done(&["resume"]);
    assert_eq!(desk.control().len(), 1);
    desk.fails(&["resume", "vexy_ai"], 2, "did you mean vexy_ai-2?");
    desk.done(&["resume", "vexy_ai-2"]);
    assert!(desk.control().is_empty());

    // A worker that truth names no more, and that still owes something, is known by its consumer.
    desk.fails(&["drain", "vexy_ai-9"], 2, "there is no worker");
    desk.redis
        .query::<()>(&["XGROUP", "CREATE", "rss:queue", "vexy", "0", "MKSTREAM"]);
    desk.redis.query::<()>(&[
        "XGROUP",
        "CREATECONSUMER",
        "rss:queue",
        "vexy",
        "vexy_ai-9:0",
    ]);
    desk.done(&["drain", "vexy_ai-9"]);
}

#[test]
fn what_an_operator_asks_for_is_done_by_a_worker() {
    let room = Analysts::open();
    let url = room.redis.url();
    let vexy = |args: &[&str]| {
        let args = [&["vexy"], args].concat();
        Daemon::run(
            "marketswarm",
            &args,
            &[("SYSTEM_REDIS_URL", url.as_str())],
            PATIENCE,
        )
    };
    room.give(1..=3);
    let beats = Alerts::on_channel(&room.redis, "vexy_ai:heartbeat");
    let _worker = room.start("vexy_ai");
    room.assert_each_once(3);
    let (code, said) = vexy(&["status"]);
    assert!(code == 0 && said.contains("3 analyses are kept"), "{said}");

    assert_eq!(vexy(&["pause"]).0, 0);
    beats.wait_for("a pause", PATIENCE, |beat| beat.json["status"] == "paused");
    room.give(4..=4);
    let (code, said) = vexy(&["status"]);
    assert!(code == 1 && said.contains("paused for"), "{said}");
    assert_eq!(room.done(), 3);
    assert_eq!(vexy(&["resume"]).0, 0);
    room.assert_each_once(4);

    let (code, said) = vexy(&["show", &uid(4)]);
    assert!(code == 0 && said.contains(&uid(4)), "{said}");
    let (code, said) = vexy(&["reanalyse", &uid(4)]);
    assert!(code == 0, "{said}");
    until("it is analysed once more", PATIENCE, || {
        let log = room.log();
        match log
            .iter()
            .filter(|entry| entry["kind"] == "analysis_changed")
            .count()
        {
            1 => Ok(()),
            n => Err(format!("{n} are")),
        }
    });
    room.wait_settled();
    assert_eq!(vexy(&["drain", "vexy_ai"]).0, 0);
    beats.wait_for("a drain", PATIENCE, |beat| beat.json["status"] == "drained");
    assert_eq!(vexy(&["resume", "vexy_ai"]).0, 0);
    room.give(5..=5);
    room.wait_done(5);
}

#[test]
fn obvious_mistakes_with_vexy_are_told() {
    let desk = Desk::open();
    for (args, says) in [
        (&["dedd"][..], "there is no command `vexy dedd`"),
        (&["dead", "x"], "unexpected argument \"x\""),
        (&["dead", "--all"], "this command takes no --all"),
        (&["dead", "--colour"], "--colour"),
        (&["status", "x"], "unexpected argument"),
        (&["show"], "the id of one item"),
        (&["show", "a", "b"], "the id of one item"),
        (&["show", "a", "--model"], "takes no --model"),
        (&["ticker"], "it takes one symbol"),
        (&["tail", "x"], "unexpected argument"),
        (&["retry"], "ids of letters"),
        (&["retry", "--all", "x"], "ids of letters"),
        (&["drop"], "or --all"),
        (&["reanalyse"], "it takes ids of items"),
        (
            &["reanalyse", "x", "--since", "1h"],
            "it takes ids of items",
        ),
        (&["reanalyse", "--since", "soon"], "is no span"),
        (&["reanalyse", "--since"], "--since"),
        (&["pause", "vexy_ai"], "unexpected argument"),
        (&["resume", "a", "b"], "it takes nothing"),
        (
            &["resume", "nobody"],
            "there is no drained worker \"nobody\"",
        ),
        (&["drain"], "the name of one worker"),
        (&["drain", "../x"], "../x"),
        (&["drain", "vexi_ai"], "did you mean vexy_ai?"),
    ] {
        desk.fails(args, 2, says);
    }
    assert_eq!(desk.run(&[]).0, 2);
    assert!(
        desk.done(&["--help"])
            .contains("usage: marketswarm vexy COMMAND")
    );
    assert!(
        desk.done(&["retry", "--help"])
            .contains("usage: marketswarm vexy COMMAND")
    );
    assert_eq!(
        desk.redis
            .query::<u64>(&["EXISTS", "vexy:control", "vexy:redo"]),
        0
    );

    let nowhere = [("SYSTEM_REDIS_URL", "redis://127.0.0.1:9")];
    let (code, said) = Daemon::run("marketswarm", &["vexy", "dead"], &nowhere, PATIENCE);
    assert!(code == 3 && said.contains("127.0.0.1:9"), "{code} {said}");
}
