//! Changes of what a link is subscribed to: sent in pieces, and read off as they are answered.

use std::collections::VecDeque;

use crate::bus::Channels;

/// A piece of what is asked for or let go of.
pub(super) enum SubscriptionChange {
    Subscribe(Channels),
    Unsubscribe(Channels),
}

impl SubscriptionChange {
    pub(super) fn channels(&self) -> &Channels {
        let (SubscriptionChange::Subscribe(channels) | SubscriptionChange::Unsubscribe(channels)) =
            self;
        channels
    }

    pub(super) fn command(&self) -> Vec<u8> {
        match self {
            SubscriptionChange::Subscribe(channels) => channels.command("SUBSCRIBE"),
            SubscriptionChange::Unsubscribe(channels) => channels.command("UNSUBSCRIBE"),
        }
    }
}

/// What waits for its confirmations, and what they taught.
#[derive(Default)]
pub(super) struct SubscriptionChanges {
    /// Sent, in order; of the first, `answered` names are confirmed.
    pub(super) pending: VecDeque<SubscriptionChange>,
    answered: usize,
    /// To be sent, in order: halves of what was refused as a whole, and later changes.
    pub(super) queue: VecDeque<SubscriptionChange>,
    /// The one name that was just refused, kept for the event that tells it.
    pub(super) refused: Vec<u8>,
    /// The server's count of subscriptions.
    pub(super) count: u64,
    pub(super) settled: bool,
}

impl SubscriptionChanges {
    /// The next name of the oldest piece was answered, whichever kind that is: Redis keeps the order.
    pub(super) fn confirm(&mut self, count: u64) {
        self.count = count;
        self.answered += 1;
        let first = self.pending.front().map(|first| first.channels().len());
        if first.is_some_and(|all| self.answered >= all) {
            self.pending.pop_front();
            self.answered = 0;
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        self.pending.is_empty() && self.queue.is_empty()
    }

    /// The server refused the oldest piece as a whole. True when that was a single name.
    pub(super) fn refuse(&mut self) -> bool {
        self.answered = 0;
        // What may not be let go of is heard on.
        let Some(SubscriptionChange::Subscribe(first)) = self.pending.pop_front() else {
            return false;
        };
        if first.len() == 1 {
            self.refused.clear();
            self.refused.extend_from_slice(first.get(0));
            return true;
        }
        // Before whatever came later: that may be to let go of some of them.
        let (a, b) = first.halves();
        self.queue.push_front(SubscriptionChange::Subscribe(b));
        self.queue.push_front(SubscriptionChange::Subscribe(a));
        false
    }
}
