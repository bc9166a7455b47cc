//! Digests are said once, whoever says them, from what is stored.

use marketswarm::bus::{Address, Commands, Limits};
use marketswarm::vexy_ai::config::{Digest, Epoch};
use marketswarm::vexy_ai::digest::Narrator;
use serde_json::{Value, json};

use crate::support::analysts::Analysts;
use crate::support::{Alerts, PATIENCE, RedisServer, until};

/// 2026-11-24, a Tuesday, 14:30 UTC: 09:30 in New York.
const OPEN_TS: i64 = 1_795_530_600;
const DAY_SEC: i64 = 86_400;

fn digest() -> Digest {
    let epoch = |name: &str, time: &str| Epoch {
        name: name.to_owned(),
        time: time.to_owned(),
    };
    Digest {
        epochs: vec![epoch("open", "09:30"), epoch("close", "16:00")],
        tz: "America/New_York".to_owned(),
        ..Digest::default()
    }
}

/// A machine that says digests.
struct Machine {
    narrator: Narrator,
    store: Commands,
}

impl Machine {
    fn new(redis: &RedisServer, digest: &Digest) -> Machine {
        let address = Address::parse(&redis.url(), "TEST").unwrap();
        Machine {
            narrator: Narrator::new(digest),
            store: Commands::new(address, "vexy_ai:digest", Limits::default()),
        }
    }

    #[track_caller]
    fn work(&mut self, now_ts: i64) -> usize {
        self.narrator.work(&mut self.store, now_ts).unwrap()
    }
}

/// One stored analysis.
fn analysed(redis: &RedisServer, uid: &str, cluster: &str, salience: u8, ts: i64) {
    let (key, ts) = (format!("rss:analysis:{uid}"), ts.to_string());
    let salience = salience.to_string();
    redis.query::<()>(&[
        "HSET",
        &key,
        "uid",
        uid,
        "cluster",
        cluster,
        "salience",
        &salience,
        "title",
        "Up <script>alert(1)</script>",
        "url",
        "https://x.example/(1)",
        "event",
        "earnings",
        "sentiment_label",
        "positive",
        "tickers",
        r#"[{"symbol":"NVDA","rule":"name"}]"#,
        "published_ts",
        &ts,
    ]);
    redis.query::<()>(&["ZADD", "rss:analysis:done", &ts, uid]);
    redis.query::<()>(&[
        "XADD",
        "rss:analysis:log",
        "*",
        "uid",
        uid,
        "kind",
        "analysis",
        "salience",
        &salience,
        "cluster",
        cluster,
    ]);
}

fn messages(redis: &RedisServer, day: &str) -> Vec<Value> {
    let all: Vec<String> = redis.query(&["LRANGE", &format!("vexy:messages:{day}"), "0", "-1"]);
    all.iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

fn ttl(redis: &RedisServer, key: &str) -> i64 {
    redis.query(&["TTL", key])
}

#[test]
fn a_digest_is_said_once_by_one_of_several_machines() {
    let redis = RedisServer::start();
    let (mut a, mut b) = (
        Machine::new(&redis, &digest()),
        Machine::new(&redis, &digest()),
    );
    analysed(&redis, "u1", "u1", 80, OPEN_TS - 600);
    analysed(&redis, "u2", "u1", 70, OPEN_TS - 500);
    let until_ms = ((OPEN_TS + 5) * 1_000).to_string();
    redis.query::<()>(&[
        "HSET",
        "market:snapshot:NVDA",
        "price",
        "127.31",
        "change_pct",
        "1.2",
        "stale",
        "0",
        "fresh_until_ms",
        &until_ms,
    ]);
    let mut heard = redis.connection();
    let mut channel = heard.as_pubsub();
    channel.subscribe("vexy:playbyplay").unwrap();

    assert_eq!(
        (a.work(OPEN_TS - 1), b.work(OPEN_TS - 1)),
        (0, 0),
        "before its time"
    );
    assert_eq!(
        (a.work(OPEN_TS), b.work(OPEN_TS + 1), a.work(OPEN_TS + 2)),
        (1, 0, 0)
    );
    // One that starts afterwards says nothing, either.
    assert_eq!(Machine::new(&redis, &digest()).work(OPEN_TS + 60), 0);

    let text: String = channel.get_message().unwrap().get_payload().unwrap();
    let said: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        said["text"],
        "**open**: 1 new story since Mon 16&#58;00 (2 items), 1 positive, 0 neutral, 0 negative; balance +1.00.\n\n\
         1. [Up &#60;script&#62;alert&#40;1&#41;&#60;/script&#62;](https://x.example/%281%29) \
         (earnings, positive, 2 items; NVDA 127.31 +1.20 %)\n\nEvents: earnings 1."
    );
    assert_eq!(
        (&said["kind"], &said["voice"]),
        (&"epoch".into(), &"anchor".into())
    );
    assert_eq!(
        (&said["ts"], &said["meta"]["epoch_name"]),
        (&"2026-11-24T14:30:00Z".into(), &"open".into())
    );
    let latest: String = redis.query(&["GET", "vexy:model:playbyplay:epoch:latest"]);
    assert_eq!(latest, text);
    assert_eq!(messages(&redis, "2026-11-24"), [said]);
    assert!((86_000..=86_400).contains(&ttl(&redis, "vexy:model:playbyplay:epoch:latest")));
    assert!((89_000..=90_000).contains(&ttl(&redis, "vexy:messages:2026-11-24")));
}

