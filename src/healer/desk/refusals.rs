//! What Redis does not take: which writes, since when, and what that makes of what was judged.

use super::Desk;
use crate::clock::Mono;
use crate::contract::Alert;

/// Redis answers, but takes no writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Wall time at which it began.
    pub since_ts: i64,
    pub since: Mono,
    /// Why, in words.
    pub reason: String,
}

/// What is written. Each part may be refused for itself: other keys, other commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    Lease,
    Notes,
    Owed,
    Refresh,
    Forget,
    Buses,
}

/// An alert about no service.
#[derive(Debug)]
pub struct Note {
    pub alert: Alert,
    /// The channel has it.
    pub published: bool,
    /// People were told of it past the bus.
    pub told: bool,
}

impl Note {
    pub fn new(alert: Alert) -> Note {
        Note {
            alert,
            published: false,
            told: false,
        }
    }
}

impl Desk {
    /// What was judged and is not written is as good as not judged; the record is read again before anything is said.
    pub fn take_back(&mut self) {
        for watch in &self.watches {
            watch.take_transitions(&mut Vec::new());
        }
        self.owed.clear();
        self.held.clear();
        (self.must_seed, self.settles) = (true, true);
    }

    /// Whether that is news.
    pub fn set_cut_off(&mut self, is_cut_off: bool) -> bool {
        let is_news = std::mem::replace(&mut self.cut_off, is_cut_off) != is_cut_off;
        if is_news {
            self.mark_cut_off();
        }
        is_news
    }

    pub(super) fn mark_cut_off(&self) {
        for watch in self.watches.iter().filter(|w| w.voice.bus.is_none()) {
            watch.with(|d, now| d.set_cut_off(self.cut_off, now));
        }
    }

    /// A write of this part was refused.
    pub fn refused(&mut self, part: Part) {
        self.parts.insert(part);
        self.taken_since = None;
    }

    /// A write of this part was taken, or there is none to make.
    pub fn taken(&mut self, part: Part) {
        self.parts.remove(&part);
        if self.parts.is_empty() {
            self.taken_since.get_or_insert_with(Mono::now);
        }
    }

    /// Whether some write was refused when it was last tried.
    pub fn is_refused(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Since when all writes are taken, if they are.
    pub fn taken_since(&self) -> Option<Mono> {
        self.taken_since
    }

    /// Another speaks now, and finds out for itself.
    pub fn forget_refusal(&mut self) {
        self.refusal = None;
        self.passing_since = None;
        self.parts.clear();
    }
}
