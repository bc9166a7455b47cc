//! A lease of which the last comer wins: whoever starts takes it, whoever held it finds that out with his next write.
//!
//! Plain commands, no script: so it is held where scripts are forbidden, too, and only given back with one.

use std::time::Duration;

use redis::cmd;

use super::{Fence, RELEASE};
use crate::bus::{BusError, Commands};

/// Whose the lease is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// This instance holds it.
    Ours,
    /// Another took it over, or it is free and was not taken.
    Others,
}

/// Who holds it, if anybody does.
///
/// # Errors
/// When there is no answer, or an error is.
pub fn holder(commands: &mut Commands, key: &str) -> Result<Option<String>, BusError> {
    commands.query(cmd("GET").arg(key))
}

/// Takes it, whoever held it, for `ttl` from now on.
///
/// # Errors
/// As [`holder`].
pub fn seize(commands: &mut Commands, fence: &Fence, ttl: Duration) -> Result<(), BusError> {
    let mut set = cmd("SET");
    set.arg(fence.key()).arg(fence.token());
    commands.query(set.arg("PX").arg(millis(ttl)))
}

/// Keeps it for `ttl` from now on, or takes it if it ran out.
///
/// # Errors
/// As [`holder`].
pub fn keep_unless_others(
    commands: &mut Commands,
    fence: &Fence,
    ttl: Duration,
) -> Result<Holding, BusError> {
    match holder(commands, fence.key())? {
        Some(holder) if holder != fence.token() => return Ok(Holding::Others),
        // Which Redis allows even when it is out of memory. It may have run out just now.
        Some(_) if prolong(commands, fence, ttl)? => {}
        _ => seize(commands, fence, ttl)?,
    }
    Ok(Holding::Ours)
}

/// Gives it back, if it is ours.
///
/// # Errors
/// As [`holder`].
pub fn give_back(commands: &mut Commands, fence: &Fence) -> Result<(), BusError> {
    let mut eval = cmd("EVAL");
    eval.arg(RELEASE).arg(1).arg(fence.key()).arg(fence.token());
    commands.query(&eval)
}

/// False when it ran out.
fn prolong(commands: &mut Commands, fence: &Fence, ttl: Duration) -> Result<bool, BusError> {
    let mut expire = cmd("PEXPIRE");
    expire.arg(fence.key()).arg(millis(ttl));
    commands.query(&expire)
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}
