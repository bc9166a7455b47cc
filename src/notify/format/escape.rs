//! Text made harmless for the receiver that renders it.

/// Slack gives a meaning to `<…>` and `&` everywhere; to `*`, `_` and the like only where its markup is on, which it is not.
pub(super) fn slack(line: &str) -> String {
    line.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Discord renders a kind of Markdown, and `<@…>` as a mention. An underscore inside a word means nothing there.
pub(super) fn discord(line: &str) -> String {
    let chars: Vec<char> = line.chars().collect();
    let word = |at: Option<usize>| {
        at.and_then(|i| chars.get(i))
            .is_some_and(|c| c.is_alphanumeric())
    };
    let mut out = String::with_capacity(line.len() + 8);
    for (i, &c) in chars.iter().enumerate() {
        let special = match c {
            '\\' | '*' | '~' | '`' | '|' | '<' | '>' | '[' | ']' => true,
            '_' => !(word(i.checked_sub(1)) && word(Some(i + 1))),
            '#' | '-' => i == 0,
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The escaped lines of `text` that fit into `max` characters, whole lines only; `…` when some do not.
pub(super) fn fit(text: &str, max: usize, escape: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut used = 0;
    for line in text.lines() {
        let escaped = escape(line);
        let length = escaped.chars().count() + 1;
        if used + length > max {
            if used == 0 {
                out.extend(escape(line).chars().take(max.saturating_sub(2)));
            }
            out.push('…');
            return out;
        }
        if used > 0 {
            out.push('\n');
        }
        out.push_str(&escaped);
        used += length;
    }
    out
}
