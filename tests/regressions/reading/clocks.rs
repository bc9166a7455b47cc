//! What is old was told by the reader's own clock: one that went wrong, or was set right, made all of it old.

use super::{Status, wait_table};
use crate::support::watcher::{HEALER, INTERVAL_SEC, TIMEOUT_SEC};
use crate::support::{FakeClock, Stage};

#[test]
fn a_healer_whose_clock_steps_or_differs_from_the_reader_s_makes_nobody_old() {
    let Some(clock) = FakeClock::here() else {
        return;
    };
    let stage = Stage::on(clock.redis(), &[HEALER.subject], INTERVAL_SEC, TIMEOUT_SEC);
    let _beats = stage.beat(&[HEALER.subject]);
    let env = clock.env();
    let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let _healer = stage.start_with("healer", &env);
    // The reader keeps the machine's time.
    wait_table(&stage, "all are up", |status| status.code == 0);
    for ahead in [3600, -3600] {
        clock.set(ahead);
        let written = |status: &Status| {
            let (_, json) = Status::json(&stage);
            let as_of = json["services"].as_array().unwrap().iter();
            let as_of: Vec<i64> = as_of.filter_map(|s| s["as_of_ts"].as_i64()).collect();
            let now = crate::support::fake_clock::real_secs() + ahead;
            status.code == 0 && as_of.iter().any(|ts| (ts - now).abs() < 60)
        };
        wait_table(&stage, "all are up by the new clock", written);
    }
}
