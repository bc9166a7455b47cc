//! From bytes to text: which encoding a body is in, whatever it says of itself.
//!
//! The order of belief: byte order mark, HTTP charset, XML declaration, UTF-8, windows-1252. Valid multibyte UTF-8
//! under a single-byte label is UTF-8: no real text in a single-byte encoding looks like that.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::repair::{Repair, Repairs};

/// Bytes that are no character turn UTF-8 into windows-1252 only when they are more than one in this many.
const BAD_BYTES_TOLERATED: usize = 100;

/// Decodes a body; no control characters are left in the text.
pub fn decode<'b>(
    body: &'b [u8],
    content_type: Option<&str>,
) -> (Cow<'b, str>, &'static Encoding, Repairs) {
    let mut repairs = Repairs::default();
    let (text, encoding) = decode_bytes(body, content_type, &mut repairs);
    (
        drop_control_characters(text, &mut repairs),
        encoding,
        repairs,
    )
}

fn decode_bytes<'b>(
    body: &'b [u8],
    content_type: Option<&str>,
    repairs: &mut Repairs,
) -> (Cow<'b, str>, &'static Encoding) {
    if let Some((encoding, bom)) = Encoding::for_bom(body) {
        repairs.whole(Repair::ByteOrderMark);
        return (replace_bad(&body[bom..], encoding, repairs), encoding);
    }
    if let Some(encoding) = utf16_without_bom(body) {
        return (replace_bad(body, encoding, repairs), encoding);
    }
    let declared = content_type.and_then(charset).or_else(|| declaration(body));
    let valid = std::str::from_utf8(body);
    match declared {
        Some(encoding) if encoding != UTF_8 => {
            if let Ok(text) = valid {
                // ASCII is the same in all of these; more than ASCII that is valid UTF-8 is UTF-8 (but ISO-2022-JP
                // is all ASCII and means something else).
                if text.is_ascii() && encoding.is_ascii_compatible() {
                    return (Cow::Borrowed(text), encoding);
                }
                if !text.is_ascii() && encoding.is_single_byte() {
                    repairs.whole(Repair::WrongEncoding);
                    return (Cow::Borrowed(text), UTF_8);
                }
            }
            // A declaration that could be read byte by byte cannot be UTF-16.
            if encoding == UTF_16LE || encoding == UTF_16BE {
                repairs.whole(Repair::WrongEncoding);
                return guess(body, valid.ok(), repairs);
            }
            (replace_bad(body, encoding, repairs), encoding)
        }
        Some(_) => match valid {
            Ok(text) => (Cow::Borrowed(text), UTF_8),
            Err(_) if mostly_utf8(body) => (replace_bad(body, UTF_8, repairs), UTF_8),
            Err(_) => {
                repairs.whole(Repair::WrongEncoding);
                (replace_bad(body, WINDOWS_1252, repairs), WINDOWS_1252)
            }
        },
        None => guess(body, valid.ok(), repairs),
    }
}

fn guess<'b>(
    body: &'b [u8],
    valid: Option<&'b str>,
    repairs: &mut Repairs,
) -> (Cow<'b, str>, &'static Encoding) {
    match valid {
        Some(text) => (Cow::Borrowed(text), UTF_8),
        None if mostly_utf8(body) => (replace_bad(body, UTF_8, repairs), UTF_8),
        None => {
            repairs.whole(Repair::AssumedWindows1252);
            (replace_bad(body, WINDOWS_1252, repairs), WINDOWS_1252)
        }
    }
}

fn replace_bad<'b>(
    body: &'b [u8],
    encoding: &'static Encoding,
    repairs: &mut Repairs,
) -> Cow<'b, str> {
    let (text, bad) = encoding.decode_without_bom_handling(body);
    if bad {
        repairs.whole(Repair::BadBytes);
    }
    text
}

/// Real UTF-8 with a few bad bytes, rather than text of another encoding?
fn mostly_utf8(body: &[u8]) -> bool {
    let (mut good, mut bad) = (0, 0);
    for chunk in body.utf8_chunks() {
        good += chunk.valid().bytes().filter(|b| *b >= 0xc0).count();
        bad += usize::from(!chunk.invalid().is_empty());
        // The end of a cut document may fall into a character.
    }
    good > 0 && (bad <= 2 || bad * BAD_BYTES_TOLERATED <= body.len()) && bad <= good
}

