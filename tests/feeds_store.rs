//! rss_agg and its store: one that goes away, connections that die, and what is kept for how long.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::newsroom::{Newsroom, Story, Wire};
use crate::support::redis_server::free_port;
use crate::support::{PATIENCE, Proxy, RedisServer, until};

#[test]
fn a_store_that_goes_away_costs_no_item_and_no_publisher_a_request() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 2);
    room.feed("wire", "/feed");
    let daemon = room.start();
    room.wait_queue(2);
    room.redis.kill();
    wire.add(Story::new(3));
    daemon.wait_log("the store cannot be used", PATIENCE);
    let asked = room.server.hits().len();
    std::thread::sleep(Duration::from_secs(3));
    assert!(
        room.server.hits().len() <= asked + 1,
        "polls wait for the store"
    );
    room.redis.start_again();
    let queue = room.wait_queue(3);
    assert_eq!(queue[2]["title"], "Story 3");
    daemon.wait_log("the store is back", PATIENCE);
}

#[test]
fn a_store_that_is_not_there_yet_is_told_once_it_should_be() {
    let mut room = Newsroom::open();
    room.feed("wire", "/feed");
    let nowhere = format!("redis://127.0.0.1:{}", free_port());
    let begin = Instant::now();
    let daemon = room.start_with(&[("MARKET_REDIS_URL", &nowhere)]);
    daemon.wait_log("the store cannot be used", 2 * PATIENCE);
    assert!(
        begin.elapsed() >= Duration::from_secs(10),
        "a server starts"
    );
}

#[test]
fn a_connection_that_died_while_idle_is_no_news() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 1);
    room.feed("wire", "/feed");
    let daemon = room.start();
    room.wait_queue(1);
    for n in 2..5 {
        room.redis.kill_clients();
        wire.add(Story::new(n));
        room.wait_queue(n);
    }
    assert_eq!(daemon.log_count("the store cannot be used"), 0);
    assert_eq!(room.status("wire")["failures"], 0);
}

#[test]
fn a_store_whose_name_leads_elsewhere_is_left_though_it_still_answers() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 1);
    room.feed("wire", "/feed");
    let old = RedisServer::start();
    let name = Proxy::to(old.port());
    let daemon = room.start_with(&[("MARKET_REDIS_URL", &name.url())]);
    let queued = || old.query::<usize>(&["XLEN", "rss:queue"]);
    until("the item is in the old store", PATIENCE, || {
        match queued() {
            1 => Ok(()),
            n => Err(format!("{n} are")),
        }
    });
    name.lead_to(room.redis.port());
    daemon.wait_log(
        "another server answers for the store",
        Duration::from_secs(60),
    );
    let before = queued();
    wire.add(Story::new(2));
    let queue = room.wait_queue(2);
    assert_eq!(queue[1]["title"], "Story 2");
    assert_eq!(queued(), before);
}

#[test]
fn what_is_old_goes_and_what_a_worker_owes_stays_until_there_is_too_much() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 0);
    room.feed("wire", "/feed");
    room.section("limits")["keep_items"] = json!(50);
    room.redis
        .query::<()>(&["XGROUP", "CREATE", "rss:queue", "workers", "0", "MKSTREAM"]);
    let mut daemon = room.start();
    room.wait_status("wire", "read once", |s| s["health"] == "ok");
    // As many as go in at once: a sweep in between would find half of them.
    wire.change(|stories| stories.extend((1..=60).map(Story::new)));
    daemon.wait_log(
        "10 queue entries were dropped before a worker had them",
        Duration::from_secs(90),
    );
    let queue = room.queue();
    assert_eq!((queue.len(), queue[0]["title"].as_str()), (50, "Story 11"));
    until("the items of the dropped entries go too", PATIENCE, || {
        let left: (usize, usize) = (
            room.redis.query(&["ZCARD", "rss:index"]),
            room.redis.query(&["ZCARD", "rss:fetched"]),
        );
        if left == (50, 50) {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    });
    assert_eq!(room.item(&queue[0]["uid"])["title"], "Story 11");
    let lost: u64 = room.redis.query(&["HGET", "rss_agg:totals", "lost"]);
    assert_eq!(lost, 10);
    daemon.stop();
}

#[test]
fn an_item_goes_after_a_day_and_a_change_does_not_bring_it_back() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 2);
    room.feed("wire", "/feed");
    let mut daemon = room.start();
    let queue = room.wait_queue(2);
    daemon.stop();
    let (old, young) = (&queue[0]["uid"], &queue[1]["uid"]);
    let yesterday = jiff::Timestamp::now().as_second() - 24 * 3600 - 10;
    let yesterday = yesterday.to_string();
    room.redis
        .query::<()>(&["ZADD", "rss:fetched", "XX", &yesterday, old]);
    let mut daemon = room.start();
    until("the old item is gone", PATIENCE, || {
        let item = room.item(old);
        if item.is_empty() {
            Ok(())
        } else {
            Err(format!("{item:?}"))
        }
    });
    let index: Vec<String> = room.redis.query(&["ZRANGE", "rss:index", "0", "-1"]);
    assert_eq!(index, [young.as_str()]);
    wire.change(|stories| {
        for story in stories {
            story.text = "<p>It was different.</p>".into();
        }
    });
    let text = "the young item is changed";
    until(text, PATIENCE, || {
        match room.item(young).get("summary_text") {
            Some(text) if text == "It was different." => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    // Both changed in the same poll, or the one before.
    let hits = room.server.hits().len();
    room.wait_hits("/feed", hits + 2);
    assert!(room.item(old).is_empty(), "not written again");
    assert_eq!(room.queue().len(), 2, "nor queued again");
    daemon.stop();
}
