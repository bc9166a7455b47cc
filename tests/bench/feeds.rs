//! The feed reader's benchmark: its parser beside feedparser, and the daemon as it is shipped.
//!
//! `scripts/bench.sh feeds` runs it; parts may be named. `RSS_AGG_PROGRAM` puts another build under test. Each line of the report is one promise with what was measured; the exit code is 1
//! when one was not kept.
#![allow(clippy::too_many_lines)] // A test is a story or a table of cases.

// Only a part of the helpers is needed here.
#[allow(dead_code, unused_imports)]
#[path = ".."]
mod tests {
    pub mod support;
}
use tests::support;

#[path = "cpu.rs"]
mod cpu;
#[path = "feeds/damage.rs"]
mod damage;
#[path = "feeds/parser.rs"]
mod parser;
#[path = "promise.rs"]
mod promise;

use std::fmt::Write as _;
use std::io::Read;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzEncoder;
use serde_json::json;

use promise::Report;
use support::Daemon;
use support::feed_server::Reply;
use support::newsroom::{Newsroom, Story, rss};

/// The parser is measured with the allocator that it is shipped with.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// A part of the benchmark and its name on the command line.
type Part = (&'static str, fn(&mut Report));

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let only: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let parts: [Part; 7] = [
        ("size", size),
        ("parse", parser::run),
        ("damage", damage::run),
        ("store", store),
        ("crowd", crowd),
        ("memory", memory),
        ("idle", idle),
    ];
    let mut report = Report { kept: true };
    for (name, part) in parts {
        if only.is_empty() || only.iter().any(|wanted| *wanted == name) {
            part(&mut report);
        }
    }
    ExitCode::from(u8::from(!report.kept))
}

/// A newsroom whose reader is the program under test.
fn open() -> Newsroom {
    let mut room = Newsroom::open();
    if let Some(program) = std::env::var_os("RSS_AGG_PROGRAM") {
        room.program = program.into();
    }
    room
}

fn size(report: &mut Report) {
    let bytes = std::fs::metadata(open().program)
        .expect("the program")
        .len();
    report.at_most("binary", bytes as f64 / 1e6, 4.5, "MB");
}

fn store(report: &mut Report) {
    let mut room = open();
    room.section("schedule")["interval_sec"] = json!(3600);
    let limits = room.section("limits");
    limits["first_items"] = json!(100_000);
    limits["max_items"] = json!(100_000);
    let body = generated(5_000_000);
    let items = body.matches("<item>").count();
    room.server.always("/feed", Reply::ok(body));
    room.feed("wire", "/feed");
    let _daemon = room.start();
    let hit = room.wait_hits("/feed", 1).remove(0);
    room.wait_length(items);
    let rate = items as f64 / hit.at.elapsed().as_secs_f64();
    report.at_least(
        "items into Redis, fetch, parse and sanitising included",
        rate,
        5000.0,
        "items/s",
    );
}

fn crowd(report: &mut Report) {
    let mut room = open();
    let good = room.crowd(500, 25);
    let start = Instant::now();
    let daemon = room.start();
    room.wait_length(good);
    report.at_most(
        "500 feeds, 20 hang and 20 drip: the others polled after",
        start.elapsed().as_secs_f64(),
        60.0,
        "s",
    );
    report.at_most(
        "the same: memory at its highest",
        peak_mib(&daemon),
        64.0,
        "MiB",
    );
}

