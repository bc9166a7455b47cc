//! A service that said that it is `idle` or `standby` was shown as plainly `up`.

use serde_json::json;

use super::{Status, wait_table};
use crate::support::watcher::{INTERVAL_SEC, TIMEOUT_SEC};
use crate::support::{PATIENCE, Stage};

#[test]
fn what_an_up_service_says_of_itself_is_shown_and_counts_as_up() {
    let stage = Stage::new(&["svc-a", "svc-b"], INTERVAL_SEC, TIMEOUT_SEC);
    let beats = stage.beat(&["svc-a", "svc-b"]);
    beats.say("svc-a", json!({"status": "unconfigured"}));
    let _healer = stage.healer_for("svc-a");
    stage.wait_health("svc-b", "up");
    for word in ["unconfigured", "standby", "idle"] {
        beats.say("svc-a", json!({"status": word}));
        let shown = wait_table(&stage, word, |status| status.state("svc-a") == word);
        assert_eq!(
            (shown.code, shown.state("svc-b")),
            (0, "up"),
            "{}",
            shown.text
        );
    }
    let (code, all) = Status::json(&stage);
    let services = all["services"].as_array().unwrap();
    let service = services.iter().find(|s| s["svc"] == "svc-a").unwrap();
    assert_eq!((code, &all["all_up"]), (0, &json!(true)), "{all}");
    assert_eq!(
        (&service["status"], &service["beat_status"]),
        (&json!("up"), &json!("idle")),
        "{all}"
    );
    let health = stage.health("svc-a");
    assert_eq!(
        (&health["status"], &health["beat_status"]),
        (&json!("up"), &json!("idle"))
    );
    // No more than a word is taken from it, and never one for how it stands.
    for text in ["down", "\u{1b}[2J\nsvc-b    down", "up"] {
        beats.say("svc-a", json!({"status": text}));
        wait_table(&stage, text, |status| status.state("svc-a") == "up");
        beats.say("svc-a", json!({"status": "paused"}));
        wait_table(&stage, "paused", |status| status.state("svc-a") == "paused");
    }
    // Of one that is silent the word counts no more.
    beats.silence("svc-a");
    stage.alerts.wait("heartbeat_miss", "svc-a", PATIENCE);
    let down = wait_table(&stage, "down", |status| status.state("svc-a") == "down");
    assert_eq!(down.code, 1);
    assert_eq!(stage.health("svc-a")["beat_status"], json!(null));
}
