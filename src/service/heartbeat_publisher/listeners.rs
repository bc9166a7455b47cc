//! Who hears the beats.

use std::time::Duration;

use crate::clock::Mono;

/// A look at who answers costs a connection: no more often than this while nobody listens.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How many hear the beats: a server that the others have left still takes every beat, and is found out by that.
///
/// A PUBLISH answers how many connections of that server it was handed to. After a fail-over that broke no connection
/// (a name or a proxy that leads elsewhere, a master that became a replica where it stands) the healer moves to the new
/// server and is missing here; it then gives everybody a timeout's time to be heard there.
#[derive(Default)]
pub(super) struct Listeners {
    pub last: u64,
    looked: Option<Mono>,
}

impl Listeners {
    /// Whether a beat that `heard` connections got is a reason to look where the name leads now: when they became
    /// fewer, and as long as there are none, but then every [`LOOK_AGAIN`] at most.
    pub fn are_fewer(&mut self, heard: u64, now: Mono) -> bool {
        let is_due = self.looked.is_none_or(|at| now.since(at) >= LOOK_AGAIN);
        let look = heard < self.last || (heard == 0 && is_due);
        if look {
            self.looked = Some(now);
        }
        look
    }
}
