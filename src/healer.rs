//! The healer: hears every heartbeat and says when one of them has stopped.
//!
//! What is dead is decided in [`crate::watch`]. The edges serve it: `watch` hears one bus, `run` is the loop, `scribe`
//! writes what was decided.

mod bus_health;
mod calls;
mod desk;
mod early;
mod held;
mod memory;
mod pacing;
mod run;
mod scribe;
mod succession;
mod watch;

pub use run::run;

use crate::service::Notice;

/// Everything that happens to the healer.
#[derive(Debug)]
pub enum Event {
    /// What every daemon is told.
    Notice(Notice),
    /// What a watched bus wants of the loop.
    /// Calls may wait, or a bus wants an earlier look than was planned.
    Look,
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Event {
        Event::Notice(notice)
    }
}
