//! `marketswarm vexy analyse`: what the rules make of a text, without a swarm.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::daemon::program;

/// Runs the command on what is piped in.
fn analyse(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(program("marketswarm"));
    let mut child = command
        .args(["vexy", "analyse"])
        .args(args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // Who refuses the command line does not read.
        let _ = pipe.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn results(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.split_terminator('\n')
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_line_in_gives_one_line_out_in_its_order() {
    let input = concat!(
        r#"{"title": "Acme net profit rises 20%", "text": "Profit rose to EUR 13.1 mn from EUR 8.7 mn."}"#,
        "\n",
        r#"{"title": "Acme shares plunge", "language": "en", "feed": "f", "url": "https://a.example/", "published_ts": 1762433458}"#,
        "\n",
        r#"{"text": "The meeting is held in Helsinki on Monday."}"#,
    );
    let output = analyse(&["-", "--jsonl"], input.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let results = results(&output);
    let labels: Vec<_> = results
        .iter()
        .map(|r| r["sentiment_label"].as_str().unwrap())
        .collect();
    assert_eq!(labels, ["positive", "negative", "neutral"]);
    let first = &results[0];
    assert!((0.1..=1.0).contains(&first["sentiment"].as_f64().unwrap()));
    assert_eq!(first["language"], "en");
    assert_eq!(
        first["summary"],
        "Profit rose to EUR 13.1 mn from EUR 8.7 mn."
    );
    for list in ["events", "tickers", "why"] {
        assert!(first[list].is_array(), "{list} in {first}");
    }
    let sum: f64 = first["why"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|why| why["part"] == "sentiment")
        .map(|why| why["weight"].as_f64().unwrap())
        .sum();
    let score = sum / (sum * sum + 15.0).sqrt();
    assert!(
        (score - first["sentiment"].as_f64().unwrap()).abs() < 1e-3,
        "{first}"
    );
    assert_eq!(results[1]["url"], "https://a.example/");
}

#[test]
fn a_bad_line_gives_an_error_and_takes_no_other_with_it() {
    let long = format!(r#"{{"text": "{}"}}"#, "profit ".repeat(200_000));
    let lines = [
        br#"{"title": "Profit rises"}"#.to_vec(),
        b"no JSON".to_vec(),
        b"".to_vec(),
        b"[]".to_vec(),
        br#"{"headline": "x"}"#.to_vec(),
        br#"{"title": 7}"#.to_vec(),
        b"{\"title\": \"\xff\"}".to_vec(),
        long.into_bytes(),
        br#"{"title": "Profit falls"}"#.to_vec(),
    ];
    let output = analyse(&["--jsonl", "-"], &lines.join(&b'\n'));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let results = results(&output);
    assert_eq!(results.len(), lines.len());
    for (n, result) in results.iter().enumerate() {
        let good = n == 0 || n == lines.len() - 1;
        assert_eq!(result["error"].is_string(), !good, "line {n}: {result}");
    }
    assert_eq!(results[0]["sentiment_label"], "positive");
    assert_eq!(results[8]["sentiment_label"], "negative");
}

#[test]
fn no_line_holds_what_others_take_for_the_end_of_a_line() {
    let input = "{\"title\": \"Profit\u{2028}rises\u{85}\u{2029}\", \"text\": \"One\u{2028}two three four five.\"}\n";
    let output = analyse(&["-", "--jsonl"], input.as_bytes());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    assert!(
        !text.contains(['\u{85}', '\u{2028}', '\u{2029}', '\r']),
        "{text}"
    );
    let result: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(result["title"], "Profit\u{2028}rises\u{85}\u{2029}");
}

#[test]
fn who_waits_for_each_result_is_not_kept_waiting() {
    let mut child = Command::new(program("marketswarm"))
        .args(["vexy", "analyse", "-", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        pipe.write_all(b"{\"title\": \"Profit rises\"}\n").unwrap();
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert!(line.contains("positive"), "{line}");
    }
    drop(pipe);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_is_shown_the_findings_with_their_reasons() {
    let output = analyse(&["-"], b"Acme net profit rises 20%\nThe shares fell.\n");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for part in [
        "sentiment",
        "positive",
        "why",
        "net profit rises",
        "shares fell",
        "title",
        "sentence 1",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn what_is_not_understood_is_said() {
    for args in [
        &[][..],
        &["-", "x"],
        &["/nonexistent/file"],
        &["-", "--all"],
        &["-", "--what"],
    ] {
        let output = analyse(args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    let help = analyse(&["--help"], b"");
    assert_eq!(help.status.code(), Some(0));
    assert!(
        String::from_utf8(help.stdout)
            .unwrap()
            .contains("analyse FILE|-")
    );
}
