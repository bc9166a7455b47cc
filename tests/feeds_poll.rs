//! rss_agg end to end: what it stores, what it queues, and what it asks publishers for.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use crate::support::feed_server::Reply;
use crate::support::newsroom::{Newsroom, Story, Wire, rss};
use crate::support::{Alerts, PATIENCE};

#[test]
fn a_new_item_is_stored_indexed_marked_and_queued_once() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 3);
    room.feed("wire", "/feed")["category"] = json!("fx");
    let mut daemon = room.start();
    room.wait_queue(3);
    wire.add(Story::new(4));
    let queue = room.wait_queue(4);
    let titles: Vec<&str> = queue.iter().map(|entry| entry["title"].as_str()).collect();
    assert_eq!(
        titles,
        ["Story 1", "Story 2", "Story 3", "Story 4"],
        "the oldest first"
    );
    let last = &queue[3];
    assert_eq!(
        (last["feed"].as_str(), last["category"].as_str()),
        ("wire", "fx")
    );
    assert_eq!(last["url"], "https://news.example/4");
    let item = room.item(&last["uid"]);
    assert_eq!(item["title"], "Story 4");
    assert_eq!(
        (item["feed_title"].as_str(), item["guid"].as_str()),
        ("The news", "story-4")
    );
    assert_eq!(item["summary_text"], "What happened at 4 & why.");
    assert_eq!(item["published_ts"], (1_760_000_000 + 240).to_string());
    let score: f64 = room.redis.query(&["ZSCORE", "rss:index", &last["uid"]]);
    assert_eq!(score, 1_760_000_240.0);
    // Two more polls bring nothing.
    let hits = room.server.hits().len();
    room.wait_hits("/feed", hits + 2);
    assert_eq!(room.queue().len(), 4);
    let status = room.wait_status("wire", "ok", |s| s["health"] == "ok" && s["queued"] == 4);
    assert_eq!(
        (status["http_status"].as_u64(), status["format"].as_str()),
        (Some(200), Some("RSS 2.0"))
    );
    daemon.stop();
}

#[test]
fn a_first_poll_queues_the_newest_and_marks_the_rest() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 30);
    room.feed("wire", "/feed");
    room.section("limits")["first_items"] = json!(4);
    let _daemon = room.start();
    let queue = room.wait_queue(4);
    let titles: HashSet<&str> = queue.iter().map(|entry| entry["title"].as_str()).collect();
    assert_eq!(
        titles,
        ["Story 27", "Story 28", "Story 29", "Story 30"].into()
    );
    room.wait_hits("/feed", 3);
    assert_eq!(room.queue().len(), 4);
    wire.add(Story::new(31));
    assert_eq!(room.wait_queue(5)[4]["title"], "Story 31");
}

#[test]
fn a_changed_item_is_rewritten_and_announced_but_not_queued_again() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 1);
    room.feed("wire", "/feed");
    let ear = Alerts::on_channel(&room.redis, "rss:updated");
    let _daemon = room.start();
    let uid = room.wait_queue(1)[0]["uid"].clone();
    let before = room.item(&uid);
    wire.change(|stories| stories[0].text = "<p>It was different.</p>".into());
    let told = ear.wait_for("news of the change", PATIENCE, |_| true);
    assert_eq!(told.json, json!({"uid": uid, "feed": "wire"}));
    let after = room.item(&uid);
    assert_eq!(after["summary_text"], "It was different.");
    assert_eq!((&*before["rev"], &*after["rev"]), ("1", "2"));
    assert_eq!(room.changes(), [("2".to_owned(), uid.clone())]);
    assert_eq!(
        after["fetched_ts"], before["fetched_ts"],
        "kept from its first fetch on"
    );
    // Another date or order is no change.
    wire.change(|stories| stories[0].date += 5);
    let hits = room.server.hits().len();
    room.wait_hits("/feed", hits + 2);
    assert_eq!(room.queue().len(), 1);
    assert_eq!(room.status("wire")["updated"], 1);
    // One of before has no revision yet, which counts as the first.
    room.redis
        .query::<()>(&["HDEL", &format!("rss:item:{uid}"), "rev"]);
    wire.change(|stories| stories[0].text = "<p>It changed again.</p>".into());
    ear.wait_for("news of the change", PATIENCE, |_| true);
    assert_eq!(room.item(&uid)["rev"], "2");
    assert_eq!(room.changes().len(), 2);
}

#[test]
fn the_same_link_in_another_feed_names_the_first_item() {
    let mut room = Newsroom::open();
    let first = Wire::serve(&room.server, "/a", 0);
    let second = Wire::serve(&room.server, "/b", 0);
    room.feed("a", "/a");
    room.feed("b", "/b");
    let _daemon = room.start();
    room.wait_hits("/a", 1);
    first.add(Story::new(1));
    let queue = room.wait_queue(1);
    let mut copy = Story::new(1);
    copy.guid = "another-guid".into();
    copy.link = Some("https://news.example/1?utm_source=rss".into());
    second.add(copy);
    let queue = [queue, room.wait_queue(2)].concat();
    let (original, dup) = (&queue[0], &queue[2]);
    assert_eq!(dup["feed"], "b");
    assert_ne!(dup["uid"], original["uid"]);
    assert_eq!(dup["dup_of"], original["uid"]);
    assert!(!original.contains_key("dup_of"));
}

