//! One heartbeat: written by every service, read once per beat by the healer without allocating.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{BEAT_MAX_BYTES, is_name};

/// An `eta` further ahead is none.
const ETA_AHEAD_MAX_SEC: i64 = 24 * 3600;
/// Likewise further back.
const ETA_PAST_MAX_SEC: i64 = 60;
/// Longest word of a `status` that is shown.
pub const STATUS_WORD_MAX_BYTES: usize = 24;

/// A heartbeat on `<svc>:heartbeat`: `{"svc":"rss_agg","i":42,"ts":1762433458}` and optional fields.
///
/// Reading is lenient, as a watcher must be: unknown fields are ignored, and a known field of the wrong type counts
/// as absent. Only what is not an object, or names another service, is no beat. Borrowed text, so that reading the
/// usual payload (no escapes) allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Beat<'a> {
    pub svc: Cow<'a, str>,
    /// Counts from 1, one more with each beat; falls back when the service restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub i: Option<u64>,
    /// The sender's wall time in whole seconds: for people; nothing is judged by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts: Option<i64>,
    /// Changes with every start of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inst: Option<Cow<'a, str>>,
    /// `idle`, `degraded`, `stopping`, or a word of the service's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Cow<'a, str>>,
    /// Why it is degraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    /// With `stopping`: when it means to be back, epoch seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<i64>,
}

/// Why a payload is not a beat of the expected service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotABeat {
    /// Longer than [`BEAT_MAX_BYTES`].
    TooLong,
    /// Not a JSON object.
    NotAnObject,
    /// Names another service, or none.
    OtherService,
}

impl fmt::Display for NotABeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotABeat::TooLong => write!(f, "longer than {BEAT_MAX_BYTES} bytes"),
            NotABeat::NotAnObject => f.write_str("not a JSON object"),
            NotABeat::OtherService => f.write_str("names another service in `svc`"),
        }
    }
}

/// What a service says that it is, other than plainly up: `idle`, `standby`, `unconfigured`, `paused`, `drained`, or a
/// word of its own. Only a word is one, of at most [`STATUS_WORD_MAX_BYTES`], and none that tells how a service stands:
/// that is not for itself to say.
pub fn status_word(status: &str) -> Option<&str> {
    const STANDINGS: [&str; 7] = ["up", "ok", "down", "degraded", "unknown", "off", "stopping"];
    let is_word = status.len() <= STATUS_WORD_MAX_BYTES && is_name(status);
    (is_word && !STANDINGS.contains(&status)).then_some(status)
}

impl<'a> Beat<'a> {
    /// Reads `payload` as a beat of `svc`.
    pub fn read(payload: &'a [u8], svc: &str) -> Result<Beat<'a>, NotABeat> {
        if payload.len() > BEAT_MAX_BYTES {
            return Err(NotABeat::TooLong);
        }
        let beat: Beat<'a> = serde_json::from_slice(payload).map_err(|_| NotABeat::NotAnObject)?;
        if beat.svc == svc {
            Ok(beat)
        } else {
            Err(NotABeat::OtherService)
        }
    }

    /// The beat as its JSON text.
    pub fn to_json(&self) -> String {
        super::to_json(self)
    }

    /// Whether the service said that it is stopping on purpose.
    pub fn is_stopping(&self) -> bool {
        self.status.as_deref() == Some("stopping")
    }

    /// Whether it is an instance that only waits for another to be gone: it works as little as it speaks for that one.
    pub fn is_standby(&self) -> bool {
        self.status.as_deref() == Some("standby")
    }

    /// When it means to be back, if that is a time to come, within a day of `now_ts`. A sender's clock may be behind a
    /// little; anything else (milliseconds, a span, a wrong sign) was not meant so.
    pub fn plausible_eta(&self, now_ts: i64) -> Option<i64> {
        let earliest = now_ts.saturating_sub(ETA_PAST_MAX_SEC);
        let latest = now_ts.saturating_add(ETA_AHEAD_MAX_SEC);
        self.eta
            .filter(|eta| *eta >= 0 && (earliest..=latest).contains(eta))
    }

    /// What the service says that it is, other than plainly up; see [`status_word`].
    pub fn word(&self) -> Option<&str> {
        status_word(self.status.as_deref()?)
    }

    /// Whether the service said that its work is stuck.
    pub fn is_degraded(&self) -> bool {
        self.status.as_deref() == Some("degraded")
    }
}

impl<'de> Deserialize<'de> for Beat<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Beat<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a heartbeat object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Beat<'de>, M::Error> {
                let mut beat = Beat::default();
                while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
                    match key.as_deref() {
                        Some("svc") => beat.svc = map.next_value::<Text>()?.0.unwrap_or_default(),
                        Some("i") => {
                            beat.i = map
                                .next_value::<Int>()?
                                .0
                                .and_then(|i| u64::try_from(i).ok())
                        }
                        Some("ts") => beat.ts = map.next_value::<Int>()?.0,
                        Some("inst") => beat.inst = map.next_value::<Text>()?.0,
                        Some("status") => beat.status = map.next_value::<Text>()?.0,
                        Some("reason") => beat.reason = map.next_value::<Text>()?.0,
                        Some("eta") => beat.eta = map.next_value::<Int>()?.0,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(beat)
            }
        }
        d.deserialize_map(Fields)
    }
}

