//! What is kept of each instance besides what the detector keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Works;
use crate::contract::mesh::INSTANCES_MAX;

/// How many instances there are on all buses, and may be.
#[derive(Clone, Debug, Default)]
pub struct Room(Arc<AtomicUsize>);

/// One instance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Member {
    pub last_i: u64,
    /// The number of its service.
    pub svc: u32,
    /// How many there were, as far as that matters: 0, 1, more.
    pub beats: u8,
    /// Known from the record alone.
    pub is_awaited: bool,
    pub is_suspect: bool,
    pub has_failed: bool,
    /// It said goodbye.
    pub is_gone: bool,
    pub works: Works,
}

impl Member {
    /// Whether its next beat is nothing but another one.
    pub fn is_usual(&self) -> bool {
        self.beats >= 2
            && !(self.is_awaited
                || self.is_suspect
                || self.has_failed
                || self.is_gone
                || self.works != Works::Well)
    }

    /// Whether it counts as being there.
    pub fn is_live(&self) -> bool {
        !self.has_failed && !self.is_gone
    }
}

/// All instances of one bus, by the number that the detector gives each.
///
/// Invariant: `live` is the number of members that are live.
#[derive(Debug)]
pub struct Instances {
    members: Vec<Option<Member>>,
    live: usize,
    room: Room,
}

impl Instances {
    pub fn new(room: Room) -> Instances {
        Instances {
            members: Vec::new(),
            live: 0,
            room,
        }
    }

    /// Whether one more may be kept.
    pub fn has_room(&self) -> bool {
        self.room.0.load(Ordering::Relaxed) < INSTANCES_MAX
    }

    /// How many are there.
    pub fn live(&self) -> usize {
        debug_assert_eq!(
            self.live,
            self.members
                .iter()
                .flatten()
                .filter(|m| m.is_live())
                .count()
        );
        self.live
    }

    /// Every number up to here may be one.
    pub fn end(&self) -> u32 {
        self.members.len() as u32
    }

    /// The numbers of all.
    pub fn all(&self) -> Vec<u32> {
        let numbered = (0u32..).zip(&self.members);
        numbered
            .filter_map(|(nth, m)| m.as_ref().map(|_| nth))
            .collect()
    }

    /// The instance with this number, if there is one.
    pub fn find(&self, index: u32) -> Option<&Member> {
        self.members.get(index as usize)?.as_ref()
    }

    /// The instance with this number, which the detector knows.
    pub fn get(&self, index: u32) -> Member {
        self.find(index).copied().unwrap_or_default()
    }

    /// Likewise.
    pub fn get_mut(&mut self, index: u32) -> &mut Member {
        let at = index as usize;
        if self.members.len() <= at {
            self.members.resize(at + 1, None);
        }
        self.members[at].get_or_insert_default()
    }

    pub fn add(&mut self, index: u32, svc: u32) {
        *self.get_mut(index) = Member {
            svc,
            ..Member::default()
        };
        self.live += 1;
        self.room.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn remove(&mut self, index: u32) {
        let gone = self.members.get_mut(index as usize).and_then(Option::take);
        if let Some(member) = gone {
            self.live -= usize::from(member.is_live());
            self.room.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// It said goodbye.
    pub fn leave(&mut self, index: u32) {
        let member = self.get_mut(index);
        let was_live = member.is_live();
        (member.is_gone, member.has_failed, member.is_suspect) = (true, false, false);
        self.live -= usize::from(was_live);
    }

    /// It fell silent.
    pub fn fail(&mut self, index: u32) {
        let member = self.get_mut(index);
        let was_live = member.is_live();
        (member.has_failed, member.is_suspect) = (true, false);
        self.live -= usize::from(was_live);
    }

    /// One that was not there is, and its flags say so.
    pub fn revive(&mut self) {
        self.live += 1;
    }
}

impl Drop for Instances {
    fn drop(&mut self) {
        let kept = self.members.iter().flatten().count();
        self.room.0.fetch_sub(kept, Ordering::Relaxed);
    }
}
