//! Finding the object in what a model wrote around it.

use serde_json::value::RawValue;

/// Places at which an object may begin that are tried; so the work is linear in the text.
const STARTS_MAX: usize = 8;

/// Whether `text` is one JSON object and nothing else but blanks.
pub fn is_object(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok()
}

/// The first balanced object in `text` that is JSON: models put it between code fences, or after a sentence of theirs.
pub fn object_in(text: &str) -> Option<&str> {
    let mut from = 0;
    for _ in 0..STARTS_MAX {
        let start = from + text[from..].find('{')?;
        match balanced(&text[start..]) {
            Some(length) => {
                let object = &text[start..start + length];
                if is_object(object) {
                    return Some(object);
                }
                from = start + length;
            }
            None => from = start + 1,
        }
    }
    None
}

/// How many bytes the object takes that `text` begins with; `None` when it does not end.
fn balanced(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut is_escaped) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_found_in_whatever_stands_around_it() {
        for (text, found) in [
            (r#"{"a":1}"#, Some(r#"{"a":1}"#)),
            (
                "```json\n{\"a\": {\"b\": \"}\"}}\n```",
                Some(r#"{"a": {"b": "}"}}"#),
            ),
            (
                r#"Here is the {json}: {"a":"\"}"} and {"b":2}"#,
                Some(r#"{"a":"\"}"}"#),
            ),
            (r#"an open { and then {"a":1}"#, Some(r#"{"a":1}"#)),
            (r#"{"a":1"#, None),
            (r#"{"a":"}"#, None),
            ("", None),
            ("no object", None),
            ("[1, 2]", None),
            ("{]}", None),
            ("é{\"é\":\"}\"}", Some("{\"é\":\"}\"}")),
        ] {
            assert_eq!(object_in(text), found, "{text}");
        }
        assert!(is_object(" {\"a\":1}\n") && !is_object("so: {\"a\":1}") && !is_object("[]"));
    }

    #[test]
    fn what_never_closes_is_given_up_after_a_few_places() {
        let open = "{".repeat(300_000);
        assert_eq!(object_in(&open), None);
        let quoted = "{\"".repeat(150_000);
        assert_eq!(object_in(&quoted), None);
    }
}
