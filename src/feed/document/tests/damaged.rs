//! Damage in a whole feed costs what it touches: found by comparing thousands of damaged feeds with what other readers
//! make of them (`scripts/bench.sh feeds damage`).

use super::super::*;

const HEAD: &str =
    "<rss version='2.0' xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel>";
const LAST: &str = "<item><title>Last</title><guid>g2</guid></item></channel></rss>";

/// guid, link, title, summary and content of each item.
fn items(body: &str) -> Vec<[String; 5]> {
    let document = Document::decode(body.as_bytes(), None);
    let context = Context {
        url: "http://feed.example/",
        max_items: 100,
    };
    let parsed = document.parse(context).expect("a feed");
    let text = |field: &Ranked<Text>| {
        field
            .value
            .as_ref()
            .map_or_else(String::new, |t| t.raw.to_string())
    };
    let items = parsed.entries.iter().map(|entry| {
        [
            entry.guid.as_deref().unwrap_or_default().to_string(),
            entry.link.value.as_deref().unwrap_or_default().to_string(),
            text(&entry.title),
            text(&entry.summary),
            text(&entry.content),
        ]
    });
    items.collect()
}

#[test]
fn a_damaged_item_is_whole_all_the_same_and_the_next_one_too() {
    for (damaged, repair) in [
        // An end tag broken in its middle.
        ("<guid>g1</</guid>", Repair::StrayEndTag),
        // End tags that ended up inside.
        ("<guid>g</channel>1</guid>", Repair::StrayEndTag),
        ("<guid>g1</guid</channel>>", Repair::UnclosedTag),
        ("<guid>g1</guid></rss>", Repair::StrayEndTag),
        (
            "<p</rss>ubDate>x</pubDate><guid>g1</guid>",
            Repair::UnclosedTag,
        ),
        ("<guid>g</item>1</guid>", Repair::StrayEndTag),
        // Starts of sections and declarations that ended up inside.
        (
            "<dc<![CDATA[:creator>Ann</dc:creator><guid>g1</guid>",
            Repair::UnclosedTag,
        ),
        (
            "<guid>g1</guid><pubDate>T<!DOCTYPE x [hu</pubDate>",
            Repair::UnclosedTag,
        ),
        ("<guid<?>>g1</guid>", Repair::UnclosedTag),
        ("<guid<>g1</guid<?>", Repair::UnclosedTag),
        // A second, whole copy of what is broken.
        (
            "<title>On<title>One</title><guid>g1</guid>",
            Repair::UnclosedElement,
        ),
        (
            "<description>Te<title>One</title><description>Text</description><guid>g1</guid>",
            Repair::UnclosedElement,
        ),
    ] {
        let rest = ["title", "description"].map(|name| {
            let value = if name == "title" { "One" } else { "Text" };
            if damaged.contains(name) {
                String::new()
            } else {
                format!("<{name}>{value}</{name}>")
            }
        });
        let body = format!(
            "{HEAD}<item>{damaged}{}<link>http://x/1</link><content:encoded>&lt;p>C&lt;/p></content:encoded></item>{LAST}",
            rest.concat()
        );
        let found = items(&body);
        assert_eq!(found.len(), 2, "{damaged}: {found:?}");
        let guid = found[0][0].trim_start_matches('>');
        assert_eq!(guid, "g1", "{damaged}: {found:?}");
        assert_eq!(
            found[0][1..],
            ["http://x/1", "One", "Text", "<p>C</p>"],
            "{damaged}"
        );
        assert_eq!(found[1][2], "Last", "{damaged}");
        let document = Document::decode(body.as_bytes(), None);
        let parsed = document
            .parse(Context {
                url: "",
                max_items: 9,
            })
            .expect("a feed");
        assert!(
            parsed.repairs.count(repair) > 0,
            "{damaged}: {:?}",
            parsed.repairs
        );
    }
}

#[test]
fn damaged_content_is_the_content_it_was() {
    for (field, content) in [
        (
            "<content:encoded><![CDXTA[<p>C</p>]]></content:encoded>",
            "<p>C</p>",
        ),
        (
            "<content:encoded><![CDATA[<p>C</p>]]></content</rss>:encoded>",
            "<p>C</p>",
        ),
        (
            "<content:encoded><![CDATA[<p>C</p>]]></content<title:encoded>",
            "<p>C</p>",
        ),
        (
            "<content\":encoded><![CDATA[<p>C</p>]]></content:encoded>",
            "<p>C</p>",
        ),
        (
            "<content:encoded><![CDATA[<p>C</p>]]><br/></content:encoded>",
            "<p>C</p><br>",
        ),
    ] {
        let found = items(&format!("{HEAD}<item><guid>g1</guid>{field}</item>{LAST}"));
        assert_eq!(found.len(), 2, "{field}: {found:?}");
        assert_eq!(found[0][4], content, "{field}");
    }
}

