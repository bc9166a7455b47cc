//! Escapes that are no character: half a surrogate pair, which programs write that cut a text in the middle of an emoji.

use memchr::memchr;

/// An escape that stands for U+FFFD, as long as the one it takes the place of.
const REPLACEMENT: &str = "\\ufffd";

/// The text with U+FFFD for each half of a surrogate pair, every other byte where it was, and the place of the first;
/// `None` when it has none.
pub fn mended(text: &str) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let mut mended = String::new();
    let (mut done, mut at, mut first) = (0, 0, None);
    while let Some(found) = memchr(b'\\', &bytes[at..]) {
        at += found;
        match (unit(bytes, at), unit(bytes, at + REPLACEMENT.len())) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => at += 2 * REPLACEMENT.len(),
            (Some(0xd800..0xe000), _) => {
                first = first.or(Some(at));
                mended.push_str(&text[done..at]);
                mended.push_str(REPLACEMENT);
                at += REPLACEMENT.len();
                done = at;
            }
            // Whatever is escaped is one byte at least: a quote, a backslash, the `u` of a number.
            _ => at = (at + 2).min(bytes.len()),
        }
    }
    mended.push_str(&text[done..]);
    Some((mended, first?))
}

/// The code unit that the escape at `at` stands for, if there is one.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_become_one_character_and_pairs_stay() {
        for (written, clean) in [
            (r"a \ud83d b", Some(r"a \ufffd b")),
            (r"a \uDE00 b", Some(r"a \ufffd b")),
            (r"\ud83d\ude00", None),
            (r"\ud83d\ud83d\ude00", Some(r"\ufffd\ud83d\ude00")),
            (r"\ude00\ud83d", Some(r"\ufffd\ufffd")),
            (r"\\ud83d", None),
            (r"\\\ud83d", Some(r"\\\ufffd")),
            (r"\ud83", None),
            (r"\u+83d \", None),
            (r"\u00e9 é", None),
        ] {
            let mended = mended(written).map(|(text, _)| text);
            assert_eq!(mended.as_deref(), clean, "{written}");
        }
    }
}
