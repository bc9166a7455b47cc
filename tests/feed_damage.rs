//! The feed reader under damage: whatever the bytes, it neither panics nor hangs, and damage costs what it touches.

use std::time::Duration;

use marketswarm::clock::Mono;
use marketswarm::feed::check::{Report, check};
use marketswarm::feed::document::{Context, Document, Refused};
use proptest::prelude::*;

use crate::support::{cpu_time, repetitions};

pub fn read(body: &[u8]) -> Result<Report, Refused> {
    let context = Context {
        url: "http://feed.example/feed",
        max_items: 2_000,
    };
    check(body, None, context, "f", 1_800_000_000, Mono::now)
}

/// Reads and checks what holds for every input.
pub fn survive(body: &[u8]) -> Result<Report, Refused> {
    let started = cpu_time();
    let report = read(body);
    let took = cpu_time() - started;
    // The promise is 2 s; a debug build is slower.
    assert!(took < Duration::from_secs(10), "took {took:?}");
    if let Ok(report) = &report {
        assert!(report.items.len() <= 2_000);
        for item in &report.items {
            for url in item
                .url
                .iter()
                .chain(&item.image)
                .chain(item.enclosures.iter().map(|file| &file.url))
            {
                assert!(
                    url.starts_with("http") || url[..4].eq_ignore_ascii_case("http"),
                    "{url}"
                );
            }
            assert!(
                !item
                    .content
                    .iter()
                    .chain(&item.summary)
                    .any(|html| html.contains("<script"))
            );
        }
    }
    report
}

fn item(n: usize) -> String {
    format!(
        "<item><title>Title {n} &amp; more</title><link>http://example.org/{n}?a=1&amp;b=2</link><guid>g{n}</guid>\
         <pubDate>Thu, 01 Jan 2004 19:48:21 GMT</pubDate><description>&lt;p&gt;Text {n}&lt;/p&gt;</description>\
         <content:encoded><![CDATA[<p>Body {n} <a href=\"http://example.org/\">x</a></p>]]></content:encoded></item>\n"
    )
}

fn entry(n: usize) -> String {
    format!(
        "<entry><title type=\"html\">Title {n} &amp;amp; more</title><link href=\"http://example.org/{n}\"/><id>g{n}</id>\
         <updated>2004-01-01T00:00:00Z</updated><author><name>Ann</name></author><content type=\"xhtml\">\
         <div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Body <b>{n}</b></p></div></content></entry>\n"
    )
}

/// A feed, and where each of its items ends.
fn feed(atom: bool, count: usize) -> (Vec<u8>, Vec<usize>) {
    let (head, one, tail): (_, fn(usize) -> String, _) = if atom {
        (
            "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"><title>T</title>\n",
            entry,
            "</feed>\n",
        )
    } else {
        let content = "xmlns:content=\"http://purl.org/rss/1.0/modules/content/\"";
        let head =
            "<?xml version=\"1.0\"?><rss version=\"2.0\" CONTENT><channel><title>T</title>\n";
        (
            &*Box::leak(head.replace("CONTENT", content).into_boxed_str()),
            item,
            "</channel></rss>\n",
        )
    };
    let (mut text, mut ends) = (head.to_string(), Vec::new());
    for n in 0..count {
        text.push_str(&one(n));
        ends.push(text.len());
    }
    text.push_str(tail);
    (text.into_bytes(), ends)
}

