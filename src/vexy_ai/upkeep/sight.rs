//! How the work stands.

use std::time::Duration;

use crate::bus::stream::{self, EntryId, Group};
use crate::bus::{BusError, Commands};
use crate::contract::analysis::{DEAD, GROUP};
use crate::vexy_ai::queue::STREAMS;

/// Entries that were given up within an hour, from which on that is a fault.
pub const DEAD_MANY: usize = 10;
const HOUR_MS: u64 = 3_600_000;

/// How the work stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// How long the oldest entry has waited that nobody is done with.
    pub behind: Duration,
    /// Entries that were given up within the last hour; no more than [`DEAD_MANY`] are counted.
    pub dead: usize,
}

impl Sight {
    /// Looks.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn take(bus: &mut Commands) -> Result<Sight, BusError> {
        let (secs, micros): (u64, u64) = bus.query(&redis::cmd("TIME"))?;
        let now_ms = secs * 1_000 + micros / 1_000;
        let mut oldest = None;
        for key in STREAMS {
            oldest = oldest.into_iter().chain(oldest_owed(bus, key)?).min();
        }
        let behind_ms = oldest.map_or(0, |id: EntryId| now_ms.saturating_sub(id.ms));
        let hour_ago = EntryId {
            ms: now_ms.saturating_sub(HOUR_MS),
            seq: 0,
        };
        Ok(Sight {
            behind: Duration::from_millis(behind_ms),
            dead: stream::between(bus, DEAD, hour_ago, None, DEAD_MANY)?.len(),
        })
    }
}

/// The oldest entry of a stream that the group is not done with.
fn oldest_owed(bus: &mut Commands, key: &str) -> Result<Option<EntryId>, BusError> {
    let group = Group::new(key, GROUP, "");
    let Some(state) = group.state(bus)? else {
        return Ok(None);
    };
    if state.pending > 0 {
        // Whatever was not handed out yet is newer.
        return group.oldest_pending(bus);
    }
    let unread = stream::between(bus, key, state.last_delivered, None, 1)?;
    Ok(unread.first().map(|entry| entry.id))
}
