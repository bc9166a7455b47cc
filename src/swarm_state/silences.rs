//! Silences and acknowledgements, as they are kept on the system bus: each at a key of its own that runs out with it, and
//! the ids of all in one set.

use redis::cmd;

use crate::bus::{BusError, Commands};
use crate::contract::{SILENCES, Silence, silence_key};

/// All silences and acknowledgements in force or to come, by their beginning; forgets the ids of those that have
/// expired.
///
/// # Errors
/// When the bus does not answer.
pub fn silences(commands: &mut Commands) -> Result<Vec<Silence>, BusError> {
    let ids: Vec<String> = commands.query(cmd("SMEMBERS").arg(SILENCES))?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = ids.iter().map(|id| silence_key(id)).collect();
    let found: Vec<Option<String>> = commands.query(cmd("MGET").arg(keys))?;
    let (mut silences, mut expired) = (Vec::new(), Vec::new());
    for (id, json) in ids.into_iter().zip(found) {
        match json.map(|j| serde_json::from_str::<Silence>(&j)) {
            Some(Ok(silence)) => silences.push(silence),
            Some(Err(e)) => log::warn!("silence {id} cannot be read: {e}"),
            None => expired.push(id),
        }
    }
    if !expired.is_empty() {
        commands.query::<()>(cmd("SREM").arg(SILENCES).arg(expired))?;
    }
    silences.sort_by(|a, b| (a.from_ms, &a.id).cmp(&(b.from_ms, &b.id)));
    Ok(silences)
}

/// Writes `silence`; it goes by itself when it is over.
///
/// # Errors
/// When the bus does not take it.
pub fn keep_silence(
    commands: &mut Commands,
    silence: &Silence,
    now_ms: i64,
) -> Result<(), BusError> {
    let mut both = redis::pipe();
    both.atomic()
        .cmd("SET")
        .arg(silence_key(&silence.id))
        .arg(silence.to_json());
    both.arg("PX")
        .arg((silence.until_ms - now_ms).max(1))
        .ignore();
    both.cmd("SADD").arg(SILENCES).arg(&silence.id).ignore();
    commands.pipe(&both)
}

/// Ends the silence with this id.
///
/// # Errors
/// When the bus does not take it.
pub fn end_silence(commands: &mut Commands, id: &str) -> Result<(), BusError> {
    let mut both = redis::pipe();
    both.atomic().cmd("DEL").arg(silence_key(id)).ignore();
    both.cmd("SREM").arg(SILENCES).arg(id).ignore();
    commands.pipe(&both)
}
