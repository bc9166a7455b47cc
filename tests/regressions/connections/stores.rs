//! A store that hangs, and who waits for it.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use marketswarm::contract::feeds;

use crate::support::feed_server::Reply;
use crate::support::newsroom::{Newsroom, Story, rss};
use crate::support::truth::{add_service, seed};
use crate::support::{Alerts, Daemon, PATIENCE, RedisServer};

/// As many as rss_agg has pollers.
const FEEDS: usize = 32;
/// Beats that are watched while the store hangs, one a second: past a poller's budget of 45 s.
const BEATS: usize = 60;

/// Holds answers back until they may go.
#[derive(Default)]
struct Gate {
    state: Mutex<(usize, bool)>,
    news: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.news.notify_all();
        drop(self.news.wait_while(state, |(_, is_open)| !*is_open));
    }

    fn wait_for(&self, waiting: usize) {
        let state = self.state.lock().unwrap();
        let less = |state: &mut (usize, bool)| state.0 < waiting;
        let waited = self.news.wait_timeout_while(state, PATIENCE, less);
        assert!(!waited.unwrap().1.timed_out(), "not all feeds were asked");
    }

    fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.news.notify_all();
    }
}

#[test]
fn a_store_that_hangs_under_every_poller_stops_no_beat_and_costs_no_item() {
    let mut room = Newsroom::open();
    add_service(&mut room.truth, "rss_agg", 1.0, 5.0);
    let gate = Arc::new(Gate::default());
    for n in 0..FEEDS {
        let (gate, path) = (gate.clone(), format!("/{n}"));
        room.server.at(&path, move |_| {
            gate.pass();
            Reply::ok(rss(&[Story::new(n)]))
        });
        // Each on a host of its own, so that none waits for another.
        let url = format!("http://127.0.1.{}:{}{path}", n + 1, room.server.port);
        room.feed_at(&format!("f{n}"), &url);
    }
    let system = RedisServer::start();
    seed(&system, &room.truth);
    let url = system.url();
    let alerts = Alerts::on(&system);
    let beats = Alerts::on_channel(&system, "rss_agg:heartbeat");
    let _healer = Daemon::start("healer", &[("SYSTEM_REDIS_URL", &url)]);
    system.wait_subscribed("rss_agg:heartbeat", 2);
    let market = room.redis.url();
    let env = [
        ("SYSTEM_REDIS_URL", url.as_str()),
        ("MARKET_REDIS_URL", market.as_str()),
    ];
    let mut daemon = room.start_with(&env);
    system.wait_subscribed(feeds::POLL, 1);
    for n in 0..FEEDS {
        system.query::<u64>(&["PUBLISH", feeds::POLL, &format!("f{n}")]);
    }
    gate.wait_for(FEEDS);
    room.redis.pause();
    gate.open();

    // People hear what is wrong, and the beat goes on.
    let degraded = alerts.wait("service_degraded", "rss_agg", 3 * PATIENCE);
    let reason = degraded.json["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the store cannot be used: redis://127.0.0.1"),
        "{reason}"
    );
    let (code, shown) = Daemon::run("marketswarm", &["status"], &env, PATIENCE);
    assert!(shown.contains("the store cannot be used"), "{code} {shown}");
    let mut last = degraded.at;
    for _ in 0..BEATS {
        let beat = beats.wait_for("the next beat", PATIENCE, |beat| beat.at > last);
        assert_eq!(beat.json["status"], "degraded", "{}", beat.text);
        let reason = beat.json["reason"].as_str().unwrap();
        assert!(reason.starts_with("the store cannot be used"), "{reason}");
        let pause = beat.at - last;
        assert!(pause < Duration::from_secs(4), "no beat for {pause:?}");
        last = beat.at;
    }

    room.redis.resume();
    alerts.wait("service_restored", "rss_agg", PATIENCE);
    let uids: HashSet<_> = room
        .wait_queue(FEEDS)
        .into_iter()
        .map(|e| e["uid"].clone())
        .collect();
    assert_eq!(uids.len(), FEEDS, "one item for each feed");
    // What was cut off, if anything, would come in again by the next round.
    let asked = room.server.hits().len();
    for n in 0..FEEDS {
        system.query::<u64>(&["PUBLISH", feeds::POLL, &format!("f{n}")]);
    }
    for n in 0..FEEDS {
        let path = format!("/{n}");
        room.wait_hits(&path, 2);
    }
    assert!(room.server.hits().len() > asked);
    daemon.stop();
    assert_eq!(room.queue().len(), FEEDS);
    assert_eq!(
        alerts
            .all()
            .iter()
            .filter(|a| a.kind() == "heartbeat_miss")
            .count(),
        0
    );
}
