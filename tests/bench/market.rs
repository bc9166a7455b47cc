//! The benchmark of what makes facts of the vendor's answers: an option chain beside the vendor's Python client on the
//! same bytes, and a round of spots.
//!
//! `scripts/bench.sh market` runs it. Each line of the report is one promise with what was measured; the exit code is 1
//! when one was not kept.

#[path = "cpu.rs"]
mod cpu;
#[path = "promise.rs"]
mod promise;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use jiff::civil::Date;
use marketswarm::massive::answer::request::Request;
use marketswarm::massive::chain::contract::Contract;
use marketswarm::massive::chain::snapshot::{Fetch, snapshot};
use marketswarm::massive::chain::{Gathering, Next, Wanted};
use marketswarm::massive::normalise;
use serde_json::json;

use cpu::cpu_sec;
use promise::Report;

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
    ExitCode::from(u8::from(!report.kept))
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
        file
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/massive_rate.py");
    let output = Command::new(std::env::var_os("PEER_PYTHON")?)
        .arg(script)
        .args(files.collect::<Vec<_>>())
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
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
