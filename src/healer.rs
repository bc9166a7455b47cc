//! The healer: hears every heartbeat and says when one of them has stopped.
//!
//! The pure half judges: [`wheel`] keeps deadlines, [`detector`] decides, `swings` knows what
//! comes and goes. The edges serve it: `watch` hears one bus,
//! `run` is the loop, `scribe` writes through the [`ledger`], [`voice`] finds the words of the wire.

mod bus_health;
mod calls;
pub mod complaints;
mod desk;
pub mod detector;
mod early;
mod held;
pub mod ledger;
mod memory;
mod pacing;
mod run;
mod scribe;
pub mod senders;
mod succession;
pub(crate) mod swings;
pub mod unheard;
pub mod voice;
mod watch;
pub mod wheel;

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
