//! The snapshots at `health:<svc>`, as they stand. Whether they still hold, only an [`Oversight`](super::Oversight)
//! tells.

use crate::bus::{BusError, Commands};
use crate::contract::{Health, health_key};

/// Snapshots in one command.
const MGET_MAX: usize = 1000;
/// Such commands in one packet: what is far away is not asked a thousand times.
const PACKET_MAX: usize = 8;

/// The latest snapshots of these services, in their order; what cannot be read counts as absent.
///
/// # Errors
/// When the bus does not answer.
pub fn snapshots<S: AsRef<str>>(
    commands: &mut Commands,
    services: impl IntoIterator<Item = S>,
) -> Result<Vec<Option<Health>>, BusError> {
    let names = services.into_iter();
    let keys: Vec<String> = names.map(|svc| health_key(svc.as_ref())).collect();
    let mut snapshots = Vec::with_capacity(keys.len());
    for keys in keys.chunks(MGET_MAX * PACKET_MAX) {
        let mut packet = redis::pipe();
        for keys in keys.chunks(MGET_MAX) {
            packet.cmd("MGET").arg(keys);
        }
        let answers: Vec<Vec<Option<Vec<u8>>>> = commands.pipe(&packet)?;
        let read = |text: Option<Vec<u8>>| serde_json::from_slice(&text?).ok();
        snapshots.extend(answers.into_iter().flatten().map(read));
    }
    Ok(snapshots)
}
