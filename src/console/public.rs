//! What everybody may see: a page, an Atom feed and badges of the services that truth lists for it. Pure.
//!
//! Nothing enters here but labels, states, bars and the times of incidents: types of their own hold no more, so that no
//! reason, name or address can reach an answer.

mod atom;
mod badge;
mod page;

use crate::clock::rfc3339;
use crate::history::Uptime;

use super::config::Public;
use super::json::bar;
use super::view::{Stand, View, WINDOWS};
pub use atom::atom;
pub use badge::{Badge, json as badge_json, svg as badge_svg};
pub use page::page;

/// Incidents that are shown.
const INCIDENTS_MAX: usize = 20;

/// What is shown.
#[derive(Debug)]
pub struct Shown {
    title: String,
    /// The worst of all.
    worst: Stand,
    groups: Vec<(String, Vec<Service>)>,
    /// The newest first.
    incidents: Vec<Incident>,
    now: String,
}

/// One service.
#[derive(Debug)]
struct Service {
    label: String,
    stand: Stand,
    /// A letter for each of 90 days.
    bar: String,
    /// Of each of the [`WINDOWS`].
    uptime: [Option<Uptime>; WINDOWS.len()],
}

/// An incident, as far as listed services had a part in it.
#[derive(Debug)]
struct Incident {
    labels: Vec<String>,
    from_ts: i64,
    /// `None` while a part of it lasts.
    to_ts: Option<i64>,
}

impl Shown {
    /// Of `view` what `public` lists.
    pub fn of(view: &View, public: &Public, now_ts: i64) -> Shown {
        let mut worst = if view.judged {
            Stand::Up
        } else {
            Stand::Unknown
        };
        let mut groups = Vec::new();
        for group in &public.groups {
            let mut services = Vec::new();
            for (label, svc) in &group.services {
                let service = service(view, label, svc, now_ts);
                worst = worst.min(service.stand);
                services.push(service);
            }
            groups.push((group.name.to_string(), services));
        }
        let all = view.incidents.iter().rev();
        let incidents = all.filter_map(|incident| {
            let mut labels = Vec::new();
            let (mut from, mut to) = (i64::MAX, Some(0));
            for (label, svc) in public.services() {
                let members = incident.members.iter();
                for member in members.filter(|member| *member.svc == *svc) {
                    from = from.min(member.span.from);
                    to = to
                        .filter(|_| !member.lasts)
                        .map(|to| to.max(member.span.to));
                    if labels.last() != Some(&label.to_string()) {
                        labels.push(label.to_string());
                    }
                }
            }
            (!labels.is_empty()).then_some(Incident {
                labels,
                from_ts: from,
                to_ts: to,
            })
        });
        Shown {
            title: public.title.to_string(),
            worst,
            groups,
            incidents: incidents.take(INCIDENTS_MAX).collect(),
            now: rfc3339(now_ts),
        }
    }

    /// What there is to say first.
    fn headline(&self) -> &'static str {
        match self.worst {
            Stand::Down => "Not all is up",
            Stand::Unknown | Stand::Off => "Not all is known",
            Stand::Degraded => "Something is degraded",
            Stand::Planned => "Down as planned, all else is up",
            Stand::Up => "All is up",
        }
    }
}

fn service(view: &View, label: &str, svc: &str, now_ts: i64) -> Service {
    let row = view.row(svc);
    Service {
        label: label.to_owned(),
        stand: row.map_or(Stand::Unknown, |row| match row.stand {
            Stand::Off => Stand::Unknown,
            stand => stand,
        }),
        bar: row.map_or_else(String::new, |row| bar(&view.cells(row, false, now_ts))),
        uptime: WINDOWS.map(|(_, length)| {
            let sums = row.map(|row| view.sums(row, length, now_ts));
            sums.and_then(|sums| sums.uptime())
        }),
    }
}

#[cfg(test)]
mod tests;
