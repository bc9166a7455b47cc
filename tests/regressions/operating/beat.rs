//! `beat NAME -- CMD` gave its program other signals than a shell would, and another exit code.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{SigSet, SigmaskHow, Signal as Blocked};
use rustix::process::Signal;

use crate::support::daemon::program;
use crate::support::{PATIENCE, RedisServer, say_skipped, send_signal, until};

/// What `sh -c line` prints, where `$BEAT` is the command and the bus is `redis`.
fn printed_by(line: &str, redis: &RedisServer) -> String {
    let out = Command::new("sh")
        .args(["-c", line])
        .env("BEAT", program("marketswarm"))
        .env("SYSTEM_REDIS_URL", redis.url())
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap()
}

/// The signals of a line of /proc/PID/status, a bit each.
#[track_caller]
fn mask(text: &str, field: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let mask = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or_else(|| panic!("{text:?}"))
}

fn bit(signal: Signal) -> u64 {
    1 << (signal.as_raw() - 1)
}

#[test]
fn a_signal_that_is_ignored_under_nohup_or_in_the_background_stays_ignored() {
    let redis = RedisServer::start();
    let own = "grep SigIgn /proc/self/status";
    let under_beat = format!("exec \"$BEAT\" beat job -- {own}");
    let trap = "trap '' HUP INT QUIT;";
    let all = bit(Signal::HUP) | bit(Signal::INT) | bit(Signal::QUIT);
    let ignored_by = |line: &str| mask(&printed_by(line, &redis), "SigIgn:") & all;
    assert_eq!(ignored_by(&format!("{trap} {under_beat}")), all);
    // Without a trap as it is without beat: who runs these tests may ignore some.
    assert_eq!(ignored_by(&under_beat), ignored_by(own));
}

/// Starts `beat job -- COMMAND` with signals blocked.
fn blocking(redis: &RedisServer, command: &[&str]) -> Child {
    let blocked: SigSet = [Blocked::SIGUSR1, Blocked::SIGCHLD].into_iter().collect();
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap();
    let started = Command::new(program("marketswarm"))
        .args(["beat", "job", "--"])
        .args(command)
        .env("SYSTEM_REDIS_URL", redis.url())
        .stdout(Stdio::piped())
        .spawn();
    before.thread_set_mask().unwrap();
    started.unwrap()
}

#[test]
fn a_signal_that_is_blocked_stays_so_for_the_program_and_is_heard_by_beat() {
    let redis = RedisServer::start();
    let own = (bit(Signal::USR1), bit(Signal::CHILD));
    // No shell between: it would let them through.
    let out = blocking(&redis, &["grep", "SigBlk", "/proc/self/status"]);
    let out = out.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0));
    let of_program = mask(&String::from_utf8(out.stdout).unwrap(), "SigBlk:");
    assert_eq!(of_program & (own.0 | own.1), own.0);

    let mut beat = blocking(&redis, &["sleep", "600"]);
    until("beat hears them", PATIENCE, || {
        let text = fs::read_to_string(format!("/proc/{}/status", beat.id())).unwrap();
        match mask(&text, "SigBlk:") & (own.0 | own.1) {
            0 => Ok(()),
            _ => Err(text),
        }
    });
    send_signal(beat.id(), Signal::TERM);
    assert_eq!(beat.wait().unwrap().code(), Some(128 + 15));
}

#[test]
fn the_exit_code_is_passed_on_where_the_end_of_children_is_ignored() {
    let redis = RedisServer::start();
    let line = "trap '' CHLD; \"$BEAT\" beat job -- sh -c 'exit 7'; echo code $?";
    assert_eq!(printed_by(line, &redis), "code 7\n");
}

#[test]
fn what_is_no_program_is_126() {
    let redis = RedisServer::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(file.path(), mode).unwrap();
    let status = Command::new(program("marketswarm"))
        .args(["beat", "job", "--"])
        .arg(file.path())
        .env("SYSTEM_REDIS_URL", redis.url())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(126));
}

/// A program under `beat` on a terminal of its own, which notes what it gets.
struct OnTerminal {
    terminal: Child,
    notes: PathBuf,
    _folder: tempfile::TempDir,
}

