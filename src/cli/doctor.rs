//! `marketswarm doctor`: everything that is wrong, the worst first, each with what to do about it.
//!
//! 1. [`place`]: the environment and the disk of this machine;
//! 2. [`redis`]: each bus: does it answer, how fast, and is it set up for what it carries ([`facts`], pure);
//! 3. [`swarm`]: the truth in force, who judges, who does not beat, and whether anybody would be told.
//!
//! Nothing is changed anywhere. What is found goes into one [`Report`].

mod facts;
mod place;
mod redis;
mod report;
mod swarm;

use std::process::ExitCode;

use lexopt::prelude::*;

use super::{bad_args, print, printed};
use crate::bus::Buses;
use crate::env::Env;
use crate::service::Error;
use crate::swarm_state::locator;
use report::{Finding, Report};

const HELP: &str = "\
marketswarm doctor: everything that is wrong, the worst first, each with what to do about it

usage: marketswarm doctor [--json]

It looks at the environment of this shell, the buses (reach, round trip, clock, role, memory, persistence, rights), the
disk, the truth in force, the healer, the services and the channels that tell people. It changes nothing.
exit codes: 0 well, 1 something is to be done, 2 usage, 3 the bus that carries control cannot be reached
";

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("doctor", e);
    let mut as_json = false;
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Long("json") => as_json = true,
            Long("help") | Short('h') => return printed(HELP),
            other => return Err(bad(other.unexpected())),
        }
    }
    let report = examine(&env);
    print(&if as_json {
        format!("{:#}\n", report.json())
    } else {
        report.text()
    })?;
    Ok(ExitCode::from(report.exit_code()))
}

/// Looks at everything. What cannot be looked at is a finding, and the rest goes on.
fn examine(env: &Env) -> Report {
    let mut report = Report::default();
    place::examine(env, &mut report);
    let located = locator::with_buses(env).map_err(Error::from);
    let found = located.and_then(|env| Ok((Buses::from_env(&env)?, env)));
    let (buses, env) = match found {
        Ok(found) => found,
        Err(error) => {
            let remedy = "mend the variable: nothing else can be looked at without it";
            report.add(Finding::wrong("environment", error.to_string(), remedy));
            return report;
        }
    };
    let system = redis::examine_system(&buses.system(), &mut report);
    let truth = system.then(|| swarm::examine_truth(&env, &buses, &mut report));
    let truth = truth.flatten();
    let buses = truth
        .as_ref()
        .map_or_else(|| buses.clone(), |truth| buses.for_truth(&env, truth));
    redis::examine_others(&buses, truth.as_ref(), &mut report);
    if system && let Some(truth) = &truth {
        swarm::examine(&env, &buses, truth, &mut report);
    }
    report
}
