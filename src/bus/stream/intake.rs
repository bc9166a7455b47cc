//! What a worker of a consumer group reads next. Pure: it is told what the server answered and what time it is.
//!
//! 1. What is pending under the worker's own name, one at a time: it died with it, or an answer was lost.
//! 2. What others left for too long, one at a time, now and then.
//! 3. What is new, as much as there is room for.
//!
//! One at a time, because an entry that ends its worker must not take others with it: of those that were delivered
//! together with it, each is delivered alone the next time. What was delivered too often, or is too long, is buried.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::{Entry, EntryId};
use crate::clock::Mono;

/// The limits of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Entries in hand at once; new ones are read while there are fewer.
    pub batch: usize,
    /// The greatest sum of the lengths of an entry's names and values.
    pub max_bytes: usize,
    /// An entry that was delivered so often and is still not done goes to the dead letters.
    pub max_deliveries: u64,
    /// Whoever has not touched an entry for so long has given it up.
    pub claim_idle: Duration,
    /// How often entries are looked for that somebody gave up.
    pub claim_every: Duration,
}

/// What to ask the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Ask {
    /// Make the group.
    Make,
    /// The first of our pending entries after this one, and how often it was delivered.
    Pending { after: EntryId },
    /// Read this entry of ours once more: that counts as a delivery.
    Own { id: EntryId },
    /// Take over one entry that somebody gave up, looking from here on.
    Claim { cursor: EntryId },
    /// Read what is new.
    Unread { count: usize },
    /// Put an entry of ours among the dead letters and acknowledge it.
    Bury(Grave),
}

/// An entry that is not worked on any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grave {
    /// The entry.
    pub id: EntryId,
    /// How often it was delivered.
    pub deliveries: u64,
    /// Why.
    pub reason: String,
}

/// What the server answered to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To [`Ask::Make`] and [`Ask::Bury`].
    Done,
    /// To [`Ask::Pending`].
    Pending(Option<(EntryId, u64)>),
    /// To [`Ask::Own`] and [`Ask::Unread`].
    Entries(Vec<Entry>),
    /// To [`Ask::Claim`]: where to look on (zero: nowhere), and what is ours now.
    Claimed(EntryId, Option<EntryId>),
}

/// An entry to work on. It is in hand until it is [settled](Intake::settle).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The entry, with its fields.
    pub entry: Entry,
    /// The how manieth delivery of it this is, at least.
    pub deliveries: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is no group, as far as is known.
    Make,
    /// Looks through what is pending under our name, after this one; then goes on.
    Own {
        after: EntryId,
        then: Next,
    },
    /// Reads one of those, which was delivered so often.
    Read {
        id: EntryId,
        deliveries: u64,
        then: Next,
    },
    Claim {
        cursor: EntryId,
    },
    Unread,
}

/// After our own pending entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The next of them, until there is none.
    Own,
    /// Only this one was looked at, which somebody else gave up.
    Claim { cursor: EntryId },
}

/// What one worker knows of its group.
///
/// Invariant: no entry in hand is delivered again, and there are never more in hand than the batch, and one.
#[derive(Debug)]
pub struct Intake {
    policy: Policy,
    stage: Stage,
    /// Delivered and not settled.
    in_hand: BTreeSet<EntryId>,
    /// To be buried before anything else is read.
    graves: VecDeque<Grave>,
    next_claim: Mono,
}

impl Intake {
    /// A worker that has just started: its group may be there, and entries of before under its name.
    pub fn new(policy: Policy) -> Intake {
        Intake {
            policy,
            stage: Stage::Make,
            in_hand: BTreeSet::new(),
            graves: VecDeque::new(),
            next_claim: Mono(0),
        }
    }

    /// The limits.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// What to ask now; `None` while there is as much in hand as there may be.
    pub fn ask(&self) -> Option<Ask> {
        if let Some(grave) = self.graves.front() {
            return Some(Ask::Bury(grave.clone()));
        }
        match self.stage {
            Stage::Make => return Some(Ask::Make),
            _ if self.in_hand.len() >= self.policy.batch => return None,
            _ => {}
        }
        Some(match self.stage {
            Stage::Make => Ask::Make,
            Stage::Own { after, .. } => Ask::Pending { after },
            Stage::Read { id, .. } => Ask::Own { id },
            Stage::Claim { cursor } => Ask::Claim { cursor },
            Stage::Unread => Ask::Unread {
                count: self.policy.batch - self.in_hand.len(),
            },
        })
    }

