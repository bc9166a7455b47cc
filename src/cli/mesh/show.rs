//! `marketswarm mesh`: every instance.

use std::fmt::Write;
use std::process::ExitCode;

use super::{Words, ago, columns, print, system};
use crate::contract::mesh::{Instance, State};
use crate::env::Env;
use crate::reports::mesh::{all_up, registry, registry_json};
use crate::service::Error;
use crate::swarm_state::registry::Registry;

/// Parts that are listed; of more their number is told.
const PARTS_MAX: usize = 8;

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut commands = system(env)?;
    let registry = registry(&mut commands)?;
    let is_well = registry.head.is_some() && registry.stale_sec().is_none() && all_up(&registry);
    print(&if words.json {
        format!("{:#}\n", registry_json(&registry))
    } else {
        text(&registry)
    })?;
    Ok(ExitCode::from(u8::from(!is_well)))
}

fn text(registry: &Registry) -> String {
    let Some(head) = registry.head else {
        return "nobody keeps the registry: mesh has not written it yet\n".to_owned();
    };
    let now_ts = registry.read_ts;
    let rows: Vec<Vec<String>> = registry
        .instances
        .values()
        .map(|instance| {
            let known = |text: &str| match text {
                "" => "-".to_owned(),
                text => text.to_owned(),
            };
            vec![
                instance.svc.clone(),
                instance.inst.clone(),
                known(&instance.card.host),
                known(&instance.card.ver),
                state(instance),
                ago(now_ts, instance.since_ts),
                parts(&instance.parts),
            ]
        })
        .collect();
    let heads = [
        "SERVICE", "INSTANCE", "HOST", "VERSION", "STATE", "SINCE", "PARTS",
    ];
    let mut out = columns(&heads, &rows);
    let count = |state: State| {
        let instances = registry.instances.values();
        instances.filter(|i| i.state == state).count()
    };
    // Who left did what it was told to do: it is missing nowhere.
    let left = count(State::Left);
    let all = registry.instances.len() - left;
    // Writing to a string cannot fail.
    let _ = write!(out, "\n{} of {all} are up", count(State::Up));
    if left > 0 {
        let _ = write!(out, "; {left} left");
    }
    for (svc, counts) in &registry.services {
        if counts.up + counts.suspect < counts.min {
            let _ = write!(out, "; {svc} has {} of {}", counts.up, counts.min);
        }
    }
    if head.doubting {
        out += "; so many fell silent together that it may be the bus: they are waited for";
    }
    match registry.stale_sec() {
        Some(age) => {
            let age = ago(age, 0);
            let _ = writeln!(
                out,
                "; but nobody has written this for {age}: who is there now is not known"
            );
        }
        None => out.push('\n'),
    }
    out
}

fn state(instance: &Instance) -> String {
    let word = instance.state.as_str();
    match instance.restarts {
        0 => word.to_owned(),
        n => format!("{word}, {n} restarts"),
    }
}

fn parts(parts: &[u32]) -> String {
    match parts.len() {
        0 => "-".to_owned(),
        n if n > PARTS_MAX => format!("{n} parts"),
        _ => {
            let parts: Vec<String> = parts.iter().map(u32::to_string).collect();
            parts.join(",")
        }
    }
}
