//! The analyst. Its own work is not there yet: it beats, reloads and stops.

use std::process::ExitCode;

use crate::service::{self, Profile};
use crate::truth::Check;

/// Runs the service; a truth is judged by `checks`.
pub fn run(checks: &'static [Check]) -> ExitCode {
    service::run(
        &Profile::new("vexy_ai", "analyses what arrives"),
        checks,
        service::idle,
    )
}
