//! Every alert stands in the log once and goes out once, whatever reply got lost; and only the speaker writes.

use std::time::Duration;

use marketswarm::bus::{Address, Commands, Limits};
use marketswarm::contract::{Alert, AlertKind};
use marketswarm::watch::alert_store::{AlertStore, Told};

use crate::support::proxy::Proxy;
use crate::support::watcher::{DOUBT, HEALER, TIMEOUT};
use crate::support::{PATIENCE, RedisServer, Stage, until};

/// A healer behind a proxy, at work.
fn behind_proxy(stage: &Stage) -> (Proxy, crate::support::Daemon) {
    let proxy = Proxy::to(stage.redis.port());
    let healer = stage.start_with("healer", &[("SYSTEM_REDIS_URL", &proxy.url())]);
    healer.wait_log("holds the lease and speaks", PATIENCE);
    stage.wait_health("svc-a", "up");
    (proxy, healer)
}

fn logged(stage: &Stage, kind: &str) -> usize {
    stage
        .alert_log()
        .iter()
        .filter(|a| a["type"] == kind)
        .count()
}

#[test]
fn a_note_whose_reply_was_lost_is_logged_and_published_once() {
    let stage = HEALER.stage();
    let _beats = stage.beat(&["svc-a"]);
    let (proxy, healer) = behind_proxy(&stage);
    proxy.lose_answer_to("truth_rejected");
    stage.redis.query::<()>(&["SET", "truth:doc", "{"]);
    stage.redis.query::<i64>(&["PUBLISH", "truth:changed", "-"]);
    stage.alerts.wait("truth_rejected", "healer", PATIENCE);
    assert!(proxy.has_lost_answer());
    // The healer logs an alert when it knows that the store has it.
    healer.wait_log(r#"{"type":"truth_rejected""#, PATIENCE);
    stage.alerts.assert_nothing_else(TIMEOUT);
    assert_eq!(logged(&stage, "truth_rejected"), 1);
}

#[test]
fn a_batch_whose_reply_was_lost_is_logged_and_published_once() {
    let stage = HEALER.stage();
    let beats = stage.beat(&["svc-a"]);
    let (proxy, _healer) = behind_proxy(&stage);
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    beats.resume("svc-a");
    HEALER.wait_ok(&stage.alerts);
    // The second death within six timeouts goes out together with the word that it flaps.
    proxy.lose_answer_to(r#""type":"flapping""#);
    beats.silence("svc-a");
    HEALER.wait_miss(&stage.alerts);
    stage.alerts.wait("flapping", "svc-a", PATIENCE);
    until("the lost answer", PATIENCE, || {
        match proxy.has_lost_answer() {
            true => Ok(()),
            false => Err("none yet".into()),
        }
    });
    beats.resume("svc-a");
    HEALER.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(DOUBT);
    assert_eq!(stage.alerts.count("flapping", "svc-a"), 1);
    assert_eq!(logged(&stage, "heartbeat_miss"), 2);
    assert_eq!(logged(&stage, "heartbeat_ok"), 2);
}

fn store(redis: &RedisServer, speaker: &str) -> AlertStore {
    let address = Address::parse(&redis.url(), "test").unwrap();
    let commands = Commands::new(address, "test:alerts", Limits::default());
    AlertStore::new(commands, speaker, "healer:alerts")
}

fn note(id: &str) -> Alert {
    let mut alert = Alert::new(AlertKind::BusDown, "market-redis", 1);
    alert.id = id.into();
    alert
}

#[test]
fn a_note_offered_again_is_known_by_its_id() {
    let stage = HEALER.stage();
    let mut store = store(&stage.redis, "");
    for _ in 0..2 {
        let before = stage.whole_log().len();
        assert!(matches!(
            store.note(&note("a"), false).unwrap(),
            Told::Done { .. }
        ));
        assert!(matches!(
            store.note(&note("b"), true).unwrap(),
            Told::Done { .. }
        ));
        for id in ["a", "b", "a"] {
            assert_eq!(store.note(&note(id), false).unwrap(), Told::Already);
        }
        assert_eq!(stage.whole_log().len(), before + 2);
        stage.alerts.wait("bus_down", "market-redis", PATIENCE);
        stage.alerts.assert_nothing_else(Duration::from_millis(200));
        // Whatever is made of the memory keeps nothing from being said.
        stage
            .redis
            .query::<()>(&["SET", "healer:alerts:ids", "spoilt"]);
    }
    // It does not grow without end.
    for n in 0..3000 {
        store.note(&note(&n.to_string()), true).unwrap();
    }
    let kept: u64 = stage.redis.query(&["ZCARD", "healer:alerts:ids"]);
    assert!((1000..=1100).contains(&kept), "{kept}");
    assert_eq!(store.note(&note("2999"), false).unwrap(), Told::Already);
}

#[test]
fn a_healer_that_lost_its_lease_forgets_nothing_for_others() {
    let stage = HEALER.stage();
    let names: Vec<String> = (0..40).map(|n| format!("s{n}")).collect();
    let keys = || -> u64 {
        let all: Vec<String> = stage.redis.query(&["KEYS", "health:*"]);
        all.len() as u64
    };
    names
        .iter()
        .for_each(|name| stage.redis.query(&["SET", &format!("health:{name}"), "{}"]));
    stage.redis.query::<()>(&["SET", "healer:lease", "another"]);
    assert!(!store(&stage.redis, "me").forget(&names).unwrap());
    assert_eq!(keys(), 40);
    stage.redis.query::<()>(&["SET", "healer:lease", "me"]);
    assert!(store(&stage.redis, "me").forget(&names).unwrap());
    assert_eq!(keys(), 0);
}

#[test]
fn what_cannot_be_remembered_is_not_logged_again_and_again() {
    let stage = HEALER.stage();
    stage.redis.query::<()>(&[
        "ACL", "SETUSER", "half", "on", ">pw", "~*", "&*", "+@all", "-set", "-zadd",
    ]);
    let url = format!("redis://half:pw@127.0.0.1:{}", stage.redis.port());
    let address = Address::parse(&url, "test").unwrap();
    let commands = Commands::new(address, "test:alerts", Limits::default());
    let mut store = AlertStore::new(commands, "", "healer:alerts");
    for _ in 0..3 {
        assert!(matches!(
            store.note(&note("a"), false).unwrap(),
            Told::Refused(_)
        ));
    }
    assert!(stage.whole_log().is_empty());
    stage.alerts.assert_nothing_else(Duration::from_millis(200));
    stage
        .redis
        .query::<()>(&["ACL", "SETUSER", "half", "+zadd"]);
    assert_eq!(store.note(&note("a"), false).unwrap(), Told::Done { n: 1 });
}
