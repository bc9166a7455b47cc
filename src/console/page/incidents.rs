//! The pages of incidents. Pure.

use super::frame::{Reader, begin, end, secs, time};
use super::html::Html;
use crate::console::view::View;
use crate::history::Incident;

/// Incidents of a list.
const INCIDENTS_MAX: usize = 100;

/// The incidents, newest first.
pub fn incidents(view: &View, reader: Reader<'_>, now_ts: i64) -> String {
    let mut html = begin(view, reader, "Incidents", "incidents", None, now_ts);
    html.open("section", &[("aria-label", "Incidents")]);
    html.element("h2", &[], "Incidents");
    incident_list(
        &mut html,
        view.incidents.iter().rev().take(INCIDENTS_MAX),
        now_ts,
    );
    html.close("section");
    end(html)
}

/// One incident.
pub fn incident(view: &View, incident: &Incident, reader: Reader<'_>, now_ts: i64) -> String {
    let mut html = begin(view, reader, "Incident", "incident", None, now_ts);
    html.open("section", &[("aria-label", "Incident")]);
    html.element("h2", &[], &title(incident, now_ts));
    html.open("ul", &[]);
    for member in &incident.members {
        html.open("li", &[]);
        time(&mut html, member.span.from);
        html.text(" ");
        html.element(
            "a",
            &[("href", &format!("/services/{}", member.svc))],
            &member.svc,
        );
        let lasts = if member.lasts { " so far" } else { "" };
        let length = secs(member.span.to - member.span.from);
        html.text(&format!(
            " {} for {length}{lasts}",
            member.span.kind.as_str()
        ));
        html.close("li");
    }
    html.close("ul");
    html.close("section");
    end(html)
}

pub(super) fn incident_list<'i>(
    html: &mut Html,
    all: impl Iterator<Item = &'i Incident>,
    now_ts: i64,
) {
    html.open("ul", &[("class", "incidents")]);
    let mut any = false;
    for incident in all {
        any = true;
        html.open("li", &[]);
        time(html, incident.from);
        html.text(" ");
        html.element(
            "a",
            &[("href", &format!("/incidents/{}", incident.id))],
            &title(incident, now_ts),
        );
        html.close("li");
    }
    html.close("ul");
    if !any {
        html.element("p", &[], "None that is known of.");
    }
}

fn title(incident: &Incident, now_ts: i64) -> String {
    let first = incident.members.first();
    let (svc, kind) = first.map_or(("", "down"), |m| (&*m.svc, m.span.kind.as_str()));
    let mut names: Vec<&str> = incident.members.iter().map(|m| &*m.svc).collect();
    names.sort_unstable();
    names.dedup();
    let more = match names.len() {
        0 | 1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let length = secs(incident.to.unwrap_or(now_ts) - incident.from);
    match incident.to {
        Some(_) => format!("{svc}{more} {kind} for {length}"),
        None => format!("{svc}{more} {kind}, {length} so far"),
    }
}
