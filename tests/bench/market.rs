//! The benchmark of what makes facts of the vendor's answers and of its stream: an option chain and events beside the
//! vendor's Python client on the same bytes, a round of spots, and the shipped program with a vendor on loopback.
//!
//! `scripts/bench.sh market` runs it. Each line of the report is one promise with what was measured; the exit code is 1
//! when one was not kept.
#![allow(clippy::too_many_lines)] // A test is a story or a table of cases.

#[path = "cpu.rs"]
mod cpu;
#[path = "market/flood.rs"]
mod flood;
#[path = "promise.rs"]
mod promise;
#[path = "market/stage.rs"]
mod stage;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use marketswarm::massive::answer::request::Request;
use marketswarm::massive::chain::contract::Contract;
use marketswarm::massive::chain::snapshot::{Fetch, snapshot};
use marketswarm::massive::chain::{Gathering, Next, Wanted};
use marketswarm::massive::facts::{Feed, Refusals, TradeRule};
use marketswarm::massive::frames::{self, Channel, Cluster};
use marketswarm::massive::normalise;
use marketswarm::massive::stream::coalesce::{Coalescer, Rules};
use marketswarm::massive::stream::params::Source;
use serde_json::{Value, json};

use cpu::cpu_sec;
use promise::Report;
use stage::{Stage, Vendor};

/// Measured with the allocator that the daemon is to be shipped with.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

const NOW_MS: i64 = 1_795_791_600_000;
const HOST: &str = "api.massive.com";
const PATH: &str = "/v3/snapshot/options/SPY";
const PAGES: usize = 40;
const CONTRACTS_A_PAGE: usize = 250;
const SYMBOLS_A_BATCH: usize = 250;

fn main() -> ExitCode {
    let mut report = Report { kept: true };
    let pages: Vec<Vec<u8>> = (0..PAGES).map(page).collect();
    let bytes: usize = pages.iter().map(Vec::len).sum();
    let chain_sec = best(|| gather(&pages).values().map(Vec::len).sum());
    println!(
        "        10 000 contracts, {:.1} MB: {:.1} ms, {:.0} MB/s",
        bytes as f64 / 1e6,
        chain_sec * 1e3,
        bytes as f64 / 1e6 / chain_sec
    );
    let chain = gather(&pages);
    let write_sec = best(|| write(&chain));
    println!("        written as snapshots: {:.1} ms", write_sec * 1e3);
    match peer_sec(&pages) {
        Some(peer_sec) => {
            println!(
                "        the vendor's Python client: {:.1} ms",
                peer_sec * 1e3
            );
            let times = peer_sec / chain_sec;
            report.at_least(
                "10 000 contracts, times the vendor's client",
                times,
                8.0,
                "times",
            );
        }
        None => println!("NOT MEASURED: the vendor's Python client (massive 2.9.1) is not there"),
    }
    let batches: Vec<Vec<u8>> = (0..8).map(batch).collect();
    let spots_sec = best(|| round(&batches));
    report.at_most(
        "2 000 symbols, decoded and normalised",
        spots_sec * 1e3,
        60.0,
        "ms",
    );
    events(&mut report);
    let Some(program) = std::env::var_os("MASSIVE_PROGRAM") else {
        println!("NOT MEASURED: the program itself; scripts/bench.sh market builds and names it");
        return ExitCode::from(u8::from(!report.kept));
    };
    at_rest(&program, &mut report);
    fetch(&program, &mut report);
    let secs = std::env::args().nth(1).and_then(|secs| secs.parse().ok());
    in_a_flood(
        &program,
        Duration::from_secs(secs.unwrap_or(60)),
        &mut report,
    );
    ExitCode::from(u8::from(!report.kept))
}

