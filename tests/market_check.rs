//! `marketswarm market check`: an answer of the vendor's, read as massive reads it.
//!
//! `market_check/answers` holds an answer to each of the vendor's paths, in the documented shape. The vendor's own
//! examples are not part of this project: `MASSIVE_DATA` names the folder of its `openapi.json`. Without it, that part
//! says so and checks nothing.

pub mod mutate;
mod second_reader;

use std::path::{Path, PathBuf};

use marketswarm::massive::answer::request::Request;
use marketswarm::massive::check::{Came, check};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Daemon, PATIENCE, repetitions, say_skipped};

/// An answer, and how it came.
#[derive(Clone, Debug)]
struct Sample {
    name: String,
    path: String,
    now_ms: i64,
    answer: Value,
}

/// Those of this project.
fn samples() -> Vec<Sample> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/market_check/answers");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let of_file = |file: &PathBuf| {
        let mut sample: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        Sample {
            name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
            path: sample["path"].as_str().unwrap().to_owned(),
            now_ms: sample["now_ms"].as_i64().unwrap(),
            answer: sample["answer"].take(),
        }
    };
    files.iter().map(of_file).collect()
}

/// The vendor's examples, one for each of its paths that has one.
fn vendors_examples() -> Vec<Sample> {
    let Some(folder) = std::env::var_os("MASSIVE_DATA") else {
        say_skipped("MASSIVE_DATA is not set, so the vendor's own examples are not read");
        return Vec::new();
    };
    let text = std::fs::read(Path::new(&folder).join("openapi.json")).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 15, "the vendor's paths");
    let example = |(path, item): (&String, &Value)| {
        let answer = item
            .pointer("/get/responses/200/content/application~1json/example")?
            .clone();
        Some(Sample {
            name: format!("the example of {path}"),
            path: path.clone(),
            now_ms: 1_795_791_600_000,
            answer,
        })
    };
    paths.iter().filter_map(example).collect()
}

/// What the command says of an answer: exit code and output.
fn run(path: &str, body: &[u8], more: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answer.json");
    std::fs::write(&file, body).unwrap();
    let args = [&["market", "check", path, file.to_str().unwrap()], more].concat();
    Daemon::run("marketswarm", &args, &[], PATIENCE)
}

/// The same as JSON.
fn report(path: &str, body: &[u8], now_ms: i64) -> (i32, Value) {
    let now = now_ms.to_string();
    let (code, text) = run(path, body, &["--json", "--now", &now]);
    let report = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}: {text}"));
    (code, report)
}

#[test]
fn an_answer_to_each_path_is_read_clean() {
    let samples = samples();
    assert_eq!(samples.len(), 15);
    for sample in samples {
        let (code, found) = report(
            &sample.path,
            sample.answer.to_string().as_bytes(),
            sample.now_ms,
        );
        assert_eq!(
            (code, &found["problems"]),
            (0, &json!([])),
            "{}",
            sample.name
        );
        let says_something = !found["values"].as_array().unwrap().is_empty()
            || !found["calendar"].as_array().unwrap().is_empty()
            || found["session"].is_string();
        assert!(says_something, "{}: {found}", sample.name);
        second_reader::holds(&sample.path, &sample.answer, &found, sample.now_ms)
            .unwrap_or_else(|why| panic!("{}: {why}", sample.name));
        let (code, text) = run(
            &sample.path,
            sample.answer.to_string().as_bytes(),
            &["--now", &sample.now_ms.to_string()],
        );
        assert_eq!(code, 0, "{text}");
        assert!(
            text.contains("Nothing is refused, nothing is missing."),
            "{text}"
        );
    }
}

#[test]
fn the_vendors_own_examples_are_read_as_they_are() {
    for sample in vendors_examples() {
        let (code, found) = report(
            &sample.path,
            sample.answer.to_string().as_bytes(),
            sample.now_ms,
        );
        // Two of them hold symbols that were not found, prices below their low, and changes that are none.
        let has_problems = matches!(sample.path.as_str(), "/v3/snapshot" | "/v3/snapshot/indices")
            // This one is six years older than the time it is said to have come at.
            || sample.path == "/v1/marketstatus/now";
        assert_eq!(code, i32::from(has_problems), "{}: {found}", sample.name);
        second_reader::holds(&sample.path, &sample.answer, &found, sample.now_ms)
            .unwrap_or_else(|why| panic!("{}: {why}", sample.name));
    }
}

