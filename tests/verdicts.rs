//! A death is told once, with the truth about it, and so is its end; in the contract's very bytes.

use serde_json::{Value, json};

use crate::at_both;
use crate::support::alerts::Heard;
use crate::support::watcher::{INTERVAL_SEC, TIMEOUT, TIMEOUT_SEC, Watcher};
use crate::support::{PATIENCE, secs};

at_both! {
    a_death_and_a_return_are_told_once_each_in_the_bytes_of_the_contract,
    a_subject_that_was_never_heard_is_told_dead_after_its_first_deadline,
    a_planned_stop_becomes_a_miss_that_says_so,
    what_is_no_beat_of_the_subject_keeps_nobody_alive_and_harms_nobody,
    the_clock_of_the_sender_is_irrelevant,
    a_crash_loop_faster_than_the_timeout_is_told_once,
}

fn seconds(alert: &Heard, field: &str) -> f64 {
    alert.json[field]
        .as_f64()
        .unwrap_or_else(|| panic!("{field} in {}", alert.text))
}

fn a_death_and_a_return_are_told_once_each_in_the_bytes_of_the_contract(who: Watcher) {
    let watch = who.at_work();
    watch.beats.silence(who.subject);
    let miss = who.wait_miss(watch.alerts());
    let down = watch.stage.wait_health(who.subject, "down");
    watch.beats.resume(who.subject);
    let ok = who.wait_ok(watch.alerts());
    watch.stage.wait_health(who.subject, "up");
    watch.alerts().assert_nothing_else(TIMEOUT * 2);

    let (late, ts) = (
        seconds(&miss, "late_sec"),
        miss.json["ts"].as_i64().unwrap(),
    );
    let contract = format!(
        r#"{{"type":"{}","svc":"{}","late_sec":{late:?},"timeout_sec":1.0,"ts":{ts}"#,
        who.miss, who.subject
    );
    assert!(miss.text.starts_with(&contract), "{}", miss.text);
    // On a busy machine the watcher may have doubts of its own first.
    let longest = TIMEOUT_SEC + PATIENCE.as_secs_f64();
    assert!((TIMEOUT_SEC..longest).contains(&late), "{}", miss.text);
    assert!(miss.json.get("never_heard").is_none(), "{}", miss.text);
    assert!(miss.json.get("planned").is_none(), "{}", miss.text);

    let ts = ok.json["ts"].as_i64().unwrap();
    let contract = if who.program == "healer" {
        let age = seconds(&ok, "age_sec");
        assert!((0.0..5.0).contains(&age), "{}", ok.text);
        format!(
            r#"{{"type":"heartbeat_ok","svc":"{}","age_sec":{age:?},"ts":{ts}"#,
            who.subject
        )
    } else {
        format!(r#"{{"type":"healer_ok","svc":"healer","ts":{ts}"#)
    };
    assert!(ok.text.starts_with(&contract), "{}", ok.text);

    // The log is the history, with a number on each entry; the health key shows the last alert.
    let log = watch.stage.alert_log();
    assert_eq!(log, [miss.json.clone(), ok.json.clone()]);
    assert_ne!(miss.json["id"], ok.json["id"]);
    assert_eq!(down["alert"], miss.json);
    let fields = [
        "svc",
        "status",
        "since_ts",
        "last_seen_ts",
        "as_of_ts",
        "last_i",
        "timeout_sec",
        "misses",
        "restarts",
        "alert",
    ];
    for field in fields {
        assert!(down.get(field).is_some(), "no {field} in {down}");
    }
    assert_eq!(
        (&down["misses"], &down["timeout_sec"]),
        (&json!(1), &json!(1.0))
    );
}

fn a_subject_that_was_never_heard_is_told_dead_after_its_first_deadline(who: Watcher) {
    let stage = who.stage();
    let daemon = stage.start(who.program);
    let miss = who.wait_miss(&stage.alerts);
    assert_eq!(miss.json["never_heard"], true, "{}", miss.text);
    assert!(seconds(&miss, "late_sec") >= TIMEOUT_SEC, "{}", miss.text);
    let beats = stage.beat(&[who.subject]);
    who.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(TIMEOUT * 2);
    drop((beats, daemon));
}

fn a_planned_stop_becomes_a_miss_that_says_so(who: Watcher) {
    let watch = who.at_work();
    let eta = marketswarm::clock::wall_secs() + 300;
    let says = json!({"status": "stopping", "eta": eta});
    watch.beats.say(who.subject, says);
    watch.beats.wait_beat(who.subject);
    watch.beats.silence(who.subject);
    let miss = who.wait_miss(watch.alerts());
    assert_eq!(miss.json["planned"], true, "{}", miss.text);
    assert_eq!(miss.json["eta"], eta, "{}", miss.text);
    watch.beats.say(who.subject, json!({}));
    watch.beats.restart(who.subject);
    who.wait_ok(watch.alerts());
    watch.assert_still_judges();
}

fn what_is_no_beat_of_the_subject_keeps_nobody_alive_and_harms_nobody(who: Watcher) {
    let watch = who.at_work();
    let channel = format!("{}:heartbeat", who.subject);
    let long = format!(
        r#"{{"svc":"{}","i":7,"ts":1,"x":"{}"}}"#,
        who.subject,
        "x".repeat(5_000_000)
    );
    let deep = "[".repeat(100_000);
    let garbage: [&str; 12] = [
        "",
        "null",
        "42",
        "\"svc\"",
        "[]",
        "{",
        "{}",
        "\u{0}\u{1}\u{7f}",
        r#"{"svc":"somebody-else","i":1,"ts":1}"#,
        r#"{"svc":42,"i":1}"#,
        &long,
        &deep,
    ];
    let shout = || {
        for payload in garbage {
            watch
                .stage
                .redis
                .query::<u64>(&["PUBLISH", &channel, payload]);
        }
    };
    // Beside the beats they change nothing.
    for _ in 0..3 {
        shout();
    }
    watch.alerts().assert_nothing_else(TIMEOUT);
    // In the place of beats they are silence.
    watch.beats.silence(who.subject);
    for _ in 0..8 {
        shout();
        std::thread::sleep(secs(0.1));
    }
    who.wait_miss(watch.alerts());
    shout();
    watch.alerts().assert_nothing_else(secs(0.5));
    watch.beats.resume(who.subject);
    who.wait_ok(watch.alerts());
    watch.assert_still_judges();
    // They were said aloud, but not one by one.
    let said = watch.daemon.log_count("no beat");
    assert!((1..=3).contains(&said), "{said} lines about them");
}

fn the_clock_of_the_sender_is_irrelevant(who: Watcher) {
    let watch = who.at_work();
    let odd = [
        json!(0),
        json!(-1),
        json!(9_999_999_999_999_i64),
        json!("noon"),
        Value::Null,
        json!(1e300),
        json!([1]),
    ];
    for ts in odd {
        watch.beats.say(who.subject, json!({"ts": ts}));
        watch.beats.wait_beat(who.subject);
    }
    watch.alerts().assert_nothing_else(TIMEOUT);
    // A count that is no number is as good as none.
    watch
        .beats
        .say(who.subject, json!({"i": "many", "inst": 7}));
    watch.alerts().assert_nothing_else(TIMEOUT * 2);
    watch.assert_still_judges();
}

fn a_crash_loop_faster_than_the_timeout_is_told_once(who: Watcher) {
    let watch = who.at_work();
    for _ in 0..6 {
        std::thread::sleep(secs(INTERVAL_SEC));
        watch.beats.restart(who.subject);
        watch.beats.wait_beat(who.subject);
    }
    let told = watch
        .alerts()
        .wait("service_restarting", who.subject, PATIENCE);
    assert!(told.json["count"].as_u64() >= Some(3), "{}", told.text);
    watch.alerts().assert_nothing_else(TIMEOUT);
    let health = watch.stage.wait_health(who.subject, "up");
    assert_eq!(health["alert"], told.json);
}
