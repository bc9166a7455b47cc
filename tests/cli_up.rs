//! `marketswarm up` runs the swarm on one host, and leaves nothing behind.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::redis_server::connect;
use crate::support::truth::truth_of;
use crate::support::{Daemon, PATIENCE, RedisServer, secs, send_signal, until};

const ALL: [&str; 7] = [
    "rss_agg", "massive", "mesh", "vexy_ai", "healer", "sentinel", "console",
];
/// What ending may take, and what a machine that is busy with other tests adds: who was stopped would never end.
const END_WITHIN: Duration = Duration::from_secs(3 + 5);

/// A swarm from `marketswarm up` with a data folder of its own.
struct Up {
    daemon: Daemon,
    data: PathBuf,
    _folder: tempfile::TempDir,
}

impl Up {
    fn start(args: &[&str]) -> Up {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let daemon = start_in(folder.path(), args);
        let up = Up {
            daemon,
            data,
            _folder: folder,
        };
        up.daemon.wait_log("the swarm runs", PATIENCE);
        up
    }

    fn note(&self) -> Value {
        note_in(&self.data).expect("up.json")
    }

    /// Waits until this service runs and gives its process id.
    #[track_caller]
    fn pid(&self, svc: &str) -> u32 {
        until(&format!("{svc} runs"), PATIENCE, || {
            let note = note_in(&self.data).ok_or("no up.json")?;
            let pid = note["children"][svc]
                .as_u64()
                .or(note["redis"][svc].as_u64());
            Ok(pid.ok_or_else(|| note.to_string())? as u32)
        })
    }

    /// Waits until this service runs as another process than `old`.
    #[track_caller]
    fn new_pid(&self, svc: &str, old: u32) -> u32 {
        until(&format!("{svc} runs again"), PATIENCE, || {
            match self.pid(svc) {
                pid if pid == old => Err("it is the old one".into()),
                pid => Ok(pid),
            }
        })
    }

    fn all_pids(&self) -> Vec<u32> {
        let note = self.note();
        let of = |field: &str| note[field].as_object().unwrap().values().cloned();
        let pids = of("children").chain(of("redis"));
        pids.map(|pid| pid.as_u64().unwrap() as u32).collect()
    }

    fn system_bus(&self) -> redis::Connection {
        let port = self.note()["system_port"].as_u64().unwrap();
        connect(port as u16, None).unwrap()
    }

    /// Runs another command on this swarm.
    fn command(&self, args: &[&str]) -> (i32, String) {
        let data = self.data.display().to_string();
        Daemon::run(
            "marketswarm",
            args,
            &[("MARKETSWARM_DATA", &data)],
            PATIENCE,
        )
    }

    /// Waits for a clean end and checks that nothing is left.
    #[track_caller]
    fn ends(mut self, pids: &[u32]) {
        let asked = Instant::now();
        let code = self.daemon.wait_exit(PATIENCE);
        let took = asked.elapsed();
        assert_eq!(code, 0);
        assert!(took <= END_WITHIN, "it took {took:?}");
        let left: Vec<&u32> = pids.iter().filter(|pid| is_alive(**pid)).collect();
        assert!(left.is_empty(), "left running: {left:?}");
        assert!(!self.data.join("run/up.json").exists());
    }
}

fn start_in(folder: &Path, args: &[&str]) -> Daemon {
    start_with(folder, args, &[])
}

fn start_with(folder: &Path, args: &[&str], more: &[(&str, &str)]) -> Daemon {
    let truth = folder.join("truth.json");
    fs::write(&truth, truth_of(&ALL, 1.0, 3.0).to_string()).unwrap();
    let (truth, data) = (
        truth.display().to_string(),
        folder.join("data").display().to_string(),
    );
    let mut all = vec!["up", "--truth", &truth, "--data", &data];
    all.extend(["--system-port", "0", "--market-port", "0"]);
    all.extend(["--console-port", "0"]);
    all.extend(args);
    let path = std::env::var("PATH").unwrap();
    let env = [&[("PATH", path.as_str())], more].concat();
    Daemon::start_with("marketswarm", &all, &env)
}

/// What the console on this port says at `/ok`, once all is well.
fn ok_of(port: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "GET /ok HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream
        .write_all(head.as_bytes())
        .map_err(|e| e.to_string())?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .map_err(|e| e.to_string())?;
    if answer.starts_with("HTTP/1.1 200") {
        Ok(answer)
    } else {
        Err(answer)
    }
}

fn note_in(data: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(data.join("run/up.json")).ok()?).ok()
}

/// Whether the process runs; what is left of one until its parent takes note does not count.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('Z'))
}