/// Events from text to what is kept of each symbol.
fn events(report: &mut Report) {
    let mut templates: Vec<flood::Template> = (0..20).map(flood::Template::new).collect();
    let ms = flood::now_ms();
    let messages: Vec<String> = (0..1_000_usize)
        .map(|nth| templates[nth % 20].at(ms + nth as u64, (nth * flood::EVENTS) as u64))
        .collect();
    let rules: Vec<TradeRule> = [14, 41]
        .map(|id| TradeRule {
            id,
            name: String::new(),
            updates_price: Some(true),
        })
        .into();
    let now_ms = i64::try_from(ms).unwrap_or(0) + 2_000;
    let count = messages.len() * flood::EVENTS;
    let sec = best(|| {
        let mut coalescer = Coalescer::new(Feed::Live);
        coalescer.set_rules(&Arc::new(Rules::new(&rules)));
        for nth in 0..flood::SYMBOLS {
            let source = Source::Channel(Channel::Trades);
            coalescer.set_source(Cluster::Stocks, &flood::symbol(nth), source);
        }
        let mut refusals = Refusals::default();
        for message in &messages {
            frames::read(
                message,
                Cluster::Stocks,
                now_ms,
                &mut refusals,
                &mut |event| {
                    coalescer.take(&event);
                },
            )
            .expect("a frame");
        }
        let flush = coalescer.flush();
        assert_eq!((flush.counts.events as usize, refusals.count()), (count, 0));
        assert_eq!(flush.counts.ineligible + flush.counts.steps_back, 0);
        flush.spots.len()
    });
    let sec = sec / count as f64;
    println!(
        "        an event of the stream, read and kept: {:.2} µs",
        sec * 1e6
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("messages");
    std::fs::write(&file, messages.join("\n")).expect("written");
    match peer("massive_stream.py", &[file.into_os_string()]) {
        Some(peer_sec) => {
            println!(
                "        the vendor's Python client: {:.2} µs",
                peer_sec * 1e6
            );
            report.at_least(
                "an event, times the vendor's client",
                peer_sec / sec,
                8.0,
                "times",
            );
        }
        None => {
            println!("NOT MEASURED: an event beside the vendor's Python client, which is not there")
        }
    }
}

/// The program with nothing to do.
fn at_rest(program: &OsString, report: &mut Report) {
    let stage = Stage::open();
    stage.truth(&json!({"symbols": []}));
    let massive = stage.start(program);
    std::thread::sleep(Duration::from_secs(2));
    report.at_most("memory at rest", massive.rss_mib().0, 4.0, "MiB");
}

/// What its truth says with a vendor on loopback.
fn own(vendor: &Vendor) -> Value {
    json!({
        "vendor": {"base_url": format!("http://127.0.0.1:{}", vendor.port), "calls_per_min": 60_000},
        "limits": {"allow_hosts": ["127.0.0.1"], "max_contracts": 20_000, "stale_sec": 3_600},
    })
}

/// A chain of 10 000 contracts: from the first request to what stands in Redis.
fn fetch(program: &OsString, report: &mut Report) {
    let vendor = chain_vendor();
    let stage = Stage::open();
    let mut truth = own(&vendor);
    truth["chains"] =
        json!([{"underlying": "SPY", "expirations": 32, "strikes_pct": 100, "interval_sec": 5}]);
    stage.truth(&truth);
    let massive = stage.start(program);
    let mut best = f64::INFINITY;
    let mut last = String::new();
    for _ in 0..4 {
        last = stage.wait("market:chain:SPY", "confirmed_ms", |ms| ms != last);
        let took = vendor.first_chain().map(|first| Instant::now() - first);
        best = took.map_or(best, |took| best.min(took.as_secs_f64()));
    }
    println!(
        "        10 000 contracts, from the first request to Redis: {:.0} ms",
        best * 1e3
    );
    report.at_most(
        "memory after chains of 10 000 contracts, at most",
        massive.rss_mib().1,
        32.0,
        "MiB",
    );
    drop(massive);
    let args = [
        format!("http://127.0.0.1:{}", vendor.port),
        stage.port.to_string(),
    ]
    .map(OsString::from);
    match peer("massive_fetch.py", &args) {
        Some(peer_sec) => {
            println!(
                "        the vendor's Python client: {:.0} ms",
                peer_sec * 1e3
            );
            report.at_least(
                "fetch to stored, times the vendor's client",
                peer_sec / best,
                8.0,
                "times",
            );
        }
        None => println!(
            "NOT MEASURED: fetch to stored beside the vendor's Python client, which is not there"
        ),
    }
}

/// A vendor of one chain, whose pages lead to each other.
fn chain_vendor() -> Vendor {
    let port = Arc::new(std::sync::OnceLock::<u16>::new());
    let known = port.clone();
    let pages = std::sync::OnceLock::<Vec<Arc<Vec<u8>>>>::new();
    let vendor = Vendor::open(
        move |target| {
            let port = known.get().copied().unwrap_or(0);
            let pages = pages.get_or_init(|| {
                let base = format!("http://127.0.0.1:{port}{PATH}");
                let pages = (0..PAGES).map(|nth| {
                    let text = String::from_utf8(page(nth)).expect("ASCII");
                    Arc::new(
                        text.replace(&format!("https://{HOST}{PATH}"), &base)
                            .into_bytes(),
                    )
                });
                pages.collect()
            });
            if target.starts_with("/v3/snapshot/options/") {
                let nth = target.split_once("cursor=page").map_or(0, |(_, rest)| {
                    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                    digits.parse::<usize>().map_or(0, |nth| nth + 1)
                });
                return pages[nth.min(PAGES - 1)].clone();
            }
            Arc::new(small(target))
        },
        |_, _| {},
    );
    let _ = port.set(vendor.port);
    vendor
}

/// Answers that are not what is measured.
fn small(target: &str) -> Vec<u8> {
    let ns = flood::now_ms() * 1_000_000;
    let body = match target.split('?').next().unwrap_or_default() {
        "/v1/marketstatus/now" => {
            json!({"market": "open", "earlyHours": false, "afterHours": false})
        }
        "/v1/marketstatus/upcoming" => json!([]),
        "/v3/reference/conditions" => {
            let rules = json!({"consolidated": {"updates_open_close": true}});
            let list = [14, 41].map(|id| json!({"id": id, "name": "n", "update_rules": rules}));
            json!({"status": "OK", "results": list})
        }
        "/v3/snapshot" => json!({"status": "OK", "results": [{"ticker": "SPY", "type": "stocks",
            "last_trade": {"price": 601.13, "size": 25, "sip_timestamp": ns, "timeframe": "REAL-TIME"}}]}),
        _ => json!({"status": "OK", "results": []}),
    };
    body.to_string().into_bytes()
}

/// 300 000 events a second for so long, of which none may be dropped.
fn in_a_flood(program: &OsString, length: Duration, report: &mut Report) {
    const PER_SEC: usize = 300_000;
    let vendor = Vendor::open(
        |target| Arc::new(small(target)),
        move |connection, path| flood::stream(connection, path, PER_SEC, length),
    );
    let stage = Stage::open();
    let mut truth = own(&vendor);
    truth["vendor"]["stream"] = json!("live");
    truth["vendor"]["stream_url"] = json!(format!("ws://127.0.0.1:{}", vendor.port));
    truth["symbols"] = json!((0..flood::SYMBOLS).map(flood::symbol).collect::<Vec<_>>());
    truth["schedule"] = json!({"spots_sec": 3_600, "closed_sec": 3_600});
    stage.truth(&truth);
    let massive = stage.start(program);
    let wanted = PER_SEC as u64 * length.as_secs();
    let read = |name: &str| {
        let count: Option<u64> = redis::cmd("HGET")
            .arg("massive:totals")
            .arg(name)
            .query(&mut stage.connection())
            .expect("an answer");
        count.unwrap_or(0)
    };
    let end = Instant::now() + length + Duration::from_secs(30);
    while read("stream_events") < wanted && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(500));
    }
    let (events, lost) = (
        read("stream_events"),
        read("stream_dropped_quotes") + read("stream_dropped_frames"),
    );
    println!(
        "        {events} events in {} s: {:.1} s of CPU, {} ticks coalesced",
        length.as_secs(),
        massive.cpu_sec(),
        read("stream_coalesced")
    );
    report.at_least(
        "events of 300 000 a second that were worked on",
        events as f64,
        wanted as f64,
        "events",
    );
    report.at_most("frames that were dropped", lost as f64, 0.0, "frames");
    report.at_most(
        "memory with a stream, at most",
        massive.rss_mib().1,
        48.0,
        "MiB",
    );
}

