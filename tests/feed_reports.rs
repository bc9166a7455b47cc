//! The feed reader against inputs of the kinds that broke other readers, each beside what a reader should make of it.
//!
//! They are data of their own and not part of this project: `FEED_REPORTS_DATA` names their folder, whose README says
//! what the fields mean. Without it these tests say so and check nothing.

mod expect;
mod polls;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Daemon, PATIENCE, say};

fn data() -> Option<PathBuf> {
    let Some(data) = std::env::var_os("FEED_REPORTS_DATA") else {
        crate::support::say_skipped(
            "FEED_REPORTS_DATA is not set, so the feed reader is not checked against what broke other readers",
        );
        return None;
    };
    Some(PathBuf::from(data))
}

fn read(folder: &Path, name: &str) -> Value {
    let text = fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn list<'v>(of: &'v Value, name: &str) -> &'v [Value] {
    of[name]
        .as_array()
        .unwrap_or_else(|| panic!("no list {name}"))
}

/// What came of all cases.
#[derive(Default)]
struct Tally {
    counted: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Notes a case. A policy is only told.
    fn note(&mut self, case: &Value, name: &str, outcome: Result<(), String>) {
        let kind = case["kind"].as_str().expect("a kind");
        if case["policy"] == true {
            let outcome = outcome.map_or_else(
                |why| format!("not followed: {why}"),
                |()| "followed".to_owned(),
            );
            say(&format!("policy {kind} ({name}): {outcome}"));
            return;
        }
        self.counted += 1;
        if let Err(why) = outcome {
            self.wrong.push(format!("{kind} ({name}): {why}"));
        }
    }

    #[track_caller]
    fn judge(self) {
        let wrong = self.wrong.len();
        assert!(
            wrong == 0,
            "{wrong} of {} cases:\n{}",
            self.counted,
            self.wrong.join("\n")
        );
        eprintln!("{} cases are read right", self.counted);
    }
}

/// What `marketswarm feed check --json` says of a file or URL: exit code and report.
fn check(what: &str) -> Result<(i32, Value), String> {
    let (code, text) = Daemon::run(
        "marketswarm",
        &["feed", "check", "--json", what],
        &[],
        PATIENCE,
    );
    let report =
        serde_json::from_str(&text).map_err(|e| format!("exit code {code}, {e}: {text}"))?;
    Ok((code, report))
}

#[test]
fn documents_and_answers_are_read_as_a_person_would_read_them() {
    let Some(folder) = data() else { return };
    let mut command = Command::new("python3");
    let script = folder.join("http.py");
    command.arg("-B").arg(script).arg("0").stdin(Stdio::null());
    let mut server = Daemon::spawn("http.py", command);
    let base = server.wait_log("http://", PATIENCE);
    let mut tally = Tally::default();
    for case in list(&read(&folder, "expected.json"), "cases") {
        let name = case["file"].as_str().expect("a file");
        let what = match &case["serve"] {
            Value::Null => folder.join("cases").join(name).display().to_string(),
            _ => format!("{base}/cases/{name}"),
        };
        let outcome = check(&what)
            .and_then(|(code, report)| expect::holds(&case["expect"], code, &report, &base));
        tally.note(case, name, outcome);
    }
    for case in list(&read(&folder, "http.json"), "cases") {
        let start = case["start"].as_str().expect("a path");
        let outcome = check(&format!("{base}{start}"))
            .and_then(|(code, report)| expect::holds(&case["expect"], code, &report, &base));
        tally.note(case, start, outcome);
    }
    server.stop();
    tally.judge();
}
