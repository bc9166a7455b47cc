//! The history is the log, once: whoever is killed while it is written, and however many write it.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::console::Console;
use crate::support::truth::{seed, truth_of};
use crate::support::{PATIENCE, RedisServer, Stage, repetitions, secs, until};

const SERVICES: [&str; 4] = ["a", "b", "c", "d"];

/// A day ago: what is older than 90 days is not kept.
fn base() -> i64 {
    now_secs() - 86_400
}

/// Appends an alert to the log, as the healer does.
fn tell(redis: &RedisServer, alert: &Value) {
    let n: u64 = redis.query(&["INCR", "healer:alerts:n"]);
    let words = [
        "XADD",
        "healer:alerts:log",
        "*",
        "n",
        &n.to_string(),
        "alert",
        &alert.to_string(),
    ];
    redis.query::<String>(&words);
}

fn spans(redis: &RedisServer, svc: &str) -> Vec<String> {
    redis.query(&["LRANGE", &format!("history:of:{svc}"), "0", "-1"])
}

/// Outages of all services in turn: the n-th lasts from 100 n to 100 n + 50 after `base`. What the history must hold of it.
fn outage(redis: &RedisServer, base: i64, n: usize) -> (&'static str, String) {
    let svc = SERVICES[n % SERVICES.len()];
    let (from, to) = (base + 100 * n as i64, base + 50 + 100 * n as i64);
    let id = format!("m-{n}");
    let miss = json!({"type": "heartbeat_miss", "svc": svc, "late_sec": 10.0, "timeout_sec": 9.0, "ts": from + 10, "id": id});
    tell(redis, &miss);
    let ok = json!({"type": "heartbeat_ok", "svc": svc, "age_sec": 2.0, "ts": to + 2, "id": format!("o-{n}"), "since_ts": from});
    tell(redis, &ok);
    (svc, format!("{from},{to},down,{id}"))
}

fn wait_folded(redis: &RedisServer) {
    until("all of the log is in the history", PATIENCE, || {
        let newest: Vec<(String, Vec<String>)> =
            redis.query(&["XREVRANGE", "healer:alerts:log", "+", "-", "COUNT", "1"]);
        let cursor: Option<String> = redis.query(&["GET", "history:cursor"]);
        if cursor.as_deref() == newest.first().map(|(id, _)| id.as_str()) {
            Ok(())
        } else {
            Err(format!("{cursor:?}"))
        }
    });
}

#[test]
fn a_console_that_is_killed_again_and_again_doubles_nothing_and_loses_nothing() {
    let redis = RedisServer::start();
    seed(&redis, &truth_of(&SERVICES, 0.2, 1.0));
    let mut expected: Vec<Vec<String>> = vec![Vec::new(); SERVICES.len()];
    let (mut n, base) = (0, base());
    // Fewer than what is added up by day.
    let kills = repetitions(10);
    let mut other = Console::start(&redis.url(), &[]);
    for kill in 0..kills {
        let mut console = Console::start(&redis.url(), &[]);
        for _ in 0..(200 / kills).clamp(1, 20) {
            let (svc, span) = outage(&redis, base, n);
            let at = SERVICES.iter().position(|name| *name == svc).unwrap();
            expected[at].push(span);
            n += 1;
        }
        std::thread::sleep(Duration::from_millis(u64::from(kill % 5) * 20));
        console.daemon.kill();
        if kill % 3 == 2 {
            other.daemon.kill();
            other = Console::start(&redis.url(), &[]);
        }
    }
    wait_folded(&redis);
    for (svc, expected) in SERVICES.iter().zip(&expected) {
        let found = spans(&redis, svc);
        let kept = &expected[expected.len() - found.len().min(expected.len())..];
        assert_eq!(found, kept, "{svc}");
        assert!(
            found.len() >= expected.len().min(40),
            "{svc}: {}",
            found.len()
        );
    }
    assert_eq!(redis.query::<u64>(&["HLEN", "history:open"]), 0);
    // What is shown is what is kept.
    until("a full history is shown", PATIENCE, || {
        let all = other.get("/api/v1/incidents").json();
        let shown: usize = all["incidents"].as_array().map_or(0, |list| {
            list.iter()
                .map(|i| i["members"].as_array().map_or(0, Vec::len))
                .sum()
        });
        let kept: usize = SERVICES.iter().map(|svc| spans(&redis, svc).len()).sum();
        if shown == kept.min(200) {
            Ok(())
        } else {
            Err(format!("{shown} of {kept}"))
        }
    });
}

