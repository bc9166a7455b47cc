//! What keeps a run to itself: the lock on its data folder, and the signals that are meant for it.

use std::fs::{self, File};

use crossbeam_channel::Sender;
use rustix::fs::{FlockOperation, flock};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

use super::Event;
use crate::service::Error;
use crate::service::signals_to;
use crate::swarm_state::locator::RunFolder;

/// Two of us must not share a data folder; the kernel lets go of the lock when we die, however that is.
pub(super) fn lock(run: &RunFolder) -> Result<File, Error> {
    let file = File::create(run.path().join("up.lock"))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        let pid = run.read().map_or(String::new(), |n| format!(" (process {})", n.pid));
        Error::Config(format!(
            "another marketswarm up{pid} runs with the data folder {}: end it, or give another with --data",
            run.data().display()
        ))
    })?;
    Ok(file)
}

/// The signals that mean something to us, as events.
pub(super) fn watch_signals(sender: Sender<Event>, has_screen: bool) -> Result<(), Error> {
    let mut wanted = vec![SIGINT, SIGTERM, SIGCHLD];
    if !hangup_is_ignored() {
        wanted.push(SIGHUP);
    }
    if has_screen {
        wanted.extend([SIGTSTP, SIGCONT, SIGWINCH]);
    }
    signals_to(sender, &wanted, Event::Signal)
}

/// Under nohup a hang-up means nothing, and that must stay so.
fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
