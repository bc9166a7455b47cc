//! rss_agg never annoys a publisher: rates, waits, redirects, restarts; and one bad feed does not harm the others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::feed_server::{Hit, Reply};
use crate::support::newsroom::{Newsroom, Story, Wire, rss};
use crate::support::{Daemon, PATIENCE, until};

fn gaps(hits: &[Hit]) -> Vec<Duration> {
    hits.windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .collect()
}

/// Requests of each host, in order.
fn by_host(hits: Vec<Hit>) -> HashMap<String, Vec<Hit>> {
    let mut by_host: HashMap<String, Vec<Hit>> = HashMap::new();
    for hit in hits {
        let host = hit.header("host").unwrap().to_owned();
        by_host.entry(host).or_default().push(hit);
    }
    for hits in by_host.values_mut() {
        hits.sort_by_key(|hit| hit.at);
    }
    by_host
}

/// All feeds were polled and sleep for an hour; then all of them are wanted at the same moment. Gives that moment.
fn want_all_at_once(room: &Newsroom, feeds: &[String]) -> Instant {
    room.redis.wait_subscribed("rss_agg:poll", 1);
    for feed in feeds {
        room.wait_status(feed, "polled", |s| s["health"] == "ok");
    }
    let moment = Instant::now();
    let mut redis = room.redis.connection();
    let mut all = redis::pipe();
    for feed in feeds {
        all.cmd("PUBLISH").arg("rss_agg:poll").arg(feed).ignore();
    }
    all.query::<()>(&mut redis).unwrap();
    moment
}

#[test]
fn a_host_is_asked_no_faster_than_truth_allows() {
    let mut room = Newsroom::open();
    room.section("schedule")["interval_sec"] = json!(3600);
    room.section("limits")["per_host_rps"] = json!(4);
    room.server.always("/feed", Reply::ok(rss(&[])));
    // Another name of the same machine is another host.
    let feeds: Vec<String> = (0..12).map(|n| format!("f{n}")).collect();
    for (n, feed) in feeds.iter().enumerate() {
        let url = format!("http://127.0.0.{}:{}/feed", 1 + n % 2, room.server.port);
        room.feed_at(feed, &url);
    }
    let mut daemon = room.start();
    let moment = want_all_at_once(&room, &feeds);
    room.wait_hits("/feed", 2 * feeds.len());
    daemon.stop();
    let hits = room.server.hits().into_iter().filter(|hit| hit.at > moment);
    let by_host = by_host(hits.collect());
    assert_eq!(by_host.len(), 2);
    for (host, hits) in by_host {
        assert_eq!(hits.len(), feeds.len() / 2, "{host}");
        // However late the server notes a request, it was not sent later.
        for (n, hit) in hits.iter().enumerate() {
            let soonest = Duration::from_millis(250) * n as u32;
            let after = hit.at.duration_since(moment);
            assert!(after >= soonest, "{host}, request {n}: after {after:?}");
        }
    }
}

#[test]
fn a_host_is_asked_no_wider_than_truth_allows() {
    let mut room = Newsroom::open();
    room.section("schedule")["interval_sec"] = json!(3600);
    room.section("limits")["per_host_connections"] = json!(2);
    room.server.at("/feed", |_| {
        std::thread::sleep(Duration::from_millis(300));
        Reply::ok(rss(&[]))
    });
    let feeds: Vec<String> = (0..6).map(|n| format!("f{n}")).collect();
    for feed in &feeds {
        room.feed(feed, "/feed");
    }
    let mut daemon = room.start();
    want_all_at_once(&room, &feeds);
    let hits = room.wait_hits("/feed", 2 * feeds.len());
    daemon.stop();
    let widest = hits.iter().map(|hit| hit.at_once).max();
    assert_eq!(widest, Some(2));
}

#[test]
fn polls_keep_their_distance_also_over_a_restart() {
    let mut room = Newsroom::open();
    *room.section("schedule") = json!({"interval_sec": 4, "min_sec": 2});
    Wire::serve(&room.server, "/feed", 1);
    room.feed("wire", "/feed");
    let mut daemon = room.start();
    room.wait_status("wire", "ok", |s| s["health"] == "ok");
    // Restarted again and again, it does not ask more often.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        kill_between_polls(&room, &mut daemon);
        daemon = room.start();
        std::thread::sleep(Duration::from_millis(700));
    }
    let hits = room.wait_hits("/feed", 3);
    for gap in gaps(&hits) {
        // The record counts in whole seconds.
        assert!(gap >= Duration::from_secs(3), "{:?}", gaps(&hits));
    }
}

/// A kill in the middle of a poll leaves no record of it, and the feed is polled again at once.
fn kill_between_polls(room: &Newsroom, daemon: &mut Daemon) {
    until("the next poll is yet to come", PATIENCE, || {
        daemon.pause();
        // The daemon stands still: no poll has begun whose time has not come by now.
        let next_ts = room.status("wire")["next_poll_ts"].as_i64().unwrap();
        let now_ts = jiff::Timestamp::now().as_second();
        if now_ts < next_ts {
            daemon.kill();
            return Ok(());
        }
        daemon.resume();
        Err(format!("it is {now_ts}, and the poll is at {next_ts}"))
    });
}

