//! Which dots shorten a word rather than end a sentence.

use super::Token;

/// Words before a dot that ends no sentence, whatever follows.
const TITLES: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "gen", "sen", "rep", "gov", "vs", "no", "nos", "approx",
    "e.g", "i.e", "rs", "sr", "messrs", "ca", "cf", "fig", "vol", "jan", "feb", "mar", "apr",
    "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mt", "ft", "al", "ref", "est",
];

/// Words before a dot that ends a sentence only when a word of [`STARTERS`] follows.
const SHORT: &[&str] = &[
    "inc", "corp", "co", "ltd", "llc", "plc", "bros", "jr", "u.s", "u.k", "u.n", "e.u", "u.s.a",
    "s.a", "n.v", "s.p.a", "a.g", "pte", "pty", "intl", "dept", "div", "oy", "cos",
];

/// Words before a dot that ends a sentence when a capital letter follows.
const UNITS: &[&str] = &[
    "mn", "bn", "tn", "mln", "bln", "a.m", "p.m", "etc", "pct", "pc", "cr",
];

/// Words that begin a sentence and hardly stand with a capital within one.
const STARTERS: &[&str] = &[
    "the",
    "it",
    "in",
    "a",
    "an",
    "he",
    "she",
    "we",
    "they",
    "this",
    "that",
    "these",
    "but",
    "however",
    "its",
    "shares",
    "for",
    "at",
    "on",
    "last",
    "analysts",
    "our",
    "his",
    "her",
    "their",
    "there",
    "as",
    "after",
    "while",
    "when",
    "if",
    "with",
    "by",
    "from",
    "earlier",
    "meanwhile",
    "under",
    "no",
    "net",
    "operating",
    "revenue",
    "sales",
    "i",
    "you",
    "some",
    "both",
    "since",
    "despite",
    "during",
];

/// Whether the dot after `token` shortens it; `after` is where what follows the dot begins.
pub(super) fn shortens(source: &str, lower: &str, token: &Token, after: usize) -> bool {
    let word = &lower[token.start as usize..token.end as usize];
    if word.len() > 6 {
        return false;
    }
    let initial = word.len() == 1 && token.capital() && word != "i";
    if initial || TITLES.contains(&word) {
        return true;
    }
    let letters = word.len() >= 3 && word.bytes().skip(1).step_by(2).all(|b| b == b'.');
    let unit = UNITS.contains(&word);
    if !letters && !unit && !SHORT.contains(&word) {
        return false;
    }
    let rest = &lower[after..];
    let next = rest.trim_start();
    if next.len() == rest.len() {
        // Nothing but the end, or a comma and the like.
        return !next.is_empty();
    }
    let end = next
        .bytes()
        .position(|b| !b.is_ascii_alphabetic())
        .unwrap_or(next.len());
    let capital = source.as_bytes()[source.len() - next.len()..]
        .first()
        .is_some_and(u8::is_ascii_uppercase);
    !next.is_empty() && !(capital && (unit || STARTERS.contains(&&next[..end])))
}
