//! The answers of the API. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::view::{Row, STANDS, Stand, View, WINDOWS};
use crate::history::{Account, Incident, Sums, Window, outages};
use crate::http::Request;

/// Rows of one answer, unless fewer are asked for.
pub const LIMIT_MAX: usize = 200;
const LIMIT_USUAL: usize = 100;
/// With more services no group tells its uptime: all others would wait while it is added up.
const SUMMED_MAX: usize = 5000;
/// Incidents of one answer.
const INCIDENTS_MAX: usize = 200;
/// Stretches of a detail.
const STRETCHES_MAX: usize = 500;

/// Which services are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub states: Vec<Stand>,
    pub group: Option<String>,
    /// A part of a name, in small letters.
    pub part: String,
    pub by_name: bool,
    /// What the last answer ended with.
    pub after: Option<(Stand, String)>,
    pub limit: usize,
    pub bars: Option<bool>,
}

impl Asked {
    /// By the parameters of a request.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub fn of(request: &Request) -> Result<Asked, &'static str> {
        let param = |name| request.param(name).filter(|value| !value.is_empty());
        let mut asked = Asked {
            group: param("group").map(str::to_owned),
            part: param("q").unwrap_or_default().to_lowercase(),
            limit: LIMIT_USUAL,
            ..Asked::default()
        };
        for word in param("state")
            .unwrap_or_default()
            .split(',')
            .filter(|word| !word.is_empty())
        {
            let stand =
                Stand::of(word).ok_or("state: down, unknown, degraded, planned, up or off")?;
            asked.states.push(stand);
        }
        asked.by_name = match param("sort") {
            None | Some("state") => false,
            Some("name") => true,
            Some(_) => return Err("sort: state or name"),
        };
        if let Some(limit) = param("limit") {
            let limit = limit
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit));
            asked.limit = limit.ok_or("limit: a number from 1 to 200")?;
        }
        if let Some(after) = param("after") {
            let (stand, svc) = after.split_once('.').ok_or("after: what `next` said")?;
            let stand = Stand::of(stand).ok_or("after: what `next` said")?;
            asked.after = Some((stand, svc.to_owned()));
        }
        asked.bars = match param("bars") {
            None => None,
            Some("24h") => Some(true),
            Some("90d") => Some(false),
            Some(_) => return Err("bars: 24h or 90d"),
        };
        Ok(asked)
    }

    fn wants(&self, row: &Row) -> bool {
        (self.states.is_empty() || self.states.contains(&row.stand))
            && self
                .group
                .as_deref()
                .is_none_or(|group| group == &*row.group)
    }

    fn is_after(&self, row: &Row) -> bool {
        self.after
            .as_ref()
            .is_none_or(|(stand, svc)| match self.by_name {
                true => *row.svc > **svc,
                false => row.key() > (*stand, svc),
            })
    }
}

/// A service.
#[derive(Debug, Serialize)]
pub struct S<'a> {
    svc: &'a str,
    group: &'a str,
    state: &'static str,
    /// What it says that it is, where it is up.
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<&'a str>,
    since_ts: Option<i64>,
    reason: Option<String>,
    last_known: Option<&'static str>,
    uptime: BTreeMap<&'static str, Option<f64>>,
    /// The share of 90 days, since it was first seen, in which somebody judged, in percent.
    watched: Option<f64>,
    silenced: bool,
    acked: bool,
    misses: u64,
    restarts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bar: Option<String>,
}