/// A string, borrowed where it has no escapes; `None` for any other type.
struct Text<'a>(Option<Cow<'a, str>>);

/// A number as an integer (fractions cut off); `None` for any other type.
struct Int(Option<i64>);

/// Everything that a lenient field does not want is read over and counts as absent.
macro_rules! absent {
    ($($visit:ident($t:ty)),*) => {
        $(fn $visit<E>(self, _: $t) -> Result<Self::Value, E> { Ok(self.none()) })*
        fn visit_none<E>(self) -> Result<Self::Value, E> { Ok(self.none()) }
        fn visit_unit<E>(self) -> Result<Self::Value, E> { Ok(self.none()) }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(self.none())
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(self.none())
        }
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("any value") }
    };
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl V {
            fn none<'a>(self) -> Text<'a> {
                Text(None)
            }
        }
        impl<'de> Visitor<'de> for V {
            type Value = Text<'de>;
            fn visit_borrowed_str<E>(self, s: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(s))))
            }
            fn visit_str<E>(self, s: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(s.to_owned()))))
            }
            absent!(
                visit_bool(bool),
                visit_i64(i64),
                visit_u64(u64),
                visit_f64(f64)
            );
        }
        d.deserialize_any(V)
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl V {
            fn none(self) -> Int {
                Int(None)
            }
        }
        impl<'de> Visitor<'de> for V {
            type Value = Int;
            fn visit_i64<E>(self, v: i64) -> Result<Int, E> {
                Ok(Int(Some(v)))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Int, E> {
                Ok(Int(i64::try_from(v).ok()))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Int, E> {
                Ok(Int(Some(v as i64)))
            }
            absent!(visit_bool(bool), visit_str(&str));
        }
        d.deserialize_any(V)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_is_the_contract_byte_for_byte() {
        let beat = Beat {
            svc: "rss_agg".into(),
            i: Some(1),
            ts: Some(1762433458),
            ..Beat::default()
        };
        assert_eq!(beat.to_json(), r#"{"svc":"rss_agg","i":1,"ts":1762433458}"#);
    }

    #[test]
    fn what_is_not_an_object_or_names_another_is_no_beat() {
        for (payload, why) in [
            ("", NotABeat::NotAnObject),
            ("beat", NotABeat::NotAnObject),
            ("[1]", NotABeat::NotAnObject),
            (r#"{"svc":"a","i":1"#, NotABeat::NotAnObject),
            (r#"{"svc":"a"} x"#, NotABeat::NotAnObject),
            (r#"{"svc":"b","i":1,"ts":2}"#, NotABeat::OtherService),
            (r#"{"svc":7,"i":1}"#, NotABeat::OtherService),
        ] {
            assert_eq!(Beat::read(payload.as_bytes(), "a"), Err(why), "{payload}");
        }
        assert_eq!(
            Beat::read(&vec![b' '; BEAT_MAX_BYTES + 1], "a"),
            Err(NotABeat::TooLong)
        );
    }

    #[test]
    fn wrong_types_and_unknown_fields_are_read_over() {
        let text = r#" {"svc":"a","i":"x","ts":1.9,"inst":null,"status":["stopping"],"reason":{"a":1},"more":[{}],"eta":true} "#;
        let beat = Beat::read(text.as_bytes(), "a").expect("a beat");
        assert_eq!(
            beat,
            Beat {
                svc: "a".into(),
                ts: Some(1),
                ..Beat::default()
            }
        );
    }

    #[test]
    fn escapes_are_understood() {
        let beat = Beat::read(
            br#"{"s\u0076c":"\u0061","i":18446744073709551615,"status":"stopping"}"#,
            "a",
        )
        .expect("a beat");
        assert!(beat.is_stopping() && beat.i.is_none());
    }

    #[test]
    fn a_word_of_its_own_is_no_text_and_no_verdict() {
        let says = |status: &'static str| Beat {
            status: Some(status.into()),
            ..Beat::default()
        };
        for word in [
            "idle",
            "standby",
            "unconfigured",
            "paused",
            "drained",
            "v2.1",
        ] {
            assert_eq!(says(word).word(), Some(word));
        }
        for text in [
            "",
            "up",
            "down",
            "degraded",
            "stopping",
            "two words",
            "\u{1b}[2J",
            "a-word-that-goes-on-and-on",
        ] {
            assert_eq!(says(text).word(), None, "{text}");
        }
        assert_eq!(Beat::default().word(), None);
    }

    #[test]
    fn an_eta_that_is_no_time_to_come_within_a_day_is_none() {
        let now = 1_795_000_000;
        let day = 24 * 3600;
        let at = |eta| Beat {
            eta: Some(eta),
            ..Beat::default()
        };
        for eta in [now - 5, now, now + 300, now + day] {
            assert_eq!(at(eta).plausible_eta(now), Some(eta));
        }
        for eta in [
            now + day + 1,
            (now + 300) * 1000,
            -1,
            i64::MIN,
            i64::MAX,
            0,
            300,
            now - 3600,
        ] {
            assert_eq!(at(eta).plausible_eta(now), None, "{eta}");
        }
        assert_eq!(at(-1).plausible_eta(i64::MIN), None);
    }
}
