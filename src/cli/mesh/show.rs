//! `marketswarm mesh`: every instance.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::json;

use super::{Words, ago, columns, print, system};
use crate::bus::{BusError, Commands};
use crate::contract::lease::parts_key;
use crate::contract::mesh::{Counts, Instance, State, instance_field};
use crate::env::Env;
use crate::service::Error;
use crate::swarm_state::registry::Registry;

/// Parts that are listed; of more their number is told.
const PARTS_MAX: usize = 8;

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut commands = system(env)?;
    let mut registry = Registry::read(&mut commands)?;
    add_parts(&mut registry, &mut commands)?;
    let is_well = registry.head.is_some() && registry.stale_sec().is_none() && all_up(&registry);
    print(&if words.json {
        let head = registry.head.map(|head| {
            json!({"epoch": head.epoch, "seq": head.seq, "as_of_ts": head.as_of_ts, "doubting": head.doubting})
        });
        let instances: Vec<&Instance> = registry.instances.values().collect();
        let value = json!({
            "head": head,
            "stale_sec": registry.stale_sec().filter(|_| head.is_some()),
            "services": registry.services,
            "instances": instances,
        });
        format!("{value:#}\n")
    } else {
        text(&registry)
    })?;
    Ok(ExitCode::from(u8::from(!is_well)))
}

/// The parts that instances hold stand where they claim them, whether or not mesh is there.
fn add_parts(registry: &mut Registry, commands: &mut Commands) -> Result<(), BusError> {
    let mut ask = redis::pipe();
    for svc in registry.services.keys() {
        ask.cmd("HGETALL").arg(parts_key(svc));
    }
    if registry.services.is_empty() {
        return Ok(());
    }
    let held: Vec<Vec<(String, String)>> = commands.pipe(&ask)?;
    for (svc, fields) in registry.services.keys().zip(held) {
        for (part, holder) in fields {
            if let (Ok(part), Some((inst, _))) = (part.parse(), holder.rsplit_once('|'))
                && let Some(instance) = registry.instances.get_mut(&instance_field(svc, inst))
            {
                instance.parts.push(part);
            }
        }
    }
    registry
        .instances
        .values_mut()
        .for_each(|i| i.parts.sort_unstable());
    Ok(())
}

/// Whether nobody is missing who was not replaced, and of each service as many are up as shall be.
fn all_up(registry: &Registry) -> bool {
    let enough = |counts: &Counts| counts.up + counts.suspect >= counts.min;
    let is_well = |instance: &Instance| matches!(instance.state, State::Up | State::Left);
    registry.instances.values().all(is_well) && registry.services.values().all(enough)
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
    let up = registry.instances.values().filter(|i| i.state == State::Up);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "\n{} of {} are up",
        up.count(),
        registry.instances.len()
    );
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