impl<'a> S<'a> {
    /// `row` of `view`, with a bar by hour or by day.
    pub fn of(view: &View, row: &'a Row, bars: Option<bool>, now_ts: i64) -> S<'a> {
        let sums = WINDOWS.map(|(name, length)| (name, view.sums(row, length, now_ts)));
        let uptime = sums
            .iter()
            .map(|(name, sums)| (*name, sums.uptime().map(|share| share.percent())));
        let why = row.why(now_ts);
        S {
            svc: &row.svc,
            group: &row.group,
            state: row.stand.as_str(),
            says: row.said.as_deref(),
            since_ts: row.since_ts,
            reason: (!why.is_empty()).then_some(why),
            last_known: row.last_known.map(Stand::as_str),
            uptime: uptime.collect(),
            watched: sums
                .last()
                .and_then(|(_, sums)| sums.watched())
                .map(|share| share.percent()),
            silenced: row.silenced,
            acked: row.acked,
            misses: row.misses,
            restarts: row.restarts,
            bar: bars.map(|by_hour| bar(&view.cells(row, by_hour, now_ts))),
        }
    }
}

/// A letter for each cell of a bar: the worst of it, and nothing known where that is most of it.
pub fn bar(cells: &[Sums]) -> String {
    cells.iter().map(letter).collect()
}

fn letter(sums: &Sums) -> char {
    let known = sums.up + sums.degraded + sums.down + sums.planned;
    match sums {
        _ if sums.down > 0 => 'd',
        _ if sums.planned > 0 => 'p',
        _ if sums.unknown > known => 'k',
        _ if sums.degraded > 0 => 'g',
        _ if sums.up > 0 => 'u',
        _ => 'o',
    }
}

/// `summary`.
pub fn summary(view: &View, now_ts: i64) -> Json {
    let (stand, headline) = view.headline(now_ts);
    let counts: serde_json::Map<String, Json> = STANDS
        .map(|stand| (stand.as_str().to_owned(), view.counts.of(stand).into()))
        .into_iter()
        .collect();
    let buses: Vec<Json> = view
        .buses
        .iter()
        .map(|bus| json!({ "bus": bus.bus, "judged": bus.judged, "reason": bus.reason }))
        .collect();
    json!({
        "rev": view.rev,
        "judged": view.judged,
        "counts": counts,
        "total": view.rows.len(),
        "state": stand.as_str(),
        "headline": headline,
        "healer": view.healer,
        "buses": buses,
        "told_by": view.told_by(),
        "troubles": view.troubles,
        "history": view.history_note,
        "ts": now_ts,
    })
}

/// `services`: those that are asked for.
pub fn services(view: &View, asked: &Asked, now_ts: i64) -> Json {
    let (total, places) = places(view, asked);
    let mut rows = places
        .iter()
        .filter_map(|at| view.rows.get(*at as usize))
        .filter(|row| asked.is_after(row));
    let some: Vec<&Arc<Row>> = rows.by_ref().take(asked.limit).collect();
    let last = some.last().filter(|_| rows.next().is_some());
    let next = last.map(|row| format!("{}.{}", row.stand.as_str(), row.svc));
    let list: Vec<S<'_>> = some
        .iter()
        .map(|row| S::of(view, row, asked.bars, now_ts))
        .collect();
    json!({ "rev": view.rev, "judged": view.judged, "total": total, "next": next, "services": list })
}

/// How many are asked for, and the places of at least those of the answer, in their order.
fn places<'v>(view: &'v View, asked: &Asked) -> (usize, Cow<'v, [u32]>) {
    let is_all = asked.states.is_empty() && asked.group.is_none() && asked.part.is_empty();
    if is_all && !asked.by_name {
        return (view.worst.len(), Cow::Borrowed(&view.worst));
    }
    let mut places = view.names.holding(&asked.part);
    if !(asked.states.is_empty() && asked.group.is_none()) {
        let row = |at: &u32| view.rows.get(*at as usize);
        places.retain(|at| row(at).is_some_and(|row| asked.wants(row)));
    }
    if !asked.by_name {
        let key = |at: &u32| view.rows.get(*at as usize).map(|row| row.stand);
        // By name they are in order already, and stay so among those that stand alike.
        places.sort_by_key(key);
    }
    (places.len(), Cow::Owned(places))
}

