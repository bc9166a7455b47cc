//! The metrics are what a Prometheus reads, line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::console::Console;
use crate::support::{PATIENCE, Stage, say_skipped, until};

/// A sample: its name, its labels as they are written, and its value.
struct Sample<'t> {
    name: &'t str,
    labels: Vec<(&'t str, String)>,
    value: f64,
}

/// What is wrong with a text in the format 0.0.4, and the families that it tells, with their types.
fn families(text: &str) -> Result<BTreeMap<&str, &str>, String> {
    let mut families: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut helped, mut series) = (BTreeSet::new(), BTreeSet::new());
    let mut present = "";
    if !text.ends_with('\n') {
        return Err("no end of the last line".into());
    }
    for line in text.lines() {
        let wrong = |why: &str| Err(format!("{why}: {line}"));
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap_or((help, ""));
            if !is_name(name) || words.is_empty() || !helped.insert(name) {
                return wrong("help");
            }
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap_or((kind, ""));
            let is_known = ["counter", "gauge", "summary"].contains(&kind);
            if !is_known || !helped.contains(name) || families.insert(name, kind).is_some() {
                return wrong("type");
            }
            if (kind == "counter") != name.ends_with("_total") {
                return wrong("a counter, and nothing else, is a total");
            }
            present = name;
        } else {
            let sample = sample(line).ok_or(format!("no sample: {line}"))?;
            let is_summary = families.get(present) == Some(&"summary");
            let parts = ["_sum", "_count"].map(|end| format!("{present}{end}"));
            let is_part = is_summary && parts.iter().any(|part| part == sample.name);
            let is_own = sample.name == present && (!is_summary || has(&sample, "quantile"));
            if !(is_own || is_part) || !sample.value.is_finite() {
                return wrong("not of the family before it, or no number");
            }
            let mut labels = sample.labels;
            labels.sort();
            if labels.windows(2).any(|two| two[0].0 == two[1].0) {
                return wrong("a label twice");
            }
            if !series.insert((sample.name, labels)) {
                return wrong("told twice");
            }
        }
    }
    Ok(families)
}

fn has(sample: &Sample<'_>, label: &str) -> bool {
    sample.labels.iter().any(|(name, _)| *name == label)
}

fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_part)
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(all) = rest.strip_prefix('{') {
        rest = all;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.push((label, value));
            if !is_name(label) {
                return None;
            }
            rest = match after.strip_prefix(',') {
                Some(more) => more,
                None => {
                    rest = after.strip_prefix('}')?;
                    break;
                }
            };
        }
    }
    let value = rest.strip_prefix(' ')?.parse().ok()?;
    is_name(name).then_some(Sample {
        name,
        labels,
        value,
    })
}

/// The text up to the closing quote, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                c @ ('\\' | '"') => c,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
    None
}

