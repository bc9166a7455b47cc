//! The signals that are meant for a run.

use crossbeam_channel::Sender;
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

use super::event::Event;
use crate::service::{Error, not_ignored, signals_to};

/// The signals that mean something to us, as events.
pub(super) fn watch_signals(sender: Sender<Event>, has_screen: bool) -> Result<(), Error> {
    let mut wanted = vec![SIGINT, SIGTERM, SIGCHLD];
    wanted.extend(not_ignored(&[SIGHUP]));
    if has_screen {
        wanted.extend([SIGTSTP, SIGCONT, SIGWINCH]);
    }
    signals_to(sender, &wanted, |received| Event::Signal(received.signal))
}
