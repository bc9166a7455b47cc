//! `marketswarm vexy pause`, `resume` and `drain`: work that is not begun.

use std::collections::BTreeSet;
use std::process::ExitCode;

use super::swarm::Swarm;
use super::{Words, print};
use crate::bus::{BusError, Commands};
use crate::cli::known;
use crate::clock::wall_secs;
use crate::contract::analysis::{CONTROL, GROUP};
use crate::contract::feeds;
use crate::env::Env;
use crate::service::Error;
use crate::vexy_ai::control::{Control, MODEL_PAUSED, PAUSED, drain_field};

/// The service whose sections all workers read; further ones are called as they like.
const SERVICE: &str = "vexy_ai";

/// Runs `vexy pause`.
pub(super) fn pause(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    words.only(&["--model"])?;
    let mut swarm = Swarm::find(env)?;
    let (field, what) = switch(words.model);
    let is_new = set(&mut swarm.store, field)?;
    let flag = if words.model { " --model" } else { "" };
    print(&match is_new {
        true => format!("{what} is paused until: marketswarm vexy resume{flag}\n"),
        false => format!("{what} was paused already\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `vexy resume`, of a pause or of a drain.
pub(super) fn resume(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.only(&["--model"])?;
    match (&words.values[..], words.model) {
        ([], _) => {
            let mut swarm = Swarm::find(env)?;
            let (field, what) = switch(words.model);
            print(&match unset(&mut swarm.store, field)? {
                true => format!("{what} goes on\n"),
                false => format!("{what} was not paused\n"),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        ([name], false) => {
            let mut swarm = Swarm::find(env)?;
            let control = Control::read(swarm.hash(CONTROL)?);
            known::name(name)?;
            if !control.drained.contains_key(name) {
                known::one_of(
                    name,
                    "drained worker",
                    control.drained.keys().map(String::as_str),
                )?;
            }
            unset(&mut swarm.store, &drain_field(name))?;
            print(&format!("{name} takes work again\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(Error::Config(
            "it takes nothing, --model, or the name of one drained worker".into(),
        )),
    }
}

/// Runs `vexy drain NAME`.
pub(super) fn drain(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.only(&[])?;
    let [name] = &words.values[..] else {
        return Err(Error::Config(
            "it takes the name of one worker; see marketswarm vexy --help".into(),
        ));
    };
    known::name(name)?;
    let mut swarm = Swarm::find(env)?;
    let known = workers(&mut swarm)?;
    known::one_of(name, "worker", known.iter().map(String::as_str))?;
    let is_new = set(&mut swarm.store, &drain_field(name))?;
    print(&match is_new {
        true => format!("{name} takes nothing new until: marketswarm vexy resume {name}\n"),
        false => format!("{name} was drained already\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn switch(model: bool) -> (&'static str, &'static str) {
    if model {
        (MODEL_PAUSED, "the model stage")
    } else {
        (PAUSED, "the analysis")
    }
}

/// Whether it was not set.
fn set(store: &mut Commands, field: &str) -> Result<bool, BusError> {
    let mut ask = redis::cmd("HSETNX");
    store.query(ask.arg(CONTROL).arg(field).arg(wall_secs()))
}

/// Whether it was set.
fn unset(store: &mut Commands, field: &str) -> Result<bool, BusError> {
    store.query(redis::cmd("HDEL").arg(CONTROL).arg(field))
}

/// The workers that truth names, and those that the group knows.
fn workers(swarm: &mut Swarm) -> Result<BTreeSet<String>, BusError> {
    let named = swarm.truth.services().map(|svc| svc.name().to_owned());
    let mut all: BTreeSet<String> = named.filter(|name| name.starts_with(SERVICE)).collect();
    let mut ask = redis::cmd("XINFO");
    ask.arg("CONSUMERS").arg(feeds::QUEUE).arg(GROUP);
    let consumers = match swarm
        .store
        .query::<redis::streams::StreamInfoConsumersReply>(&ask)
    {
        Ok(found) => found.consumers,
        // Neither the stream nor the group need be there.
        Err(BusError::Reply { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let name_of = |consumer: &str| Some(consumer.rsplit_once(':')?.0.to_owned());
    all.extend(
        consumers
            .iter()
            .filter_map(|consumer| name_of(&consumer.name)),
    );
    Ok(all)
}
