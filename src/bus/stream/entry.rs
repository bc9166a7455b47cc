//! An entry of a stream, and where it stands.

use std::borrow::Cow;
use std::fmt;

use redis::Value;

/// The id of an entry: milliseconds by the server's clock, and a number among those of one millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since 1970.
    pub ms: u64,
    /// Counts within the millisecond.
    pub seq: u64,
}

impl EntryId {
    /// Before every entry that there can be.
    pub const ZERO: EntryId = EntryId { ms: 0, seq: 0 };

    /// Reads `1700000000000-0`; without the second part it is 0.
    pub fn parse(text: &str) -> Option<EntryId> {
        let (ms, seq) = text.split_once('-').unwrap_or((text, "0"));
        Some(EntryId {
            ms: ms.parse().ok()?,
            seq: seq.parse().ok()?,
        })
    }

    /// The lowest id above this one; at the very end, this one.
    #[must_use]
    pub fn next(self) -> EntryId {
        match (self.seq.checked_add(1), self.ms.checked_add(1)) {
            (Some(seq), _) => EntryId { seq, ..self },
            (None, Some(ms)) => EntryId { ms, seq: 0 },
            (None, None) => self,
        }
    }

    /// The highest id below this one; at the very beginning, this one.
    #[must_use]
    pub fn before(self) -> EntryId {
        match (self.seq.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(seq), _) => EntryId { seq, ..self },
            (None, Some(ms)) => EntryId { ms, seq: u64::MAX },
            (None, None) => self,
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub id: EntryId,
    /// Names and values, in order; `None` of one that was trimmed away after it was handed out.
    pub fields: Option<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Entry {
    /// The first value under `name`.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let mut fields = self.fields.iter().flatten();
        let (_, value) = fields.find(|(known, _)| known == name.as_bytes())?;
        Some(value)
    }

    /// The same as text; bytes that are none are replaced.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.field(name).map(String::from_utf8_lossy)
    }

    /// The sum of the lengths of its names and values.
    pub fn bytes(&self) -> usize {
        let fields = self.fields.iter().flatten();
        fields.map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// The entries in a list as XRANGE and XCLAIM give it. What is no entry is left out.
pub(super) fn entries(list: Value) -> Vec<Entry> {
    let Value::Array(list) = list else {
        return Vec::new();
    };
    list.into_iter().filter_map(entry).collect()
}

/// The entries of the first stream in what XREAD and XREADGROUP give.
pub(super) fn first_stream(answer: Value) -> Vec<Entry> {
    let first = by_stream(answer).into_iter().next();
    first.map(|(_, entries)| entries).unwrap_or_default()
}

/// The entries of each stream in what XREAD and XREADGROUP give, with its key.
pub(super) fn by_stream(answer: Value) -> Vec<(Vec<u8>, Vec<Entry>)> {
    let Value::Array(streams) = answer else {
        return Vec::new();
    };
    let stream = |stream| {
        let Value::Array(parts) = stream else {
            return None;
        };
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next()) {
            (Some(Value::BulkString(key)), Some(list)) => Some((key, entries(list))),
            _ => None,
        }
    };
    streams.into_iter().filter_map(stream).collect()
}

/// An id that the server gave.
pub(super) fn id_of(value: &Value) -> Option<EntryId> {
    match value {
        Value::BulkString(bytes) => EntryId::parse(std::str::from_utf8(bytes).ok()?),
        Value::SimpleString(text) => EntryId::parse(text),
        _ => None,
    }
}

fn entry(value: Value) -> Option<Entry> {
    let Value::Array(parts) = value else {
        return None;
    };
    let mut parts = parts.into_iter();
    let id = id_of(&parts.next()?)?;
    let fields = match parts.next() {
        Some(Value::Array(fields)) => Some(pairs(fields)),
        _ => None,
    };
    Some(Entry { id, fields })
}

fn pairs(fields: Vec<Value>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut fields = fields.into_iter().map(|value| match value {
        Value::BulkString(bytes) => bytes,
        Value::SimpleString(text) => text.into_bytes(),
        Value::Int(n) => n.to_string().into_bytes(),
        _ => Vec::new(),
    });
    let mut all = Vec::new();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        all.push((name, value));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_each_other() {
        let id = |text: &str| EntryId::parse(text).expect(text);
        assert_eq!(id("5"), id("5-0"));
        assert_eq!(id("5-1").next(), id("5-2"));
        assert_eq!(id("5-18446744073709551615").next(), id("6-0"));
        assert_eq!(id("6-0").before(), id("5-18446744073709551615"));
        assert_eq!(EntryId::ZERO.before(), EntryId::ZERO);
        assert_eq!(id("7-3").to_string(), "7-3");
        for bad in ["", "-", "a-1", "1-", "1-2-3", "-1-1"] {
            assert_eq!(EntryId::parse(bad), None, "{bad}");
        }
        assert!(id("9-9") < id("10-0"));
    }

    #[test]
    fn what_was_trimmed_away_keeps_its_id() {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let fields = Value::Array(vec![bulk("a"), bulk("1"), bulk("b")]);
        let list = Value::Array(vec![
            Value::Array(vec![bulk("1-0"), fields]),
            Value::Array(vec![bulk("2-0"), Value::Nil]),
            Value::Nil,
            Value::Array(vec![bulk("no id")]),
        ]);
        let read = entries(list);
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].text("a").as_deref(), Some("1"));
        assert_eq!(read[0].field("b"), None, "it has no value");
        assert_eq!((read[1].id.ms, read[1].fields.is_none()), (2, true));
        assert_eq!(first_stream(Value::Nil), []);
    }
}
