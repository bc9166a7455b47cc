//! What all pages share: how they begin and end, and how a moment and a span are written. Pure.

use std::time::Duration;

use super::assets;
use super::html::Html;
use crate::clock::{human, rfc3339};
use crate::console::access::Who;
use crate::console::topic::Topic;
use crate::console::view::{STANDS, Stand, View};

/// Who looks, and what he may do.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub who: &'a Who,
    /// There is a token to log in with.
    pub has_login: bool,
}

impl Reader<'_> {
    pub(super) fn may_act(&self) -> bool {
        matches!(self.who, Who::Known(_))
    }
}

/// All up to the main part of a page.
pub(super) fn begin(
    view: &View,
    reader: Reader<'_>,
    title: &str,
    page: &str,
    svc: Option<&str>,
    now_ts: i64,
) -> Html {
    let (worst, headline) = view.headline(now_ts);
    let mut html = Html::default();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">");
    let mark = match view.counts.of(Stand::Down) {
        0 => String::new(),
        n => format!("({n}) "),
    };
    html.element("title", &[], &format!("{mark}{title}"));
    html.raw(&assets::links(worst));
    html.raw("</head>");
    let acts = if reader.may_act() { "1" } else { "" };
    let mut data = vec![
        ("data-page", page),
        ("data-acts", acts),
        ("data-worst", worst.as_str()),
    ];
    data.extend(svc.map(|svc| ("data-svc", svc)));
    html.open("body", &data);
    html.raw("<a class=\"skip\" href=\"#main\">to the services</a><header><h1><a href=\"/\">MarketSwarm</a></h1><nav aria-label=\"Pages\"><a href=\"/\">Services</a> <a href=\"/incidents\">Incidents</a>");
    for topic in Topic::ALL {
        html.text(" ");
        html.element(
            "a",
            &[("href", &format!("/{}", topic.as_str()))],
            topic.title(),
        );
    }
    html.raw(
        "</nav><span id=\"live\"></span> <button id=\"zone\" type=\"button\" hidden>UTC</button>",
    );
    if !reader.may_act() && reader.has_login {
        html.raw(" <a href=\"/login\">Log in</a>");
    }
    if let Who::Known(name) = reader.who {
        html.text(" ");
        html.element("span", &[("id", "who")], name);
    }
    html.raw("</header><main id=\"main\">");
    html.open(
        "p",
        &[
            ("id", "headline"),
            ("class", &format!("headline {}", worst.as_str())),
        ],
    );
    html.element("span", &[("aria-hidden", "true")], worst.glyph());
    html.text(" ");
    html.text(&headline);
    html.close("p");
    html.raw("<p id=\"said\" role=\"status\" aria-live=\"polite\"></p>");
    facts(&mut html, view);
    html
}

/// Who judges, which buses can be judged, and what else is to be known of all that follows.
fn facts(html: &mut Html, view: &View) {
    html.open("p", &[("id", "facts")]);
    let healer = if view.healer.is_empty() {
        "not known yet"
    } else {
        view.healer
    };
    html.text(&format!("healer {healer}"));
    for bus in &view.buses {
        let judged = if bus.judged { "judged" } else { "not judged" };
        html.text(&format!(" · {} {judged}", bus.bus));
    }
    if let Some(told_by) = view.told_by() {
        html.text(&format!(" · {told_by}"));
    }
    for stand in STANDS
        .into_iter()
        .filter(|stand| view.counts.of(*stand) > 0)
    {
        html.text(&format!(" · {} {}", view.counts.of(stand), stand.as_str()));
    }
    if let Some(note) = &view.history_note {
        html.text(&format!(" · {note}"));
    }
    html.close("p");
}

pub(super) fn end(mut html: Html) -> String {
    html.raw("</main><footer>Days are UTC. Keys: <kbd>/</kbd> search, <kbd>j</kbd> <kbd>k</kbd> move, <kbd>Enter</kbd> opens, <kbd>Esc</kbd> back, <kbd>?</kbd> help.</footer></body></html>");
    html.finish()
}

pub(super) fn time(html: &mut Html, ts: i64) {
    let text = rfc3339(ts);
    let shown = text.replace('T', " ").replace('Z', " UTC");
    html.element("time", &[("datetime", &text)], &shown);
}

pub(super) fn secs(secs: i64) -> String {
    human(Duration::from_secs(u64::try_from(secs).unwrap_or(0)))
}
