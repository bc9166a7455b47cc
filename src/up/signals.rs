//! The signals that are meant for a run.

use std::fs;

use crossbeam_channel::Sender;
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

use super::event::Event;
use crate::service::{Error, signals_to};

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
