//! The newest outages of all services, and what belongs together among them. Pure.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::entry::Entry;
use crate::history::{Incident, Member, SpanKind, incidents};

/// Outages of which incidents are made, the newest.
const OUTAGES_MAX: usize = 1000;

/// The newest incidents of `entries`, which are ordered by name; newest last.
pub(super) fn newest_incidents(entries: &[Entry], now_ts: i64) -> Vec<Incident> {
    let depends = |svc: &str| -> Vec<&str> {
        let at = entries.binary_search_by(|entry| (*entry.svc).cmp(svc));
        let entry = at.ok().and_then(|at| entries.get(at));
        entry.map_or_else(Vec::new, |entry| {
            entry.depends.iter().map(|on| &**on).collect()
        })
    };
    incidents(newest_outages(entries, now_ts), depends)
}

/// Where the newest outages are: when each began, whose it is, and its place among his spans. There may be a million.
fn newest_places(entries: &[Entry]) -> BinaryHeap<Reverse<(i64, usize, usize)>> {
    let mut newest: BinaryHeap<Reverse<(i64, usize, usize)>> = BinaryHeap::new();
    let mut offer = |place: (i64, usize, usize)| {
        newest.push(Reverse(place));
        if newest.len() <= OUTAGES_MAX {
            return i64::MIN;
        }
        newest.pop();
        newest
            .peek()
            .map_or(i64::MIN, |Reverse((oldest, ..))| *oldest)
    };
    let mut oldest = i64::MIN;
    for (nth, entry) in entries.iter().enumerate() {
        if let Some(open) = &entry.record.open.down {
            // Behind all that have ended.
            oldest = offer((open.from, nth, usize::MAX));
        }
        for (at, span) in entry.record.spans.iter().enumerate().rev() {
            // They are in the order of their ends: before one that ended too early, all did.
            if span.to < oldest {
                break;
            }
            if span.kind != SpanKind::Degraded && span.from >= oldest {
                oldest = offer((span.from, nth, at));
            }
        }
    }
    newest
}

fn newest_outages(entries: &[Entry], now_ts: i64) -> Vec<Member> {
    let newest = newest_places(entries);
    let mut outages = Vec::with_capacity(newest.len());
    for Reverse((_, nth, at)) in newest {
        let entry = &entries[nth];
        let svc = || Box::from(&*entry.svc);
        match (entry.record.spans.get(at), &entry.record.open.down) {
            (Some(span), _) => outages.push(Member {
                svc: svc(),
                span: span.clone(),
                lasts: false,
            }),
            (None, Some(open)) => {
                outages.extend(open.closed(now_ts).into_iter().map(|span| Member {
                    svc: svc(),
                    lasts: span.to >= now_ts,
                    span,
                }))
            }
            (None, None) => {}
        }
    }
    outages
}
