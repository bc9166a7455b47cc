//! When each bus was judged, as the healer notes it, so that time in which nobody would have noticed counts as nothing.

use std::collections::{BTreeMap, HashMap};

use redis::cmd;

use super::text::hole_of;
use crate::bus::{BusError, Commands};
use crate::contract::{JUDGED, JUDGED_LOG, UNWATCHED_LOG};
use crate::history::intervals::Intervals;

/// When each bus was judged.
///
/// # Errors
/// When the bus does not answer.
pub fn covered(commands: &mut Commands) -> Result<BTreeMap<String, Intervals>, BusError> {
    let mut packet = redis::pipe();
    packet.cmd("LRANGE").arg(JUDGED_LOG).arg(0).arg(-1);
    packet.add_command(cmd("HGETALL").arg(JUDGED).to_owned());
    let (log, now): (Vec<String>, Vec<(String, String)>) = commands.pipe(&packet)?;
    Ok(by_bus(&log, &now))
}

/// When single services were not judged though their bus was; `None` when that is as it was at `known`, which is then
/// changed.
///
/// # Errors
/// When the bus does not answer.
pub fn unwatched(
    commands: &mut Commands,
    known: &mut (u64, String),
) -> Result<Option<HashMap<String, Intervals>>, BusError> {
    let mut packet = redis::pipe();
    packet.cmd("LLEN").arg(UNWATCHED_LOG);
    packet.cmd("LINDEX").arg(UNWATCHED_LOG).arg(-1);
    let (length, last): (u64, Option<String>) = commands.pipe(&packet)?;
    let now = (length, last.unwrap_or_default());
    if now == *known {
        return Ok(None);
    }
    let all: Vec<String> = commands.query(cmd("LRANGE").arg(UNWATCHED_LOG).arg(0).arg(-1))?;
    *known = now;
    let mut by_svc: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
    for (svc, interval) in all.iter().filter_map(|text| text.split_once(',')) {
        let spans = by_svc.entry(svc.to_owned()).or_default();
        spans.extend(hole_of(interval));
    }
    let all = by_svc.into_iter();
    let united = all.map(|(svc, spans)| (svc, spans.into_iter().collect()));
    Ok(Some(united.collect()))
}

/// `log`: `bus,from,to`; `now`: by bus, `inst,from,to`. What cannot be read counts as nothing.
fn by_bus(log: &[String], now: &[(String, String)]) -> BTreeMap<String, Intervals> {
    let past = log.iter().filter_map(|text| {
        let (bus, interval) = text.split_once(',')?;
        Some((bus, hole_of(interval)?))
    });
    let present = now.iter().filter_map(|(bus, text)| {
        let (_, interval) = text.split_once(',')?;
        Some((bus.as_str(), hole_of(interval)?))
    });
    let mut by_bus: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for (bus, interval) in past.chain(present) {
        by_bus.entry(bus.to_owned()).or_default().push(interval);
    }
    let all = by_bus.into_iter();
    all.map(|(bus, spans)| (bus, spans.into_iter().collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_and_what_is_judged_are_one() {
        let log = ["a,10,20", "b,5,6", "junk", "a,x,3"].map(str::to_owned);
        let now = [
            ("a".to_owned(), "inst,18,40".to_owned()),
            ("c".into(), "no".into()),
        ];
        let found = by_bus(&log, &now);
        let lists: Vec<(&str, &[(i64, i64)])> = found
            .iter()
            .map(|(bus, all)| (bus.as_str(), all.list()))
            .collect();
        assert_eq!(lists, [("a", &[(10, 40)][..]), ("b", &[(5, 6)])]);
    }
}
