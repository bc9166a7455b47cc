//! What is kept of one service: a line of the cache, so that a million fit and a beat touches one of them.

use std::time::Duration;

use crate::clock::{Mono, Now};

/// Where a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// No service: the slot is free.
    Vacant,
    /// Its channel is not proven to be subscribed: nothing can be said, nothing is owed.
    Unproven,
    /// Subscribed, never heard; its first deadline runs.
    Waiting,
    /// Heard in time.
    Up,
    /// Silent past its deadline, and told so.
    Down,
}

/// Things about a slot that are true or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// At least one beat was heard by this detector.
    pub const HEARD: Flags = Flags(1);
    /// Says that its work is stuck.
    pub const DEGRADED: Flags = Flags(1 << 1);
    /// Said `stopping` in its last beat.
    pub const PLANNED: Flags = Flags(1 << 2);
    /// Its timeout was made shorter; the deadline in the wheel is the old one and stays until the next beat.
    pub const RETIMED: Flags = Flags(1 << 3);
    /// The server refuses its channel.
    pub const REFUSED: Flags = Flags(1 << 4);
    /// The server confirmed its channel; the proof is still to come.
    pub const CONFIRMED: Flags = Flags(1 << 5);
    /// Down in an old record: told again unless it is heard before its first deadline.
    pub const AGAIN: Flags = Flags(1 << 6);
    /// In the list of those whose deadline has come.
    pub const QUEUED: Flags = Flags(1 << 7);
    /// Its last alert is another writer's; the id is in the cold fields.
    pub const FOREIGN: Flags = Flags(1 << 8);
    /// Beats on a channel of its own choice.
    pub const CUSTOM: Flags = Flags(1 << 9);
    /// Seen in the truth that was read last; the two values take turns.
    pub const MARK: Flags = Flags(1 << 10);
    /// Several instances of it may run.
    pub const SEVERAL: Flags = Flags(1 << 11);
    /// It may still beat by the place or the timing that truth gave it before.
    pub const SETTLING: Flags = Flags(1 << 12);
    /// Said a word of its own in its last beat; it is kept beside the slots.
    pub const WORDED: Flags = Flags(1 << 13);
    /// Waits for its word to be written.
    pub const REWORDED: Flags = Flags(1 << 14);
    /// While it may beat elsewhere, a later truth made it faster: that it beats where it shall does not say that it knows.
    pub const RUSHED: Flags = Flags(1 << 15);

    /// With any of these, a beat needs a closer look.
    pub const UNUSUAL: Flags = Flags(
        Self::DEGRADED.0
            | Self::PLANNED.0
            | Self::RETIMED.0
            | Self::REFUSED.0
            | Self::AGAIN.0
            | Self::SETTLING.0
            | Self::WORDED.0
            | Self::SEVERAL.0,
    );

    /// Whether any of these is set.
    pub fn has(self, any_of: Flags) -> bool {
        self.0 & any_of.0 != 0
    }

    /// Sets or clears all of these.
    pub fn set(&mut self, which: Flags, yes: bool) {
        self.0 = if yes {
            self.0 | which.0
        } else {
            self.0 & !which.0
        };
    }

    /// Clears `which`; whether it was set.
    pub fn take(&mut self, which: Flags) -> bool {
        let was = self.has(which);
        self.set(which, false);
        was
    }
}

/// One service.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Slot {
    /// The last beat; the proof of the subscription when there was none.
    pub heard_at: Mono,
    /// The number of the last beat; zero when unknown.
    pub last_i: u64,
    /// Hash of the sender's instance id; zero when unknown.
    pub inst: u64,
    /// Silence after which it is dead, in milliseconds.
    pub timeout_ms: u32,
    /// From one beat to the next, in milliseconds.
    pub interval_ms: u32,
    /// Where its name begins in the arena.
    pub name_at: u32,
    /// Wall time, in seconds, at which its status began.
    pub since_ts: u32,
    /// Number of its last alert; zero when there was none.
    pub alert: u32,
    /// While it is [`SETTLING`](Flags::SETTLING): how long it may be silent by what held before, in milliseconds.
    /// [`ELSEWHERE`] when nothing that it sends there can be heard.
    pub former_ms: u32,
    /// While it is settling: when it knows what truth says, in tenths of a second.
    pub settled_ds: u32,
    /// Deaths so far.
    pub misses: u32,
    /// Restarts so far.
    pub restarts: u32,
    /// What else is true of it.
    pub flags: Flags,
    /// How long its name is in the arena.
    pub name_bytes: u8,
    /// Where it stands.
    pub state: State,
}

const _: () = assert!(size_of::<Slot>() == 64);

/// Senders reconnect with a pause of at most 2 s and beat at once; a second more for the way.
const RECONNECT_GRACE_MS: u64 = 3000;

/// A [former silence](Slot::former_ms) without end: it beats where nobody listens any more.
pub const ELSEWHERE: u32 = u32::MAX;
/// Microseconds in a unit of [`Slot::settled_ds`].
const TENTH_MICROS: u64 = 100_000;

impl Slot {
    /// The moment at which its silence is too long, doubts aside.
    ///
    /// While it is settling, that is by what held before: but once it knows better it beats at once, as after a doubt.
    pub fn own_deadline(&self) -> Mono {
        let own = self.heard_at + Duration::from_millis(self.timeout_ms.into());
        own.max(self.former_deadline(self.heard_at))
    }

    /// Until when it may be silent by what held before, if it was heard at `from`, or may have been.
    pub fn former_deadline(&self, from: Mono) -> Mono {
        if !self.flags.has(Flags::SETTLING) {
            return from;
        }
        let knows = self.settled_at() + Duration::from_millis(self.grace_ms());
        match self.former_ms {
            ELSEWHERE => knows,
            former => knows.min(from + Duration::from_millis(former.into())),
        }
    }

    /// When it knows what truth says.
    pub fn settled_at(&self) -> Mono {
        Mono(u64::from(self.settled_ds) * TENTH_MICROS)
    }

    /// It may live by what held before until `settled`: may be silent for `former_ms`, say.
    pub fn settle(&mut self, former_ms: u32, settled: Mono) {
        let is_settling = self.flags.has(Flags::SETTLING);
        self.former_ms = match is_settling {
            true => self.former_ms.max(former_ms),
            false => former_ms,
        };
        self.settled_ds = u32::try_from(settled.0.div_ceil(TENTH_MICROS)).unwrap_or(u32::MAX);
        self.flags.set(Flags::SETTLING, true);
    }

    /// How long it has to be heard after a doubt, in milliseconds.
    pub fn grace_ms(&self) -> u64 {
        u64::from(self.timeout_ms).max(u64::from(self.interval_ms) + RECONNECT_GRACE_MS)
    }
}

/// The wall time as a slot keeps it.
pub(super) fn wall(now: Now) -> u32 {
    now.wall_secs.clamp(0, u32::MAX.into()) as u32
}
