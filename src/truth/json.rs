//! A strict JSON reader that always knows where it is.
//!
//! Truth promises every error with its path, line and column, refuses a key that is there twice, and loads a million
//! services in a moment. serde_json stops at the first error, tells no positions of values, and lets a later key
//! silently win; so the document is pulled through this reader, and serde_json reads the sections cut out of it.
//! A property test holds the two to the same grammar.

use std::borrow::Cow;

use super::DEPTH_MAX;
use super::problem::{push_index, push_key};

mod scalar;

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl Kind {
    /// The kind with its article, as a sentence wants it.
    pub(super) fn said(self) -> &'static str {
        match self {
            Kind::Object => "an object",
            Kind::Array => "a list",
            Kind::String => "a string",
            Kind::Number => "a number",
            Kind::Bool => "true or false",
            Kind::Null => "null",
        }
    }
}

/// The text is not JSON: where, and what is wrong there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    pub(super) at: usize,
    pub(super) what: String,
}

type Result<T> = std::result::Result<T, Syntax>;

/// A container that is being read; `None` before its first member.
enum Open<'a> {
    Object(Option<Cow<'a, str>>),
    Array(Option<usize>),
}

/// Pulls one value after another out of a text, in order. The caller looks at [`Reader::kind`] and takes the value
/// with the method for that kind, or passes over it with [`Reader::skip`].
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    key_at: usize,
    open: Vec<Open<'a>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader {
            text,
            at: 0,
            key_at: 0,
            open: Vec::new(),
        }
    }

    /// The offset behind what was read last.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The offset of the key that was read last.
    pub(super) fn key_at(&self) -> usize {
        self.key_at
    }

    /// The offset of the next value.
    pub(super) fn value_at(&mut self) -> usize {
        self.space();
        self.at
    }

    /// The kind of the next value.
    pub(super) fn kind(&mut self) -> Result<Kind> {
        self.space();
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Enters an object.
    pub(super) fn object(&mut self) -> Result<()> {
        self.enter(b'{', "an object", Open::Object(None))
    }

    /// The next key of the object entered last; `None` leaves the object.
    pub(super) fn next_key(&mut self) -> Result<Option<Cow<'a, str>>> {
        let first = matches!(self.open.last(), Some(Open::Object(None)));
        if !self.next_member(first, b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        self.key_at = self.at;
        let key = self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("a colon after the key"));
        }
        self.at += 1;
        if let Some(Open::Object(last)) = self.open.last_mut() {
            *last = Some(key.clone());
        }
        Ok(Some(key))
    }

    /// Enters a list.
    pub(super) fn array(&mut self) -> Result<()> {
        self.enter(b'[', "a list", Open::Array(None))
    }

    /// The number of the next element of the list entered last; `None` leaves the list.
    pub(super) fn next_element(&mut self) -> Result<Option<usize>> {
        let nth = match self.open.last() {
            Some(Open::Array(Some(nth))) => nth + 1,
            _ => 0,
        };
        if !self.next_member(nth == 0, b']')? {
            return Ok(None);
        }
        if let Some(Open::Array(last)) = self.open.last_mut() {
            *last = Some(nth);
        }
        Ok(Some(nth))
    }

    /// Passes over the next value, whatever it is.
    pub(super) fn skip(&mut self) -> Result<()> {
        match self.kind()? {
            Kind::Object => {
                self.object()?;
                while self.next_key()?.is_some() {
                    self.skip()?;
                }
                Ok(())
            }
            Kind::Array => {
                self.array()?;
                while self.next_element()?.is_some() {
                    self.skip()?;
                }
                Ok(())
            }
            Kind::String => self.string().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Bool => self.boolean().map(drop),
            Kind::Null => self.word("null"),
        }
    }

    /// Makes sure that nothing but white space follows.
    pub(super) fn end(&mut self) -> Result<()> {
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.syntax("text follows after the end of the document")),
        }
    }

    /// The path of the value being read, such as `services.rss_agg.feeds[3].url`.
    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match open {
                Open::Object(Some(key)) => push_key(&mut path, key),
                Open::Array(Some(nth)) => push_index(&mut path, *nth),
                Open::Object(None) | Open::Array(None) => {}
            }
        }
        path
    }

    fn enter(&mut self, bracket: u8, name: &str, open: Open<'a>) -> Result<()> {
        self.expect(bracket, name)?;
        if self.open.len() == DEPTH_MAX {
            self.at -= 1;
            return Err(self.syntax(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        self.open.push(open);
        Ok(())
    }

    /// Steps to the next member of a container, over the comma; `false` when `close` ended the container.
    fn next_member(&mut self, first: bool, close: u8) -> Result<bool> {
        self.space();
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.open.pop();
                return Ok(false);
            }
            _ if first => return Ok(true),
            Some(b',') => self.at += 1,
            _ => {
                return Err(self.unexpected(if close == b'}' {
                    "a comma or the closing brace"
                } else {
                    "a comma or the closing bracket"
                }));
            }
        }
        self.space();
        if self.peek() == Some(close) {
            return Err(self.syntax("a comma before the closing bracket; take it out"));
        }
        Ok(true)
    }

    fn word(&mut self, word: &str) -> Result<()> {
        self.space();
        if !self.text[self.at..].starts_with(word) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn expect(&mut self, byte: u8, name: &str) -> Result<()> {
        self.space();
        if self.peek() != Some(byte) {
            return Err(self.unexpected(name));
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn syntax(&self, what: impl Into<String>) -> Syntax {
        Syntax {
            at: self.at,
            what: what.into(),
        }
    }

    /// What stands here is not what the grammar wants; the usual slips get a word of their own.
    fn unexpected(&self, wanted: &str) -> Syntax {
        let rest = &self.text[self.at..];
        let word: &str = &rest[..rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len())
            .min(16)];
        self.syntax(match (rest.chars().next(), word) {
            (None, _) => format!("the text ends where {wanted} is expected"),
            (Some('\''), _) => "a single quote; JSON strings stand in double quotes".to_owned(),
            (Some('/' | '#'), _) => "a comment; JSON has none".to_owned(),
            (_, "NaN" | "Infinity") => format!("{word} is no JSON number"),
            (_, "True" | "False" | "None") => {
                format!("{word}; JSON writes true, false, null in lower case")
            }
            (Some(c), "") => format!("{wanted} is expected, not {c:?}"),
            (Some(_), word) => format!("{wanted} is expected, not `{word}`"),
        })
    }
}
