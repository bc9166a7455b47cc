//! A bus that comes and goes for so long that nobody can be judged: that is said once, nobody is told dead for it, and
//! who died meanwhile is told when it holds again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::support::receiver::Receiver;
use crate::support::watcher::{DOUBT, HEALER, INTERVAL_SEC, SENTINEL, TIMEOUT, TIMEOUT_SEC};
use crate::support::{PATIENCE, Proxy, Stage, secs};

/// Nothing is judged while links live for no longer than this: every service gets 3.25 s after each.
const LINK_LIFE: Duration = Duration::from_secs(1);
/// After so long it is to be said.
const UNSTABLE_AFTER: Duration = Duration::from_secs(60);
/// A busy machine may let a link live for long enough to be judged by: then the time begins anew.
const SAID_WITHIN: Duration = Duration::from_secs(180);

#[test]
fn a_bus_that_comes_and_goes_for_a_minute_is_said_once_and_who_died_meanwhile_is_told_after_it() {
    let stage = Stage::new(&["svc-a", "svc-b"], INTERVAL_SEC, TIMEOUT_SEC);
    let (link, receiver) = (Proxy::to(stage.redis.port()), Receiver::start());
    let (bus, hook) = (link.url(), receiver.url());
    let env = [("SYSTEM_REDIS_URL", bus.as_str()), ("WEBHOOK_URL", &hook)];
    let beats = stage.beat(&["svc-a", "svc-b"]);
    beats.wait_beat("svc-a");
    let healer = stage.start_with("healer", &env);
    let sentinel = stage.start_with("sentinel", &env);
    for svc in ["svc-a", "svc-b", "healer"] {
        stage.wait_health(svc, "up");
    }

    let begin = Instant::now();
    let mut cuts = 0;
    let mut come_and_go_until = |end: &dyn Fn() -> bool| {
        while !end() {
            cuts += link.links();
            link.cut();
            std::thread::sleep(LINK_LIFE);
        }
    };
    come_and_go_until(&|| begin.elapsed() >= UNSTABLE_AFTER / 2);
    let last = beats.silence("svc-a");
    come_and_go_until(&|| begin.elapsed() >= UNSTABLE_AFTER - secs(2.0));
    stage.alerts.assert_nothing_else(Duration::ZERO);
    let said = "nothing could be judged";
    let is_said =
        || stage.alerts.count("bus_unstable", "system-redis") > 0 && sentinel.log_count(said) > 0;
    come_and_go_until(&|| is_said() || begin.elapsed() >= SAID_WITHIN);
    // Once is enough, however long it goes on.
    let since = Instant::now();
    come_and_go_until(&|| since.elapsed() >= secs(8.0));
    assert!(cuts > 100, "only {cuts} links were cut");

    // The last links live: everybody still has the time of doubt to be heard.
    let told = stage
        .alerts
        .wait("bus_unstable", "system-redis", Duration::ZERO);
    assert!(
        told.at.duration_since(begin) >= UNSTABLE_AFTER - LINK_LIFE,
        "{}",
        told.text
    );
    let miss = HEALER.wait_miss(&stage.alerts);
    let silent = miss.at.duration_since(last).as_secs_f64();
    let late = miss.json["late_sec"].as_f64().unwrap();
    assert!(
        (late - silent).abs() < 3.0,
        "silent for {silent} s: {}",
        miss.text
    );

    receiver.wait_text("DOWN svc-a: no beat for", PATIENCE);
    beats.resume("svc-a");
    HEALER.wait_ok(&stage.alerts);
    stage.alerts.assert_nothing_else(DOUBT + TIMEOUT);
    let kinds: Vec<_> = stage
        .alert_log()
        .iter()
        .map(|a| a["type"].clone())
        .collect();
    assert_eq!(kinds, ["bus_unstable", "heartbeat_miss", "heartbeat_ok"]);
    assert_eq!(
        (healer.log_count(said) > 0, sentinel.log_count(said)),
        (true, 1)
    );
    // People got each of the three in its own message, and no other; one whose answer came late may come again.
    receiver.wait_text("UP svc-a after", PATIENCE);
    let mut ids = BTreeSet::new();
    let mut taken = receiver.all();
    taken.retain(|t| ids.insert(t.id().to_owned()));
    let texts: Vec<String> = taken.iter().map(|t| t.text()).collect();
    let begins = ["BUS UNSTABLE system-redis", "DOWN svc-a", "UP svc-a"];
    assert!(
        texts.len() == begins.len() && texts.iter().zip(begins).all(|(t, b)| t.starts_with(b)),
        "{texts:?}"
    );

    // The watchers are as good as new.
    drop(healer);
    SENTINEL.wait_miss(&stage.alerts);
}
