//! A healer that is killed again and again, at any moment, loses no alert, doubles none, and invents none.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use serde_json::Value;

use crate::support::alerts::Heard;
use crate::support::beater::Silence;
use crate::support::watcher::{DOUBT, TIMEOUT_SEC};
use crate::support::{Beater, PATIENCE, Stage, repetitions, secs, until};

/// In a usual run.
const KILLS: u32 = 50;
/// On a busy machine healers come to speak late, if at all: until so much was told, there are more of them.
const TOLD_MIN: usize = 20;
const SERVICES: [&str; 6] = ["k0", "k1", "k2", "k3", "k4", "k5"];
const INTERVAL_SEC: f64 = 0.15;
/// Longest life of a healer, in milliseconds: enough to judge, or not.
const LIFE_MS: u64 = 2500;
/// What no healer lives long enough to tell is told by the last one, which nobody kills: in this time.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_healer_killed_again_and_again_at_random_instants_loses_doubles_and_invents_nothing() {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed} replays the instants of this run");
    let mut rng = Rng::with_seed(seed);
    let kills_min = repetitions(KILLS);
    let stage = Stage::new(&SERVICES, INTERVAL_SEC, TIMEOUT_SEC);
    let beats = stage.beat(&SERVICES);
    let is_over = AtomicBool::new(false);

    thread::scope(|scope| {
        let troubles = SERVICES.map(|svc| {
            let (stage, beats, is_over, rng) = (&stage, &beats, &is_over, rng.fork());
            scope.spawn(move || die_and_return(stage, beats, svc, is_over, rng))
        });
        let mut kills = 0;
        while kills < kills_min || (told_so_far(&stage) < TOLD_MIN && kills < 2 * kills_min) {
            kills += 1;
            let mut healer = stage.start("healer");
            thread::sleep(Duration::from_millis(rng.u64(..LIFE_MS)));
            healer.kill();
            if rng.bool() {
                // Spares the next one the seconds until the lease of the dead runs out, so that it comes to speak.
                stage.redis.query::<()>(&["DEL", "healer:lease"]);
            }
        }
        // The last one stays.
        let healer = stage.start("healer");
        is_over.store(true, Ordering::SeqCst);
        for trouble in troubles {
            trouble.join().expect("what it awaited was told");
        }
        stage
            .alerts
            .assert_none(DOUBT + secs(TIMEOUT_SEC), |_| false);
        drop(healer);
    });

    // The channel and the log tell the same story, each part of it once.
    let (all, log) = until("the channel tells what the log holds", PATIENCE, || {
        let (all, log) = (stage.alerts.all(), stage.whole_log());
        match all.iter().map(|a| &a.json).eq(&log) {
            true => Ok((all, log)),
            false => Err(format!("{all:#?}\n{log:#?}")),
        }
    });
    for svc in SERVICES {
        let of_svc = all.iter().filter(|a| a.svc() == svc);
        let (flapping, told): (Vec<&Heard>, Vec<&Heard>) =
            of_svc.partition(|a| a.is_about_flapping());
        check(svc, &told, &beats.silences(svc, secs(TIMEOUT_SEC)));
        for (n, alert) in flapping.iter().enumerate() {
            let kind = ["flapping", "steady"][n % 2];
            assert_eq!(alert.kind(), kind, "{svc}: {flapping:#?}");
        }
    }
    assert!(
        log.len() >= TOLD_MIN,
        "only {} alerts: the healers hardly spoke",
        log.len()
    );
    let ids: BTreeSet<String> = log.iter().map(|a| a["id"].to_string()).collect();
    assert_eq!(ids.len(), log.len(), "an alert is in the log twice");
}

fn told_so_far(stage: &Stage) -> usize {
    stage.redis.query(&["XLEN", "healer:alerts:log"])
}