impl OnTerminal {
    /// `stdin` is what comes before the command in the shell's line: a pipe, say.
    fn start(stdin: &str, redis: &RedisServer) -> OnTerminal {
        let folder = tempfile::tempdir().unwrap();
        let (notes, script) = (folder.path().join("notes"), folder.path().join("script"));
        let text = format!(
            "trap 'echo int >> {0}' INT\ntrap 'echo usr1 >> {0}' USR1\ntrap 'exit 0' TERM\n\
             echo beat $PPID >> {0}\nwhile :; do sleep 0.02; done\n",
            notes.display()
        );
        fs::write(&script, text).unwrap();
        let line = format!(
            "trap : INT; {stdin} \"$BEAT\" beat job -- sh {}",
            script.display()
        );
        let terminal = Command::new("script")
            .args(["-q", "-e", "-f", "-c", &line, "/dev/null"])
            .env("BEAT", program("marketswarm"))
            .env("SYSTEM_REDIS_URL", redis.url())
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        OnTerminal {
            terminal,
            notes,
            _folder: folder,
        }
    }

    /// Waits until these notes and no others were made.
    #[track_caller]
    fn wait_for(&self, notes: &[&str]) -> u32 {
        until("the notes of the program", PATIENCE, || {
            let text = fs::read_to_string(&self.notes).unwrap_or_default();
            let mut lines = text.lines();
            let beat = lines.next().and_then(|line| line.strip_prefix("beat "));
            match (beat.map(str::parse), lines.collect::<Vec<_>>()) {
                (Some(Ok(beat)), seen) if seen == notes => Ok(beat),
                (_, seen) => Err(format!("{seen:?}")),
            }
        })
    }

    fn press_ctrl_c(&mut self) {
        let mut keys = self.terminal.stdin.as_ref().unwrap();
        keys.write_all(b"\x03").unwrap();
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.terminal.kill();
        let _ = self.terminal.wait();
    }
}

#[test]
fn a_ctrl_c_is_one_signal_whatever_the_program_reads_and_a_signal_to_beat_is_passed_on() {
    let redis = RedisServer::start();
    for stdin in ["", "sleep 600 |", "< /dev/null"] {
        let mut job = OnTerminal::start(stdin, &redis);
        let beat = job.wait_for(&[]);
        job.press_ctrl_c();
        job.wait_for(&["int"]);
        // What beat passes on comes in order: a second one would be noted before this.
        send_signal(beat, Signal::USR1);
        job.wait_for(&["int", "usr1"]);
        // As long as the same wish counts as one, it is not passed on.
        until("the signal to beat alone", PATIENCE, || {
            send_signal(beat, Signal::INT);
            let text = fs::read_to_string(&job.notes).unwrap();
            match text.matches("int\n").count() {
                1 => Err(text),
                _ => Ok(()),
            }
        });
        send_signal(beat, Signal::TERM);
    }
}

#[test]
fn as_the_first_process_of_a_container_it_reaps_what_others_left_behind() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    // The shell between ends at once, so that the one that waits is nobody's child.
    let waits = format!("until [ -e {} ]; do sleep 0.02; done", go.display());
    let script = format!("sh -c '({waits}) &'; exec sleep 600");
    let mut namespace = Command::new("unshare");
    namespace.args([
        "--user",
        "--map-root-user",
        "--fork",
        "--pid",
        "--kill-child",
    ]);
    if !namespace
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        say_skipped("beat as process 1 (no process namespace can be made here)");
        return;
    }
    let mut outside = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--fork",
            "--pid",
            "--kill-child",
        ])
        .arg(program("marketswarm"))
        .args(["beat", "job", "--", "sh", "-c", &script])
        .env("SYSTEM_REDIS_URL", redis.url())
        .spawn()
        .unwrap();
    let children = |pid: u32| -> Vec<u32> {
        let file = format!("/proc/{pid}/task/{pid}/children");
        let text = fs::read_to_string(file).unwrap_or_default();
        text.split_whitespace().flat_map(str::parse).collect()
    };
    let count = |wanted: usize| {
        until("the children of beat", PATIENCE, || {
            let beat = children(outside.id());
            let all = beat.first().map_or(Vec::new(), |beat| children(*beat));
            match all.len() == wanted {
                true => Ok(()),
                false => Err(format!("{beat:?}: {all:?}")),
            }
        });
    };
    count(2);
    fs::write(&go, "").unwrap();
    count(1);
    let beat = children(outside.id())[0];
    send_signal(beat, Signal::TERM);
    assert_eq!(outside.wait().unwrap().code(), Some(128 + 15));
}
