//! What is kept of one service: a line of the cache, so that a million fit and a beat touches one of them.

use crate::clock::Mono;

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
    /// Its last alert is another writer's; the id is in the notes.
    pub const FOREIGN: Flags = Flags(1 << 8);
    /// Beats on a channel of its own choice.
    pub const CUSTOM: Flags = Flags(1 << 9);
    /// Seen in the truth that was read last; the two values take turns.
    pub const MARK: Flags = Flags(1 << 10);
    /// There are notes about it.
    pub const NOTED: Flags = Flags(1 << 11);

    /// With any of these, a beat needs a closer look.
    pub const UNUSUAL: Flags = Flags(
        Self::DEGRADED.0 | Self::PLANNED.0 | Self::RETIMED.0 | Self::REFUSED.0 | Self::AGAIN.0,
    );

    pub fn has(self, any_of: Flags) -> bool {
        self.0 & any_of.0 != 0
    }

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
    pub timeout_ms: u32,
    pub interval_ms: u32,
    /// Where its name begins in the arena.
    pub name_at: u32,
    /// Wall time, in seconds, at which its status began.
    pub since_ts: u32,
    /// Number of its last alert; zero when there was none.
    pub alert: u32,
    pub misses: u32,
    pub restarts: u32,
    pub flags: Flags,
    pub name_bytes: u8,
    pub state: State,
}

const _: () = assert!(size_of::<Slot>() == 64);

/// Senders reconnect with a pause of at most 2 s and beat at once; a second more for the way.
const RECONNECT_GRACE_MS: u64 = 3000;

impl Slot {
    /// The moment at which its silence is too long, doubts aside.
    pub fn own_deadline(&self) -> Mono {
        Mono(self.heard_at.0 + u64::from(self.timeout_ms) * 1000)
    }

    /// How long it has to be heard after a doubt, in milliseconds.
    pub fn grace_ms(&self) -> u64 {
        u64::from(self.timeout_ms).max(u64::from(self.interval_ms) + RECONNECT_GRACE_MS)
    }
}