/// Dies and returns until it is over. Half of the times it waits until the death is told, or the return: nothing of
/// that may be lost, however many healers it takes.
fn die_and_return(stage: &Stage, beats: &Beater, svc: &str, is_over: &AtomicBool, mut rng: Rng) {
    while !is_over.load(Ordering::SeqCst) {
        beats.silence(svc);
        if rng.bool() {
            wait_told(stage, svc, "heartbeat_miss", is_over);
        } else {
            // Around the timeout: told or not, as it happens.
            thread::sleep(Duration::from_millis(rng.u64(700..1400)));
        }
        beats.resume(svc);
        if rng.bool() && last_told(stage, svc).is_some() {
            wait_told(stage, svc, "heartbeat_ok", is_over);
        }
        thread::sleep(Duration::from_millis(rng.u64(100..2000)));
    }
    // Whatever was told last, it must not stay a death.
    if last_told(stage, svc).is_some() {
        wait_told(stage, svc, "heartbeat_ok", is_over);
    }
}

/// The type of the last alert about a service.
fn last_told(stage: &Stage, svc: &str) -> Option<String> {
    let all = stage.alerts.all();
    let last = all
        .iter()
        .rfind(|a| a.svc() == svc && !a.is_about_flapping())?;
    Some(last.kind().to_owned())
}

/// Waits until this is the last that was told about a service.
fn wait_told(stage: &Stage, svc: &str, kind: &str, is_over: &AtomicBool) {
    let mut lives = Instant::now();
    while last_told(stage, svc).is_none_or(|last| last != kind) {
        if !is_over.load(Ordering::SeqCst) {
            lives = Instant::now();
        }
        assert!(lives.elapsed() < TOLD_WITHIN, "{kind} about {svc} is lost");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Deaths and returns alternate and end with a return; each death was judged in a silence of more than the timeout.
fn check(svc: &str, told: &[&Heard], silences: &[Silence]) {
    let story: Vec<String> = told.iter().map(|a| a.text.clone()).collect();
    for (n, alert) in told.iter().enumerate() {
        let kind = if n % 2 == 0 {
            "heartbeat_miss"
        } else {
            "heartbeat_ok"
        };
        assert_eq!(alert.kind(), kind, "{svc}: {story:#?}");
        if kind == "heartbeat_miss" {
            let judged = judged(&alert.json);
            let is_true = silences
                .iter()
                .any(|s| judged.1 >= s.began + secs(TIMEOUT_SEC) && judged.0 <= s.ended);
            assert!(is_true, "{svc} was not silent at this: {}", alert.text);
        }
    }
    assert!(
        told.len().is_multiple_of(2),
        "{svc} came back, untold: {story:#?}"
    );
}

/// Between which moments an alert was judged: it is told later, but dated then, in whole seconds.
fn judged(alert: &Value) -> (SystemTime, SystemTime) {
    let ts = SystemTime::UNIX_EPOCH + Duration::from_secs(alert["ts"].as_u64().unwrap());
    (ts, ts + Duration::from_secs(1))
}

#[test]
fn a_healer_killed_while_it_tells_a_thousand_deaths_leaves_the_rest_to_the_next() {
    let names: Vec<String> = (0..1000).map(|i| format!("k{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let stage = Stage::new(&names, INTERVAL_SEC, TIMEOUT_SEC);
    let log_len = || stage.redis.query::<usize>(&["XLEN", "healer:alerts:log"]);
    // Nobody ever beats: all deadlines come at once.
    let mut rng = Rng::new();
    let mut lives = 0;
    while log_len() < names.len() {
        lives += 1;
        assert!(lives < 60, "{} told in {lives} lives", log_len());
        let told = log_len();
        let mut healer = stage.start("healer");
        let end = Instant::now() + Duration::from_secs(20);
        while log_len() == told && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        // In the first lives at any step of the telling, in the last at its end.
        let more = if lives < 6 { rng.u64(..8) } else { 500 };
        thread::sleep(Duration::from_millis(more));
        healer.kill();
        stage.redis.query::<()>(&["DEL", "healer:lease"]);
    }
    let _healer = stage.start("healer");
    until("the channel tells of all", PATIENCE, || {
        match stage.alerts.all().len() {
            n if n >= names.len() => Ok(()),
            n => Err(format!("of {n}")),
        }
    });
    stage.alerts.assert_none(DOUBT, |_| false);
    let log = stage.alert_log();
    let told: BTreeSet<&str> = log.iter().filter_map(|a| a["svc"].as_str()).collect();
    assert_eq!((log.len(), told.len()), (1000, 1000), "in {lives} lives");
    assert_eq!(stage.alerts.all().len(), 1000);
}
