//! The pages, as they answer without a script: the headline, and what is not up. Pure.
//!
//! Text enters only through [`Html::text`], which leaves no character that HTML could take for its own.

mod assets;
mod frame;
mod html;
mod incidents;
mod topic;

use super::view::{Row, Stand, View, WINDOWS};
use crate::history::{Account, Window, outages};
pub use assets::{asset, icon, links as head_links};
pub use frame::Reader;
use frame::{begin, end, secs, time};
pub use html::Html;
use incidents::incident_list;
pub use incidents::{incident, incidents};
pub use topic::topic;

/// Rows that the server writes; the rest is for the script, or for another page.
const ROWS_MAX: usize = 50;
/// Outages of a detail.
const OUTAGES_MAX: usize = 50;

/// The list of all services.
pub fn list(view: &View, reader: Reader<'_>, now_ts: i64) -> String {
    let mut html = begin(view, reader, "MarketSwarm", "list", None, now_ts);
    html.open("section", &[("aria-label", "Services")]);
    html.open(
        "form",
        &[("id", "find"), ("role", "search"), ("hidden", "")],
    );
    html.raw(FIND);
    html.close("form");
    let not_up: Vec<_> = view.worst().filter(|row| row.stand < Stand::Up).collect();
    html.open("div", &[("id", "rows")]);
    if not_up.is_empty() {
        let words = match view.rows.is_empty() {
            true => NO_SERVICES,
            false => "Nothing else to tell: all that is watched is up.",
        };
        html.element("p", &[], words);
    } else {
        table(
            &mut html,
            not_up.iter().take(ROWS_MAX).map(|row| &***row),
            view,
            now_ts,
        );
    }
    if not_up.len() > ROWS_MAX {
        html.element(
            "p",
            &[],
            &format!("and {} more that are not up", not_up.len() - ROWS_MAX),
        );
    }
    html.close("div");
    html.raw("<noscript><p>With a script this page shows all services, bars and live changes. Without one: <a href=\"/status.txt\">as text</a>, <a href=\"/incidents\">incidents</a>.</p></noscript>");
    html.close("section");
    html.open("section", &[("aria-label", "Newest incidents")]);
    html.element("h2", &[], "Incidents");
    incident_list(&mut html, view.incidents.iter().rev().take(5), now_ts);
    html.close("section");
    end(html)
}

const NO_SERVICES: &str = "No services: truth names none yet. Write truth.json, then put it in force: marketswarm bootstrap";
const FIND: &str = "<label>Search <input id=\"q\" type=\"search\" autocomplete=\"off\"></label> <label>State <select id=\"state\"><option value=\"\">all</option><option>down</option><option>unknown</option><option>degraded</option><option>planned</option><option>up</option><option>off</option></select></label> <label>Group <select id=\"group\"><option value=\"\">all</option></select></label> <label>Bars <select id=\"bars\"><option value=\"24h\">24 h</option><option value=\"90d\">90 d</option></select></label> <span id=\"count\"></span>";

fn table<'r>(html: &mut Html, rows: impl Iterator<Item = &'r Row>, view: &View, now_ts: i64) {
    html.open("table", &[]);
    html.raw("<thead><tr><th scope=\"col\">State</th><th scope=\"col\">Service</th><th scope=\"col\">For</th><th scope=\"col\">Uptime, 24 h</th><th scope=\"col\">Why</th></tr></thead>");
    html.open("tbody", &[]);
    for row in rows {
        html.open("tr", &[]);
        html.open("td", &[]);
        stand(html, row.stand);
        html.close("td");
        html.open("td", &[]);
        html.element(
            "a",
            &[("href", &format!("/services/{}", row.svc))],
            &row.svc,
        );
        html.close("td");
        html.element("td", &[], &row.lasts(now_ts).unwrap_or_else(|| "—".into()));
        let uptime = view.sums(row, WINDOWS[0].1, now_ts).uptime();
        html.element(
            "td",
            &[],
            &uptime.map_or_else(|| "—".into(), |share| share.to_string()),
        );
        html.element("td", &[], &why(row, now_ts));
        html.close("tr");
    }
    html.close("tbody");
    html.close("table");
}

fn why(row: &Row, now_ts: i64) -> String {
    let mut words = row.why(now_ts);
    if let Some(last) = row.last_known {
        words = format!("{words} (last known: {})", last.as_str());
    }
    if row.silenced {
        words.push_str(" · silenced");
    }
    if row.acked {
        words.push_str(" · acknowledged");
    }
    words
}

fn stand(html: &mut Html, stand: Stand) {
    html.open("span", &[("class", &format!("stand {}", stand.as_str()))]);
    html.element("span", &[("aria-hidden", "true")], stand.glyph());
    html.text(" ");
    html.text(stand.as_str());
    html.close("span");
}

/// What truth says of a service to people.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    pub description: Option<&'a str>,
    /// An http or https URL.
    pub runbook: Option<&'a str>,
}

