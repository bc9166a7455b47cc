//! `/status.txt`: how things stand, for a terminal and for whoever reads without a browser. Pure.

use std::fmt::Write;

use super::view::{Stand, View};

/// Services that are listed; more are counted.
const LISTED_MAX: usize = 100;

/// The headline, then what is not up.
pub fn status(view: &View, now_ts: i64) -> String {
    let (stand, headline) = view.headline(now_ts);
    let mut out = format!("{} {headline}\n", stand.as_str().to_uppercase());
    let not_up: Vec<_> = view
        .worst()
        .take_while(|row| row.stand < Stand::Up)
        .collect();
    for row in not_up.iter().take(LISTED_MAX) {
        let lasts = row.lasts(now_ts).unwrap_or_default();
        let line = format!(
            "{:<9} {:<24} {lasts:<14} {}",
            row.stand.as_str(),
            row.svc,
            row.why(now_ts)
        );
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if not_up.len() > LISTED_MAX {
        let _ = writeln!(out, "and {} more", not_up.len() - LISTED_MAX);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::view::tests::{row, view};

    #[test]
    fn what_is_not_up_is_listed() {
        let view = view(vec![row("a", Stand::Up, &[]), row("db", Stand::Down, &[])]);
        assert_eq!(
            status(&view, 160),
            "DOWN 1 of 2 down: db for 1 min\ndown      db                       1 min          no beat for 1 min 30 s (limit 30 s)\n"
        );
    }
}
