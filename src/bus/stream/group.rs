//! The commands of a consumer group.

use std::time::Duration;

use redis::streams::{StreamInfoGroupsReply, StreamPendingCountReply};
use redis::{Cmd, Pipeline, Value, cmd};

use super::entry::{by_stream, first_stream, id_of};
use super::{Entry, EntryId};
use crate::bus::{BusError, Commands, Limits};

/// Ids in one XACK or XCLAIM.
const IDS_MAX: usize = 500;

/// One consumer of one group of one stream. Clones are the same consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Of the stream.
    pub key: String,
    /// Of the group.
    pub name: String,
    /// The same after every start: a new instance finds what an old one left.
    pub consumer: String,
}

/// How a group stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupState {
    /// Of the group.
    pub name: String,
    /// Everything up to here was handed out.
    pub last_delivered: EntryId,
    /// Entries that were handed out and are not acknowledged.
    pub pending: u64,
    /// Entries that were never handed out, as far as the server knows: a trim or a deletion, and servers before
    /// Redis 7, leave it unknown, and after some it is wrong. For people to look at, never to be judged by.
    pub lag: Option<u64>,
}

impl Group {
    /// The consumer `consumer` of the group `name` of the stream at `key`.
    pub fn new(key: &str, name: &str, consumer: &str) -> Group {
        Group {
            key: key.to_owned(),
            name: name.to_owned(),
            consumer: consumer.to_owned(),
        }
    }

    /// Makes the group, and the stream if there is none, so that it is handed everything after `from`; unless the group
    /// is there.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn make(&self, commands: &mut Commands, from: EntryId) -> Result<(), BusError> {
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(&self.key).arg(&self.name);
        create.arg(from.to_string()).arg("MKSTREAM");
        match commands.query::<()>(&create) {
            Err(BusError::Reply { reason, .. }) if reason.starts_with("BUSYGROUP") => Ok(()),
            done => done,
        }
    }

    /// Up to `count` entries that were handed out to nobody yet; waits up to `block` for the first, when given.
    ///
    /// # Errors
    /// Those of the bus; [`is_no_group`] when there is no such group.
    pub fn unread(
        &self,
        commands: &mut Commands,
        count: usize,
        block: Option<Duration>,
    ) -> Result<Vec<Entry>, BusError> {
        self.read(commands, ">", count, block)
    }

    /// Up to `count` entries after `after` that are pending under this consumer's name. Each of them counts as
    /// delivered once more.
    ///
    /// # Errors
    /// As [`unread`](Group::unread).
    pub fn own(
        &self,
        commands: &mut Commands,
        after: EntryId,
        count: usize,
    ) -> Result<Vec<Entry>, BusError> {
        self.read(commands, &after.to_string(), count, None)
    }

    fn read(
        &self,
        commands: &mut Commands,
        after: &str,
        count: usize,
        block: Option<Duration>,
    ) -> Result<Vec<Entry>, BusError> {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.name).arg(&self.consumer);
        read.arg("COUNT").arg(count);
        if let Some(block) = block {
            // 0 would mean for ever.
            read.arg("BLOCK").arg(block.as_millis().max(1) as u64);
        }
        read.arg("STREAMS").arg(&self.key).arg(after);
        // Who waits for entries waits that much longer for the answer.
        let patience = block.unwrap_or_default() + Limits::default().read;
        let answer = commands.run_within(patience, |line| read.query(line))?;
        Ok(first_stream(answer))
    }

    /// The first entry after `after` that is pending under this consumer's name, and how often it was delivered. That
    /// is not a delivery.
    ///
    /// # Errors
    /// As [`unread`](Group::unread).
    pub fn pending(
        &self,
        commands: &mut Commands,
        after: EntryId,
    ) -> Result<Option<(EntryId, u64)>, BusError> {
        let mut ask = cmd("XPENDING");
        ask.arg(&self.key).arg(&self.name);
        ask.arg(after.next().to_string()).arg("+").arg(1);
        let found: StreamPendingCountReply = commands.query(ask.arg(&self.consumer))?;
        let first = found.ids.first();
        Ok(first.and_then(|p| Some((EntryId::parse(&p.id)?, p.times_delivered as u64))))
    }

    /// The first entry that is pending under anybody's name.
    ///
    /// # Errors
    /// As [`unread`](Group::unread).
    pub fn oldest_pending(&self, commands: &mut Commands) -> Result<Option<EntryId>, BusError> {
        let ids = self.pending_up_to(commands, None, 1)?;
        Ok(ids.first().copied())
    }

    /// Up to `count` entries that are pending under anybody's name, the oldest first, up to the id `last`.
    ///
    /// # Errors
    /// As [`unread`](Group::unread).
    pub fn pending_up_to(
        &self,
        commands: &mut Commands,
        last: Option<EntryId>,
        count: usize,
    ) -> Result<Vec<EntryId>, BusError> {
        let last = last.map_or_else(|| "+".to_owned(), |id| id.to_string());
        let mut ask = cmd("XPENDING");
        ask.arg(&self.key).arg(&self.name).arg("-").arg(last);
        let found: StreamPendingCountReply = commands.query(ask.arg(count))?;
        let ids = found.ids.iter();
        Ok(ids.filter_map(|p| EntryId::parse(&p.id)).collect())
    }

    /// Takes over one entry that nobody has touched for `idle`, looking from `cursor` on: where to look on next
    /// ([`EntryId::ZERO`]: all were looked at), and the entry that is ours now. That is not a delivery.
    ///
    /// # Errors
    /// As [`unread`](Group::unread).
    pub fn claim_idle(
        &self,
        commands: &mut Commands,
        idle: Duration,
        cursor: EntryId,
    ) -> Result<(EntryId, Option<EntryId>), BusError> {
        let mut claim = cmd("XAUTOCLAIM");
        claim.arg(&self.key).arg(&self.name).arg(&self.consumer);
        claim.arg(idle.as_millis() as u64).arg(cursor.to_string());
        claim.arg("COUNT").arg(1).arg("JUSTID");
        let Value::Array(parts) = commands.query(&claim)? else {
            return Ok((EntryId::ZERO, None));
        };
        let next = parts.first().and_then(id_of).unwrap_or_default();
        let claimed = match parts.get(1) {
            Some(Value::Array(ids)) => ids.first().and_then(id_of),
            _ => None,
        };
        Ok((next, claimed))
    }

    /// Acknowledges entries; how many of them were pending.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn acknowledge(&self, commands: &mut Commands, ids: &[EntryId]) -> Result<u64, BusError> {
        let mut acknowledged = 0;
        for ids in ids.chunks(IDS_MAX) {
            acknowledged += commands.query::<u64>(&self.ack(ids))?;
        }
        Ok(acknowledged)
    }

    /// Puts the acknowledgement of entries into a transaction of the caller's.
    pub fn acknowledge_in(&self, packet: &mut Pipeline, ids: &[EntryId]) {
        for ids in ids.chunks(IDS_MAX) {
            packet.add_command(self.ack(ids)).ignore();
        }
    }

    fn ack(&self, ids: &[EntryId]) -> Cmd {
        let ids: Vec<String> = ids.iter().map(EntryId::to_string).collect();
        let mut ack = cmd("XACK");
        ack.arg(&self.key).arg(&self.name).arg(ids);
        ack
    }

    /// How the group stands; `None` when there is none.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn state(&self, commands: &mut Commands) -> Result<Option<GroupState>, BusError> {
        let all = states(commands, &self.key)?;
        Ok(all.into_iter().find(|state| state.name == self.name))
    }
}

