//! `marketswarm drain` and `marketswarm undrain`: an instance, a machine or a whole service gives its work back, part after
//! part as it ends, and takes none until that is taken back.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;

use super::{bad_args, print, printed};
use crate::bus::{BusError, Buses, Commands, Limits};
use crate::cli::status::find_truth;
use crate::clock::{Mono, human, wall_secs};
use crate::contract::lease::{DRAIN, PARTS_FIELD, parts_key, session_key};
use crate::contract::{Name, NotAName};
use crate::env::Env;
use crate::service::Error;
use crate::swarm_state::locator;
use crate::text::SafeText;
use crate::truth::{Mode, Truth};

const HELP: &str = "\
marketswarm drain: have work given back, part after part as it ends

usage: marketswarm drain SVC|INST|host:HOST [--wait [--within SECONDS]]
       marketswarm drain list
       marketswarm undrain SVC|INST|host:HOST

Who is drained takes no more work until `undrain`: others have its parts within seconds. SVC is a service whose truth
says `instances` with mode `one` or `shared`; drained as a whole, nobody does its work.

  --wait            until nothing is held any more: exit code 0, or 1 when that takes longer than
  --within SECONDS  as long as this (60)
";

/// How long `--wait` waits, unless told otherwise.
const WITHIN: Duration = Duration::from_secs(60);
const WITHIN_MAX_SEC: f64 = 86_400.0;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Which of the two commands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Drain,
    Undrain,
}

