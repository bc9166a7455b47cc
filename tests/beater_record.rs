//! What those who beat in tests record of themselves: a machine that keeps a beater from its work makes a service silent in
//! earnest, a server that does not answer does not.

use std::time::{Duration, SystemTime};

use crate::support::beater::Death;
use crate::support::watcher::{HEALER, INTERVAL_SEC, TIMEOUT, TIMEOUT_SEC};
use crate::support::{Beater, PATIENCE, RedisServer, secs, until};

/// Longer than the timeout.
const HELD_UP: Duration = Duration::from_millis(2500);

#[test]
fn a_death_that_the_beater_s_own_lateness_explains_is_set_aside_with_its_end_and_no_other_is() {
    let watch = HEALER.at_work();
    watch.beats.hold_up(HELD_UP);
    let told = until("both are told", PATIENCE, || {
        let all = watch.alerts().all();
        match &all[..] {
            [miss, ok] if (miss.kind(), ok.kind()) == ("heartbeat_miss", "heartbeat_ok") => Ok(all),
            _ => Err(format!("{all:?}")),
        }
    });
    watch.alerts().assert_nothing_else(TIMEOUT);
    assert_eq!(watch.alerts().count("heartbeat_miss", "svc-a"), 0);
    assert!(watch.stage.alert_log().is_empty());
    // The record explains nothing that came before or long after it, nor more silence than there was.
    let (record, time) = (watch.beats.record(), told[0].time);
    let last_i = told[0].json["last_i"].as_u64();
    let explains = |late_sec, last_i, at| {
        let death = Death {
            late_sec,
            last_i,
            at,
            timeout: TIMEOUT,
        };
        record.explains("svc-a", death)
    };
    assert!(explains(TIMEOUT_SEC, last_i, time));
    assert!(!explains(HELD_UP.as_secs_f64() + 2.0, last_i, time));
    assert!(!explains(TIMEOUT_SEC, last_i.map(|i| i + 1), time));
    assert!(!explains(TIMEOUT_SEC, None, time - HELD_UP));
    assert!(!explains(TIMEOUT_SEC, None, time + secs(60.0)));
    // A death that the test wants is none of the beater's.
    watch.assert_still_judges();
    assert_eq!(watch.stage.alert_log().len(), 2);
}

#[test]
fn waiting_for_a_server_that_does_not_answer_explains_no_death() {
    let redis = RedisServer::start();
    let beats = Beater::start(&redis, &["a"], secs(INTERVAL_SEC));
    beats.wait_beat("a");
    redis.pause();
    std::thread::sleep(HELD_UP);
    let record = beats.record();
    let explained = |at| {
        let death = Death {
            late_sec: TIMEOUT_SEC,
            last_i: None,
            at,
            timeout: TIMEOUT,
        };
        record.explains("a", death)
    };
    assert!(!explained(SystemTime::now()));
    redis.resume();
    beats.wait_beat("a");
    let silences = beats.silences("a", TIMEOUT);
    assert!(!silences.is_empty(), "the server did not stand still");
    for silence in silences {
        assert!(!explained(silence.ended), "{silence:?}");
    }
}