/// `services/{svc}`: a service with its history.
pub fn service(view: &View, row: &Row, now_ts: i64) -> Json {
    let mut detail = serde_json::to_value(S::of(view, row, None, now_ts)).unwrap_or_default();
    let windows: Vec<Json> = WINDOWS
        .iter()
        .map(|(name, length)| window(view, row, name, *length, now_ts))
        .collect();
    let stretches = view.stretches(
        row,
        Window {
            from: now_ts - WINDOWS[3].1,
            to: now_ts,
        },
        now_ts,
    );
    let spans: Vec<Json> = stretches
        .iter()
        .rev()
        .filter(|stretch| !matches!(stretch.account, Account::Up | Account::NotWatched))
        .take(STRETCHES_MAX)
        .map(|s| json!({ "from": s.from, "to": s.to, "state": s.account.as_str(), "lasts": s.to >= now_ts }))
        .collect();
    let days: Vec<Json> = view
        .cells(row, false, now_ts)
        .iter()
        .map(|sums| json!({ "state": letter(sums).to_string(), "down": sums.down, "planned": sums.planned, "unknown": sums.unknown, "uptime": sums.uptime().map(|share| share.percent()) }))
        .collect();
    let state_of = |svc: &str| view.row(svc).map(|row| row.stand.as_str());
    let depends: Vec<Json> = row
        .depends
        .iter()
        .map(|on| json!({ "svc": on, "state": state_of(on) }))
        .collect();
    let needed_by: Vec<Json> = view
        .rows
        .iter()
        .filter(|other| other.depends.iter().any(|on| **on == *row.svc))
        .take(LIMIT_MAX)
        .map(|other| json!({ "svc": &*other.svc, "state": other.stand.as_str() }))
        .collect();
    let own = view
        .silences
        .iter()
        .filter(|silence| silence.svc == *row.svc || silence.svc == "*");
    detail["rev"] = view.rev.into();
    detail["judged"] = view.judged.into();
    detail["bus"] = (*row.bus).into();
    detail["timeout_sec"] = row.timeout_sec.into();
    detail["last_seen_ts"] = row.last_seen_ts.into();
    detail["windows"] = windows.into();
    detail["spans"] = spans.into();
    detail["days"] = days.into();
    detail["bar"] = bar(&view.cells(row, true, now_ts)).into();
    detail["depends_on"] = depends.into();
    detail["needed_by"] = needed_by.into();
    detail["silences"] = json!(own.collect::<Vec<_>>());
    detail
}

fn window(view: &View, row: &Row, name: &str, length: i64, now_ts: i64) -> Json {
    let sums = view.sums(row, length, now_ts);
    let window = Window {
        from: now_ts - length,
        to: now_ts,
    };
    let outages = outages(&view.stretches(row, window, now_ts), now_ts);
    json!({
        "window": name,
        "uptime": sums.uptime().map(|share| share.percent()),
        "uptime_text": sums.uptime().map(|share| share.to_string()),
        "watched": sums.watched().map(|share| share.percent()),
        "up_sec": sums.up,
        "degraded_sec": sums.degraded,
        "down_sec": sums.down,
        "planned_sec": sums.planned,
        "unknown_sec": sums.unknown,
        "not_watched_sec": sums.not_watched,
        "outages": outages.count,
        "mttr_sec": outages.mttr_sec,
        "mtbf_sec": outages.mtbf_sec,
    })
}

/// `groups`: how many stand how in each, and the uptime of all of them together.
pub fn groups(view: &View, now_ts: i64) -> Json {
    let mut groups: BTreeMap<&str, (super::view::Counts, Sums)> = BTreeMap::new();
    for row in view.rows.iter() {
        let (counts, sums) = groups.entry(&row.group).or_default();
        counts.add(row.stand);
        if view.rows.len() <= SUMMED_MAX {
            *sums = sums.plus(view.sums(row, WINDOWS[0].1, now_ts));
        }
    }
    let groups: Vec<Json> = groups
        .into_iter()
        .map(|(group, (counts, sums))| {
            let worst = STANDS.into_iter().find(|stand| counts.of(*stand) > 0);
            let counts: BTreeMap<&str, usize> = STANDS.map(|s| (s.as_str(), counts.of(s))).into_iter().collect();
            json!({ "group": group, "state": worst.map(Stand::as_str), "counts": counts, "uptime": { "24h": sums.uptime().map(|share| share.percent()) } })
        })
        .collect();
    json!({ "rev": view.rev, "judged": view.judged, "groups": groups })
}

/// `incidents`: the newest first.
pub fn incidents(view: &View) -> Json {
    let newest = view.incidents.iter().rev().take(INCIDENTS_MAX);
    json!({ "rev": view.rev, "incidents": newest.map(incident).collect::<Vec<_>>() })
}

/// One incident.
pub fn incident(incident: &Incident) -> Json {
    let members: Vec<Json> = incident
        .members
        .iter()
        .map(|m| json!({ "svc": m.svc, "state": m.span.kind.as_str(), "from": m.span.from, "to": (!m.lasts).then_some(m.span.to) }))
        .collect();
    json!({ "id": incident.id, "from": incident.from, "to": incident.to, "members": members })
}

#[cfg(test)]
mod tests;