#[test]
fn a_hole_in_the_log_is_known_and_what_it_hid_is_not_open_for_ever() {
    let redis = RedisServer::start();
    seed(&redis, &truth_of(&SERVICES, 0.2, 1.0));
    let console = Console::start(&redis.url(), &[]);
    let base = base();
    tell(
        &redis,
        &json!({"type": "heartbeat_miss", "svc": "a", "late_sec": 1.0, "ts": base, "id": "x-1"}),
    );
    wait_folded(&redis);
    assert_eq!(redis.query::<u64>(&["HLEN", "history:open"]), 1);
    // The end of it is never read: its number is used up, and it is in no log.
    let health = json!({"svc": "a", "status": "up", "since_ts": base + 100, "last_seen_ts": base + 100, "as_of_ts": base + 200,
        "last_i": 1, "timeout_sec": 1.0, "misses": 1, "restarts": 0,
        "alert": {"type": "heartbeat_ok", "svc": "a", "ts": base + 100, "id": "x-2"}});
    redis.query::<()>(&["SET", "health:a", &health.to_string()]);
    redis.query::<u64>(&["INCR", "healer:alerts:n"]);
    tell(
        &redis,
        &json!({"type": "heartbeat_miss", "svc": "b", "late_sec": 1.0, "ts": base + 300, "id": "x-3"}),
    );
    until("the outage has an end", PATIENCE, || {
        let found = spans(&redis, "a");
        if found == [format!("{},{},down,x-1", base - 1, base + 100)] {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    });
    assert_eq!(redis.query::<u64>(&["LLEN", "history:holes"]), 1);
    drop(console);
}

#[test]
fn what_truth_drops_leaves_nothing_open() {
    let redis = RedisServer::start();
    seed(&redis, &truth_of(&SERVICES, 0.2, 1.0));
    let _console = Console::start(&redis.url(), &[]);
    let base = base();
    until("they are watched", PATIENCE, || {
        match redis.query::<u64>(&["HLEN", "history:watched"]) {
            5 => Ok(()),
            n => Err(n.to_string()),
        }
    });
    tell(
        &redis,
        &json!({"type": "heartbeat_miss", "svc": "a", "late_sec": 1.0, "ts": base, "id": "x-1"}),
    );
    wait_folded(&redis);
    seed(&redis, &truth_of(&["b"], 0.2, 1.0));
    until("it ended", PATIENCE, || {
        match redis.query::<u64>(&["HLEN", "history:open"]) {
            0 => Ok(()),
            n => Err(n.to_string()),
        }
    });
    assert!(
        spans(&redis, "a")[0].starts_with(&format!("{},", base - 1)),
        "{:?}",
        spans(&redis, "a")
    );
    let watched: String = redis.query(&["HGET", "history:watched", "a"]);
    assert!(!watched.ends_with('-'), "{watched}");
    let watched: String = redis.query(&["HGET", "history:watched", "b"]);
    assert!(watched.ends_with('-'), "{watched}");
}

#[test]
fn what_is_judged_is_noted_and_another_healer_begins_anew() {
    let stage = Stage::new(&["db", "healer"], 0.2, 1.0);
    let noted = || -> Option<(String, i64, i64)> {
        let text: Option<String> = stage
            .redis
            .query(&["HGET", "healer:judged", "system-redis"]);
        let text = text?;
        let mut parts = text.split(',');
        let inst = parts.next()?.to_owned();
        Some((
            inst,
            parts.next()?.parse().ok()?,
            parts.next()?.parse().ok()?,
        ))
    };
    let mut first = stage.healer_for("db");
    let (inst, from, to) = until("a span that grew", secs(60.0), || match noted() {
        Some((inst, from, to)) if to > from => Ok((inst, from, to)),
        other => Err(format!("{other:?}")),
    });
    first.kill();
    let _second = stage.start("healer");
    let (_, from_then, _) = until("another's span", secs(60.0), || match noted() {
        Some(other) if other.0 != inst => Ok(other),
        other => Err(format!("{other:?}")),
    });
    assert!(from_then >= to, "nobody judged in between");
    // Where the machine held the first one up, its span has more parts than one.
    until("the first span is kept", PATIENCE, || {
        let log: Vec<String> = stage
            .redis
            .query(&["LRANGE", "healer:judged:log", "0", "-1"]);
        let begins = format!("system-redis,{from},");
        match log.iter().any(|text| text.starts_with(&begins)) {
            true => Ok(()),
            false => Err(format!("{log:?}")),
        }
    });
}

#[test]
fn time_in_which_one_service_alone_was_not_judged_is_kept() {
    let stage = Stage::new(&["db", "healer"], 0.2, 1.0);
    // As a healer leaves it whose channel was refused: the alert is the last field.
    let since = now_secs() - 100;
    let unknown = format!(
        r#"{{"svc":"db","status":"unknown","since_ts":{since},"last_seen_ts":null,"as_of_ts":{},"last_i":null,"timeout_sec":1.0,"misses":0,"restarts":0,"alert":null}}"#,
        since + 90
    );
    stage.redis.query::<()>(&["SET", "health:db", &unknown]);
    let _healer = stage.start("healer");
    let _beater = stage.beat(&["db"]);
    stage.wait_health("db", "up");
    until("that it was not judged is kept", PATIENCE, || {
        let log: Vec<String> = stage
            .redis
            .query(&["LRANGE", "healer:unwatched:log", "0", "-1"]);
        let begins = format!("db,{since},");
        match log.iter().any(|text| text.starts_with(&begins)) {
            true => Ok(()),
            false => Err(format!("{log:?}")),
        }
    });
}

fn now_secs() -> i64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64
}