#[test]
fn a_parser_that_is_strict_takes_all_of_the_metrics() {
    let stage = Stage::new(&["db", "api", "healer"], 0.2, 1.0);
    let _healer = stage.start("healer");
    let beater = stage.beat(&["db", "api"]);
    let feed = r#"{"url":"http://x/","health":"failing"}"#;
    stage
        .redis
        .query::<()>(&["HSET", "rss_agg:status", "wire", feed]);
    let group = [
        "XGROUP",
        "CREATE",
        "healer:alerts:log",
        "healer:ops",
        "$",
        "MKSTREAM",
    ];
    stage.redis.query::<()>(&group);
    let holder = ["SET", "notify:healer:ops:holder", "i1"];
    stage.redis.query::<()>(&holder);
    stage.redis.query::<()>(&["LPUSH", "healer:dead:ops", "{}"]);
    count_as_daemons_do(&stage);
    let console = Console::start(&stage.redis.url(), &[]);
    console.wait_state("db", "up");
    beater.silence("db");
    console.wait_state("db", "down");
    let wanted = [
        "feeds{health=\"failing\"} 1",
        "bus_up{bus=\"system-redis\"} 1",
        "healer_judging{bus=\"system-redis\"} 1",
        "dead_letters{channel=\"ops\"} 1",
        "detection_lateness_seconds{quantile=\"1\"} ",
        "service_up{svc=\"db\"} 0",
        "mesh_instances{svc=\"mesh\",inst=\"i1\",bus=\"b\"} 1",
        "healer_lateness_seconds{svc=\"healer\",inst=\"",
        "daemon_info{svc=\"console\",inst=\"",
    ];
    // A daemon counts with a beat every ten seconds, and the console reads that every five.
    let text = until("all metrics", 3 * PATIENCE, || {
        let text = console.get("/metrics").body;
        let is_there = |line: &&str| text.contains(&format!("\nmarketswarm_{line}"));
        match wanted.iter().find(|line| !is_there(line)) {
            None => Ok(text),
            Some(line) => Err(format!("no {line} in {text}")),
        }
    });
    let families = families(&text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
    let bare = |name: &&&str| !name.starts_with("marketswarm_") && !name.starts_with("process_");
    assert_eq!(families.keys().find(bare), None, "{families:?}");
    assert!(families.len() > 15, "{families:?}");
    for broken in [
        "x 1\n",
        "# HELP a b\n# TYPE a gauge\na{b=\"\n\"} 1\n",
        "# HELP a b\n# TYPE a gauge\na 1\na 1\n",
    ] {
        assert!(self::families(broken).is_err(), "{broken}");
    }
    prometheus_takes(&["check", "metrics"], &text);
    what_ships_asks_for_nothing_else(&families);
}

/// Writes reports of daemons that are not here, with what each of them counts.
fn count_as_daemons_do(stage: &Stage) {
    let all: [(&str, &[&str]); 4] = [
        ("mesh", &["mesh_instances"]),
        (
            "rss_agg",
            &[
                "rss_agg_polls_total",
                "rss_agg_bytes_total",
                "rss_agg_items_total",
            ],
        ),
        (
            "sentinel",
            &[
                "notify_sent_total",
                "notify_failed_attempts_total",
                "notify_waiting",
                "notify_oldest_seconds",
            ],
        ),
        (
            "vexy_ai",
            &[
                "massive_events_total",
                "vexy_ai_behind_seconds",
                "vexy_ai_given_up_last_hour",
            ],
        ),
    ];
    for (svc, names) in all {
        let samples = names.iter().map(|name| {
            let kind = if name.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            serde_json::json!({"name": name, "kind": kind, "labels": [["bus", "b"]], "value": 1})
        });
        let samples: Vec<_> = samples.collect();
        let report =
            serde_json::json!({"svc": svc, "inst": "i1", "ver": "1", "ts": 1, "samples": samples});
        let key = format!("metrics:{svc}:i1");
        stage.redis.query::<()>(&["SET", &key, &report.to_string()]);
        let member = format!("{svc}:i1");
        stage
            .redis
            .query::<u64>(&["ZADD", "metrics:index", "9999999999", &member]);
    }
}

#[test]
fn a_store_that_refuses_what_a_daemon_counts_costs_nothing_but_that() {
    let stage = Stage::new(&["healer"], 0.2, 1.0);
    stage
        .redis
        .query::<()>(&["ACL", "SETUSER", "default", "-zadd"]);
    let _healer = stage.start("healer");
    let console = Console::start(&stage.redis.url(), &[]);
    console.wait_state("healer", "up");
    let counted = || {
        stage
            .redis
            .query::<Vec<String>>(&["KEYS", "metrics:healer:*"])
    };
    let key = until("what the healer counts", PATIENCE, || {
        counted().pop().ok_or_else(|| "nothing yet".to_owned())
    });
    let ttl: i64 = stage.redis.query(&["TTL", &key]);
    assert!((1..=35).contains(&ttl), "{ttl}");
    assert_eq!(stage.redis.query::<i64>(&["EXISTS", "metrics:index"]), 0);
    console.wait_state("healer", "up");
    let text = console.get("/metrics").body;
    assert!(!text.contains("healer_beats_heard_total"), "{text}");
}

/// Each metric that the dashboard and the alert rules ask for is one of `families`, and every one of those is asked for.
fn what_ships_asks_for_nothing_else(families: &BTreeMap<&str, &str>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/monitoring");
    let mut asked = BTreeSet::new();
    for file in ["dashboard.json", "alerts.yml"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = text.split(|c: char| !is_part(c));
        let names = words.filter(|word| word.starts_with("marketswarm_"));
        asked.extend(names.map(|name| {
            let base = name.strip_suffix("_sum").or(name.strip_suffix("_count"));
            base.unwrap_or(name).to_owned()
        }));
    }
    assert!(
        serde_json::from_str::<serde_json::Value>(
            &std::fs::read_to_string(folder.join("dashboard.json")).unwrap()
        )
        .is_ok()
    );
    let told: BTreeSet<String> = families
        .keys()
        .filter(|name| name.starts_with("marketswarm_"))
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(asked, told);
    let rules = folder.join("alerts.yml");
    let words = ["check", "rules", rules.to_str().unwrap()];
    prometheus_takes(&words, "");
}

/// The tool of Prometheus finds nothing to complain of.
fn prometheus_takes(words: &[&str], text: &str) {
    let Some(tool) = promtool() else {
        return say_skipped("the metrics by promtool (the package prometheus is not here)");
    };
    let mut child = Command::new(tool)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let is_fine = output.status.success();
    assert!(is_fine, "{}", String::from_utf8_lossy(&said));
    let said = String::from_utf8_lossy(&said);
    assert!(said.is_empty() || said.contains("SUCCESS"), "{said}");
}

/// Where `promtool` is, on this machine or where `scripts/test.sh` puts it.
fn promtool() -> Option<&'static Path> {
    let places = [
        "/usr/bin/promtool",
        concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/usr/bin/promtool"),
    ];
    places.into_iter().map(Path::new).find(|path| path.exists())
}
