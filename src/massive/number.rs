//! Numbers as the vendor wrote them.
//!
//! A decimal keeps its text, with its value beside it for whoever computes: what goes into Redis is the text. An integer
//! is read as one; nanoseconds since 1970 have more digits than an `f64` holds.

use std::borrow::Cow;

use compact_str::{CompactString, format_compact};

/// Longest text of a number that is read. The shortest exact text of any double has 24 bytes.
const TEXT_MAX_BYTES: usize = 64;

/// A finite decimal number: its text as it was sent, and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Decimal<'a> {
    text: Cow<'a, str>,
    value: f64,
}

impl<'a> Decimal<'a> {
    /// Reads the JSON text of a number; `None` when it is none, too long, or beyond the range of a double.
    pub fn read(json: &'a str) -> Option<Decimal<'a>> {
        let starts_a_number = matches!(json.as_bytes().first()?, b'-' | b'0'..=b'9');
        if !starts_a_number || json.len() > TEXT_MAX_BYTES {
            return None;
        }
        let value: f64 = json.parse().ok()?;
        value.is_finite().then_some(Decimal {
            text: Cow::Borrowed(json),
            value,
        })
    }

    /// As it was sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// To compute with.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The same, outliving the answer that it stands in.
    pub fn into_owned(self) -> Decimal<'static> {
        Decimal {
            text: Cow::Owned(self.text.into_owned()),
            value: self.value,
        }
    }

    /// How many digits follow the point; `None` for a text with an exponent.
    fn places(&self) -> Option<usize> {
        if self.text.contains(['e', 'E']) {
            return None;
        }
        Some(
            self.text
                .split_once('.')
                .map_or(0, |(_, after)| after.len()),
        )
    }
}

/// Halfway between two numbers, as text: one digit more than the longer of the two is exact, and no binary rounding
/// shows.
pub fn midpoint(a: &Decimal, b: &Decimal) -> CompactString {
    let mid = a.value.midpoint(b.value);
    match (a.places(), b.places()) {
        (Some(a), Some(b)) => trimmed(format_compact!("{mid:.*}", a.max(b) + 1)),
        _ => format_compact!("{mid}"),
    }
}

/// A number that was computed here, with at most six digits behind the point.
pub fn computed(value: f64) -> CompactString {
    trimmed(format_compact!("{value:.6}"))
}

fn trimmed(mut text: CompactString) -> CompactString {
    if text.contains('.') {
        let len = text.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(len);
        if text == "-0" {
            text.remove(0);
        }
    }
    text
}

/// Reads the JSON text of an integer; `None` when it is none: `1.0` and `1e3` are not.
pub fn integer(json: &str) -> Option<i128> {
    // Nearly every one fits, and wider arithmetic takes several times as long.
    if let Ok(number) = json.parse::<i64>() {
        return Some(i128::from(number));
    }
    (json.len() <= TEXT_MAX_BYTES && json.bytes().all(|b| b == b'-' || b.is_ascii_digit()))
        .then(|| json.parse().ok())
        .flatten()
}

/// Reads the JSON text of a string.
pub fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(json).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal<'_> {
        Decimal::read(text).expect(text)
    }

    #[test]
    fn a_decimal_keeps_its_text() {
        for text in [
            "120.470",
            "0",
            "-0.018532772783847958",
            "1e2",
            "25933.6",
            "-0",
        ] {
            assert_eq!(decimal(text).text(), text);
            assert_eq!(decimal(text).value(), text.parse::<f64>().unwrap());
        }
    }

    #[test]
    fn what_is_no_finite_number_is_none() {
        let long = format!("0.{}", "1".repeat(80));
        for text in [
            "", "\"1\"", "null", "true", "[1]", "{}", "1e999", "-1e999", &long,
        ] {
            assert_eq!(Decimal::read(text), None, "{text}");
        }
    }

    #[test]
    fn an_integer_is_exact() {
        assert_eq!(
            integer("1605192894630916607"),
            Some(1_605_192_894_630_916_607)
        );
        assert_eq!(integer("-5"), Some(-5));
        for text in ["1.0", "1e3", "\"5\"", "", "-", &"9".repeat(65)] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn a_midpoint_is_exact_in_decimals() {
        for (a, b, mid) in [
            ("120.28", "120.3", "120.29"),
            ("20.9", "21.25", "21.075"),
            ("1", "2", "1.5"),
            ("0.01", "0.02", "0.015"),
            ("100", "300", "200"),
            ("1e2", "3e2", "200"),
        ] {
            assert_eq!(midpoint(&decimal(a), &decimal(b)), mid);
        }
    }

    #[test]
    fn strings_are_unescaped() {
        assert_eq!(text(r#""A\u0041""#).as_deref(), Some("AA"));
        assert_eq!(text(r#""SPY""#).as_deref(), Some("SPY"));
        assert_eq!(text("5"), None);
    }
}
