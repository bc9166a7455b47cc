//! A sentinel that failed while the bus was away ended as if it had been told to.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::daemon::example;
use crate::support::{Daemon, PATIENCE, Stage};

#[test]
fn a_sentinel_that_lost_a_thread_while_the_bus_was_away_ended_as_if_all_were_well() {
    let program = example("sentinel_bereft");
    let folder = tempfile::tempdir().unwrap();
    let lose = folder.path().join("lose");
    let mut stage = Stage::new(&["healer"], 1.0, 3.0);
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("SYSTEM_REDIS_URL", stage.redis.url())
        .env("LOSE_THREAD", &lose)
        .stdin(Stdio::null());
    let mut sentinel = Daemon::spawn("sentinel_bereft", command);
    stage.redis.wait_subscribed("healer:heartbeat", 1);
    stage.redis.kill();
    sentinel.wait_log("; trying on", PATIENCE);
    fs::write(&lose, "").unwrap();
    assert_eq!(sentinel.wait_exit(PATIENCE), 1);
    let log = sentinel.log();
    assert!(log.contains("thread worker ended: no disk"), "{log}");
}
