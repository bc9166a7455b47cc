//! Who sends a beat: fields that ride on some beats, for the registry of instances.

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{BEAT_MAX_BYTES, to_json};
use crate::text::SafeText;

/// Longest name of a host.
pub const HOST_MAX_BYTES: usize = 128;
/// Longest version, and longest word of what an instance can do.
pub const CARD_WORD_MAX_BYTES: usize = 32;
/// Longest address.
pub const ADDR_MAX_BYTES: usize = 64;
/// Words of what an instance can do; further ones are left out.
pub const CAPS_MAX: usize = 16;

/// Who sends the beats of an instance: the optional fields `host`, `ver`, `pid`, `addr` and `caps` of a beat.
///
/// Not a part of [`Beat`](super::Beat): most beats carry none of it, and who judges silence has no use for it. Reading
/// is as lenient as there: what has a wrong type, or no room, counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The machine.
    #[serde(
        default,
        deserialize_with = "host",
        skip_serializing_if = "str::is_empty"
    )]
    pub host: SafeText,
    /// The version of the program.
    #[serde(
        default,
        deserialize_with = "word",
        skip_serializing_if = "str::is_empty"
    )]
    pub ver: SafeText,
    /// The number of the process on its machine; 0 when it is not known.
    #[serde(default, deserialize_with = "pid", skip_serializing_if = "is_zero")]
    pub pid: u32,
    /// Where it is reached, or the address that it beats from.
    #[serde(
        default,
        deserialize_with = "addr",
        skip_serializing_if = "str::is_empty"
    )]
    pub addr: SafeText,
    /// What it can do, in words.
    #[serde(
        default,
        deserialize_with = "caps",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub caps: Vec<SafeText>,
}

impl Card {
    /// The card that rides on this beat; `None` when there is none.
    pub fn read(beat: &[u8]) -> Option<Card> {
        if beat.len() > BEAT_MAX_BYTES || !Card::may_ride(beat) {
            return None;
        }
        let card: Card = serde_json::from_slice(beat).ok()?;
        (card != Card::default()).then_some(card)
    }

    /// Whether a beat is worth to be searched: most are not, and that is to cost little. One walk over the quotes, which
    /// looks closer only where one of the five names may begin.
    fn may_ride(beat: &[u8]) -> bool {
        memchr::memchr_iter(b'"', beat).any(|quote| {
            let rest = &beat[quote + 1..];
            match rest.first() {
                Some(b'h') => rest.starts_with(b"host\""),
                Some(b'v') => rest.starts_with(b"ver\""),
                Some(b'p') => rest.starts_with(b"pid\""),
                Some(b'a') => rest.starts_with(b"addr\""),
                Some(b'c') => rest.starts_with(b"caps\""),
                _ => false,
            }
        })
    }

    /// `beat`, the JSON text of one, with this card on it.
    pub fn on(&self, beat: &str) -> String {
        let fields = to_json(self);
        match (beat.strip_suffix('}'), fields.strip_prefix('{')) {
            (Some(open), Some(more)) if more != "}" => format!("{open},{more}"),
            _ => beat.to_owned(),
        }
    }
}

fn is_zero(pid: &u32) -> bool {
    *pid == 0
}

fn host<'de, D: Deserializer<'de>>(d: D) -> Result<SafeText, D::Error> {
    text(d, HOST_MAX_BYTES)
}

fn word<'de, D: Deserializer<'de>>(d: D) -> Result<SafeText, D::Error> {
    text(d, CARD_WORD_MAX_BYTES)
}

fn addr<'de, D: Deserializer<'de>>(d: D) -> Result<SafeText, D::Error> {
    text(d, ADDR_MAX_BYTES)
}

fn text<'de, D: Deserializer<'de>>(d: D, max_bytes: usize) -> Result<SafeText, D::Error> {
    Ok(match Lenient::deserialize(d)? {
        Lenient::Text(text) => SafeText::cut(&text, max_bytes),
        _ => SafeText::default(),
    })
}

fn pid<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
    Ok(match Lenient::deserialize(d)? {
        Lenient::Number(pid) => u32::try_from(pid).unwrap_or(0),
        _ => 0,
    })
}