/// One service.
pub fn service(
    view: &View,
    row: &Row,
    about: About<'_>,
    reader: Reader<'_>,
    now_ts: i64,
) -> String {
    let mut html = begin(view, reader, &row.svc, "service", Some(&row.svc), now_ts);
    html.open("section", &[("id", "detail"), ("aria-label", "Service")]);
    html.element("h2", &[], &row.svc);
    html.open("p", &[("id", "now")]);
    stand(&mut html, row.stand);
    if let Some(lasts) = row.lasts(now_ts) {
        html.text(&format!(" for {lasts}"));
    }
    let words = why(row, now_ts);
    if !words.is_empty() {
        html.text(&format!(": {words}"));
    }
    html.close("p");
    if let Some(description) = about.description {
        html.element("p", &[], description);
    }
    if let Some(runbook) = about.runbook {
        html.open("p", &[]);
        html.text("What to do: ");
        // Elsewhere nobody learns from where the reader came.
        html.element("a", &[("href", runbook), ("rel", "noreferrer")], runbook);
        html.close("p");
    }
    html.open("div", &[("id", "beats")]);
    html.close("div");
    html.open("div", &[("id", "bars")]);
    html.close("div");
    windows(&mut html, view, row, now_ts);
    depends(&mut html, view, row);
    outage_list(&mut html, view, row, now_ts);
    html.close("section");
    end(html)
}

fn windows(html: &mut Html, view: &View, row: &Row, now_ts: i64) {
    html.element("h3", &[], "Uptime");
    html.open("table", &[("id", "windows")]);
    html.raw("<thead><tr><th scope=\"col\">Window</th><th scope=\"col\">Uptime</th><th scope=\"col\">Watched</th><th scope=\"col\">Outages</th><th scope=\"col\">Mean time to repair</th><th scope=\"col\">Mean time between</th></tr></thead>");
    html.open("tbody", &[]);
    for (name, length) in WINDOWS {
        let sums = view.sums(row, length, now_ts);
        let window = Window {
            from: now_ts - length,
            to: now_ts,
        };
        let found = outages(&view.stretches(row, window, now_ts), now_ts);
        html.open("tr", &[]);
        html.element("th", &[("scope", "row")], name);
        let dash = || "—".to_owned();
        html.element(
            "td",
            &[],
            &sums.uptime().map_or_else(dash, |share| share.to_string()),
        );
        html.element(
            "td",
            &[],
            &sums.watched().map_or_else(dash, |share| share.to_string()),
        );
        html.element("td", &[], &found.count.to_string());
        html.element("td", &[], &found.mttr_sec.map_or_else(dash, secs));
        html.element("td", &[], &found.mtbf_sec.map_or_else(dash, secs));
        html.close("tr");
    }
    html.close("tbody");
    html.close("table");
}

fn depends(html: &mut Html, view: &View, row: &Row) {
    if row.depends.is_empty() {
        return;
    }
    html.element("h3", &[], "Depends on");
    html.open("ul", &[]);
    for on in row.depends.iter() {
        html.open("li", &[]);
        if let Some(other) = view.row(on) {
            stand(html, other.stand);
            html.text(" ");
        }
        html.element("a", &[("href", &format!("/services/{on}"))], on);
        html.close("li");
    }
    html.close("ul");
}

fn outage_list(html: &mut Html, view: &View, row: &Row, now_ts: i64) {
    html.element("h3", &[], "What was not up, newest first");
    let window = Window {
        from: now_ts - WINDOWS[3].1,
        to: now_ts,
    };
    let stretches = view.stretches(row, window, now_ts);
    let bad = |account| !matches!(account, Account::Up | Account::NotWatched);
    let bad: Vec<_> = stretches
        .iter()
        .rev()
        .filter(|s| bad(s.account))
        .take(OUTAGES_MAX)
        .collect();
    if bad.is_empty() {
        return html.element("p", &[], "None in 90 days, as far as it was watched.");
    }
    html.open("ul", &[("id", "spans")]);
    for stretch in bad {
        html.open("li", &[]);
        time(html, stretch.from);
        let lasts = if stretch.to >= now_ts { " so far" } else { "" };
        html.text(&format!(
            " {} for {}{lasts}",
            stretch.account.as_str(),
            secs(stretch.to - stretch.from)
        ));
        html.close("li");
    }
    html.close("ul");
}

/// The page to log in on. `wrong`: what was wrong with the last try.
pub fn login(wrong: Option<&str>) -> String {
    let mut html = Html::default();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Log in · MarketSwarm</title>");
    html.raw(&assets::links(Stand::Unknown));
    html.raw("</head><body><header><h1>MarketSwarm</h1></header><main><section aria-label=\"Log in\"><h2>Log in</h2><form method=\"post\" action=\"/login\"><p><label>Token <input name=\"token\" type=\"password\" autocomplete=\"current-password\" required></label> <button>Log in</button></p>");
    if let Some(wrong) = wrong {
        html.element("p", &[("role", "alert")], wrong);
    }
    html.raw("</form><p>The token is what <code>CONSOLE_TOKEN</code> says.</p></section></main></body></html>");
    html.finish()
}

/// A page that says one thing.
pub fn message(title: &str, words: &str) -> String {
    let mut html = Html::default();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.element("title", &[], title);
    html.raw(&assets::links(Stand::Unknown));
    html.raw("</head><body><header><h1><a href=\"/\">MarketSwarm</a></h1></header><main>");
    html.element("h2", &[], title);
    html.element("p", &[], words);
    html.raw("</main></body></html>");
    html.finish()
}

#[cfg(test)]
mod tests;
