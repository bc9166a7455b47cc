//! The vendor's answers: bytes in, documented fields out, borrowed from the bytes.
//!
//! An answer is an envelope (`status`, `error`, `next_url`) around a list, which is read element by element: no more
//! than one element is held at a time. [`ask`] writes requests, [`request`] says which of the fifteen paths an answer
//! belongs to.

pub mod ask;
pub mod fields;
pub mod node;
pub mod request;
mod scan;

use std::fmt;

use node::{Fields, Node, Object, Presence, Raw, Slot, object};
use scan::{NotJson, Scanner};

/// Most bytes of an answer, decoded.
pub const ANSWER_MAX_BYTES: usize = 16 << 20;

object! {
    /// What surrounds the list.
    Envelope {
        status: Raw<'a> = b"status",
        error: Raw<'a> = b"error",
        message: Raw<'a> = b"message",
        /// Whose bars or trades these are, where the elements do not say it.
        ticker: Raw<'a> = b"ticker",
        next_url: Raw<'a> = b"next_url",
    }
}

/// What stood where the list should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listed {
    /// Nothing, or null.
    #[default]
    Nothing,
    /// A list of so many elements.
    Many(usize),
    /// One object in place of a list.
    One,
    WrongType,
}

/// An answer that was read to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    pub envelope: Envelope<'a>,
    pub listed: Listed,
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotUnderstood {
    /// Over [`ANSWER_MAX_BYTES`].
    TooLong,
    NotUtf8,
    /// Not JSON, or cut: where.
    NotJson {
        line: usize,
        column: usize,
    },
    /// JSON, but neither an object nor the list that the path answers with.
    NotAnAnswer,
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotUnderstood::TooLong => {
                write!(f, "the answer is over {} MiB", ANSWER_MAX_BYTES >> 20)
            }
            NotUnderstood::NotUtf8 => write!(f, "the answer is not UTF-8"),
            NotUnderstood::NotJson { line, column } => write!(
                f,
                "the answer is not JSON, or was cut (line {line}, column {column})"
            ),
            NotUnderstood::NotAnAnswer => {
                write!(f, "the answer is JSON, but no answer of this path")
            }
        }
    }
}

/// Reads an answer whose list has the key `list`, or is the answer itself. `each` gets the elements, with their numbers,
/// one at a time; one that is no object comes as [`Presence::WrongType`]. `around` takes those members that are neither
/// the list nor of the envelope.
///
/// # Errors
/// The answer is not understood. What `each` got until then is of no worth.
pub fn read<'a, T: Fields<'a> + Default>(
    body: &'a [u8],
    list: Option<&'static str>,
    around: &mut dyn Node<'a>,
    each: &mut dyn FnMut(usize, &Object<T>),
) -> Result<Answer<'a>, NotUnderstood> {
    if body.len() > ANSWER_MAX_BYTES {
        return Err(NotUnderstood::TooLong);
    }
    let text = std::str::from_utf8(body).map_err(|_| NotUnderstood::NotUtf8)?;
    let mut reading = Reading {
        scanner: Scanner::new(text),
        answer: Answer::default(),
        list,
        each,
    };
    let whole = reading.whole(around);
    match whole.and_then(|is_answer| reading.scanner.end().map(|()| is_answer)) {
        Ok(true) => Ok(reading.answer),
        Ok(false) => Err(NotUnderstood::NotAnAnswer),
        Err(NotJson(at)) => Err(not_json(&body[..at])),
    }
}

/// The end of what was JSON as line and column, from 1.
fn not_json(read: &[u8]) -> NotUnderstood {
    let line = read
        .rsplit(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    NotUnderstood::NotJson {
        line: 1 + read.iter().filter(|byte| **byte == b'\n').count(),
        column: 1 + line.len(),
    }
}

/// An answer being read.
struct Reading<'r, 'a, T> {
    scanner: Scanner<'a>,
    answer: Answer<'a>,
    list: Option<&'static str>,
    each: &'r mut dyn FnMut(usize, &Object<T>),
}

impl<'a, T: Fields<'a> + Default> Reading<'_, 'a, T> {
    /// Reads the answer; whether it is one.
    fn whole(&mut self, around: &mut dyn Node<'a>) -> Result<bool, NotJson> {
        match (self.scanner.peek()?, self.list) {
            (b'{', _) => self.envelope(around).map(|()| true),
            (b'[', None) => self.elements().map(|()| true),
            _ => self.scanner.skip().map(|()| false),
        }
    }

    fn envelope(&mut self, around: &mut dyn Node<'a>) -> Result<(), NotJson> {
        around.begin(Presence::There);
        self.scanner.enter()?;
        while let Some(key) = self.scanner.next_key()? {
            if self.list == Some(&*key) {
                // Elements that were handed on cannot be taken back for those of a second list.
                if self.answer.listed != Listed::Nothing {
                    return self.scanner.bad();
                }
                self.elements()?;
                continue;
            }
            let slot = match self.answer.envelope.slot(&key) {
                Slot::Unused => around.slot(&key),
                slot => slot,
            };
            self.scanner.take(slot)?;
        }
        Ok(())
    }

    /// Reads the list, or the one object in its place.
    fn elements(&mut self) -> Result<(), NotJson> {
        let mut element = Object::default();
        self.answer.listed = match self.scanner.peek()? {
            b'[' => {
                let mut count = 0;
                self.scanner.enter()?;
                while self.scanner.next_element()? {
                    self.scanner.fill(&mut element)?;
                    // Null is no element either.
                    if element.presence == Presence::Absent {
                        element.presence = Presence::WrongType;
                    }
                    (self.each)(count, &element);
                    count += 1;
                }
                Listed::Many(count)
            }
            b'{' => {
                self.scanner.fill(&mut element)?;
                (self.each)(0, &element);
                Listed::One
            }
            byte => {
                self.scanner.skip()?;
                if byte == b'n' {
                    Listed::Nothing
                } else {
                    Listed::WrongType
                }
            }
        };
        Ok(())
    }
}
