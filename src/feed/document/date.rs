//! Dates as feeds write them: RFC 822 with all its sins, RFC 3339, W3C-DTF, and what lies between.
//!
//! One lenient reader for all: it cuts the text into numbers, words and marks, and asks of each what it can be. Where
//! two readings are possible there is none: a wrong date is worse than no date. Without a zone a time is UTC.

mod clock;
mod day;
mod names;
mod strict;
mod tokens;
mod zone;

use day::Figures;
use tokens::Tokens;
use zone::Zone;

/// Seconds since 1970 of a written date; `None` when no day can be found in it.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    strict::parse(text).or_else(|| lenient(text))
}

fn lenient(text: &str) -> Option<i64> {
    let text = tokens::in_ascii(text)?;
    if let Some(ts) = epoch(&text) {
        return Some(ts);
    }
    // `20240709083000`.
    if text.len() == 14 && text.bytes().all(|b| b.is_ascii_digit()) {
        return lenient(&format!("{} {}", &text[..8], &text[8..]));
    }
    let mut tokens = Tokens::cut(&text, zone::name_len)?;
    let figures = day::in_figures(&mut tokens);
    let clock = clock::take(&mut tokens)?;
    let zone = zone::take(&mut tokens, clock)?.unwrap_or(Zone::Fixed(0));
    let day = match figures {
        Figures::Day(day) => day,
        Figures::Wrong => return None,
        Figures::No => day::in_words(&mut tokens)?,
    };
    let clock = clock.or_else(|| clock::take_left_over(&mut tokens));
    let clock_sec = clock.map_or(0, |clock| clock.sec);
    zone.ts_of(day.since_1970() * 86_400 + clock_sec)
}

/// Seconds or milliseconds since 1970, in figures.
fn epoch(text: &str) -> Option<i64> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match whole.len() {
        9 | 10 if is_number => whole.parse().ok(),
        12 | 13 if is_number => whole.parse::<i64>().ok().map(|ms| ms / 1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
