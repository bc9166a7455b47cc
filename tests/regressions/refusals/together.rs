//! Alerts that one call tells are told as if each had a call of its own.

use marketswarm::bus::lease::{Lease, Terms};
use marketswarm::bus::{Address, Commands, Limits};
use marketswarm::clock::Mono;
use marketswarm::contract::{Alert, AlertKind, Health, Status};
use marketswarm::watch::alert_store::{AlertEntry, AlertStore, LEASE, LEASE_RENEW, Told};

use crate::support::{Alerts, PATIENCE, RedisServer};

const PASSWORD: &str = "a-users-own";
/// A user with the rights that the remedy of a refused write named before there were calls for many.
const NARROW: &str = "+@connection +evalsha +eval +script|load +get +set +del +pexpire +pttl +incr +decr +xadd +xdel +publish";

fn store(redis: &RedisServer, user: &str) -> AlertStore {
    let url = match user {
        "" => redis.url(),
        user => format!("redis://{user}:{PASSWORD}@127.0.0.1:{}", redis.port()),
    };
    let commands = Commands::new(
        Address::parse(&url, "test").unwrap(),
        "test:alerts",
        Limits::default(),
    );
    AlertStore::new(commands, "me", "healer:alerts")
}

fn entry(svc: &str, previous: &str, id: &str, published: bool) -> AlertEntry {
    let mut alert = Alert::new(AlertKind::HeartbeatMiss, svc, 1);
    alert.id = id.into();
    let health = Health {
        svc: svc.into(),
        status: Status::Down,
        since_ts: 1,
        last_seen_ts: None,
        as_of_ts: 1,
        last_i: None,
        timeout_sec: 1.0,
        misses: 1,
        restarts: 0,
        bus: None,
        reason: Some(r#"a word with "alert":{"id":"in it"#.into()),
        beat_status: None,
        flapping: Vec::new(),
        alert: None,
    };
    AlertEntry {
        previous: previous.into(),
        alert,
        health,
        published,
        told: false,
    }
}

/// What the store has after `entries` were told, and what was answered.
fn told(
    redis: &RedisServer,
    user: &str,
    entries: &[AlertEntry],
) -> (Vec<Told>, Vec<String>, Vec<Option<String>>) {
    redis.query::<()>(&["FLUSHALL"]);
    redis.query::<()>(&["SET", "healer:lease", "me"]);
    redis.query::<()>(&[
        "SET",
        "health:b",
        r#"{"svc":"b","alert":{"type":"heartbeat_ok","id":"other-1"}}"#,
    ]);
    redis.query::<()>(&["RPUSH", "health:c", "spoilt"]);
    redis.query::<()>(&["SET", "health:d", r#"{"svc":"d","alert":null}"#]);
    let told = store(redis, user).tell(entries).unwrap();
    let log: redis::streams::StreamRangeReply =
        redis.query(&["XRANGE", "healer:alerts:log", "-", "+"]);
    let log = log
        .ids
        .iter()
        .map(|id| format!("{:?} {:?}", id.get::<u64>("n"), id.get::<String>("alert")));
    let keys = ["health:a", "health:b", "health:c", "health:d"];
    (
        told,
        log.collect(),
        keys.map(|key| redis.query(&["GET", key])).into(),
    )
}

#[test]
fn many_alerts_told_by_one_call_are_told_as_one_by_one() {
    let redis = RedisServer::start();
    let mut rule = vec!["ACL", "SETUSER", "narrow", "on", ">a-users-own", "~*", "&*"];
    rule.extend(NARROW.split(' '));
    redis.query::<()>(&rule);
    let alerts = Alerts::on(&redis);
    let mut entries = vec![
        entry("a", "", "me-1", false),
        entry("a", "me-1", "me-2", true),
        entry("a", "me-1", "me-3", false),
        entry("a", "me-1", "me-2", false),
        entry("b", "", "me-4", false),
        entry("b", "other-1", "me-5", false),
        entry("c", "", "me-6", false),
        entry("d", "any", "me-7", false),
    ];
    let crowd = (0..150).map(|n| entry(&format!("s{n}"), "", &format!("me-s{n}"), false));
    entries.extend(crowd);
    let together = told(&redis, "", &entries);
    assert_eq!(together.0[0], Told::Done { n: 1 });
    assert_eq!(together.0[1], Told::Done { n: 2 });
    assert_eq!(together.0[2], Told::Conflict { id: "me-2".into() });
    assert_eq!(together.0[3], Told::Already);
    assert_eq!(
        together.0[4],
        Told::Conflict {
            id: "other-1".into()
        }
    );
    assert_eq!(together.0.last(), Some(&Told::Done { n: 155 }));
    assert!(
        together.2[0]
            .as_deref()
            .is_some_and(|text| text.contains(r#""id":"me-2""#))
    );
    alerts.wait("heartbeat_miss", "s149", PATIENCE);
    let published = alerts.count("heartbeat_miss", "a");
    assert_eq!(published, 1, "the second was published before");
    let alone = told(&redis, "narrow", &entries);
    assert_eq!(together, alone);
}

#[test]
fn a_healer_without_the_lease_writes_nothing_alone_or_together() {
    let redis = RedisServer::start();
    redis.query::<()>(&["SET", "healer:lease", "another"]);
    let alerts = Alerts::on(&redis);
    let crowd: Vec<AlertEntry> = (0..70)
        .map(|n| entry(&format!("s{n}"), "", &format!("me-{n}"), false))
        .collect();
    let mut mine = store(&redis, "");
    for entries in [&crowd[..1], &crowd[..]] {
        let told = mine.tell(entries).unwrap();
        assert_eq!(told, vec![Told::Fenced; entries.len()]);
    }
    let keys: Vec<String> = redis.query(&["KEYS", "*"]);
    assert_eq!(keys, ["healer:lease"], "nothing was written");
    // The same entries, once the lease is free: it was the lease that kept them.
    redis.query::<()>(&["DEL", "healer:lease"]);
    let terms = Terms {
        ttl: LEASE,
        renew: LEASE_RENEW,
    };
    let mut lease = Lease::plain("healer:lease", "me", terms);
    mine.ask_lease(&lease.ask(Mono::now())).unwrap();
    let told = mine.tell(&crowd).unwrap();
    assert!(told.iter().all(|told| matches!(told, Told::Done { .. })));
    alerts.wait("heartbeat_miss", "s69", PATIENCE);
    assert_eq!(
        alerts.count("heartbeat_miss", "s0"),
        1,
        "and nothing was said before"
    );
}
