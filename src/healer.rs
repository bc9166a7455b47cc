//! The healer: hears every heartbeat and says when one of them has stopped.
//!
//! What is dead is decided in [`crate::watch`]. The way of a beat, and of a silence:
//!
//! 1. `bus_monitor`: the subscriber thread of a bus reads frames and hands each beat to the detector of that bus.
//! 2. `run`: the loop lets time pass on every bus, and sends the echoes that a silence is judged by.
//! 3. `monitors`: what the detectors decided is collected here when the writer asks for it.
//! 4. `alert_writer`: carries out what [`crate::watch::writer`] wants: under the lease, alert, log and health in one script;
//!    [`crate::notify`] reads the log.
//!
//! The edges around them: `run::follow` (a new truth), `held` (alerts that wait for their reason), `cold_start` and `state_dir` (before there is a truth, and over a restart), `calls` (what threads want of the loop), `counting` (what it counts of itself).
#![warn(missing_docs, clippy::missing_errors_doc)]

mod alert_writer;
mod bus_monitor;
mod calls;
mod cold_start;
mod counting;
mod held;
mod monitors;
mod run;
mod state_dir;

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
