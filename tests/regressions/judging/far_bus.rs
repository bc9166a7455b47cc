//! A bus that is far away was never judged: each echo took longer than a fixed 250 ms, and nobody said so.

use std::time::{Duration, Instant};

use crate::at_both;
use crate::support::watcher::{DOUBT, INTERVAL_SEC, TIMEOUT, TIMEOUT_SEC, Watch, Watcher};
use crate::support::{PATIENCE, Proxy, Stage, secs, until};

/// What the machine may take besides; the promise itself is 100 ms.
const SLACK: Duration = Duration::from_millis(600);

/// A watcher at work over a way of its own; whom it watches beats close to the server.
fn over(who: Watcher, least: Duration, jitter: Duration) -> (Watch, Proxy) {
    let stage = match who.program {
        // With somebody else who beats, so that one silence is no reason to look who answers for the bus.
        "healer" => Stage::new(&[who.subject, "svc-b", "svc-c"], INTERVAL_SEC, TIMEOUT_SEC),
        _ => who.stage(),
    };
    let way = Proxy::to(stage.redis.port());
    way.be_far(least, jitter);
    let beats = stage.beat(&[who.subject]);
    if who.program == "healer" {
        beats.add("svc-b", secs(INTERVAL_SEC));
        beats.add("svc-c", secs(INTERVAL_SEC));
    }
    let watch = Watch {
        beats,
        daemon: stage.start_with(who.program, &[("SYSTEM_REDIS_URL", &way.url())]),
        stage,
        who,
    };
    // A start asks a dozen questions, one after the other.
    let is_up = || match watch.stage.health(who.subject) {
        health if health["status"] == "up" => Ok(()),
        health => Err(health.to_string()),
    };
    until("a watcher at work", PATIENCE * 3, is_up);
    (watch, way)
}

fn dies_and_returns(watch: &Watch) -> Duration {
    let subject = watch.who.subject;
    let last = watch.beats.silence(subject);
    let miss = watch.who.wait_miss(watch.alerts());
    watch.beats.resume(subject);
    watch.who.wait_ok(watch.alerts());
    let late = miss.at.duration_since(last);
    assert!(late >= TIMEOUT, "told too early, after {late:?}");
    late - TIMEOUT
}

fn tells_in_time(who: Watcher, least: Duration, jitter: Duration) {
    let (watch, _way) = over(who, least, jitter);
    // Doubts of the start have their time here.
    dies_and_returns(&watch);
    let trips = if who.program == "healer" { 5 } else { 8 };
    let allowed = (least + jitter) * trips + SLACK;
    for _ in 0..2 {
        let late = dies_and_returns(&watch);
        assert!(late <= allowed, "{late:?} late, {allowed:?} allowed");
    }
    watch.alerts().assert_none(TIMEOUT, |a| {
        who.is_verdict(a) || a.kind().starts_with("bus_")
    });
}

fn a_death_is_told_over_300_ms(who: Watcher) {
    tells_in_time(who, secs(0.3), secs(0.0));
}

fn a_death_is_told_over_a_second(who: Watcher) {
    tells_in_time(who, secs(1.0), secs(0.0));
}

fn a_death_is_told_over_a_way_that_jitters_by_400_ms(who: Watcher) {
    tells_in_time(who, secs(0.6), secs(0.4));
}

fn a_way_that_becomes_far_is_learnt_and_costs_nobody_his_life(who: Watcher) {
    let (watch, way) = over(who, secs(0.005), secs(0.0));
    dies_and_returns(&watch);
    way.be_far(secs(0.6), secs(0.0));
    // Eight echoes, and the longest grace after them.
    let learning = secs(0.6) * (8 + 4) + DOUBT + TIMEOUT;
    watch.alerts().assert_none(learning, |a| {
        who.is_verdict(a) || a.kind().starts_with("bus_")
    });
    let late = dies_and_returns(&watch);
    let allowed = secs(0.6) * 8 + SLACK;
    assert!(late <= allowed, "{late:?} late, {allowed:?} allowed");
}

#[test]
fn the_lease_ran_out_over_a_second_and_deaths_waited_for_what_readers_need() {
    const DYING: usize = 20;
    let trip = secs(1.0);
    let names: Vec<String> = (0..3 * DYING).map(|n| format!("svc-{n}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let stage = Stage::new(&all, INTERVAL_SEC, TIMEOUT_SEC);
    let way = Proxy::to(stage.redis.port());
    way.be_far(trip, secs(0.0));
    let beats = stage.beat(&all);
    let _healer = stage.start_with("healer", &[("SYSTEM_REDIS_URL", &way.url())]);
    let judges = || match stage.health(all[0]) {
        health if health["status"] == "up" => Ok(()),
        health => Err(health.to_string()),
    };
    until("a healer at work", PATIENCE * 3, judges);

    let holder = || {
        stage
            .redis
            .query::<Option<String>>(&["GET", "healer:lease"])
    };
    let first = holder();
    assert!(first.is_some());
    let quiet = Instant::now() + secs(15.0);
    while Instant::now() < quiet {
        assert_eq!(holder(), first, "the lease");
        std::thread::sleep(secs(0.05));
    }

    // Some of them, one after the other.
    let dying = &all[..DYING];
    let silenced = dying.iter().map(|svc| {
        std::thread::sleep(trip / DYING as u32);
        (*svc, beats.silence(svc))
    });
    let silenced: Vec<(&str, Instant)> = silenced.collect();
    for (svc, last) in silenced {
        let miss = stage.alerts.wait("heartbeat_miss", svc, PATIENCE);
        let late = miss.at.duration_since(last) - TIMEOUT;
        // One more where others die at the same time: what is being written then is written first.
        let allowed = trip * 6 + trip / 2 + SLACK;
        assert!(late <= allowed, "{svc}: {late:?} late, {allowed:?} allowed");
    }
    assert_eq!(holder(), first, "the lease");
}

at_both!(
    a_death_is_told_over_300_ms,
    a_death_is_told_over_a_second,
    a_death_is_told_over_a_way_that_jitters_by_400_ms,
    a_way_that_becomes_far_is_learnt_and_costs_nobody_his_life,
);
