//! The benchmark of the analyst: from the queue to what is published, with the program that ships and a real redis-server.
//!
//! `scripts/bench.sh vexy` runs it: `VEXY_PROGRAM` is the program, `PEER_PYTHON` a Python with redis, vaderSentiment and
//! sumy. With the word `rate` it measures the rate alone. Each line of the report is one promise with what was measured; the exit
//! code is 1 when one was not kept.
#![allow(clippy::too_many_lines)] // A test is a story or a table of cases.

#[path = "promise.rs"]
mod promise;
#[path = "vexy/stage.rs"]
mod stage;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use promise::Report;
use stage::{Stage, cpu_sec_of, rss_mib_of};

/// Items of the run that measures the rate, and of the peer's, which is slower.
const ITEMS: usize = 60_000;
const PEER_ITEMS: usize = 300;
/// The rate at which lateness is measured, and for how long.
const RATE: usize = 500;
const RATE_SEC: usize = 10;
/// How long it is left alone, to see what it does then.
const IDLE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let Some(program) = std::env::var_os("VEXY_PROGRAM") else {
        eprintln!("VEXY_PROGRAM is not set: run scripts/bench.sh vexy");
        return ExitCode::from(2);
    };
    let mut report = Report { kept: true };
    let stage = Stage::open();
    stage.control("paused", true);
    let program = stage.start(program);
    stage.give(0..ITEMS);

    let said = stage.listen();
    let (ours, redis) = (cpu_sec_of(program.id()), cpu_sec_of(stage.redis_id()));
    stage.control("paused", false);
    let first = said.wait_count(1);
    let last = said.wait_count(ITEMS);
    let sec = last.duration_since(first).as_secs_f64();
    let rate = ITEMS as f64 / sec;
    let (ours, redis) = (
        cpu_sec_of(program.id()) - ours,
        cpu_sec_of(stage.redis_id()) - redis,
    );
    report.at_least(
        "items a second, from queue to publish",
        rate,
        12_000.0,
        "items/s",
    );
    println!(
        "        {:.1} µs of CPU an item, and {:.1} µs of redis-server's ({:.0} % of both)",
        ours / ITEMS as f64 * 1e6,
        redis / ITEMS as f64 * 1e6,
        100.0 * redis / (ours + redis)
    );
    report.at_most("memory after that", rss_mib_of(program.id()), 48.0, "MiB");
    if std::env::args().any(|word| word == "rate") {
        return ExitCode::from(u8::from(!report.kept));
    }
    match stage.peer_sec_an_item(PEER_ITEMS) {
        Some(peer) => {
            println!(
                "        redis-py, vaderSentiment and sumy: {:.2} ms an item",
                peer * 1e3
            );
            report.at_least("times the peer", peer * rate, 60.0, "times");
        }
        None => println!(
            "NOT MEASURED: the peer, for want of a Python with redis, vaderSentiment and sumy"
        ),
    }

    let before = said.count();
    let mut lateness = Vec::with_capacity(RATE * RATE_SEC);
    let begin = Instant::now();
    let mut given = Vec::with_capacity(RATE * RATE_SEC);
    for n in 0..RATE * RATE_SEC {
        let due = begin + Duration::from_secs_f64(n as f64 / RATE as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        given.push((ITEMS + PEER_ITEMS + n, Instant::now()));
        stage.give(ITEMS + PEER_ITEMS + n..ITEMS + PEER_ITEMS + n + 1);
    }
    said.wait_count(before + given.len());
    let heard = said.moments();
    for (n, at) in given {
        if let Some(heard) = heard.get(&stage::uid(n)) {
            lateness.push(heard.saturating_duration_since(at).as_secs_f64() * 1e3);
        }
    }
    lateness.sort_by(f64::total_cmp);
    let p99 = lateness
        .get(lateness.len() * 99 / 100)
        .copied()
        .unwrap_or(f64::INFINITY);
    report.at_most("p99 at 500 items a second", p99, 20.0, "ms");

    let ours = cpu_sec_of(program.id());
    std::thread::sleep(IDLE);
    let idle = (cpu_sec_of(program.id()) - ours) / IDLE.as_secs_f64() * 100.0;
    report.at_most("CPU while there is nothing to do", idle, 0.05, "%");
    ExitCode::from(u8::from(!report.kept))
}
