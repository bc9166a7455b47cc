//! Who is there, and which work stands still.

use super::{Cell, NONE, Sheet, Table, or_none, span};
use crate::console::view::Stand;
use crate::contract::mesh::{Instance, State, Work, WorkState};
use crate::reports::mesh::{Works, waiting};
use crate::swarm_state::registry::Registry;

const INSTANCES: [&str; 7] = [
    "Service", "Instance", "State", "Since", "Host", "Version", "Parts",
];
const WORK: [&str; 7] = [
    "Service", "Stream", "State", "Since", "Waits", "Oldest", "Why",
];
/// Parts that are listed; of more their number is told.
const PARTS_MAX: usize = 8;

/// The page; without a registry, `count` instances are too many to be shown.
pub fn mesh(registry: Option<&Registry>, count: usize, works: &Works) -> Sheet {
    let mut sheet = Sheet::default();
    match registry {
        Some(registry) => who_is_there(&mut sheet, registry),
        None => sheet.remarks.push(format!(
            "{count} instances are too many for a page: marketswarm mesh lists them."
        )),
    }
    if works.works.is_empty() {
        let words = "No stream is watched, or mesh has not looked yet; truth names them in services.mesh.watch_streams.";
        sheet.remarks.push(words.to_owned());
    } else {
        let mut all: Vec<&Work> = works.works.iter().collect();
        all.sort_by_key(|work| rank(work.state));
        let row = |work: &&Work| work_row(work, works);
        sheet
            .tables
            .push(Table::of("Watched work", &WORK, &all, row));
    }
    sheet
}

fn who_is_there(sheet: &mut Sheet, registry: &Registry) {
    let Some(head) = registry.head else {
        let words = "mesh does not write this yet: nobody keeps the registry.";
        return sheet.remarks.push(words.to_owned());
    };
    if let Some(age) = registry.stale_sec() {
        sheet.remarks.push(format!(
            "Nobody has written this for {}: who is there now is not known.",
            span(age)
        ));
    }
    if head.doubting {
        let words = "So many fell silent together that it may be the bus: they are waited for.";
        sheet.remarks.push(words.to_owned());
    }
    for (svc, counts) in &registry.services {
        if counts.up + counts.suspect < counts.min {
            let words = format!("{svc} has {} of {} instances.", counts.up, counts.min);
            sheet.remarks.push(words);
        }
    }
    let is_known = registry.stale_sec().is_none();
    let mut all: Vec<&Instance> = registry.instances.values().collect();
    all.sort_by_key(|instance| worst_first(instance.state));
    let row = |instance: &&Instance| instance_row(instance, registry.read_ts, is_known);
    sheet
        .tables
        .push(Table::of("Instances", &INSTANCES, &all, row));
}

fn worst_first(state: State) -> u8 {
    match state {
        State::Failed => 0,
        State::Suspect => 1,
        State::Joining => 2,
        State::Up => 3,
        State::Left => 4,
    }
}

fn instance_row(instance: &Instance, now_ts: i64, is_known: bool) -> Vec<Cell> {
    let known = |text: &str| match text {
        "" => NONE.into(),
        text => text.into(),
    };
    let mut word = instance.state.as_str().to_owned();
    if instance.restarts > 0 {
        word = format!("{word}, {} restarts", instance.restarts);
    }
    let stand = match instance.state {
        _ if !is_known => Stand::Unknown,
        State::Failed => Stand::Down,
        State::Suspect | State::Joining => Stand::Degraded,
        State::Up => Stand::Up,
        State::Left => Stand::Off,
    };
    vec![
        Cell::service(&instance.svc),
        instance.inst.as_str().into(),
        Cell::stand(stand, word),
        span(now_ts - instance.since_ts).into(),
        known(&instance.card.host),
        known(&instance.card.ver),
        parts(&instance.parts),
    ]
}

fn parts(parts: &[u32]) -> Cell {
    match parts.len() {
        0 => NONE.into(),
        n if n > PARTS_MAX => format!("{n} parts").into(),
        _ => {
            let parts: Vec<String> = parts.iter().map(u32::to_string).collect();
            parts.join(", ").into()
        }
    }
}

fn rank(state: WorkState) -> u8 {
    match state {
        WorkState::Stalled => 0,
        WorkState::Unknown => 1,
        WorkState::Paused => 2,
        WorkState::Moving => 3,
    }
}

fn work_row(work: &Work, works: &Works) -> Vec<Cell> {
    let stand = match work.state {
        _ if works.is_old(work) => Stand::Unknown,
        WorkState::Stalled => Stand::Down,
        WorkState::Unknown => Stand::Unknown,
        WorkState::Paused => Stand::Planned,
        WorkState::Moving => Stand::Up,
    };
    let why = match works.is_old(work) {
        true => Some(format!(
            "nobody has looked for {}",
            span(works.read_ts - work.as_of_ts)
        )),
        false => work.reason.as_ref().map(ToString::to_string),
    };
    vec![
        Cell::service(&work.service),
        format!("{} on {}, group {}", work.key, work.bus, work.group).into(),
        Cell::stand(stand, work.state.as_str()),
        span(works.read_ts - work.since_ts).into(),
        waiting(work).into(),
        or_none(work.oldest_sec.map(|secs| span(secs as i64))),
        or_none(why),
    ]
}