/// UTF-16 shows itself by the zero byte beside the first `<`.
fn utf16_without_bom(body: &[u8]) -> Option<&'static Encoding> {
    match body {
        [0, b'<', 0, _, ..] => Some(UTF_16BE),
        [b'<', 0, _, 0, ..] => Some(UTF_16LE),
        _ => None,
    }
}

/// The charset of a `Content-Type`, if it names one that is known.
fn charset(content_type: &str) -> Option<&'static Encoding> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| Encoding::for_label(value.as_bytes()))?
    })
}

/// The encoding of `<?xml … encoding="…"?>`, wherever junk has moved it within the first kilobyte.
fn declaration(body: &[u8]) -> Option<&'static Encoding> {
    let head = &body[..body.len().min(1024)];
    let start = memchr::memmem::find(head, b"<?xml")?;
    let end = start + memchr::memchr(b'>', &head[start..])?;
    let at = start + memchr::memmem::find(&head[start..end], b"encoding")? + "encoding".len();
    let value = head[at..end]
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let label = value
        .split(|b| matches!(b, b'"' | b'\'' | b'?' | b' '))
        .find(|part| !part.is_empty())?;
    Encoding::for_label(label)
}

fn drop_control_characters<'b>(text: Cow<'b, str>, repairs: &mut Repairs) -> Cow<'b, str> {
    let Some(first) = text.bytes().position(is_control) else {
        return text;
    };
    repairs.at(Repair::ControlCharacters, first);
    let mut clean = String::with_capacity(text.len());
    clean.extend(text.split(|c: char| c.is_ascii() && is_control(c as u8)));
    Cow::Owned(clean)
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &[u8], content_type: Option<&str>) -> (String, &'static str, Vec<Repair>) {
        let (text, encoding, repairs) = decode(body, content_type);
        (
            text.into_owned(),
            encoding.name(),
            repairs.iter().map(|n| n.repair).collect(),
        )
    }

    #[test]
    fn the_byte_order_mark_beats_the_header() {
        let (text, encoding, repairs) = decoded(
            b"\xef\xbb\xbfcaf\xc3\xa9",
            Some("text/xml; charset=iso-8859-1"),
        );
        assert_eq!((text.as_str(), encoding), ("café", "UTF-8"));
        assert_eq!(repairs, [Repair::ByteOrderMark]);
        assert_eq!(decoded(b"\xff\xfe<\0a\0", None).0, "<a");
    }

    #[test]
    fn the_header_beats_the_declaration() {
        let body = b"<?xml version='1.0' encoding='koi8-r'?>\xcf\xf0";
        assert!(
            decoded(body, Some("application/xml; charset=\"windows-1251\""))
                .0
                .ends_with("Пр")
        );
        assert!(decoded(body, Some("application/xml")).0.ends_with("оП"));
    }

    #[test]
    fn utf8_under_a_single_byte_label_is_utf8() {
        let (text, encoding, repairs) =
            decoded("é €".as_bytes(), Some("text/xml; charset=ISO-8859-1"));
        assert_eq!((text.as_str(), encoding), ("é €", "UTF-8"));
        assert_eq!(repairs, [Repair::WrongEncoding]);
    }

    #[test]
    fn a_few_bad_bytes_do_not_spoil_the_rest() {
        let mut body = "é".repeat(300).into_bytes();
        body[301] = b'x';
        let (text, encoding, repairs) = decoded(&body, None);
        assert_eq!(encoding, "UTF-8");
        assert_eq!(repairs, [Repair::BadBytes]);
        assert_eq!(text.matches('é').count(), 299);
    }

    #[test]
    fn without_any_word_it_is_utf8_or_windows_1252() {
        assert_eq!(decoded("naïve".as_bytes(), None).1, "UTF-8");
        let (text, encoding, repairs) = decoded(b"na\xefve \x93q\x94", None);
        assert_eq!((text.as_str(), encoding), ("naïve “q”", "windows-1252"));
        assert_eq!(repairs, [Repair::AssumedWindows1252]);
    }

    #[test]
    fn control_characters_are_dropped_and_said() {
        let (text, _, repairs) = decoded(b"a\x01b\0c\td\n", None);
        assert_eq!(text, "abc\td\n");
        assert_eq!(repairs, [Repair::ControlCharacters]);
    }

    #[test]
    fn utf16_is_known_by_its_zeros() {
        assert_eq!(decoded(b"<\0r\0s\0s\0", None).0, "<rss");
        assert_eq!(decoded(b"\0<\0r\0s\0s", None).0, "<rss");
    }
}
