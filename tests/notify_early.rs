//! A healer that starts while its bus is down has no truth yet; people hear of the outage, and of its end, once.

use serde_json::json;

use crate::support::receiver::{Receiver, Taken};
use crate::support::{PATIENCE, Stage, secs, until};

/// A bus whose only service never beats, and is not missed while this test lasts.
fn stage() -> Stage {
    Stage::new(&["a"], 0.3, 600.0)
}

/// What people read; a message that is sent again after a kill is the same to them.
fn texts(receiver: &Receiver) -> Vec<String> {
    receiver.messages().iter().map(Taken::text).collect()
}

/// The log has the outage and its end, once each.
fn wait_logged(stage: &Stage) {
    until("the log has both", PATIENCE, || {
        let log = stage.alert_log();
        let kinds: Vec<&str> = log.iter().filter_map(|a| a["type"].as_str()).collect();
        if kinds == ["bus_down", "bus_up"] {
            Ok(())
        } else {
            Err(format!("{kinds:?}"))
        }
    });
}

#[test]
fn by_the_channels_of_the_environment() {
    let (mut stage, receiver) = (stage(), Receiver::start());
    let url = receiver.url();
    stage.redis.kill();
    let healer = stage.start_with("healer", &[("WEBHOOK_URL", &url)]);
    let down = receiver.wait_text("BUS DOWN system-redis: ", PATIENCE);
    assert!(down.text().contains("cannot be reached"), "{}", down.text());
    stage.redis.start_again();
    healer.wait_log("holds the lease and speaks", PATIENCE);
    receiver.wait_text("BUS UP system-redis after", PATIENCE);
    wait_logged(&stage);
    std::thread::sleep(secs(2.0));
    assert_eq!(texts(&receiver).len(), 2, "{:?}", texts(&receiver));
}

#[test]
fn by_the_channels_of_the_last_truth_and_once_over_a_kill() {
    let (mut stage, receiver) = (stage(), Receiver::start());
    stage.truth["services"]["healer"]["notify"] =
        json!([{"name": "ops", "kind": "webhook", "url_env": "OPS_URL"}]);
    stage.reseed();
    let folder = tempfile::tempdir().unwrap();
    let url = receiver.url();
    let env = [
        ("OPS_URL", url.as_str()),
        ("STATE_DIR", folder.path().to_str().unwrap()),
    ];
    let mut healer = stage.start_with("healer", &env);
    healer.wait_log("channel ops", PATIENCE);
    healer.stop();
    stage.redis.kill();
    let mut healer = stage.start_with("healer", &env);
    receiver.wait_text("BUS DOWN system-redis: ", PATIENCE);
    healer.kill();
    let healer = stage.start_with("healer", &env);
    healer.wait_log("that was told before", PATIENCE);
    stage.redis.start_again();
    receiver.wait_text("BUS UP system-redis", PATIENCE);
    healer.wait_log("holds the lease and speaks", PATIENCE);
    std::thread::sleep(secs(2.0));
    assert_eq!(texts(&receiver).len(), 2, "{:?}", texts(&receiver));
}
