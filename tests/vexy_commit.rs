//! The scripts that settle an entry, on a real redis-server: what each of them does, and what it leaves alone.

use std::collections::HashMap;

use marketswarm::bus::script::Scripts;
use marketswarm::bus::stream::{EntryId, Group};
use marketswarm::bus::{Address, Commands, Limits};
use marketswarm::contract::analysis::{GROUP, MODEL_TODO};
use marketswarm::vexy_ai::record::{ModelState, Record, Source};
use marketswarm::vexy_ai::script::{Commit, CommitScripts, Settled};
use redis::Value;

use crate::support::RedisServer;

struct Store {
    redis: RedisServer,
    bus: Commands,
    commit: CommitScripts,
    scripts: Scripts,
}

#[derive(Clone, Copy, Default)]
struct How {
    anew: bool,
    is_model: bool,
    queue_max: usize,
}

impl Store {
    fn open() -> Store {
        let redis = RedisServer::start();
        let address = Address::parse(&redis.url(), "TEST").expect("valid");
        let commit = CommitScripts::default();
        Store {
            bus: Commands::new(address, "test", Limits::default()),
            scripts: Scripts::new(commit.all()),
            commit,
            redis,
        }
    }

    /// An entry about the item `u`, handed out.
    fn entry(&self, key: &str) -> EntryId {
        let query = |words: &[&str]| self.redis.try_query::<Value>(words);
        let _ = query(&["XGROUP", "CREATE", key, GROUP, "0", "MKSTREAM"]);
        let id: String = self.redis.query(&["XADD", key, "*", "uid", "u"]);
        let read = ["XREADGROUP", "GROUP", GROUP, "a:1", "STREAMS", key, ">"];
        query(&read).expect("read");
        EntryId::parse(&id).expect("an id")
    }

    fn item(&self, rev: &str) {
        self.redis
            .query::<()>(&["HSET", "rss:item:u", "feed", "wire", "rev", rev]);
    }

    fn settle(&mut self, key: &str, entry: EntryId, record: &Record, how: How) -> Settled {
        let commit = Commit {
            group: &Group::new(key, GROUP, "a:1"),
            entry,
            record,
            signature: "s",
            anew: how.anew,
            model_anew: how.anew,
            model_queue_max: how.queue_max,
        };
        let mut packet = redis::pipe();
        if how.is_model {
            self.commit.commit_model(&mut packet, &commit);
        } else {
            self.commit.commit(&mut packet, &commit);
        }
        let answer = self.scripts.run(&mut self.bus, &packet).expect("an answer");
        Settled::read(&answer).expect("known")
    }

    fn field(&self, name: &str) -> String {
        let value: Option<String> = self.redis.query(&["HGET", "rss:analysis:u", name]);
        value.unwrap_or_default()
    }

    fn total(&self, name: &str) -> u64 {
        let value: Option<u64> = self.redis.query(&["HGET", "vexy:totals", name]);
        value.unwrap_or(0)
    }

    fn length(&self, key: &str) -> u64 {
        self.redis.query(&["XLEN", key])
    }

    fn pending(&self, key: &str) -> usize {
        let all: Vec<Value> = self.redis.query(&["XPENDING", key, GROUP, "-", "+", "10"]);
        all.len()
    }
}

fn record(rev: u64, hash: &str, state: ModelState) -> Record {
    Record {
        uid: "u".to_owned(),
        rev,
        text_hash: hash.to_owned(),
        method: "local/1".into(),
        salience: 60,
        cluster: "u".to_owned(),
        analysed_ts: 1_760_000_000,
        model_state: state,
        ..Record::default()
    }
}

const QUEUE: &str = "rss:queue";

#[test]
fn an_entry_is_settled_once_and_only_by_the_item_as_it_is() {
    let mut store = Store::open();
    let how = How::default();
    let entry = store.entry(QUEUE);
    let first = record(1, "h1", ModelState::None);
    assert_eq!(store.settle(QUEUE, entry, &first, how), Settled::Gone);
    assert_eq!(store.settle(QUEUE, entry, &first, how), Settled::Before);
    store.item("2");
    let entry = store.entry(QUEUE);
    assert_eq!(store.settle(QUEUE, entry, &first, how), Settled::ReadAgain);
    assert_eq!(
        (store.field("rev"), store.pending(QUEUE)),
        (String::new(), 1)
    );
    let second = record(2, "h2", ModelState::None);
    assert_eq!(store.settle(QUEUE, entry, &second, how), Settled::Written);
    assert_eq!(store.settle(QUEUE, entry, &second, how), Settled::Before);
    assert_eq!(store.pending(QUEUE), 0);
    // The same text: only when somebody asks for it.
    let entry = store.entry(QUEUE);
    assert_eq!(store.settle(QUEUE, entry, &second, how), Settled::Same);
    let entry = store.entry(QUEUE);
    let anew = How { anew: true, ..how };
    assert_eq!(store.settle(QUEUE, entry, &second, anew), Settled::Written);
    // Newer rules count, too.
    let entry = store.entry(QUEUE);
    let newer = Record {
        method: "local/2".into(),
        ..second
    };
    assert_eq!(store.settle(QUEUE, entry, &newer, how), Settled::Written);
    assert_eq!(store.length("rss:analysis:log"), 3);
    for (name, times) in [("gone", 1), ("analysed", 1), ("same", 1), ("changed", 2)] {
        assert_eq!(store.total(name), times, "{name}");
    }
    let log: redis::streams::StreamRangeReply =
        store.redis.query(&["XRANGE", "rss:analysis:log", "-", "+"]);
    let logged: HashMap<String, String> = log.ids[0]
        .map
        .iter()
        .map(|(k, v)| (k.clone(), redis::from_redis_value(v.clone()).unwrap()))
        .collect();
    let wanted = [
        ("uid", "u"),
        ("rev", "2"),
        ("kind", "analysis"),
        ("salience", "60"),
        ("cluster", "u"),
        ("sig", "s"),
    ];
    assert_eq!(
        logged,
        wanted.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    );
}

