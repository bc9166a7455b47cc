//! The parser beside feedparser.

use std::path::PathBuf;
use std::process::Command;

use marketswarm::clock::Mono;
use marketswarm::feed::document::{Context, Document};
use marketswarm::feed::identity::identify;
use marketswarm::feed::normalise::Normaliser;
use marketswarm::feed::seen::{Candidate, Poll, Seen};

use crate::cpu::cpu_sec;
use crate::generated;
use crate::promise::Report;

const NOW_TS: i64 = 1_795_558_200;

/// What of a poll is measured.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    /// Entries with their identities; no HTML is sanitised.
    Raw,
    /// Finished items.
    Clean,
}

/// Reads a body as a poll would; gives the number of items.
fn read(body: &[u8], work: Work) -> usize {
    let document = Document::decode(body, None);
    let context = Context {
        url: "https://feed.example/",
        max_items: 1_000_000,
    };
    let Ok(parsed) = document.parse(context) else {
        return 0;
    };
    let identities = identify("bench", &parsed);
    if work == Work::Clean {
        let mut normaliser = Normaliser::new(&parsed, "bench", Mono::now);
        for (entry, identity) in parsed.entries.iter().zip(&identities) {
            std::hint::black_box(normaliser.item(entry, identity, NOW_TS));
        }
    }
    std::hint::black_box(&identities).len()
}

/// Items per second of CPU time over these bodies.
fn rate(bodies: &[Vec<u8>], work: Work) -> f64 {
    let (start, mut items) = (cpu_sec(), 0);
    while cpu_sec() - start < 2.0 {
        items += bodies.iter().map(|body| read(body, work)).sum::<usize>();
    }
    items as f64 / (cpu_sec() - start)
}

/// The same by feedparser; `None` where it is not installed.
fn feedparser_rate(files: &[PathBuf], work: Work) -> Option<f64> {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/bench/feedparser_rate.py"
    );
    let mode = if work == Work::Clean { "clean" } else { "raw" };
    let output = Command::new("python3")
        .arg(script)
        .arg(mode)
        .args(files)
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The rates, beside feedparser's on the same machine in the same run.
pub fn run(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let big = generated(5_000_000);
    let big_file = folder.path().join("big.xml");
    std::fs::write(&big_file, &big).expect("written");
    let big = [big.into_bytes()];
    let big_file = [big_file];
    match gofeed_files() {
        Some(files) => {
            let bodies: Vec<Vec<u8>> = files
                .iter()
                .map(|file| std::fs::read(file).expect("readable"))
                .collect();
            let ours = rate(&bodies, Work::Clean);
            println!("        gofeed's files: {ours:.0} items/s");
            compare(
                report,
                "gofeed's files, times feedparser",
                ours,
                feedparser_rate(&files, Work::Clean),
                50.0,
            );
        }
        None => println!("SKIPPED gofeed's files: GOFEED_DATA names no folder"),
    }
    let (raw, clean) = (rate(&big, Work::Raw), rate(&big, Work::Clean));
    println!("        5 MB feed: {raw:.0} items/s raw, {clean:.0} items/s sanitised");
    compare(
        report,
        "5 MB feed, not sanitised, times feedparser",
        raw,
        feedparser_rate(&big_file, Work::Raw),
        20.0,
    );
    compare(
        report,
        "5 MB feed, sanitised, times feedparser",
        clean,
        feedparser_rate(&big_file, Work::Clean),
        8.0,
    );
    report.at_least(
        "5 MB feed with all items known",
        known(&big[0]),
        100.0,
        "MB/s",
    );
}

fn compare(report: &mut Report, what: &str, ours: f64, theirs: Option<f64>, promised: f64) {
    match theirs {
        Some(theirs) => report.at_least(what, ours / theirs, promised, "times"),
        None => println!("SKIPPED {what}: python3 has no feedparser"),
    }
}

/// MB/s of a feed all of whose items were seen.
fn known(body: &[u8]) -> f64 {
    let poll = Poll {
        now_ts: NOW_TS,
        complete: true,
        first_items: None,
    };
    let candidate = |_| Candidate {
        published_ts: NOW_TS,
        dropped: false,
    };
    let mut seen = Seen::default();
    let look = |seen: &mut Seen| {
        let document = Document::decode(body, None);
        let context = Context {
            url: "https://feed.example/",
            max_items: 1_000_000,
        };
        let parsed = document.parse(context).expect("a feed");
        let plan = seen.plan(&identify("bench", &parsed), poll, candidate);
        let news = plan.put.len();
        seen.apply(&plan);
        news
    };
    assert!(
        look(&mut seen) > 0 && look(&mut seen) == 0,
        "the second time all are known"
    );
    let (start, mut bytes) = (cpu_sec(), 0);
    while cpu_sec() - start < 2.0 {
        look(&mut seen);
        bytes += body.len();
    }
    bytes as f64 / 1e6 / (cpu_sec() - start)
}

fn gofeed_files() -> Option<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(std::env::var_os("GOFEED_DATA")?)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()? {
            let path = entry.ok()?.path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".xml") || (name.contains("json") && name.contains("/parser/"))
            {
                files.push(path);
            }
        }
    }
    // The expected results stand beside the feeds as JSON.
    files.retain(|file| file.extension().is_some_and(|extension| extension == "xml"));
    files.sort();
    Some(files)
}
