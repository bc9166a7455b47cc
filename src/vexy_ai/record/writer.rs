//! JSON as it is written: straight into one text, for what every analysis writes. The words are those of serde_json, to the
//! byte; a test holds one against the other.

use crate::text::short::push_short;

/// An object under way.
pub(super) struct Writer {
    out: String,
}

impl Writer {
    /// An object without a field yet; room for so many bytes.
    pub(super) fn with_room(bytes: usize) -> Writer {
        let mut out = String::with_capacity(bytes);
        out.push('{');
        Writer { out }
    }

    /// The next field is a text.
    pub(super) fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        push_text(&mut self.out, text);
    }

    /// The next field is a text, or null.
    pub(super) fn some_text(&mut self, name: &'static str, text: Option<&str>) {
        match text {
            Some(text) => self.text(name, text),
            None => self.json(name, "null"),
        }
    }

    /// The next field is a whole number.
    pub(super) fn whole(&mut self, name: &'static str, number: u64) {
        self.name(name);
        push_whole(&mut self.out, number);
    }

    /// The next field is seconds since 1970; 0 is null.
    pub(super) fn seconds(&mut self, name: &'static str, ts: i64) {
        self.name(name);
        if ts < 0 {
            self.out.push('-');
        }
        match ts {
            0 => self.out.push_str("null"),
            ts => push_whole(&mut self.out, ts.unsigned_abs()),
        }
    }

    /// The next field is a number.
    pub(super) fn number(&mut self, name: &'static str, number: f64) {
        self.name(name);
        push_number(&mut self.out, number);
    }

    /// The next field is this JSON.
    pub(super) fn json(&mut self, name: &'static str, json: &str) {
        self.name(name);
        self.out.push_str(json);
    }

    /// The next field is a list, of which `each` writes one element.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        elements: impl IntoIterator<Item = T>,
        each: impl FnMut(&mut String, T),
    ) {
        self.name(name);
        push_list(&mut self.out, elements, each);
    }

    /// The whole.
    pub(super) fn end(mut self) -> String {
        self.out.push('}');
        self.out
    }

    #[inline]
    fn name(&mut self, name: &'static str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push('"');
        push_short(&mut self.out, name);
        self.out.push_str("\":");
    }
}

/// Appends a list, of which `each` writes one element.
pub(super) fn push_list<T>(
    out: &mut String,
    elements: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut String, T),
) {
    out.push('[');
    for (nth, element) in elements.into_iter().enumerate() {
        if nth > 0 {
            out.push(',');
        }
        each(out, element);
    }
    out.push(']');
}

/// Appends a text in its quotes.
pub(super) fn push_text(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_escaped) {
        let (plain, from) = rest.split_at(at);
        push_short(out, plain);
        // What is escaped is ASCII.
        push_escape(out, from.as_bytes()[0]);
        rest = &from[1..];
    }
    push_short(out, rest);
    out.push('"');
}

/// Whether JSON writes a byte otherwise than it is.
pub(super) fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn push_escape(out: &mut String, byte: u8) {
    out.push('\\');
    match byte {
        b'\n' => out.push('n'),
        b'\r' => out.push('r'),
        b'\t' => out.push('t'),
        0x08 => out.push('b'),
        0x0c => out.push('f'),
        b'"' | b'\\' => out.push(char::from(byte)),
        _ => {
            out.push_str("u00");
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
    }
}

/// Appends a whole number.
pub(super) fn push_whole(out: &mut String, number: u64) {
    if number >= 10 {
        push_whole(out, number / 10);
    }
    out.push(char::from(b'0' + (number % 10) as u8));
}

/// Appends a finite number; null for any other.
pub(super) fn push_number(out: &mut String, number: f64) {
    // Nearly all are of few places, which need no search for the shortest digits.
    let scaled = number * 1e4;
    if scaled.trunc() == scaled && scaled.abs() < 1e12 && scaled / 1e4 == number {
        if number.is_sign_negative() {
            out.push('-');
        }
        let scaled = scaled.abs() as u64;
        push_whole(out, scaled / 10_000);
        out.push('.');
        let mut places = scaled % 10_000;
        let mut unit = 1_000;
        while unit == 1_000 || places > 0 {
            out.push(char::from(b'0' + (places / unit) as u8));
            places %= unit;
            unit /= 10;
        }
        return;
    }
    out.push_str(&serde_json::Value::from(number).to_string());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, text);
        out
    }

    fn number(number: f64) -> String {
        let mut out = String::new();
        push_number(&mut out, number);
        out
    }

    proptest! {
        #[test]
        fn texts_are_written_as_by_serde_json(some in "\\PC{0,40}|[\u{0}-\u{7f}é\u{2028}]{0,40}") {
            prop_assert_eq!(text(&some), serde_json::to_string(&some).expect("a text"));
        }

        #[test]
        fn numbers_are_written_as_by_serde_json(
            some in prop_oneof![any::<f64>(), (-2_000_000_i64..2_000_000).prop_map(|n| n as f64 / 1e3)],
        ) {
            prop_assert_eq!(number(some), serde_json::to_string(&some).expect("a number"));
        }
    }

    #[test]
    fn numbers_of_few_places_are_written_as_by_serde_json() {
        for some in [
            0.0, 1.0, -1.0, 0.5, -0.74, 0.1234, 10.05, 100.001, 1e9, 1e20, 1e-7,
        ] {
            let theirs = serde_json::to_string(&some).expect("a number");
            assert_eq!(number(some), theirs);
        }
        assert_eq!(number(f64::NAN), "null");
    }

    #[test]
    fn an_object_is_json() {
        let mut object = Writer::with_room(10);
        object.text("a", "b\"");
        object.whole("n", 105);
        object.seconds("past", -5);
        object.seconds("ts", 0);
        object.some_text("none", None);
        object.list("all", ["x", "y"], push_text);
        assert_eq!(
            object.end(),
            r#"{"a":"b\"","n":105,"past":-5,"ts":null,"none":null,"all":["x","y"]}"#
        );
        assert_eq!(Writer::with_room(0).end(), "{}");
    }
}
