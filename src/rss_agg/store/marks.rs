//! Seen marks as bytes: a thousand of them are one hash of some 80 KB.

use crate::feed::identity::Key;
use crate::feed::seen::{Mark, Plan, Seen};

/// The field beside the marks that holds the feed's absence clock. Marks have fields of 16 bytes.
pub(super) const CLOCK: &str = "clock";

/// A field of the hash and its value.
pub(super) type Field = (Vec<u8>, Vec<u8>);

const HAS_LINK: u8 = 1;
const HAS_LINK_TITLE: u8 = 2;
const IS_ABSENT: u8 = 4;

/// A mark: flags, the hash of the text, then what the flags say is there.
pub(super) fn bytes(mark: &Mark) -> Vec<u8> {
    let mut out = vec![0];
    out.extend_from_slice(&mark.text.0);
    for (flag, key) in [(HAS_LINK, mark.link), (HAS_LINK_TITLE, mark.link_title)] {
        if let Some(key) = key {
            out[0] |= flag;
            out.extend_from_slice(&key.0);
        }
    }
    if let Some(since) = mark.absent_since_sec {
        out[0] |= IS_ABSENT;
        out.extend_from_slice(&since.to_le_bytes());
    }
    out
}

fn mark(bytes: &[u8]) -> Option<Mark> {
    let (&flags, rest) = bytes.split_first()?;
    let (text, mut rest) = rest.split_first_chunk::<16>()?;
    let mut next_key = |flag: u8| {
        if flags & flag == 0 {
            return Some(None);
        }
        let (key, left) = rest.split_first_chunk::<16>()?;
        rest = left;
        Some(Some(Key(*key)))
    };
    let (link, link_title) = (next_key(HAS_LINK)?, next_key(HAS_LINK_TITLE)?);
    let absent_since_sec = match flags & IS_ABSENT {
        0 => None,
        _ => Some(u64::from_le_bytes(*rest.first_chunk::<8>()?)),
    };
    Some(Mark {
        link,
        link_title,
        text: Key(*text),
        absent_since_sec,
    })
}

/// The absence clock and the time of the last complete reading.
pub(super) fn clock(plan: &Plan) -> String {
    match plan.complete_ts {
        Some(ts) => format!("{} {ts}", plan.absence_clock_sec),
        None => plan.absence_clock_sec.to_string(),
    }
}

/// The marks of one feed from the fields of its hash. A field that is no mark was not written by us, and is left alone.
pub(super) fn read(fields: Vec<Field>) -> Seen {
    let (mut absence_clock_sec, mut complete_ts) = (0, None);
    let mut marks = std::collections::HashMap::with_capacity(fields.len());
    for (field, value) in fields {
        if field == CLOCK.as_bytes() {
            let text = String::from_utf8_lossy(&value).into_owned();
            let mut words = text.split(' ');
            absence_clock_sec = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            complete_ts = words.next().and_then(|word| word.parse().ok());
        } else if let (Ok(uid), Some(mark)) = (<[u8; 16]>::try_from(&field[..]), mark(&value)) {
            marks.insert(Key(uid), mark);
        }
    }
    Seen::new(marks, absence_clock_sec, complete_ts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Key> {
        any::<[u8; 16]>().prop_map(Key)
    }

    proptest! {
        #[test]
        fn a_mark_comes_back_as_it_was(
            text in key(),
            link in proptest::option::of(key()),
            link_title in proptest::option::of(key()),
            absent_since_sec in proptest::option::of(any::<u64>()),
        ) {
            let before = Mark { link, link_title, text, absent_since_sec };
            prop_assert_eq!(mark(&bytes(&before)), Some(before));
        }

        #[test]
        fn arbitrary_bytes_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = mark(&bytes);
        }
    }
}
