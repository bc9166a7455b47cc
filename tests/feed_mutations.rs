//! The feed reader against mutants of real shapes: pieces of whole feeds cut, moved, doubled, mixed and spoilt, from seeds
//! that give the same mutants each time. A failure names its seed, and `FEED_MUTANT=SEED` plays that one alone.
//!
//! The libFuzzer target of `tests/fuzz/feed.rs` looks for the same, guided by what it reaches, where a nightly compiler is.

use std::fs;
use std::path::{Path, PathBuf};

use marketswarm::clock::Mono;
use marketswarm::feed::check::Report;
use marketswarm::feed::document::Text;
use marketswarm::feed::sanitise::Sanitiser;

use crate::feed_damage::{read, survive};
use crate::support::repetitions;

/// Mutants in a run; ten times as many in a full one.
const MUTANTS: u32 = 3_000;
/// Longer feeds are left out: a mutant should be read in milliseconds.
const BYTES_MAX: usize = 32 * 1024;
/// Most changes to one feed. Few of them leave most of it readable, which is where the harder mistakes are.
const CHANGES_MAX: usize = 6;

/// What stands at the turns of the reader. The dictionary of the libFuzzer target has the rest.
const TOKENS: [&str; 24] = [
    "<",
    ">",
    "&",
    "\"",
    "'",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "</",
    "/>",
    "<?xml version='1.0' encoding='utf-16'?>",
    "<!DOCTYPE a [<!ENTITY b '&b;&b;'>]>",
    "&b;",
    "&#xD800;",
    "&lt;",
    "\u{feff}",
    "\0",
    "\\ud83d",
    "{\"items\":[",
    "]}",
    " xml:base='//x/'",
    "xmlns:a='http://www.w3.org/2005/Atom' ",
    "Tue, 30 Feb 2004 25:61:00 +9999",
];

/// Whole feeds: those of this project, and the collections that the environment names.
fn corpus() -> Vec<Vec<u8>> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/feeds/families")];
    for variable in ["GOFEED_DATA", "FEED_REPORTS_DATA"] {
        // Where one names no folder, the tests that need it say so.
        let named = std::env::var_os(variable).map(PathBuf::from);
        folders.extend(named.filter(|folder| folder.is_dir()));
    }
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(&folder).expect("a folder") {
            let path = file.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    let bodies = files.iter().map(|file| fs::read(file).expect("a file"));
    // Where nothing is read, there is little that a change could spoil.
    let has_items = |body: &[u8]| read(body).is_ok_and(|report| !report.items.is_empty());
    bodies
        .filter(|body| body.len() <= BYTES_MAX && has_items(body))
        .collect()
}

/// A place in a text, and a piece from there on.
fn piece(random: &mut fastrand::Rng, body: &[u8]) -> std::ops::Range<usize> {
    let from = random.usize(..=body.len());
    // Short pieces more often than long ones: they break a tag, not the whole.
    let long = 1 << random.usize(..12);
    from..(from + random.usize(..=long)).min(body.len())
}

fn change(random: &mut fastrand::Rng, body: &mut Vec<u8>, other: &[u8]) {
    let there = piece(random, body);
    let into = random.usize(..=body.len());
    match random.u8(..8) {
        0 => body.truncate(there.start),
        1 => drop(body.drain(there)),
        2 => {
            let doubled = body[there].to_vec();
            body.splice(into..into, doubled);
        }
        3 => {
            let moved: Vec<u8> = body.drain(there).collect();
            let into = into.min(body.len());
            body.splice(into..into, moved);
        }
        4 => {
            let foreign = other[piece(random, other)].to_vec();
            body.splice(there, foreign);
        }
        5 => body[there].fill_with(|| random.u8(..)),
        6 => body[there].reverse(),
        _ => {
            let token = TOKENS[random.usize(..TOKENS.len())];
            body.splice(into..into, token.bytes());
        }
    }
}

fn mutant(seed: u64, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut body = corpus[random.usize(..corpus.len())].clone();
    for _ in 0..random.usize(1..=CHANGES_MAX) {
        let other = &corpus[random.usize(..corpus.len())];
        change(&mut random, &mut body, other);
    }
    body
}

/// What came out stays as it is when it is cleaned again: nothing in it was left for a second look.
fn assert_clean(report: &Report) {
    for item in report.items.iter().filter(|item| item.cut.is_empty()) {
        for html in item.summary.iter().chain(&item.content) {
            let text = Text {
                raw: html.as_str().into(),
                is_html: true,
                ..Text::default()
            };
            let again = Sanitiser::new(Mono::default).clean(
                &text,
                "http://feed.example/feed",
                &mut Vec::new(),
            );
            assert_eq!(&again, html);
        }
    }
}

/// Two polls of one body know each item again, so nothing is told twice.
fn assert_known_again(body: &[u8], report: &Report) {
    let uids = |report: &Report| -> Vec<String> {
        report
            .items
            .iter()
            .map(|item| item.uid.to_string())
            .collect()
    };
    let again = read(body).expect("what was a feed");
    assert_eq!(uids(report), uids(&again));
}

#[test]
fn mutants_of_whole_feeds_are_survived_and_what_comes_out_is_clean() {
    let corpus = corpus();
    let chosen = std::env::var("FEED_MUTANT").ok();
    let chosen = chosen.map(|seed| seed.parse::<u64>().expect("FEED_MUTANT is a number"));
    let seeds = chosen.map_or(0..u64::from(repetitions(MUTANTS)), |seed| seed..seed + 1);
    let mut understood = 0;
    for seed in seeds.clone() {
        let body = mutant(seed, &corpus);
        let outcome = std::panic::catch_unwind(|| {
            let report = survive(&body).ok()?;
            assert_clean(&report);
            assert_known_again(&body, &report);
            Some(report.items.len())
        });
        match outcome {
            Ok(items) => understood += u32::from(items.is_some_and(|items| items > 0)),
            Err(_) => panic!(
                "seed {seed} of {} feeds:\n{}",
                corpus.len(),
                String::from_utf8_lossy(&body)
            ),
        }
    }
    // Mutants that are no feeds prove little.
    let least = (seeds.end - seeds.start) / 10;
    assert!(
        chosen.is_some() || u64::from(understood) > least,
        "only {understood} were feeds with items"
    );
}
