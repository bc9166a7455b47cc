//! A service died, people were told, and truth dropped it and named it again before anybody removed its record. It was
//! dead as before, and nobody was told: the record said that they knew, while its end was told with its removal.

use crate::support::watcher::HEALER;
use crate::support::{PATIENCE, Stage};

/// Puts a truth with or without the service in force.
fn name(stage: &mut Stage, svc: &str, is_named: bool) {
    let spec = stage.truth["services"]["svc-b"].clone();
    let services = stage.truth["services"].as_object_mut().expect("services");
    match is_named {
        true => services.insert(svc.to_owned(), spec),
        false => services.remove(svc),
    };
    stage.reseed();
}

#[test]
fn one_that_is_dead_when_truth_names_it_anew_is_told_again() {
    let mut watch = HEALER.at_work();
    watch.beats.silence("svc-a");
    let told = watch.alerts().wait("heartbeat_miss", "svc-a", PATIENCE);
    watch.stage.wait_health("svc-a", "down");
    // While no healer looks, truth names it no more: its record stays.
    watch.daemon.stop();
    name(&mut watch.stage, "svc-a", false);
    watch.daemon = watch.stage.healer_for("svc-b");
    assert_eq!(watch.stage.health("svc-a")["status"], "down");
    name(&mut watch.stage, "svc-a", true);
    let again = watch.alerts().wait("heartbeat_miss", "svc-a", PATIENCE);
    assert_ne!(again.json["id"], told.json["id"]);
    assert_eq!(again.json["again"], true, "{}", again.text);

    watch.beats.resume("svc-a");
    watch.alerts().wait("heartbeat_ok", "svc-a", PATIENCE);
    watch.assert_still_judges();
}
