//! A service died, people were told, and truth dropped it and named it again before anybody removed its record. It was
//! dead as before, and nobody was told: the record said that they knew, while its end was told with its removal.

use crate::support::truth::add_service;
use crate::support::watcher::{HEALER, INTERVAL_SEC, TIMEOUT_SEC};
use crate::support::{PATIENCE, secs};

#[test]
fn one_that_is_dead_when_truth_names_it_anew_is_told_again() {
    let mut watch = HEALER.at_work();
    add_service(&mut watch.stage.truth, "lost", INTERVAL_SEC, TIMEOUT_SEC);
    let (with, mut without) = (watch.stage.truth.clone(), watch.stage.truth.clone());
    without["services"].as_object_mut().unwrap().remove("lost");
    watch.beats.add("lost", secs(INTERVAL_SEC));
    watch.stage.reseed();
    watch.stage.wait_health("lost", "up");
    watch.beats.silence("lost");
    let told = watch.alerts().wait("heartbeat_miss", "lost", PATIENCE);
    watch.stage.wait_health("lost", "down");

    // While no healer looks, truth names it no more: its record stays.
    watch.daemon.stop();
    watch.stage.truth = without;
    watch.stage.reseed();
    watch.daemon = watch.stage.healer_for("svc-a");
    assert_eq!(watch.stage.health("lost")["status"], "down");
    watch.stage.truth = with;
    watch.stage.reseed();
    let again = watch.alerts().wait("heartbeat_miss", "lost", PATIENCE);
    assert_ne!(again.json["id"], told.json["id"]);
    assert_eq!(again.json["again"], true, "{}", again.text);

    watch.beats.resume("lost");
    watch.alerts().wait("heartbeat_ok", "lost", PATIENCE);
    watch.assert_still_judges();
}
