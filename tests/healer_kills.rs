//! A healer that is killed again and again, at any moment, loses no alert, doubles none, and invents none.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::support::alerts::Heard;
use crate::support::watcher::{DOUBT, TIMEOUT_SEC};
use crate::support::{Beater, Stage, secs};

const KILLS: u32 = 50;
const SERVICES: [&str; 6] = ["k0", "k1", "k2", "k3", "k4", "k5"];
const INTERVAL_SEC: f64 = 0.15;
/// Longest life of a healer, in milliseconds: enough to judge, or not.
const LIFE_MS: u64 = 2500;
/// What no healer lives long enough to tell is told by the last one, which nobody kills.
const TOLD_WITHIN: Duration = Duration::from_secs(150);

/// A time in which a service did not beat.
struct Silence {
    began: Instant,
    ended: Instant,
}

#[test]
fn a_healer_killed_fifty_times_at_random_instants_loses_doubles_and_invents_nothing() {
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed} replays the instants of this run");
    let mut rng = Rng::with_seed(seed);
    let stage = Stage::new(&SERVICES, INTERVAL_SEC, TIMEOUT_SEC);
    let beats = stage.beat(&SERVICES);
    let is_over = AtomicBool::new(false);

    let silences: Vec<Vec<Silence>> = thread::scope(|scope| {
        let troubles = SERVICES.map(|svc| {
            let (stage, beats, is_over, rng) = (&stage, &beats, &is_over, rng.fork());
            scope.spawn(move || die_and_return(stage, beats, svc, is_over, rng))
        });
        for _ in 0..KILLS {
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
        let silences = troubles.map(|t| t.join().expect("what it awaited was told"));
        stage
            .alerts
            .assert_none(DOUBT + secs(TIMEOUT_SEC), |_| false);
        drop(healer);
        silences.into()
    });

    let all = stage.alerts.all();
    for (svc, silences) in SERVICES.iter().zip(&silences) {
        let of_svc = all.iter().filter(|a| a.svc() == *svc);
        let (flapping, told): (Vec<&Heard>, Vec<&Heard>) =
            of_svc.partition(|a| a.is_about_flapping());
        check(svc, &told, silences);
        for (n, alert) in flapping.iter().enumerate() {
            let kind = ["flapping", "steady"][n % 2];
            assert_eq!(alert.kind(), kind, "{svc}: {flapping:#?}");
        }
    }
    // The channel and the log tell the same story, each part of it once.
    let log = stage.whole_log();
    assert!(
        log.len() >= 20,
        "only {} alerts: the healers hardly spoke",
        log.len()
    );
    let ids: BTreeSet<String> = log.iter().map(|a| a["id"].to_string()).collect();
    assert_eq!(ids.len(), log.len(), "an alert is in the log twice");
    let heard: Vec<_> = all.into_iter().map(|a| a.json).collect();
    assert_eq!(heard, log);
}

/// Dies and returns until it is over. Half of the times it waits until the death is told, or the return: nothing of
/// that may be lost, however many healers it takes.
fn die_and_return(
    stage: &Stage,
    beats: &Beater,
    svc: &str,
    is_over: &AtomicBool,
    mut rng: Rng,
) -> Vec<Silence> {
    let mut silences = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let began = beats.silence(svc);
        if rng.bool() {
            wait_told(stage, svc, "heartbeat_miss");
        } else {
            // Around the timeout: told or not, as it happens.
            thread::sleep(Duration::from_millis(rng.u64(700..1400)));
        }
        beats.resume(svc);
        let ended = Instant::now();
        silences.push(Silence { began, ended });
        if rng.bool() && last_told(stage, svc).is_some() {
            wait_told(stage, svc, "heartbeat_ok");
        }
        thread::sleep(Duration::from_millis(rng.u64(100..2000)));
    }
    // Whatever was told last, it must not stay a death.
    if last_told(stage, svc).is_some() {
        wait_told(stage, svc, "heartbeat_ok");
    }
    silences
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
fn wait_told(stage: &Stage, svc: &str, kind: &str) {
    let end = Instant::now() + TOLD_WITHIN;
    while last_told(stage, svc).is_none_or(|last| last != kind) {
        assert!(Instant::now() < end, "{kind} about {svc} is lost");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Deaths and returns alternate and end with a return; each death falls into a silence of more than the timeout.
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
            // It may arrive a moment after the service came back.
            let is_true = silences.iter().any(|s| {
                alert.at.duration_since(s.began) >= secs(TIMEOUT_SEC)
                    && alert.at <= s.ended + secs(0.5)
            });
            assert!(is_true, "{svc} was not silent at this: {}", alert.text);
        }
    }
    assert!(
        told.len().is_multiple_of(2),
        "{svc} came back, untold: {story:#?}"
    );
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
    stage.alerts.assert_none(DOUBT, |_| false);
    let log = stage.alert_log();
    let told: BTreeSet<&str> = log.iter().filter_map(|a| a["svc"].as_str()).collect();
    assert_eq!((log.len(), told.len()), (1000, 1000), "in {lives} lives");
    assert_eq!(stage.alerts.all().len(), 1000);
}
