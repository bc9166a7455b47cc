//! The page of a topic: remarks, tables, and a text. Pure.

use super::frame::{Reader, begin, end, time};
use super::html::Html;
use crate::console::sheet::{Cell, Sheet, Table};
use crate::console::topic::Topic;
use crate::console::view::View;

/// A cell of so many characters stays in one line.
const SHORT_CHARS: usize = 18;

/// What `sheet` says of `topic`, as of now.
pub fn topic(view: &View, reader: Reader<'_>, topic: Topic, sheet: &Sheet, now_ts: i64) -> String {
    let mut html = begin(view, reader, topic.title(), "topic", None, now_ts);
    html.open("section", &[("aria-label", topic.title()), ("id", "topic")]);
    html.element("h2", &[], topic.title());
    html.open("p", &[("class", "dim")]);
    html.text("As of ");
    time(&mut html, now_ts);
    html.text(". ");
    html.element(
        "a",
        &[("href", &format!("/{}", topic.as_str()))],
        "Look again",
    );
    html.close("p");
    for remark in &sheet.remarks {
        html.element("p", &[], remark);
    }
    for one in &sheet.tables {
        table(&mut html, one);
    }
    if let Some((name, text)) = &sheet.text {
        html.element("h3", &[], name);
        // A long text is scrolled, also by whoever has no mouse.
        let scrolled = [
            ("class", "card"),
            ("tabindex", "0"),
            ("role", "region"),
            ("aria-label", name),
        ];
        html.element("pre", &scrolled, text);
    }
    html.close("section");
    end(html)
}

fn table(html: &mut Html, table: &Table) {
    html.element("h3", &[], table.name);
    if table.rows.is_empty() {
        return html.element("p", &[], "None.");
    }
    html.open("table", &[("class", "sheet")]);
    html.open("thead", &[]);
    html.open("tr", &[]);
    for head in table.heads {
        html.element("th", &[("scope", "col")], head);
    }
    html.close("tr");
    html.close("thead");
    html.open("tbody", &[]);
    for row in &table.rows {
        html.open("tr", &[]);
        for (head, cell) in table.heads.iter().zip(row) {
            let is_short = cell.text.chars().count() <= SHORT_CHARS;
            let class = if is_short { "short" } else { "long" };
            html.open("td", &[("data-name", head), ("class", class)]);
            write(html, cell);
            html.close("td");
        }
        html.close("tr");
    }
    html.close("tbody");
    html.close("table");
    if table.more > 0 {
        html.element("p", &[], &format!("and {} more", table.more));
    }
}

fn write(html: &mut Html, cell: &Cell) {
    if let Some(stand) = cell.stand {
        html.open("span", &[("class", &format!("stand {}", stand.as_str()))]);
        html.element("span", &[("aria-hidden", "true")], stand.glyph());
        html.text(" ");
        html.text(&cell.text);
        return html.close("span");
    }
    for (word, path) in &cell.asks {
        // The script shows it to whoever may act.
        let asks = [("type", "button"), ("data-post", path), ("hidden", "")];
        html.element("button", &asks, word);
        html.text(" ");
    }
    match &cell.link {
        Some(link) => html.element("a", &[("href", link)], &cell.text),
        None => html.text(&cell.text),
    }
}
