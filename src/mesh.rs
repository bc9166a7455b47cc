//! Who is there, who does what, and which work stands still.
//!
//! mesh keeps the registry of instances. **Nothing depends on it**: beats, alerts and leases go on without it. The healer
//! judges services; mesh judges instances, by the same detector.
//!
//! - [`hearing`]: who beats on one bus (pure); [`bus`] is its thread.
//! - [`registry`]: who is there, and what of it is to be told (pure); [`record`] writes it, under a lease.
//! - [`work`]: which streams stand still (pure); [`streams`] looks at them.
//! - [`alerts`]: what people are told, by the healer's alert store.
//! - [`daemon`]: the loop.

pub mod alerts;
pub mod bus;
pub mod config;
pub mod daemon;
pub mod hearing;
pub mod record;
pub mod registry;
pub mod streams;
pub mod work;

use std::process::ExitCode;

use crate::service;
use crate::truth::ServiceSchema;

/// Runs the service; a truth is judged by `schemas`.
pub fn run(schemas: &'static [ServiceSchema]) -> ExitCode {
    service::run(&daemon::PROFILE, schemas, |mut service| {
        daemon::Mesh::start(&mut service)?.serve(&mut service)
    })
}
