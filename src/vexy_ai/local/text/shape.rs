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
    let first = match written.as_bytes() {
        [] => return 0,
        [first @ 0..0x80, ..] => first.is_ascii_uppercase(),
        _ => written.starts_with(char::is_uppercase),
    };
    let mut flags = 0;
    if first {
        flags |= CAPITAL;
        let bytes = written.as_bytes();
        let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
        if letters >= 2 && !bytes.iter().any(u8::is_ascii_lowercase) {
            flags |= UPPER;
        }
    }
    flags
}
