//! A poller that hangs must not look alive: the beat follows the work, and the healer says what it hears.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::feed_server::Reply;
use crate::support::newsroom::{Newsroom, Wire};
use crate::support::truth::add_service;
use crate::support::{Alerts, Daemon, PATIENCE, StoppedThread, secs};

/// What a poller may take without a sign of progress.
const BUDGET: Duration = Duration::from_secs(45);
const TIMEOUT: f64 = 10.0;

#[test]
fn a_poller_that_hangs_is_told_first_by_the_beat_and_then_by_its_silence() {
    let mut room = Newsroom::open();
    add_service(&mut room.truth, "rss_agg", 1.0, TIMEOUT);
    room.server.always("/hang", Reply::Hang);
    Wire::serve(&room.server, "/good", 1);
    room.feed("hang", "/hang")["interval_sec"] = json!(3600);
    // On another address, so that its poller does not wait for the same server.
    let good = format!("http://127.0.0.2:{}/good", room.server.port);
    room.feed_at("good", &good);

    let alerts = Alerts::on(&room.redis);
    let beats = Alerts::on_channel(&room.redis, "rss_agg:heartbeat");
    room.seed();
    let url = room.redis.url();
    let _healer = Daemon::start("healer", &[("SYSTEM_REDIS_URL", &url)]);
    room.redis.wait_subscribed("rss_agg:heartbeat", 2);
    let mut daemon = room.start();
    room.wait_hits("/hang", 1);
    let Some(stopped) = StoppedThread::waiting_for(&daemon, room.server.port) else {
        return;
    };

    // Over its budget the beat says so, and goes on; so do the other feeds.
    let degraded = beats.wait_for("a degraded beat", BUDGET + PATIENCE, |b| {
        b.json["status"] == "degraded"
    });
    let reason = degraded.json["reason"].as_str().unwrap();
    let blames = format!("{} made no progress for", stopped.name());
    assert!(
        reason.starts_with(&blames) && reason.ends_with("(budget 45 s)"),
        "{reason}"
    );
    let told = alerts.wait("service_degraded", "rss_agg", PATIENCE);
    assert_eq!(told.json["reason"], reason);
    room.wait_hits("/good", room.server.hits_of("/good").len() + 2);

    // Over twice its budget there is no beat, and that is told.
    let miss = alerts.wait(
        "heartbeat_miss",
        "rss_agg",
        BUDGET + secs(TIMEOUT) + PATIENCE,
    );
    let late = miss.json["late_sec"].as_f64().unwrap();
    assert!(late >= TIMEOUT, "{}", miss.text);
    let heard = beats.all();
    let last = heard.last().unwrap();
    assert_eq!(last.json["status"], "degraded", "{}", last.text);
    let span = last.at.duration_since(degraded.at);
    assert!(span > BUDGET / 2, "degraded for {span:?} only");
    assert_eq!(daemon.log_count("the beat stops until this moves"), 1);

    // It moves again, and with it the beat.
    let back = Instant::now();
    drop(stopped);
    alerts.wait("heartbeat_ok", "rss_agg", PATIENCE);
    alerts.wait("service_restored", "rss_agg", PATIENCE);
    let fine = beats.wait_for("a beat", PATIENCE, |b| b.at > back);
    assert_eq!(fine.json.get("status"), None, "{}", fine.text);
    daemon.wait_log("the work moves again, so does the beat", PATIENCE);
    room.wait_status("hang", "its poll came to an end", |s| {
        s["health"] == "failing"
    });
    daemon.stop();
}
