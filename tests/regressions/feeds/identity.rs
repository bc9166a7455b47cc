//! Items that were lost or came twice.

use std::collections::HashMap;

use marketswarm::feed::document::{Context, Document};
use marketswarm::feed::identity::identify;
use marketswarm::feed::seen::{Candidate, Poll, Seen, Verdict};

/// How many items are new at each poll of a feed that lists these.
fn new_at_each_poll(polls: &[&[String]]) -> Vec<usize> {
    let mut seen = Seen::new(HashMap::new(), 0, None);
    let mut new = Vec::new();
    for (now_ts, items) in (1_700_000_000..).zip(polls) {
        let feed = format!(
            "<rss version='2.0'><channel><title>t</title>{}</channel></rss>",
            items.concat()
        );
        let document = Document::decode(feed.as_bytes(), None);
        let context = Context {
            url: "http://feed.example/",
            max_items: 100,
        };
        let parsed = document.parse(context).expect("a feed");
        let identities = identify("feed", &parsed);
        let poll = Poll {
            now_ts,
            complete: true,
            first_items: None,
        };
        let plan = seen.plan(&identities, poll, |_| Candidate {
            published_ts: 0,
            dropped: false,
        });
        seen.apply(&plan);
        new.push(
            plan.verdicts
                .iter()
                .filter(|verdict| matches!(verdict, Verdict::New { .. }))
                .count(),
        );
    }
    new
}

fn item(guid: &str, link: &str, title: &str) -> String {
    let field = |name: &str, value: &str| {
        if value.is_empty() {
            String::new()
        } else {
            format!("<{name}>{value}</{name}>")
        }
    };
    format!(
        "<item>{}{}{}</item>",
        field("guid", guid),
        field("link", link),
        field("title", title)
    )
}

#[test]
fn releases_of_one_page_were_taken_for_the_first_of_them() {
    let release = |n: u32| {
        item(
            &format!("release-{n}"),
            "https://files.example/releases",
            &format!("Version {n}"),
        )
    };
    assert_eq!(
        new_at_each_poll(&[&[release(1)], &[release(2)], &[release(3)]]),
        [1, 1, 1]
    );
    assert_eq!(
        new_at_each_poll(&[
            &[release(2), release(1)],
            &[release(4), release(3), release(2)],
            &[release(4)]
        ]),
        [2, 2, 0]
    );
}

#[test]
fn guids_that_are_made_anew_bring_nothing_new() {
    let story = |salt: u32, n: u32| {
        item(
            &format!("{salt}-{n}"),
            &format!("https://news.example/{n}"),
            &format!("Story {n}"),
        )
    };
    let poll = |salt| [1, 2, 3].map(|n| story(salt, n));
    assert_eq!(new_at_each_poll(&[&poll(1), &poll(2), &poll(3)]), [3, 0, 0]);
}

#[test]
fn two_halts_of_one_share_were_one() {
    let halt = |n: u32| {
        item(
            &format!("halt-{n}"),
            "https://exchange.example/halts",
            "ACME",
        )
    };
    assert_eq!(
        new_at_each_poll(&[&[halt(2), halt(1)], &[halt(3), halt(2), halt(1)]]),
        [2, 1]
    );
}

#[test]
fn notes_without_title_and_guid_on_one_page_were_one() {
    let note = |n: u32| {
        format!(
            "<item><link>https://notes.example/</link><description>Note {n}</description></item>"
        )
    };
    assert_eq!(
        new_at_each_poll(&[&[note(2), note(1)], &[note(3), note(2)]]),
        [2, 1]
    );
}

#[test]
fn session_ids_in_links_and_guids_made_every_item_new() {
    for link in [
        "https://shop.example/news/{n};jsessionid={s}.node1?lang=en",
        "https://shop.example/news.php?PHPSESSID={s}&amp;id={n}",
        "https://shop.example/news.php?id={n}&amp;phpsessid={s}",
        "https://shop.example/news.cfm?id={n}&amp;CFID={s}&amp;CFTOKEN={s}",
        "https://shop.example/(S({s}))/news.aspx?id={n}",
        "https://shop.example/news.asp?ASPSESSIONIDABCDEFGH={s}&amp;id={n}",
    ] {
        for is_guid in [false, true] {
            let story = |poll: u32, n: u32| {
                let link = link
                    .replace("{s}", &format!("0f{poll}a{n}"))
                    .replace("{n}", &n.to_string());
                if is_guid {
                    item(&link, "", &format!("Story {n}"))
                } else {
                    item("", &link, &format!("Story {n}"))
                }
            };
            let poll = |poll, first: u32| [first, first + 1].map(|n| story(poll, n));
            let new = new_at_each_poll(&[&poll(1, 1), &poll(2, 1), &poll(3, 2)]);
            assert_eq!(new, [2, 0, 1], "{link}, guid: {is_guid}");
        }
    }
    // An id of a story is none of a session.
    let story = |n: u32| {
        item(
            "",
            &format!("https://news.example/read?sid=2025/{n}"),
            "Daily note",
        )
    };
    assert_eq!(
        new_at_each_poll(&[&[story(1)], &[story(2)], &[story(3), story(2)]]),
        [1, 1, 1]
    );
}