#[test]
fn what_was_told_is_no_news_in_the_next_digest() {
    let redis = RedisServer::start();
    let mut machine = Machine::new(&redis, &digest());
    analysed(&redis, "u1", "u1", 80, OPEN_TS - 600);
    assert_eq!(machine.work(OPEN_TS), 1);
    let close_ts = OPEN_TS + 6 * 3_600 + 1_800;
    // The same analysed once more, one more item of its story, and an old item that was analysed late.
    analysed(&redis, "u1", "u1", 90, OPEN_TS + 60);
    analysed(&redis, "u2", "u1", 90, OPEN_TS + 70);
    analysed(&redis, "old", "old", 90, OPEN_TS + 80);
    redis.query::<()>(&[
        "HSET",
        "rss:analysis:old",
        "published_ts",
        &(OPEN_TS - 3 * DAY_SEC).to_string(),
    ]);
    assert_eq!(machine.work(close_ts), 0);
    // What comes after that moment is the next one's, though this one could still be said.
    analysed(&redis, "u3", "u3", 90, close_ts + 1);
    assert_eq!(machine.work(close_ts + 2), 0);
    assert_eq!(Machine::new(&redis, &digest()).work(close_ts + 3), 0);
    assert_eq!(machine.work(OPEN_TS + DAY_SEC), 1);
    let said = messages(&redis, "2026-11-25");
    assert_eq!(
        (&said[0]["meta"]["items"], &said[0]["meta"]["top"]),
        (&1.into(), &serde_json::json!(["u3"]))
    );
    assert_eq!(messages(&redis, "2026-11-24").len(), 1);
}

#[test]
fn a_redis_that_is_full_makes_a_digest_late_and_never_half_said() {
    let redis = RedisServer::start();
    let mut machine = Machine::new(&redis, &digest());
    analysed(&redis, "u1", "u1", 80, OPEN_TS - 600);
    redis.config_set("maxmemory-policy", "noeviction");
    redis.config_set("maxmemory", "1");
    let refused = machine.narrator.work(&mut machine.store, OPEN_TS);
    assert!(refused.is_err(), "{refused:?}");
    redis.config_set("maxmemory", "0");
    let keys: Vec<String> = redis.query(&["KEYS", "vexy:*"]);
    assert!(keys.is_empty(), "{keys:?}");
    assert_eq!(machine.work(OPEN_TS + 60), 1);
    // The server forgets the scripts with its restart.
    redis.query::<()>(&["SCRIPT", "FLUSH"]);
    analysed(&redis, "u2", "u2", 80, OPEN_TS + 60);
    assert_eq!(machine.work(OPEN_TS + 6 * 3_600 + 1_800), 1);
}

