//! Nothing is lost and nothing comes twice, whenever rss_agg is killed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::feed_server::Reply;
use crate::support::newsroom::{Newsroom, Story, rss};
use crate::support::{PATIENCE, repetitions, until};

/// In a usual run.
const KILLS: u32 = 100;
const FEEDS: usize = 4;
/// Stories that come between two kills, in each feed.
const NEWS: usize = 20;
/// Stories that a feed lists.
const LISTED: usize = 200;

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
        room.feed(&name(n), &path);
    }
    // Each was read once, so that from here on the records decide which one is polled.
    let mut daemon = room.start();
    for n in 0..FEEDS {
        room.wait_status(&name(n), "ok", |s| s["health"] == "ok");
    }
    daemon.stop();
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed.into());
    let start = Instant::now();
    let mut half_done = 0;
    let kills = repetitions(KILLS);
    for kill in 0..kills {
        // What a feed lists no longer, no reader can find: news wait while too much of it was not read.
        for (n, newest) in stories.iter().enumerate() {
            if marked(&room, n) + LISTED / 2 >= newest.load(Ordering::SeqCst) {
                newest.fetch_add(NEWS, Ordering::SeqCst);
            }
        }
        let turn = kill as usize % FEEDS;
        (0..FEEDS).for_each(|n| make_due(&room, n, n == turn));
        let asked = room.server.hits().len();
        let mut daemon = room.start();
        until("a poll under way", PATIENCE, || {
            if room.server.hits().len() > asked {
                Ok(())
            } else {
                Err("none".into())
            }
        });
        // From the first bytes of the answer to after the record: 1 to 600 ms, as often in each octave.
        let pause = 0.001 * 600f64.powf(random.f64());
        std::thread::sleep(Duration::from_secs_f64(pause));
        daemon.kill();
        // As if the time of its lease had run out: the kills are many.
        room.redis.query::<()>(&["DEL", "rss_agg:lease"]);
        half_done += usize::from(marked(&room, turn) < stories[turn].load(Ordering::SeqCst));
    }
    println!(
        "{kills} kills in {:?}, {half_done} of them with work undone",
        start.elapsed()
    );
    assert!(half_done > 5, "only {half_done} kills hit a poll");
    (0..FEEDS).for_each(|n| make_due(&room, n, true));
    let _daemon = room.start();
    room.wait_length(
        stories
            .iter()
            .map(|newest| newest.load(Ordering::SeqCst))
            .sum(),
    );
    let mut times: HashMap<String, usize> = HashMap::new();
    let mut redis = room.redis.connection();
    for entry in room.queue() {
        *times.entry(entry["title"].clone()).or_default() += 1;
        let (title, indexed): (Option<String>, Option<f64>) = redis::pipe()
            .cmd("HGET")
            .arg(format!("rss:item:{}", entry["uid"]))
            .arg("title")
            .cmd("ZSCORE")
            .arg("rss:index")
            .arg(&entry["uid"])
            .query(&mut redis)
            .unwrap();
        assert_eq!(
            title.as_ref(),
            Some(&entry["title"]),
            "queued, hence stored"
        );
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

fn name(feed: usize) -> String {
    format!("f{feed}")
}

/// Stories of a feed that were queued: each has a mark, which goes in together with its queue entry.
fn marked(room: &Newsroom, feed: usize) -> usize {
    let key = format!("rss:seen:{}", name(feed));
    let fields: usize = room.redis.query(&["HLEN", &key]);
    // One field is no mark but a clock.
    fields.saturating_sub(1)
}

/// Lets a feed be polled at once, or not for an hour: the schedule would have most starts find nothing to do.
fn make_due(room: &Newsroom, feed: usize, is_due: bool) {
    let mut record = room.status(&name(feed));
    let now_ts = jiff::Timestamp::now().as_second();
    record["next_poll_ts"] = json!(if is_due { 0 } else { now_ts + 3600 });
    let text = record.to_string();
    room.redis
        .query::<()>(&["HSET", "rss_agg:status", &name(feed), &text]);
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
    let mut look = room.redis.connection();
    let mut length = || -> usize {
        redis::cmd("XLEN")
            .arg("rss:queue")
            .query(&mut look)
            .unwrap()
    };
    // Whenever something went in, some next request is under way, or its answer.
    let (mut killed, mut before) = (0, 0);
    until("every story in the queue", Duration::from_secs(120), || {
        let there = length();
        if there >= stories.len() {
            return Ok(());
        }
        if there >= before + 100 {
            before = there;
            killed += room.redis.kill_clients();
        }
        Err(format!("{there}, and {killed} connections killed"))
    });
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
    room.wait_length(3 * stories.len());
    // Each of the two reads each feed once more, at least.
    for n in 0..3 {
        let path = format!("/{n}");
        room.wait_hits(&path, room.server.hits_of(&path).len() + 5);
    }
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
