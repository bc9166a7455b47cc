//! The usual beat, read without looking for anything else: as our own beaters write it, most are nothing more.

use super::BEAT_MAX_BYTES;

/// A beat that is exactly `{"svc":"…","i":…,"ts":…,"inst":"…"}`: no other field, no other order, no blank, no escape.
///
/// It says what [`Beat`](super::Beat) reads from it, and that there is nothing more on it, neither a status nor a
/// [`Card`](super::Card); at a fraction of the cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainBeat<'a> {
    pub i: u64,
    pub inst: &'a str,
}

impl<'a> PlainBeat<'a> {
    /// Reads `payload` as a plain beat of `svc`; `None`: it is none, which says nothing about what else it is.
    pub fn read(payload: &'a [u8], svc: &str) -> Option<PlainBeat<'a>> {
        if payload.len() > BEAT_MAX_BYTES {
            return None;
        }
        let rest = payload.strip_prefix(br#"{"svc":""#)?;
        let rest = rest.strip_prefix(svc.as_bytes())?;
        let (i, rest) = number(rest.strip_prefix(br#"","i":"#)?)?;
        let (_, rest) = number(rest.strip_prefix(br#","ts":"#)?)?;
        let inst = rest.strip_prefix(br#","inst":""#)?.strip_suffix(br#""}"#)?;
        // What could end the text, escape something in it or be no text leaves it to the reader of all beats.
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if inst.is_empty() || !inst.iter().all(is_plain) {
            return None;
        }
        let inst = std::str::from_utf8(inst).ok()?;
        Some(PlainBeat { i, inst })
    }
}

/// A whole number as JSON writes it, of at most 18 digits, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    const DIGITS_MAX: usize = 18;
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_number =
        (1..=DIGITS_MAX).contains(&digits) && (digits == 1 || text.first() != Some(&b'0'));
    if !is_number {
        return None;
    }
    let (digits, rest) = text.split_at(digits);
    let value = digits
        .iter()
        .fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Beat, Card};
    use proptest::prelude::*;

    #[test]
    fn what_our_beaters_write_is_plain_and_anything_more_is_not() {
        let plain = r#"{"svc":"a","i":7,"ts":1762433458,"inst":"0123456789abcdef"}"#;
        let read = PlainBeat::read(plain.as_bytes(), "a");
        let inst = "0123456789abcdef";
        assert_eq!(read, Some(PlainBeat { i: 7, inst }));
        for other in [
            r#"{"svc":"a","i":7,"ts":1,"inst":"x","status":"idle"}"#,
            r#"{"svc":"a","i":7,"ts":1,"inst":"x","host":"h"}"#,
            r#"{"svc":"a","i":7,"ts":1,"inst":"x\u0041"}"#,
            r#"{"svc":"a","i":7,"ts":1,"inst":""}"#,
            r#"{"svc":"a","i":07,"ts":1,"inst":"x"}"#,
            r#"{"svc":"a","i":-7,"ts":1,"inst":"x"}"#,
            r#"{"svc":"a","i":7.5,"ts":1,"inst":"x"}"#,
            r#"{"svc":"a","i":7,"ts":1,"inst":"é"}"#,
            r#"{"svc": "a","i":7,"ts":1,"inst":"x"}"#,
            r#"{"svc":"b","i":7,"ts":1,"inst":"x"}"#,
            r#"{"svc":"a","i":9999999999999999999,"ts":1,"inst":"x"}"#,
            r#"{"svc":"a","i":7,"ts":1,"inst":"x"}}"#,
            "",
        ] {
            assert_eq!(PlainBeat::read(other.as_bytes(), "a"), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_plain_says_what_the_reader_of_all_beats_says_of_it(
            svc in "[a-c]{1,2}",
            i in "(0|[1-9][0-9]{0,18})",
            ts in "(0|[1-9][0-9]{0,9})",
            inst in "[ -~é]{0,20}",
            more in prop_oneof![Just(String::new()), "[ -~]{0,20}"],
        ) {
            let payload = format!(r#"{{"svc":"{svc}","i":{i},"ts":{ts},"inst":"{inst}{more}"}}"#);
            if let Some(plain) = PlainBeat::read(payload.as_bytes(), &svc) {
                let beat = Beat::read(payload.as_bytes(), &svc).expect("a beat");
                prop_assert_eq!(beat.i, Some(plain.i));
                prop_assert_eq!(beat.inst.as_deref(), Some(plain.inst));
                prop_assert_eq!(beat.status, None);
                prop_assert_eq!(Card::read(payload.as_bytes()), None);
            }
        }
    }
}
