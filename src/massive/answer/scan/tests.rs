use super::*;
use proptest::prelude::*;
use serde::de::IgnoredAny;

fn is_json(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.skip().and_then(|()| scanner.end()).is_ok()
}

#[test]
fn what_is_json_is_passed_over_to_its_last_byte() {
    for text in [
        "{}",
        "[]",
        " [ ] ",
        "0",
        "-0.5e+10",
        "1E5",
        "null",
        "true",
        "false",
        r#""""#,
        r#""\u00e9\"\\/\n""#,
        r#"{"a":[1,{"b":null}],"c":"é"}"#,
        "[[],[],{}]",
    ] {
        assert!(is_json(text), "{text}");
    }
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        r#"{"a":1,}"#,
        "{,}",
        "[,1]",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "nul",
        "nullx",
        "tru",
        r#"{"a"}"#,
        r#"{a:1}"#,
        r#"{"a":1 "b":2}"#,
        "[1 2]",
        "\"a",
        "\"\n\"",
        r#""\x""#,
        r#""\u12g4""#,
        "1 2",
        "{]",
        "[}",
    ] {
        assert!(!is_json(text), "{text}");
    }
    assert!(is_json(&format!("{}{}", "[".repeat(128), "]".repeat(128))));
    assert!(!is_json(&format!("{}{}", "[".repeat(129), "]".repeat(129))));
}

#[test]
fn a_key_is_read_without_its_escapes() {
    let mut scanner = Scanner::new(r#"{"\u0076alue" : 1, "b":2}"#);
    scanner.enter().expect("an object");
    assert_eq!(scanner.next_key(), Ok(Some("value".into())));
    scanner.skip().expect("a number");
    assert_eq!(scanner.next_key(), Ok(Some("b".into())));
    scanner.skip().expect("a number");
    assert_eq!(scanner.next_key(), Ok(None));
}

#[test]
fn runs_end_at_each_byte_that_does_not_belong() {
    for length in 0..20 {
        for stop in 0..=u8::MAX {
            let mut bytes = vec![b'7'; 24];
            bytes[length] = stop;
            let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
            assert_eq!(digit_run(&bytes), digits, "{length} {stop}");
            let is_plain = |b: &&u8| !matches!(**b, b'"' | b'\\' | ..b' ');
            let plain = bytes.iter().take_while(is_plain).count();
            assert_eq!(plain_run(&bytes), plain, "{length} {stop}");
            assert_eq!(digit_run(&bytes[..length]), length);
        }
    }
}

proptest! {
    #[test]
    fn runs_of_any_bytes_end_where_they_should(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let is_plain = |b: &&u8| !matches!(**b, b'"' | b'\\' | ..b' ');
        prop_assert_eq!(plain_run(&bytes), bytes.iter().take_while(is_plain).count());
        prop_assert_eq!(digit_run(&bytes), bytes.iter().take_while(|b| b.is_ascii_digit()).count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_takes_what_serde_json_takes(parts in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"", "\\", "\\u00e9", "\\n", "1", "-", "0", ".5", "e", "+", "true",
        "null", " ", "\n", "é", "\"a\":1", "[1]", "{}", "\u{1}",
    ]), 0..12)) {
        let text = parts.concat();
        let theirs = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(is_json(&text), theirs, "{}", text);
    }
}
