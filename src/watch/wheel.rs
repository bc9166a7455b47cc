//! A hierarchical timer wheel: which of a million keys has a deadline that has come?
//!
//! Six levels of 256 slots; a slot of the lowest level is 1.024 ms wide, each level is 256 times coarser than the one
//! below. An entry sits in the coarsest slot that separates its deadline from the cursor, and falls one level down when
//! the cursor enters that slot. Insert, move and remove are O(1); expiry is O(1) per entry and level.
//!
//! Slots only sort roughly: the exact deadline stays in the entry, and each slot knows its earliest one. So a sleeper
//! can wait for the very microsecond, and is never woken merely to move entries between levels.
//!
//! Sixteen bytes per key, in one vector, linked by index: nothing is allocated once the vector has grown.

use crate::clock::Mono;

#[cfg(test)]
mod tests;

/// Width of a slot of the lowest level: 2^10 µs.
const TICK_BITS: u32 = 10;
/// Slots per level: 2^8.
const LEVEL_BITS: u32 = 8;
const SLOTS: usize = 1 << LEVEL_BITS;
/// Six levels reach 2^58 µs, nine thousand years.
const LEVELS: usize = 6;
/// Later deadlines than this are treated as this.
const HORIZON: u64 = (1 << (TICK_BITS + LEVEL_BITS * LEVELS as u32)) - 1;

/// End of a list; as `prev` of an entry: it is in no list.
const NIL: u32 = u32::MAX;
/// Set in `prev` of the first entry of a list; the other bits then name the slot.
const HEAD: u32 = 1 << 31;

/// Deadlines by key. Keys are small dense integers below 2^31.
#[derive(Debug)]
pub struct Wheel {
    entries: Vec<Timer>,
    slots: Vec<WheelSlot>,
    /// A bit for each slot that holds something, by level.
    occupied: [u64; LEVELS * SLOTS / 64],
    /// The tick up to which everything was expired.
    cursor: u64,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    deadline: u64,
    next: u32,
    prev: u32,
}

#[derive(Clone, Copy, Debug)]
struct WheelSlot {
    first: u32,
    /// No entry of this slot is earlier (one that was may have been removed since).
    earliest: u64,
}

const EMPTY: WheelSlot = WheelSlot {
    first: NIL,
    earliest: u64::MAX,
};
const ABSENT: Timer = Timer {
    deadline: 0,
    next: NIL,
    prev: NIL,
};

impl Default for Wheel {
    fn default() -> Wheel {
        Wheel::with_capacity(0)
    }
}

impl Wheel {
    /// A wheel with room for `keys` keys; more may come.
    pub fn with_capacity(keys: usize) -> Wheel {
        Wheel {
            entries: Vec::with_capacity(keys),
            slots: vec![EMPTY; LEVELS * SLOTS],
            occupied: [0; LEVELS * SLOTS / 64],
            cursor: 0,
            len: 0,
        }
    }

    /// How many keys wait for their deadline.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no key waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets the deadline of `key`, in place of any that it has.
    pub fn insert(&mut self, key: u32, deadline: Mono) {
        debug_assert!(key < HEAD);
        let at = key as usize;
        if at >= self.entries.len() {
            self.entries.resize(at + 1, ABSENT);
        }
        if self.entries[at].prev != NIL {
            self.unlink(key);
        } else {
            self.len += 1;
        }
        self.link(key, deadline.0.min(HORIZON));
    }

    /// Forgets the deadline of `key`; whether there was one.
    pub fn remove(&mut self, key: u32) -> bool {
        let waits = self.holds(key);
        if waits {
            self.unlink(key);
            self.len -= 1;
        }
        waits
    }

    /// Whether `key` waits for its deadline.
    pub fn holds(&self, key: u32) -> bool {
        let entry = self.entries.get(key as usize);
        entry.is_some_and(|entry| entry.prev != NIL)
    }

    /// The deadline that `key` was last given, whether it still waits or not.
    pub fn last_deadline(&self, key: u32) -> Mono {
        Mono(self.entries.get(key as usize).map_or(0, |e| e.deadline))
    }

    /// When to look again: no deadline comes before this, and nearly always one comes exactly then.
    pub fn next_deadline(&self) -> Option<Mono> {
        // Every entry of a level lies before every entry of the levels above it.
        (0..LEVELS)
            .find_map(|level| self.first_occupied(level, 0))
            .map(|slot| Mono(self.slots[slot].earliest))
    }

