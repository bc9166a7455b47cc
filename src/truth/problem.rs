//! What is wrong with a document: where it stands, what it is, and what to write instead.

use std::fmt::{self, Write};

use super::url::credential_in;

/// Problems that are kept and printed; the rest is counted.
pub const PROBLEMS_MAX: usize = 100;

/// A place in a text: line and column, both from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl Position {
    /// The first character.
    pub const START: Position = Position { line: 1, column: 1 };

    /// The place of the byte `at` in `text`.
    pub fn of(text: &str, at: usize) -> Position {
        let before = &text.as_bytes()[..at.min(text.len())];
        let line_start = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |i| i + 1);
        // Characters, not bytes: continuation bytes do not count.
        let is_char = |b: &&u8| (**b & 0xC0) != 0x80;
        Position {
            line: 1 + before.iter().filter(|b| **b == b'\n').count(),
            column: 1 + before[line_start..].iter().filter(is_char).count(),
        }
    }

    /// The place in the whole text of what stands at `inner` in a part that begins here.
    pub fn then(self, inner: Position) -> Position {
        Position {
            line: self.line + inner.line - 1,
            column: match inner.line {
                1 => self.column + inner.column - 1,
                _ => inner.column,
            },
        }
    }
}

/// `12:30`, as compilers print it.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that is wrong, or odd when it is a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Such as `services.rss_agg.heartbeat.interval_sec`; empty when the document as a whole is meant.
    pub path: String,
    /// Where the value begins.
    pub position: Position,
    /// What is wrong.
    pub what: String,
    /// What to write instead; may be empty.
    pub instead: String,
    /// How many more of the same kind there are, of a warning that is said once for all.
    pub more_like_it: usize,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "line {line} column {column}: ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.what)?;
        if !self.instead.is_empty() {
            write!(f, "; {}", self.instead)?;
        }
        if self.more_like_it > 0 {
            write!(f, " (and {} more like it)", self.more_like_it)?;
        }
        Ok(())
    }
}

/// Problems in the order of the document: the first [`PROBLEMS_MAX`] that were found, and how many more there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Adds a problem, or counts it when there are enough.
    #[inline(never)]
    pub fn push(&mut self, problem: Problem) {
        if self.is_full() {
            self.more += 1;
        } else {
            self.list.push(problem);
        }
    }

    /// Whether the next problem would only be counted: then there is no need to word it.
    pub fn is_full(&self) -> bool {
        self.list.len() >= PROBLEMS_MAX
    }

    /// The problems that were kept.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// How many were counted but not kept.
    pub fn more(&self) -> usize {
        self.more
    }

    /// All problems, kept or not.
    pub fn count(&self) -> usize {
        self.list.len() + self.more
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn count_one_more(&mut self) {
        self.more += 1;
    }

    pub(super) fn list_mut(&mut self) -> &mut [Problem] {
        &mut self.list
    }

    pub(super) fn sort(&mut self) {
        self.list.sort_by_key(|problem| problem.position);
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.list.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        if self.more > 0 {
            write!(f, "\n+ {} more", self.more)?;
        }
        Ok(())
    }
}

/// A document that is refused: everything that is wrong with it, and what is odd besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// What keeps the document from being used.
    pub errors: Problems,
    /// What is likely a mistake, though it can be used.
    pub warnings: Problems,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.errors.fmt(f)
    }
}

impl std::error::Error for Rejected {}

/// Appends `.key` to a path; a key that would read as several steps stands in brackets, and one that holds a
/// credential is not repeated.
pub(super) fn push_key(path: &mut String, key: &str) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !key.is_empty() && key.len() <= 64 && key.bytes().all(plain) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    } else if credential_in(key).is_some() {
        path.push_str("[…]");
    } else {
        // Writing to a string cannot fail.
        let _ = write!(path, "[{:?}]", crate::text::cut(key, 64));
    }
}

/// Appends `[nth]` to a path.
pub(super) fn push_index(path: &mut String, nth: usize) {
    let _ = write!(path, "[{nth}]");
}
