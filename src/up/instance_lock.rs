//! The lock on a data folder: one run has it.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};

use crate::service::Error;
use crate::swarm_state::locator::RunFolder;

/// Two of us must not share a data folder; the kernel lets go of the lock when we die, however that is.
pub(super) fn lock(run: &RunFolder) -> Result<File, Error> {
    let path = run.path().join("up.lock");
    let file = File::create(&path)
        .map_err(|e| Error::Config(format!("cannot write {}: {e}", path.display())))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        let pid = run.read().map_or(String::new(), |n| format!(" (process {})", n.pid));
        Error::Config(format!(
            "another marketswarm up{pid} runs with the data folder {}: end it, or give another with --data",
            run.data().display()
        ))
    })?;
    Ok(file)
}
