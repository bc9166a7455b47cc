//! The market data source. Its own work is not there yet: it beats, reloads and stops.

use std::process::ExitCode;

use crate::service::{self, Profile};

/// Runs the service.
pub fn run() -> ExitCode {
    service::run(
        &Profile::new("massive", "sources market data"),
        service::idle,
    )
}
