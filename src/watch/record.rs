//! Between the store and a detector: what it says of services is taken in, and what it is to say of them is found.

use std::collections::{HashSet, VecDeque};

use super::alert_encoder::{AlertEncoder, record};
use super::detector::{Detector, Transition};
use super::writer::command::{Records, Reply, Whose};
use super::writer::rate_limiter::Slice;
use crate::clock::Now;
use crate::contract::Health;

/// When the newest record is older, it does not keep a death from being told again.
pub const STALE_AFTER_SEC: i64 = 600;

/// Takes in what the store says of services, and lets the detector tell what differs. `decided` is what the detector
/// decided and the writer did not take yet.
///
/// Who has spoken all the time and finds no record, or one from before its own last word, has met a server that lost
/// data: its word stands, and is written anew. Only what settles a conflict counts whatever its age.
///
/// Where the record counts, what was decided before is void: it is in the state of the detector, which is held against the
/// record here, and told again from there. Where the own word counts, a service of which something is still to be told
/// is left alone: the store compares that, and its answer says whether the record is to be taken in.
pub fn take_in(
    detector: &mut Detector,
    decided: &mut VecDeque<Transition>,
    found: &[(&str, Option<&Health>)],
    records: &Records,
    is_stale: bool,
    now: Now,
) {
    let is_void = records.whose == Whose::All && (!records.spoke || records.settles);
    if is_void && !decided.is_empty() {
        let names: HashSet<&str> = found.iter().map(|(svc, _)| *svc).collect();
        decided.retain(|transition| !names.contains(&*transition.service.svc));
    }
    let alerts = decided.iter().filter(|t| t.alert.is_some());
    let untold: HashSet<&str> = alerts.map(|t| &*t.service.svc).collect();
    for (svc, health) in found {
        let is_untold = untold.contains(svc) || records.owed.contains(*svc);
        if records.spoke && !records.settles && is_untold {
            continue;
        }
        // Of a service that was just named nothing was said here: the record is of before, and may have to be ended.
        let is_named_anew = records.named_anew.contains(*svc);
        let counts = records.settles || is_named_anew;
        let is_past = match health {
            None => true,
            Some(health) => !counts && detector.changed_since(svc, health.as_of_ts),
        };
        if !(records.spoke && is_past) {
            let is_stale = is_stale || is_named_anew;
            detector.restore(svc, &record(*health, is_stale), now);
        }
    }
}

/// The snapshots that are due of one bus alone, of so many: first of services that were never written, then in turn.
pub fn due_snapshots(
    detector: &mut Detector,
    encoder: &AlertEncoder,
    slice: Slice,
    now: Now,
) -> Reply {
    let (mut left, mut found) = (slice, Vec::new());
    let looked = detector.unwritten(left.first(0) as usize, &mut found);
    left.spend_first(looked as u32);
    let (visited, done) = detector.refresh(left.due(found.len()), &mut found);
    left.spend(visited);
    Reply::Snapshots {
        snapshots: found.iter().map(|s| encoder.health(s, now)).collect(),
        left,
        turns: done.into(),
    }
}
