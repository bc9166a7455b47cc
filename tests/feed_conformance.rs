//! The feed reader against a public conformance suite: 527 feeds, each beside what a mature library makes of it.
//!
//! The suite is data of another project and not part of this one: `GOFEED_DATA` names its folder (with `parser/`
//! and `translator/` in it). Without it these tests say so and check nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use marketswarm::clock::Mono;
use marketswarm::feed::document::{Context, Document, Refused, date};
use marketswarm::feed::identity::identify;
use marketswarm::feed::item::{Feed, Item};
use marketswarm::feed::normalise::Normaliser;
use serde_json::Value;

use crate::support::cpu_time;

/// The two files that are no feeds: an empty one, and a note.
const NOT_FEEDS: [&str; 2] = ["empty_feed.xml", "unknown_feed.xml"];
/// Where we differ on purpose: markup in a guid is not part of it, and an id is never resolved.
const OTHER_GUIDS: [&str; 2] = [
    "rss_channel_item_guid_naked_markup.xml",
    "entry_id_xml_base.xml",
];

fn suite(folder: &str) -> Option<PathBuf> {
    let Some(data) = std::env::var_os("GOFEED_DATA") else {
        crate::support::say_skipped(
            "GOFEED_DATA is not set, so the feed reader is not checked against the public suite",
        );
        return None;
    };
    let path = Path::new(&data).join(folder);
    assert!(
        path.is_dir(),
        "GOFEED_DATA has no folder {folder}: {}",
        path.display()
    );
    Some(path)
}

