//! A private redis-server, a truth of any size, and a healer at work on it.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::process::Program;
use super::wire::{Wire, encode};

/// A redis-server on loopback that keeps nothing.
pub struct Server {
    pub port: u16,
    pub program: Program,
    _folder: tempfile::TempDir,
}

impl Server {
    pub fn start() -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Another process may take the port between the look and the start.
        for _ in 0..5 {
            let port = 10_000 + fastrand::u16(..20_000);
            if TcpListener::bind(("127.0.0.1", port)).is_err() {
                continue;
            }
            let mut command = Command::new("/usr/bin/env");
            command
                .args([
                    "redis-server",
                    "--bind",
                    "127.0.0.1",
                    "--port",
                    &port.to_string(),
                ])
                .args(["--save", "", "--appendonly", "no", "--dir"])
                .arg(folder.path());
            let path = std::env::var("PATH").unwrap_or_default();
            let program = Program::start(&mut command, &[("PATH", &path)]);
            for _ in 0..500 {
                if let Ok(mut wire) = Wire::connect(port) {
                    let info = wire.run(&["INFO", "server"]).text();
                    if info.contains(&format!("process_id:{}\r", program.id())) {
                        return Server {
                            port,
                            program,
                            _folder: folder,
                        };
                    }
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        panic!("redis-server does not start; is it installed?");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A new connection.
    pub fn wire(&self) -> Wire {
        Wire::connect(self.port).expect("redis-server takes connections")
    }

    /// Forgets everything but the truth.
    pub fn forget(&self) {
        let mut wire = self.wire();
        let truth = wire.run(&["EXISTS", "truth:doc"]).int() == 1;
        if truth {
            wire.run(&["RENAME", "truth:doc", "truth:kept"]);
            wire.run(&["MOVE", "truth:kept", "1"]);
        }
        wire.run(&["FLUSHDB"]);
        if truth {
            wire.run(&["SELECT", "1"]);
            wire.run(&["MOVE", "truth:kept", "0"]);
            wire.run(&["SELECT", "0"]);
            wire.run(&["RENAME", "truth:kept", "truth:doc"]);
        }
    }
}

/// A group of services that beat alike: `prefix` with the numbers below `count`.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub prefix: &'static str,
    pub count: usize,
    pub interval_sec: f64,
    pub timeout_sec: f64,
}

impl Group {
    pub fn name(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
    }

    pub fn names(&self) -> Vec<String> {
        (0..self.count).map(|n| self.name(n)).collect()
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_sec)
    }
}

/// The truth that names these groups.
pub fn truth(groups: &[Group]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut write = |text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("a vector takes it");
    write(format_args!(r#"{{"version":"1.0","services":{{"#));
    for group in groups {
        for n in 0..group.count {
            let Group {
                prefix,
                interval_sec,
                timeout_sec,
                ..
            } = group;
            write(format_args!(
                r#""{prefix}{n}":{{"heartbeat":{{"channel":"{prefix}{n}:heartbeat","interval_sec":{interval_sec},"timeout_sec":{timeout_sec}}}}},"#
            ));
        }
    }
    write(format_args!(
        r#""healer":{{"heartbeat":{{"interval_sec":10}}}}}}}}"#
    ));
    out
}

/// Puts a truth in force.
pub fn seed(server: &Server, document: &[u8]) {
    let mut packet = Vec::with_capacity(document.len() + 64);
    encode(&mut packet, &[b"SET", b"truth:doc", document]);
    let mut wire = server.wire();
    wire.send(&packet);
    wire.reply();
}

/// A healer, and how it started.
pub struct Healer {
    pub program: Program,
    /// From exec to the last subscription.
    pub start: Duration,
    /// From the truth's being in force to the last subscription.
    pub subscribe: Duration,
}

impl Healer {
    /// Starts it and waits until it has subscribed to all `services`.
    pub fn start(programs: &Path, server: &Server, services: usize) -> Healer {
        Healer::start_at(programs, server, &server.url(), services)
    }

    /// As [`start`](Healer::start), with another way to the server.
    pub fn start_at(programs: &Path, server: &Server, url: &str, services: usize) -> Healer {
        let env = [
            ("SYSTEM_REDIS_URL", url),
            ("MARKET_REDIS_URL", url),
            ("LOG_LEVEL", "info"),
        ];
        let mut program = Program::start(&mut Command::new(programs.join("healer")), &env);
        let mut wire = server.wire();
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            if subscriptions(&mut wire).is_some_and(|(_, count)| count >= services) {
                break;
            }
            program.must_live();
            assert!(
                Instant::now() < end,
                "never subscribed to {services}:\n{}",
                program.log()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        let ready = Instant::now();
        let mut healer = Healer {
            start: ready - program.started,
            subscribe: Duration::ZERO,
            program,
        };
        // Its pipe may be a little behind.
        healer.wait_said(" from truth:doc");
        let in_force = healer.program.said(" from truth:doc").unwrap_or(ready);
        healer.subscribe = ready.saturating_duration_since(in_force);
        healer.wait_said("holds the lease");
        healer
    }

    fn wait_said(&self, text: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.program.said(text).is_none() {
            assert!(
                Instant::now() < end,
                "it never said `{text}`:\n{}",
                self.program.log()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The connection that the healer hears by, and how many channels it has.
pub fn subscriptions(wire: &mut Wire) -> Option<(i64, usize)> {
    let list = wire.run(&["CLIENT", "LIST", "TYPE", "pubsub"]).text();
    let line = list
        .lines()
        .find(|line| line.contains(" name=healer:sub "))?;
    let field = |name: &str| line.split(' ').find_map(|f| f.strip_prefix(name));
    Some((field("id=")?.parse().ok()?, field("sub=")?.parse().ok()?))
}

/// Whether Redis holds output for a subscriber.
pub fn holds_output(wire: &mut Wire) -> bool {
    let list = wire.run(&["CLIENT", "LIST", "TYPE", "pubsub"]).text();
    list.lines().any(|line| !line.contains(" omem=0 "))
}
