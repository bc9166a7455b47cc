//! A server that lost its data got only some of the health keys back at once, the others up to a minute later, when
//! services changed their words meanwhile: each of these took the turn of another.

use serde_json::json;

use crate::support::watcher::{INTERVAL_SEC, TIMEOUT_SEC};
use crate::support::{PATIENCE, Stage, until};

#[test]
fn a_server_that_lost_its_data_gets_all_of_them_back_while_services_change_their_words() {
    let names: Vec<String> = (0..12).map(|n| format!("svc-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut stage = Stage::new(&names, INTERVAL_SEC, TIMEOUT_SEC);
    let beats = stage.beat(&names);
    let _healer = stage.healer_for("svc-0");
    for name in &names {
        stage.wait_health(name, "up");
    }
    stage.restart_bus_empty();
    stage.reseed();
    let mut nth = 0;
    until("every health key", PATIENCE, || {
        nth += 1;
        for name in &names[..6] {
            beats.say(name, json!({"status": format!("word-{nth}")}));
        }
        let lost: Vec<_> = names.iter().filter(|n| stage.health(n).is_null()).collect();
        match lost.is_empty() {
            true => Ok(()),
            false => Err(format!("{lost:?}")),
        }
    });
}
