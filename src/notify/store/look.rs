//! What anybody may read: the log and the silences.

use std::time::Duration;

use redis::cmd;

use super::{Logged, READ_MAX, parse};
use crate::bus::{BusError, Commands};
use crate::contract::{ALERT_LOG, SILENCES, silence_key};
use crate::notify::teller::Hush;

/// Entries of the log after the id `after`; waits up to `block` for them, when given.
pub fn log_after(
    commands: &mut Commands,
    after: &str,
    block: Option<Duration>,
) -> Result<Vec<Logged>, BusError> {
    let mut read = cmd("XREAD");
    read.arg("COUNT").arg(READ_MAX);
    if let Some(block) = block {
        read.arg("BLOCK").arg(block.as_millis().max(1) as u64);
    }
    read.arg("STREAMS").arg(ALERT_LOG).arg(after);
    Ok(parse::first_stream(commands.query(&read)?))
}

/// All silences and acknowledgements; forgets the ids of those that have expired.
pub fn hushes(commands: &mut Commands) -> Result<Vec<Hush>, BusError> {
    let ids: Vec<String> = commands.query(cmd("SMEMBERS").arg(SILENCES))?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = ids.iter().map(|id| silence_key(id)).collect();
    let found: Vec<Option<String>> = commands.query(cmd("MGET").arg(keys))?;
    let (mut hushes, mut expired) = (Vec::new(), Vec::new());
    for (id, json) in ids.into_iter().zip(found) {
        match json.map(|j| serde_json::from_str::<Hush>(&j)) {
            Some(Ok(hush)) => hushes.push(hush),
            Some(Err(e)) => log::warn!("silence {id} cannot be read: {e}"),
            None => expired.push(id),
        }
    }
    if !expired.is_empty() {
        commands.query::<()>(cmd("SREM").arg(SILENCES).arg(expired))?;
    }
    hushes.sort_by(|a, b| (a.from_ms, &a.id).cmp(&(b.from_ms, &b.id)));
    Ok(hushes)
}
