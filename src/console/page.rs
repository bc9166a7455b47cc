//! The pages, as they answer without a script: the headline, and what is not up. Pure.
//!
//! Text enters only through [`Html::text`], which leaves no character that HTML could take for its own.

mod assets;
mod html;

use std::time::Duration;

use super::access::Who;
use super::view::{Row, STANDS, Stand, View, WINDOWS};
use crate::clock::{human, rfc3339};
use crate::history::{Account, Incident, Window, outages};
pub use assets::{asset, icon};
use html::Html;

/// Rows that the server writes; the rest is for the script, or for another page.
const ROWS_MAX: usize = 50;
/// Incidents of a list.
const INCIDENTS_MAX: usize = 100;
/// Outages of a detail.
const OUTAGES_MAX: usize = 50;

/// Who looks, and what he may do.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub who: &'a Who,
    /// There is a token to log in with.
    pub has_login: bool,
}

impl Reader<'_> {
    fn may_act(&self) -> bool {
        matches!(self.who, Who::Known(_))
    }
}

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

/// One service.
pub fn service(view: &View, row: &Row, reader: Reader<'_>, now_ts: i64) -> String {
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

fn incident_list<'i>(html: &mut Html, all: impl Iterator<Item = &'i Incident>, now_ts: i64) {
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

/// All up to the main part of a page.
fn begin(
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
    html.raw("<a class=\"skip\" href=\"#main\">to the services</a><header><h1><a href=\"/\">MarketSwarm</a></h1><nav aria-label=\"Pages\"><a href=\"/\">Services</a> <a href=\"/incidents\">Incidents</a></nav><span id=\"live\"></span> <button id=\"zone\" type=\"button\" hidden>UTC</button>");
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

fn end(mut html: Html) -> String {
    html.raw("</main><footer>Days are UTC. Keys: <kbd>/</kbd> search, <kbd>j</kbd> <kbd>k</kbd> move, <kbd>Enter</kbd> opens, <kbd>Esc</kbd> back, <kbd>?</kbd> help.</footer></body></html>");
    html.finish()
}

fn time(html: &mut Html, ts: i64) {
    let text = rfc3339(ts);
    let shown = text.replace('T', " ").replace('Z', " UTC");
    html.element("time", &[("datetime", &text)], &shown);
}

fn secs(secs: i64) -> String {
    human(Duration::from_secs(u64::try_from(secs).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::view::tests::{row, view};

    #[test]
    fn what_comes_from_outside_is_text_on_every_page() {
        let evil = "<script>alert(1)</script>\"'&";
        let mut bad = (*row("db", Stand::Down, &["x"])).clone();
        bad.reason = Some(evil.into());
        let mut view = view(vec![std::sync::Arc::new(bad)]);
        view.history_note = Some(evil.into());
        let who = Who::Known(evil.into());
        let reader = Reader {
            who: &who,
            has_login: true,
        };
        let row = std::sync::Arc::clone(view.row("db").expect("a row"));
        for page in [
            list(&view, reader, 200),
            service(&view, &row, reader, 200),
            incidents(&view, reader, 200),
            login(Some(evil)),
            message(evil, evil),
        ] {
            assert!(!page.contains("<script>alert"), "{page}");
            assert!(page.contains("&lt;script&gt;"), "{page}");
        }
    }

    #[test]
    fn without_a_script_the_list_answers_what_is_not_up() {
        let view = view(vec![
            row("db", Stand::Down, &[]),
            row("fine", Stand::Up, &[]),
        ]);
        let reader = Reader {
            who: &Who::Local,
            has_login: false,
        };
        let page = list(&view, reader, 200);
        assert!(page.contains("1 of 2 down: db for 1 min 40 s"), "{page}");
        assert!(
            page.contains("href=\"/services/db\"") && !page.contains("services/fine"),
            "{page}"
        );
        assert!(page.contains("<title>(1) MarketSwarm</title>"), "{page}");
    }
}
