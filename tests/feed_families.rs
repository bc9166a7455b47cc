//! Families of feeds that people follow: each is understood as it is, and nothing in it is repaired.
//!
//! The feeds in `tests/feeds/families/` have the shape of real ones, with texts and names of their own.

mod said;

use std::fs;
use std::path::Path;

use marketswarm::clock::Mono;
use marketswarm::feed::check::{self, Report};
use marketswarm::feed::document::Context;
use marketswarm::feed::item::Supplied;

use said::{FAMILIES, Family};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/feeds/families"))
}

fn check(family: &Family) -> Report {
    let body = fs::read(folder().join(family.file)).expect(family.file);
    let context = Context {
        url: "https://feed.example/feeds/1.xml",
        max_items: 100,
    };
    check::check(&body, None, context, "f", 1_800_000_000, Mono::default)
        .unwrap_or_else(|refused| panic!("{}: {refused}", family.file))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn each_family_is_understood_without_a_repair() {
    for family in FAMILIES {
        let file = family.file;
        let report = check(family);
        assert!(report.is_clean(), "{file}: {:?}", report.repairs);
        let feed = &report.feed;
        assert_eq!(
            feed.title.as_deref().map(one_line).unwrap_or_default(),
            family.title,
            "{file}"
        );
        assert_eq!(
            feed.link.as_deref().unwrap_or_default(),
            family.link,
            "{file}"
        );
        assert_eq!(report.items.len(), family.items.len(), "{file}");
        for (item, expected) in report.items.iter().zip(family.items) {
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            assert_eq!(text(&item.title), expected.title, "{file}");
            assert_eq!(text(&item.url), expected.url, "{file}");
            assert_eq!(text(&item.guid), expected.guid, "{file}");
            assert_eq!(item.published_ts, expected.published_ts, "{file}");
            assert_ne!(item.published_supplied, Some(Supplied::FetchTime), "{file}");
            let words = item.summary_text.as_ref().or(item.content_text.as_ref());
            let words = one_line(words.expect(file));
            for part in expected.words {
                assert!(words.contains(part), "{file}: {words}");
            }
            let author = item.author.clone().unwrap_or_default();
            assert_eq!(author.name.unwrap_or_default(), expected.author, "{file}");
            assert_eq!(text(&item.image), expected.image, "{file}");
            let enclosure = item.enclosures.first().map_or("", |file| &file.url);
            assert_eq!(enclosure, expected.enclosure, "{file}");
            if !expected.categories.is_empty() {
                assert_eq!(item.categories, expected.categories, "{file}");
            }
        }
    }
}

#[test]
fn two_items_of_a_family_are_two() {
    for family in FAMILIES {
        let report = check(family);
        let uids: std::collections::BTreeSet<_> =
            report.items.iter().map(|item| &item.uid).collect();
        assert_eq!(uids.len(), family.items.len(), "{}", family.file);
    }
}

#[test]
fn what_only_one_family_says_is_read_too() {
    let of = |file: &str| {
        let family = FAMILIES.iter().find(|family| family.file == file);
        check(family.expect("a family"))
    };
    let filing = of("edgar-company.xml").items.remove(0);
    let content = one_line(&filing.content_text.unwrap_or_default());
    assert!(
        content.starts_with("0000000001-24-000002 34 001-00001"),
        "{content}"
    );
    assert!(
        content.contains("Quarterly report [Sections 13 or 15(d)] 2 MB"),
        "{content}"
    );
    let post = of("wordpress.xml");
    assert_eq!(post.feed.hints.sy_sec, Some(3_600));
    assert_eq!(
        one_line(post.items[0].content_text.as_deref().unwrap_or_default()),
        "All nine voted. More."
    );
    let papers = of("arxiv.xml");
    assert_eq!(papers.feed.hints.skip_days, [5, 6]);
    let podcast = of("podcast-host.xml");
    assert_eq!(podcast.items[0].enclosures.len(), 1);
    assert_eq!(podcast.items[0].enclosures[0].length, Some(31_415_926));
    assert_eq!(
        podcast.feed.image.as_deref(),
        Some("https://pod.example/cover.jpg")
    );
    assert_eq!(podcast.feed.categories, ["Business", "Investing", "News"]);
    let letter = of("substack.xml").items.remove(0);
    let text = one_line(&letter.content_text.unwrap_or_default());
    assert_eq!(text, "All nine voted. Subscribe now");
    assert_eq!(of("ghost.xml").feed.hints.ttl_sec, Some(3_600));
}
