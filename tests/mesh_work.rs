//! Work that stands still is told, once, and nothing else is.

use serde_json::{Value, json};

use crate::support::crowd::Crowd;
use crate::support::{Daemon, PATIENCE, RedisServer, Stage, secs, until};

const STALL_SEC: f64 = 2.0;

fn stage() -> Stage {
    let mut stage = Stage::new(&["mesh", "worker"], 0.2, 2.0);
    stage.truth["services"]["mesh"]["watch_streams"] = json!([
        {"bus": "system-redis", "key": "q", "group": "g", "service": "worker", "stall_sec": STALL_SEC},
        {"bus": "system-redis", "key": "none", "group": "g", "service": "worker", "stall_sec": STALL_SEC},
    ]);
    stage.reseed();
    stage
        .redis
        .query::<()>(&["XGROUP", "CREATE", "q", "g", "0", "MKSTREAM"]);
    stage
}

fn add(redis: &RedisServer) -> String {
    redis.query(&["XADD", "q", "*", "a", "1"])
}

fn take(redis: &RedisServer) {
    redis.query::<redis::Value>(&[
        "XREADGROUP",
        "GROUP",
        "g",
        "c",
        "COUNT",
        "1",
        "STREAMS",
        "q",
        ">",
    ]);
}

/// How the watched stream `q` stands.
fn work(redis: &RedisServer) -> Value {
    let text: Option<String> = redis.query(&["HGET", "mesh:work", "system-redis:q:g"]);
    text.map_or(Value::Null, |text| {
        serde_json::from_str(&text).expect("json")
    })
}

#[track_caller]
fn wait_state(redis: &RedisServer, state: &str) {
    until(&format!("the work is {state}"), PATIENCE, || {
        match work(redis) {
            work if work["state"] == state => Ok(()),
            work => Err(work.to_string()),
        }
    });
}

fn told(stage: &Stage) -> Vec<String> {
    let log = stage.alert_log();
    log.iter()
        .filter_map(|a| Some(a["type"].as_str()?.to_owned()))
        .collect()
}

#[test]
fn an_entry_that_nobody_takes_and_one_that_nobody_finishes_stall() {
    let stage = stage();
    let _mesh = stage.start("mesh");
    wait_state(&stage.redis, "moving");
    add(&stage.redis);
    let alert = stage.alerts.wait("work_stalled", "worker", PATIENCE);
    assert_eq!(
        (&alert.json["key"], &alert.json["group"]),
        (&json!("q"), &json!("g"))
    );
    assert_eq!(alert.json["bus"], "system-redis");

    take(&stage.redis);
    stage.alerts.wait("work_moving", "worker", PATIENCE);
    let alert = stage.alerts.wait("work_stalled", "worker", PATIENCE);
    let reason = alert.json["reason"].as_str().expect("why");
    assert!(reason.contains("c idle for"), "{reason}");
    let url = stage.redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let (code, said) = Daemon::run("marketswarm", &["mesh", "work"], &env, PATIENCE);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("stalled") && said.contains("unknown"),
        "{said}"
    );

    // Its entry is deleted, and it is still in hand.
    stage.redis.query::<i64>(&["XTRIM", "q", "MAXLEN", "0"]);
    std::thread::sleep(secs(STALL_SEC));
    assert_eq!(work(&stage.redis)["state"], "stalled");
    let pending: Vec<(String, String, i64, i64)> =
        stage.redis.query(&["XPENDING", "q", "g", "-", "+", "10"]);
    stage.redis.query::<i64>(&["XACK", "q", "g", &pending[0].0]);
    stage.alerts.wait("work_moving", "worker", PATIENCE);
    let once = ["work_stalled", "work_moving", "work_stalled", "work_moving"];
    assert_eq!(told(&stage), once);
}

#[test]
fn what_is_deleted_trimmed_or_set_back_makes_no_false_stall() {
    let stage = stage();
    let _mesh = stage.start("mesh");
    for nth in 0..40 {
        // In each of these the server's own count of what waits is wrong or unknown.
        let id = add(&stage.redis);
        match nth % 4 {
            0 => drop(stage.redis.query::<i64>(&["XDEL", "q", &id])),
            1 => drop(stage.redis.query::<i64>(&["XTRIM", "q", "MAXLEN", "0"])),
            2 => stage.redis.query::<()>(&["XGROUP", "SETID", "q", "g", "$"]),
            _ => {
                take(&stage.redis);
                stage.redis.query::<i64>(&["XACK", "q", "g", &id]);
            }
        }
        std::thread::sleep(secs(STALL_SEC / 10.0));
    }
    assert_eq!(told(&stage), Vec::<String>::new());
    // And a real one is found after all that.
    add(&stage.redis);
    stage.alerts.wait("work_stalled", "worker", PATIENCE);
}

#[test]
fn a_paused_service_is_not_judged_and_a_stall_is_told_once_by_two_meshes() {
    let stage = stage();
    let crowd = Crowd::of("worker", stage.redis.port(), secs(0.2));
    crowd.say("paused");
    crowd.join("w");
    let mut first = stage.start("mesh");
    first.wait_log("this mesh writes the registry", PATIENCE);
    let second = stage.start("mesh");
    add(&stage.redis);
    wait_state(&stage.redis, "paused");
    std::thread::sleep(secs(STALL_SEC * 1.5));
    assert_eq!(told(&stage), Vec::<String>::new());
    crowd.say("idle");
    stage.alerts.wait("work_stalled", "worker", PATIENCE);
    first.kill();
    second.wait_log("this mesh writes the registry", PATIENCE);
    // A gap begins the time anew: had it been forgotten, it would be told by then.
    until(
        "the second has looked for longer than a stall takes",
        PATIENCE,
        || {
            let work = work(&stage.redis);
            let (since, now) = (work["since_ts"].as_i64(), work["as_of_ts"].as_i64());
            match (work["state"] == "stalled", now.zip(since)) {
                (true, Some((now, since))) if now - since > STALL_SEC as i64 + 1 => Ok(()),
                _ => Err(work.to_string()),
            }
        },
    );
    assert_eq!(told(&stage), ["work_stalled"]);
}

#[test]
fn an_entry_that_no_consumer_survives_is_a_stall_when_nothing_else_moves() {
    let stage = stage();
    let _mesh = stage.start("mesh");
    let poison = add(&stage.redis);
    take(&stage.redis);
    for nth in 0..15 {
        // Somebody takes it over again and again, and dies of it.
        let consumer = format!("c{nth}");
        stage
            .redis
            .query::<redis::Value>(&["XCLAIM", "q", "g", &consumer, "0", &poison]);
        std::thread::sleep(secs(STALL_SEC / 10.0));
    }
    stage.alerts.wait("work_stalled", "worker", PATIENCE);
    stage.redis.query::<i64>(&["XACK", "q", "g", &poison]);
    stage.alerts.wait("work_moving", "worker", PATIENCE);
}
