//! A service beats at once, on its interval, with a count that tells its whole story.

use serde_json::json;

use crate::support::alerts::Heard;
use crate::support::truth::seed_text;
use crate::support::{Alerts, PATIENCE, Stage, secs};

const SERVICES: [&str; 4] = ["rss_agg", "massive", "mesh", "vexy_ai"];

fn number(beat: &Heard) -> u64 {
    beat.json["i"].as_u64().unwrap()
}

#[test]
fn the_first_beat_comes_at_once_and_is_the_contract_byte_for_byte() {
    // With an interval of a minute, a beat that comes at all is the one at once.
    let stage = Stage::new(&SERVICES, 60.0, 180.0);
    for svc in SERVICES {
        let beats = Alerts::on_channel(&stage.redis, &format!("{svc}:heartbeat"));
        let _service = stage.start(svc);
        let beat = beats.wait_for("the first beat", PATIENCE, |_| true);
        let ts = beat.json["ts"].as_i64().expect("whole seconds");
        let inst = beat.json["inst"].as_str().expect("an instance");
        let contract = format!(r#"{{"svc":"{svc}","i":1,"ts":{ts},"inst":"{inst}""#);
        assert!(beat.text.starts_with(&contract), "{}", beat.text);
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs();
        assert!(ts.unsigned_abs().abs_diff(now) <= 60, "{ts} is not now");
    }
}

#[test]
fn who_sends_the_beats_is_said_to_whoever_begins_to_listen() {
    let stage = Stage::new(&["massive"], 0.1, 5.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let service = stage.start("massive");
    let is_whole = |b: &Heard| b.json["addr"].is_string();
    let card = beats.wait_for("the card", PATIENCE, is_whole);
    assert_eq!(card.json["pid"], service.id());
    assert_eq!(card.json["ver"], env!("CARGO_PKG_VERSION"));
    assert_eq!(card.json["addr"], "127.0.0.1");
    assert!(!card.json["host"].as_str().expect("a host").is_empty());

    let without = |b: &Heard| b.json["host"].is_null();
    beats.wait_for("a beat without it", PATIENCE, without);
    let late = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    late.wait_for("the card for one more listener", PATIENCE, is_whole);
    late.wait_for("a beat without it", PATIENCE, without);
}

#[test]
fn a_service_without_work_of_its_own_says_that_it_is_idle() {
    let stage = Stage::new(&["massive"], 0.2, 1.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let _service = stage.start("massive");
    beats.wait_for("an idle beat", PATIENCE, |b| b.json["status"] == "idle");
}

#[test]
fn beats_count_up_by_one_and_do_not_drift() {
    const WINDOW: usize = 20;
    let interval = secs(0.05);
    let stage = Stage::new(&["massive"], 0.05, 1.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let _service = stage.start("massive");
    let next = |i: usize| beats.wait_for("the next beat", PATIENCE, |b| number(b) == i as u64);
    let first = next(1);

    // How far each beat is behind the grid of the first one. Noise only delays, so the least of several is the grid; a
    // sender that sleeps an interval after each beat would be 20 ms behind after a hundred, and 40 ms after two hundred.
    // A machine that is busy with other tests may delay all of several: what counts is the best pair of windows, an early
    // one and a late one.
    let mut leasts = Vec::new();
    let mut drift = f64::MAX;
    for window in 0..10 {
        let mut least = f64::MAX;
        for n in 0..WINDOW {
            let beat = next(window * WINDOW + n + 2);
            assert_eq!(beat.json["inst"], first.json["inst"], "one process");
            let since = beat.at.duration_since(first.at).as_secs_f64();
            let step = (since / interval.as_secs_f64()).round();
            least = least.min(since - step * interval.as_secs_f64());
        }
        leasts.push(least);
        for early in leasts.iter().rev().skip(4) {
            drift = drift.min((least - early).abs());
        }
        if drift < 0.008 {
            return;
        }
    }
    panic!("{:.1} ms behind: {leasts:?}", drift * 1000.0);
}

#[test]
fn the_count_goes_on_through_an_outage_of_the_bus() {
    // Beats are so far apart that the ear is back in time for the first ones after the outage.
    let mut stage = Stage::new(&["massive"], 3.0, 10.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let mut service = stage.start("massive");
    let before = beats.wait_for("beat 2", PATIENCE, |b| number(b) == 2);

    stage.redis.kill();
    service.wait_log("no beat can be sent", PATIENCE);
    stage.redis.start_again();

    let after = beats.wait_for("a beat after the outage", PATIENCE, |b| number(b) > 2);
    // At most one beat was taken by a server that did not live to answer, and one may come before the ear.
    assert!(number(&after) <= 4, "{} follows 2", number(&after));
    assert_eq!(after.json["inst"], before.json["inst"]);
    assert!(service.is_alive());
    service.wait_log("beats go out again", PATIENCE);
}

#[test]
fn a_new_process_counts_from_one_with_a_new_instance() {
    let stage = Stage::new(&["massive"], 0.2, 1.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let mut first = stage.start("massive");
    let one = beats.wait_for("beat 1", PATIENCE, |b| number(b) == 1);
    first.kill();
    let _second = stage.start("massive");
    let other = beats.wait_for("beat 1 again", PATIENCE, |b| number(b) == 1);
    assert_ne!(one.json["inst"], other.json["inst"]);
}

#[test]
fn a_new_truth_is_obeyed_without_a_restart_and_a_bad_one_is_not() {
    let mut stage = Stage::new(&["massive"], 60.0, 180.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let mut service = stage.start("massive");
    beats.wait_for("beat 1", PATIENCE, |b| number(b) == 1);

    stage.truth["services"]["massive"]["heartbeat"]["interval_sec"] = json!(0.2);
    stage.reseed();
    beats.wait_for("beat 4, at the new interval", PATIENCE, |b| number(b) == 4);

    seed_text(&stage.redis, "{ this is not a truth");
    let last = beats.all().last().map(number).unwrap();
    beats.wait_for("beats as before", PATIENCE, |b| number(b) == last + 4);
    assert!(service.is_alive());
    assert_eq!(
        stage.redis.query::<String>(&["GET", "truth:doc"]),
        "{ this is not a truth"
    );
}

#[test]
fn a_new_truth_is_found_also_when_its_announcement_was_not_heard() {
    let mut stage = Stage::new(&["massive"], 60.0, 180.0);
    let beats = Alerts::on_channel(&stage.redis, "massive:heartbeat");
    let _service = stage.start("massive");
    beats.wait_for("beat 1", PATIENCE, |b| number(b) == 1);
    stage.truth["services"]["massive"]["heartbeat"]["interval_sec"] = json!(0.2);
    stage
        .redis
        .query::<()>(&["SET", "truth:doc", &stage.truth.to_string()]);
    beats.wait_for("beat 4, at the new interval", PATIENCE, |b| number(b) == 4);
}

#[test]
fn truth_says_on_which_channel_a_service_beats() {
    let mut stage = Stage::new(&["massive"], 0.2, 1.0);
    stage.truth["services"]["massive"]["heartbeat"]["channel"] = json!("pulse:of:massive");
    stage.reseed();
    let beats = Alerts::on_channel(&stage.redis, "pulse:of:massive");
    let _service = stage.start("massive");
    beats.wait_for("beat 2", PATIENCE, |b| number(b) == 2);
}
