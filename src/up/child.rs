//! The first steps of a child: it asks the kernel to be ended with its parent, then becomes the program it is meant to be.
//!
//! A request of that kind only a process itself can make, between fork and exec. Doing it in a short life of our own
//! program needs no unsafe code, and the process id stays the same.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::service::{Error, complain};

/// The command, meant for `up` and `beat` alone.
pub const COMMAND: &str = "child-of";

/// What a child gets when its parent dies.
#[derive(Clone, Copy)]
pub enum OnOrphaned {
    /// SIGTERM: a redis-server shall save its data.
    End,
    /// SIGKILL: nothing stops it, not even being stopped.
    Kill,
}

/// The command line that runs `program` as a child of this process.
pub fn command(program: &Path, on_orphaned: OnOrphaned) -> Command {
    // As the kernel knows it: also when the file was replaced by a newer build meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg(COMMAND)
        .arg(std::process::id().to_string())
        .arg(match on_orphaned {
            OnOrphaned::End => "end",
            OnOrphaned::Kill => "kill",
        })
        .arg(program);
    command
}

/// `child-of PARENT end|kill PROGRAM [ARGUMENTS]`
pub fn run(mut args: lexopt::Parser) -> Result<ExitCode, Error> {
    let mut words = args.raw_args().map_err(|e| Error::Config(e.to_string()))?;
    let (Some(parent), Some(how), Some(program)) = (words.next(), words.next(), words.next())
    else {
        return Err(Error::Config(
            "child-of is for `up` and `beat` alone".into(),
        ));
    };
    let signal = if how == "end" {
        Signal::TERM
    } else {
        Signal::KILL
    };
    set_parent_process_death_signal(Some(signal)).map_err(std::io::Error::from)?;
    // It may have died before we asked.
    let alive = getppid().map(Pid::as_raw_pid).map(|pid| pid.to_string());
    if alive.as_deref() != parent.to_str() {
        return Err(Error::Other("the parent is gone".into()));
    }
    let error = Command::new(&program).args(words).exec();
    complain(&format!(
        "marketswarm: cannot run {}: {error}\n",
        Path::new(&program).display()
    ));
    // As a shell would.
    Ok(ExitCode::from(match error.kind() {
        ErrorKind::NotFound => 127,
        _ => 126,
    }))
}