#[test]
fn an_event_is_told_when_it_weighs_enough_once_for_its_story() {
    let redis = RedisServer::start();
    let digest = Digest {
        events_from: Some(70),
        epochs: Vec::new(),
        ..digest()
    };
    let (mut a, mut b) = (Machine::new(&redis, &digest), Machine::new(&redis, &digest));
    analysed(&redis, "before", "before", 99, OPEN_TS);
    assert_eq!(
        (a.work(OPEN_TS), b.work(OPEN_TS)),
        (0, 0),
        "what was there at the start is no news"
    );
    analysed(&redis, "u1", "u1", 70, OPEN_TS);
    analysed(&redis, "u2", "u1", 90, OPEN_TS);
    analysed(&redis, "light", "light", 69, OPEN_TS);
    analysed(&redis, "old", "old", 90, OPEN_TS - 2 * 3_600);
    assert_eq!(
        (
            a.work(OPEN_TS + 1),
            b.work(OPEN_TS + 1),
            a.work(OPEN_TS + 2)
        ),
        (1, 0, 0)
    );
    let said = messages(&redis, "2026-11-24");
    assert_eq!(said.len(), 1);
    assert_eq!(
        (&said[0]["kind"], &said[0]["meta"]["uid"]),
        (&"event".into(), &"u1".into())
    );
    assert_eq!(
        redis.query::<u64>(&["EXISTS", "vexy:model:playbyplay:event:latest"]),
        1
    );
}

#[test]
fn a_zone_that_nobody_knows_is_a_fault_and_says_nothing() {
    let redis = RedisServer::start();
    let unknown = Digest {
        tz: "Mars/Olympus".to_owned(),
        ..digest()
    };
    let mut machine = Machine::new(&redis, &unknown);
    analysed(&redis, "u1", "u1", 80, OPEN_TS - 600);
    assert!(machine.narrator.fault().unwrap().contains("Mars/Olympus"));
    assert_eq!(machine.work(OPEN_TS), 0);
    machine.narrator.configure(&digest());
    assert_eq!((machine.narrator.fault(), machine.work(OPEN_TS)), (None, 1));
    // Nobody wants one: nobody minds the zone.
    let off = Digest {
        epochs: Vec::new(),
        ..unknown
    };
    assert_eq!(Narrator::new(&off).fault(), None);
}

#[test]
fn an_analyst_says_a_digest_once_its_truth_can_be_followed() {
    let mut room = Analysts::open();
    let now_ts = marketswarm::clock::wall_secs();
    analysed(&room.redis, "u1", "u1", 80, now_ts - 600);
    // A minute ago: it is due when the analyst starts.
    let due = jiff::Timestamp::from_second(now_ts - 60)
        .unwrap()
        .strftime("%H:%M")
        .to_string();
    let mut digest = json!({"epochs": [{"name": "now", "time": due}], "tz": "Mars/Olympus"});
    room.truth["services"]["vexy_ai"]["digest"] = digest.clone();
    let beats = Alerts::on_channel(&room.redis, "vexy_ai:heartbeat");
    let mut analyst = room.start("vexy_ai");
    beats.wait_for("a complaint", PATIENCE, |beat| {
        let reason = beat.json["reason"].as_str().unwrap_or_default();
        beat.json["status"] == "degraded" && reason.contains("Mars/Olympus")
    });
    let said = Alerts::on_channel(&room.redis, "vexy:playbyplay");
    digest["tz"] = "Etc/UTC".into();
    room.truth["services"]["vexy_ai"]["digest"] = digest;
    room.seed();
    let message = said.wait_for("the digest", PATIENCE, |_| true);
    assert_eq!(message.json["meta"]["epoch_name"], "now");
    assert_eq!(message.json["meta"]["top"], json!(["u1"]));
    beats.wait_for("no complaint", PATIENCE, |beat| {
        beat.json.get("status").is_none()
    });
    // The next start says nothing again.
    analyst.stop();
    let _analyst = room.start("vexy_ai");
    room.give(1..=1);
    room.assert_each_once(1);
    until("the digest is looked at", PATIENCE, || {
        let clients: String = room.redis.query(&["CLIENT", "LIST"]);
        match clients.contains("name=vexy_ai:digest") {
            true => Ok(()),
            false => Err(clients),
        }
    });
    let keys: u64 = room
        .redis
        .query(&["LLEN", &format!("vexy:messages:{}", day_of(now_ts - 60))]);
    assert_eq!(keys, 1);
}

fn day_of(ts: i64) -> String {
    marketswarm::clock::rfc3339(ts)[..10].to_owned()
}
