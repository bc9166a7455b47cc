use super::*;

fn decoded(body: &[u8], content_type: Option<&str>) -> (String, &'static str, Vec<Repair>) {
    let (text, encoding, repairs) = decode(body, content_type);
    (
        text.into_owned(),
        encoding.name(),
        repairs.iter().map(|n| n.repair).collect(),
    )
}

#[test]
fn the_byte_order_mark_beats_the_header() {
    let (text, encoding, repairs) = decoded(
        b"\xef\xbb\xbfcaf\xc3\xa9",
        Some("text/xml; charset=iso-8859-1"),
    );
    assert_eq!((text.as_str(), encoding), ("café", "UTF-8"));
    assert_eq!(repairs, []);
    let (text, _, repairs) = decoded(b"\xef\xbb\xbf {}", None);
    assert_eq!(
        (text.as_str(), &*repairs),
        (" {}", &[Repair::ByteOrderMark][..])
    );
    assert_eq!(decoded(b"\xff\xfe<\0a\0", None).0, "<a");
}

#[test]
fn the_header_beats_the_declaration() {
    let body = b"<?xml version='1.0' encoding='koi8-r'?>\xcf\xf0";
    assert!(
        decoded(body, Some("application/xml; charset=\"windows-1251\""))
            .0
            .ends_with("Пр")
    );
    assert!(decoded(body, Some("application/xml")).0.ends_with("оП"));
}

#[test]
fn utf8_under_a_single_byte_label_is_utf8() {
    let (text, encoding, repairs) = decoded("é €".as_bytes(), Some("text/xml; charset=ISO-8859-1"));
    assert_eq!((text.as_str(), encoding), ("é €", "UTF-8"));
    assert_eq!(repairs, [Repair::WrongEncoding]);
}

#[test]
fn a_few_bad_bytes_do_not_spoil_the_rest() {
    let mut body = "é".repeat(300).into_bytes();
    body[301] = b'x';
    let (text, encoding, repairs) = decoded(&body, None);
    assert_eq!(encoding, "UTF-8");
    assert_eq!(repairs, [Repair::BadBytes]);
    assert_eq!(text.matches('é').count(), 299);
}

#[test]
fn without_any_word_it_is_utf8_or_windows_1252() {
    assert_eq!(decoded("naïve".as_bytes(), None).1, "UTF-8");
    let (text, encoding, repairs) = decoded(b"na\xefve \x93q\x94", None);
    assert_eq!((text.as_str(), encoding), ("naïve “q”", "windows-1252"));
    assert_eq!(repairs, [Repair::AssumedWindows1252]);
}

/// A document that declares one encoding and is written in another.
fn written_in(encoding: &'static Encoding, declared: &str, words: &str) -> Vec<u8> {
    let mut body = format!("<?xml version='1.0' encoding='{declared}'?><t>").into_bytes();
    body.extend_from_slice(&encoding.encode(words).0);
    body.extend_from_slice(b"</t>");
    body
}

#[test]
fn a_label_that_the_bytes_refute_gives_way_to_the_next() {
    for (http, declared, words) in [
        ("utf-8", "windows-1251", "Курс рубля вырос — впервые"),
        ("utf-8", "koi8-r", "Курс рубля вырос"),
        ("UTF-8", "gb2312", "人民币汇率上升"),
        ("utf8", "big5", "股市今日收高"),
        ("utf-8", "Shift_JIS", "円相場が上昇した"),
        ("utf-8", "EUC-JP", "円相場が上昇した"),
        ("utf-8", "euc-kr", "환율이 올랐다"),
        ("utf-8", "iso-8859-2", "Kurs złotego wzrósł"),
        ("us-ascii", "windows-1251", "Курс рубля вырос"),
        ("US-ASCII", "gb2312", "人民币汇率上升"),
        ("utf-16", "windows-1250", "Kurs złotego"),
        ("no-such-thing", "windows-1253", "Το ευρώ ανεβαίνει"),
    ] {
        let encoding = Encoding::for_label(declared.as_bytes()).expect("known");
        let body = written_in(encoding, declared, words);
        let (text, found, _) = decoded(&body, Some(&format!("text/xml; charset={http}")));
        assert!(text.contains(words), "{http}, {declared}: {text}");
        assert_eq!(found, encoding.name(), "{http}, {declared}");
    }
    // With nothing else to ask it is windows-1252.
    for http in ["utf-8", "us-ascii"] {
        let body = written_in(WINDOWS_1252, "utf-8", "“naïve”");
        let (text, _, repairs) = decoded(&body, Some(&format!("text/xml; charset={http}")));
        assert!(text.contains("“naïve”"), "{text}");
        assert_eq!(repairs, [Repair::WrongEncoding]);
    }
    // A byte order mark is a label too.
    let body = [
        b"\xef\xbb\xbf",
        &*written_in(WINDOWS_1252, "windows-1252", "“naïve”"),
    ]
    .concat();
    assert!(decoded(&body, None).0.contains("“naïve”"));
}

