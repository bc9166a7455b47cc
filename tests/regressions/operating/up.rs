//! `up` was led elsewhere by a variable of the shell, did not say why a service died, kept logs without end of one that
//! raved, left a bus that lost its data empty, drew on a terminal that was somebody else's, and gave one bus the port of the other.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::daemon::program;
use crate::support::redis_server::connect;
use crate::support::truth::truth_of;
use crate::support::{Daemon, PATIENCE, RedisServer, say_skipped, secs, send_signal, until};

/// The bound of a log, as README has it.
const LOG_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Starts `up` with these programs for `mesh` alone.
fn up(folder: &std::path::Path, more: &[&str], env: &[(&str, &str)]) -> Daemon {
    let truth = folder.join("truth.json");
    fs::write(&truth, truth_of(&["mesh"], 1.0, 3.0).to_string()).unwrap();
    let (truth, data) = (
        truth.display().to_string(),
        folder.join("data").display().to_string(),
    );
    let mut args = vec!["up", "--plain", "--truth", &truth, "--data", &data];
    args.extend(["--system-port", "0", "--market-port", "0", "--only", "mesh"]);
    args.extend(more);
    let path = std::env::var("PATH").unwrap();
    let env = [&[("PATH", path.as_str())], env].concat();
    Daemon::start_with("marketswarm", &args, &env)
}

/// A folder of programs in which `mesh` is this script.
fn programs_with(folder: &Path, mesh_script: &str) -> String {
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(program("bootstrap"), bin.join("bootstrap")).unwrap();
    let mesh = bin.join("mesh");
    fs::write(&mesh, format!("#!/bin/sh\n{mesh_script}\n")).unwrap();
    fs::set_permissions(&mesh, fs::Permissions::from_mode(0o755)).unwrap();
    bin.display().to_string()
}

/// What `up` notes of its run.
fn note(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("data/run/up.json")).unwrap()).unwrap()
}

#[test]
fn a_service_that_dies_says_its_last_words_fit_for_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let script = "printf 'begun\\nno disk \\033[2Jleft\\n' >&2\nexit 7";
    let bin = programs_with(folder.path(), script);
    let mut up = up(folder.path(), &["--bin-dir", &bin], &[]);
    up.wait_log(
        "mesh ended: exit code 7 (no disk \u{fffd}[2Jleft); ",
        PATIENCE,
    );
    up.stop();
}

#[test]
fn a_file_that_names_another_bus_leads_no_service_there() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "redis://127.0.0.1:1\n").unwrap();
    let elsewhere = elsewhere.display().to_string();
    let mut up = up(folder.path(), &[], &[("TRUTH_REDIS_URL_FILE", &elsewhere)]);
    up.wait_log("mesh: first beat heard", PATIENCE);
    up.stop();
}

#[test]
fn a_service_that_floods_its_log_stays_within_the_bound_and_deafens_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let bin = programs_with(folder.path(), "exec yes");
    let mut up = up(folder.path(), &["--bin-dir", &bin, "--no-restart"], &[]);
    let log = folder.path().join("data/log/mesh.log");
    let older = folder.path().join("data/log/mesh.log.1");
    let size = |file: &Path| fs::metadata(file).map_or(0, |about| about.len());
    until("the log is put aside", PATIENCE, || {
        let sizes = [size(&log), size(&older)];
        assert!(sizes.iter().all(|&size| size <= LOG_MAX_BYTES), "{sizes:?}");
        match sizes[1] {
            0 => Err(format!("{sizes:?}")),
            _ => Ok(()),
        }
    });
    let mesh = until("mesh is noted", PATIENCE, || {
        let pid = note(folder.path())["children"]["mesh"].as_u64();
        pid.ok_or_else(|| "no mesh".to_owned())
    });
    send_signal(u32::try_from(mesh).unwrap(), Signal::KILL);
    up.wait_log("mesh ended: killed, signal 9 (y)", PATIENCE);
    assert!(size(&log) <= LOG_MAX_BYTES && size(&older) <= LOG_MAX_BYTES);
    up.stop();
}

