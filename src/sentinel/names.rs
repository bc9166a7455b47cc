//! What the sentinel goes by.

use std::time::Duration;

use crate::env::{Env, EnvError};
use crate::truth::TIMEOUT_MAX_SEC;

/// Whom it watches.
pub(super) const HEALER: &str = "healer";
/// Its own name, for what it tells about itself.
pub(super) const SENTINEL: &str = "sentinel";
/// The socket time limit of the idle loop.
pub(super) const IDLE: Duration = Duration::from_secs(1);

/// Read at the start whatever truth says, so that no later truth can bring up a mistake in it.
pub(super) fn usual_timeout(env: &Env) -> Result<Option<Duration>, EnvError> {
    let name = "SENTINEL_TIMEOUT_SEC";
    let secs = env.secs(name, 30.0, 0.1, TIMEOUT_MAX_SEC)?;
    Ok(env.get(name)?.map(|_| secs))
}