/// A value of which only texts and whole numbers are of use.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient {
    Number(u64),
    Text(String),
    Other(IgnoredAny),
}

fn caps<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<SafeText>, D::Error> {
    struct Words;
    impl<'de> Visitor<'de> for Words {
        type Value = Vec<SafeText>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("any value")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<SafeText>, A::Error> {
            let mut words = Vec::new();
            while let Some(value) = seq.next_element::<Lenient>()? {
                if let Lenient::Text(text) = value
                    && words.len() < CAPS_MAX
                {
                    let word = SafeText::cut(&text, CARD_WORD_MAX_BYTES);
                    if !word.is_empty() {
                        words.push(word);
                    }
                }
            }
            Ok(words)
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Vec<SafeText>, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Vec::new())
        }

        fn visit_bool<E>(self, _: bool) -> Result<Vec<SafeText>, E> {
            Ok(Vec::new())
        }

        fn visit_i64<E>(self, _: i64) -> Result<Vec<SafeText>, E> {
            Ok(Vec::new())
        }

        fn visit_u64<E>(self, _: u64) -> Result<Vec<SafeText>, E> {
            Ok(Vec::new())
        }

        fn visit_f64<E>(self, _: f64) -> Result<Vec<SafeText>, E> {
            Ok(Vec::new())
        }

        fn visit_str<E>(self, _: &str) -> Result<Vec<SafeText>, E> {
            Ok(Vec::new())
        }

        fn visit_unit<E>(self) -> Result<Vec<SafeText>, E> {
            Ok(Vec::new())
        }
    }
    d.deserialize_any(Words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Beat;

    fn card() -> Card {
        Card {
            host: "node-7".into(),
            ver: "0.1.0".into(),
            pid: 4711,
            addr: "10.0.0.7".into(),
            caps: vec!["feeds".into(), "fetch".into()],
        }
    }

    #[test]
    fn a_card_rides_on_a_beat_and_changes_nothing_of_it() {
        let beat = Beat {
            svc: "a".into(),
            i: Some(1),
            ts: Some(2),
            ..Beat::default()
        };
        let sent = card().on(&beat.to_json());
        assert_eq!(
            sent,
            r#"{"svc":"a","i":1,"ts":2,"host":"node-7","ver":"0.1.0","pid":4711,"addr":"10.0.0.7","caps":["feeds","fetch"]}"#
        );
        assert_eq!(Card::read(sent.as_bytes()), Some(card()));
        assert_eq!(Beat::read(sent.as_bytes(), "a"), Ok(beat.clone()));
        assert_eq!(Card::read(beat.to_json().as_bytes()), None);
        assert_eq!(Card::default().on(&beat.to_json()), beat.to_json());
    }

    #[test]
    fn wrong_types_cost_themselves_and_what_is_too_long_is_cut() {
        let odd = r#"{"svc":"a","host":7,"ver":"1\u001b[2J","pid":-1,"addr":["x"],"caps":[1,"a",null,{"b":1},""]}"#;
        let read = Card::read(odd.as_bytes()).expect("a card");
        assert_eq!(
            read,
            Card {
                ver: "1\u{1b}[2J".into(),
                caps: vec!["a".into()],
                ..Card::default()
            }
        );
        assert!(!read.ver.contains('\u{1b}'));
        let words = vec!["w".repeat(99); 99];
        let long = format!(
            r#"{{"host":"{}","caps":{}}}"#,
            "h".repeat(999),
            serde_json::to_string(&words).expect("json")
        );
        let read = Card::read(long.as_bytes()).expect("a card");
        assert_eq!(read.host.len(), HOST_MAX_BYTES);
        assert_eq!(read.caps.len(), CAPS_MAX);
        assert!(read.caps.iter().all(|w| w.len() == CARD_WORD_MAX_BYTES));
        for none in [
            "",
            "host",
            r#"{"host":""#,
            r#"{"svc":"a","status":"\"host\""}"#,
            r#"{"caps":7}"#,
            r#"{"host":{},"caps":{"a":[1]}}"#,
        ] {
            assert_eq!(Card::read(none.as_bytes()), None, "{none}");
        }
    }
}
