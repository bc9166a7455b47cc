//! What reaches a channel that cannot read the log: it is handed over instead.

use crossbeam_channel::Sender;

use crate::clock::Mono;
use crate::contract::Alert;
use crate::notify::inbox::Inbox;
use crate::notify::relay::{Relay, Relayed};

/// Whether a channel reads the log, or has to be handed what is written there.
pub(super) struct Deafness {
    relay: Relay,
    inbox: Sender<Inbox>,
    relayed: Option<Relayed>,
    /// All that was written before has been read, or handed over.
    complete_since: Mono,
}

impl Deafness {
    /// Of a channel with this inbox, which has read nothing yet.
    pub fn new(relay: Relay, inbox: Sender<Inbox>) -> Deafness {
        Deafness {
            relay,
            inbox,
            relayed: None,
            complete_since: Mono::now(),
        }
    }

    /// All that was written before `at` is read.
    pub fn has_read(&mut self, at: Mono) {
        if self.relayed.is_none() {
            self.complete_since = at;
        }
    }

    /// It cannot read: from now on alerts are handed to its inbox. Those that it missed already.
    pub fn begin(&mut self) -> Vec<Alert> {
        if self.relayed.is_some() {
            return Vec::new();
        }
        let inbox = self.inbox.clone();
        let (relayed, missed) = self.relay.listen(inbox, self.complete_since);
        self.relayed = Some(relayed);
        missed
    }

    /// It reads again from now on. What was handed over waits in its inbox, to be taken before anything is read.
    pub fn end(&mut self) {
        if self.relayed.take().is_some() {
            self.complete_since = Mono::now();
        }
    }
}
