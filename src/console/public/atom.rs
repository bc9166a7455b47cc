//! Incidents as an Atom feed (RFC 4287). Pure.

use sha1_smol::Sha1;

use super::{Incident, Shown};
use crate::clock::rfc3339;
use crate::console::page::Html;

/// The feed.
pub fn atom(shown: &Shown) -> String {
    let mut xml = Html::default();
    xml.raw(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">",
    );
    xml.element("title", &[], &shown.title);
    xml.element("id", &[], &urn(&shown.title));
    let newest = shown
        .incidents
        .iter()
        .map(|i| i.to_ts.unwrap_or(i.from_ts))
        .max();
    xml.element("updated", &[], &rfc3339(newest.unwrap_or(0)));
    xml.raw("<author><name>MarketSwarm</name></author>");
    for incident in &shown.incidents {
        xml.raw("<entry>");
        xml.element("title", &[], &incident.title());
        // Neither the name of a service nor that of an alert is for everybody.
        let what = format!("{} {}", incident.from_ts, incident.labels.join(" "));
        xml.element("id", &[], &urn(&what));
        xml.element("published", &[], &rfc3339(incident.from_ts));
        xml.element(
            "updated",
            &[],
            &rfc3339(incident.to_ts.unwrap_or(incident.from_ts)),
        );
        let from = rfc3339(incident.from_ts);
        let words = match incident.to_ts {
            Some(to) => format!("From {from} to {}.", rfc3339(to)),
            None => format!("Since {from}, not over yet."),
        };
        xml.element("content", &[("type", "text")], &words);
        xml.raw("</entry>");
    }
    xml.raw("</feed>\n");
    xml.finish()
}

fn urn(what: &str) -> String {
    format!("urn:sha1:{}", Sha1::from(what.as_bytes()).digest())
}

impl Incident {
    /// Who was not up, in words.
    pub(super) fn title(&self) -> String {
        let state = if self.to_ts.is_some() { "was" } else { "is" };
        format!("{} {state} not up", self.labels.join(", "))
    }
}
