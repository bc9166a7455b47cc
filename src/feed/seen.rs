//! What was seen before: marks and a parsed document → new, updated, known.
//!
//! A mark must outlive its item's listing, or the item comes twice; it must not outlive it for ever, or marks pile
//! up. So a mark goes only by a complete 200 parse that no longer lists the item, seven days after the last one that
//! did. The days are counted by a clock of the feed's own, which only runs from one complete parse to the next: 304s,
//! errors and downtime age nothing.

use std::collections::{HashMap, HashSet};

use crate::feed::identity::{Identity, Key};

/// How long a mark stays once its item is no longer listed.
pub const ABSENT_MAX_SEC: u64 = 7 * 86_400;
/// The most that one step of the absence clock counts, however long ago the last complete parse was.
pub const STEP_MAX_SEC: u64 = 86_400;
/// A feed keeps at least so many marks …
pub const MARKS_MIN: usize = 1_000;
/// … or so many for each item that it lists.
pub const MARKS_PER_LISTED: usize = 3;
/// The most marks of a feed whose documents are never complete.
pub const MARKS_MAX: usize = 10_000;

/// What is remembered of one item of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub text: Key,
    pub link: Option<Key>,
    pub link_title: Option<Key>,
    /// Reading of the absence clock when the item was last listed; `None` while it is listed.
    pub absent_since_sec: Option<u64>,
}

impl Mark {
    fn of(identity: &Identity) -> Mark {
        Mark {
            text: identity.text,
            link: identity.link,
            link_title: identity.link_title,
            absent_since_sec: None,
        }
    }
}

/// The marks of one feed.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    marks: HashMap<Key, Mark>,
    by_link: HashMap<Key, Key>,
    by_link_title: HashMap<Key, Key>,
    /// Seconds that passed between complete 200 parses, each gap counted for at most a day.
    absence_clock_sec: u64,
    /// When the last complete 200 parse was, `None` before the first.
    complete_ts: Option<i64>,
}

/// What became of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Never seen: to be stored. `queue` is false for what a first poll only marks.
    New { queue: bool },
    /// Never seen, but a filter drops it: only its mark is kept.
    Dropped,
    /// Seen, but its text changed. `uid` is the one under which it was first stored.
    Updated { uid: Key },
    /// Seen, unchanged.
    Known { uid: Key },
}

/// What must be known of an entry that was never seen.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    pub published_ts: i64,
    /// A filter drops it.
    pub dropped: bool,
}

/// What the caller knows about this parse.
#[derive(Clone, Copy, Debug)]
pub struct Poll {
    pub now_ts: i64,
    /// A 200 whose document listed everything: only such a parse lets marks age.
    pub complete: bool,
    /// The very first poll of this feed: only its newest `first_items` are queued.
    pub first_items: Option<usize>,
}

/// Everything that a parsed document changes, to be written in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One per entry, in the document's order.
    pub verdicts: Vec<Verdict>,
    /// Marks to write: new, changed, no longer listed, listed again.
    pub put: Vec<(Key, Mark)>,
    /// Marks to delete.
    pub remove: Vec<Key>,
    pub absence_clock_sec: u64,
    pub complete_ts: Option<i64>,
}

impl Seen {
    /// The marks as they were loaded from the store.
    pub fn new(
        marks: HashMap<Key, Mark>,
        absence_clock_sec: u64,
        complete_ts: Option<i64>,
    ) -> Seen {
        let mut seen = Seen {
            absence_clock_sec,
            complete_ts,
            ..Seen::default()
        };
        for (uid, mark) in marks {
            seen.put(uid, mark);
        }
        seen
    }

    /// How many marks there are.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Decides; changes nothing. `candidate` is asked only for entries that were never seen.
    pub fn plan(
        &self,
        identities: &[Identity],
        poll: Poll,
        mut candidate: impl FnMut(usize) -> Candidate,
    ) -> Plan {
        let mut plan = Plan {
            absence_clock_sec: self.absence_clock_sec,
            complete_ts: self.complete_ts,
            ..Plan::default()
        };
        // Marks that this document adds, so that an item listed twice is new once.
        let mut added = Seen::default();
        let mut listed: HashSet<Key> = HashSet::with_capacity(identities.len());
        let mut fresh = Vec::new();
        let uids: HashSet<Key> = identities.iter().map(|identity| identity.uid).collect();
        for (at, identity) in identities.iter().enumerate() {
            let known = self
                .find(identity, &uids)
                .or_else(|| added.find(identity, &uids));
            let Some(uid) = known else {
                let facts = candidate(at);
                plan.verdicts.push(if facts.dropped {
                    Verdict::Dropped
                } else {
                    Verdict::New { queue: true }
                });
                fresh.extend((!facts.dropped).then_some((facts.published_ts, at)));
                added.put(identity.uid, Mark::of(identity));
                plan.put.push((identity.uid, Mark::of(identity)));
                listed.insert(identity.uid);
                continue;
            };
            let first_of_its_mark = listed.insert(uid);
            let old = self.marks.get(&uid).filter(|_| first_of_its_mark);
            let changed = old.is_some_and(|old| old.text != identity.text);
            plan.verdicts.push(if changed {
                Verdict::Updated { uid }
            } else {
                Verdict::Known { uid }
            });
            let mark = Mark::of(identity);
            if old.is_some_and(|old| *old != mark) {
                plan.put.push((uid, mark));
            }
        }
        if let Some(first_items) = poll.first_items {
            queue_newest(&mut plan.verdicts, fresh, first_items);
        }
        self.age(&mut plan, &listed, poll);
        plan
    }

