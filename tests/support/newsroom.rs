//! A feed server, a store and a truth that names the feeds: what rss_agg needs to work.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::streams::StreamRangeReply;
use serde_json::{Value, json};

use super::daemon::program;
use super::feed_server::{FeedServer, Hit, Reply};
use super::truth::{seed, truth_of};
use super::{Daemon, RedisServer, until};

/// The stage of the feed tests.
pub struct Newsroom {
    pub redis: RedisServer,
    pub server: FeedServer,
    pub truth: Value,
    /// What is started as rss_agg.
    pub program: PathBuf,
}

impl Newsroom {
    /// Without feeds. Polls may follow each other at once, and the server may be asked as fast as it likes.
    pub fn open() -> Newsroom {
        let server = FeedServer::start_everywhere();
        let mut truth = truth_of(&["rss_agg"], 1.0, 5.0);
        truth["services"]["rss_agg"]["schedule"] = json!({"interval_sec": 1, "min_sec": 1});
        truth["services"]["rss_agg"]["limits"] = json!({"allow_hosts": ["127.0.0.0/8"], "per_host_rps": 1000, "per_host_connections": 64});
        truth["services"]["rss_agg"]["feeds"] = json!([]);
        Newsroom {
            redis: RedisServer::start(),
            server,
            truth,
            program: program("rss_agg").to_owned(),
        }
    }

    /// Names a feed of the server in truth; more fields may be added to what is returned.
    pub fn feed(&mut self, id: &str, path: &str) -> &mut Value {
        let url = self.server.url(path);
        self.feed_at(id, &url)
    }

    pub fn feed_at(&mut self, id: &str, url: &str) -> &mut Value {
        let feeds = self.section("feeds").as_array_mut().unwrap();
        feeds.push(json!({"id": id, "url": url}));
        feeds.last_mut().unwrap()
    }

    /// `services.rss_agg.<name>` of the truth.
    pub fn section(&mut self, name: &str) -> &mut Value {
        &mut self.truth["services"]["rss_agg"][name]
    }

    /// Puts the truth in force.
    pub fn seed(&self) {
        seed(&self.redis, &self.truth);
    }

    /// Starts rss_agg. A proxy in its environment leads nowhere, and is not to be used.
    pub fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    pub fn start_with(&self, env: &[(&str, &str)]) -> Daemon {
        self.seed();
        let url = self.redis.url();
        let mut all = vec![
            ("SYSTEM_REDIS_URL", url.as_str()),
            ("http_proxy", "http://127.0.0.1:9"),
            ("HTTP_PROXY", "http://127.0.0.1:9"),
            ("ALL_PROXY", "http://127.0.0.1:9"),
        ];
        all.extend(env);
        let mut command = Command::new(&self.program);
        command.env_clear().envs(all).stdin(Stdio::null());
        Daemon::spawn("rss_agg", command)
    }