#[test]
fn a_record_is_named_as_in_redis_and_keeps_the_vendors_digits() {
    let body = br#"{"status":"OK","results":[{"ticker":"SPY","type":"stocks","market_status":"open",
        "last_trade":{"price":601.130,"size":25,"conditions":[14,41],"sip_timestamp":1795791598000123456,"timeframe":"REAL-TIME"},
        "last_quote":{"bid":601.12,"ask":601.14,"bid_size":12,"ask_size":3,"last_updated":1795791599000123456},
        "session":{"open":599.50,"high":602.07,"low":598.8,"close":601.13,"previous_close":598.73,
                   "change":2.4,"change_percent":0.401,"volume":31234567}}]}"#;
    let (code, text) = run("/v3/snapshot", body, &["--json", "--now", "1795791600000"]);
    let record = concat!(
        r#"{"values":[{"symbol":"SPY","price":601.130,"kind":"trade","event_ms":1795791598000,"size":25,"conditions":[14,41],"#,
        r#""bid":601.12,"ask":601.14,"bid_size":12,"ask_size":3,"quote_ms":1795791599000,"#,
        r#""open":599.50,"high":602.07,"low":598.8,"close":601.13,"volume":31234567,"prev_close":598.73,"#,
        r#""change":2.4,"change_pct":0.401,"session":"open","feed":"live","stale":0,"#,
        r#""fetched_ms":1795791600000,"fresh_until_ms":1795791718000,"source":"massive"}],"#,
        r#""session":null,"calendar":[],"problems":[]}"#
    );
    assert_eq!((code, text.trim()), (0, record));
    let (code, text) = run("/v3/snapshot", body, &["--now", "1795791600000"]);
    assert_eq!(code, 0);
    let line = "SPY     601.13  trade  +0.40 %  601.12  601.14  2 s  live  fresh";
    assert!(text.contains(line), "{text}");
}

#[test]
fn with_a_query_what_was_asked_for_counts() {
    let body =
        br#"{"status":"OK","results":[{"ticker":"SPY","value":5},{"ticker":"QQQ","value":6}]}"#;
    let (code, found) = report(
        "/v3/snapshot?ticker.any_of=SPY,I:VIX&limit=250",
        body,
        1_795_791_600_000,
    );
    assert_eq!(code, 1);
    assert_eq!(
        found["problems"],
        json!([
            {"symbol": "QQQ", "path": "results[1]", "reason": "not_asked"},
            {"symbol": "I:VIX", "path": "results", "reason": "missing"},
        ])
    );
    assert_eq!(found["values"].as_array().unwrap().len(), 1);
    let (code, found) = report("/v3/snapshot", body, 1_795_791_600_000);
    assert_eq!((code, found["values"].as_array().unwrap().len()), (0, 2));
}

