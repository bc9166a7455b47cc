//! `ack` read the last snapshot as if somebody vouched for it: with no healer left, it said that all was well.

use super::Status;
use crate::support::watcher::{INTERVAL_SEC, TIMEOUT_SEC};
use crate::support::{PATIENCE, Stage};

#[test]
fn an_ack_says_that_nobody_knows_rather_than_that_the_service_is_not_down() {
    let stage = Stage::new(&["svc-a", "svc-d"], INTERVAL_SEC, TIMEOUT_SEC);
    let beats = stage.beat(&["svc-a", "svc-d"]);
    let mut healer = stage.healer_for("svc-a");
    stage.wait_health("svc-a", "up");
    let well = Status::ask(&stage, &["ack", "svc-a"]);
    assert_eq!(well.code, 1);
    assert!(well.text.contains("svc-a is not down"), "{}", well.text);

    beats.silence("svc-d");
    stage.alerts.wait("heartbeat_miss", "svc-d", PATIENCE);
    healer.stop();
    let gone = Status::ask(&stage, &["ack", "svc-a"]);
    assert_eq!(gone.code, 1);
    assert!(
        gone.text
            .contains("nobody knows how svc-a stands: the healer is silent"),
        "{}",
        gone.text
    );
    // What was told stays told.
    let told = Status::ask(&stage, &["ack", "svc-d"]);
    assert_eq!(told.code, 0, "{}", told.text);
}
