//! Retention: what is older than a day goes, unless a worker still owes it; what is beyond the count goes in any case,
//! and what a worker never got of it is counted as lost.

use std::collections::HashSet;

use super::{Store, count};
use crate::bus::BusError;
use crate::bus::stream::{self, EntryId};
use crate::contract::feeds;

/// Items and entries that one sweep looks at; the rest is left to the next.
const SWEEP_MAX: usize = 5000;
/// An item's time of fetch is a little before its entry's time: the longest that a poll may take.
const POLL_MAX_SEC: i64 = 120;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    pub secs: u64,
    pub items: usize,
}

/// What a sweep took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub items: usize,
    pub entries: usize,
    /// Entries among them that a consumer group had not read or not acknowledged.
    pub lost: usize,
    /// There is more to take away.
    pub more: bool,
}

/// A consumer group, as far as retention goes.
struct Group {
    name: String,
    last_delivered: EntryId,
    oldest_pending: Option<EntryId>,
}

impl Group {
    /// The first entry that this group still owes work on.
    fn owes_from(&self) -> EntryId {
        let unread = self.last_delivered.next();
        self.oldest_pending
            .map_or(unread, |pending| pending.min(unread))
    }
}

impl Store {
    /// Takes away what is over the limits, a bounded amount at a time.
    pub fn sweep(&mut self, keep: Keep, now_ts: i64, tick: impl Fn()) -> Result<Swept, BusError> {
        let mut swept = Swept::default();
        let groups = self.groups(&tick)?;
        self.sweep_queue_by_count(keep, &groups, &mut swept, &tick)?;
        let oldest_owed = groups.iter().map(Group::owes_from).min();
        let horizon_ts = now_ts.saturating_sub_unsigned(keep.secs);
        let by_age = EntryId {
            ms: u64::try_from(horizon_ts).unwrap_or(0).saturating_mul(1000),
            seq: 0,
        };
        let cut = oldest_owed.map_or(by_age, |owed| owed.min(by_age));
        let mut trim = redis::pipe();
        trim.atomic();
        trim.cmd("XTRIM")
            .arg(feeds::QUEUE)
            .arg("MINID")
            .arg(cut.to_string());
        let (trimmed,): (usize,) = self.write(&trim)?;
        swept.entries += trimmed;

        // Items go with their entries: an entry that is still owed keeps its item.
        let item_horizon_ts = match i64::try_from(cut.ms / 1000) {
            Ok(cut_ts) if cut < by_age => cut_ts.saturating_sub(POLL_MAX_SEC),
            _ => horizon_ts,
        };
        let mut ask = redis::pipe();
        ask.cmd("ZCARD").arg(feeds::FETCHED);
        ask.cmd("ZCOUNT")
            .arg(feeds::FETCHED)
            .arg("-inf")
            .arg(item_horizon_ts);
        let (all, old): (usize, usize) = self.bus.pipe(&ask)?;
        let too_many = old.max(all.saturating_sub(keep.items));
        swept.more |= too_many > SWEEP_MAX;
        self.remove_oldest_items(too_many.min(SWEEP_MAX), &mut swept, &tick)?;
        Ok(swept)
    }

    fn sweep_queue_by_count(
        &mut self,
        keep: Keep,
        groups: &[Group],
        swept: &mut Swept,
        tick: &dyn Fn(),
    ) -> Result<(), BusError> {
        let length: usize = self.bus.query(redis::cmd("XLEN").arg(feeds::QUEUE))?;
        let over = length.saturating_sub(keep.items);
        if over == 0 {
            return Ok(());
        }
        swept.more |= over > SWEEP_MAX;
        let over = over.min(SWEEP_MAX);
        let oldest = stream::between(&mut self.bus, feeds::QUEUE, EntryId::ZERO, None, over)?;
        let ids: Vec<EntryId> = oldest.iter().map(|entry| entry.id).collect();
        let Some(last) = ids.last().copied() else {
            return Ok(());
        };
        let lost = self.owed_among(&ids, last, groups, tick)?;
        let mut write = redis::pipe();
        write.atomic();
        write
            .cmd("XTRIM")
            .arg(feeds::QUEUE)
            .arg("MINID")
            .arg(last.next().to_string());
        count(&mut write, "lost", lost);
        let (trimmed,): (usize,) = self.write(&write)?;
        swept.entries += trimmed;
        swept.lost += lost;
        Ok(())
    }

    /// How many of the entries some group has not read or not acknowledged.
    fn owed_among(
        &mut self,
        ids: &[EntryId],
        last: EntryId,
        groups: &[Group],
        tick: &dyn Fn(),
    ) -> Result<usize, BusError> {
        let mut owed: HashSet<EntryId> = HashSet::new();
        for group in groups {
            owed.extend(ids.iter().filter(|id| **id > group.last_delivered));
            let pending =
                as_group(&group.name).pending_up_to(&mut self.bus, Some(last), ids.len())?;
            tick();
            owed.extend(pending);
        }
        // A pending entry that was deleted before is not among them.
        Ok(ids.iter().filter(|id| owed.contains(id)).count())
    }

    fn groups(&mut self, tick: &dyn Fn()) -> Result<Vec<Group>, BusError> {
        let found = stream::states(&mut self.bus, feeds::QUEUE)?;
        let mut groups = Vec::with_capacity(found.len());
        for state in found {
            let oldest_pending = as_group(&state.name).oldest_pending(&mut self.bus)?;
            tick();
            groups.push(Group {
                name: state.name,
                last_delivered: state.last_delivered,
                oldest_pending,
            });
        }
        Ok(groups)
    }

    fn remove_oldest_items(
        &mut self,
        count: usize,
        swept: &mut Swept,
        tick: &dyn Fn(),
    ) -> Result<(), BusError> {
        if count == 0 {
            return Ok(());
        }
        let oldest = redis::cmd("ZRANGE")
            .arg(feeds::FETCHED)
            .arg(0)
            .arg(count - 1)
            .to_owned();
        let uids: Vec<String> = self.bus.query(&oldest)?;
        for uids in uids.chunks(500) {
            let keys: Vec<String> = uids.iter().map(|uid| feeds::item_key(uid)).collect();
            let mut write = redis::pipe();
            write.atomic();
            write.cmd("UNLINK").arg(keys).ignore();
            write.cmd("ZREM").arg(feeds::INDEX).arg(uids).ignore();
            write.cmd("ZREM").arg(feeds::FETCHED).arg(uids).ignore();
            self.write::<()>(&write)?;
            tick();
            swept.items += uids.len();
        }
        Ok(())
    }
}

/// A group of the queue, as somebody looks at it who is none of its workers.
fn as_group(name: &str) -> stream::Group {
    stream::Group::new(feeds::QUEUE, name, "")
}
