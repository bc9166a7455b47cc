//! The queue, as somebody reads it who only looks on.

use super::Store;
use crate::bus::BusError;
use crate::contract::feeds;

/// How long a reader of the queue waits at a time: less than the connection's limit for an answer.
const TAIL_BLOCK_MS: u64 = 1000;

/// A queue entry: its id, and its fields in order.
pub type Entry = (String, Vec<(String, String)>);

impl Store {
    /// The id of the newest queue entry, to read on from.
    pub fn newest_entry(&mut self) -> Result<String, BusError> {
        let ask = redis::cmd("XREVRANGE")
            .arg(feeds::QUEUE)
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(1)
            .to_owned();
        let newest: Vec<(String, Vec<String>)> = self.bus.query(&ask)?;
        Ok(newest
            .into_iter()
            .next()
            .map_or_else(|| "0".to_owned(), |(id, _)| id))
    }

    /// The queue entries after `id` with their fields, or none when none comes within a second.
    pub fn entries_after(&mut self, id: &str) -> Result<Vec<Entry>, BusError> {
        let mut ask = redis::cmd("XREAD");
        ask.arg("COUNT")
            .arg(1000)
            .arg("BLOCK")
            .arg(TAIL_BLOCK_MS)
            .arg("STREAMS")
            .arg(feeds::QUEUE)
            .arg(id);
        let read: Option<Vec<(String, Vec<Entry>)>> = self.bus.query(&ask)?;
        Ok(read
            .into_iter()
            .flatten()
            .flat_map(|(_, entries)| entries)
            .collect())
    }
}