#[test]
fn a_bus_that_lost_its_data_gets_the_truth_that_was_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = up(folder.path(), &[], &[]);
    up.wait_log("the swarm runs", PATIENCE);
    let said = note(folder.path());
    let bus = |name: &str| {
        let port = said[name].as_u64().unwrap();
        connect(u16::try_from(port).unwrap(), None)
    };
    // Not that of the file: somebody seeded another since.
    let changed = truth_of(&["mesh"], 1.0, 4.0).to_string();
    let mut system = bus("system_port").unwrap();
    let set = redis::cmd("SET")
        .arg("truth:doc")
        .arg(&changed)
        .exec(&mut system);
    set.unwrap();
    let wait_for_truth = |name: &str| {
        until("the truth is there again", PATIENCE, || {
            let mut bus = bus(name).map_err(|error| error.to_string())?;
            let text = redis::cmd("GET")
                .arg("truth:doc")
                .query::<Option<String>>(&mut bus);
            match text {
                Ok(Some(text)) if text == changed => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    };
    let mut market = bus("market_port").unwrap();
    redis::cmd("FLUSHALL").exec(&mut market).unwrap();
    up.wait_log("market-redis lost its data", PATIENCE);
    wait_for_truth("market_port");

    let redis = said["redis"]["system-redis"].as_u64().unwrap();
    let data = folder.path().join("data/system-redis/appendonlydir");
    fs::remove_dir_all(data).unwrap();
    send_signal(u32::try_from(redis).unwrap(), Signal::KILL);
    up.wait_log("system-redis lost its data", PATIENCE);
    wait_for_truth("system_port");
    up.stop();
}

#[test]
fn nothing_is_drawn_on_a_terminal_while_it_is_somebody_elses() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let line = "set -m; \"$MARKETSWARM\" watch & read key; fg";
    let mut terminal = Command::new("script")
        .args(["-q", "-f", "-c", line])
        .arg(&seen)
        .env("MARKETSWARM", program("marketswarm"))
        .env("SYSTEM_REDIS_URL", redis.url())
        .env("SHELL", "/bin/bash")
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let drawn = || {
        let bytes = fs::read(&seen).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains("\x1b[?1049h")
    };
    let mut bus = redis.connection();
    until("it looks at the bus", PATIENCE, || {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut bus).unwrap();
        match clients.contains("name=marketswarm:truth") {
            true => Ok(()),
            false => Err(clients),
        }
    });
    // It draws at least once a second.
    std::thread::sleep(secs(1.5));
    assert!(!drawn(), "it is in the background");
    let mut keys = terminal.stdin.take().unwrap();
    keys.write_all(b"\n").unwrap();
    until("it is drawn in front", PATIENCE, || match drawn() {
        true => Ok(()),
        false => Err("nothing".into()),
    });
    keys.write_all(b"\x03").unwrap();
    terminal.wait().unwrap();
}

/// Starts `up` for `mesh` alone on a network of its own, where all ports are free. `None`, said aloud, where nobody may
/// make one.
fn up_alone(folder: &Path, ports: &[&str]) -> Option<Daemon> {
    let alone = |line: &str| {
        let mut command = Command::new("unshare");
        let line = format!("ip link set lo up && {line}");
        command.args([
            "--user",
            "--map-root-user",
            "--net",
            "sh",
            "-c",
            &line,
            "sh",
        ]);
        command.stdin(Stdio::null());
        command
    };
    let tried = alone("true").output();
    if !tried.is_ok_and(|output| output.status.success()) {
        say_skipped("nobody may make a network here; the usual ports of `up` are not tested");
        return None;
    }
    let truth = folder.join("truth.json");
    fs::write(&truth, truth_of(&["mesh"], 1.0, 3.0).to_string()).unwrap();
    // Each program becomes the next one, so that the process that is ended is `up`.
    let mut command = alone("exec \"$@\"");
    command.arg(program("marketswarm"));
    command.args(["up", "--plain", "--only", "mesh", "--truth"]);
    command.arg(&truth).arg("--data").arg(folder.join("data"));
    command.args(ports);
    command
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap());
    Some(Daemon::spawn("marketswarm up", command))
}

#[test]
fn a_bus_that_was_given_the_usual_port_of_the_other_had_none_now_and_then() {
    for (ports, system, market) in [
        (&["--market-port", "6379"][..], 6381, 6379),
        (&["--system-port", "6380"], 6380, 6382),
        (
            &["--market-port", "6379", "--system-port", "6380"],
            6380,
            6379,
        ),
    ] {
        // It depended on which of both was quicker.
        for _ in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let Some(mut up) = up_alone(folder.path(), ports) else {
                return;
            };
            up.wait_log("mesh: first beat heard", PATIENCE);
            let said = note(folder.path());
            assert_eq!(said["system_port"], system, "{ports:?}");
            assert_eq!(said["market_port"], market, "{ports:?}");
            up.stop();
        }
    }
}

#[test]
fn what_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("data/log/mesh.log");
    fs::create_dir_all(&log).unwrap();
    let mut run = up(folder.path(), &[], &[]);
    run.wait_log(&format!("mesh ended: {}: ", log.display()), PATIENCE);
    run.stop();

    let folder = tempfile::tempdir().unwrap();
    let run_folder = folder.path().join("data/run");
    fs::create_dir_all(folder.path().join("data")).unwrap();
    fs::write(&run_folder, "").unwrap();
    let mut run = up(folder.path(), &["--demo"], &[]);
    run.wait_log(
        &format!("cannot write {}: ", run_folder.display()),
        PATIENCE,
    );
    assert_eq!(run.wait_exit(PATIENCE), 2);
}
