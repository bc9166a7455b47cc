//! From bytes to text: which encoding a body is in, whatever it says of itself.
//!
//! The order of belief: byte order mark, HTTP charset, XML declaration, UTF-8, windows-1252. A label that the bytes
//! refute gives way to the next one. Valid multi-byte UTF-8 is UTF-8 under any label: no real text in another encoding
//! looks like that by chance. (Two Chinese characters in GBK may; those of a whole feed do not.) A few bytes that are
//! no characters stay a few, and become U+FFFD.

mod utf8;

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::repair::{Repair, Repairs};
use utf8::Utf8;

/// One error in so many bytes that are not ASCII refutes the label of a multi-byte encoding.
const ERRORS_TOLERATED_ONE_IN: usize = 10;

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
    let mark = Encoding::for_bom(body);
    let body = mark.map_or(body, |(_, len)| &body[len..]);
    // XML allows one, JSON does not.
    let is_space = |b: &u8| b.is_ascii_whitespace() || *b == 0;
    if mark.is_some() && body.iter().find(|b| !is_space(b)) == Some(&b'{') {
        repairs.whole(Repair::ByteOrderMark);
    }
    match mark {
        Some((encoding, _)) if encoding != UTF_8 => {
            return (replace_bad(body, encoding, repairs), encoding);
        }
        None if let Some(encoding) = utf16_without_bom(body) => {
            return (replace_bad(body, encoding, repairs), encoding);
        }
        _ => {}
    }
    let labels = [
        mark.map(|_| Label::Known(UTF_8)),
        content_type.and_then(charset),
        declaration(body),
    ];
    let mut labels = labels.into_iter().flatten();
    if let Ok(text) = std::str::from_utf8(body) {
        return valid(text, labels, repairs);
    }
    let first = labels.clone().next();
    let utf8 = Utf8::count(body);
    if utf8.holds_against_labels() {
        return as_utf8(body, first, repairs);
    }
    let fits = |label: &Label| match label {
        Label::Known(encoding) if *encoding == UTF_8 => utf8.is_likely(),
        Label::Known(encoding) => is_possible(body, encoding),
        Label::Ascii => false,
    };
    match labels.find(fits) {
        Some(Label::Known(encoding)) if encoding != UTF_8 => {
            if first != Some(Label::Known(encoding)) {
                repairs.whole(Repair::WrongEncoding);
            }
            (replace_bad(body, encoding, repairs), encoding)
        }
        None if !utf8.is_likely() => {
            let repair = if first.is_some() {
                Repair::WrongEncoding
            } else {
                Repair::AssumedWindows1252
            };
            repairs.whole(repair);
            (replace_bad(body, WINDOWS_1252, repairs), WINDOWS_1252)
        }
        _ => as_utf8(body, first, repairs),
    }
}

/// What a header or a declaration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Known(&'static Encoding),
    /// `us-ascii`, which browsers take for windows-1252: one byte beyond it and it says nothing.
    Ascii,
}

impl Label {
    fn of(label: &[u8]) -> Option<Label> {
        let label = label.trim_ascii();
        if label.eq_ignore_ascii_case(b"us-ascii") || label.eq_ignore_ascii_case(b"ascii") {
            return Some(Label::Ascii);
        }
        Encoding::for_label_no_replacement(label).map(Label::Known)
    }
}

/// A body that is valid UTF-8.
fn valid<'b>(
    text: &'b str,
    mut labels: impl Iterator<Item = Label> + Clone,
    repairs: &mut Repairs,
) -> (Cow<'b, str>, &'static Encoding) {
    let first = labels.clone().next();
    // ASCII is the same in all encodings but this one, which is all ASCII and means something else.
    if text.is_ascii() {
        let is_jis = memchr::memchr(0x1b, text.as_bytes()).is_some();
        if is_jis && labels.any(|label| label == Label::Known(ISO_2022_JP)) {
            return (
                replace_bad(text.as_bytes(), ISO_2022_JP, repairs),
                ISO_2022_JP,
            );
        }
        return match first {
            Some(Label::Known(encoding)) if encoding == UTF_16LE || encoding == UTF_16BE => {
                // A declaration that could be read byte by byte cannot be UTF-16.
                repairs.whole(Repair::WrongEncoding);
                (Cow::Borrowed(text), UTF_8)
            }
            Some(Label::Known(encoding)) => (Cow::Borrowed(text), encoding),
            _ => (Cow::Borrowed(text), UTF_8),
        };
    }
    if first.is_some_and(|label| label != Label::Known(UTF_8)) {
        repairs.whole(Repair::WrongEncoding);
    }
    (Cow::Borrowed(text), UTF_8)
}

/// A body that is UTF-8 but for some bytes.
fn as_utf8<'b>(
    body: &'b [u8],
    first: Option<Label>,
    repairs: &mut Repairs,
) -> (Cow<'b, str>, &'static Encoding) {
    if first.is_some_and(|label| label != Label::Known(UTF_8)) {
        repairs.whole(Repair::WrongEncoding);
    }
    match utf8::join_surrogates(body) {
        Some(joined) => {
            repairs.whole(Repair::BadBytes);
            (
                Cow::Owned(String::from_utf8_lossy(&joined).into_owned()),
                UTF_8,
            )
        }
        None => (replace_bad(body, UTF_8, repairs), UTF_8),
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

/// Whether so few bytes are wrong in this encoding that it may be the right one.
fn is_possible(body: &[u8], encoding: &'static Encoding) -> bool {
    // What could be read until here byte by byte cannot be UTF-16.
    if encoding == UTF_16LE || encoding == UTF_16BE {
        return false;
    }
    let (text, bad) = encoding.decode_without_bom_handling(body);
    let foreign = body.iter().filter(|byte| !byte.is_ascii()).count();
    !bad || text.matches('\u{fffd}').count() * ERRORS_TOLERATED_ONE_IN <= foreign
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
fn charset(content_type: &str) -> Option<Label> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| Label::of(value.as_bytes()))?
    })
}

/// The encoding of `<?xml … encoding="…"?>`, wherever junk has moved it within the first kilobyte.
fn declaration(body: &[u8]) -> Option<Label> {
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
    Label::of(label)
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
mod tests;
