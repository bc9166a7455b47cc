//! A store with queued items, and analysts that work on them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use redis::streams::StreamRangeReply;
use serde_json::{Value, json};

use super::daemon::program;
use super::truth::{add_service, seed, truth_of};
use super::{Alerts, Daemon, RedisServer, until};

/// The streams of the first stage.
pub const STREAMS: [&str; 3] = ["rss:queue", "rss:changes", "vexy:redo"];
/// How long an analyst may leave an entry alone before others take it.
pub const CLAIM_IDLE_SEC: u64 = 5;

/// The stage of the analysts' tests.
pub struct Analysts {
    pub redis: RedisServer,
    pub truth: Value,
    /// Everything that was said on `sse:vexy-message`.
    pub said: Alerts,
    /// Further variables of whoever is started.
    pub env: Vec<(String, String)>,
}

impl Analysts {
    /// Nothing is queued, and nobody is at work.
    pub fn open() -> Analysts {
        Analysts::on(RedisServer::start())
    }

    /// The same, with a store of one's own.
    pub fn on(redis: RedisServer) -> Analysts {
        let mut truth = truth_of(&["vexy_ai"], 0.5, 5.0);
        add_service(&mut truth, "vexy_ai-2", 0.5, 5.0);
        truth["services"]["vexy_ai"]["analysis"] =
            json!({"workers": 2, "claim_idle_sec": CLAIM_IDLE_SEC});
        let said = Alerts::on_channel(&redis, "sse:vexy-message");
        Analysts {
            redis,
            truth,
            said,
            env: Vec::new(),
        }
    }

    /// `services.vexy_ai.analysis` of the truth.
    pub fn analysis(&mut self) -> &mut Value {
        &mut self.truth["services"]["vexy_ai"]["analysis"]
    }

    /// Puts the truth in force.
    pub fn seed(&self) {
        seed(&self.redis, &self.truth);
    }

    /// Starts an analyst.
    pub fn start(&self, name: &str) -> Daemon {
        self.start_program(program("vexy_ai"), name)
    }

    /// Starts another program as an analyst.
    pub fn start_program(&self, program: &Path, name: &str) -> Daemon {
        self.seed();
        let url = self.redis.url();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("SYSTEM_REDIS_URL", &url)
            .env("VEXY_NAME", name)
            .env("LOG_LEVEL", "debug")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        Daemon::spawn(name, command)
    }

    /// Queues items as the feed reader does, all of them at once.
    pub fn give(&self, items: impl IntoIterator<Item = usize>) {
        self.give_with(items, title, text);
    }

    /// As [`give`](Analysts::give), with other words.
    pub fn give_with(
        &self,
        items: impl IntoIterator<Item = usize>,
        title: impl Fn(usize) -> String,
        text: impl Fn(usize) -> String,
    ) {
        let now_ts = jiff::Timestamp::now().as_second();
        let mut packet = redis::pipe();
        packet.atomic();
        for n in items {
            let (uid, title, now) = (uid(n), title(n), now_ts.to_string());
            let item = [
                ("uid", uid.as_str()),
                ("feed", "wire"),
                ("rev", "1"),
                ("title", &title),
                ("summary_text", &text(n)),
                ("language", "en"),
                ("category", "markets"),
                ("url", "https://news.example/"),
                ("published_ts", &now),
                ("fetched_ts", &now),
            ];
            packet
                .hset_multiple(format!("rss:item:{uid}"), &item)
                .ignore();
            let entry = [("uid", uid.as_str()), ("feed", "wire"), ("title", &title)];
            packet.xadd("rss:queue", "*", &entry).ignore();
        }
        packet
            .query::<()>(&mut self.redis.connection())
            .expect("queued");
    }

    /// Gives an item another text, as the feed reader does when its feed has one.
    pub fn change(&self, n: usize, text: &str) {
        let uid = uid(n);
        let key = format!("rss:item:{uid}");
        let rev: u64 = self.redis.query(&["HINCRBY", &key, "rev", "1"]);
        let mut packet = redis::pipe();
        packet.atomic().hset(&key, "summary_text", text).ignore();
        let entry = [
            ("uid", uid.as_str()),
            ("feed", "wire"),
            ("rev", &rev.to_string()),
        ];
        packet.xadd("rss:changes", "*", &entry).ignore();
        packet
            .query::<()>(&mut self.redis.connection())
            .expect("changed");
    }

    /// The analysis of an item; empty when there is none.
    pub fn analysis_of(&self, n: usize) -> BTreeMap<String, String> {
        self.redis
            .query(&["HGETALL", &format!("rss:analysis:{}", uid(n))])
    }

    /// How many items are analysed.
    pub fn done(&self) -> usize {
        self.redis
            .try_query(&["ZCARD", "rss:analysis:index"])
            .unwrap_or(0)
    }

