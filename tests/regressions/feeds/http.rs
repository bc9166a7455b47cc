//! Answers of web servers that were not taken as they were meant.

use serde_json::{Value, json};

use crate::support::feed_server::{FeedServer, Hit, Reply};
use crate::support::newsroom::{Newsroom, Story, rss};
use crate::support::{Daemon, PATIENCE};

fn check(url: &str) -> (i32, Value) {
    let (code, text) = Daemon::run(
        "marketswarm",
        &["feed", "check", "--json", url],
        &[],
        PATIENCE,
    );
    (
        code,
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}")),
    )
}

fn news() -> String {
    rss(&[Story::new(1)])
}

/// A whole answer, its head line by line as it is.
fn raw(head: &[&str]) -> Reply {
    let body = news();
    let head = head.join("\r\n");
    Reply::Raw(
        format!(
            "{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

#[test]
fn a_redirect_that_sets_a_cookie_went_round_in_circles() {
    let server = FeedServer::start();
    server.at("/feed", |hit: &Hit| match hit.header("cookie") {
        Some(cookies) if cookies.contains("seen=yes") => Reply::ok(news()),
        _ => Reply::to(302, "/wall/enter"),
    });
    server.always(
        "/wall/enter",
        Reply::to(303, "/feed")
            .with("Set-Cookie", "seen=yes; Path=/; Max-Age=600; HttpOnly")
            .with("Set-Cookie", "wall=1")
            .with(
                "Set-Cookie",
                "gone=1; Path=/; Expires=Thu, 01-Jan-1970 00:00:01 GMT",
            ),
    );
    let (code, report) = check(&server.url("/feed"));
    assert_eq!(
        (code, report["items"].as_array().map(Vec::len)),
        (1, Some(1)),
        "{report}"
    );
    let sent: Vec<Option<String>> = server
        .hits_of("/feed")
        .iter()
        .map(|hit| hit.header("cookie").map(str::to_owned))
        .collect();
    assert_eq!(sent, [None, Some("seen=yes".to_owned())]);
}

#[test]
fn cookies_are_forgotten_after_the_fetch_and_stay_with_their_host() {
    let mut room = Newsroom::open();
    let elsewhere = format!("http://127.0.0.2:{}/other", room.server.port);
    room.server.at("/feed", move |_| {
        Reply::to(302, &elsewhere).with("Set-Cookie", "a=1; Path=/")
    });
    room.server.always("/other", Reply::ok(news()));
    room.server.always("/second", Reply::ok(news()));
    room.feed("first", "/feed");
    room.feed("second", "/second");
    let _daemon = room.start();
    room.wait_hits("/feed", 3);
    room.wait_hits("/other", 2);
    room.wait_hits("/second", 2);
    let told = room
        .server
        .hits()
        .into_iter()
        .find(|hit| hit.header("cookie").is_some());
    assert!(told.is_none(), "{told:?}");
}

#[test]
fn one_bad_line_of_a_head_cost_the_answer() {
    let server = FeedServer::start();
    let bad = [
        "PHP Notice:  Undefined variable: x in /srv/feed.php on line 3",
        "Feature Policy: camera 'none'",
        "<br />",
        "X-Folded: one,\r\n\ttwo",
        "X-Odd\u{1}: 1",
    ];
    for (n, line) in bad.iter().enumerate() {
        let path = format!("/{n}");
        server.always(
            &path,
            raw(&[
                "HTTP/1.1 200 OK",
                line,
                "Content-Type: application/rss+xml",
                line,
                "ETag: \"1\"",
            ]),
        );
        let (code, report) = check(&server.url(&path));
        let (feed, items) = (
            &report["feed"]["title"],
            report["items"].as_array().map(Vec::len),
        );
        assert_eq!(
            (code, feed, items),
            (0, &json!("The news"), Some(1)),
            "{line}: {report}"
        );
    }
    // What stands in the lines that are good still counts, folded or not.
    let title = "T\u{e9}".chars().map(|c| c as u8).collect::<Vec<u8>>();
    let body = [
        b"<rss version='2.0'><channel><title>",
        &*title,
        b"</title><item><title>a</title></item></channel></rss>",
    ]
    .concat();
    let head = "HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Type: text/xml;\r\n charset=iso-8859-1\r\nConnection: close\r\n\r\n";
    server.always("/folded", Reply::Raw([head.as_bytes(), &body].concat()));
    assert_eq!(check(&server.url("/folded")).1["feed"]["title"], "Té");
}

#[test]
fn the_validators_of_a_304_were_not_used() {
    let mut room = Newsroom::open();
    room.server
        .at("/feed", |hit: &Hit| match hit.header("if-none-match") {
            None => Reply::ok(news())
                .with("ETag", "\"a\"")
                .with("Last-Modified", "Mon, 03 Mar 2025 10:00:00 GMT"),
            Some("\"a\"") => Reply::status(304).with("ETag", "\"b\""),
            Some(_) => Reply::status(304).with("Last-Modified", "Tue, 04 Mar 2025 10:00:00 GMT"),
        });
    room.feed("wire", "/feed");
    let _daemon = room.start();
    let hits = room.wait_hits("/feed", 4);
    let asked = |n: usize| {
        (
            hits[n].header("if-none-match"),
            hits[n].header("if-modified-since"),
        )
    };
    let [monday, tuesday] = [
        "Mon, 03 Mar 2025 10:00:00 GMT",
        "Tue, 04 Mar 2025 10:00:00 GMT",
    ]
    .map(Some);
    assert_eq!(asked(1), (Some("\"a\""), monday));
    assert_eq!(
        asked(2),
        (Some("\"b\""), monday),
        "what a 304 does not say stays as it was"
    );
    assert_eq!(asked(3), (Some("\"b\""), tuesday));
}

#[test]
fn a_page_that_is_no_more_than_its_doctype_is_a_page() {
    let folder = tempfile::tempdir().unwrap();
    for (n, page) in [
        "<!doctype html>",
        "<!DOCTYPE html>\n",
        "\n<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">",
        "<!doctype html>soon",
    ]
    .iter()
    .enumerate()
    {
        let file = folder.path().join(n.to_string());
        std::fs::write(&file, page).unwrap();
        let (code, report) = check(file.to_str().unwrap());
        let words = report["problems"][0]["words"].as_str().unwrap_or_default();
        assert!(code == 2 && words.contains("web page"), "{page}: {report}");
    }
}

#[test]
fn a_server_that_wants_to_be_left_alone_was_asked_for_its_other_feeds() {
    let mut room = Newsroom::open();
    *room.section("schedule") = json!({"interval_sec": 3600});
    room.section("limits")["per_host_rps"] = json!(1);
    for path in ["/one", "/two", "/three"] {
        room.server
            .always(path, Reply::status(429).with("Retry-After", "900"));
        room.feed(&path[1..], path);
    }
    // Another name of the same machine is another host.
    let other = format!("http://127.0.0.2:{}/other", room.server.port);
    room.server.always("/other", Reply::ok(news()));
    room.feed_at("other", &other);
    let daemon = room.start();
    daemon.wait_log("wants to be left alone", PATIENCE);
    room.wait_hits("/other", 1);
    // That no more come can only be waited for; the rate alone would allow one in each second.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let hits = room
        .server
        .hits()
        .into_iter()
        .filter(|hit| hit.target != "/other");
    assert_eq!(hits.count(), 1);
}