#[test]
fn what_is_not_understood_ends_with_two() {
    for (path, body) in [
        ("/v3/snapshot", "<html><body>Bad gateway</body></html>"),
        ("/v3/snapshot", r#"{"results":[{"ticker":"SPY","value":5}"#),
        ("/v3/snapshot", ""),
        ("/v3/snapshot", "[]"),
        ("/v3/quotes/SPY?apiKey=SECRET", "{}"),
    ] {
        let (code, text) = run(path, body.as_bytes(), &["--json"]);
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &found["values"]), (2, &json!([])), "{path} {text}");
        assert!(!found["problems"][0]["reason"].as_str().unwrap().is_empty());
        let (code, text) = run(path, body.as_bytes(), &[]);
        assert!(code == 2 && text.contains("Not understood:"), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
    let there_is_none = ["market", "check", "/v3/snapshot", "/nowhere/answer.json"];
    assert_eq!(
        Daemon::run("marketswarm", &there_is_none, &[], PATIENCE).0,
        2
    );
    assert_eq!(
        Daemon::run(
            "marketswarm",
            &["market", "check", "/v3/snapshot"],
            &[],
            PATIENCE
        )
        .0,
        2
    );
    let no_moment = [
        "market",
        "check",
        "/v3/snapshot",
        "x",
        "--now",
        "9223372036854775807",
    ];
    assert_eq!(Daemon::run("marketswarm", &no_moment, &[], PATIENCE).0, 2);
    assert_eq!(
        Daemon::run("marketswarm", &["market", "odd"], &[], PATIENCE).0,
        2
    );
    assert_eq!(
        Daemon::run("marketswarm", &["market", "--help"], &[], PATIENCE).0,
        0
    );
}

#[test]
fn an_error_of_the_vendors_is_a_problem_and_no_value() {
    let body = br#"{"status":"NOT_AUTHORIZED","message":"You are not entitled to this data.","results":[{"ticker":"A","value":5}]}"#;
    let (code, found) = report("/v3/snapshot", body, 1_795_791_600_000);
    assert_eq!((code, &found["values"]), (1, &json!([])));
    assert_eq!(
        found["problems"],
        json!([{"symbol": "", "path": "status", "reason": "not entitled"}])
    );
}

#[test]
fn a_chain_with_too_many_that_are_no_contracts_is_refused() {
    let sample = samples()
        .into_iter()
        .find(|sample| sample.name == "option_chain")
        .unwrap();
    let mut answer = sample.answer;
    answer["results"][0]["details"]["strike_price"] = json!("REFUSED");
    let (code, found) = report(&sample.path, answer.to_string().as_bytes(), sample.now_ms);
    assert_eq!((code, &found["values"]), (1, &json!([])));
    let reasons: Vec<&str> = found["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["wrong_type", "no_strike", "too_many_dropped"]);
    assert!(!found.to_string().contains("REFUSED"));
}

/// The judge of the property: what the command would print of these bytes, read again by the second reader.
fn judge(path: &str, body: &[u8], now_ms: i64) -> Result<(), String> {
    let request = Request::parse(path)?;
    let came = Came {
        now_ms,
        is_given: true,
    };
    let Ok(found) = check(body, &request, came) else {
        return Ok(());
    };
    let json = found.json();
    let found: Value = serde_json::from_str(&json).map_err(|e| format!("{e}: {json}"))?;
    if found["problems"].to_string().contains(mutate::SENTINEL) {
        return Err(format!("a refused value is told: {}", found["problems"]));
    }
    // What the second reader cannot read has no values that could be found.
    match serde_json::from_slice::<Value>(body) {
        Ok(answer) => second_reader::holds(path, &answer, &found, now_ms),
        Err(_) => Ok(()),
    }
}

#[test]
fn every_value_of_a_mutated_answer_stands_at_its_documented_place() {
    let samples: Vec<Sample> = samples().into_iter().chain(vendors_examples()).collect();
    let mut runner = TestRunner::new(Config {
        cases: repetitions(1_500),
        failure_persistence: None,
        ..Config::default()
    });
    let mutations = prop::collection::vec(mutate::mutation(), 1..6);
    let inputs = (0..samples.len(), mutations);
    let outcome = runner.run(&inputs, |(nth, mutations)| {
        let sample = &samples[nth];
        let mut answer = sample.answer.clone();
        for mutation in &mutations {
            mutation.apply(&mut answer, sample.now_ms);
        }
        judge(&sample.path, answer.to_string().as_bytes(), sample.now_ms)
            .map_err(|why| TestCaseError::fail(format!("{}: {why}\n{answer}", sample.name)))
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn damaged_bytes_are_understood_rightly_or_not_at_all() {
    let samples = samples();
    let mut runner = TestRunner::new(Config {
        cases: repetitions(1_500),
        failure_persistence: None,
        ..Config::default()
    });
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    let inputs = (
        0..samples.len(),
        damage,
        any::<Option<prop::sample::Index>>(),
    );
    let outcome = runner.run(&inputs, |(nth, damage, cut)| {
        let sample = &samples[nth];
        let mut body = sample.answer.to_string().into_bytes();
        for (at, byte) in &damage {
            let at = at.index(body.len());
            // Mostly what JSON is made of, so that most of it stays JSON.
            body[at] = match byte % 4 {
                0 => *byte,
                1 => b'0' + byte % 10,
                2 => b"\"{}[],:.-e"[usize::from(*byte) % 10],
                _ => b'a' + byte % 26,
            };
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        judge(&sample.path, &body, sample.now_ms).map_err(|why| {
            TestCaseError::fail(format!(
                "{}: {why}\n{}",
                sample.name,
                String::from_utf8_lossy(&body)
            ))
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
