//! The queue, as somebody reads it who only looks on.

use std::time::Duration;

use super::Store;
use crate::bus::BusError;
use crate::bus::stream::{self, EntryId, READ_MAX};
use crate::contract::feeds;

/// How long a reader of the queue waits at a time: less than the connection's limit for an answer.
const TAIL_BLOCK: Duration = Duration::from_secs(1);

/// A queue entry: its id, and its fields in order.
pub type Entry = (EntryId, Vec<(String, String)>);

impl Store {
    /// The id of the newest queue entry, to read on from.
    pub fn newest_entry(&mut self) -> Result<EntryId, BusError> {
        let newest = stream::newest(&mut self.bus, feeds::QUEUE, 1)?;
        Ok(newest.first().map_or(EntryId::ZERO, |entry| entry.id))
    }

    /// The queue entries after `id` with their fields, or none when none comes within a second.
    pub fn entries_after(&mut self, id: EntryId) -> Result<Vec<Entry>, BusError> {
        let read = stream::after(&mut self.bus, feeds::QUEUE, id, READ_MAX, Some(TAIL_BLOCK))?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let fields = |entry: stream::Entry| {
            let fields = entry.fields.unwrap_or_default().into_iter();
            let fields = fields.map(|(name, value)| (text(name), text(value)));
            (entry.id, fields.collect())
        };
        Ok(read.into_iter().map(fields).collect())
    }
}