#[test]
fn the_whole_swarm_starts_and_every_service_beats() {
    let up = Up::start(&[]);
    let line = up.daemon.wait_log("the console: http://", PATIENCE);
    let port = line
        .trim()
        .rsplit(':')
        .next()
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    let page = until("the console shows what is so", PATIENCE, || ok_of(&port));
    assert!(page.contains("all 7 up"), "{page}");
    for svc in ["rss_agg", "massive", "mesh", "vexy_ai", "sentinel"] {
        let mut bus = up.system_bus();
        let mut ear = bus.as_pubsub();
        ear.subscribe(format!("{svc}:heartbeat")).unwrap();
        let beat: String = ear.get_message().unwrap().get_payload().unwrap();
        assert!(beat.contains(&format!(r#""svc":"{svc}""#)), "{beat}");
    }
    let pids = up.all_pids();
    up.daemon.terminate();
    up.ends(&pids);
}

#[test]
fn it_ends_within_three_seconds_also_when_services_and_buses_were_stopped_or_killed() {
    let up = Up::start(&["--no-restart"]);
    send_signal(up.pid("mesh"), Signal::STOP);
    send_signal(up.pid("market-redis"), Signal::STOP);
    send_signal(up.pid("massive"), Signal::KILL);
    up.daemon
        .wait_log("massive ended: killed, signal 9", PATIENCE);
    let pids = up.all_pids();
    send_signal(up.daemon.id(), Signal::INT);
    up.ends(&pids);
}

#[test]
fn a_second_signal_ends_it_at_once_and_leaves_nothing() {
    let up = Up::start(&[]);
    let pids = up.all_pids();
    send_signal(up.daemon.id(), Signal::INT);
    up.daemon.wait_log("ending", PATIENCE);
    send_signal(up.daemon.id(), Signal::INT);
    up.ends(&pids);
}

#[test]
fn the_demo_sources_items_without_a_network() {
    let up = Up::start(&["--demo", "--only", "rss_agg"]);
    let port = up.note()["market_port"].as_u64().unwrap() as u16;
    let mut bus = connect(port, None).unwrap();
    until("three items in the queue", PATIENCE, || {
        let items: i64 = redis::cmd("XLEN").arg("rss:queue").query(&mut bus).unwrap();
        match items {
            3.. => Ok(()),
            few => Err(format!("{few} items")),
        }
    });
}

#[test]
fn a_service_is_added_by_an_entry_in_truth_and_a_reseed() {
    let up = Up::start(&["--only", "healer"]);
    let truth = up.data.join("more.json");
    fs::write(&truth, truth_of(&["newcomer"], 1.0, 3.0).to_string()).unwrap();
    let (code, log) = up.command(&["bootstrap", "--file", &truth.display().to_string()]);
    assert_eq!(code, 0, "{log}");
    let port = up.note()["system_port"].as_u64().unwrap().to_string();
    let url = format!("redis://127.0.0.1:{port}");
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    until("the newcomer is up", PATIENCE, || {
        Daemon::run("marketswarm", &["beat", "newcomer"], &env, PATIENCE);
        match up.command(&["status"]) {
            (_, table) if table.contains("newcomer  up") => Ok(()),
            (_, table) => Err(table),
        }
    });
}

#[test]
fn a_service_that_dies_is_started_again_after_growing_pauses() {
    let up = Up::start(&["--only", "mesh"]);
    let mut pid = up.pid("mesh");
    for pause in ["0.5 s", "1 s", "2 s"] {
        let killed = Instant::now();
        send_signal(pid, Signal::KILL);
        let said = format!("mesh ended: killed, signal 9; starting it again in {pause}");
        up.daemon.wait_log(&said, PATIENCE);
        pid = up.new_pid("mesh", pid);
        let pause: f64 = pause.trim_end_matches(" s").parse().unwrap();
        assert!(killed.elapsed() >= secs(pause), "{:?}", killed.elapsed());
    }
}

#[test]
fn without_restarts_a_dead_service_stays_dead_and_only_some_are_started() {
    let up = Up::start(&["--no-restart", "--only", "mesh,massive"]);
    let services = |up: &Up| -> Vec<String> {
        let note = up.note();
        note["children"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(services(&up), ["massive", "mesh"]);
    send_signal(up.pid("mesh"), Signal::KILL);
    up.daemon
        .wait_log("mesh ended: killed, signal 9; it stays dead", PATIENCE);
    // Twice the pause after which it would be started again.
    std::thread::sleep(secs(1.0));
    assert_eq!(services(&up), ["massive"]);
}

#[test]
fn a_held_service_stays_down_until_it_is_released() {
    let up = Up::start(&["--only", "mesh"]);
    let pid = up.pid("mesh");
    up.daemon.wait_log("mesh: first beat heard", PATIENCE);
    assert_eq!(up.command(&["hold", "mesh"]).0, 0);
    up.daemon
        .wait_log("mesh ended: exit code 0; held down", PATIENCE);
    std::thread::sleep(secs(1.0));
    assert_eq!(up.note()["children"], serde_json::json!({}));
    let (code, said) = up.command(&["release", "mesh"]);
    assert_eq!((code, said.as_str()), (0, "mesh comes back"));
    up.new_pid("mesh", pid);
    let (code, said) = up.command(&["hold", "../mesh"]);
    assert_eq!(code, 2, "{said}");
}

#[test]
fn a_bus_that_dies_comes_back_with_its_data_and_the_swarm_lives_on() {
    let up = Up::start(&["--only", "mesh"]);
    let () = redis::cmd("SET")
        .arg("kept")
        .arg("yes")
        .query(&mut up.system_bus())
        .unwrap();
    let (pid, mesh) = (up.pid("system-redis"), up.pid("mesh"));
    send_signal(pid, Signal::KILL);
    up.daemon
        .wait_log("system-redis ended: killed, signal 9", PATIENCE);
    up.new_pid("system-redis", pid);
    let kept = until("the bus answers", PATIENCE, || {
        let port = up.note()["system_port"].as_u64().unwrap() as u16;
        let mut bus = connect(port, None).map_err(|e| e.to_string())?;
        let kept: redis::RedisResult<String> = redis::cmd("GET").arg("kept").query(&mut bus);
        kept.map_err(|e| e.to_string())
    });
    assert_eq!(kept, "yes");
    assert_eq!(up.pid("mesh"), mesh);
}

#[test]
fn data_and_truth_survive_from_one_run_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    for run in 1..=2 {
        let mut up = start_in(folder.path(), &["--only", "mesh"]);
        up.wait_log("the swarm runs", PATIENCE);
        let note = note_in(&folder.path().join("data")).unwrap();
        let mut bus = connect(note["system_port"].as_u64().unwrap() as u16, None).unwrap();
        let runs: i64 = redis::cmd("INCR").arg("runs").query(&mut bus).unwrap();
        assert_eq!(runs, run);
        drop(bus);
        up.stop();
    }
    let log = fs::read_to_string(folder.path().join("data/log/bootstrap.log")).unwrap();
    assert!(log.contains("is the same already"), "{log}");
}

#[test]
fn what_a_killed_up_leaves_behind_ends_and_the_next_one_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut first = start_in(folder.path(), &[]);
    first.wait_log("the swarm runs", PATIENCE);
    first.wait_log("sentinel: started", PATIENCE);
    let note = note_in(&data).unwrap();
    let pid = |field: &str, name: &str| note[field][name].as_u64().unwrap() as u32;
    let (mesh, redis) = (pid("children", "mesh"), pid("redis", "system-redis"));
    send_signal(mesh, Signal::STOP);
    send_signal(redis, Signal::STOP);
    first.kill();
    let mut second = start_in(folder.path(), &[]);
    second.wait_log("the swarm runs", PATIENCE);
    assert!(!is_alive(mesh) && !is_alive(redis));
    second.stop();
}

#[test]
fn two_runs_do_not_share_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start_in(folder.path(), &["--only", "mesh"]);
    first.wait_log("the swarm runs", PATIENCE);
    let mut second = start_in(folder.path(), &[]);
    assert_eq!(second.wait_exit(PATIENCE), 2);
    let said = format!("another marketswarm up (process {})", first.id());
    assert!(second.log().contains(&said), "{}", second.log());
    assert!(first.is_alive());
    first.stop();
}

#[test]
fn a_port_in_use_is_refused_when_it_was_asked_for_and_its_owner_is_left_alone() {
    let other = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    let port = other.port().to_string();
    let mut up = start_in(folder.path(), &["--system-port", &port]);
    assert_eq!(up.wait_exit(PATIENCE), 2);
    let said = format!("port {port} is taken by another program");
    assert!(up.log().contains(&said), "{}", up.log());
    assert_eq!(other.query::<i64>(&["DBSIZE"]), 0);
}

#[test]
fn when_bootstrap_fails_the_run_ends_with_its_exit_code_and_its_words() {
    let folder = tempfile::tempdir().unwrap();
    // Bootstrap alone reads it: everything that up checks by itself is well.
    let wrong = [("BOOTSTRAP_WAIT_SEC", "soon")];
    let mut up = start_with(folder.path(), &["--only", "mesh"], &wrong);
    assert_eq!(up.wait_exit(PATIENCE), 2);
    assert!(
        up.log().contains("bootstrap failed: exit code 2"),
        "{}",
        up.log()
    );
    assert!(up.log().contains("BOOTSTRAP_WAIT_SEC"), "{}", up.log());
}
