//! How a word is written.

use super::{CAPITAL, UPPER};

/// `VOD.L`, `NOKIA.HE`, `BRK.B`.
pub(super) fn symbol_with_suffix(written: &str) -> bool {
    let Some((symbol, suffix)) = written.split_once('.') else {
        return false;
    };
    let upper = |s: &str| {
        s.bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    (2..=6).contains(&symbol.len())
        && (1..=2).contains(&suffix.len())
        && upper(symbol)
        && upper(suffix)
        || symbol.len() == 1 && suffix.len() == 2 && upper(symbol) && upper(suffix)
}

/// The flags of how a word is written.
pub(super) fn shape(written: &str) -> u8 {
    if written.is_ascii() {
        return ascii_shape(written.as_bytes());
    }
    if !written.starts_with(char::is_uppercase) {
        return 0;
    }
    CAPITAL | upper(written.as_bytes())
}

/// The same of a word of ASCII.
pub(super) fn ascii_shape(written: &[u8]) -> u8 {
    match written {
        [b'A'..=b'Z', b'a'..=b'z', ..] => CAPITAL,
        [b'A'..=b'Z', ..] => CAPITAL | upper(written),
        _ => 0,
    }
}

/// Whether there are two capital letters or more, and no small ones.
fn upper(written: &[u8]) -> u8 {
    let letters = written.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let small = written.iter().any(u8::is_ascii_lowercase);
    if letters >= 2 && !small { UPPER } else { 0 }
}
