//! One of the built programs, running.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{PATIENCE, send_signal};

/// In every secret that a test gives to a process is one of these. No process may ever write it.
const SECRETS: [&str; 3] = ["hunter2", "s3cret", "t0p-secret"];

/// A process of ours. Its output is kept, and shown when the test fails.
pub struct Daemon {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Output {
    lines: Mutex<Vec<String>>,
    news: Condvar,
}

impl Daemon {
    /// Starts `name` with this environment and no other variable.
    pub fn start(name: &str, env: &[(&str, &str)]) -> Daemon {
        Daemon::start_with(name, &[], env)
    }

    /// Starts `name` with arguments.
    pub fn start_with(name: &str, args: &[&str], env: &[(&str, &str)]) -> Daemon {
        let mut command = Command::new(program(name));
        command
            .args(args)
            .env_clear()
            .envs(env.iter().copied())
            .stdin(Stdio::null());
        Daemon::spawn(name, command)
    }

    /// Starts a command of the caller's making.
    pub fn spawn(name: &str, mut command: Command) -> Daemon {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let output = Arc::new(Output::default());
        let readers = vec![
            follow(child.stdout.take().unwrap(), Arc::clone(&output)),
            follow(child.stderr.take().unwrap(), Arc::clone(&output)),
        ];
        Daemon {
            name: name.to_owned(),
            child,
            status: None,
            output,
            readers,
        }
    }

    /// Runs `name` to its end and gives its exit code and output. `within` is for a program that hangs.
    #[track_caller]
    pub fn run(name: &str, args: &[&str], env: &[(&str, &str)], within: Duration) -> (i32, String) {
        let mut daemon = Daemon::start_with(name, args, env);
        let code = daemon.wait_exit(within);
        (code, daemon.log())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_alive(&mut self) -> bool {
        self.reap().is_none()
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        if self.reap().is_none() {
            let _ = self.child.kill();
            self.status = Some(self.child.wait().unwrap());
        }
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        send_signal(self.id(), Signal::TERM);
    }

    /// SIGSTOP.
    pub fn pause(&self) {
        send_signal(self.id(), Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        send_signal(self.id(), Signal::CONT);
    }

    /// SIGTERM, then waits for a clean end.
    #[track_caller]
    pub fn stop(&mut self) {
        self.terminate();
        let code = self.wait_exit(PATIENCE);
        assert_eq!(code, 0, "{} did not stop cleanly", self.name);
    }

    /// Waits for its end and gives the exit code; a signal that ended it fails the test.
    #[track_caller]
    pub fn wait_exit(&mut self, within: Duration) -> i32 {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.reap() {
                for reader in self.readers.drain(..) {
                    reader.join().unwrap();
                }
                return status
                    .code()
                    .unwrap_or_else(|| panic!("{} was ended by {status}", self.name));
            }
            assert!(
                Instant::now() < end,
                "{} did not exit within {within:?}",
                self.name
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything it wrote so far.
    pub fn log(&self) -> String {
        self.output.lines.lock().unwrap().join("\n")
    }

    /// Lines so far that contain `text`.
    pub fn log_count(&self, text: &str) -> usize {
        let lines = self.output.lines.lock().unwrap();
        lines.iter().filter(|l| l.contains(text)).count()
    }

    /// Waits for a line that contains `text`, and gives it.
    #[track_caller]
    pub fn wait_log(&self, text: &str, within: Duration) -> String {
        let end = Instant::now() + within;
        let mut lines = self.output.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|l| l.contains(text)) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Not while the lock is held: showing the log on the way out needs it.
                drop(lines);
                panic!("{} never said `{text}` within {within:?}", self.name);
            }
            lines = self.output.news.wait_timeout(lines, left).unwrap().0;
        }
    }

    fn reap(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().unwrap();
        }
        self.status
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        let leak = SECRETS.iter().find(|secret| self.log_count(secret) > 0);
        if std::thread::panicking() {
            eprintln!(
                "--- {} ({}) ---\n{}",
                self.name,
                self.child.id(),
                self.log()
            );
        } else if leak.is_some() {
            panic!("{} tells a secret:\n{}", self.name, self.log());
        }
    }
}

fn follow(stream: impl Read + Send + 'static, output: Arc<Output>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).into_owned();
            output.lines.lock().unwrap().push(line);
            output.news.notify_all();
        }
    })
}

/// A Python that has this package, if there is one.
pub fn python_with(package: &str) -> Option<&'static str> {
    ["/usr/bin/python3", "python3"].into_iter().find(|python| {
        let mut probe = Command::new(python);
        probe.args(["-c", &format!("import {package}")]);
        probe.stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|s| s.success())
    })
}

/// The example called `name`, built now, beside the programs that are tested.
pub fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    // …/target/<profile>/deps/swarm-…
    let built = tests.parent().and_then(Path::parent).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--offline",
        "--example",
        name,
    ]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.arg("--target-dir").arg(built.parent().unwrap());
    match built.file_name().and_then(|profile| profile.to_str()) {
        Some("debug") | None => {}
        Some(profile) => drop(cargo.args(["--profile", profile])),
    }
    let status = cargo.status().unwrap_or_else(|e| panic!("{cargo:?}: {e}"));
    assert!(status.success(), "{cargo:?}: {status}");
    built.join("examples").join(name)
}

/// The built program called `name`.
pub fn program(name: &str) -> &'static Path {
    Path::new(match name {
        "bootstrap" => env!("CARGO_BIN_EXE_bootstrap"),
        "healer" => env!("CARGO_BIN_EXE_healer"),
        "sentinel" => env!("CARGO_BIN_EXE_sentinel"),
        "rss_agg" => env!("CARGO_BIN_EXE_rss_agg"),
        "massive" => env!("CARGO_BIN_EXE_massive"),
        "mesh" => env!("CARGO_BIN_EXE_mesh"),
        "vexy_ai" => env!("CARGO_BIN_EXE_vexy_ai"),
        "console" => env!("CARGO_BIN_EXE_console"),
        "marketswarm" => env!("CARGO_BIN_EXE_marketswarm"),
        other => panic!("no program is called {other}"),
    })
}
