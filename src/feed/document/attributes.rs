//! The attributes of a tag.

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
        let mut rest = self.inside;
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches(|c: char| {
                c.is_ascii_whitespace() || matches!(c, '/' | '"' | '\'')
            });
            if rest.is_empty() {
                return None;
            }
            let name_end = rest
                .find(|c: char| c.is_ascii_whitespace() || c == '=')
                .unwrap_or(rest.len());
            let (name, after) = rest.split_at(name_end);
            let after = after.trim_ascii_start();
            let Some(value) = after.strip_prefix('=') else {
                rest = after;
                return Some((name, ""));
            };
            let value = value.trim_ascii_start();
            let (value, after) = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    value[1..].split_once(quote).unwrap_or((&value[1..], ""))
                }
                _ => value.split_at(
                    value
                        .find(|c: char| c.is_ascii_whitespace())
                        .unwrap_or(value.len()),
                ),
            };
            rest = after;
            Some((name, value))
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
