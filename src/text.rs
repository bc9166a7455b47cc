//! Text from outside, made safe once: when it is read.
//!
//! What another program wrote (a beat's reason, a feed's title, a vendor's message, an error of a server) may hold
//! escape sequences that move the cursor of a terminal, line ends that forge a line of a table or of a log, marks that
//! turn the direction of what follows, and characters that nobody sees. [`SafeText`] holds none of them, so whoever
//! shows one need not think of it.
#![warn(missing_docs, clippy::missing_errors_doc)]

mod character;
pub mod short;
pub mod width;

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

use self::character::{Class, class};
use self::width::{cluster_start, columns};

/// Marks that may stand on one character; further ones are left out, since they would paint over the lines around.
const MARKS_MAX: usize = 8;

/// One line of text in which every character is visible, or a part of one that is.
///
/// Line ends, tabs and separators of lines and paragraphs are a blank (one for a run of them), other control characters
/// and noncharacters are U+FFFD (one for a run of them), characters that are not seen (direction marks, zero-width
/// ones, tags) are left out. There are no blanks at either end. Text that is so already is not changed.
///
/// The classes are those of Unicode: `Cc`, and `Default_Ignorable_Code_Point`
/// (<https://www.unicode.org/reports/tr44/>); why direction marks matter: <https://www.unicode.org/reports/tr36/>.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeText(Box<str>);

impl SafeText {
    /// What a text may hold, in bytes of UTF-8, where nobody says less.
    pub const MAX_BYTES: usize = 4096;

    /// `raw`, made safe, of at most [`MAX_BYTES`](SafeText::MAX_BYTES).
    pub fn new(raw: &str) -> SafeText {
        SafeText::cut(raw, SafeText::MAX_BYTES)
    }

    /// `raw`, made safe, of at most `max_bytes` of UTF-8; no character is cut, nor parted from its marks.
    pub fn cut(raw: &str, max_bytes: usize) -> SafeText {
        SafeText::within(raw, max_bytes, usize::MAX)
    }

    /// As [`cut`](SafeText::cut), and of at most `max_columns` of a terminal.
    pub fn within(raw: &str, max_bytes: usize, max_columns: usize) -> SafeText {
        let safe = made_safe(raw, max_bytes);
        SafeText(width::cut(&safe, max_columns).trim_end().into())
    }

    /// As [`cut`](SafeText::cut), of bytes that may be no UTF-8: what is none is U+FFFD.
    pub fn from_bytes(raw: &[u8], max_bytes: usize) -> SafeText {
        SafeText::cut(&String::from_utf8_lossy(raw), max_bytes)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many columns of a terminal it takes.
    pub fn columns(&self) -> usize {
        columns(&self.0)
    }
}

/// A part of `text` of at most `max_bytes`, whose end is no part of a character. It is as safe as `text` is.
pub fn cut(text: &str, max_bytes: usize) -> &str {
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A text of several lines, fit for a terminal: whatever could move its cursor or turn its direction is written as
/// JSON writes it (`\u001b`), so that JSON stays the same JSON. Line ends and tabs stay; a text from outside that is
/// to have none is a [`SafeText`].
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| !matches!(c, '\n' | '\t') && character::moves_a_cursor(c);
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bad(c) {
            // All of these are below U+FFFF.
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Reads a string as [`SafeText`] does, for fields that are `String`s: names, hosts, ids.
///
/// # Errors
///
/// Those of the deserialiser: the value is no string.
pub fn safe_string<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    SafeText::deserialize(d).map(String::from)
}

/// As [`safe_string`], of a string that may be `null`.
///
/// # Errors
///
/// Those of the deserialiser: the value is neither.
pub fn safe_option<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<SafeText>::deserialize(d)?.map(String::from))
}

fn made_safe(raw: &str, max_bytes: usize) -> String {
    let mut out = String::with_capacity(raw.len().min(max_bytes));
    let mut marks = 0;
    for c in raw.chars() {
        let shown = match class(c) {
            Class::Hidden => continue,
            Class::Break if out.is_empty() || out.ends_with(' ') => continue,
            Class::Break => ' ',
            Class::Control if out.ends_with(char::REPLACEMENT_CHARACTER) => continue,
            Class::Control => char::REPLACEMENT_CHARACTER,
            Class::Mark if marks == MARKS_MAX => continue,
            Class::Mark | Class::Shown => c,
        };
        marks = if class(shown) == Class::Mark {
            marks + 1
        } else {
            0
        };
        if out.is_empty() && shown.is_whitespace() {
            continue;
        }
        if out.len() + shown.len_utf8() > max_bytes {
            // A mark that finds no room takes what it stands on with it.
            if marks > 0 {
                out.truncate(cluster_start(&out));
            }
            break;
        }
        out.push(shown);
    }
    out.truncate(out.trim_end().len());
    out
}

impl Deref for SafeText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for SafeText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<&str> for SafeText {
    fn from(raw: &str) -> SafeText {
        SafeText::new(raw)
    }
}

impl From<String> for SafeText {
    fn from(raw: String) -> SafeText {
        SafeText::new(&raw)
    }
}

impl From<SafeText> for String {
    fn from(text: SafeText) -> String {
        text.0.into()
    }
}

impl PartialEq<str> for SafeText {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for SafeText {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl Serialize for SafeText {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SafeText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<SafeText, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = SafeText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, raw: &str) -> Result<SafeText, E> {
                Ok(SafeText::new(raw))
            }
        }
        d.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests;