/// What a script of the peer's measures; `None` where it is not installed.
fn peer(script: &str, args: &[OsString]) -> Option<f64> {
    let script = format!("{}/tests/bench/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(std::env::var_os("PEER_PYTHON")?)
        .arg(script)
        .args(args)
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Seconds of CPU of the fastest of several runs: what others do on the machine only ever adds.
fn best(work: impl Fn() -> usize) -> f64 {
    let run = |_| {
        let start = cpu_sec();
        std::hint::black_box(work());
        cpu_sec() - start
    };
    (0..20).map(run).fold(f64::INFINITY, f64::min)
}

/// A chain by expirations.
type Chain = BTreeMap<Date, Vec<Contract>>;

/// Pages to expirations.
fn gather(pages: &[Vec<u8>]) -> Chain {
    let request = Request::parse(&format!("{PATH}?strike_price.gte=1&limit=250")).expect("a path");
    let wanted = Wanted {
        expirations: 32,
        max_contracts: 20_000,
    };
    let mut chain = Gathering::new(request, HOST, wanted);
    for page in pages {
        let next = chain.page(page, NOW_MS).expect("a page");
        assert!(matches!(next, Next::Page(_) | Next::Whole));
    }
    let chain = chain.finish();
    assert_eq!(
        chain.values().map(Vec::len).sum::<usize>(),
        PAGES * CONTRACTS_A_PAGE
    );
    chain
}

/// Expirations to what is stored; gives its bytes.
fn write(chain: &Chain) -> usize {
    let fetch = Fetch {
        underlying: "SPY",
        spot: Some(601.13),
        strikes_pct: 100.0,
        fetch_id: "bench",
        fetched_ms: NOW_MS,
        source: "massive",
    };
    let expirations = chain.iter();
    let written =
        expirations.map(|(expiration, contracts)| snapshot(fetch, *expiration, contracts));
    written.map(|snapshot| snapshot.json.len()).sum()
}

/// Batches to spots.
fn round(batches: &[Vec<u8>]) -> usize {
    let spots = batches.iter().enumerate().map(|(nth, body)| {
        let names: Vec<String> = (0..SYMBOLS_A_BATCH).map(|n| name(nth, n)).collect();
        let path = format!("/v3/snapshot?ticker.any_of={}&limit=250", names.join(","));
        let request = Request::parse(&path).expect("a path");
        let facts = normalise::read(body, &request, NOW_MS).expect("an answer");
        assert_eq!(
            (facts.spots.len(), facts.refusals.count()),
            (SYMBOLS_A_BATCH, 0)
        );
        facts.spots.len()
    });
    spots.sum()
}

/// The same pages by the vendor's client; `None` where it is not installed.
fn peer_sec(pages: &[Vec<u8>]) -> Option<f64> {
    let folder = tempfile::tempdir().expect("a folder");
    let files = pages.iter().enumerate().map(|(nth, page)| {
        let file = folder.path().join(format!("{nth:02}.json"));
        std::fs::write(&file, page).expect("written");
        file.into_os_string()
    });
    peer("massive_rate.py", &files.collect::<Vec<_>>())
}

/// Numbers that look like the vendor's, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn share(&mut self) -> f64 {
        self.next(1 << 30) as f64 / (1_u64 << 30) as f64
    }

    fn price(&mut self) -> f64 {
        (self.next(4_000) + 5) as f64 / 100.0
    }

    fn time_ns(&mut self) -> u64 {
        1_795_791_500_000_000_000 + self.next(90_000_000_000)
    }
}

