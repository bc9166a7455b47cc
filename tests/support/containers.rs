//! What the container tests share: when they run, how they call docker, and the ear on the alert channel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use redis::streams::StreamReadReply;
use serde_json::Value;

use super::say_skipped;

/// The container tests need an engine and the images of `scripts/images.sh`, so they run when asked to.
pub const SWITCH: &str = "MARKETSWARM_CONTAINER_TESTS";

pub const DAEMONS: [&str; 7] = [
    "rss_agg", "massive", "mesh", "vexy_ai", "healer", "sentinel", "console",
];

/// Whether to run; when not, says so once for each kind of test.
pub fn wanted(kind: &'static str) -> bool {
    let wanted = std::env::var_os(SWITCH).is_some();
    if !wanted {
        say_skipped(&format!(
            "the {kind} tests ({SWITCH} is not set; scripts/test.sh sets it)"
        ));
    }
    wanted
}

/// The repository.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command to its end and gives what it printed; its failure is the test's.
pub fn run(command: &mut Command) -> String {
    let (done, output) = try_run(command);
    assert!(done, "{command:?} failed:\n{output}");
    output
}

/// Runs a command to its end: whether it exited 0, and what it printed on both outputs.
pub fn try_run(command: &mut Command) -> (bool, String) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// `docker ARGS`.
pub fn docker(args: &[&str]) -> String {
    run(Command::new("docker").args(args))
}

/// A name that no other run uses.
pub fn unique(prefix: &str) -> String {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    format!("{prefix}-{}-{}", std::process::id(), nanos % 1_000_000_000)
}

/// Writes the project's truth with beats every second and limits of 3 s, and nothing to fetch from the world.
pub fn quick_truth(folder: &Path) -> PathBuf {
    let text = fs::read_to_string(top().join("truth.json")).unwrap();
    let mut truth: Value = serde_json::from_str(&text).unwrap();
    for (name, service) in truth["services"].as_object_mut().unwrap() {
        if let Some(heartbeat) = service.get_mut("heartbeat") {
            heartbeat["interval_sec"] = 1.into();
            heartbeat["timeout_sec"] = 3.into();
        }
        if name == "healer" {
            service["threshold"]["heartbeat_cadence"] = 3.into();
        }
        if name == "rss_agg" {
            service.as_object_mut().unwrap().remove("feeds");
        }
    }
    let path = folder.join("truth.json");
    fs::write(&path, truth.to_string()).unwrap();
    path
}

/// [`until`](super::wait::until) for looks that each start a process or two: fewer of them.
pub fn eventually<T>(
    what: &str,
    within: Duration,
    mut probe: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        match probe() {
            Ok(found) => return found,
            Err(reason) if Instant::now() > deadline => {
                panic!("{what}: not within {within:?}: {reason}")
            }
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// The alert log of a bus on loopback, read from the moment it was opened. It survives a Redis that is recreated.
pub struct Alerts {
    port: u16,
    last: String,
}

impl Alerts {
    pub fn from_now_on(port: u16) -> Alerts {
        let mut alerts = Alerts {
            port,
            last: "0".into(),
        };
        // What was told before is passed over only by a look that succeeds.
        eventually("the alert log", Duration::from_secs(30), || {
            alerts.try_read().map_err(|error| error.to_string())
        });
        alerts
    }

    /// Everything told since the last look; nothing while the bus is away.
    pub fn read(&mut self) -> Vec<Value> {
        self.try_read().unwrap_or_default()
    }

    fn try_read(&mut self) -> redis::RedisResult<Vec<Value>> {
        let reply: StreamReadReply = redis::cmd("XREAD")
            .arg("STREAMS")
            .arg("healer:alerts:log")
            .arg(&self.last)
            .query(&mut command_connection(self.port)?)?;
        let entries = reply.keys.into_iter().flat_map(|stream| stream.ids);
        let alerts = entries
            .map(|entry| {
                self.last = entry.id.clone();
                let text: String = entry
                    .get("alert")
                    .expect("an entry of the log has an alert");
                serde_json::from_str(&text).unwrap()
            })
            .collect();
        Ok(alerts)
    }

    /// Waits for an alert of this type about this service. Others that come meanwhile are passed over.
    pub fn wait_for(&mut self, kind: &str, svc: &str, within: Duration) -> Value {
        let mut passed_over = Vec::new();
        eventually(&format!("{kind} about {svc}"), within, || {
            for alert in self.read() {
                if alert["type"] == kind && alert["svc"] == svc {
                    return Ok(alert);
                }
                passed_over.push(alert);
            }
            Err(format!("heard only {passed_over:?}"))
        })
    }
}

/// A connection to the bus on this port of loopback, with every wait bounded.
pub fn command_connection(port: u16) -> redis::RedisResult<redis::Connection> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
    let connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(connection)
}
