//! `marketswarm hold SVC`, `marketswarm release SVC`: a service of `up` stays down, and comes back.

use std::process::ExitCode;

use lexopt::prelude::*;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{bad_args, known, print, printed};
use crate::env::Env;
use crate::service::{Error, SERVICES};
use crate::swarm_state::locator::{RunFolder, UpNote, data_folder};

const HELP: &str = "\
marketswarm hold SVC     ends a service that `marketswarm up` runs, and keeps it down
marketswarm release SVC  lets it come back

MARKETSWARM_DATA names the data folder of that `up` (./data).
";

/// Which of the two commands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Hold,
    Release,
}

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env, what: What) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("hold", e);
    let svc = match args.next().map_err(bad)? {
        Some(Value(svc)) => svc.to_string_lossy().into_owned(),
        Some(Long("help") | Short('h')) => return printed(HELP),
        Some(other) => return Err(bad(other.unexpected())),
        None => {
            return Err(Error::Config(
                "which service? see marketswarm hold --help".into(),
            ));
        }
    };
    if let Some(other) = args.next().map_err(bad)? {
        return Err(bad(other.unexpected()));
    }
    let svc = known::name(&svc)?;
    known::one_of(&svc, "service of `up`", SERVICES)?;
    let run = RunFolder::of(&data_folder(&env)?);
    let Some(note) = run.read().filter(UpNote::is_alive) else {
        return Err(Error::Other(format!(
            "no marketswarm up runs with {}: name its data folder with MARKETSWARM_DATA",
            run.path().display()
        )));
    };
    if what == What::Release {
        let said = match run.release(&svc)? {
            true => format!("{svc} comes back\n"),
            false => format!("{svc} was not held\n"),
        };
        return printed(&said);
    }
    let pid = note.children.get(&*svc).copied();
    let Some(pid) = pid.filter(|pid| note.is_own(*pid)) else {
        let running: Vec<&str> = note.children.keys().map(String::as_str).collect();
        return Err(Error::Other(format!(
            "marketswarm up runs no {svc} now; it runs {}",
            running.join(", ")
        )));
    };
    run.hold(&svc)?;
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        for signal in [Signal::TERM, Signal::CONT] {
            match kill_process_group(pid, signal) {
                // It ended in between, as it should.
                Ok(()) | Err(Errno::SRCH) => {}
                Err(error) => return Err(std::io::Error::from(error).into()),
            }
        }
    }
    print(&format!(
        "{svc} ends and stays down until: marketswarm release {svc}\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}
