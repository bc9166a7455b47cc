//! A pull tokenizer for XML as the web serves it.
//!
//! A strict reader stops at the first error; this one always gets on, and says what it mended. It borrows every
//! token from the text, expands nothing, never goes back, and looks at each byte a fixed number of times.
//!
//! In a well-formed document no rule of repair ever applies: each starts from something that XML forbids.

mod next_at;
mod sections;

use memchr::{memchr, memchr2};
use next_at::NextAt;

use super::attributes::Attributes;
use super::plain::{self, SECTION};
use super::repair::{Repair, Repairs};

/// One piece of markup. Comments, processing instructions and declarations are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// `<name attributes>`; `empty` when it ends in `/>`.
    Start {
        name: &'a str,
        attributes: Attributes<'a>,
        empty: bool,
    },
    /// `</name>`
    End { name: &'a str },
    /// Text as it stands, entities unread.
    Text(&'a str),
    /// The inside of a CDATA section.
    Cdata(&'a str),
    /// The text ends in the middle of a tag, section or comment.
    Cut,
    /// The text ends.
    Eof,
}

/// The tokenizer: a place in the text.
#[derive(Clone, Debug)]
pub struct Tokenizer<'a> {
    text: &'a str,
    at: usize,
    /// Where the last token started.
    start: usize,
    /// The next `]]>` and `-->` at or after some place: found once, so that a missing one costs one search.
    cdata_end: NextAt,
    comment_end: NextAt,
    /// A start without any end behind it was skipped.
    skipped_cdata: bool,
    /// An element was met: a DOCTYPE comes before it.
    has_element: bool,
    /// HTML allows `<` in the values of attributes, XML does not.
    is_html: bool,
    /// A DOCTYPE was seen: its first word (`html`, `rss`).
    pub doctype: Option<&'a str>,
    /// The DOCTYPE defines entities of its own.
    pub defines_entities: bool,
    /// Repairs seen so far.
    pub repairs: Repairs,
}

impl<'a> Tokenizer<'a> {
    pub fn new(text: &'a str, repairs: Repairs) -> Tokenizer<'a> {
        Tokenizer {
            text,
            at: 0,
            start: 0,
            cdata_end: NextAt::new(b"]]>"),
            comment_end: NextAt::new(b"-->"),
            skipped_cdata: false,
            has_element: false,
            is_html: false,
            doctype: None,
            defines_entities: false,
            repairs,
        }
    }

    /// A tokenizer for a piece of HTML.
    pub fn html(text: &'a str) -> Tokenizer<'a> {
        Tokenizer {
            is_html: true,
            ..Tokenizer::new(text, Repairs::default())
        }
    }

    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Where the last token started.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Where the next token starts.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place that [`Self::start`] or [`Self::at`] gave.
    pub fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// The next token. `element` is the innermost open element: an unclosed CDATA section ends with it.
    pub fn next(&mut self, element: &str) -> Token<'a> {
        let bytes = self.text.as_bytes();
        loop {
            self.start = self.at;
            let Some(&byte) = bytes.get(self.at) else {
                return Token::Eof;
            };
            if byte != b'<' || !starts_markup(&bytes[self.at..]) {
                return self.read_text();
            }
            match bytes.get(self.at + 1) {
                Some(b'/') => match bytes.get(self.at + 2) {
                    None => return self.cut(),
                    // `</>`, or `</` before the next tag: the end of nothing.
                    Some(b'<' | b'>') => {
                        self.repairs.at(Repair::StrayEndTag, self.at);
                        self.at += 2 + usize::from(bytes[self.at + 2] == b'>');
                    }
                    _ => return self.read_end_tag(),
                },
                Some(b'?') => {
                    if !self.skip_instruction() {
                        return Token::Cut;
                    }
                }
                // HTML knows no sections: the start of one says nothing about the markup behind it.
                Some(b'!') if self.is_html && self.text[self.at..].starts_with(SECTION) => {
                    self.at += SECTION.len();
                    return Token::Cdata("");
                }
                Some(b'!') => {
                    if let Some(inside) = self.cdata_start() {
                        match self.read_cdata(element, inside) {
                            Some(token) => return token,
                            None => continue,
                        }
                    }
                    let skipped = if bytes[self.at..].starts_with(b"<!--") {
                        self.skip_comment()
                    } else {
                        self.skip_declaration()
                    };
                    if !skipped {
                        return Token::Cut;
                    }
                }
                _ => return self.read_start_tag(),
            }
        }
    }

    fn cut(&mut self) -> Token<'a> {
        self.at = self.text.len();
        Token::Cut
    }

    fn read_text(&mut self) -> Token<'a> {
        let bytes = self.text.as_bytes();
        let mut from = self.at;
        let end = loop {
            match memchr(b'<', &bytes[from..]) {
                None => break bytes.len(),
                Some(found) if starts_markup(&bytes[from + found..]) => break from + found,
                Some(found) => {
                    self.repairs.at(Repair::BareLess, from + found);
                    from += found + 1;
                }
            }
        };
        let text = &self.text[self.at..end];
        self.at = end;
        Token::Text(text)
    }

    fn read_start_tag(&mut self) -> Token<'a> {
        let bytes = self.text.as_bytes();
        let name_at = self.at + 1;
        let name_end = name_at + self.name_len(&bytes[name_at..]);
        let name = &self.text[name_at..name_end];
        let mut at = name_end;
        let mut equals = false;
        let mut attributes_end = None;
        self.has_element = true;
        // `attributes_end` when a `>` inside an unclosed quote has to end the tag.
        let end = loop {
            match bytes.get(at) {
                None => return self.cut(),
                Some(b'>') => break at,
                // `<id<>`: the end of this tag, not the start of another.
                Some(b'<') if bytes.get(at + 1) == Some(&b'>') => {}
                Some(b'<') => {
                    self.repairs.at(Repair::UnclosedTag, at);
                    break at;
                }
                Some(b'=') => equals = true,
                Some(&quote @ (b'"' | b'\'')) if equals => {
                    equals = false;
                    match self.quoted(at, quote) {
                        Quoted::Ends(close) => at = close,
                        Quoted::Unclosed(close) => {
                            self.repairs.at(Repair::UnclosedQuote, at);
                            attributes_end = Some(close);
                            break close;
                        }
                        Quoted::Cut => return self.cut(),
                    }
                }
                Some(byte) if byte.is_ascii_whitespace() => {}
                Some(_) if equals => {
                    equals = false;
                    self.repairs.at(Repair::UnquotedAttribute, at);
                }
                Some(_) => {}
            }
            at += 1;
        };
        self.at = if bytes.get(end) == Some(&b'>') {
            end + 1
        } else {
            end
        };
        let mut inside_end = attributes_end.unwrap_or(end);
        let empty = inside_end > name_end && bytes[inside_end - 1] == b'/';
        if empty {
            inside_end -= 1;
        }
        Token::Start {
            name,
            attributes: Attributes::new(&self.text[name_end..inside_end], attributes_end.is_some()),
            empty,
        }
    }

    /// Where the quote that opens at `at` ends.
    fn quoted(&self, at: usize, quote: u8) -> Quoted {
        let rest = &self.text.as_bytes()[at + 1..];
        let close = memchr(quote, rest);
        let value = &rest[..close.unwrap_or(rest.len())];
        // XML allows no `<` in a value. One that comes after a `>`, or starts a tag that ends within the value, says that
        // the quote was never closed; a lone one is just badly written, and so is a lone tag when all is well behind it.
        let less = memchr(b'<', value).filter(|_| !self.is_html || close.is_none());
        let unclosed = match less {
            Some(less) => memchr(b'>', &value[..less]).or_else(|| {
                let is_tag =
                    starts_markup(&value[less..]) && memchr(b'>', &value[less..]).is_some();
                let is_lone = close.is_some_and(|close| {
                    memchr(b'<', &value[less + 1..]).is_none()
                        && !value.trim_ascii_end().ends_with(b"=")
                        && rest.get(close + 1).is_some_and(|&b| {
                            b.is_ascii_whitespace() || matches!(b, b'>' | b'/' | b'?')
                        })
                });
                (is_tag && !is_lone).then_some(less)
            }),
            None if close.is_none() => memchr(b'>', value),
            None => None,
        };
        match (unclosed, close) {
            (Some(tag_end), _) => Quoted::Unclosed(at + 1 + tag_end),
            (None, Some(close)) => Quoted::Ends(at + 1 + close),
            (None, None) => Quoted::Cut,
        }
    }

    fn read_end_tag(&mut self) -> Token<'a> {
        let bytes = self.text.as_bytes();
        let name_at = self.at + 2;
        let name_end = name_at + self.name_len(&bytes[name_at..]);
        let name = &self.text[name_at..name_end];
        match memchr2(b'>', b'<', &bytes[name_end..]) {
            None => return self.cut(),
            Some(found) if bytes[name_end + found] == b'>' => self.at = name_end + found + 1,
            Some(found) => {
                self.repairs.at(Repair::UnclosedTag, self.at);
                self.at = name_end + found;
            }
        }
        Token::End { name }
    }

    fn name_len(&self, from: &[u8]) -> usize {
        let is_end = |b: &u8| {
            if self.is_html {
                plain::ends_name(b)
            } else {
                !b.is_ascii_alphanumeric() && !matches!(b, b'_' | b':' | b'.' | b'-')
            }
        };
        from.iter().position(is_end).unwrap_or(from.len())
    }
}

enum Quoted {
    Ends(usize),
    Unclosed(usize),
    Cut,
}

/// Does a `<` start a tag, or does it stand for itself?
fn starts_markup(at: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':');
    match at.get(1) {
        Some(b'/') => at
            .get(2)
            .is_none_or(|b| is_name(b) || matches!(b, b'<' | b'>')),
        Some(b'!') => at
            .get(2)
            .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'[')),
        Some(b'?') => at
            .get(2)
            .is_some_and(|b| b.is_ascii_alphabetic() || b.is_ascii_whitespace() || *b == b'>'),
        Some(byte) => is_name(byte),
        None => false,
    }
}
