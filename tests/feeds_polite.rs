//! rss_agg never annoys a publisher: rates, waits, redirects, restarts; and one bad feed does not harm the others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::feed_server::{Hit, Reply};
use crate::support::newsroom::{Newsroom, Story, Wire, rss};

fn gaps(hits: &[Hit]) -> Vec<Duration> {
    hits.windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .collect()
}

#[test]
fn a_host_is_asked_no_faster_and_no_wider_than_truth_allows() {
    let mut room = Newsroom::open();
    *room.section("limits") =
        json!({"allow_hosts": ["127.0.0.0/8"], "per_host_rps": 4, "per_host_connections": 2});
    for n in 0..6 {
        let path = format!("/{n}");
        room.server.at(&path, move |_| {
            std::thread::sleep(Duration::from_millis(700));
            Reply::ok(rss(&[Story::new(n)]))
        });
        room.feed(&format!("f{n}"), &path);
    }
    // Another name of the same machine is another host.
    let other = format!("http://127.0.0.2:{}/5", room.server.port);
    room.feed_at("other", &other);
    let mut daemon = room.start();
    for n in 0..6 {
        room.wait_hits(&format!("/{n}"), 3);
    }
    daemon.stop();
    let mut by_host: HashMap<String, Vec<Hit>> = HashMap::new();
    for hit in room.server.hits() {
        by_host
            .entry(hit.header("host").unwrap().to_owned())
            .or_default()
            .push(hit);
    }
    assert_eq!(by_host.len(), 2);
    for (host, mut hits) in by_host {
        hits.sort_by_key(|hit| hit.at);
        // The server's own threads may note a request a little late, and the next one in time.
        let hasty = gaps(&hits)
            .into_iter()
            .filter(|gap| *gap < Duration::from_millis(150))
            .count();
        assert!(hasty <= hits.len() / 10, "{host}: {:?}", gaps(&hits));
        let span = hits.last().unwrap().at - hits[0].at;
        assert!(
            hits.len() as f64 <= 4.0 * span.as_secs_f64() + 2.0,
            "{host}: {} in {span:?}",
            hits.len()
        );
        assert!(hits.iter().all(|hit| hit.at_once <= 2), "{host}");
    }
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
        daemon.kill();
        daemon = room.start();
        std::thread::sleep(Duration::from_millis(700));
    }
    let hits = room.wait_hits("/feed", 3);
    for gap in gaps(&hits) {
        assert!(gap >= Duration::from_millis(2900), "{:?}", gaps(&hits));
    }
    assert!(hits.len() <= 5, "{:?}", gaps(&hits));
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
    assert!((5000..=5001).contains(&wait("busy")));
    assert!((86_400..=86_401).contains(&wait("sure")), "a day at most");
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
        assert!((secs..=secs + 1).contains(&wait), "{id}: {status}");
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
    let daemon = room.start();
    room.wait_length(good);
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
    // With requests under way it stops at once.
    let stop = Instant::now();
    let mut daemon = daemon;
    daemon.stop();
    assert!(
        stop.elapsed() < Duration::from_secs(3),
        "{:?}",
        stop.elapsed()
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
    let gaps = gaps(&hits);
    assert!(
        gaps[1] > gaps[0] && gaps[2] >= Duration::from_secs(3),
        "{gaps:?}"
    );
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
