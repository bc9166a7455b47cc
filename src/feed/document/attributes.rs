//! The attributes of a tag.

use memchr::memchr;

/// The attributes of a tag, unread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes<'a> {
    inside: &'a str,
    is_broken: bool,
}

impl<'a> Attributes<'a> {
    /// Those that stand in `inside`; of a broken one the last value has no end.
    pub fn new(inside: &'a str, is_broken: bool) -> Attributes<'a> {
        Attributes { inside, is_broken }
    }

    /// The quote of the last value is missing: what it holds may be too short or too long.
    pub fn is_broken(self) -> bool {
        self.is_broken
    }

    /// Names and raw values in order; a name without value has an empty one.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        // By bytes, and not by characters: all that separates is ASCII.
        let mut rest = self.inside;
        std::iter::from_fn(move || {
            let is_between = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'"' | b'\'');
            let name_at = rest.bytes().position(|b| !is_between(&b))?;
            rest = &rest[name_at..];
            let (name, after) = cut(rest, |b| b.is_ascii_whitespace() || *b == b'=');
            let after = after.trim_ascii_start();
            let Some(value) = after.strip_prefix('=') else {
                rest = after;
                return Some((name, ""));
            };
            let value = value.trim_ascii_start();
            match value.as_bytes().first() {
                Some(&quote @ (b'"' | b'\'')) => {
                    let value = &value[1..];
                    let end = memchr(quote, value.as_bytes());
                    rest = end.map_or("", |end| &value[end + 1..]);
                    Some((name, &value[..end.unwrap_or(value.len())]))
                }
                _ => {
                    let (value, after) = cut(value, u8::is_ascii_whitespace);
                    rest = after;
                    Some((name, value))
                }
            }
        })
    }

    /// The raw value of the attribute with this name; where there are several, the last is the one that is whole.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .last()
            .map(|(_, value)| value)
    }

    pub fn is_empty(self) -> bool {
        self.inside.trim_ascii().is_empty()
    }
}

/// The text before the first byte that `ends` it, which is one of ASCII, and the rest.
fn cut(text: &str, ends: impl Fn(&u8) -> bool) -> (&str, &str) {
    text.split_at(text.as_bytes().iter().position(ends).unwrap_or(text.len()))
}
