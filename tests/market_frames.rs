//! The vendor's frames: every value that comes out of one stands at its documented place, whatever was done to it.
//!
//! The second reader here is written from the vendor's WebSocket document alone. `MASSIVE_DATA` names the folder of that
//! document; without it, the samples of this project are all there is.

use std::path::Path;

use marketswarm::massive::facts::Refusals;
use marketswarm::massive::frames::{Cluster, Event, read};
use marketswarm::massive::number::Decimal;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::market_check::mutate;
use crate::support::{repetitions, say_skipped};

const NOW_MS: i64 = 1_795_791_600_000;
/// 2000-01-01 00:00:00 UTC.
const OLDEST_MS: i64 = 946_684_800_000;

/// Decoder of this project, in the documented shapes.
fn samples() -> Vec<(Cluster, Value)> {
    let (ms, min) = (NOW_MS - 2_000, NOW_MS - 120_000);
    vec![
        (
            Cluster::Stocks,
            json!([
                {"ev": "T", "sym": "SPY", "x": 4, "i": "1", "z": 3, "p": 601.13, "s": 100, "c": [0, 12], "t": ms, "q": 7,
                    "trfi": 3, "trft": ms - 20},
                {"ev": "Q", "sym": "SPY", "bx": 4, "bp": 601.12, "bs": 3, "ax": 7, "ap": 601.14, "as": 2, "c": 0,
                    "i": [604], "t": ms, "q": 8, "z": 3},
                {"ev": "A", "sym": "QQQ", "v": 200, "o": 25.4, "c": 25.39, "h": 25.5, "l": 25.3, "s": ms, "e": ms + 1_000},
                {"ev": "AM", "sym": "QQQ", "v": 4_110, "o": 0.4488, "c": 0.4486, "h": 0.4489, "l": 0.4486, "s": min,
                    "e": min + 60_000},
                {"ev": "LULD", "T": "SPY", "h": 661.2, "l": 541.0, "i": [21], "z": 3, "t": ms * 1_000, "q": 9},
            ]),
        ),
        (
            Cluster::Options,
            json!([
                {"ev": "T", "sym": "O:SPY261218C00600000", "x": 65, "p": 1.54, "s": 1, "c": [233], "t": ms, "q": 651},
                {"ev": "Q", "sym": "O:SPY261218C00600000", "bp": 9.71, "ap": 9.81, "bs": 17, "as": 24, "t": ms, "q": 844},
            ]),
        ),
        (
            Cluster::Indices,
            json!([
                {"ev": "V", "val": 3_988.5, "T": "I:SPX", "t": ms},
                {"ev": "AM", "sym": "I:SPX", "op": 3_985.0, "o": 3_985.6, "c": 3_985.7, "h": 3_986.0, "l": 3_985.5,
                    "s": min, "e": min + 60_000},
            ]),
        ),
    ]
}

/// The vendor's examples, one for each of the channels that are used.
fn vendors_examples() -> Vec<(Cluster, Value)> {
    let Some(folder) = std::env::var_os("MASSIVE_DATA") else {
        say_skipped("MASSIVE_DATA is not set, so the vendor's own frames are not read");
        return Vec::new();
    };
    let text = std::fs::read(Path::new(&folder).join("websocket.json")).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let example = |(path, item): (&String, &Value)| {
        let (cluster, channel) = path[1..].split_once('/')?;
        let cluster = Cluster::ALL
            .into_iter()
            .find(|known| known.word() == cluster)?;
        ["T", "Q", "A", "AM", "V", "LULD"]
            .contains(&channel)
            .then_some(())?;
        let event = item.pointer("/get/responses/200/content/application~1json/example")?;
        Some((cluster, json!([event])))
    };
    let examples: Vec<_> = paths.iter().filter_map(example).collect();
    assert_eq!(examples.len(), 12, "the channels of three clusters");
    examples
}

/// Is it that number, in just these digits? A double that was read and written again may differ in the last one.
fn is_same(there: &Value, number: &Decimal, text: &str) -> bool {
    let near = |there: f64| (there - number.value()).abs() <= 1e-12 * number.value().abs();
    there.as_f64().is_some_and(near) && text.contains(number.text())
}