#[test]
fn an_item_waits_for_the_model_unless_as_many_wait_as_may() {
    let mut store = Store::open();
    store.item("1");
    let how = How {
        anew: true,
        queue_max: 2,
        ..How::default()
    };
    let queued = record(1, "h", ModelState::Queued);
    for wait in [1, 2, 2] {
        let entry = store.entry(QUEUE);
        assert_eq!(store.settle(QUEUE, entry, &queued, how), Settled::Written);
        assert_eq!(store.length(MODEL_TODO), wait);
    }
    assert_eq!(store.field("model_state"), "skipped");
    assert_ne!(store.field("because"), "");
    assert_eq!(store.total("model_skipped"), 1);
}

#[test]
fn an_answer_counts_for_its_own_text_alone_and_what_is_done_waits_no_longer() {
    let mut store = Store::open();
    store.item("1");
    let local = record(1, "h", ModelState::Queued);
    let entry = store.entry(QUEUE);
    store.settle(
        QUEUE,
        entry,
        &local,
        How {
            queue_max: 9,
            ..How::default()
        },
    );
    let model = How {
        is_model: true,
        ..How::default()
    };
    let done = Record {
        summary: "the model's".to_owned(),
        source: Source::Model,
        model_state: ModelState::Done,
        ..local.clone()
    };
    let entry = store.entry(MODEL_TODO);
    assert_eq!(
        store.settle(MODEL_TODO, entry, &done, model),
        Settled::Written
    );
    assert_eq!(
        store.settle(MODEL_TODO, entry, &done, model),
        Settled::Before
    );
    assert_eq!(
        (store.field("summary"), store.field("source")),
        ("the model's".into(), "model".into())
    );
    assert_eq!(store.length("rss:analysis:log"), 2);
    // The first entry, which the test has not settled, and nothing else.
    assert_eq!(store.length(MODEL_TODO), 1);
    // The rules find the model's result where it is, and leave it alone.
    let entry = store.entry(QUEUE);
    assert_eq!(
        store.settle(QUEUE, entry, &local, How::default()),
        Settled::Same
    );
    assert_eq!(store.field("source"), "model");
    let other = Record {
        text_hash: "other".to_owned(),
        ..done.clone()
    };
    let entry = store.entry(MODEL_TODO);
    assert_eq!(
        store.settle(MODEL_TODO, entry, &other, model),
        Settled::Dropped
    );
    let failed = Record {
        model_state: ModelState::Failed,
        because: "it said nothing".to_owned(),
        ..local
    };
    let entry = store.entry(MODEL_TODO);
    assert_eq!(
        store.settle(MODEL_TODO, entry, &failed, model),
        Settled::Written
    );
    assert_eq!(store.length("rss:analysis:log"), 2, "a failure is no news");
    for (name, times) in [("model_done", 1), ("model_failed", 1), ("model_dropped", 1)] {
        assert_eq!(store.total(name), times, "{name}");
    }
    store.redis.query::<()>(&["DEL", "rss:analysis:u"]);
    let entry = store.entry(MODEL_TODO);
    assert_eq!(
        store.settle(MODEL_TODO, entry, &failed, model),
        Settled::Gone
    );
}

#[test]
fn a_store_that_is_full_refuses_all_of_it() {
    let mut store = Store::open();
    store.item("1");
    let entry = store.entry(QUEUE);
    let commit = Commit {
        group: &Group::new(QUEUE, GROUP, "a:1"),
        entry,
        record: &record(1, "h", ModelState::None),
        signature: "",
        anew: false,
        model_anew: false,
        model_queue_max: 0,
    };
    let mut packet = redis::pipe();
    store.commit.commit(&mut packet, &commit);
    store.redis.config_set("maxmemory", "1mb");
    let refused = store.scripts.run(&mut store.bus, &packet);
    assert!(
        refused.as_ref().is_err_and(|e| e.is_write_refused()),
        "{refused:?}"
    );
    store.redis.config_set("maxmemory", "0");
    assert_eq!(store.pending(QUEUE), 1);
    for key in [
        "rss:analysis:u",
        "rss:analysis:index",
        "rss:analysis:done",
        "rss:analysis:log",
        "vexy:totals",
    ] {
        assert_eq!(store.redis.query::<u64>(&["EXISTS", key]), 0, "{key}");
    }
    let written = store
        .scripts
        .run(&mut store.bus, &packet)
        .expect("an answer");
    assert_eq!(Settled::read(&written), Some(Settled::Written));
}
