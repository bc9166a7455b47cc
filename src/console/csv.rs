//! Incidents and outages for a spreadsheet: CSV as RFC 4180 has it (<https://www.rfc-editor.org/rfc/rfc4180>). Pure.

use super::view::{Row, View, WINDOWS};
use crate::clock::rfc3339;
use crate::history::{Account, Window};

/// Rows of one answer, the newest.
const ROWS_MAX: usize = 10_000;

/// The incidents, newest first: a row for each service in them.
pub fn incidents(view: &View) -> String {
    let mut out = line(&["incident", "service", "state", "from", "to", "seconds"]);
    let members = view.incidents.iter().rev().flat_map(|incident| {
        let members = incident.members.iter();
        members.map(move |member| (&incident.id, member))
    });
    for (id, member) in members.take(ROWS_MAX) {
        let span = (member.span.from, member.span.to);
        let state = member.span.kind.as_str();
        out += &row(&[id, &member.svc, state], span, member.lasts);
    }
    out
}

/// What was not up of one service in 90 days, newest first.
pub fn spans(view: &View, service: &Row, now_ts: i64) -> String {
    let mut out = line(&["service", "state", "from", "to", "seconds"]);
    let window = Window {
        from: now_ts - WINDOWS[3].1,
        to: now_ts,
    };
    let stretches = view.stretches(service, window, now_ts);
    let is_told = |account| !matches!(account, Account::Up | Account::NotWatched);
    let told = stretches.iter().rev().filter(|s| is_told(s.account));
    for stretch in told.take(ROWS_MAX) {
        let words = [&*service.svc, stretch.account.as_str()];
        out += &row(&words, (stretch.from, stretch.to), stretch.to >= now_ts);
    }
    out
}

/// Words and a span; of one that lasts the end is left open.
fn row(words: &[&str], (from, to): (i64, i64), lasts: bool) -> String {
    let end = if lasts { String::new() } else { rfc3339(to) };
    let (begin, seconds) = (rfc3339(from), (to - from).to_string());
    let mut cells = words.to_vec();
    cells.extend([begin.as_str(), end.as_str(), seconds.as_str()]);
    line(&cells)
}

fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A text as one cell. What a spreadsheet would take for a formula gets a sign before it that makes it text
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_cell_or_becomes_a_formula() {
        for (text, shown) in [
            ("db", "db"),
            ("a,b", "\"a,b\""),
            ("a\"b\n", "\"a\"\"b\n\""),
            ("=1+1", "'=1+1"),
            ("@x,y", "\"'@x,y\""),
        ] {
            assert_eq!(cell(text), shown);
        }
        assert_eq!(
            row(&["db", "down"], (0, 60), false),
            "db,down,1970-01-01T00:00:00Z,1970-01-01T00:01:00Z,60\r\n"
        );
        assert!(row(&["db"], (0, 60), true).contains(",,60"));
    }
}