#[test]
fn a_cut_off_section_does_not_bring_forth_items() {
    let cut = format!(
        "{HEAD}{}<item><guid>g1</guid><description><![CDATA[<p>A <b>text",
        "<item><guid>g0</guid></item>"
    );
    assert_eq!(items(&cut).len(), 1);
}

#[test]
fn damaged_entries_keep_their_content() {
    let atom = |inside: &str| {
        format!(
            "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>g1</id>{inside}</entry><entry><id>g2</id></entry></feed>"
        )
    };
    let text = "<p>Ein etwas längerer Text, damit genug Buchstaben da sind</p>";
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let (head, tail) = base64.split_at(20);
    for (inside, content) in [
        // Markup in a value; `>` is even allowed there.
        (
            "<content type='xhtml'><div xmlns='http://www.w3.org/-->1999/xhtml'><p>C</p></div></content>",
            "<p>C</p>",
        ),
        (
            "<content type='xhtml'><div xmlns='http://www.w3.org/<b>1999/xhtml'><p>C</p></div></content>",
            "<p>C</p>",
        ),
        (
            "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'<p>C</p></div></content>",
            "<p>C</p>",
        ),
        (
            "<content type='xhtml'><div><p>C</p></div </content>",
            "<p>C</p>",
        ),
        (
            "<content type='xhtml'><div><p>C<id>g1</id><content type='xhtml'><div><p>C</p></div></content>",
            "<p>C</p>",
        ),
        // An attribute that is there twice.
        (
            "<content type='xht' type='xhtml'><div><p>C</p></div></content>",
            "<p>C</p>",
        ),
        // Letters that are none of base64's.
        (
            &format!("<content type='text/html' mode='base64'>{head}>{tail}</content>"),
            text,
        ),
        (
            &format!("<content type='text/html' mode='base64'>{head}&{tail}</content>"),
            text,
        ),
        (
            &format!("<content type='text/html' mode='base64'>{base64}=\n{tail}</content>"),
            text,
        ),
        (
            &format!("<content type='text/html' mode='base64'>{head}]]>{tail}</content>"),
            text,
        ),
        (
            &format!("<content type='text/html' mode='base64'>{base64}=x</content>"),
            text,
        ),
    ] {
        let found = items(&atom(inside));
        assert_eq!(found.len(), 2, "{inside}: {found:?}");
        assert_eq!(found[0][4], content, "{inside}");
    }
}

#[test]
fn a_whole_link_beats_one_whose_quote_is_missing() {
    let body = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>g1</id><link href='http://x/1?a<title>T</title>\
                <link href='http://x/1'/></entry></feed>";
    assert_eq!(items(body)[0][1], "http://x/1");
}

#[test]
fn what_is_left_of_a_root_does_not_decide_what_items_hold() {
    let body = "<rd<entry>f:RDF xmlns='http://purl.org/rss/1.0/'><channel><title>T</title></channel>\
                <item><title>One</title><link>http://x/1</link><description>Text</description></item></rdf:RDF>";
    assert_eq!(
        items(body).pop().expect("an item")[1..4],
        ["http://x/1", "One", "Text"]
    );
}

#[test]
fn a_module_whose_name_broke_off_is_known_by_its_prefix() {
    let body = "<rss version='2.0' xmlns:content='http://purl.org/rss/1.0/'><channel><item><content:encoded>C</content:encoded>\
                </item></channel></rss>";
    assert_eq!(items(body)[0][4], "C");
}

#[test]
fn a_reference_without_its_semicolon_is_read_where_it_stands_alone() {
    let title = |written: &str| {
        items(&format!(
            "{HEAD}<item><title>{written}</title></item></channel></rss>"
        ))[0][2]
            .clone()
    };
    assert_eq!(title("Bed &amp Breakfast &lt"), "Bed & Breakfast <");
    assert_eq!(title("a&amplitude &copy b"), "a&amplitude &copy b");
}

#[test]
fn a_root_within_the_root_still_has_its_items() {
    for body in [
        "<feed xmlns='http://www.w3.org/2005/Atom'> gone -->\
         <feed xmlns='http://www.w3.org/2005/Atom'><entry><id>g1</id></entry></feed>",
        "<rss version='2.0'><channel><item><category dorg/'><channel><item><guid>g1</guid></item></channel></rss>",
        "<rss version='2.0'><ch<rss version='2.0'><channel><item><guid>g1</guid></item></channel></rss>",
    ] {
        let mut guids: Vec<String> = items(body).into_iter().map(|[guid, ..]| guid).collect();
        guids.retain(|guid| !guid.is_empty());
        assert_eq!(guids, ["g1"], "{body}");
    }
}
