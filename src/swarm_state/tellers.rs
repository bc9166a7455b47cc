//! Who tells people: the channels of the healer, as they stand in Redis.

use super::alert_log::groups;
use crate::bus::{BusError, Commands};
use crate::contract::{dead_key, holder_key, is_name, outbox_key};

/// Channels that are looked at; further ones are left out.
const TELLERS_MAX: usize = 64;
/// Whose channels they are, and how the names of their groups begin.
const OF_HEALER: &str = "healer:";

/// One way to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teller {
    /// The channel: `webhook`, `email`, or as truth names it.
    pub channel: String,
    /// Whether somebody tells through it.
    pub is_at_work: bool,
    /// Messages that are on their way.
    pub waiting: u64,
    /// Messages that could not be delivered.
    pub dead: u64,
}

/// The channels of the healer. One that was taken away stays for as long as it holds messages. Two questions to the bus,
/// however many channels there are.
///
/// # Errors
/// When the bus does not answer.
pub fn tellers(commands: &mut Commands) -> Result<Vec<Teller>, BusError> {
    let groups = groups(commands)?;
    let named = groups
        .iter()
        .filter_map(|group| Some((group.strip_prefix(OF_HEALER)?, group)));
    let mut channels: Vec<(&str, &String)> = named
        .filter(|(channel, _)| is_name(channel))
        .take(TELLERS_MAX)
        .collect();
    if channels.is_empty() {
        return Ok(Vec::new());
    }
    channels.sort_unstable();
    let mut packet = redis::pipe();
    for (channel, group) in &channels {
        packet.cmd("EXISTS").arg(holder_key(group));
        packet.cmd("HLEN").arg(outbox_key(group));
        packet.cmd("LLEN").arg(dead_key(channel));
    }
    let counts: Vec<u64> = commands.pipe(&packet)?;
    let found = channels.iter().zip(counts.chunks_exact(3));
    let found = found.map(|((channel, _), counts)| Teller {
        channel: (*channel).to_owned(),
        is_at_work: counts[0] > 0,
        waiting: counts[1],
        dead: counts[2],
    });
    Ok(found
        .filter(|teller| teller.is_at_work || teller.waiting > 0 || teller.dead > 0)
        .collect())
}
