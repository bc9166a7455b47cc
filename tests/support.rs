//! Helpers that the integration tests share.
//!
//! Everything that is started here ends with the value that started it, by its own process id, also when a test panics.

pub mod alerts;
pub mod analysts;
pub mod beater;
pub mod certificates;
pub mod console;
pub mod containers;
pub mod crowd;
pub mod daemon;
pub mod fake_clock;
pub mod feed_server;
pub mod http_server;
pub mod mail_server;
pub mod market;
pub mod model_server;
pub mod newsroom;
pub mod notifier;
pub mod notify;
pub mod proxy;
pub mod receiver;
pub mod redis_server;
pub mod registry;
pub mod stage;
pub mod stopped_thread;
pub mod stream_vendor;
pub mod truth;
pub mod vendor;
pub mod wait;
pub mod watcher;

pub use alerts::Alerts;
pub use beater::Beater;
pub use daemon::{Daemon, python_with};
pub use fake_clock::FakeClock;
pub use notify::NotifySocket;
pub use proxy::Proxy;
pub use redis_server::RedisServer;
pub use stage::Stage;
pub use stopped_thread::StoppedThread;
pub use wait::{PATIENCE, cpu_time, secs, until};

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;

use rustix::process::{Pid, Signal, kill_process};

/// Says once that something is not tested here, and why: on the screen, past the test runner's capture.
pub fn say_skipped(why: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap().insert(why.to_owned()) {
        say(&format!("SKIPPED: {why}"));
    }
}

/// How often a proof by many repetitions is made: `sample` times, ten times as often in a full run.
pub fn repetitions(sample: u32) -> u32 {
    if is_full() { 10 * sample } else { sample }
}

/// Whether this is a full run: long proofs are played whole.
pub fn is_full() -> bool {
    std::env::var_os("MARKETSWARM_FULL").is_some()
}

/// A line on the screen, past the test runner's capture.
pub fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Sends `signal` to the process `id`, which the caller has not reaped yet.
pub fn send_signal(id: u32, signal: Signal) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, signal).unwrap_or_else(|e| panic!("signal {signal:?} to {id}: {e}"));
}
