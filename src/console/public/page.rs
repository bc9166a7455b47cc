//! The page for everybody. Pure.

use super::Shown;
use crate::clock::rfc3339;
use crate::console::page::{Html, head_links};
use crate::console::view::Stand;

/// The page.
pub fn page(shown: &Shown) -> String {
    let mut html = Html::default();
    html.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><link rel=\"alternate\" type=\"application/atom+xml\" title=\"Incidents\" href=\"/public/incidents.atom\">");
    html.element("title", &[], &shown.title);
    html.raw(&head_links(shown.worst));
    html.raw("</head><body><header>");
    html.element("h1", &[], &shown.title);
    html.raw("</header><main>");
    let class = format!("headline {}", shown.worst.as_str());
    html.open("p", &[("class", &class)]);
    html.element("span", &[("aria-hidden", "true")], shown.worst.glyph());
    html.text(" ");
    html.text(shown.headline());
    html.close("p");
    for (name, services) in &shown.groups {
        html.open("section", &[("class", "public")]);
        html.element("h2", &[], if name.is_empty() { "Services" } else { name });
        html.open("ul", &[]);
        for service in services {
            html.open("li", &[("class", "row")]);
            stand(&mut html, service.stand);
            html.element("span", &[("class", "name")], &service.label);
            bar(&mut html, &service.bar);
            let uptime = service.uptime.last().copied().flatten();
            let uptime = uptime.map_or("—".to_owned(), |share| share.to_string());
            html.element("span", &[("class", "share")], &uptime);
            html.close("li");
        }
        html.close("ul");
        html.close("section");
    }
    incidents(&mut html, shown);
    html.raw("</main><footer>Bars and shares are of the last 90 days. ");
    html.raw("<a href=\"/public/incidents.atom\">Incidents as a feed</a>. As of ");
    html.element("time", &[("datetime", &shown.now)], &shown.now);
    html.raw("</footer></body></html>");
    html.finish()
}

fn incidents(html: &mut Html, shown: &Shown) {
    html.raw("<section><h2>Incidents</h2>");
    if shown.incidents.is_empty() {
        html.element("p", &[], "None that is known of.");
    }
    html.raw("<ul class=\"incidents\">");
    for incident in &shown.incidents {
        html.open("li", &[]);
        html.text(&incident.title());
        html.text(": from ");
        time(html, incident.from_ts);
        match incident.to_ts {
            Some(to) => {
                html.text(" to ");
                time(html, to);
            }
            None => html.text(", not over yet"),
        }
        html.close("li");
    }
    html.raw("</ul></section>");
}

fn time(html: &mut Html, ts: i64) {
    let text = rfc3339(ts);
    html.element("time", &[("datetime", &text)], &text);
}

fn stand(html: &mut Html, stand: Stand) {
    html.open("span", &[("class", &format!("stand {}", stand.as_str()))]);
    html.element("span", &[("aria-hidden", "true")], stand.glyph());
    html.text(" ");
    html.text(stand.as_str());
    html.close("span");
}

/// As the script draws it: cells differ by their shape.
fn bar(html: &mut Html, letters: &str) {
    const CELL: usize = 8;
    let bad = letters.chars().filter(|letter| *letter == 'd').count();
    let label = format!("90 days, {bad} of them with an outage");
    let view_box = format!("0 0 {} 26", letters.len().max(1) * CELL);
    html.open(
        "svg",
        &[
            ("class", "bar"),
            ("viewBox", &view_box),
            ("preserveAspectRatio", "none"),
            ("role", "img"),
            ("aria-label", &label),
        ],
    );
    for (at, letter) in letters.chars().enumerate() {
        let (y, height) = match letter {
            'd' => ("8", "18"),
            'p' => ("9", "9"),
            'g' => ("5", "13"),
            'k' => ("2.5", "15"),
            'o' => ("16", "2"),
            _ => ("2", "16"),
        };
        let x = (at * CELL + 1).to_string();
        html.open(
            "rect",
            &[
                ("class", &format!("c-{letter}")),
                ("x", &x),
                ("y", y),
                ("width", "6"),
                ("height", height),
            ],
        );
        html.close("rect");
    }
    html.close("svg");
}