fn page(nth: usize) -> Vec<u8> {
    let mut numbers = Numbers(nth as u64 + 1);
    let contracts: Vec<_> = (0..CONTRACTS_A_PAGE)
        .map(|n| contract(nth * CONTRACTS_A_PAGE + n, &mut numbers))
        .collect();
    let mut page = json!({"status": "OK", "request_id": "6a7e466379af0a71039d60cc78e72282", "results": contracts});
    if nth + 1 < PAGES {
        page["next_url"] = json!(format!("https://{HOST}{PATH}?cursor=page{nth}"));
    }
    page.to_string().into_bytes()
}

fn contract(nth: usize, numbers: &mut Numbers) -> serde_json::Value {
    let (day, strike) = (1 + nth / 500, 400.0 + (nth % 250) as f64 * 2.5);
    let (side, letter) = if nth % 500 < 250 {
        ("call", 'C')
    } else {
        ("put", 'P')
    };
    let (bid, ticker) = (
        numbers.price(),
        format!("O:SPY2612{day:02}{letter}{:08}", strike * 1_000.0),
    );
    json!({
        "break_even_price": strike + bid,
        "day": {"change": numbers.price(), "change_percent": numbers.share() * 50.0, "close": bid, "high": bid + 1.0,
                "last_updated": numbers.time_ns(), "low": bid / 2.0, "open": bid, "previous_close": bid,
                "volume": numbers.next(10_000), "vwap": bid + numbers.share()},
        "details": {"contract_type": side, "exercise_style": "american", "expiration_date": format!("2026-12-{day:02}"),
                    "shares_per_contract": 100, "strike_price": strike, "ticker": ticker},
        "greeks": {"delta": numbers.share(), "gamma": numbers.share() / 100.0, "theta": -numbers.share(),
                   "vega": numbers.share()},
        "implied_volatility": numbers.share(),
        "last_quote": {"ask": bid + 0.05, "ask_exchange": 301, "ask_size": numbers.next(500), "bid": bid,
                       "bid_exchange": 303, "bid_size": numbers.next(500), "last_updated": numbers.time_ns(),
                       "midpoint": bid + 0.025, "timeframe": "REAL-TIME"},
        "last_trade": {"conditions": [209], "exchange": 316, "price": bid, "sip_timestamp": numbers.time_ns(),
                       "size": numbers.next(50), "timeframe": "REAL-TIME"},
        "open_interest": numbers.next(20_000),
        "underlying_asset": {"change_to_break_even": numbers.price(), "last_updated": numbers.time_ns(),
                             "price": 601.13, "ticker": "SPY", "timeframe": "REAL-TIME"},
    })
}

