//! The analyst. Its own work is not there yet: it beats, reloads and stops.

use std::process::ExitCode;

use crate::service::{self, Profile};

/// Runs the service.
pub fn run() -> ExitCode {
    service::run(
        &Profile::new("vexy_ai", "analyses what arrives"),
        service::idle,
    )
}
