//! Redis took no writes: the state grew old and stayed green, then the healer was called silent though it judged.

use super::{Status, wait_table};
use crate::support::watcher::{HEALER, Watch};
use crate::support::{Daemon, PATIENCE, RedisServer, until};

/// What readers say while writes are refused, and after.
fn refuse(watch: Watch, refuse: impl FnOnce(&RedisServer), allow: impl FnOnce(&RedisServer)) {
    let stage = &watch.stage;
    wait_table(stage, "all are up", |status| status.code == 0);
    let url = stage.redis.url();
    let mut reader = Daemon::start_with(
        "marketswarm",
        &["watch", "--plain"],
        &[("SYSTEM_REDIS_URL", &url)],
    );
    stage.redis.wait_subscribed("svc-a:heartbeat", 2);
    refuse(&stage.redis);
    let said = "writes are refused: ";
    let status = wait_table(stage, "it is said", |s| s.text.contains(said));
    assert_eq!(status.code, 1, "{}", status.text);
    assert!(!status.text.contains("silent"), "{}", status.text);
    let line = status.line("svc-a");
    assert!(line.contains("unknown (as of "), "{}", status.text);
    assert_eq!(status.state("healer"), "up", "{}", status.text);
    reader.wait_log(said, PATIENCE);
    // The lease runs out where it cannot be renewed; the healer lives for all that.
    until("nothing but that is said for 8 s", PATIENCE, || {
        let status = Status::table(stage);
        assert!(!status.text.contains("silent"), "{}", status.text);
        match status.text.contains(said) && refused_for(stage) >= 8 {
            true => Ok(()),
            false => Err(status.text),
        }
    });
    assert_eq!(reader.log_count("silent"), 0, "{}", reader.log());

    allow(&stage.redis);
    wait_table(stage, "all are up again", |status| status.code == 0);
    reader.wait_log("Redis takes writes again", PATIENCE);
    reader.stop();
    watch.assert_still_judges();
}

/// For how many seconds writes have been refused.
fn refused_for(stage: &crate::support::Stage) -> i64 {
    let (_, json) = Status::json(stage);
    let refused = &json["writes_refused"];
    let ts = |name: &str| refused[name].as_i64().unwrap_or_default();
    ts("as_of_ts") - ts("since_ts")
}

#[test]
fn out_of_memory_is_said_and_nothing_is_green() {
    refuse(
        HEALER.at_work(),
        |redis| redis.config_set("maxmemory", "1"),
        |redis| redis.config_set("maxmemory", "0"),
    );
}

#[test]
fn a_read_only_replica_is_said_and_nothing_is_green() {
    // A master that is not there: the replica serves what it has.
    let nobody = RedisServer::prepare(&[]).port().to_string();
    refuse(
        HEALER.at_work(),
        |redis| redis.query(&["REPLICAOF", "127.0.0.1", &nobody]),
        |redis| redis.query(&["REPLICAOF", "NO", "ONE"]),
    );
}

#[test]
fn a_failed_save_is_said_and_nothing_is_green() {
    let redis = RedisServer::start_with(&["--appendonly", "no"]);
    redis.spoil_saves();
    refuse(
        HEALER.at_work_on(HEALER.stage_on(redis), &[]),
        |redis| redis.config_set("save", "1 1"),
        |redis| redis.config_set("stop-writes-on-bgsave-error", "no"),
    );
}
