//! The analyst. Its own work is not there yet: it beats, reloads and stops.

pub mod config;
pub mod control;
pub mod digest;
pub mod item;
pub mod local;
pub mod market;
pub mod model;
pub mod record;
pub mod script;
pub mod tail;

use std::process::ExitCode;

use crate::service::{self, Profile};
use crate::truth::ServiceSchema;

/// Runs the service; a truth is judged by `schemas`.
pub fn run(schemas: &'static [ServiceSchema]) -> ExitCode {
    service::run(
        &Profile::new("vexy_ai", "analyses what arrives"),
        schemas,
        service::idle,
    )
}
