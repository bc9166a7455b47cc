//! Who is watched: slots, their names in one arena, and the way from a channel to a slot.
//!
//! A channel is nearly always `<svc>:heartbeat`, so the index is by service name, and only the other channels are kept
//! in full. The index holds numbers and a part of the name's hash: about twenty bytes a service.

mod own_channels;

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::output::Spec;
use super::slot::{Flags, Slot, State};
use crate::bus::RUN_MAX;
use crate::clock::Mono;
use own_channels::OwnChannels;

/// What every default channel ends with.
const SUFFIX: &[u8] = b":heartbeat";

/// An entry of the index: enough to tell, nearly always, whose it is without a look at the slot and at the name.
#[derive(Clone, Copy, Debug)]
struct IndexEntry {
    tag: u32,
    index: u32,
}

impl IndexEntry {
    fn new(hash: u64, index: u32) -> IndexEntry {
        let tag = IndexEntry::tag(hash);
        IndexEntry { tag, index }
    }

    /// Bits of the hash that neither choose the place in the table nor are kept there by the table itself.
    fn tag(hash: u64) -> u32 {
        (hash >> 25) as u32
    }
}

/// All slots, and how to find one.
///
/// Invariants: each service that is not vacant is found by its name, and nobody else is. Each channel belongs to one service at most. A service without [`Flags::CUSTOM`] has its default channel,
/// and nobody has that as a channel of his own; one with it has what `own_channels` says, or nothing: then another took
/// its channel over, and the truth that is being read will move it or drop it.
#[derive(Debug, Default)]
pub struct ServiceTable {
    slots: Vec<Slot>,
    names: String,
    /// Bytes of `names` that belong to nobody any more.
    dead_bytes: usize,
    by_name: HashTable<IndexEntry>,
    hasher: DefaultHashBuilder,
    /// Channels that are not the default of their service.
    own_channels: OwnChannels,
    vacant: Vec<u32>,
}

impl ServiceTable {
    /// Makes room for `services` more services whose names have `name_bytes` bytes together.
    pub fn reserve(&mut self, services: usize, name_bytes: usize) {
        let more = services.saturating_sub(self.vacant.len());
        self.slots.reserve_exact(more);
        self.names.reserve_exact(name_bytes);
        self.with_index(|by_name, hash| by_name.reserve(more, |entry| hash(entry.index)));
    }

    /// The index, with the hash of each of its entries.
    fn with_index(&mut self, work: impl FnOnce(&mut HashTable<IndexEntry>, &dyn Fn(u32) -> u64)) {
        let (slots, names, hasher) = (&self.slots, &self.names, &self.hasher);
        let hash = |i: u32| hasher.hash_one(name_of(&slots[i as usize], names).as_bytes());
        work(&mut self.by_name, &hash);
    }

    /// Number of slots, vacant ones included: indices are below it.
    pub fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Number of services.
    pub fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    /// The service at `index`, which is below [`slots`](ServiceTable::slots).
    pub fn slot(&self, index: u32) -> &Slot {
        &self.slots[index as usize]
    }

    /// The same, to change it.
    pub fn slot_mut(&mut self, index: u32) -> &mut Slot {
        &mut self.slots[index as usize]
    }

    /// Its name; of a vacant slot, the name that it had.
    pub fn name(&self, index: u32) -> &str {
        name_of(&self.slots[index as usize], &self.names)
    }

    /// The channel of a service, written to `into`; whether it has one.
    pub fn channel(&self, index: u32, into: &mut Vec<u8>) -> bool {
        into.clear();
        if !self.slot(index).flags.has(Flags::CUSTOM) {
            into.extend_from_slice(self.name(index).as_bytes());
            into.extend_from_slice(SUFFIX);
        } else if let Some(own) = self.own_channels.of(index) {
            into.extend_from_slice(own);
        } else {
            return false;
        }
        true
    }

    /// The service that beats on `channel`.
    pub fn by_channel(&self, channel: &[u8]) -> Option<u32> {
        if let Some(name) = channel.strip_suffix(SUFFIX)
            && let Some(index) = self.by_name(name)
            && !self.slot(index).flags.has(Flags::CUSTOM)
        {
            return Some(index);
        }
        self.own_channels.owner(channel)
    }

    /// The service called `name`.
    pub fn by_name(&self, name: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(name);
        self.by_name
            .find(hash, |entry| {
                entry.tag == IndexEntry::tag(hash) && self.name(entry.index).as_bytes() == name
            })
            .map(|entry| entry.index)
    }