    /// Takes in the answer to what was asked last; what it brings to work on.
    pub fn answered(&mut self, reply: Reply, now: Mono) -> Vec<Delivery> {
        if self.graves.pop_front().is_some() {
            return Vec::new();
        }
        match (self.stage, reply) {
            (Stage::Make, _) => self.stage = Stage::own(EntryId::ZERO),
            (Stage::Own { then, .. }, Reply::Pending(found)) => self.found(found, then, now),
            (
                Stage::Read {
                    id,
                    deliveries,
                    then,
                },
                Reply::Entries(entries),
            ) => {
                return self.read_again(id, deliveries, then, entries);
            }
            (Stage::Claim { .. }, Reply::Claimed(next, claimed)) => {
                self.claimed(next, claimed, now);
            }
            (Stage::Unread, Reply::Entries(entries)) => {
                let delivered = entries
                    .into_iter()
                    .filter_map(|entry| self.deliver(entry, 1));
                let delivered = delivered.collect();
                self.go_on(now);
                return delivered;
            }
            // An answer to something else: nobody knows where this stands.
            _ => self.stage = Stage::own(EntryId::ZERO),
        }
        Vec::new()
    }

    /// What was asked last got no answer, or an error. It may have been done all the same: what was handed out by it
    /// lies under our name.
    pub fn failed(&mut self) {
        // The burial is tried again; the script finds out whether it took place.
        if self.graves.is_empty() && self.stage != Stage::Make {
            self.stage = Stage::own(EntryId::ZERO);
        }
    }

    /// The group is not there (any more).
    pub fn no_group(&mut self) {
        self.graves.clear();
        self.stage = Stage::Make;
    }

    /// These are not in hand any more: acknowledged, or given back.
    pub fn settle(&mut self, ids: &[EntryId]) {
        for id in ids {
            self.in_hand.remove(id);
        }
    }

    /// What is in hand, the oldest first.
    pub fn in_hand(&self) -> impl Iterator<Item = EntryId> {
        self.in_hand.iter().copied()
    }

    fn found(&mut self, found: Option<(EntryId, u64)>, then: Next, now: Mono) {
        let Some((id, deliveries)) = found else {
            match then {
                Next::Own => self.go_on(now),
                // Somebody else was faster.
                Next::Claim { cursor } => self.claim_on(cursor, now),
            }
            return;
        };
        if self.in_hand.contains(&id) {
            self.stage = then.after(id);
        } else if deliveries >= self.policy.max_deliveries {
            self.graves.push_back(Grave {
                id,
                deliveries,
                reason: format!("delivered {deliveries} times and never done"),
            });
            self.stage = then.after(id);
        } else {
            self.stage = Stage::Read {
                id,
                deliveries,
                then,
            };
        }
    }

    fn read_again(
        &mut self,
        id: EntryId,
        deliveries: u64,
        then: Next,
        entries: Vec<Entry>,
    ) -> Vec<Delivery> {
        self.stage = then.after(id);
        let Some(entry) = entries.into_iter().next() else {
            return Vec::new();
        };
        if entry.id != id {
            // Ours was taken over in between. This one is looked at as all others are.
            self.stage = Stage::Own {
                after: entry.id.before(),
                then,
            };
            return Vec::new();
        }
        self.deliver(entry, deliveries + 1).into_iter().collect()
    }

    fn claimed(&mut self, next: EntryId, claimed: Option<EntryId>, now: Mono) {
        match claimed {
            Some(id) => {
                // How often it was delivered is asked for by its place among our own.
                let then = Next::Claim { cursor: next };
                self.stage = Stage::Own {
                    after: id.before(),
                    then,
                };
            }
            None => self.claim_on(next, now),
        }
    }

    fn claim_on(&mut self, cursor: EntryId, now: Mono) {
        if cursor == EntryId::ZERO {
            self.next_claim = now + self.policy.claim_every;
            self.stage = Stage::Unread;
        } else {
            self.stage = Stage::Claim { cursor };
        }
    }

    /// To what others left, if it is time for that, else to what is new.
    fn go_on(&mut self, now: Mono) {
        self.stage = if now >= self.next_claim {
            Stage::Claim {
                cursor: EntryId::ZERO,
            }
        } else {
            Stage::Unread
        };
    }

    fn deliver(&mut self, entry: Entry, deliveries: u64) -> Option<Delivery> {
        let (id, bytes) = (entry.id, entry.bytes());
        if self.in_hand.contains(&id) {
            // A group that was made anew hands out everything again.
            return None;
        }
        let reason = if entry.fields.is_none() {
            "trimmed before it was done".to_owned()
        } else if bytes > self.policy.max_bytes {
            format!("{bytes} bytes, and {} is the limit", self.policy.max_bytes)
        } else {
            self.in_hand.insert(id);
            debug_assert!(self.in_hand.len() <= self.policy.batch.max(1));
            return Some(Delivery { entry, deliveries });
        };
        self.graves.push_back(Grave {
            id,
            deliveries,
            reason,
        });
        None
    }
}

impl Stage {
    fn own(after: EntryId) -> Stage {
        Stage::Own {
            after,
            then: Next::Own,
        }
    }
}

impl Next {
    /// The stage after `id` was dealt with.
    fn after(self, id: EntryId) -> Stage {
        match self {
            Next::Own => Stage::Own {
                after: id,
                then: self,
            },
            Next::Claim { cursor } => Stage::Claim { cursor },
        }
    }
}