    /// What `rss_agg:status` says about a feed; null when it says nothing.
    pub fn status(&self, id: &str) -> Value {
        let text: Option<String> = self.redis.query(&["HGET", "rss_agg:status", id]);
        text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    /// Waits until the status of a feed is as wanted, and gives it.
    #[track_caller]
    pub fn wait_status(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        until(&format!("{id}: {what}"), Duration::from_secs(60), || {
            let status = self.status(id);
            if wanted(&status) {
                Ok(status)
            } else {
                Err(status.to_string())
            }
        })
    }

    /// Every entry of the queue.
    pub fn queue(&self) -> Vec<HashMap<String, String>> {
        let reply: StreamRangeReply = self.redis.query(&["XRANGE", "rss:queue", "-", "+"]);
        let text = |value: &redis::Value| redis::from_redis_value::<String>(value.clone()).unwrap();
        reply
            .ids
            .iter()
            .map(|entry| {
                entry
                    .map
                    .iter()
                    .map(|(k, v)| (k.clone(), text(v)))
                    .collect()
            })
            .collect()
    }

    /// Waits for at least `n` entries, and gives them all.
    #[track_caller]
    pub fn wait_queue(&self, n: usize) -> Vec<HashMap<String, String>> {
        until(
            &format!("{n} queue entries"),
            Duration::from_secs(60),
            || {
                let queue = self.queue();
                if queue.len() >= n {
                    Ok(queue)
                } else {
                    Err(format!("{} are there", queue.len()))
                }
            },
        )
    }

    /// As [`wait_queue`](Newsroom::wait_queue), for a queue that is too long to be looked at.
    #[track_caller]
    pub fn wait_length(&self, n: usize) {
        until(
            &format!("{n} queue entries"),
            Duration::from_secs(120),
            || {
                let there: usize = self.redis.query(&["XLEN", "rss:queue"]);
                if there >= n {
                    Ok(())
                } else {
                    Err(format!("{there} are there"))
                }
            },
        );
    }

    /// Names so many feeds in truth, each on a host of its own and polled once. One in `one_in` hangs, and one drips.
    /// Gives how many do neither; each of them has one item.
    pub fn crowd(&mut self, feeds: usize, one_in: usize) -> usize {
        self.section("schedule")["interval_sec"] = json!(3600);
        self.server.always("/hang", Reply::Hang);
        self.server
            .always("/drip", Reply::Drip("<rss>", Duration::from_millis(200)));
        self.server
            .always("/good", Reply::ok(rss(&[Story::new(1)])));
        let mut good = 0;
        for n in 0..feeds {
            let path = match n % one_in {
                3 => "/hang",
                7 => "/drip",
                _ => "/good",
            };
            good += usize::from(path == "/good");
            let url = format!(
                "http://127.0.{}.{}:{}{path}",
                1 + n / 100,
                1 + n % 100,
                self.server.port
            );
            self.feed_at(&format!("f{n}"), &url);
        }
        good
    }

    /// Waits until the server was asked `n` times for a path, and gives the requests.
    #[track_caller]
    pub fn wait_hits(&self, path: &str, n: usize) -> Vec<Hit> {
        until(
            &format!("{n} requests for {path}"),
            Duration::from_secs(60),
            || {
                let hits = self.server.hits_of(path);
                if hits.len() >= n {
                    Ok(hits)
                } else {
                    Err(format!("{} came", hits.len()))
                }
            },
        )
    }

    /// Revision and uid of every update that was told to the workers.
    pub fn changes(&self) -> Vec<(String, String)> {
        let reply: StreamRangeReply = self.redis.query(&["XRANGE", "rss:changes", "-", "+"]);
        let text = |entry: &redis::streams::StreamId, name: &str| entry.get::<String>(name);
        let entries = reply.ids.iter();
        let both = entries.map(|entry| (text(entry, "rev"), text(entry, "uid")));
        both.map(|(rev, uid)| (rev.unwrap(), uid.unwrap()))
            .collect()
    }

    /// One item of the store.
    pub fn item(&self, uid: &str) -> BTreeMap<String, String> {
        self.redis.query(&["HGETALL", &format!("rss:item:{uid}")])
    }
}

/// One story of a feed.
#[derive(Clone, Debug)]
pub struct Story {
    pub guid: String,
    pub title: String,
    pub link: Option<String>,
    pub text: String,
    /// Seconds since the epoch.
    pub date: i64,
}

impl Story {
    pub fn new(n: usize) -> Story {
        Story {
            guid: format!("story-{n}"),
            title: format!("Story {n}"),
            link: Some(format!("https://news.example/{n}")),
            text: format!("<p>What happened at {n} &amp; why.</p>"),
            date: 1_760_000_000 + 60 * n as i64,
        }
    }
}

/// An RSS document of these stories, in this order.
pub fn rss(stories: &[Story]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>The news</title>",
    );
    for story in stories {
        let date = jiff::Timestamp::from_second(story.date).unwrap();
        let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT");
        let link = story
            .link
            .as_ref()
            .map(|link| format!("<link>{link}</link>"))
            .unwrap_or_default();
        out += &format!(
            "<item><guid isPermaLink=\"false\">{}</guid><title>{}</title>{link}<pubDate>{date}</pubDate>\
             <description><![CDATA[{}]]></description></item>",
            story.guid, story.title, story.text
        );
    }
    out + "</channel></rss>"
}

/// A feed whose stories a test can change while it is served.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<Vec<Story>>>);

impl Wire {
    /// Serves stories 1 to `n`, the newest first.
    pub fn serve(server: &FeedServer, path: &str, n: usize) -> Wire {
        let wire = Wire(Arc::new(Mutex::new(
            (1..=n).rev().map(Story::new).collect(),
        )));
        let served = wire.clone();
        server.at(path, move |_| Reply::ok(rss(&served.0.lock().unwrap())));
        wire
    }

    /// Adds a story on top.
    pub fn add(&self, story: Story) {
        self.0.lock().unwrap().insert(0, story);
    }

    pub fn change(&self, change: impl FnOnce(&mut Vec<Story>)) {
        change(&mut self.0.lock().unwrap());
    }
}
