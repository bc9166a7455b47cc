//! Outages that belong together. Pure.

use std::collections::HashMap;

use super::id::AlertId;
use super::span::{Span, SpanKind};

/// Outages that begin so soon after an incident's first belong to it, in seconds.
const TOGETHER_SEC: i64 = 5;

/// What people remember as one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The id of the first miss: it stays when others join.
    pub id: Box<str>,
    pub from: i64,
    /// `None` while a part of it lasts.
    pub to: Option<i64>,
    /// Services and their outages, in the order in which they began. The first is where it began.
    pub members: Vec<Member>,
}

/// One outage of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub svc: Box<str>,
    pub span: Span,
    pub lasts: bool,
}

/// The incidents that these outages make, oldest first: those that begin within seconds of the first, and those that
/// overlap one of a service that theirs depends on. `depends`: on whom a service depends.
pub fn incidents<'d>(
    mut outages: Vec<Member>,
    depends: impl Fn(&str) -> Vec<&'d str>,
) -> Vec<Incident> {
    outages.retain(|outage| outage.span.kind != SpanKind::Degraded);
    outages.sort_by(|a, b| {
        (a.span.from, a.span.kind, &a.svc).cmp(&(b.span.from, b.span.kind, &b.svc))
    });
    let mut incidents: Vec<Incident> = Vec::new();
    // The incident of the latest outage of each service, and until when that lasted.
    let mut latest: HashMap<Box<str>, (usize, i64)> = HashMap::new();
    // The parts of one planned stop have one id.
    let mut by_id: HashMap<AlertId, usize> = HashMap::new();
    for outage in outages {
        let span = &outage.span;
        let end = if outage.lasts { i64::MAX } else { span.to };
        let same = by_id.get(&span.id).copied();
        let near = incidents.len().checked_sub(1);
        let near = near.filter(|&at| span.from - incidents[at].from <= TOGETHER_SEC);
        let caused = || {
            let causes = depends(&outage.svc).into_iter();
            causes
                .filter_map(|svc| latest.get(svc))
                .find(|(_, until)| span.from < *until)
        };
        let at = same.or(near).or_else(|| caused().map(|(at, _)| *at));
        let at = at.unwrap_or_else(|| {
            incidents.push(Incident {
                id: span.id.to_string().into(),
                from: span.from,
                to: Some(span.to),
                members: Vec::new(),
            });
            incidents.len() - 1
        });
        latest.insert(outage.svc.clone(), (at, end));
        by_id.insert(span.id.clone(), at);
        incidents[at].join(outage);
    }
    incidents
}

impl Incident {
    fn join(&mut self, outage: Member) {
        self.to = match self.to {
            Some(to) if !outage.lasts => Some(to.max(outage.span.to)),
            _ => None,
        };
        self.members.push(outage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage(svc: &str, from: i64, to: Option<i64>) -> Member {
        let span = Span {
            from,
            to: to.unwrap_or(10_000),
            kind: SpanKind::Down,
            id: format!("{svc}-{from}").as_str().into(),
        };
        Member {
            svc: svc.into(),
            span,
            lasts: to.is_none(),
        }
    }

    #[test]
    fn what_falls_together_or_because_of_another_is_one_incident() {
        let depends = |svc: &str| if svc == "api" { vec!["db"] } else { Vec::new() };
        let all = vec![
            outage("api", 120, Some(260)),
            outage("db", 100, Some(200)),
            outage("web", 104, Some(110)),
            outage("api", 300, Some(310)),
            outage("other", 150, Some(160)),
            outage("late", 900, None),
        ];
        let found = incidents(all, depends);
        let names = |incident: &Incident| {
            let members = incident.members.iter().map(|m| m.svc.to_string());
            (
                incident.id.to_string(),
                incident.to,
                members.collect::<Vec<_>>().join(" "),
            )
        };
        assert_eq!(
            found.iter().map(names).collect::<Vec<_>>(),
            [
                ("db-100".into(), Some(260), "db web api".into()),
                ("other-150".into(), Some(160), "other".into()),
                ("api-300".into(), Some(310), "api".into()),
                ("late-900".into(), None, "late".into()),
            ]
        );
    }
}