/// All feeds below a folder, each with the JSON that is expected of it.
fn pairs(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut pairs = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(&folder)
            .expect("a folder")
            .map(|file| file.expect("a file").path())
        {
            let expected = match file.extension().and_then(|e| e.to_str()) {
                _ if file.is_dir() => {
                    folders.push(file);
                    continue;
                }
                Some("xml") => file.with_extension("json"),
                _ => {
                    let stem = file
                        .file_stem()
                        .and_then(|stem| stem.to_str())
                        .expect("a name");
                    file.with_file_name(format!("{stem}_expected.json"))
                }
            };
            if let Ok(json) = fs::read(&expected) {
                pairs.push((file, serde_json::from_slice(&json).expect("valid JSON")));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs
}

fn read(file: &Path) -> Result<(Feed, Vec<Item>), Refused> {
    let body = fs::read(file).expect("a readable file");
    let started = cpu_time();
    let document = Document::decode(&body, None);
    let parsed = document.parse(Context {
        url: "http://feed.example/",
        max_items: 2_000,
    })?;
    // On a clock that stands still, no pause of this thread turns HTML into plain text.
    let mut normaliser = Normaliser::new(&parsed, "suite", Mono::default);
    let identities = identify("suite", &parsed);
    let now = 1_800_000_000;
    let items = parsed
        .entries
        .iter()
        .zip(&identities)
        .map(|(entry, identity)| normaliser.item(entry, identity, now));
    let items = items.collect();
    let feed = normaliser.feed();
    let took = cpu_time() - started;
    assert!(
        took < Duration::from_secs(2),
        "{} took {took:?}",
        file.display()
    );
    Ok((feed, items))
}

/// Every field that is expected, and is one of ours, must be equal.
fn differences(expected: &Value, ours: &Value, fields: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (theirs, our_name) in fields {
        let want = match (*theirs, &expected[*theirs]) {
            (_, Value::Null) => continue,
            ("publishedParsed" | "updatedParsed", written) => {
                date::parse(written.as_str().unwrap_or_default()).map_or(Value::Null, Value::from)
            }
            ("image", image) => image["url"].clone(),
            ("author", author) => {
                let mut author = author.clone();
                if let Some(fields) = author.as_object_mut() {
                    fields.retain(|name, _| name == "name" || name == "email");
                }
                author
            }
            ("enclosures", list) => {
                let mut list = list.clone();
                for file in list.as_array_mut().into_iter().flatten() {
                    let length = file["length"]
                        .as_str()
                        .and_then(|length| length.parse::<u64>().ok());
                    file["length"] = Value::from(length);
                }
                list
            }
            (_, value) => value.clone(),
        };
        if want != ours[*our_name] {
            wrong.push(format!(
                "{theirs}: expected {want}, got {}",
                ours[*our_name]
            ));
        }
    }
    wrong
}

const ITEM_FIELDS: [(&str, &str); 11] = [
    ("title", "title"),
    ("guid", "guid"),
    ("link", "url"),
    ("description", "summary"),
    ("content", "content"),
    ("author", "author"),
    ("categories", "categories"),
    ("publishedParsed", "published_ts"),
    ("updatedParsed", "updated_ts"),
    ("enclosures", "enclosures"),
    ("image", "image"),
];

const FEED_FIELDS: [(&str, &str); 12] = [
    ("title", "title"),
    ("description", "description"),
    ("link", "link"),
    ("feedLink", "feedLink"),
    ("language", "language"),
    ("author", "author"),
    ("image", "image"),
    ("categories", "categories"),
    ("copyright", "copyright"),
    ("generator", "generator"),
    ("publishedParsed", "published_ts"),
    ("updatedParsed", "updated_ts"),
];

#[test]
fn all_97_translator_pairs_are_equal_wherever_a_field_is_expected() {
    let Some(folder) = suite("translator") else {
        return;
    };
    let pairs = pairs(&folder);
    assert_eq!(pairs.len(), 97);
    let mut wrong = Vec::new();
    for (file, expected) in &pairs {
        let (feed, items) =
            read(file).unwrap_or_else(|refused| panic!("{}: {refused}", file.display()));
        let feed = serde_json::to_value(feed).expect("JSON");
        let mut differ = differences(expected, &feed, &FEED_FIELDS);
        let expected_items = expected["items"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if expected_items.len() != items.len() {
            differ.push(format!(
                "{} items expected, got {}",
                expected_items.len(),
                items.len()
            ));
        }
        for (expected, item) in expected_items.iter().zip(&items) {
            differ.extend(differences(
                expected,
                &serde_json::to_value(item).expect("JSON"),
                &ITEM_FIELDS,
            ));
        }
        if !differ.is_empty() {
            wrong.push(format!("{}\n  {}", file.display(), differ.join("\n  ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} pairs differ:\n{}",
        wrong.len(),
        pairs.len(),
        wrong.join("\n")
    );
    eprintln!("{} translator pairs equal", pairs.len());
}

#[test]
fn all_433_parser_pairs_have_their_items_and_431_their_guids() {
    let Some(folder) = suite("parser") else {
        return;
    };
    let pairs: Vec<_> = ["atom", "rss"]
        .iter()
        .flat_map(|format| pairs(&folder.join(format)))
        .collect();
    assert_eq!(pairs.len(), 433);
    let (mut wrong, mut other_guids) = (Vec::new(), Vec::new());
    for (file, expected) in &pairs {
        let (_, items) =
            read(file).unwrap_or_else(|refused| panic!("{}: {refused}", file.display()));
        let expected: Vec<&Value> = ["items", "entries"]
            .iter()
            .filter_map(|list| expected[*list].as_array())
            .flatten()
            .collect();
        if expected.len() != items.len() {
            wrong.push(format!(
                "{}: {} items expected, got {}",
                file.display(),
                expected.len(),
                items.len()
            ));
            continue;
        }
        let guid = |item: &Value| {
            let guid = [&item["guid"]["value"], &item["guid"], &item["id"]]
                .into_iter()
                .find_map(Value::as_str);
            guid.map(str::to_string)
        };
        // RSS 1.0 has no guid; there `rdf:about` is shown as one, which the suite leaves out.
        let is_rdf = file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("rdf_"));
        let differs = |(expected, item): (&&Value, &Item)| {
            let expected = guid(expected);
            expected != item.guid && (expected.is_some() || !is_rdf)
        };
        if expected.iter().zip(&items).any(differs) {
            other_guids.push(
                file.file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    other_guids.sort();
    let mut decided = OTHER_GUIDS.map(str::to_string);
    decided.sort();
    assert_eq!(other_guids, decided);
    eprintln!(
        "{} parser pairs have their items, {} their guids",
        pairs.len(),
        pairs.len() - other_guids.len()
    );
}

#[test]
fn exactly_the_two_files_that_are_no_feeds_are_refused() {
    let Some(folder) = suite("") else { return };
    let mut refused = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(&folder)
            .expect("a folder")
            .map(|file| file.expect("a file").path())
        {
            if file.is_dir() {
                folders.push(file);
            } else if file.extension().is_some_and(|e| e == "xml") && read(&file).is_err() {
                refused.push(
                    file.file_name()
                        .expect("a name")
                        .to_string_lossy()
                        .into_owned(),
                );
            }
        }
    }
    refused.sort();
    assert_eq!(refused, NOT_FEEDS);
}