#[test]
fn retry_after_is_obeyed_beyond_the_longest_interval() {
    let mut room = Newsroom::open();
    *room.section("schedule") = json!({"interval_sec": 1, "min_sec": 1, "max_sec": 2});
    room.server
        .always("/busy", Reply::status(503).with("Retry-After", "5000"));
    room.server
        .always("/sure", Reply::ok(rss(&[])).with("Retry-After", "400000"));
    room.feed("busy", "/busy");
    room.feed("sure", "/sure");
    let _daemon = room.start();
    let wait = |id: &str| {
        let status = room.wait_status(id, "polled", |s| s["next_poll_ts"].is_i64());
        assert_eq!(status["next_poll_why"], "Retry-After", "{status}");
        status["next_poll_ts"].as_i64().unwrap() - status["last_fetch_ts"].as_i64().unwrap()
    };
    // A poll that takes a while is counted from its end.
    assert!((5000..5060).contains(&wait("busy")));
    assert!((86_400..86_460).contains(&wait("sure")), "a day at most");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(room.server.hits().len(), 2);
}

#[test]
fn a_feed_says_itself_how_often_it_is_to_be_polled() {
    let mut room = Newsroom::open();
    *room.section("schedule") = json!({"interval_sec": 10, "min_sec": 5, "max_sec": 7000});
    let with = |more: &str| rss(&[]).replace("<channel>", &format!("<channel>{more}"));
    let sy = "<u:updatePeriod xmlns:u='http://purl.org/rss/1.0/modules/syndication/'>hourly</u:updatePeriod>\
              <u:updateFrequency xmlns:u='http://purl.org/rss/1.0/modules/syndication/'>2</u:updateFrequency>";
    room.server.always("/ttl", Reply::ok(with("<ttl>60</ttl>")));
    room.server
        .always("/day", Reply::ok(with("<ttl>1440</ttl>")));
    room.server.always("/sy", Reply::ok(with(sy)));
    room.server.always(
        "/age",
        Reply::ok(rss(&[])).with("Cache-Control", "max-age=900"),
    );
    room.server.always("/none", Reply::ok(rss(&[])));
    let cases = [
        ("ttl", 3600, "the feed's ttl"),
        ("day", 7000, "schedule.max_sec"),
        ("sy", 1800, "the feed's sy:updatePeriod"),
        ("age", 900, "Cache-Control max-age"),
        ("none", 10, "interval"),
    ];
    for (id, ..) in cases {
        room.feed(id, &format!("/{id}"));
    }
    let _daemon = room.start();
    for (id, secs, why) in cases {
        let status = room.wait_status(id, "polled", |s| s["next_poll_ts"].is_i64());
        let wait =
            status["next_poll_ts"].as_i64().unwrap() - status["last_fetch_ts"].as_i64().unwrap();
        // A poll that takes a while is counted from its end.
        assert!((secs..secs + 60).contains(&wait), "{id}: {status}");
        assert_eq!(status["next_poll_why"], why);
    }
}

#[test]
fn a_move_is_believed_the_second_time_and_a_detour_never() {
    let mut room = Newsroom::open();
    Wire::serve(&room.server, "/new", 1);
    room.server.always("/old", Reply::to(301, "/new"));
    room.server.always("/detour", Reply::to(302, "/new"));
    room.feed("moved", "/old");
    room.feed("detour", "/detour");
    let _daemon = room.start();
    room.wait_hits("/detour", 4);
    room.wait_status("moved", "believed", |s| {
        s["moved_to"] == json!(room.server.url("/new"))
    });
    assert_eq!(room.server.hits_of("/old").len(), 2);
    assert_eq!(room.queue().len(), 2, "one item in each feed");
    // The new place dies: the old one is asked again.
    room.server.always("/new", Reply::status(404));
    room.wait_hits("/old", 3);
}

#[test]
fn servers_that_hang_or_drip_do_not_delay_the_others() {
    let mut room = Newsroom::open();
    let good = room.crowd(200, 10);
    let start = Instant::now();
    let mut daemon = room.start();
    room.wait_length(good);
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
    // With a request under way it stops at once: by itself that one would wait for ten seconds.
    let hung = room.server.hits_of("/hang").len();
    room.redis.query::<i64>(&["PUBLISH", "rss_agg:poll", "f3"]);
    let asked = room.wait_hits("/hang", hung + 1)[hung].at;
    daemon.stop();
    assert!(
        asked.elapsed() < Duration::from_secs(9),
        "{:?}",
        asked.elapsed()
    );
    // What the stop cut off is no failure of the feed.
    let cut_off = (0..200).filter(|n| {
        let status = room.status(&format!("f{n}"));
        status["error"]
            .as_str()
            .is_some_and(|error| error.contains("stopping") || error.contains("shut"))
    });
    assert_eq!(cut_off.count(), 0);
}

#[test]
fn failures_back_off_and_say_why() {
    let mut room = Newsroom::open();
    room.server.always("/feed", Reply::status(500));
    room.feed("wire", "/feed");
    room.feed_at("nowhere", "http://127.0.0.1:1/");
    room.feed_at("inside", "http://10.0.0.1/");
    let _daemon = room.start();
    let hits = room.wait_hits("/feed", 4);
    for (gap, at_least) in gaps(&hits).into_iter().zip([1, 2, 4]) {
        assert!(gap >= Duration::from_secs(at_least), "{:?}", gaps(&hits));
    }
    for (id, says) in [
        ("wire", "HTTP 500"),
        ("nowhere", "no connection"),
        ("inside", "allow_hosts"),
    ] {
        let status = room.wait_status(id, "failing", |s| s["health"] == "failing");
        assert!(status["error"].as_str().unwrap().contains(says), "{status}");
    }
    room.server
        .always("/feed", Reply::ok(rss(&[Story::new(1)])));
    let status = room.wait_status("wire", "well again", |s| s["health"] == "ok");
    assert_eq!(
        (status["failures"].as_u64(), status.get("error")),
        (Some(0), None)
    );
}
