//! Characters that came out as others.

use encoding_rs::Encoding;
use marketswarm::feed::document::{Context, Document};
use marketswarm::feed::identity::title_text;

/// The titles of a feed that declares one encoding, is written in another, and is served with a third.
fn titles(served: Option<&str>, declared: &str, written: &str, titles: [&str; 2]) -> Vec<String> {
    let encoding = Encoding::for_label(written.as_bytes()).expect("an encoding");
    let items = titles.map(|title| format!("<item><title>{title}</title></item>"));
    let feed = format!(
        "<?xml version='1.0' encoding='{declared}'?><rss version='2.0'><channel><title>t</title>{}</channel></rss>",
        items.concat()
    );
    read(&encoding.encode(&feed).0, served)
}

fn read(body: &[u8], served: Option<&str>) -> Vec<String> {
    let content_type = served.map(|charset| format!("application/rss+xml; charset={charset}"));
    let document = Document::decode(body, content_type.as_deref());
    let context = Context {
        url: "http://feed.example/",
        max_items: 100,
    };
    let parsed = document.parse(context).expect("a feed");
    parsed
        .entries
        .iter()
        .map(|entry| title_text(entry).unwrap_or_default())
        .collect()
}

#[test]
fn a_charset_of_the_server_that_the_bytes_refute_hid_the_true_declaration() {
    for (served, declared, words) in [
        ("utf-8", "windows-1251", "Индекс вырос на 2 %"),
        ("us-ascii", "koi8-r", "Индекс вырос"),
        ("utf-8", "gb2312", "沪指收盘上涨"),
        ("utf-8", "euc-jp", "日銀が利上げを決定"),
        ("utf-8", "windows-1254", "Borsa yükselişle kapandı"),
    ] {
        assert_eq!(
            titles(Some(served), declared, declared, [words, "Plain"]),
            [words, "Plain"],
            "{served}, {declared}"
        );
    }
}

#[test]
fn utf8_was_read_as_what_a_wrong_label_said() {
    for label in [
        "gbk",
        "gb2312",
        "big5",
        "shift_jis",
        "euc-kr",
        "windows-1251",
        "iso-8859-1",
    ] {
        for words in [
            "沪指收盘上涨",
            "日銀が利上げを決定",
            "Zürich schließt fester",
        ] {
            assert_eq!(
                titles(Some(label), "utf-8", "utf-8", [words, "Plain"]),
                [words, "Plain"],
                "served as {label}"
            );
            assert_eq!(
                titles(None, label, "utf-8", [words, "Plain"]),
                [words, "Plain"],
                "declared as {label}"
            );
        }
    }
}

#[test]
fn true_labels_are_believed() {
    for (label, words) in [
        ("gbk", "沪指收盘上涨"),
        ("shift_jis", "日銀が利上げを決定"),
        ("iso-8859-1", "Zürich schließt"),
    ] {
        assert_eq!(
            titles(Some(label), "utf-8", label, [words, "Plain"]),
            [words, "Plain"]
        );
        assert_eq!(
            titles(None, label, label, [words, "Plain"]),
            [words, "Plain"]
        );
    }
}

#[test]
fn two_halves_of_a_character_turned_the_whole_document_into_another_encoding() {
    let feed = |title: &[u8]| {
        let head =
            b"<?xml version='1.0' encoding='UTF-8'?><rss version='2.0'><channel><item><title>"
                .as_slice();
        let tail =
            "</title></item><item><title>Zürich – 5 €</title></item></channel></rss>".as_bytes();
        [head, title, tail].concat()
    };
    // A rocket as Java and Oracle write it.
    let titles = read(&feed(b"Up \xed\xa0\xbd\xed\xba\x80 again"), None);
    assert_eq!(titles, ["Up 🚀 again", "Zürich – 5 €"]);
    // Half of it, and a byte of another encoding.
    for broken in [&b"Up \xed\xa0\xbd again"[..], b"Up \x96 again"] {
        let titles = read(&feed(broken), Some("utf-8"));
        assert!(
            titles[0].starts_with("Up \u{fffd}") && titles[0].ends_with(" again"),
            "{titles:?}"
        );
        assert_eq!(titles[1], "Zürich – 5 €");
    }
    // All other letters but one are ASCII: the rocket is a witness for UTF-8, not against it.
    let alone = b"<?xml version='1.0' encoding='UTF-8'?><rss version='2.0'><channel><item><title>Caf\xc3\xa9 \xed\xa0\xbd\xed\xba\x80</title></item></channel></rss>";
    assert_eq!(read(alone, None), ["Café 🚀"]);
    assert_eq!(
        read(alone, Some("text/xml; charset=iso-8859-1")),
        ["Café 🚀"]
    );
}
