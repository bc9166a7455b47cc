use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[test]
fn halves_become_one_character_and_pairs_stay() {
    for (written, clean) in [
        (r"a \ud83d b", Some(r"a \ufffd b")),
        (r"a \uDE00 b", Some(r"a \ufffd b")),
        (r"\ud83d\ude00", None),
        (r"\ud83d\ud83d\ude00", Some(r"\ufffd\ud83d\ude00")),
        (r"\ude00\ud83d", Some(r"\ufffd\ufffd")),
        (r"\\ud83d", None),
        (r"\\\ud83d", Some(r"\\\ufffd")),
        (r"\u00e9 é", None),
    ] {
        let mended = mended(&format!("[\"{written}\"]"));
        if let Some(mended) = &mended {
            assert_eq!(mended.slip, None, "{written}");
        }
        let text = mended.map(|mended| mended.text);
        let clean = clean.map(|clean| format!("[\"{clean}\"]"));
        assert_eq!(text, clean, "{written}");
    }
}

#[test]
fn a_slip_is_read_as_it_was_meant() {
    for (written, meant) in [
        (r#"{"a":1,}"#, r#"{"a":1}"#),
        (r#"{"a":[1,2,],}"#, r#"{"a":[1,2]}"#),
        (r#"{,"a":1}"#, r#"{"a":1}"#),
        (r#"{"a":1,,"b":2}"#, r#"{"a":1,"b":2}"#),
        (r#"{"a":[{"b":1}{"b":2}]}"#, r#"{"a":[{"b":1},{"b":2}]}"#),
        ("{\"a\":\"x\"\n \"b\":\"y\"}", r#"{"a":"x","b":"y"}"#),
        ("{\"a\":\"one\ntwo\tthree\"}", r#"{"a":"one two three"}"#),
        (r#"{"a":"it\'s"}"#, r#"{"a":"it's"}"#),
        (r#"{"a":"C:\dir","b":"\u12"}"#, r#"{"a":"C:dir","b":"u12"}"#),
        (r#"{"a":NaN,"b":undefined}"#, r#"{"a":null,"b":null}"#),
        (r#"{"a":007,"b":two words}"#, r#"{"a":null,"b":null}"#),
        (r#"{"a":,"b":}"#, r#"{"a":null,"b":null}"#),
        (
            r#"{"a":"say "hi" now","b":["a "b" c"]}"#,
            r#"{"a":"say \"hi\" now","b":["a \"b\" c"]}"#,
        ),
        (
            r#"{"a":"he said "hi", and went","b":1}"#,
            r#"{"a":"he said \"hi\", and went","b":1}"#,
        ),
    ] {
        let mended = mended(written).unwrap_or_else(|| panic!("{written} is mended"));
        assert!(mended.slip.is_some(), "{written}");
        let read: Value = serde_json::from_str(&mended.text)
            .unwrap_or_else(|e| panic!("{written} became {}: {e}", mended.text));
        let meant: Value = serde_json::from_str(meant).expect("JSON");
        assert_eq!(read, meant, "{written}");
    }
}

#[test]
fn what_follows_the_document_and_what_is_nested_too_deep_is_left_alone() {
    assert_eq!(mended("{\"a\":1}\n,,<!-- cached -->"), None);
    assert_eq!(
        mended(&format!("{},,{}", "[".repeat(500), "]".repeat(500))),
        None
    );
    assert_eq!(mended(""), None);
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\"\\\\,:{}\\[\\] a\n]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[\"a, :}]{0,4}", inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn json_is_left_as_it_is(value in json()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).expect("JSON")] {
            prop_assert_eq!(mended(&text), None, "{}", text);
        }
    }

    #[test]
    fn whatever_is_written_is_mended_to_text(text in r#"[{}\[\],:"\\ud8a0é \n]{0,60}"#) {
        if let Some(mended) = mended(&text) {
            prop_assert!(mended.text.len() <= text.len() * 6 + 16);
        }
    }
}
