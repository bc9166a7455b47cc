//! Nothing is lost and nothing comes twice, whenever rss_agg is killed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::feed_server::Reply;
use crate::support::newsroom::{Newsroom, Story, rss};
use crate::support::{PATIENCE, until};

const KILLS: u64 = 100;
const FEEDS: usize = 4;
/// Stories that come between two kills, in each feed.
const NEWS: usize = 10;
/// Stories that a feed lists.
const LISTED: usize = 100;

#[test]
fn a_kill_at_any_moment_loses_no_item_and_repeats_none() {
    let mut room = Newsroom::open();
    room.section("limits")["first_items"] = json!(LISTED);
    let stories: Vec<Arc<AtomicUsize>> = (0..FEEDS).map(|_| Arc::default()).collect();
    for (n, newest) in stories.iter().enumerate() {
        let path = format!("/{n}");
        let newest = newest.clone();
        room.server.at(&path, move |hit| {
            let newest = newest.load(Ordering::SeqCst);
            let etag = format!("\"{newest}\"");
            // An honest server: a validator that it gave for this very body gets a 304.
            if hit.header("if-none-match") == Some(etag.as_str()) {
                return Reply::status(304);
            }
            let first = newest.saturating_sub(LISTED) + 1;
            let listed: Vec<Story> = (first..=newest)
                .rev()
                .map(|story| of_feed(n, story))
                .collect();
            Reply::ok(rss(&listed)).with("ETag", &etag)
        });
        room.feed(&format!("f{n}"), &path);
    }
    room.seed();
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    println!("seed {seed}");
    let mut random = u64::from(seed);
    let start = Instant::now();
    let (mut half_done, mut there) = (0, 0);
    for _ in 0..KILLS {
        // What a feed lists no longer, no reader can find: news wait while too much of it was not read.
        if there + FEEDS * LISTED / 2 >= total(&stories) {
            for newest in &stories {
                newest.fetch_add(NEWS, Ordering::SeqCst);
            }
        }
        (0..FEEDS).for_each(|n| make_due(&room, &format!("f{n}")));
        let asked = room.server.hits().len();
        let mut daemon = room.start();
        until("a poll under way", PATIENCE, || {
            if room.server.hits().len() > asked {
                Ok(())
            } else {
                Err("none".into())
            }
        });
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // From the first bytes of the first answer to after the last record.
        std::thread::sleep(Duration::from_micros((random >> 33) % 600_000));
        daemon.kill();
        there = room.redis.query(&["XLEN", "rss:queue"]);
        half_done += usize::from(there < total(&stories));
    }
    println!(
        "{KILLS} kills in {:?}, {half_done} of them with work undone",
        start.elapsed()
    );
    assert!(half_done > 20, "only {half_done} kills hit a poll");
    (0..FEEDS).for_each(|n| make_due(&room, &format!("f{n}")));
    let _daemon = room.start();
    let wanted: usize = stories
        .iter()
        .map(|newest| newest.load(Ordering::SeqCst))
        .sum();
    until("every story in the queue", Duration::from_secs(60), || {
        let there = room.queue().len();
        if there >= wanted {
            Ok(())
        } else {
            Err(format!("{there} of {wanted}"))
        }
    });
    let mut times: HashMap<String, usize> = HashMap::new();
    for entry in room.queue() {
        *times.entry(entry["title"].clone()).or_default() += 1;
        let item = room.item(&entry["uid"]);
        assert_eq!(
            item.get("title"),
            Some(&entry["title"]),
            "queued, hence stored"
        );
        let indexed: Option<f64> = room.redis.query(&["ZSCORE", "rss:index", &entry["uid"]]);
        assert!(indexed.is_some(), "queued, hence indexed");
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "queued more than once: {twice:?}");
    for (n, newest) in stories.iter().enumerate() {
        for story in 1..=newest.load(Ordering::SeqCst) {
            let title = of_feed(n, story).title;
            assert!(times.contains_key(&title), "lost: {title}");
        }
    }
}

fn total(stories: &[Arc<AtomicUsize>]) -> usize {
    stories
        .iter()
        .map(|newest| newest.load(Ordering::SeqCst))
        .sum()
}

/// The schedule would have most starts find nothing to do.
fn make_due(room: &Newsroom, feed: &str) {
    let mut record = room.status(feed);
    if record.is_object() {
        record["next_poll_ts"] = json!(0);
        room.redis
            .query::<()>(&["HSET", "rss_agg:status", feed, &record.to_string()]);
    }
}

fn of_feed(feed: usize, n: usize) -> Story {
    let mut story = Story::new(n);
    story.title = format!("Feed {feed}, story {n}");
    story.link = Some(format!("https://news.example/{feed}/{n}"));
    story
}

#[test]
fn connections_that_break_in_the_middle_lose_and_repeat_nothing() {
    let mut room = Newsroom::open();
    room.section("limits")["first_items"] = json!(5000);
    let stories: Vec<Story> = (1..=1500).rev().map(Story::new).collect();
    room.server.always("/feed", Reply::ok(rss(&stories)));
    room.feed("wire", "/feed");
    let _daemon = room.start();
    room.wait_hits("/feed", 1);
    // Each time some answer is under way, or some request.
    let start = Instant::now();
    let mut killed = 0;
    while room.redis.query::<usize>(&["XLEN", "rss:queue"]) < stories.len() {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "{killed} connections killed"
        );
        killed += room.redis.kill_clients();
        std::thread::sleep(Duration::from_millis(150));
    }
    println!("{killed} connections killed");
    assert_each_once(&room, stories.len());
}

#[test]
fn two_readers_of_one_store_queue_each_item_once() {
    let mut room = Newsroom::open();
    room.section("limits")["first_items"] = json!(5000);
    let stories: Vec<Story> = (1..=400).rev().map(Story::new).collect();
    for n in 0..3 {
        room.server
            .always(&format!("/{n}"), Reply::ok(rss(&stories)));
        room.feed(&format!("f{n}"), &format!("/{n}"));
    }
    let _daemons = [room.start(), room.start()];
    room.wait_queue(3 * stories.len());
    std::thread::sleep(Duration::from_secs(3));
    assert_each_once(&room, 3 * stories.len());
}

#[track_caller]
fn assert_each_once(room: &Newsroom, wanted: usize) {
    let mut uids: Vec<String> = room
        .queue()
        .into_iter()
        .map(|entry| entry["uid"].clone())
        .collect();
    assert_eq!(uids.len(), wanted);
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), wanted, "some were queued twice");
}