    /// Takes over a plan that was written.
    pub fn apply(&mut self, plan: &Plan) {
        for (uid, mark) in &plan.put {
            self.put(*uid, *mark);
        }
        for uid in &plan.remove {
            self.take(uid);
        }
        self.absence_clock_sec = plan.absence_clock_sec;
        self.complete_ts = plan.complete_ts;
    }

    fn put(&mut self, uid: Key, mark: Mark) {
        self.take(&uid);
        self.marks.insert(uid, mark);
        self.by_link.extend(mark.link.map(|link| (link, uid)));
        self.by_link_title
            .extend(mark.link_title.map(|link_title| (link_title, uid)));
    }

    fn take(&mut self, uid: &Key) {
        let Some(mark) = self.marks.remove(uid) else {
            return;
        };
        // Another item may have the same link by now.
        if let Some(link) = mark.link
            && self.by_link.get(&link) == Some(uid)
        {
            self.by_link.remove(&link);
        }
        if let Some(link_title) = mark.link_title
            && self.by_link_title.get(&link_title) == Some(uid)
        {
            self.by_link_title.remove(&link_title);
        }
    }

    /// The mark of this entry: by its uid, else by its link. A link says nothing alone where several items of the
    /// document share it, or where the entry has a guid (all releases may be on one page); with the title it does,
    /// because there are feeds that make their guids anew. Not, however, while the document (`uids`) lists the other
    /// guid as well: then they are two.
    fn find(&self, identity: &Identity, uids: &HashSet<Key>) -> Option<Key> {
        if self.marks.contains_key(&identity.uid) {
            return Some(identity.uid);
        }
        if identity.has_guid {
            let uid = self.by_link_title.get(&identity.link_title?).copied();
            return uid.filter(|uid| !uids.contains(uid));
        }
        if identity.link_is_shared {
            return self.by_link_title.get(&identity.link_title?).copied();
        }
        self.by_link.get(&identity.link?).copied()
    }

    /// Lets the marks of unlisted items age, and keeps their number within its limit.
    fn age(&self, plan: &mut Plan, listed: &HashSet<Key>, poll: Poll) {
        let unlisted = self.marks.iter().filter(|(uid, _)| !listed.contains(*uid));
        let mut absent: Vec<(u64, Key)> = Vec::new();
        let mut most = MARKS_MAX;
        if poll.complete {
            let gap = self
                .complete_ts
                .map_or(0, |last| poll.now_ts.saturating_sub(last));
            plan.absence_clock_sec += u64::try_from(gap).unwrap_or(0).min(STEP_MAX_SEC);
            plan.complete_ts = Some(poll.now_ts);
            most = MARKS_MIN.max(MARKS_PER_LISTED * listed.len());
            for (uid, mark) in unlisted {
                // Seen for the first time without it: it was last listed at the parse before.
                let since = mark.absent_since_sec.unwrap_or(self.absence_clock_sec);
                if plan.absence_clock_sec.saturating_sub(since) >= ABSENT_MAX_SEC {
                    plan.remove.push(*uid);
                    continue;
                }
                absent.push((since, *uid));
                if mark.absent_since_sec.is_none() {
                    plan.put.push((
                        *uid,
                        Mark {
                            absent_since_sec: Some(since),
                            ..*mark
                        },
                    ));
                }
            }
        } else {
            absent.extend(
                unlisted.map(|(uid, mark)| (mark.absent_since_sec.unwrap_or(u64::MAX), *uid)),
            );
        }
        let excess = (listed.len() + absent.len())
            .saturating_sub(most)
            .min(absent.len());
        if excess > 0 {
            // The longest absent go first.
            absent.sort_unstable();
            let gone: HashSet<Key> = absent[..excess].iter().map(|(_, uid)| *uid).collect();
            plan.put.retain(|(uid, _)| !gone.contains(uid));
            plan.remove.extend(gone);
        }
    }
}

/// Of a first poll only the newest are queued; where dates are equal, the document's order decides.
fn queue_newest(verdicts: &mut [Verdict], mut fresh: Vec<(i64, usize)>, first_items: usize) {
    fresh.sort_unstable_by_key(|(published_ts, at)| (std::cmp::Reverse(*published_ts), *at));
    for (_, at) in fresh.into_iter().skip(first_items) {
        verdicts[at] = Verdict::New { queue: false };
    }
}

#[cfg(test)]
mod tests;
