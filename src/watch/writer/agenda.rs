//! What is to be done in a turn, and what was asked.

use std::ops::Range;

use super::command::Meeting;
use crate::bus::BusError;
use crate::clock::Now;
use crate::watch::write_queue::Stop;

/// One thing to be done, up to its question; what follows from the answer comes before what is due next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Ask for the lease.
    Hold,
    /// It was asked for.
    Renewed,
    /// See what there is to be refreshed in this second.
    Plan,
    /// It is held, and this was refused in its renewal.
    Lease(Option<BusError>),
    /// It cannot be taken, for this reason.
    Barred(BusError),
    /// Speak, now that it is known how things stand.
    Begin,
    /// Write a piece of what waits.
    Speak,
    Meet,
    Notes,
    /// Take in what somebody else said.
    Settle,
    Collect,
    Owed,
    /// What was offered is answered.
    Paid(Option<Stop<BusError>>),
    Forget,
    Unheard,
    /// What readers need.
    Upkeep,
    Buses,
    /// See whether a right is missing, before it is missed.
    Rights,
    /// Publish what could not be published.
    Republish,
    /// Note when the buses were judged; their records were written then.
    Judged(Now),
    Refresh,
    /// A write was refused.
    Refused(Part, BusError),
    SayRefused(BusError),
    PublishNotes,
    PublishOwed,
    /// Show what cannot be logged.
    ShowOwed,
    PublishCutOff,
}

impl Step {
    /// Whether it is for readers, who can wait for what was just judged.
    pub(super) fn is_of_upkeep(&self) -> bool {
        use Step::*;
        matches!(
            self,
            Upkeep | Buses | Rights | Republish | Judged(_) | Refresh
        )
    }

    /// Whether it waits for the lease, which must not run out meanwhile.
    pub(super) fn can_wait(&self) -> bool {
        use Step::*;
        self.is_of_upkeep() || matches!(self, Notes | Forget | Unheard)
    }

    /// Whether it belongs to what is written of a turn, which ends where one of its writes fails.
    pub(super) fn is_of_speaking(&self) -> bool {
        use Step::*;
        matches!(
            self,
            Meet | Notes | Settle | Collect | Owed | Paid(_) | Forget | Unheard
        )
    }
}

/// What was asked, and what for.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Pong,
    Lease,
    Holder(Why),
    Heard(Why),
    /// The records of all, before speaking.
    Seeded,
    Met(Vec<Meeting>),
    Settled,
    /// Whether it is told past the store.
    Collected {
        past: bool,
    },
    Told,
    Noted,
    /// The ids of those notes.
    NotesPublished(Vec<String>),
    OwedPublished,
    Republished,
    /// What cannot be logged is in the health keys.
    Shown,
    Refreshed,
    /// These were to be forgotten.
    Forgotten(Vec<Box<str>>),
    Found(Range<usize>),
    UnheardWritten(usize),
    Census,
    Snapshots,
    Buses,
    BusesSet(Now),
    Judged,
    Rights,
    CutOffPublished,
    Joined,
    Rejoined,
    Explained(Wanted),
}

/// Why the other healers are looked at.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// One of them speaks without a lease: it is left to it.
    Leave,
    /// The lease is refused, for this reason.
    Barred(BusError),
}

/// What a reason is wanted for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// To say why this healer cannot take the lease.
    Barred,
    /// To tell that writes are refused.
    Refusal,
}

/// What is written. Each part may be refused for itself: other keys, other commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Lease,
    Notes,
    Owed,
    Refresh,
    Forget,
    Buses,
    /// All that a user must have a right to.
    Rights,
    /// What was written and could not be published.
    Publish,
}

impl Part {
    /// Whether readers go by what is written there: refused, what stands there may be wrong.
    pub(super) fn is_read(self) -> bool {
        !matches!(self, Part::Forget | Part::Buses | Part::Publish)
    }
}