fn name(batch: usize, nth: usize) -> String {
    format!("S{batch}X{nth}")
}

fn batch(nth: usize) -> Vec<u8> {
    let mut numbers = Numbers(nth as u64 + 1_000);
    let spots: Vec<_> = (0..SYMBOLS_A_BATCH)
        .map(|n| {
            let price = numbers.price() + 10.0;
            json!({
                "ticker": name(nth, n), "type": "stocks", "market_status": "open", "name": "A company of some name, Inc.",
                "last_trade": {"price": price, "size": 25, "conditions": [14, 41], "exchange": 4,
                               "sip_timestamp": numbers.time_ns(), "timeframe": "REAL-TIME"},
                "last_quote": {"bid": price - 0.01, "ask": price + 0.01, "bid_size": 3, "ask_size": 4,
                               "last_updated": numbers.time_ns(), "timeframe": "REAL-TIME"},
                "last_minute": {"close": price, "high": price, "low": price, "open": price, "volume": 610},
                "session": {"open": price, "high": price + 1.0, "low": price - 1.0, "close": price,
                            "previous_close": price, "change": 0.0, "change_percent": 0.0, "volume": 37_123},
            })
        })
        .collect();
    json!({"status": "OK", "results": spots})
        .to_string()
        .into_bytes()
}