#[derive(Clone, Debug)]
enum Damage {
    Cut,
    Flip(u8),
    Remove(usize),
    Duplicate(usize),
    Insert(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let inserts: Vec<Vec<u8>> = [
        "<",
        "&",
        "\"",
        "<!--",
        "<![CDATA[",
        "]]>",
        "</item>",
        "<item>",
        "</rss>",
        "<b>",
        "<?",
        "\0",
        "<!DOCTYPE x [",
        "</",
        "<title",
        "é",
        "<p a='",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    prop_oneof![
        Just(Damage::Cut),
        any::<u8>().prop_map(Damage::Flip),
        (1usize..300).prop_map(Damage::Remove),
        (1usize..600).prop_map(Damage::Duplicate),
        proptest::sample::select(inserts).prop_map(Damage::Insert),
    ]
}

fn apply(damage: &Damage, body: &mut Vec<u8>, at: usize) {
    match damage {
        Damage::Cut => body.truncate(at),
        Damage::Flip(byte) => body[at] = *byte,
        Damage::Remove(len) => {
            body.drain(at..(at + len).min(body.len()));
        }
        Damage::Duplicate(len) => {
            let piece = body[at..(at + len).min(body.len())].to_vec();
            body.splice(at..at, piece);
        }
        Damage::Insert(bytes) => {
            body.splice(at..at, bytes.iter().copied());
        }
    }
}

/// Pieces that feeds are made of, for texts that get deep into the reader.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "<rss version='2.0'>",
        "<channel>",
        "<item>",
        "</item>",
        "</channel>",
        "</rss>",
        "<title>",
        "</title>",
        "<feed>",
        "<entry>",
        "</entry>",
        "<content type='xhtml'>",
        "<content type=\"html\" mode='base64'>",
        "</content>",
        "<div>",
        "</div>",
        "<link href='a'/>",
        "<link>",
        "<guid>",
        "</guid>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "&amp;",
        "&lt;",
        "&",
        "<",
        ">",
        "\"",
        "'",
        "text ",
        "é",
        "\u{feff}",
        "<b>",
        "</b>",
        "<p/>",
        "<image><url>",
        "</image>",
        "<rdf:RDF>",
        "<x:y z=1>",
        "<itunes:category text='a'>",
        "<pubDate>1 Jan 2004</pubDate>",
        "xml:base='http://b/'",
        "<media:group>",
        "<script>",
        "{\"version\":\"1.1\",\"items\":[",
        "{\"id\":1}",
        ",",
        "]}",
        "<!DOCTYPE a [",
        "<?xml encoding='utf-16'?>",
        "\0",
        "<author><name>",
        "<html>",
        "<skipHours><hour>1",
    ];
    let piece = prop_oneof![
        9 => proptest::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: repetitions(2_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_survived(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = survive(&body);
    }

    #[test]
    fn arbitrary_pieces_of_feeds_are_survived(body in pieces()) {
        let _ = survive(&body);
    }

    #[test]
    fn damage_after_an_item_does_not_lose_it(atom: bool, place in 0.0..1.0f64, damage in damage()) {
        let (mut body, ends) = feed(atom, 6);
        let from = ends[0];
        let at = from + ((body.len() - 1 - from) as f64 * place) as usize;
        let intact = ends.iter().filter(|end| **end <= at).count();
        apply(&damage, &mut body, at);
        let report = survive(&body).expect("still a feed");
        for n in 0..intact {
            let guid = format!("g{n}");
            let found = report.items.iter().find(|item| item.guid.as_deref() == Some(&*guid));
            prop_assert!(found.is_some(), "item {} of {} lost", n, intact);
            let title = format!("Title {n} & more");
            prop_assert_eq!(found.and_then(|item| item.title.as_deref()), Some(&*title));
        }
    }

    #[test]
    fn damage_costs_no_more_than_the_items_around_it(atom: bool, at_item in 1usize..5, offset in 0.0..1.0f64, byte: u8) {
        let (mut body, ends) = feed(atom, 6);
        let at = ends[at_item - 1] + ((ends[at_item] - ends[at_item - 1] - 1) as f64 * offset) as usize;
        body[at] = byte;
        let report = survive(&body).expect("still a feed");
        let far = (0..6usize).filter(|n| n.abs_diff(at_item) > 1);
        for n in far {
            let guid = format!("g{n}");
            prop_assert!(report.items.iter().any(|item| item.guid.as_deref() == Some(&*guid)), "item {} lost", n);
        }
    }

    #[test]
    fn an_encoding_changes_nothing(word in "[a-zà-ÿ]{1,12}", which in 0usize..4) {
        let text = format!("<rss version='2.0'><channel><item><guid>1</guid><title>{word}</title></item></channel></rss>");
        let utf16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let (body, content_type): (Vec<u8>, _) = match which {
            0 => (text.clone().into_bytes(), None),
            1 => (text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(), Some("text/xml; charset=latin1")),
            2 => (utf16(u16::to_le_bytes), None),
            _ => (utf16(u16::to_be_bytes), None),
        };
        let document = Document::decode(&body, content_type);
        let parsed = document.parse(Context { url: "http://x/", max_items: 1 }).expect("a feed");
        let title = parsed.entries[0].title.value.as_ref().map(|title| title.raw.to_string());
        prop_assert_eq!(title, Some(word));
    }
}

#[test]
fn huge_and_hostile_documents_are_read_in_time() {
    let mib = |piece: &str, count: usize| piece.repeat(count * 1024 * 1024 / piece.len());
    for body in [
        format!("<rss version='2.0'><channel>{}", mib("<item/>", 4)),
        format!(
            "<rss version='2.0'><channel><item><description>{}",
            mib("<div>", 2)
        ),
        format!("<rss version='2.0'><channel><item>{}", mib("<x>", 2)),
        format!("<rss version='2.0'><channel>{}", mib("<item><y>", 2)),
        format!(
            "<rss version='2.0'><channel><item><title>{}",
            mib("<![CDATA[", 2)
        ),
        format!(
            "<rss version='2.0'><channel><item><title>{}",
            mib("<!--", 2)
        ),
        format!(
            "<rss version='2.0'><channel><item><title>{}",
            mib("<a b='", 2)
        ),
        format!("<rss version='2.0'><channel><item><title>{}", mib("</a", 2)),
        format!("<rss version='2.0'><channel><item><title>{}", mib("&", 2)),
        format!(
            "<rss version='2.0'><channel><item><title>{}</title></item>",
            mib("&lt;a", 2)
        ),
        format!(
            "<rss version='2.0'><channel><item><title>{}</title></item>",
            mib("&lt;img ", 2)
        ),
        mib("<!DOCTYPE a [", 2),
        mib("<", 2),
        mib("{\"items\":[", 2),
        format!(
            "<feed>{}",
            mib("<entry xmlns:a='b' xml:base='http://c/'>", 2)
        ),
        format!(
            "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>]><rss version='2.0'><channel><item><title>{}",
            mib("&a;", 1)
        ),
    ] {
        let _ = survive(body.as_bytes());
    }
}