#[test]
fn valid_utf8_is_utf8_under_any_label() {
    for words in [
        "人民币汇率上升",
        "円相場が上昇した",
        "Курс рубля",
        "naïve “q”",
        "€",
        "📈",
    ] {
        for label in [
            "gbk",
            "gb2312",
            "gb18030",
            "big5",
            "shift_jis",
            "euc-jp",
            "euc-kr",
            "iso-2022-jp",
            "windows-1251",
            "us-ascii",
            "utf-16",
        ] {
            let body = written_in(UTF_8, label, words);
            for http in [
                None,
                Some("text/xml; charset=utf-8".to_owned()),
                Some(format!("text/xml; charset={label}")),
            ] {
                let (text, encoding, _) = decoded(&body, http.as_deref());
                assert!(text.contains(words), "{label}, {http:?}: {text}");
                assert_eq!(encoding, "UTF-8");
            }
        }
    }
    // Cut in the middle of a character it is still that.
    let body = written_in(UTF_8, "iso-8859-1", &"é€".repeat(40));
    let (text, encoding, repairs) = decoded(&body[..100], None);
    assert!(text.contains("é€é€") && encoding == "UTF-8", "{text}");
    assert_eq!(repairs, [Repair::WrongEncoding, Repair::BadBytes]);
}

#[test]
fn what_is_told_truly_is_believed() {
    for (label, words) in [
        ("gbk", "人民币汇率上升"),
        ("shift_jis", "円相場が上昇した"),
        ("euc-kr", "환율이 올랐다"),
        ("windows-1251", "Курс рубля вырос — «впервые»"),
        ("iso-8859-15", "Café à 5 €, Ça va"),
        ("iso-2022-jp", "円相場が上昇した"),
    ] {
        let encoding = Encoding::for_label(label.as_bytes()).expect("known");
        let (text, _, repairs) = decoded(&written_in(encoding, label, words), None);
        assert!(text.contains(words), "{label}: {text}");
        assert_eq!(repairs, [], "{label}");
        // One bad byte does not turn the rest into something else.
        if !encoding.is_single_byte() && label != "iso-2022-jp" {
            let body = [&*written_in(encoding, label, words), b"\xff "].concat();
            assert!(decoded(&body, None).0.contains(words), "{label}");
        }
    }
}

#[test]
fn a_character_in_two_halves_is_one_and_spoils_nothing() {
    let body = b"<?xml version='1.0' encoding='utf-8'?>up \xed\xa0\xbd\xed\xb3\x88 \xe2\x80\x94 caf\xc3\xa9";
    let (text, encoding, repairs) = decoded(body, None);
    assert!(text.ends_with("up 📈 — café"), "{text}");
    assert_eq!(
        (encoding, repairs.as_slice()),
        ("UTF-8", &[Repair::BadBytes][..])
    );
    // Half of one is no character.
    let (text, ..) = decoded("up X — café".replace('X', "\u{1}").as_bytes(), None);
    assert_eq!(text, "up  — café");
    for half in [
        &b"\xed\xa0\xbd"[..],
        b"\xed\xb3\x88",
        b"\xed\xb3\x88\xed\xa0\xbd",
    ] {
        let body = [b"up ", half, "— café “q”".as_bytes()].concat();
        let (text, encoding, _) = decoded(&body, None);
        assert!(
            text.ends_with("— café “q”") && encoding == "UTF-8",
            "{text}"
        );
        assert!(text.contains('\u{fffd}'), "{text}");
    }
}

#[test]
fn control_characters_are_dropped_and_said() {
    let (text, _, repairs) = decoded(b"a\x01b\0c\td\n", None);
    assert_eq!(text, "abc\td\n");
    assert_eq!(repairs, [Repair::ControlCharacters]);
}

#[test]
fn utf16_is_known_by_its_zeros() {
    assert_eq!(decoded(b"<\0r\0s\0s\0", None).0, "<rss");
    assert_eq!(decoded(b"\0<\0r\0s\0s", None).0, "<rss");
}
