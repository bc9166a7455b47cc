//! `marketswarm feed`: what an operator sees of feeds.

use std::collections::HashMap;
use std::time::Duration;

use marketswarm::demo_feeds::{self, FEEDS};
use serde_json::{Value, json};

use crate::support::feed_server::{FeedServer, Reply};
use crate::support::newsroom::{Newsroom, Story, Wire, rss};
use crate::support::{Daemon, PATIENCE, until};

fn feed(args: &[&str], env: &[(&str, &str)]) -> (i32, String) {
    let args = [&["feed"], args].concat();
    Daemon::run("marketswarm", &args, env, Duration::from_secs(60))
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn check_tells_a_good_feed_from_a_repaired_and_a_refused_one() {
    let folder = tempfile::tempdir().unwrap();
    let good = rss(&[Story::new(2), Story::new(1)]);
    let (code, text) = feed(&["check", &file(&folder, "good.xml", &good)], &[]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("The news  [RSS 2.0]") && text.contains("Items: 2"),
        "{text}"
    );
    assert!(
        text.contains("Rules violated") && text.contains("feed: has no link to its site"),
        "{text}"
    );

    let damaged = good
        .replace("Story 2", "Story & 2")
        .replace("</channel></rss>", "");
    let (code, text) = feed(&["check", &file(&folder, "damaged.xml", &damaged)], &[]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("a bare & was read as itself") && text.contains("Story & 2"),
        "{text}"
    );

    let (code, text) = feed(
        &["check", "--json", &file(&folder, "junk", "just words")],
        &[],
    );
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["feed"]), (2, &Value::Null), "{text}");

    let (code, text) = feed(
        &["check", "--json", &file(&folder, "damaged.xml", &damaged)],
        &[],
    );
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, report["items"].as_array().unwrap().len()), (1, 2));
    assert_eq!(report["items"][0]["title"], "Story & 2");
    assert_eq!(report["feed"]["title"], "The news");
    assert!(
        report["repairs"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["repair"] == "bare_ampersand"),
        "{text}"
    );
    assert!(!report["problems"].as_array().unwrap().is_empty());
}

#[test]
fn check_of_a_saved_page_says_what_it_names_and_what_to_give_instead() {
    let folder = tempfile::tempdir().unwrap();
    let link = "<link rel=alternate type=application/rss+xml href=/feed.xml>";
    for (page, says) in [
        (
            format!("<html><head>{link}"),
            "it names /feed.xml, relative to the page's address, which the file does not tell: \
             give the URL of the page instead of the file",
        ),
        (
            format!("<html><head><base href='https://news.example/a/'>{link}"),
            "it names https://news.example/feed.xml; give the URL of the feed instead of the file",
        ),
        ("<html><head>".to_owned(), "it names no feed"),
    ] {
        let (code, text) = feed(&["check", &file(&folder, "page.html", &page)], &[]);
        assert_eq!(code, 2, "{text}");
        assert!(text.trim_end().ends_with(says), "{text}");
    }
}

#[test]
fn check_fetches_a_url_and_names_what_was_odd_on_the_way() {
    let server = FeedServer::start();
    server.always(
        "/",
        Reply::ok("<html><head><link rel=alternate type=application/rss+xml href=/moved>"),
    );
    server.always("/moved", Reply::to(301, "/feed"));
    server.always(
        "/feed",
        Reply::ok(rss(&[Story::new(1)])).with("Content-Encoding", "gzip"),
    );
    let (code, text) = feed(&["check", &server.url("/")], &[]);
    assert_eq!(code, 1, "{text}");
    for said in [
        "it names the feed",
        "redirected (301)",
        "the body is plain",
        "Story 1",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    server.always("/inside", Reply::to(302, "http://10.0.0.1/"));
    let (code, text) = feed(&["check", &server.url("/inside")], &[]);
    assert!(code == 2 && text.contains("private address"), "{text}");
    assert_eq!(feed(&["check", &server.url("/nothing")], &[]).0, 2);
}

#[test]
fn status_and_poll_show_what_rss_agg_knows() {
    let mut room = Newsroom::open();
    room.section("schedule")["interval_sec"] = json!(3600);
    let wire = Wire::serve(&room.server, "/good", 2);
    room.server.always("/bad", Reply::status(500));
    room.feed("good", "/good");
    room.feed("bad", "/bad");
    let _daemon = room.start();
    room.wait_status("good", "ok", |s| s["health"] == "ok");
    room.wait_status("bad", "failing", |s| s["health"] == "failing");
    let url = room.redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let (code, text) = feed(&["status"], &env);
    assert_eq!(code, 1, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].starts_with("bad   failing  500"), "{text}");
    assert!(
        lines[2].contains("HTTP 500 Internal Server Error"),
        "{text}"
    );
    assert!(lines[3].starts_with("good  ok       200"), "{text}");
    let (_, text) = feed(&["status", "--json"], &env);
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (
            &status["feeds"]["good"]["queued"],
            &status["totals"]["queued"]
        ),
        (&json!(2), &json!(2))
    );

    wire.add(Story::new(3));
    let (code, text) = feed(&["poll", "good"], &env);
    assert_eq!(
        (code, text.as_str()),
        (0, "good: HTTP 200, 3 items listed, 1 new")
    );
    let (code, text) = feed(&["poll", "nobody"], &env);
    assert!(code == 2 && text.contains("nobody"), "{text}");
}

