//! One thread of a process that stands still while the others go on.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::{Daemon, python_with, say_skipped};

/// A thread that does not move for as long as this value lives. Its process knows nothing of it.
pub struct StoppedThread {
    name: String,
    /// Holds it by ptrace, which safe Rust cannot.
    holder: Child,
}

impl StoppedThread {
    /// Stops the thread that waits for a server on this port; `None`, said aloud, where nobody may do that.
    pub fn waiting_for(daemon: &Daemon, port: u16) -> Option<StoppedThread> {
        let Some(python) = python_with("ctypes") else {
            say_skipped("there is no Python with ctypes here; a thread that hangs is not tested");
            return None;
        };
        let mut holder = Command::new(python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/support/stop_thread.py"
            ))
            .args([daemon.id().to_string(), port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut answer = BufReader::new(holder.stdout.take().unwrap());
        answer.read_line(&mut said).unwrap();
        let name = said.trim_end().strip_prefix("stopped ").map(str::to_owned);
        // Dropped, and so waited for, whatever it said.
        let stopped = StoppedThread {
            name: name.unwrap_or_default(),
            holder,
        };
        if let Some(why) = said.strip_prefix("refused ") {
            say_skipped(&format!(
                "a thread that hangs is not tested: ptrace is {}",
                why.trim_end()
            ));
            return None;
        }
        assert!(!stopped.name.is_empty(), "the thread is not stopped");
        Some(stopped)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for StoppedThread {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