    /// The services that beat on `channels`, of which there are at most [`RUN_MAX`].
    ///
    /// With a million services each look-up waits for memory three times: for the index, the slot and the name. So
    /// each step is made for all of the channels before the next one: the processor has the waits of a step overlap.
    pub fn find<'c>(&self, channels: impl Iterator<Item = &'c [u8]>) -> [Option<u32>; RUN_MAX] {
        let mut wanted = [(&[][..], 0); RUN_MAX];
        let mut count = 0;
        for (place, channel) in wanted.iter_mut().zip(channels) {
            let name = channel.strip_suffix(SUFFIX).unwrap_or_default();
            *place = (channel, self.hasher.hash_one(name));
            count += 1;
        }
        let wanted = &wanted[..count];

        let mut likely = [u32::MAX; RUN_MAX];
        for (&(_, hash), likely) in wanted.iter().zip(&mut likely) {
            let entry = self
                .by_name
                .find(hash, |entry| entry.tag == IndexEntry::tag(hash));
            *likely = entry.map_or(u32::MAX, |entry| entry.index);
        }

        // Where the names are, not yet what they are.
        let mut names = [&[][..]; RUN_MAX];
        for (name, &index) in names.iter_mut().zip(&likely[..count]) {
            if let Some(slot) = self.slots.get(index as usize) {
                *name = name_of(slot, &self.names).as_bytes();
            }
        }

        let mut found = [None; RUN_MAX];
        for (k, &(channel, _)) in wanted.iter().enumerate() {
            let is_default = !names[k].is_empty() && channel.strip_suffix(SUFFIX) == Some(names[k]);
            found[k] = if is_default && !self.slot(likely[k]).flags.has(Flags::CUSTOM) {
                Some(likely[k])
            } else {
                // A channel of the service's own choice, or two names with the same tag.
                self.by_channel(channel)
            };
        }
        found
    }

    /// Whether the service at `index` beats on `channel`.
    pub fn is_channel(&self, index: u32, channel: &[u8]) -> bool {
        if self.slot(index).flags.has(Flags::CUSTOM) {
            self.own_channels.of(index) == Some(channel)
        } else {
            self.is_default(index, channel)
        }
    }

    fn is_default(&self, index: u32, channel: &[u8]) -> bool {
        channel.strip_suffix(SUFFIX) == Some(self.name(index).as_bytes())
    }

    /// Adds a service that is not there yet. It has no channel before it has [claimed](ServiceTable::claim) one.
    pub fn add(&mut self, spec: &Spec<'_>, mark: bool) -> u32 {
        let mut flags = Flags::default();
        flags.set(Flags::MARK, mark);
        flags.set(Flags::CUSTOM, true);
        let slot = Slot {
            heard_at: Mono(0),
            last_i: 0,
            inst: 0,
            timeout_ms: spec.timeout_ms,
            interval_ms: spec.interval_ms,
            name_at: self.names.len() as u32,
            since_ts: 0,
            alert: 0,
            former_ms: 0,
            settled_ds: 0,
            misses: 0,
            restarts: 0,
            flags,
            name_bytes: spec.svc.len() as u8,
            state: State::Unproven,
        };
        self.names.push_str(spec.svc);
        let index = match self.vacant.pop() {
            Some(index) => {
                self.slots[index as usize] = slot;
                index
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        self.with_index(|by_name, hash| {
            let hash_of_new = hash(index);
            let entry = IndexEntry::new(hash_of_new, index);
            by_name.insert_unique(hash_of_new, entry, |entry| hash(entry.index));
        });
        index
    }

    /// Gives a service this channel instead of its present one. Whoever had it loses it, and is returned.
    pub fn claim(&mut self, index: u32, channel: &[u8]) -> Option<u32> {
        let is_default = self.is_default(index, channel);
        let owner = if is_default {
            // Of its name there is no other: only somebody who chose this channel can have it.
            self.own_channels.owner(channel)
        } else {
            self.by_channel(channel)
        };
        let loser = owner.filter(|&owner| owner != index);
        if let Some(loser) = loser {
            self.own_channels.take(loser);
            self.slot_mut(loser).flags.set(Flags::CUSTOM, true);
        }
        self.own_channels.take(index);
        self.slot_mut(index).flags.set(Flags::CUSTOM, !is_default);
        if !is_default {
            self.own_channels.give(index, channel);
        }
        debug_assert_eq!(self.by_channel(channel), Some(index));
        loser
    }

    /// Takes a service out; its index may be given to another.
    pub fn remove(&mut self, index: u32) {
        let hash = self.hasher.hash_one(self.name(index).as_bytes());
        if let Ok(found) = self.by_name.find_entry(hash, |entry| entry.index == index) {
            found.remove();
        }
        self.own_channels.take(index);
        let slot = &mut self.slots[index as usize];
        slot.state = State::Vacant;
        slot.flags = Flags::default();
        self.dead_bytes += usize::from(slot.name_bytes);
        self.vacant.push(index);
    }

    /// Rebuilds the name arena when most of it is dead.
    pub fn tidy(&mut self) {
        if self.dead_bytes * 2 <= self.names.len() {
            return;
        }
        let mut names = String::with_capacity(self.names.len() - self.dead_bytes);
        for slot in self.slots.iter_mut().filter(|s| s.state != State::Vacant) {
            let at = names.len() as u32;
            names.push_str(name_of(slot, &self.names));
            slot.name_at = at;
        }
        (self.names, self.dead_bytes) = (names, 0);
    }

    /// Panics when the slots and what leads to them do not agree. For debug builds: it looks at every service.
    pub fn assert_invariants(&self) {
        assert_eq!(self.by_name.len(), self.len(), "one entry for each service");
        let mut channel = Vec::new();
        for index in 0..self.slots() {
            let is_vacant = self.slot(index).state == State::Vacant;
            assert_eq!(is_vacant, self.vacant.contains(&index), "{index}");
            if is_vacant {
                assert_eq!(self.own_channels.of(index), None, "{index}");
                continue;
            }
            assert_eq!(self.by_name(self.name(index).as_bytes()), Some(index));
            if self.channel(index, &mut channel) {
                assert_eq!(self.by_channel(&channel), Some(index));
            }
        }
    }

    /// A hash by which two instance ids are told apart; never zero.
    pub fn hash_inst(&self, inst: &str) -> u64 {
        self.hasher.hash_one(inst).max(1)
    }
}

fn name_of<'a>(slot: &Slot, names: &'a str) -> &'a str {
    let at = slot.name_at as usize;
    &names[at..at + usize::from(slot.name_bytes)]
}

#[cfg(test)]
mod tests;
