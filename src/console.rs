//! The console: one look tells what is up, since when, and what to do.
//!
//! It judges nothing. It reads what the healer wrote, shows no green that nobody vouches for, and counts no time as up in
//! which nobody looked. Nothing waits for it: it holds no lease, hears no heartbeats, and takes work from nobody.
//!
//! - `settings`: the environment; `access`: who may read and act (pure);
//! - `config`: what truth says to it; `public`: what everybody may see (pure);
//! - `state`: what is known, and how each service stands (pure); `view`: one moment of it, as it is shown;
//! - `look`, `follow`, `fold`, `read`, `hear`: the threads that read the bus; `errand`: those that do what a request asks
//!   for there: `report` reads what the working services keep (each a `topic`), `ask` acts;
//! - `site`: what is answered to each request, on the thread that waits for sockets; `json`, `page`, `sheet`, `plain`,
//!   `metrics` and `answer` write the answers, `live` the frames;
//! - `daemon`: the loop.

mod access;
mod answer;
mod ask;
mod config;
mod csv;
mod daemon;
mod daemons;
mod errand;
mod event;
mod exposition;
mod facts;
mod fold;
mod follow;
mod hear;
mod json;
mod live;
mod look;
mod metrics;
mod page;
mod plain;
mod process;
mod public;
mod read;
mod report;
mod settings;
mod shared;
mod sheet;
mod site;
mod state;
mod topic;
mod view;

use std::process::ExitCode;

use crate::service::{self, Profile};
use crate::truth::ServiceSchema;

pub use config::{CONSOLE, SCHEMA};
pub use settings::DEFAULT_LISTEN;

const PROFILE: Profile = Profile {
    never_gives_up: true,
    waits_for_truth: true,
    ..Profile::new(
        CONSOLE,
        "shows how the swarm stands: pages, an API, live updates and metrics over HTTP",
    )
};

/// Runs the service; a truth is judged by `schemas`.
pub fn run(schemas: &'static [ServiceSchema]) -> ExitCode {
    service::run_prepared(&PROFILE, schemas, daemon::prepare, daemon::run)
}