#[test]
fn tail_shows_items_as_they_come() {
    let mut room = Newsroom::open();
    let wire = Wire::serve(&room.server, "/feed", 1);
    room.feed("wire", "/feed");
    let _daemon = room.start();
    room.wait_queue(1);
    let url = room.redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let people = Daemon::start_with("marketswarm", &["feed", "tail"], &env);
    let programs = Daemon::start_with("marketswarm", &["feed", "tail", "--json"], &env);
    // Both know by then what is old.
    until("both wait for news", PATIENCE, || {
        let clients: String = room.redis.query(&["INFO", "clients"]);
        if clients.lines().any(|line| line == "blocked_clients:2") {
            Ok(())
        } else {
            Err(clients)
        }
    });
    wire.add(Story::new(2));
    people.wait_log("wire  Story 2", PATIENCE);
    people.wait_log("https://news.example/2", PATIENCE);
    let line = programs.wait_log("Story 2", PATIENCE);
    let item: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&item["feed"], &item["published_ts"]),
        (&json!("wire"), &json!(1_760_000_120))
    );
    assert_eq!(people.log_count("Story 1"), 0, "only what is new");
}

#[test]
fn opml_goes_in_and_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let opml = "<opml version='2.0'><body><outline text='Markets'><outline text='Wire' xmlUrl='https://a.example/f'/>\
                </outline><outline text='x' xmlUrl='ftp://nope/'/></body></opml>";
    let (code, text) = feed(&["import-opml", &file(&folder, "feeds.opml", opml)], &[]);
    assert_eq!(code, 0, "{text}");
    let json: String = text
        .lines()
        .filter(|line| !line.starts_with("skipped") && !line.contains("put them"))
        .collect();
    let section: Value = serde_json::from_str(&json).unwrap();
    let feeds = &section["feeds"];
    assert_eq!(
        (&feeds[0]["url"], &feeds[0]["category"]),
        (&json!("https://a.example/f"), &json!("Markets"))
    );
    assert!(text.contains("skipped: ftp://nope/"), "{text}");
    let truth = json!({"services": {"rss_agg": {"heartbeat": {}, "feeds": feeds}}});
    let (code, text) = feed(
        &[
            "export-opml",
            &file(&folder, "truth.json", &truth.to_string()),
        ],
        &[],
    );
    assert!(
        code == 0 && text.contains("xmlUrl=\"https://a.example/f\"") && text.contains("Markets"),
        "{text}"
    );
}

#[test]
fn the_demo_brings_items_whose_numbers_follow_each_other() {
    let mut room = Newsroom::open();
    let demo = Daemon::start_with("marketswarm", &["feed", "demo", "--port", "0"], &[]);
    let line = demo.wait_log("/demo/fx.rss", PATIENCE);
    let port = line
        .split("127.0.0.1:")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .unwrap();
    demo_feeds::into_truth(&mut room.truth, port.parse().unwrap());
    let mut daemon = room.start();
    let numbers = |feed: &str| -> Vec<i64> {
        let of_feed = room.queue().into_iter();
        let titles = of_feed.filter(|entry| entry["feed"] == feed);
        let number = |entry: HashMap<String, String>| {
            let title = entry["title"].strip_prefix("DEMO ").unwrap();
            title.split(':').next().unwrap().parse().unwrap()
        };
        titles.map(number).collect()
    };
    // Ten from the first poll of each.
    for feed in &FEEDS {
        until(feed.id, PATIENCE, || match numbers(feed.id).len() {
            10.. => Ok(()),
            other => Err(format!("{other} items")),
        });
    }
    room.wait_queue(42);
    daemon.kill();
    std::thread::sleep(Duration::from_secs(4));
    let before = room.queue().len();
    let _daemon = room.start();
    room.wait_queue(before + 3);
    for feed in &FEEDS {
        let numbers = numbers(feed.id);
        assert!(
            numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "{}: {numbers:?}",
            feed.id
        );
    }
}