#[test]
fn a_server_that_knows_304_is_asked_with_its_own_validators_and_once_all_items_are_in() {
    let mut room = Newsroom::open();
    let body = rss(&[Story::new(2), Story::new(1)]);
    room.server.at("/feed", move |hit| {
        if hit.header("if-none-match") == Some("\"v1\"") {
            Reply::status(304)
        } else {
            Reply::ok(body.clone())
                .with("ETag", "\"v1\"")
                .with("Last-Modified", "a Tuesday")
        }
    });
    room.feed("wire", "/feed");
    let mut daemon = room.start();
    let hits = room.wait_hits("/feed", 3);
    assert_eq!(hits[0].header("if-none-match"), None);
    for hit in &hits[1..] {
        assert_eq!(hit.header("if-none-match"), Some("\"v1\""));
        assert_eq!(hit.header("if-modified-since"), Some("a Tuesday"));
    }
    let status = room.wait_status("wire", "304", |s| s["http_status"] == 304);
    assert_eq!(
        (
            status["health"].as_str(),
            status["validators"]["etag"].as_str()
        ),
        (Some("ok"), Some("\"v1\""))
    );
    assert_eq!(room.queue().len(), 2);
    daemon.stop();
    // The store forgets the feed: the validators are forgotten with it, so nothing is lost behind a 304.
    room.redis.query::<()>(&["FLUSHALL"]);
    let _daemon = room.start();
    assert_eq!(room.wait_queue(2).len(), 2);
}

#[test]
fn validators_are_not_kept_of_a_body_that_broke_off() {
    let mut room = Newsroom::open();
    let whole = rss(&(1..=40).rev().map(Story::new).collect::<Vec<_>>());
    let cut = whole[..whole.len() * 2 / 3].to_owned();
    let head = format!(
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: {}\r\n\r\n",
        whole.len()
    );
    room.section("limits")["first_items"] = json!(100);
    // The second poll comes when it is asked for, not while the first is looked at.
    room.section("schedule")["interval_sec"] = json!(3600);
    room.server.at("/feed", {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::Raw(format!("{head}{cut}").into_bytes()),
            _ => Reply::ok(whole.clone()).with("ETag", "\"v1\""),
        }
    });
    room.feed("wire", "/feed");
    let _daemon = room.start();
    let status = room.wait_status("wire", "failing", |s| s["failures"] == 1);
    let part = room.queue().len();
    assert!((20..40).contains(&part), "{part} items of the part");
    assert!(
        status["error"].as_str().unwrap().contains("broke off"),
        "{status}"
    );
    assert!(status.get("validators").is_none(), "{status}");
    room.redis.wait_subscribed("rss_agg:poll", 1);
    room.redis
        .query::<i64>(&["PUBLISH", "rss_agg:poll", "wire"]);
    let hits = room.wait_hits("/feed", 2);
    assert_eq!(hits[1].header("if-none-match"), None);
    assert_eq!(room.wait_queue(40).len(), 40);
}

#[test]
fn a_web_page_leads_to_the_feed_that_it_names_and_says_so() {
    let mut room = Newsroom::open();
    room.server.always(
        "/",
        Reply::ok("<!DOCTYPE html><html><head><link rel=alternate type=application/rss+xml href=/feed.xml></head></html>")
            .with("Content-Type", "text/html"),
    );
    Wire::serve(&room.server, "/feed.xml", 2);
    room.feed("site", "/");
    let _daemon = room.start();
    room.wait_queue(2);
    let status = room.wait_status("site", "read", |s| s["health"] == "ok");
    assert_eq!(status["alternates"], json!([room.server.url("/feed.xml")]));
    assert!(status.get("moved_to").is_none());
}

#[test]
fn what_is_no_feed_is_kept_for_people_to_see() {
    let mut room = Newsroom::open();
    room.server
        .always("/junk", Reply::ok("%PDF-1.7 ".repeat(2000)));
    room.feed("junk", "/junk");
    let _daemon = room.start();
    let status = room.wait_status("junk", "failing", |s| s["health"] == "failing");
    let entry: redis::streams::StreamRangeReply =
        room.redis
            .query(&["XRANGE", "rss:quarantine", "-", "+", "COUNT", "1"]);
    let entry = &entry.ids[0];
    let field = |name: &str| entry.get::<String>(name).unwrap();
    assert_eq!(
        (field("feed").as_str(), field("body").len()),
        ("junk", 4096)
    );
    assert_eq!(status["error"], field("reason"));
}

