//! A tag as HTML reads it: where its name ends, and where it does.

use memchr::{memchr, memchr2};

use crate::feed::document::names::lower;

/// A start or end tag.
pub struct Tag<'h> {
    pub name: &'h str,
    pub is_end: bool,
    /// What stands behind the name.
    pub attributes: &'h str,
    /// Of all of it, in bytes.
    pub len: usize,
    /// By its `>`, rather than by the next tag or by the end of the text.
    pub is_closed: bool,
}

/// Reads the tags of one text.
pub struct TagReader {
    /// So many bytes may be looked at for nothing. Without a limit, quotes that hide the end of each tag from all tags
    /// before it would cost the square of their number.
    left: usize,
}

impl TagReader {
    pub fn new(html: &str) -> TagReader {
        TagReader {
            left: 2 * html.len(),
        }
    }

    /// The tag at the start of `at`, if the `<` there starts one.
    pub fn read<'h>(&mut self, at: &'h str) -> Option<Tag<'h>> {
        let bytes = at.as_bytes();
        let is_end = bytes.get(1) == Some(&b'/');
        let name_at = 1 + usize::from(is_end);
        if !bytes.get(name_at)?.is_ascii_alphabetic() {
            return None;
        }
        let name_len = bytes[name_at..].iter().position(ends_name);
        let name_end = name_len.map_or(bytes.len(), |len| name_at + len);
        let end = self.end(bytes, name_end);
        let is_closed = bytes.get(end) == Some(&b'>');
        Some(Tag {
            name: &at[name_at..name_end],
            is_end,
            attributes: &at[name_end..end],
            len: end + usize::from(is_closed),
            is_closed,
        })
    }

    /// Where the tag ends whose name ends at `from`: at a `>` or `<`, but at none within the quotes of a value.
    fn end(&mut self, bytes: &[u8], from: usize) -> usize {
        let mut at = from;
        while self.left > 0 {
            let Some(len) = bytes[at..].iter().position(is_of_a_tag) else {
                break;
            };
            at += len;
            match bytes[at] {
                b'>' => return at,
                b'<' => {
                    self.left = self.left.saturating_sub(at - from);
                    return at;
                }
                _ => {}
            }
            let value = bytes[at + 1..].trim_ascii_start();
            at = bytes.len() - value.len();
            // Only behind a `=` does a quote begin a value.
            if let Some(&quote @ (b'"' | b'\'')) = value.first() {
                match memchr(quote, &value[1..]) {
                    Some(close) => at += close + 2,
                    None => break,
                }
            }
        }
        // A quote was not closed: the first `>` is the end then, whatever it stands in.
        self.left = self.left.saturating_sub(bytes.len() - from);
        let stop = if self.left > 0 {
            memchr(b'>', &bytes[from..])
        } else {
            memchr2(b'>', b'<', &bytes[from..])
        };
        stop.map_or(bytes.len(), |found| from + found)
    }
}

/// Means something in a tag, outside of quotes.
fn is_of_a_tag(byte: &u8) -> bool {
    matches!(byte, b'<' | b'=' | b'>')
}

/// How U+FFFD begins, which a byte became that was no character. The others that begin so are in no name either.
const DAMAGED: u8 = 0xef;

/// Nothing else ends a name: `<title-of-class>` is no title.
pub fn ends_name(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || matches!(*byte, b'/' | b'>' | b'<' | DAMAGED)
}

/// Is this what people write in angle brackets, rather than the name of an element: a ticker (`A.N`), an address?
pub fn is_word(name: &str) -> bool {
    // In one pass: names are too short for a faster search.
    let (mut has_dot, mut has_dash) = (false, false);
    for byte in name.bytes() {
        match byte {
            b'@' => return true,
            b'.' => has_dot = true,
            b'-' => has_dash = true,
            _ => {}
        }
    }
    name.ends_with(':') || has_dot && !has_dash
}

/// What an element means for the words in and around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Starts and ends a line.
    Block,
    /// What is in it is no text.
    Hidden,
    Other,
}

/// No name that is known is longer.
const LONGEST: usize = 12;

/// The kind of the element with this name.
pub fn kind(name: &str) -> Kind {
    match lower(name, &mut [0; LONGEST]) {
        "address" | "article" | "aside" | "blockquote" | "br" | "dd" | "details" | "div" | "dl"
        | "dt" | "fieldset" | "figcaption" | "figure" | "footer" | "form" | "h1" | "h2" | "h3"
        | "h4" | "h5" | "h6" | "header" | "hr" | "li" | "main" | "nav" | "ol" | "p" | "pre"
        | "section" | "summary" | "table" | "tbody" | "td" | "tfoot" | "th" | "thead" | "tr"
        | "ul" | "body" | "html" | "center" | "caption" => Kind::Block,
        "script" | "style" | "head" | "title" | "noscript" | "template" | "iframe" | "textarea" => {
            Kind::Hidden
        }
        _ => Kind::Other,
    }
}

/// Does a line of running text use this element for its words? A headline that has any other is about it.
pub fn is_of_a_line(name: &str) -> bool {
    matches!(
        lower(name, &mut [0; LONGEST]),
        "a" | "abbr"
            | "acronym"
            | "b"
            | "bdi"
            | "bdo"
            | "big"
            | "blink"
            | "br"
            | "center"
            | "cite"
            | "code"
            | "data"
            | "del"
            | "dfn"
            | "div"
            | "em"
            | "font"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "hr"
            | "i"
            | "img"
            | "ins"
            | "kbd"
            | "mark"
            | "nobr"
            | "p"
            | "q"
            | "rp"
            | "rt"
            | "ruby"
            | "s"
            | "samp"
            | "small"
            | "span"
            | "strike"
            | "strong"
            | "sub"
            | "sup"
            | "time"
            | "tt"
            | "u"
            | "var"
            | "wbr"
    )
}
