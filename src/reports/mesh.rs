//! Who is there, and which work stands still, as mesh wrote it.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::bus::{BusError, Commands};
use crate::contract::lease::parts_key;
use crate::contract::mesh::{
    Counts, FRESH_SEC, INSTANCES, Instance, State, WORK, Work, WorkState, instance_field,
};
use crate::swarm_state::registry::Registry;

/// The registry with the parts that instances hold: these stand where they claim them, whether or not mesh is there.
///
/// # Errors
/// Those of the bus.
pub fn registry(commands: &mut Commands) -> Result<Registry, BusError> {
    let mut registry = Registry::read(commands)?;
    if registry.services.is_empty() {
        return Ok(registry);
    }
    let mut ask = redis::pipe();
    for svc in registry.services.keys() {
        ask.cmd("HGETALL").arg(parts_key(svc));
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
    let instances = registry.instances.values_mut();
    instances.for_each(|instance| instance.parts.sort_unstable());
    Ok(registry)
}

/// Whether nobody is missing who was not replaced, and of each service as many are up as shall be.
pub fn all_up(registry: &Registry) -> bool {
    let enough = |counts: &Counts| counts.up + counts.suspect >= counts.min;
    // A silence of two beats is shown; nothing acts on it.
    let is_well = |i: &Instance| matches!(i.state, State::Up | State::Suspect | State::Left);
    registry.instances.values().all(is_well) && registry.services.values().all(enough)
}

/// The registry as JSON.
pub fn registry_json(registry: &Registry) -> Json {
    let head = registry.head.map(|head| {
        json!({"epoch": head.epoch, "seq": head.seq, "as_of_ts": head.as_of_ts, "doubting": head.doubting})
    });
    let instances: Vec<&Instance> = registry.instances.values().collect();
    json!({
        "head": head,
        "stale_sec": registry.stale_sec().filter(|_| head.is_some()),
        "services": registry.services,
        "instances": instances,
    })
}

/// How many instances the registry holds: of very many only the numbers are worth reading.
///
/// # Errors
/// Those of the bus.
pub fn instance_count(commands: &mut Commands) -> Result<usize, BusError> {
    commands.query(redis::cmd("HLEN").arg(INSTANCES))
}

/// The streams that are watched.
#[derive(Clone, Debug, Default)]
pub struct Works {
    pub works: Vec<Work>,
    /// When they were read, by the server's clock.
    pub read_ts: i64,
}

impl Works {
    /// Reads them.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn read(commands: &mut Commands) -> Result<Works, BusError> {
        let mut ask = redis::pipe();
        ask.atomic().cmd("TIME");
        ask.cmd("HGETALL").arg(WORK);
        let ((read_ts, _), fields): ((i64, i64), BTreeMap<String, String>) = commands.pipe(&ask)?;
        let read = |text: &String| serde_json::from_str(text).ok();
        Ok(Works {
            works: fields.values().filter_map(read).collect(),
            read_ts,
        })
    }

    /// Whether nobody has looked at it for so long that it is no knowledge.
    pub fn is_old(&self, work: &Work) -> bool {
        self.read_ts - work.as_of_ts > FRESH_SEC
    }

    /// Whether all that is watched gets on, and somebody looks.
    pub fn all_move(&self) -> bool {
        let is_fine = |work: &Work| matches!(work.state, WorkState::Moving | WorkState::Paused);
        self.works
            .iter()
            .all(|work| is_fine(work) && !self.is_old(work))
    }
}

/// What waits in a watched stream, in words.
pub fn waiting(work: &Work) -> String {
    match (work.pending, work.unread) {
        (0, false) => "nothing".to_owned(),
        (0, true) => "new ones".to_owned(),
        (n, false) => format!("{n} in hand"),
        (n, true) => format!("{n} in hand, new ones"),
    }
}