/// Runs the command.
pub(super) fn run(mut args: lexopt::Parser, env: Env, what: What) -> Result<ExitCode, Error> {
    let bad = |e| bad_args("drain", e);
    let (mut target, mut waits, mut within) = (None, false, WITHIN);
    while let Some(arg) = args.next().map_err(bad)? {
        match arg {
            Long("help") | Short('h') => return printed(HELP),
            Long("wait") if what == What::Drain => waits = true,
            Long("within") if what == What::Drain => {
                let secs: f64 = args.value().and_then(|v| v.parse()).map_err(bad)?;
                if !(0.0..=WITHIN_MAX_SEC).contains(&secs) {
                    return Err(Error::Config("--within takes 0 to 86400 seconds".into()));
                }
                within = Duration::from_secs_f64(secs);
            }
            Value(value) if target.is_none() => target = Some(value.to_string_lossy().into_owned()),
            other => return Err(bad(other.unexpected())),
        }
    }
    let Some(target) = target else {
        return Err(Error::Config(
            "nobody is named; see marketswarm drain --help".into(),
        ));
    };
    let env = locator::with_buses(&env)?;
    let truth = find_truth(&env)?;
    let address = Buses::of(&env, &truth)?.system();
    let mut commands = Commands::new(address, "marketswarm:drain", Limits::default());
    let shared = shared_services(&truth);
    if target == "list" && what == What::Drain {
        return list(&mut commands);
    }
    let field = field_of(&target, &truth, &shared)?;
    if what == What::Drain {
        must_be_there(&mut commands, &field, &shared)?;
    }
    let shown = SafeText::cut(&target, 128);
    if what == What::Undrain {
        let gone: u64 = commands.query(redis::cmd("HDEL").arg(DRAIN).arg(&field))?;
        return match gone {
            0 => {
                print(&format!("{shown} is not drained\n"))?;
                Ok(ExitCode::from(1))
            }
            _ => printed(&format!("{shown} takes work again\n")),
        };
    }
    let mut mark = redis::cmd("HSETNX");
    mark.arg(DRAIN).arg(&field).arg(wall_secs());
    let _: u64 = commands.query(&mark)?;
    if !waits {
        return printed(&format!("{shown} gives its work back\n"));
    }
    let give_up = Mono::now() + within;
    loop {
        let left = held_by(&mut commands, &field, &shared)?;
        if left == 0 {
            return printed(&format!("{shown} is drained\n"));
        }
        if Mono::now() >= give_up {
            print(&format!(
                "{shown} still holds {left} parts after {}\n",
                human(within)
            ))?;
            return Ok(ExitCode::from(1));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The services whose instances share work by parts.
fn shared_services(truth: &Truth) -> Vec<String> {
    let all = truth.services();
    let shares = all.filter(|svc| {
        let instances = svc.instances();
        instances.is_some_and(|i| matches!(i.mode, Mode::One | Mode::Shared))
    });
    shares.map(|svc| svc.name().to_owned()).collect()
}

/// What stands for it among what is drained. A name that truth has is a service, any other an instance.
fn field_of(target: &str, truth: &Truth, shared: &[String]) -> Result<String, Error> {
    let bad = |what: &str, why: &NotAName| Error::Config(format!("{what}: {why}"));
    if let Some(host) = target.strip_prefix("host:") {
        let host: Name = host
            .parse()
            .map_err(|why: NotAName| bad("the machine", &why))?;
        return Ok(format!("host:{host}"));
    }
    let _: Name = target
        .parse()
        .map_err(|why: NotAName| bad("who gives its work back", &why))?;
    if truth.service(target).is_none() {
        return Ok(format!("inst:{target}"));
    }
    if shared.iter().any(|svc| svc == target) {
        return Ok(format!("svc:{target}"));
    }
    Err(Error::Config(format!(
        "{target} shares no work: in truth, services.{target}.instances.mode is neither `one` nor `shared`"
    )))
}

/// An instance that is drained must be there, of whichever of these services: a mistyped name would wait for ever.
fn must_be_there(commands: &mut Commands, field: &str, shared: &[String]) -> Result<(), Error> {
    let Some(inst) = field.strip_prefix("inst:") else {
        return Ok(());
    };
    let mut exists = redis::cmd("EXISTS");
    for svc in shared {
        exists.arg(session_key(svc, inst));
    }
    if !shared.is_empty() && commands.query::<u64>(&exists)? > 0 {
        return Ok(());
    }
    Err(Error::Config(format!(
        "nobody is called {inst}: truth names no such service, and no such instance is there; see marketswarm mesh"
    )))
}

/// How many parts are held by those whom `field` names and who are there.
fn held_by(commands: &mut Commands, field: &str, shared: &[String]) -> Result<usize, BusError> {
    let (what, name) = field.split_once(':').unwrap_or_default();
    let mut held = 0;
    for svc in shared.iter().filter(|svc| what != "svc" || *svc == name) {
        let mut hosts: BTreeMap<String, Option<String>> = BTreeMap::new();
        for inst in holders(commands, svc)? {
            if !hosts.contains_key(&inst) {
                let key = session_key(svc, &inst);
                hosts.insert(inst.clone(), commands.query(redis::cmd("GET").arg(key))?);
            }
            let Some(Some(host)) = hosts.get(&inst) else {
                // It has no session: what it held is free.
                continue;
            };
            held += usize::from(match what {
                "inst" => inst == name,
                "host" => host == name,
                _ => true,
            });
        }
    }
    Ok(held)
}

/// Who holds each part of a service.
fn holders(commands: &mut Commands, svc: &str) -> Result<Vec<String>, BusError> {
    let fields: Vec<(String, String)> =
        commands.query(redis::cmd("HGETALL").arg(parts_key(svc)))?;
    let held = fields.into_iter().filter(|(field, _)| field != PARTS_FIELD);
    let inst = |(_, holder): (String, String)| Some(holder.rsplit_once('|')?.0.to_owned());
    Ok(held.filter_map(inst).collect())
}

fn list(commands: &mut Commands) -> Result<ExitCode, Error> {
    let all: BTreeMap<String, i64> = commands.query(redis::cmd("HGETALL").arg(DRAIN))?;
    if all.is_empty() {
        return printed("nothing is drained\n");
    }
    let now_ts = wall_secs();
    let mut out = String::new();
    for (field, since_ts) in all {
        let name = field.strip_prefix("svc:").or(field.strip_prefix("inst:"));
        let shown = SafeText::cut(name.unwrap_or(&field), 128);
        let secs = u64::try_from(now_ts - since_ts).unwrap_or(0);
        out += &format!(
            "{shown} is drained for {}\n",
            human(Duration::from_secs(secs))
        );
    }
    printed(&out)
}
