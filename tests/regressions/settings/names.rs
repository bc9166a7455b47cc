//! Names and variables from outside: checked before they become part of anything, and refused in words.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::daemon::program;
use crate::support::watcher::{HEALER, SENTINEL};
use crate::support::{Daemon, PATIENCE, Stage};

/// What leads elsewhere when it becomes part of a path, a key or a line on a terminal.
const NO_NAMES: [&str; 6] = ["../../precious", "..", "a/b", "a b", "\u{1b}[2Jmesh", ""];

#[test]
fn what_is_no_name_touches_no_file_and_is_refused_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    let run = data.join("run/hold");
    std::fs::create_dir_all(&run).unwrap();
    let precious = data.join("precious");
    std::fs::write(&precious, "mine").unwrap();
    // As if an `up` ran here: the test itself.
    let me = std::process::id();
    let stat = std::fs::read_to_string(format!("/proc/{me}/stat")).unwrap();
    let ticks = stat
        .rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .nth(19)
        .unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let note = json!({"pid": me, "system_port": 1, "market_port": 1, "children": {"mesh": 1},
        "started": {me.to_string(): ticks.parse::<u64>().unwrap()}, "boot_id": boot.trim()});
    std::fs::write(data.join("run/up.json"), note.to_string()).unwrap();
    let data = data.to_str().unwrap();

    let stage = Stage::new(&["svc-a"], 0.2, 1.0);
    let url = stage.redis.url();
    let env = [
        ("MARKETSWARM_DATA", data),
        ("SYSTEM_REDIS_URL", url.as_str()),
    ];
    for name in NO_NAMES.into_iter().chain(["mash"]) {
        for command in [
            vec!["release", name],
            vec!["hold", name],
            vec!["drain", name],
            vec!["undrain", name],
            vec!["silence", name, "1h", "--why", "x"],
            vec!["ack", name],
            vec!["alerts", "--svc", name],
            vec!["notify", "dead", "--channel", name],
            vec!["feed", "poll", name],
        ] {
            let (code, said) = Daemon::run("marketswarm", &command, &env, PATIENCE);
            assert!(matches!(code, 1 | 2), "{command:?}: {code} {said}");
            assert!(!said.contains('\u{1b}'), "{said:?}");
        }
        if name != "mash" {
            let host = format!("host:{name}");
            for command in [["beat", name], ["drain", &host]] {
                let (code, said) = Daemon::run("marketswarm", &command, &env, PATIENCE);
                assert_eq!(code, 2, "{command:?}: {said}");
            }
        }
    }
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "mine");
    let (code, said) = Daemon::run("marketswarm", &["release", "mash"], &env, PATIENCE);
    assert!(
        code == 2 && said.contains("did you mean mesh?"),
        "{code} {said}"
    );
    let (_, said) = Daemon::run("marketswarm", &["ack", "svc-x"], &env, PATIENCE);
    assert!(said.contains("svc-a"), "{said}");
    let (code, said) = Daemon::run("marketswarm", &["release", "mesh"], &env, PATIENCE);
    assert_eq!((code, said.as_str()), (0, "mesh was not held"));
    // Of one that truth has, silence in the log is peace.
    let (code, said) = Daemon::run("marketswarm", &["alerts", "--svc", "svc-a"], &env, PATIENCE);
    assert_eq!((code, said.as_str()), (0, "no alerts"));
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_by_its_name() {
    let stage = Stage::new(&["mesh"], 0.2, 1.0);
    let url = stage.redis.url();
    let truth = stage.truth.to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("truth.json");
    std::fs::write(&file, &truth).unwrap();
    let garbled = OsStr::from_bytes(b"30\xff");
    for (name, args, variable) in [
        ("mesh", vec![], "HB_INTERVAL_SEC"),
        ("healer", vec![], "WEBHOOK_URL"),
        ("healer", vec![], "SMTP_HOST_FILE"),
        ("sentinel", vec![], "SENTINEL_TIMEOUT_SEC"),
        ("bootstrap", vec!["--dry-run"], "TRUTH_REDIS_KEY"),
        ("marketswarm", vec!["status"], "REDIS_URL"),
        ("marketswarm", vec!["up"], "SMTP_PASS"),
        ("marketswarm", vec!["up"], "DEFAULT_TIMEOUT_SEC"),
    ] {
        let mut command = Command::new(program(name));
        command.args(args).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("TRUTH_FILE", &file);
        command.env("MARKETSWARM_DATA", folder.path());
        if variable != "REDIS_URL" {
            command.env("SYSTEM_REDIS_URL", &url);
        }
        // Nobody reads this one.
        command.env("LS_COLORS", garbled);
        command.env(variable, garbled);
        let mut daemon = Daemon::spawn(name, command);
        assert_eq!(daemon.wait_exit(PATIENCE), 2, "{name} {variable}");
        let said = daemon.log();
        assert!(
            said.contains(variable) && said.contains("not UTF-8"),
            "{said}"
        );
    }
}

#[test]
fn an_eta_that_cannot_be_meant_is_no_eta() {
    for who in [HEALER, SENTINEL] {
        let now = marketswarm::clock::wall_secs();
        let watch = who.at_work();
        for eta in [now + 3 * 86_400, (now + 60) * 1000, -5, i64::MAX] {
            let says = json!({"status": "stopping", "eta": eta});
            watch.beats.say(who.subject, says);
            watch.beats.wait_beat(who.subject);
            watch.beats.silence(who.subject);
            let miss = who.wait_miss(watch.alerts());
            assert_eq!(miss.json["planned"], true, "{}", miss.text);
            assert!(miss.json.get("eta").is_none(), "{eta}: {}", miss.text);
            watch.beats.say(who.subject, json!({}));
            watch.beats.resume(who.subject);
            who.wait_ok(watch.alerts());
        }
    }
}
