//! A stream as somebody reads it who only looks on: nothing is handed out to him, so nothing is owed.

use std::time::Duration;

use redis::cmd;

use super::entry::{entries, first_stream};
use super::{Entry, EntryId};
use crate::bus::{BusError, Commands, Limits};

/// Up to `count` entries after `id`; waits up to `block` for the first of them, when given.
///
/// # Errors
/// Those of the bus.
pub fn after(
    commands: &mut Commands,
    key: &str,
    id: EntryId,
    count: usize,
    block: Option<Duration>,
) -> Result<Vec<Entry>, BusError> {
    let mut read = cmd("XREAD");
    read.arg("COUNT").arg(count);
    if let Some(block) = block {
        // 0 would mean for ever.
        read.arg("BLOCK").arg(block.as_millis().max(1) as u64);
    }
    read.arg("STREAMS").arg(key).arg(id.to_string());
    let patience = block.unwrap_or_default() + Limits::default().read;
    let answer = commands.run_within(patience, |line| read.query(line))?;
    Ok(first_stream(answer))
}

/// Up to `count` entries after one id and up to another, that one included.
///
/// # Errors
/// Those of the bus.
pub fn between(
    commands: &mut Commands,
    key: &str,
    after: EntryId,
    up_to: Option<EntryId>,
    count: usize,
) -> Result<Vec<Entry>, BusError> {
    let mut range = cmd("XRANGE");
    range.arg(key).arg(format!("({after}"));
    match up_to {
        Some(id) => range.arg(id.to_string()),
        None => range.arg("+"),
    };
    Ok(entries(commands.query(range.arg("COUNT").arg(count))?))
}

/// The `count` newest entries, the newest first.
///
/// # Errors
/// Those of the bus.
pub fn newest(commands: &mut Commands, key: &str, count: usize) -> Result<Vec<Entry>, BusError> {
    let mut range = cmd("XREVRANGE");
    range.arg(key).arg("+").arg("-").arg("COUNT").arg(count);
    Ok(entries(commands.query(&range)?))
}
