//! Processes of ours, and what the kernel accounts to them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A running program. Ends with this value.
pub struct Program {
    child: Child,
    /// When it was started.
    pub started: Instant,
    lines: Arc<Mutex<Vec<(Instant, String)>>>,
    reader: Option<JoinHandle<()>>,
}

/// Memory of a process in MB (10^6 bytes).
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Resident.
    pub rss: f64,
    /// Resident, what is shared divided among those who share it.
    pub pss: f64,
    /// Most that ever was resident, since the start or since [`forget_peak`].
    pub peak: f64,
}

impl Program {
    /// Starts `command` with this environment and no other.
    pub fn start(command: &mut Command, env: &[(&str, &str)]) -> Program {
        let started = Instant::now();
        let mut child = command
            .env_clear()
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let errors = child.stderr.take().expect("it is piped");
        let kept = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let mut kept = kept.lock().expect("nobody panics with it");
                // The first lines tell how it started, the rest would only cost memory.
                if kept.len() < 1000 {
                    kept.push((Instant::now(), line));
                }
            }
        });
        Program {
            child,
            started,
            lines,
            reader: Some(reader),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// When it said `text`.
    pub fn said(&self, text: &str) -> Option<Instant> {
        let lines = self.lines.lock().expect("nobody panics with it");
        lines
            .iter()
            .find(|(_, line)| line.contains(text))
            .map(|(at, _)| *at)
    }

    /// CPU time used so far.
    pub fn cpu(&self) -> Duration {
        cpu(self.id())
    }

    pub fn memory(&self) -> Memory {
        memory(self.id())
    }

    /// Makes [`Memory::peak`] count from now.
    pub fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5").expect("our own child");
    }

    /// How often its threads waited and were woken.
    pub fn wakeups(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id())).expect("it runs");
        tasks
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok())
            .map(|status| field(&status, "voluntary_ctxt_switches:") as u64)
            .sum()
    }

    /// Panics when it has ended.
    pub fn must_live(&mut self) {
        if let Some(status) = self.child.try_wait().expect("our own child") {
            panic!("it ended: {status}\n{}", self.log());
        }
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        let lines = self.lines.lock().expect("nobody panics with it");
        lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        if let Some(pid) = i32::try_from(self.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let patience = Instant::now() + Duration::from_secs(5);
        while Instant::now() < patience && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// CPU time of a process, to the nanosecond: the sum of its threads. (None of ours ends one while it is measured.)
pub fn cpu(pid: u32) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Duration::ZERO;
    };
    let nanos: u64 = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    Duration::from_nanos(nanos)
}

fn memory(pid: u32) -> Memory {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let status = read("status");
    let megabytes = |kib: f64| kib * 1024.0 / 1e6;
    Memory {
        rss: megabytes(field(&status, "VmRSS:")),
        pss: megabytes(field(&read("smaps_rollup"), "Pss:")),
        peak: megabytes(field(&status, "VmHWM:")),
    }
}

/// The number after `name` at the beginning of a line.
fn field(text: &str, name: &str) -> f64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let number = value.and_then(|v| v.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0.0)
}
