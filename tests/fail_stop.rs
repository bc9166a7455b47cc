//! A thread that panics ends its process: the supervisor starts it again, and the healer tells it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::daemon::{example, program};
use crate::support::redis_server::connect;
use crate::support::truth::truth_of;
use crate::support::{Daemon, PATIENCE, until};

const ALL: [&str; 7] = [
    "rss_agg", "massive", "mesh", "vexy_ai", "healer", "sentinel", "console",
];
/// Restarts that the healer tells of, when they come within five timeouts.
const RESTARTS_TOLD: usize = 3;

/// Every program by its name in a folder of their own, where one that panics stands for `massive`.
fn install(folder: &Path) {
    let others = [
        "bootstrap",
        "rss_agg",
        "mesh",
        "vexy_ai",
        "healer",
        "sentinel",
        "console",
    ];
    for name in others {
        symlink(program(name), folder.join(name)).unwrap();
    }
    symlink(example("panicking_worker"), folder.join("massive")).unwrap();
}

#[test]
fn a_worker_that_panics_ends_its_process_which_is_started_again_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("bin");
    fs::create_dir(&programs).unwrap();
    install(&programs);
    let (truth, data) = (folder.path().join("truth.json"), folder.path().join("data"));
    // Five timeouts are time enough for three restarts on a machine that is busy.
    fs::write(&truth, truth_of(&ALL, 1.0, 20.0).to_string()).unwrap();
    let mut command = Command::new(program("marketswarm"));
    command.arg("up").arg("--truth").arg(&truth);
    command.arg("--data").arg(&data);
    command.arg("--bin-dir").arg(&programs);
    command.args(["--system-port", "0", "--market-port", "0"]);
    command.args(["--console-port", "0"]);
    command
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap());
    let mut up = Daemon::spawn("marketswarm", command);
    up.wait_log("the swarm runs", PATIENCE);

    let note = || -> Result<Value, String> {
        let text = fs::read(data.join("run/up.json")).map_err(|e| e.to_string())?;
        serde_json::from_slice(&text).map_err(|e| e.to_string())
    };
    let pid = || {
        note()?["children"]["massive"]
            .as_u64()
            .ok_or("massive does not run".to_owned())
    };
    let port = note().unwrap()["system_port"].as_u64().unwrap();
    let mut bus = connect(u16::try_from(port).unwrap(), None).unwrap();
    let mut listener = connect(u16::try_from(port).unwrap(), None).unwrap();
    let mut beats = listener.as_pubsub();
    beats.set_read_timeout(Some(PATIENCE)).unwrap();
    beats.subscribe("massive:heartbeat").unwrap();
    let mut inst = Value::Null;
    for _ in 0..RESTARTS_TOLD {
        // The healer counts those that beat.
        loop {
            let beat: String = beats.get_message().unwrap().get_payload().unwrap();
            let beat: Value = serde_json::from_str(&beat).unwrap();
            if std::mem::replace(&mut inst, beat["inst"].clone()) != beat["inst"] {
                break;
            }
        }
        let old = until("massive runs", PATIENCE, pid);
        // It hears nothing before it is subscribed.
        until("it is told to panic", PATIENCE, || {
            let heard: i64 = redis::cmd("PUBLISH")
                .arg("test:panic")
                .arg("now")
                .query(&mut bus)
                .map_err(|e| e.to_string())?;
            (heard > 0)
                .then_some(())
                .ok_or("nobody hears it".to_owned())
        });
        until("massive runs again", PATIENCE, || match pid()? {
            same if same == old => Err("it is the old process".to_owned()),
            _ => Ok(()),
        });
    }
    let told = until("the healer tells it", PATIENCE, || {
        let log: Vec<(String, Vec<(String, String)>)> = redis::cmd("XRANGE")
            .arg(&["healer:alerts:log", "-", "+"])
            .query(&mut bus)
            .map_err(|e| e.to_string())?;
        let mut alerts = log.iter().flat_map(|(_, fields)| fields);
        let told = alerts.find(|(_, value)| value.contains("service_restarting"));
        told.map(|(_, value)| value.clone())
            .ok_or(format!("{log:?}"))
    });
    assert!(told.contains(r#""svc":"massive""#), "{told}");
    // The reason is told with the end, though it is not the last line that the process printed.
    let log = up.log();
    let ends: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("massive ended:"))
        .collect();
    let words = "panicked at tests/support/panicking_worker.rs";
    assert!(
        ends.len() >= RESTARTS_TOLD && ends.iter().all(|line| line.contains(words)),
        "{ends:?}"
    );
    up.stop();
}

#[test]
fn every_profile_that_ships_aborts_at_a_panic() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let says = |profile: &str, line: &str| {
        let head = format!("[profile.{profile}]\n");
        let section = manifest.split(&head).nth(1).expect("the profile is there");
        let section = section.split("\n[").next().unwrap_or_default();
        assert!(section.lines().any(|l| l == line), "{profile}: {line}");
        assert!(!section.contains("unwind"), "{profile}");
    };
    says("release", r#"panic = "abort""#);
    says("dist", r#"inherits = "release""#);
    says("small", r#"inherits = "dist""#);
}