/// Where the values of an event stand, by the document.
fn holds(text: &str, frame: &Value, event: &Event) -> Result<(), String> {
    let all = frame.as_array().ok_or("no list")?;
    let stands = |ev: &str,
                  symbol: &str,
                  ticker: &str,
                  wanted: &[(&str, Option<&Decimal>)],
                  time: (&str, i64, i64)| {
        let found = all.iter().any(|of| {
            of["ev"] == ev
                && of[ticker] == symbol
                && wanted.iter().all(|(name, number)| {
                    number.is_none_or(|number| is_same(&of[*name], number, text))
                })
                && (OLDEST_MS..=NOW_MS + 5_000).contains(&time.1)
                && of[time.0].as_i64().is_some_and(|t| {
                    // Of bands the vendor gives seconds, milliseconds, microseconds or nanoseconds.
                    t == time.1
                        || time.2 > 1
                            && [t.saturating_mul(1_000), t / 1_000, t / 1_000_000].contains(&time.1)
                })
        });
        found
            .then_some(())
            .ok_or_else(|| format!("{event:?} stands nowhere"))
    };
    match event {
        Event::Status { .. } => Ok(()),
        Event::Trade(of) => {
            let wanted = [("p", Some(&of.price)), ("s", of.size.as_ref())];
            stands("T", of.symbol, "sym", &wanted, ("t", of.event_ms, 1))
        }
        Event::Value {
            symbol,
            value,
            event_ms,
        } => stands(
            "V",
            symbol,
            "T",
            &[("val", Some(value))],
            ("t", *event_ms, 1),
        ),
        Event::Quote {
            symbol,
            quote,
            event_ms,
            ..
        } => {
            let wanted = [
                ("bp", quote.bid.as_ref()),
                ("ap", quote.ask.as_ref()),
                ("bs", quote.bid_size.as_ref()),
                ("as", quote.ask_size.as_ref()),
            ];
            if let (Some(bid), Some(ask)) = (&quote.bid, &quote.ask)
                && bid.value() > ask.value()
            {
                return Err(format!("{event:?} is crossed"));
            }
            stands("Q", symbol, "sym", &wanted, ("t", *event_ms, 1))
        }
        Event::Bar(of) => {
            let wanted = [
                ("o", of.day.open.as_ref()),
                ("h", of.day.high.as_ref()),
                ("l", of.day.low.as_ref()),
                ("c", of.day.close.as_ref()),
                ("v", of.day.volume.as_ref()),
            ];
            let ev = if of.is_minute { "AM" } else { "A" };
            stands(ev, of.symbol, "sym", &wanted, ("s", of.start_ms, 1))
        }
        Event::Band { symbol, band } => {
            let wanted = [("h", band.up.as_ref()), ("l", band.down.as_ref())];
            // Microseconds in the vendor's example, milliseconds in its text.
            stands("LULD", symbol, "T", &wanted, ("t", band.event_ms, 1_000))
        }
    }
}

fn judge(frame: &str, cluster: Cluster) -> Result<usize, String> {
    let whole: Result<Value, _> = serde_json::from_str(frame);
    let (mut refusals, mut wrong, mut count) = (Refusals::default(), None, 0);
    let outcome = read(frame, cluster, NOW_MS, &mut refusals, &mut |event| {
        count += 1;
        // Of what is no JSON as a whole nothing can be looked up.
        if let Ok(whole) = &whole
            && let Err(why) = holds(frame, whole, &event)
        {
            wrong.get_or_insert(why);
        }
    });
    if format!("{:?}", refusals.list()).contains(mutate::SENTINEL) {
        return Err(format!("a refused value is told: {:?}", refusals.list()));
    }
    match (wrong, outcome.is_ok(), whole) {
        (Some(why), ..) => Err(why),
        // A number beyond all doubles is JSON all the same.
        (None, true, Err(error)) if !error.to_string().contains("out of range") => {
            Err(format!("no JSON, and yet read: {error}"))
        }
        _ => Ok(count),
    }
}

#[test]
fn every_channel_is_read_clean() {
    for (cluster, frame) in samples().into_iter().chain(vendors_examples()) {
        let mut refusals = Refusals::default();
        let text = frame.to_string();
        let read = read(&text, cluster, NOW_MS, &mut refusals, &mut |_| {});
        assert_eq!(read, Ok(frame.as_array().unwrap().len()), "{frame}");
        assert_eq!(refusals.list(), [], "{frame}");
        assert_eq!(judge(&text, cluster), Ok(frame.as_array().unwrap().len()));
    }
}

#[test]
fn every_value_of_a_mutated_frame_stands_at_its_documented_place() {
    let frames: Vec<_> = samples().into_iter().chain(vendors_examples()).collect();
    let mut runner = TestRunner::new(Config {
        cases: repetitions(3_000),
        failure_persistence: None,
        ..Config::default()
    });
    let mutations = prop::collection::vec(mutate::mutation(), 1..6);
    let damage = any::<Option<(prop::sample::Index, u8)>>();
    let outcome = runner.run(
        &(0..frames.len(), mutations, damage),
        |(nth, mutations, damage)| {
            let (cluster, mut frame) = frames[nth].clone();
            for mutation in &mutations {
                mutation.apply(&mut frame, NOW_MS);
            }
            let mut text = frame.to_string().into_bytes();
            if let Some((at, byte)) = damage {
                let at = at.index(text.len());
                text[at] = byte % 128;
            }
            let text = String::from_utf8_lossy(&text);
            judge(&text, cluster).map_err(|why| TestCaseError::fail(format!("{why}\n{text}")))?;
            Ok(())
        },
    );
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