    /// Moves keys whose deadline is not after `now` into `due`, until `due` holds `limit` keys.
    ///
    /// Returns whether all of them were moved. Keys come roughly in the order of their deadlines.
    pub fn expire(&mut self, now: Mono, limit: usize, due: &mut Vec<u32>) -> bool {
        let target = now.0.min(HORIZON) >> TICK_BITS;
        loop {
            let slot = (self.cursor % SLOTS as u64) as usize;
            if self.slots[slot].earliest <= now.0 && !self.drain(slot, now.0, limit, due) {
                return false;
            }
            match self.next_stop() {
                Some((level, tick)) if tick <= target => {
                    self.cursor = tick;
                    if level > 0 {
                        self.cascade(level);
                    }
                }
                _ => {
                    self.cursor = self.cursor.max(target);
                    return true;
                }
            }
        }
    }

    /// The first tick after the cursor at which a slot begins that holds something, and that slot's level.
    fn next_stop(&self) -> Option<(usize, u64)> {
        (0..LEVELS).find_map(|level| {
            let shift = LEVEL_BITS * level as u32;
            let here = self.cursor >> shift;
            let from = (here % SLOTS as u64) as usize + 1;
            let slot = self.first_occupied(level, from)?;
            let tick = (here - here % SLOTS as u64 + (slot % SLOTS) as u64) << shift;
            Some((level, tick))
        })
    }

    /// Moves the due entries of a slot of the lowest level out of it, and learns anew which of the rest is earliest.
    fn drain(&mut self, slot: usize, now: u64, limit: usize, due: &mut Vec<u32>) -> bool {
        let mut key = self.slots[slot].first;
        let mut earliest = u64::MAX;
        while key != NIL {
            let Timer { deadline, next, .. } = self.entries[key as usize];
            if deadline <= now {
                if due.len() >= limit {
                    return false;
                }
                self.unlink(key);
                self.len -= 1;
                due.push(key);
            } else {
                earliest = earliest.min(deadline);
            }
            key = next;
        }
        self.slots[slot].earliest = earliest;
        true
    }

    /// Deals the entries of the slot that the cursor has just entered out to the levels below.
    fn cascade(&mut self, level: usize) {
        let within = (self.cursor >> (LEVEL_BITS * level as u32)) % SLOTS as u64;
        let slot = level * SLOTS + within as usize;
        let mut key = self.slots[slot].first;
        self.slots[slot] = EMPTY;
        self.set_occupied(slot, false);
        while key != NIL {
            let Timer { deadline, next, .. } = self.entries[key as usize];
            self.link(key, deadline);
            key = next;
        }
    }

    #[inline]
    fn link(&mut self, key: u32, deadline: u64) {
        let at = self.slot_of(deadline);
        let slot = &mut self.slots[at];
        let first = std::mem::replace(&mut slot.first, key);
        slot.earliest = slot.earliest.min(deadline);
        if first == NIL {
            self.set_occupied(at, true);
        } else {
            self.entries[first as usize].prev = key;
        }
        self.entries[key as usize] = Timer {
            deadline,
            next: first,
            prev: HEAD | at as u32,
        };
    }

    #[inline]
    fn unlink(&mut self, key: u32) {
        let Timer { next, prev, .. } = self.entries[key as usize];
        if next != NIL {
            self.entries[next as usize].prev = prev;
        }
        if prev & HEAD == 0 {
            self.entries[prev as usize].next = next;
        } else {
            let at = (prev & !HEAD) as usize;
            let slot = &mut self.slots[at];
            slot.first = next;
            if next == NIL {
                slot.earliest = u64::MAX;
                self.set_occupied(at, false);
            }
        }
        self.entries[key as usize].prev = NIL;
    }

    /// The slot for a deadline: on the level of the highest digit in which it differs from the cursor.
    #[inline]
    fn slot_of(&self, deadline: u64) -> usize {
        // What is overdue goes where the next expiry looks first.
        let tick = (deadline >> TICK_BITS).max(self.cursor);
        let differs = tick ^ self.cursor;
        let level = (differs.checked_ilog2().unwrap_or(0) / LEVEL_BITS) as usize;
        let within = (tick >> (LEVEL_BITS * level as u32)) % SLOTS as u64;
        level * SLOTS + within as usize
    }

    #[inline]
    fn set_occupied(&mut self, slot: usize, yes: bool) {
        let word = &mut self.occupied[slot / 64];
        let bit = 1 << (slot % 64);
        *word = if yes { *word | bit } else { *word & !bit };
    }

    /// The first slot of `level`, from its `from`th on, that holds something.
    fn first_occupied(&self, level: usize, from: usize) -> Option<usize> {
        let words = &self.occupied[level * SLOTS / 64..(level + 1) * SLOTS / 64];
        (from / 64..words.len()).find_map(|w| {
            let skipped = if w == from / 64 { from % 64 } else { 0 };
            let word = words[w] >> skipped << skipped;
            (word != 0).then(|| level * SLOTS + w * 64 + word.trailing_zeros() as usize)
        })
    }
}
