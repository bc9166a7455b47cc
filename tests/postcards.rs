//! What README.md shows to be copied works as it stands there: the heartbeats of other programs, and its truths.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use marketswarm::vexy_ai::local::{Event, Label, Place};
use marketswarm::vexy_ai::record::{FIELDS, Record, Why};
use serde_json::{Value, json};

use crate::support::daemon::program;
use crate::support::{
    Alerts, Daemon, PATIENCE, RedisServer, Stage, python_with, say_skipped, secs,
};

const README: &str = include_str!("../README.md");
const INTERVAL_SEC: f64 = 0.25;
/// Enough for a shell that starts three programs for each beat, on a busy machine.
const TIMEOUT_SEC: f64 = 4.0;

/// The code blocks of this language under the heading, as they stand there.
fn blocks(heading: &str, language: &str) -> Vec<String> {
    let (_, section) = README
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("README.md has no heading {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let mut blocks = Vec::new();
    for part in section.split("```").skip(1).step_by(2) {
        let (first, code) = part.split_once('\n').unwrap();
        if first == language {
            blocks.push(code.to_owned());
        }
    }
    blocks
}

/// The block under "Adding a service" that contains `what`.
fn postcard(language: &str, what: &str) -> String {
    let found = blocks("Adding a service", language);
    let fits = found.into_iter().find(|code| code.contains(what));
    fits.unwrap_or_else(|| panic!("README.md shows no {language} with {what}"))
}

/// A bus for the job of the README.
fn stage() -> Stage {
    Stage::new(&["job"], INTERVAL_SEC, TIMEOUT_SEC)
}

/// A healer that begins to watch when the job beats already: how long a program takes to start is not its business.
#[track_caller]
fn watch(stage: &Stage) -> Daemon {
    let beats = Alerts::on_channel(&stage.redis, "job:heartbeat");
    beats.wait_for("a beat", PATIENCE, |_| true);
    stage.healer_for("job")
}

/// The healer hears a job, and hears it end.
#[track_caller]
fn assert_heard(stage: &Stage, mut job: Daemon) {
    let last = assert_beats_on(stage);
    job.kill();
    assert_told_dead(stage, last);
}

/// More than one beat is heard; gives the number of one of the later ones.
#[track_caller]
fn assert_beats_on(stage: &Stage) -> u64 {
    let beats = Alerts::on_channel(&stage.redis, "job:heartbeat");
    let health = stage.wait_health("job", "up");
    let number = |beat: &Value| beat.as_u64().unwrap_or_default();
    let later = number(&health["last_i"]) + 3;
    beats.wait_for("later beats", PATIENCE, |b| number(&b.json["i"]) >= later);
    stage.alerts.assert_nothing_else(secs(0.0));
    later
}

/// The job is told dead, and its beats were understood up to this one at least.
#[track_caller]
fn assert_told_dead(stage: &Stage, last: u64) {
    let miss = stage.alerts.wait("heartbeat_miss", "job", PATIENCE);
    assert!(miss.json["last_i"].as_u64() >= Some(last), "{}", miss.text);
    assert_eq!(miss.json.get("never_heard"), None, "{}", miss.text);
    let told = stage.wait_health("job", "down");
    assert_eq!((&told["restarts"], &told["misses"]), (&json!(0), &json!(1)));
}

#[test]
fn the_heartbeat_in_shell_is_heard() {
    for name in ["bash", "dash"] {
        let stage = stage();
        // What the README leaves to the reader: the work, and where Redis is when it is not at its usual port.
        let folder = tempfile::tempdir().unwrap();
        let cli = format!("PATH=$OLD exec redis-cli -p {} \"$@\"", stage.redis.port());
        write_program(folder.path(), "redis-cli", &cli);
        write_program(folder.path(), "work", &format!("sleep {INTERVAL_SEC}"));
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(name);
        command
            .args(["-eu", "-c", &postcard("sh", "redis-cli PUBLISH")])
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .env("OLD", path)
            .stdin(Stdio::null());
        let job = Daemon::spawn(name, command);
        let _healer = watch(&stage);
        assert_heard(&stage, job);
    }
}

fn write_program(folder: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_heartbeat_in_python_is_heard() {
    let Some(python) = python_with("redis") else {
        say_skipped(
            "no Python here has redis (Debian: python3-redis); the heartbeat in Python is not tested",
        );
        return;
    };
    let mut stage = stage();
    let script = format!(
        "import functools, redis, time\n\
         redis.Redis = functools.partial(redis.Redis, port={})\n\
         def work():\n    time.sleep({INTERVAL_SEC})\n    return True\n{}",
        stage.redis.port(),
        postcard("python", "bus.publish")
    );
    let mut command = Command::new(python);
    command.args(["-c", &script]).stdin(Stdio::null());
    let mut job = Daemon::spawn("python", command);
    let _healer = watch(&stage);
    stage.wait_health("job", "up");
    // A bus that goes away and comes back does not end it.
    stage.redis.start_again();
    stage
        .alerts
        .assert_none(secs(TIMEOUT_SEC + 3.0), |alert| alert.svc() == "job");
    assert!(job.is_alive(), "{}", job.log());
    assert_heard(&stage, job);
}

/// The heartbeat in Rust, word for word, with what it leaves to the reader: the work, and where Redis is.
mod rust {
    use super::*;

    static PORT: AtomicU16 = AtomicU16::new(0);
    static DEAD: AtomicBool = AtomicBool::new(false);

    /// The crate, but for the usual port.
    mod redis {
        pub use ::redis::cmd;

        pub struct Client;

        impl Client {
            pub fn open(url: &str) -> ::redis::RedisResult<::redis::Client> {
                assert_eq!(url, "redis://127.0.0.1/");
                let port = super::PORT.load(super::Ordering::SeqCst);
                ::redis::Client::open(format!("redis://127.0.0.1:{port}/"))
            }
        }
    }

    fn work() -> Result<(), &'static str> {
        std::thread::sleep(secs(INTERVAL_SEC));
        if DEAD.load(Ordering::SeqCst) {
            return Err("done");
        }
        Ok(())
    }

    fn job() -> Result<(), Box<dyn std::error::Error>> {
        // README.md:
        let mut bus = redis::Client::open("redis://127.0.0.1/")?.get_connection()?;
        for i in 1.. {
            work()?;
            let ts = std::time::UNIX_EPOCH.elapsed()?.as_secs();
            let beat = format!(r#"{{"svc":"job","i":{i},"ts":{ts}}}"#);
            redis::cmd("PUBLISH")
                .arg("job:heartbeat")
                .arg(beat)
                .exec(&mut bus)?;
        }
        // End of README.md.
        Ok(())
    }

    /// Without what the formatter may change.
    fn words(code: &str) -> String {
        code.split_whitespace().collect()
    }

    #[test]
    fn the_heartbeat_in_rust_is_heard() {
        let (_, rest) = include_str!("postcards.rs")
            .split_once("// README.md:\n")
            .unwrap();
        let (here, _) = rest.split_once("// End of README.md.").unwrap();
        let there = postcard("rust", "PUBLISH");
        assert_eq!(words(here), words(&there), "README.md says:\n{there}");

        let stage = stage();
        PORT.store(stage.redis.port(), Ordering::SeqCst);
        let thread = std::thread::spawn(|| job().map_err(|e| e.to_string()));
        let _healer = watch(&stage);
        let last = assert_beats_on(&stage);
        DEAD.store(true, Ordering::SeqCst);
        assert_eq!(thread.join().unwrap(), Err("done".into()));
        assert_told_dead(&stage, last);
    }
}

#[test]
fn marketswarm_beat_is_heard_as_the_readme_writes_it() {
    let stage = stage();
    let folder = tempfile::tempdir().unwrap();
    let job = "import time\ntime.sleep(3600)\n";
    std::fs::write(folder.path().join("job.py"), job).unwrap();
    let lines = postcard("sh", "marketswarm beat");
    let lines: Vec<&str> = lines.lines().collect();
    let [with, alone] = lines[..] else {
        panic!("README.md shows {lines:?}");
    };
    let run = |line: &str| {
        let mut command = shell(line, folder.path(), &stage);
        command.stdin(Stdio::null());
        Daemon::spawn("beat", command)
    };
    // Beats as often as truth says.
    let job = run(&format!("exec {with}"));
    let _healer = watch(&stage);
    assert_heard(&stage, job);
    for i in 1..=3 {
        assert_eq!(run(alone).wait_exit(PATIENCE), 0);
        if i == 1 {
            stage.alerts.wait("heartbeat_ok", "job", PATIENCE);
        }
    }
    assert_eq!(stage.wait_health("job", "up")["restarts"], 0);
}

/// A shell in which `marketswarm` is in the path, as the README has it.
fn shell(line: &str, folder: &Path, stage: &Stage) -> Command {
    let path = std::env::var("PATH").unwrap();
    let ours = program("marketswarm").parent().unwrap().display();
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", format!("{ours}:{path}"))
        .env("SYSTEM_REDIS_URL", stage.redis.url());
    command
}

/// A bus with one analysis on it, and what is said of it.
fn analysed() -> (RedisServer, String) {
    let redis = RedisServer::start();
    let record = Record {
        uid: "a1b2".to_owned(),
        title: "Profit rose <b>".to_owned(),
        label: Label::Positive,
        event: Some(Event::Earnings),
        why: vec![Why {
            part: "sentiment".into(),
            rule: "direction".into(),
            words: "rose".into(),
            weight: 1.5,
            place: Place::Title,
        }],
        ..Record::default()
    };
    let values = record.values();
    let fields = FIELDS.iter().zip(&values);
    let mut words = vec!["HSET", "rss:analysis:a1b2"];
    words.extend(fields.flat_map(|(name, value)| [*name, &**value]));
    redis.query::<()>(&words);
    (redis, r#"{"kind":"analysis","uid":"a1b2"}"#.to_owned())
}

/// Says it to the one reader there is.
fn say(redis: &RedisServer, message: &str) {
    redis.wait_subscribed("sse:vexy-message", 1);
    redis.query::<u64>(&["PUBLISH", "sse:vexy-message", message]);
}

#[test]
fn the_reader_of_analyses_in_shell_reads_them() {
    let (redis, message) = analysed();
    let folder = tempfile::tempdir().unwrap();
    // What the README leaves to the reader: where Redis is when it is not at its usual port.
    let cli = format!(
        "shift 2\nPATH=$OLD exec redis-cli -p {} \"$@\"",
        redis.port()
    );
    write_program(folder.path(), "redis-cli", &cli);
    let path = std::env::var("PATH").unwrap();
    let block = blocks("Analyses", "sh").concat();
    let lines: Vec<&str> = block.lines().collect();
    let [subscribe, read] = lines[..] else {
        panic!("README.md shows {lines:?}");
    };
    let run = |line: &str| {
        let mut command = Command::new("sh");
        command
            .args(["-eu", "-c", line])
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .env("OLD", &path)
            .env("uid", "a1b2")
            .stdin(Stdio::null());
        Daemon::spawn("sh", command)
    };
    // In the place of the shell, which would leave it behind.
    let listener = run(&format!("exec {subscribe}"));
    say(&redis, &message);
    listener.wait_log(&message, PATIENCE);
    let mut reader = run(read);
    assert_eq!(reader.wait_exit(PATIENCE), 0);
    let said = reader.log();
    for wanted in ["positive", "earnings", "\"words\":\"rose\""] {
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn the_reader_of_analyses_in_python_reads_them() {
    let Some(python) = python_with("redis") else {
        say_skipped(
            "no Python here has redis (Debian: python3-redis); the reader in Python is not tested",
        );
        return;
    };
    let (redis, message) = analysed();
    let block = blocks("Analyses", "python").concat();
    assert!(block.contains("port=6380"), "{block}");
    let script = block.replace("port=6380", &format!("port={}", redis.port()));
    let mut command = Command::new(python);
    command.args(["-u", "-c", &script]).stdin(Stdio::null());
    let mut reader = Daemon::spawn("python", command);
    say(&redis, &message);
    let said = reader.wait_log("analysis", PATIENCE);
    assert_eq!(said, "analysis positive earnings Profit rose <b> ['rose']");
    // What is kept no longer ends nobody.
    redis.query::<()>(&[
        "PUBLISH",
        "sse:vexy-message",
        r#"{"kind":"analysis","uid":"gone"}"#,
    ]);
    redis.query::<()>(&[
        "PUBLISH",
        "sse:vexy-message",
        &message.replace("analysis", "analysis_model"),
    ]);
    reader.wait_log("analysis_model positive", PATIENCE);
    assert!(reader.is_alive(), "{}", reader.log());
}

#[test]
fn the_truths_of_the_readme_are_good() {
    let whole = blocks("The truth document", "json");
    let entry = format!("{{\"services\": {{{}}}}}", postcard("json", "\"job\""));
    let notify = blocks("Being told", "json");
    let notify: Vec<String> = notify
        .iter()
        .map(|n| format!("{{\"services\": {{{n}}}}}"))
        .collect();
    let vexy = blocks("Analyses", "json");
    let in_services = |own: &String| format!("{{\"services\": {{{own}}}}}");
    let vexy: Vec<String> = vexy.iter().map(in_services).collect();
    let all = whole.iter().chain([&entry]).chain(&notify).chain(&vexy);
    let all: Vec<&String> = all.collect();
    assert_eq!(all.len(), 4, "{all:#?}");
    for text in all {
        check(text);
    }
    // In the truth that ships, the entry comes to what the README shows.
    let mut truth: Value = serde_json::from_str(include_str!("../truth.json")).unwrap();
    let job: Value = serde_json::from_str(&entry).unwrap();
    truth["services"]["job"] = job["services"]["job"].clone();
    let said = check(&truth.to_string());
    let shown = blocks("Adding a service", "console").concat();
    let (said, _) = said.split_once("; digest").unwrap();
    let counts = said.split_once("is good").unwrap().1;
    assert!(
        shown.contains(counts),
        "{said}, and the README shows\n{shown}"
    );
}

/// Checks a truth as a user does: it must be good, without a warning.
#[track_caller]
fn check(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truth.json");
    std::fs::write(&file, text).unwrap();
    let args = ["truth", "check", file.to_str().unwrap()];
    let (code, said) = Daemon::run("marketswarm", &args, &[], PATIENCE);
    assert!(code == 0 && !said.contains("warning"), "{text}\n{said}");
    said
}
