//! A bus that takes no writes still carries the news; what could not be written down is written later.

use crate::at_both;
use crate::support::watcher::{TIMEOUT, Watch, Watcher};
use crate::support::{PATIENCE, RedisServer, until};

at_both! {
    out_of_memory_keeps_nobody_from_being_told,
    a_read_only_replica_keeps_nobody_from_being_told,
    a_failed_save_keeps_nobody_from_being_told,
}

/// A death and a return while writes are refused, then writes are allowed.
fn refuse(watch: &Watch, refuse: impl FnOnce(&RedisServer), allow: impl FnOnce(&RedisServer)) {
    let (who, redis) = (watch.who, &watch.stage.redis);
    refuse(redis);
    until("a refused write", PATIENCE, || {
        match redis.try_query::<()>(&["SET", "x", "y"]) {
            Err(_) => Ok(()),
            Ok(()) => Err("it was taken".into()),
        }
    });
    watch.beats.silence(who.subject);
    let miss = who.wait_miss(watch.alerts());
    assert!(!log_has(watch, &miss.json));
    if who.program == "healer" {
        watch
            .alerts()
            .wait("bus_readonly", "system-redis", PATIENCE);
    }

    allow(redis);
    until("the alert in the log", PATIENCE, || {
        if log_has(watch, &miss.json) {
            Ok(())
        } else {
            Err("it is not there".into())
        }
    });
    let down = watch.stage.wait_health(who.subject, "down");
    assert_eq!(down["alert"]["id"], miss.json["id"]);
    // Paid, not told again.
    watch.alerts().assert_none(TIMEOUT, |a| who.is_verdict(a));

    watch.beats.resume(who.subject);
    who.wait_ok(watch.alerts());
    watch.assert_still_judges();
    assert!(watch.alerts().count("bus_readonly", "system-redis") <= 1);
}

fn log_has(watch: &Watch, alert: &serde_json::Value) -> bool {
    watch
        .stage
        .alert_log()
        .iter()
        .any(|a| a["id"] == alert["id"])
}

fn out_of_memory_keeps_nobody_from_being_told(who: Watcher) {
    refuse(
        &who.at_work(),
        |redis| redis.config_set("maxmemory", "1"),
        |redis| redis.config_set("maxmemory", "0"),
    );
}

fn a_read_only_replica_keeps_nobody_from_being_told(who: Watcher) {
    // A master that is not there: the replica serves what it has.
    let nobody = RedisServer::prepare(&[]).port().to_string();
    refuse(
        &who.at_work(),
        |redis| redis.query(&["REPLICAOF", "127.0.0.1", &nobody]),
        |redis| redis.query(&["REPLICAOF", "NO", "ONE"]),
    );
}

fn a_failed_save_keeps_nobody_from_being_told(who: Watcher) {
    let redis = RedisServer::start_with(&["--appendonly", "no"]);
    redis.spoil_saves();
    refuse(
        &who.at_work_on(who.stage_on(redis), &[]),
        // From now on it tries to save a second after a change, and fails.
        |redis| redis.config_set("save", "1 1"),
        |redis| redis.config_set("stop-writes-on-bgsave-error", "no"),
    );
}