fn memory(report: &mut Report) {
    let zeros = |bytes| {
        let mut bomb = Vec::new();
        let mut encoder = GzEncoder::new(std::io::repeat(b' ').take(bytes), Compression::fast());
        encoder.read_to_end(&mut bomb).expect("compressed");
        bomb
    };
    let bomb = Reply::ok(zeros(1 << 30)).with("Content-Encoding", "gzip");
    let empty_items = format!(
        "<rss version=\"2.0\"><channel>{}",
        "<item/>".repeat((10 << 20) / 7)
    );
    let cases = [
        ("1 GB gzip bomb", vec![bomb]),
        ("10 MiB of <item/>", vec![Reply::ok(empty_items)]),
        (
            "two 10 MB feeds at once",
            vec![
                Reply::ok(generated(10_000_000)),
                Reply::ok(generated(9_900_000)),
            ],
        ),
    ];
    for (what, replies) in cases {
        let mut room = open();
        room.section("limits")["first_items"] = json!(100_000);
        for (n, reply) in replies.iter().enumerate() {
            room.server.always(&format!("/{n}"), reply.clone());
            room.feed(&format!("f{n}"), &format!("/{n}"));
        }
        let daemon = room.start();
        for n in 0..replies.len() {
            // Twice: the first time everything is new, the second time everything is known.
            room.wait_hits(&format!("/{n}"), 2);
            room.wait_status(&format!("f{n}"), "polled", |s| s["last_fetch_ts"].is_i64());
        }
        std::thread::sleep(Duration::from_secs(2));
        report.at_most(
            &format!("{what}: memory at its highest"),
            peak_mib(&daemon),
            64.0,
            "MiB",
        );
    }
}

fn idle(report: &mut Report) {
    let mut room = open();
    let next = jiff::Timestamp::now().as_second() + 3600;
    let mut write = redis::pipe();
    for n in 0..10_000 {
        let url = format!("http://127.{}.{}.1:9/", n / 100, n % 100);
        let id = format!("f{n}");
        let record = json!({
            "url": url, "health": "ok", "next_poll_ts": next, "last_fetch_ts": next - 3600, "pace": {
                "interval_sec": 1, "min_sec": 1, "max_sec": 21_600
            }
        });
        write
            .cmd("HSET")
            .arg("rss_agg:status")
            .arg(&id)
            .arg(record.to_string())
            .ignore();
        room.feed_at(&id, &url);
    }
    write
        .query::<()>(&mut room.redis.connection())
        .expect("written");
    let daemon = room.start();
    daemon.wait_log("10000 feeds", Duration::from_secs(30));
    std::thread::sleep(Duration::from_secs(5));
    let (start, before) = (Instant::now(), cpu_sec(&daemon));
    std::thread::sleep(Duration::from_secs(60));
    let share = (cpu_sec(&daemon) - before) / start.elapsed().as_secs_f64() * 100.0;
    report.at_most("10 000 feeds, none due: CPU", share, 0.1, "%");
    report.at_most(
        "10 000 feeds: memory at its highest",
        peak_mib(&daemon),
        64.0,
        "MiB",
    );
}

fn peak_mib(daemon: &Daemon) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).expect("it runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("a peak");
    line.trim()
        .trim_end_matches(" kB")
        .parse::<f64>()
        .expect("a number")
        / 1024.0
}

/// CPU time used so far; the kernel counts it in nanoseconds per thread.
fn cpu_sec(daemon: &Daemon) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.id())).expect("it runs");
    let nanos: f64 = tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|line| line.split(' ').next()?.parse::<f64>().ok())
        .sum();
    nanos / 1e9
}

/// A feed of about so many bytes, as news sites write them: each item some paragraphs of HTML.
fn generated(bytes: usize) -> String {
    let mut stories = Vec::new();
    let mut size = 0;
    while size < bytes {
        let n = stories.len();
        let mut story = Story::new(n);
        story.text = String::new();
        for paragraph in 0..4 {
            let _ = writeln!(
                story.text,
                "<p class=\"body\">Paragraph {paragraph} of story {n} quotes <a href=\"/stocks/{n}?utm_source=rss\">a \
                 stock</a> that rose <b>{}.{paragraph} %</b> &amp; fell again, as <em>analysts</em> had said it would.</p>",
                n % 17
            );
        }
        let _ = write!(
            story.text,
            "<img src=\"https://img.example/{n}.jpg\" width=\"600\" onload=\"track()\">"
        );
        size += story.text.len() + 260;
        stories.push(story);
    }
    rss(&stories)
}
