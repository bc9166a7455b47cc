//! `marketswarm up`: the whole swarm on one host, until Ctrl-C: the local process supervisor.
//!
//! 1. `settings` reads the command line;
//! 2. `instance_lock`: one run a data folder;
//! 3. `swarm` is the loop: one `Event` after the other goes to
//! 4. `process_supervisor`, which decides who runs and who is started again (pure), and
//! 5. `processes`, `buses`, `ports`, `logs` do what it decides, `lost_truth` sees when a bus is to be seeded again; `child` are the first steps of what they start;
//! 6. `ui` shows it: the screen, or a line per event.

pub mod child;

mod analyses;
mod buses;
mod event;
mod instance_lock;
mod last_words;
mod logs;
mod lost_truth;
mod ports;
mod process_supervisor;
mod processes;
mod settings;
mod signals;
mod swarm;
mod ui;

use std::process::ExitCode;

use crate::env::Env;
use crate::service::{Error, printed};

/// Runs the rest of a command line.
///
/// # Errors
/// When it asks for what cannot be, or the data folder cannot be used.
pub fn run(args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    match settings::settings(args, env)? {
        Some(settings) => swarm::run(settings),
        None => printed(settings::HELP),
    }
}
