//! Character references: the five of XML, numbers, and HTML's names where feeds use them undeclared.

use std::borrow::Cow;

use memchr::memchr;

use super::html_names;

/// How a `&` was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// One of XML's own, or a number.
    Xml,
    /// A name that only HTML knows.
    Html,
    /// Looks like a reference, but nobody knows the name: left as it stands.
    Unknown,
    /// Just an ampersand.
    Bare,
}

/// No name, and no number, is longer.
const LONGEST: usize = 12;

/// Replaces all references in `raw`; `note` hears of each, with its offset in `raw`.
pub fn decode(raw: &str, mut note: impl FnMut(Reference, usize)) -> Cow<'_, str> {
    let Some(first) = memchr(b'&', raw.as_bytes()) else {
        return Cow::Borrowed(raw);
    };
    let mut out = String::with_capacity(raw.len());
    let mut done = 0;
    let mut next = Some(first);
    while let Some(at) = next {
        out.push_str(&raw[done..at]);
        let (reference, len, character) = read(&raw[at..]);
        note(reference, at);
        match character {
            Some(c) => out.push(c),
            None => out.push_str(&raw[at..at + len]),
        }
        done = at + len;
        next = memchr(b'&', &raw.as_bytes()[done..]).map(|found| done + found);
    }
    out.push_str(&raw[done..]);
    Cow::Owned(out)
}

/// Reads the reference at the start of `at` (which starts with `&`): what it is, its length, its character.
pub fn read(at: &str) -> (Reference, usize, Option<char>) {
    let bytes = at.as_bytes();
    let window = &bytes[1..bytes.len().min(LONGEST + 2)];
    let name_len = window
        .iter()
        .position(|b| !b.is_ascii_alphanumeric() && *b != b'#')
        .unwrap_or(window.len());
    let name = &at[1..=name_len];
    let closed = bytes.get(1 + name_len) == Some(&b';');
    let len = 1 + name_len + usize::from(closed);
    if let Some(number) = name.strip_prefix('#') {
        return match read_number(number) {
            Some(character) => (Reference::Xml, len, character.or(Some('\u{FFFD}'))),
            None => (Reference::Bare, 1, Some('&')),
        };
    }
    let own = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    };
    // HTML does without the semicolon where nothing else can be meant.
    let stands_alone = || {
        bytes
            .get(len)
            .is_none_or(|b| b.is_ascii_whitespace() || *b == b'<')
    };
    match own {
        Some(_) if closed => (Reference::Xml, len, own),
        Some(_) if stands_alone() => (Reference::Html, len, own),
        _ if !closed || name.is_empty() => (Reference::Bare, 1, Some('&')),
        _ => match html_names::character(name) {
            Some(c) => (Reference::Html, len, Some(c)),
            None => (Reference::Unknown, len, None),
        },
    }
}

/// `Some(None)` for a number that is no character.
fn read_number(digits: &str) -> Option<Option<char>> {
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(hex) if !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u32::from_str_radix(hex, 16)
        }
        None if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse(),
        _ => return None,
    };
    let Ok(number) = number else {
        return Some(None);
    };
    // 128-159 are control characters by number, and windows-1252 by what their writers meant.
    if let Ok(byte @ 0x80..=0x9f) = u8::try_from(number) {
        return Some(
            encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(&[byte])
                .0
                .chars()
                .next(),
        );
    }
    Some(char::from_u32(number).filter(|&c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(raw: &str) -> (String, Vec<Reference>) {
        let mut seen = Vec::new();
        (decode(raw, |r, _| seen.push(r)).into_owned(), seen)
    }

    #[test]
    fn references_become_characters_and_the_rest_stays() {
        use Reference::*;
        for (raw, text, seen) in [
            ("plain", "plain", vec![]),
            ("a &amp; b &lt;i&gt;", "a & b <i>", vec![Xml, Xml, Xml]),
            ("&#8217;&#x2019;&#146;", "’’’", vec![Xml, Xml, Xml]),
            ("&nbsp;&hellip;", "\u{a0}…", vec![Html, Html]),
            ("Fish & Chips", "Fish & Chips", vec![Bare]),
            ("?a=1&copy=2;b", "?a=1&copy=2;b", vec![Bare]),
            ("&foo; &;", "&foo; &;", vec![Unknown, Bare]),
            (
                "&#xD800;&#0;&#99999999999;",
                "\u{fffd}\u{fffd}\u{fffd}",
                vec![Xml, Xml, Xml],
            ),
            ("&#39s", "&#39s", vec![Bare]),
            ("&#39", "'", vec![Xml]),
            ("&", "&", vec![Bare]),
            ("&é;", "&é;", vec![Bare]),
        ] {
            assert_eq!(all(raw), (text.to_string(), seen), "{raw}");
        }
    }

    #[test]
    fn what_needs_no_decoding_is_borrowed() {
        assert!(matches!(
            decode("no reference", |_, _| ()),
            Cow::Borrowed(_)
        ));
    }
}