    /// A counter.
    pub fn total(&self, name: &str) -> u64 {
        let text: Option<u64> = self.redis.query(&["HGET", "vexy:totals", name]);
        text.unwrap_or(0)
    }

    /// Waits until so many items are analysed.
    #[track_caller]
    pub fn wait_done(&self, n: usize) {
        until(
            &format!("{n} analyses"),
            Duration::from_secs(300),
            || match self.done() {
                there if there >= n => Ok(()),
                there => Err(format!("{there} are there")),
            },
        );
    }

    /// Waits until nothing is owed any more.
    #[track_caller]
    pub fn wait_settled(&self) {
        until("nothing is owed", Duration::from_secs(120), || {
            let owed: Vec<String> = STREAMS.iter().filter_map(|key| self.owed(key)).collect();
            if owed.is_empty() {
                Ok(())
            } else {
                Err(owed.join("; "))
            }
        });
    }

    /// What the group owes of a stream, if anything.
    fn owed(&self, key: &str) -> Option<String> {
        let mut connection = self.redis.connection();
        let groups: redis::streams::StreamInfoGroupsReply = redis::cmd("XINFO")
            .arg("GROUPS")
            .arg(key)
            .query(&mut connection)
            .ok()?;
        let Some(group) = groups.groups.iter().find(|group| group.name == "vexy") else {
            return Some(format!("{key}: no group"));
        };
        let newest: StreamRangeReply =
            self.redis
                .query(&["XREVRANGE", key, "+", "-", "COUNT", "1"]);
        let newest = newest.ids.first().map(|entry| entry.id.clone());
        let is_read = newest.is_none_or(|newest| newest == group.last_delivered_id);
        (group.pending > 0 || !is_read)
            .then(|| format!("{key}: {} pending, all read: {is_read}", group.pending))
    }

    /// Every entry of the log.
    pub fn log(&self) -> Vec<HashMap<String, String>> {
        entries(&self.redis, "rss:analysis:log")
    }

    /// Every dead letter.
    pub fn dead(&self) -> Vec<HashMap<String, String>> {
        entries(&self.redis, "vexy:dead")
    }

    /// Nothing is owed, dead or lost; items 1 to `n` have one analysis, one log entry and one message each.
    #[track_caller]
    pub fn assert_each_once(&self, n: usize) {
        self.wait_done(n);
        self.wait_settled();
        assert_eq!(self.dead(), [], "nothing is given up");
        assert_eq!(self.done(), n);
        assert_eq!(self.total("analysed"), n as u64);
        let times = |uids: Vec<String>| {
            let mut times: BTreeMap<String, usize> = (1..=n).map(|n| (uid(n), 0)).collect();
            for uid in uids {
                *times.entry(uid).or_default() += 1;
            }
            let odd = times.into_iter().filter(|(_, times)| *times != 1);
            odd.collect::<Vec<_>>()
        };
        let logged = self.log().into_iter().map(|entry| entry["uid"].clone());
        assert_eq!(times(logged.collect()), [], "log entries that are not one");
        // The last of them may still be on its way.
        until("a message for each", Duration::from_secs(30), || {
            let said = self.said.all();
            let said = said
                .iter()
                .map(|one| one.json["uid"].as_str().unwrap_or("?").to_owned());
            match times(said.collect()) {
                odd if odd.is_empty() => Ok(()),
                odd => Err(format!("{} messages are not one: {odd:?}", odd.len())),
            }
        });
        let mut connection = self.redis.connection();
        for n in 1..=n {
            let rev: Option<String> = redis::cmd("HGET")
                .arg(format!("rss:analysis:{}", uid(n)))
                .arg("rev")
                .query(&mut connection)
                .unwrap();
            assert_eq!(rev.as_deref(), Some("1"), "item {n}");
        }
    }
}

/// The uid of an item.
pub fn uid(n: usize) -> String {
    format!("item-{n:06}")
}

/// Its title.
pub fn title(n: usize) -> String {
    format!("Story {n}: profit of company {} rose", n * 7)
}

/// Its text: like no other.
pub fn text(n: usize) -> String {
    let words: Vec<String> = (0..12)
        .map(|i| format!("w{}", n * 31 + i * i * 17))
        .collect();
    format!("What happened at {n}, and why. {}.", words.join(" "))
}

fn entries(redis: &RedisServer, key: &str) -> Vec<HashMap<String, String>> {
    let reply: StreamRangeReply = redis.query(&["XRANGE", key, "-", "+"]);
    let text = |value: &redis::Value| redis::from_redis_value::<String>(value.clone()).unwrap();
    let fields = |entry: &redis::streams::StreamId| {
        let fields = entry.map.iter();
        fields.map(|(k, v)| (k.clone(), text(v))).collect()
    };
    reply.ids.iter().map(fields).collect()
}
