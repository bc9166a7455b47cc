use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::*;

const FORGED: &str = "\u{1b}[2J\u{9b}31m stuck\r\nhealer    up\u{7f}\u{202e}dab\u{2028}x";

#[test]
fn a_forged_line_is_part_of_the_line_that_it_came_in() {
    assert_eq!(
        SafeText::new(FORGED),
        "\u{fffd}[2J\u{fffd}31m stuck healer    up\u{fffd}dab x"
    );
    for (raw, safe) in [
        ("", ""),
        (" \t\n ", ""),
        ("a\tb\r\n\r\nc", "a b c"),
        ("a\u{0}\u{1}\u{2}b", "a\u{fffd}b"),
        ("a\r\nBcc: x\u{202e}y\u{200b}z\u{7}", "a Bcc: xyz\u{fffd}"),
        ("\u{feff}zero\u{200d}width\u{2060}\u{ad}", "zerowidth"),
        ("no\u{ffff}character\u{fdd0}", "no\u{fffd}character\u{fffd}"),
        ("tag\u{e0041}s", "tags"),
        ("\u{85}next line\u{85}", "next line"),
    ] {
        assert_eq!(SafeText::new(raw), safe, "{raw:?}");
    }
}

#[test]
fn what_is_clean_stays() {
    for clean in [
        "a reason",
        "a  b",
        "Grüße, 世界",
        "❤\u{fe0f} e\u{301}",
        "<b>&amp;</b>",
        "שלום",
        "\u{fffd}\u{fffd}",
    ] {
        assert_eq!(SafeText::new(clean), clean);
    }
}

#[test]
fn a_character_is_never_cut_nor_parted_from_its_marks() {
    assert_eq!(SafeText::cut("häuser", 2), "h");
    assert_eq!(SafeText::cut("abc", 3), "abc");
    // One byte for the letter, two for its mark.
    assert_eq!(SafeText::cut("xe\u{301}", 4), "xe\u{301}");
    assert_eq!(SafeText::cut("xe\u{301}", 3), "x");
    assert_eq!(SafeText::within("世界", 100, 3), "世");
    assert_eq!(SafeText::within("e\u{301}e\u{301}", 100, 1), "e\u{301}");
    assert_eq!(SafeText::within("❤\u{fe0f}", 100, 1), "");
    assert_eq!(SafeText::within("ab cd", 100, 3), "ab");
    let many = "a".to_owned() + &"\u{301}".repeat(100);
    assert_eq!(SafeText::new(&many).chars().count(), 1 + MARKS_MAX);
    assert_eq!(cut("häuser", 2), "h");
}

#[test]
fn bytes_that_are_no_text_are_shown_as_such() {
    assert_eq!(
        SafeText::from_bytes(b"caf\xe9\xff \xf0\x9f", 100),
        "caf\u{fffd}\u{fffd} \u{fffd}"
    );
}

#[test]
fn tables_are_as_wide_as_they_look() {
    assert_eq!(width::padded("世", 4), "世  ");
    assert_eq!(width::padded("long", 2), "long");
    assert_eq!(SafeText::new("e\u{301}世").columns(), 3);
}

#[test]
fn it_is_read_from_json_and_written_as_it_is() {
    let text: SafeText = serde_json::from_str(r#""\u001b[2Ja\nb""#).expect("a string");
    assert_eq!(
        serde_json::to_string(&text).expect("written"),
        "\"\u{fffd}[2Ja b\""
    );
    assert!(serde_json::from_str::<SafeText>("1").is_err());
}

#[test]
fn what_is_printed_keeps_its_lines_and_its_json() {
    assert_eq!(printable("a\n\tb"), "a\n\tb");
    assert_eq!(
        printable("\u{1b}[2J\u{9b}\u{202e}\r"),
        "\\u001b[2J\\u009b\\u202e\\u000d"
    );
    let json = serde_json::to_string(FORGED).expect("written");
    let back: String = serde_json::from_str(&printable(&json)).expect("still JSON");
    assert_eq!(back, FORGED);
}

/// Whatever could do harm, more often than chance would bring it.
fn hostile() -> impl Strategy<Value = String> {
    let odd = prop_oneof![
        any::<char>(),
        (0u32..0x20).prop_map(|n| char::from_u32(n).expect("a control")),
        (0x7fu32..0xa0).prop_map(|n| char::from_u32(n).expect("a control")),
        (0x2000u32..0x2070).prop_map(|n| char::from_u32(n).expect("a mark")),
        (0x300u32..0x370).prop_map(|n| char::from_u32(n).expect("a mark")),
        prop::sample::select(vec![
            '\u{61c}', '\u{feff}', '世', 'a', ' ', '\u{fe0f}', '❤', '\u{fffd}'
        ]),
    ];
    prop::collection::vec(odd, 0..60).prop_map(String::from_iter)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_harmful_is_left_of_any_text(raw in hostile()) {
        let safe = SafeText::new(&raw);
        for c in safe.chars() {
            prop_assert!(!character::moves_a_cursor(c), "{c:?} of {raw:?}");
            prop_assert!(matches!(class(c), Class::Shown | Class::Mark), "{c:?} of {raw:?}");
        }
        prop_assert_eq!(safe.trim(), &*safe);
        prop_assert_eq!(printable(&safe), safe.as_str());
    }

    #[test]
    fn made_safe_twice_is_made_safe_once(raw in hostile(), bytes in 0usize..80, wide in 0usize..40) {
        let once = SafeText::within(&raw, bytes, wide);
        prop_assert_eq!(&SafeText::within(&once, bytes, wide), &once);
        prop_assert_eq!(&SafeText::new(&once), &once);
    }

    #[test]
    fn both_limits_hold(raw in hostile(), bytes in 0usize..80, wide in 0usize..40) {
        let safe = SafeText::within(&raw, bytes, wide);
        prop_assert!(safe.len() <= bytes);
        prop_assert!(safe.columns() <= wide);
        // Another opinion, which knows of sequences.
        prop_assert!(safe.width() <= wide, "{safe:?} is {} wide", safe.width());
    }

    #[test]
    fn what_is_visible_and_short_is_not_changed(text in "[!-~äöü世界é]([ -~äöü世界é]{0,40}[!-~äöü世界é])?") {
        prop_assert_eq!(SafeText::new(&text), text.as_str());
    }
}
