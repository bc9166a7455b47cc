//! Names that do not resolve, and what is left of each attempt.

use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::daemon::program;
use crate::support::truth::{seed, truth_of};
use crate::support::{Alerts, Daemon, PATIENCE, RedisServer};

/// Buses behind names that nobody answers for.
const BUSES: usize = 24;
/// Beats of the healer, one a second, for which its threads are counted.
const BEATS: usize = 15;
/// Names that may be looked up at once.
const LOOK_UPS: usize = 16;

/// A name server that never answers, and a program that asks it.
struct SilentNames {
    _server: UdpSocket,
    folder: tempfile::TempDir,
}

impl SilentNames {
    /// `None`, and said so, where this may not be tried.
    fn open() -> Option<SilentNames> {
        let may = Command::new("unshare")
            .args(["-m", "true"])
            .stderr(Stdio::null())
            .status();
        let server = UdpSocket::bind(("127.0.0.77", 53));
        let (Ok(server), true) = (server, may.is_ok_and(|s| s.success())) else {
            println!("SKIPPED: neither a name server nor a mount namespace of our own can be had");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let text = "nameserver 127.0.0.77\noptions timeout:30 attempts:5\n";
        std::fs::write(folder.path().join("resolv.conf"), text).unwrap();
        Some(SilentNames {
            _server: server,
            folder,
        })
    }

    fn start(&self, name: &str, env: &[(&str, &str)]) -> Daemon {
        let mut command = Command::new("unshare");
        let file = self.folder.path().join("resolv.conf");
        command
            .args([
                "-m",
                "sh",
                "-c",
                "mount --bind \"$0\" /etc/resolv.conf && exec \"$1\"",
            ])
            .arg(file)
            .arg(program(name))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(env.iter().copied())
            .stdin(Stdio::null());
        Daemon::spawn(name, command)
    }
}

/// The threads of a process that look up names.
fn look_ups(pid: u32) -> usize {
    let tasks = Path::new("/proc").join(pid.to_string()).join("task");
    let names = std::fs::read_dir(tasks)
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "resolve").count()
}

#[test]
fn names_that_hang_keep_a_bounded_number_of_threads_and_nobody_else_waiting() {
    let Some(names) = SilentNames::open() else {
        return;
    };
    let redis = RedisServer::start();
    let mut truth = truth_of(&["mesh"], 1.0, 4.0);
    for n in 0..BUSES {
        truth["buses"][format!("b{n}")] = json!({"url": format!("redis://h{n}.example:6379")});
        truth["services"][format!("s{n}")] = json!({"heartbeat": {
            "channel": format!("s{n}:heartbeat"),
            "interval_sec": 1.0,
            "redis_url": format!("redis://b{n}:6379"),
        }});
    }
    seed(&redis, &truth);
    let url = redis.url();
    let env = [("SYSTEM_REDIS_URL", url.as_str())];
    let alerts = Alerts::on(&redis);
    let beats = Alerts::on_channel(&redis, "healer:heartbeat");
    let mut mesh = Daemon::start("mesh", &env);
    let mut healer = names.start("healer", &env);
    redis.wait_subscribed("mesh:heartbeat", 1);
    let mut most = 0;
    for _ in 0..BEATS {
        beats.wait_for("a beat of the healer", PATIENCE, |_| true);
        most = most.max(look_ups(healer.id()));
    }
    assert!((1..=LOOK_UPS).contains(&most), "{most} look-ups at once");
    // The bus that answers is judged all the same.
    mesh.kill();
    alerts.wait("heartbeat_miss", "mesh", PATIENCE);
    healer.stop();
}