/// How all groups of the stream at `key` stand; none where there is no stream.
///
/// # Errors
/// Those of the bus.
pub fn states(commands: &mut Commands, key: &str) -> Result<Vec<GroupState>, BusError> {
    let mut ask = cmd("XINFO");
    ask.arg("GROUPS").arg(key);
    let found: StreamInfoGroupsReply = match commands.query(&ask) {
        Err(BusError::Reply { reason, .. }) if reason.contains("no such key") => {
            return Ok(Vec::new());
        }
        found => found?,
    };
    let state = |group: redis::streams::StreamInfoGroup| GroupState {
        last_delivered: EntryId::parse(&group.last_delivered_id).unwrap_or_default(),
        pending: group.pending as u64,
        lag: group.lag.map(|lag| lag as u64),
        name: group.name,
    };
    Ok(found.groups.into_iter().map(state).collect())
}

/// Up to `count` entries of each of these streams that were handed out to nobody yet, by the number of the stream. Waits up
/// to `block` for the first. All are of one group name and one consumer.
///
/// # Errors
/// Those of the bus; [`is_no_group`] when one of the groups is not there.
pub(super) fn unread_of(
    commands: &mut Commands,
    groups: &[&Group],
    count: usize,
    block: Duration,
) -> Result<Vec<(usize, Vec<Entry>)>, BusError> {
    let Some(first) = groups.first() else {
        return Ok(Vec::new());
    };
    debug_assert!(
        groups
            .iter()
            .all(|g| (&g.name, &g.consumer) == (&first.name, &first.consumer))
    );
    let mut read = cmd("XREADGROUP");
    read.arg("GROUP").arg(&first.name).arg(&first.consumer);
    read.arg("COUNT").arg(count);
    // 0 would mean for ever.
    read.arg("BLOCK").arg(block.as_millis().max(1) as u64);
    read.arg("STREAMS");
    for group in groups {
        read.arg(&group.key);
    }
    for _ in groups {
        read.arg(">");
    }
    let patience = block + Limits::default().read;
    let answer = commands.run_within(patience, |line| read.query(line))?;
    let number = |key: &[u8]| groups.iter().position(|group| group.key.as_bytes() == key);
    let streams = by_stream(answer).into_iter();
    Ok(streams
        .filter_map(|(key, entries)| Some((number(&key)?, entries)))
        .collect())
}

/// Whether it says that there is no such group, or no such stream: the data was lost, or somebody removed it.
pub fn is_no_group(error: &BusError) -> bool {
    // The second is what who waits for entries is told when the stream goes.
    let said = ["NOGROUP", "UNBLOCKED"];
    matches!(error, BusError::Reply { reason, .. } if said.iter().any(|word| reason.starts_with(word)))
}