#[test]
fn a_poll_can_be_asked_for_and_a_gone_feed_answers_again() {
    let mut room = Newsroom::open();
    room.section("schedule")["interval_sec"] = json!(3600);
    room.server.always("/feed", Reply::status(410));
    room.feed("wire", "/feed");
    let mut daemon = room.start();
    let status = room.wait_status("wire", "gone", |s| s["health"] == "gone");
    assert!(status.get("next_poll_ts").is_none(), "{status}");
    daemon.stop();
    let _daemon = room.start();
    room.redis.wait_subscribed("rss_agg:poll", 1);
    Wire::serve(&room.server, "/feed", 1);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(
        room.server.hits().len(),
        1,
        "410 stops the feed, also over a restart"
    );
    room.redis
        .query::<i64>(&["PUBLISH", "rss_agg:poll", "wire"]);
    room.wait_queue(1);
    let status = room.wait_status("wire", "ok again", |s| s["health"] == "ok");
    assert!(status["next_poll_ts"].as_i64().is_some(), "{status}");
}

#[test]
fn a_poll_that_was_asked_for_outlives_a_new_truth() {
    let mut room = Newsroom::open();
    room.section("schedule")["interval_sec"] = json!(3600);
    room.section("limits")["per_host_rps"] = json!(0.5);
    for (id, path) in [("a", "/a"), ("b", "/b")] {
        Wire::serve(&room.server, path, 1);
        room.feed(id, path);
    }
    let daemon = room.start();
    room.redis.wait_subscribed("rss_agg:poll", 1);
    for id in ["a", "b"] {
        room.wait_status(id, "ok", |s| s["health"] == "ok");
    }
    for id in ["a", "b"] {
        room.redis.query::<i64>(&["PUBLISH", "rss_agg:poll", id]);
    }
    // While they wait for their host, it changes when they are due by themselves.
    room.section("schedule")["interval_sec"] = json!(7200);
    room.seed();
    daemon.wait_log("a new truth is in force", PATIENCE);
    room.wait_hits("/a", 2);
    room.wait_hits("/b", 2);
}

#[test]
fn a_truth_that_changes_is_followed_at_once() {
    let mut room = Newsroom::open();
    Wire::serve(&room.server, "/a", 1);
    Wire::serve(&room.server, "/b", 2);
    Wire::serve(&room.server, "/c", 0);
    room.feed("a", "/a");
    let _daemon = room.start();
    room.wait_queue(1);
    room.feed("b", "/b");
    room.seed();
    room.wait_queue(3);
    // The same feed under another URL: what was seen stays seen.
    room.section("feeds")[1]["url"] = json!(room.server.url("/a"));
    room.section("feeds").as_array_mut().unwrap().remove(0);
    room.seed();
    let status = room.wait_status("b", "at its new place", |s| {
        s["url"].as_str().is_some_and(|url| url.ends_with("/a")) && s["health"] == "ok"
    });
    assert_eq!(
        status["queued"], 2,
        "story 1 was seen in this feed before: {status}"
    );
    let hits = room.server.hits_of("/b").len();
    room.wait_hits("/a", room.server.hits_of("/a").len() + 3);
    assert!(room.server.hits_of("/b").len() <= hits + 1);
    assert_eq!(room.queue().len(), 3);
}

#[test]
fn what_a_filter_drops_is_seen_and_counted_and_nothing_more() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 4);
    room.feed("wire", "/feed");
    *room.section("filters") =
        json!([{"field": "title", "match": "story (2|4|24)$", "action": "drop"}]);
    let daemon = room.start();
    room.wait_queue(2);
    wire.add(Story::new(24));
    wire.add(Story::new(5));
    let queue = room.wait_queue(3);
    let titles: Vec<&str> = queue.iter().map(|entry| entry["title"].as_str()).collect();
    assert_eq!(titles, ["Story 1", "Story 3", "Story 5"]);
    let status = room.wait_status("wire", "counted", |s| s["dropped"] == 3);
    assert_eq!(
        room.redis
            .query::<u64>(&["HGET", "rss_agg:totals", "dropped"]),
        3,
        "{status}"
    );
    // Without the filter they stay seen.
    *room.section("filters") = json!([]);
    room.seed();
    daemon.wait_log("a new truth is in force", PATIENCE);
    let hits = room.server.hits().len();
    room.wait_hits("/feed", hits + 3);
    assert_eq!(room.queue().len(), 3);
}

#[test]
fn secret_headers_come_from_the_environment_and_a_missing_one_is_named() {
    let mut room = Newsroom::open();
    Wire::serve(&room.server, "/feed", 1);
    room.feed("wire", "/feed")["headers_env"] = json!({"Authorization": "WIRE_TOKEN"});
    room.feed("poor", "/feed")["headers_env"] = json!({"Authorization": "NOBODY_SET_THIS"});
    let _daemon = room.start_with(&[("WIRE_TOKEN", "Bearer abc")]);
    room.wait_status("wire", "ok", |s| s["health"] == "ok");
    let poor = room.wait_status("poor", "failing", |s| s["health"] == "failing");
    assert!(
        poor["error"].as_str().unwrap().contains("NOBODY_SET_THIS"),
        "{poor}"
    );
    assert!(
        room.server
            .hits()
            .iter()
            .all(|hit| hit.header("authorization") == Some("Bearer abc"))
    );
}
