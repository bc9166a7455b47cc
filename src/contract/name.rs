//! Names of services, buses and channels, as they come from a document, a command line or another program.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use super::NAME_MAX_BYTES;
use crate::text::cut;

/// A name that may become part of a key, a channel, a variable or a path: 1 to 64 of `A-Z a-z 0-9 _ . -`, and no
/// folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// A text that is none. Shows it safely, and what a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAName(String);

/// Whether `text` may name something in truth, where `.` is as good as any.
pub fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=NAME_MAX_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Name, NotAName> {
        let is_folder = matches!(text, "." | "..");
        match is_name(text) && !is_folder {
            true => Ok(Name(text.to_owned())),
            false => Err(NotAName(cut(text, NAME_MAX_BYTES).to_owned())),
        }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotAName(text) = self;
        write!(
            f,
            "{text:?} is no name; write 1 to {NAME_MAX_BYTES} of A-Z a-z 0-9 _ . -"
        )
    }
}

impl std::error::Error for NotAName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_lead_elsewhere_is_no_name() {
        for text in ["mesh", "a.b-c_9", "..a", &"x".repeat(64)] {
            assert_eq!(text.parse::<Name>().as_deref(), Ok(text));
        }
        for text in [
            "",
            ".",
            "..",
            "a/b",
            "../../precious",
            "a:b",
            "a b",
            "a\n",
            "ä",
            "\u{1b}[2J",
            "*",
            &"x".repeat(65),
        ] {
            let refused = text.parse::<Name>().expect_err(text).to_string();
            assert!(refused.is_ascii() || text == "ä", "{refused}");
            assert!(refused.contains("is no name"), "{refused}");
        }
    }
}
