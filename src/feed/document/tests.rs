//! What the web serves, and what is made of it.

use super::*;

mod damaged;

fn parse(document: &Document) -> Result<(Vec<String>, Vec<Repair>, bool), Refused> {
    let parsed = document.parse(Context {
        url: "http://feed.example/dir/feed",
        max_items: 100,
    })?;
    let titles = parsed.entries.iter().map(|entry| {
        entry
            .title
            .value
            .as_ref()
            .map_or_else(String::new, |t| t.raw.to_string())
    });
    Ok((
        titles.collect(),
        parsed.repairs.iter().map(|needed| needed.repair).collect(),
        parsed.whole,
    ))
}

fn read(body: &str) -> Result<(Vec<String>, Vec<Repair>, bool), Refused> {
    parse(&Document::decode(body.as_bytes(), None))
}

fn rss(inside: &str) -> String {
    format!("<rss version='2.0'><channel><title>T</title>{inside}</channel></rss>")
}

#[test]
#[allow(clippy::too_many_lines)] // A table of cases.
fn each_damage_is_mended_and_named() {
    use Repair::*;
    let one = "<item><title>One</title></item>";
    for (body, titles, repair) in [
        (
            rss("<item><title>A & B</title></item>"),
            vec!["A & B"],
            BareAmpersand,
        ),
        (
            rss("<item><title>1 < 2</title></item>"),
            vec!["1 < 2"],
            BareLess,
        ),
        (
            rss("<item><title>a&nbsp;b &foo;</title></item>"),
            vec!["a\u{a0}b &foo;"],
            UndeclaredEntity,
        ),
        (
            rss("<item><dc:title>a</dc:title></item>"),
            vec!["a"],
            UndeclaredPrefix,
        ),
        (
            rss("<item><title>One<link>http://x/</link></item>"),
            vec!["One"],
            UnclosedElement,
        ),
        (
            rss("<item><title>One</title><item><title>Two</title></item>"),
            vec!["One", "Two"],
            UnclosedElement,
        ),
        (
            rss("<item><foo>x<title>One</title></item>"),
            vec!["One"],
            UnclosedElement,
        ),
        (
            rss("<item><media:content url='http://x/a.mp3'><title>One</title></item>"),
            vec!["One"],
            UnclosedElement,
        ),
        (
            rss("<item><image><url>x</url><title>No</title></image><title>One</title></b></item>"),
            vec!["One"],
            StrayEndTag,
        ),
        (
            rss("<item></b><title>One</title></item>"),
            vec!["One"],
            StrayEndTag,
        ),
        (
            rss("<item><title>One</title</item>"),
            vec!["One"],
            UnclosedTag,
        ),
        (
            rss("<item><title x=1>One</title></item>"),
            vec!["One"],
            UnquotedAttribute,
        ),
        (
            rss("<item><title x='1>One</title></item>"),
            vec!["One"],
            UnclosedQuote,
        ),
        (
            rss("<item><title><![CDATA[One</title></item>"),
            vec!["One"],
            UnclosedCdata,
        ),
        (
            rss(
                "<item><title><![CDATA[One</title></item><item><title><![CDATA[Two]]></title></item>",
            ),
            vec!["One", "Two"],
            UnclosedCdata,
        ),
        (
            rss("<item><!-- x ><title>One</title></item>"),
            vec!["One"],
            UnclosedComment,
        ),
        (
            rss("<item><pubDate>1 Jan 2004</pubdate><title>One</title></item>"),
            vec!["One"],
            MismatchedCase,
        ),
        (
            format!("<rss><channel>{one}</channel></rss>"),
            vec!["One"],
            MissingVersion,
        ),
        (one.to_string(), vec!["One"], MissingRoot),
        (
            format!("<channel>{one}</channel>{one}"),
            vec!["One", "One"],
            MissingRoot,
        ),
        (
            format!("<br /><b>Warning</b>: no <i>x</i> {}", rss(one)),
            vec!["One"],
            LeadingJunk,
        ),
        (
            format!("{}<script>x</script>{one}y", rss("")),
            vec!["One"],
            TrailingJunk,
        ),
        (
            "\u{feff}{\"items\":[{\"title\":\"One\"}]}".to_string(),
            vec!["One"],
            ByteOrderMark,
        ),
        (
            rss("<item><title>O\u{1}ne</title></item>"),
            vec!["One"],
            ControlCharacters,
        ),
        (
            format!(
                "<!DOCTYPE rss [<!ENTITY a 'b'>]>{}",
                rss("<item><title>&a;</title></item>")
            ),
            vec!["&a;"],
            EntityNotExpanded,
        ),
        (
            rss(&format!(
                "<item><title>One</title><x>{}</x></item>",
                "<y>".repeat(300)
            )),
            vec!["One"],
            NestingCut,
        ),
        (
            rss(one).replace("</channel></rss>", "<item><title>Tw"),
            vec!["One"],
            Truncated,
        ),
        (
            rss(one).replace("</channel></rss>", "<item><title>Two</title></ite"),
            vec!["One", "Two"],
            Truncated,
        ),
        (
            "{\"version\":\"1.1\",\"items\":[{\"title\":\"One\"},{\"title\":\"Tw".to_string(),
            vec!["One"],
            Truncated,
        ),
        (
            "{\"version\":\"1.1\",\"items\":[7,{\"title\":\"One\"}]}".to_string(),
            vec!["One"],
            BadJsonItem,
        ),
        (
            "{\"items\":[{\"title\":\"One\"}]} x".to_string(),
            vec!["One"],
            TrailingJunk,
        ),
    ] {
        let (found, repairs, whole) =
            read(&body).unwrap_or_else(|refused| panic!("{body}: {refused}"));
        assert_eq!(found, titles, "{body}");
        assert!(repairs.contains(&repair), "{body}: {repairs:?}");
        assert_eq!(whole, repair != Truncated, "{body}");
    }
}

#[test]
fn a_good_document_needs_no_repair() {
    for body in [
        rss("<item><title>One &amp; &#8211; <![CDATA[<b>]]></title><x:y xmlns:x='z'>1</x:y></item>"),
        format!("\u{feff}{}", rss("<item><title>One</title></item>")),
        "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>\
         <p/>One</div></title></entry></feed>"
            .to_string(),
        "{\"version\":\"https://jsonfeed.org/version/1.1\",\"items\":[{\"title\":\"One\"}]}".to_string(),
    ] {
        let (titles, repairs, whole) = read(&body).expect("a feed");
        assert_eq!((titles.len(), repairs.as_slice(), whole), (1, [].as_slice(), true), "{body}");
    }
}

#[test]
fn what_is_no_feed_is_refused_with_its_reason() {
    let page = "<!DOCTYPE html><html><head><link rel='alternate' type='application/rss+xml' href='../rss?a=1&amp;b=2'>\
                <link rel=alternate type=text/css href=x></head><body><item>x</item></body></html>";
    assert_eq!(
        read(page),
        Err(Refused::Html {
            feeds: vec!["http://feed.example/rss?a=1&b=2".to_string()],
            relative: Vec::new(),
        })
    );
    assert_eq!(
        read("<note><to>you</to></note>"),
        Err(Refused::NotAFeed {
            root: "note".to_string()
        })
    );
    assert_eq!(read(" \n"), Err(Refused::Empty));
    let cut = Refused::Unreadable {
        reason: "it ends within its first tag".to_string(),
    };
    assert_eq!(read("<rss version"), Err(cut));
    assert!(matches!(
        read("just words"),
        Err(Refused::Unreadable { .. })
    ));
    assert!(matches!(read("{\"a\":1"), Err(Refused::Unreadable { .. })));
    assert_eq!(
        read("{\"a\":1}"),
        Err(Refused::NotAFeed {
            root: "JSON".to_string()
        })
    );
}

#[test]
fn nothing_is_read_beyond_the_limit_and_it_is_said() {
    let xml = rss(&"<item><title>x</title></item>".repeat(10));
    let json = format!("{{\"items\":[{}{{}}]}}", "{},".repeat(9));
    for body in [xml, json] {
        let document = Document::decode(body.as_bytes(), None);
        let context = Context {
            url: "",
            max_items: 3,
        };
        let parsed = document.parse(context).expect("a feed");
        let read = (
            parsed.entries.len(),
            parsed.whole,
            parsed.lists_everything(),
        );
        assert_eq!(read, (3, true, false), "{body}");
    }
}

#[test]
fn no_entity_of_the_document_is_ever_expanded() {
    let laughs = "<!DOCTYPE rss [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'><!ENTITY c SYSTEM 'file:///etc/passwd'>]>";
    let body = format!("{laughs}{}", rss("<item><title>&b;&c;</title></item>"));
    assert_eq!(read(&body).expect("a feed").0, ["&b;&c;"]);
}

#[test]
fn the_hints_of_a_feed_are_read() {
    let body = rss(
        "<ttl>30</ttl><sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>\
         <skipHours><hour>24</hour><hour>7</hour><hour>x</hour></skipHours><skipDays><day>Sunday</day></skipDays>",
    );
    let document = Document::decode(body.as_bytes(), None);
    let parsed = document
        .parse(Context {
            url: "",
            max_items: 3,
        })
        .expect("a feed");
    let hints = Hints {
        ttl_sec: Some(1_800),
        sy_sec: Some(21_600),
        skip_hours: vec![0, 7],
        skip_days: vec![6],
    };
    assert_eq!(parsed.hints, hints);
}

#[test]
fn fields_borrow_from_the_document() {
    let body =
        rss("<item><title>plain</title><description>\n<![CDATA[<p>x</p>]]>\n</description></item>");
    let document = Document::decode(body.as_bytes(), None);
    let parsed = document
        .parse(Context {
            url: "",
            max_items: 3,
        })
        .expect("a feed");
    let entry = &parsed.entries[0];
    for text in [&entry.title, &entry.summary] {
        assert!(matches!(
            text.value.as_ref().map(|text| &text.raw),
            Some(Cow::Borrowed(_))
        ));
    }
}

#[test]
fn markup_in_a_field_is_html() {
    let text = |inside: &str| {
        let body =
            format!("<feed xmlns:h='http://www.w3.org/1999/xhtml'><entry>{inside}</entry></feed>");
        let document = Document::decode(body.as_bytes(), None);
        let parsed = document
            .parse(Context {
                url: "",
                max_items: 3,
            })
            .expect("a feed");
        let content = parsed.entries[0].content.value.clone().expect("content");
        (content.raw.into_owned(), content.is_html)
    };
    for (inside, raw, is_html) in [
        ("<content>a &lt; b</content>", "a < b", false),
        ("<content type='html'>&lt;p>x</content>", "<p>x", true),
        ("<content><p>x</p></content>", "<p>x</p>", true),
        (
            "<content type='xhtml'><h:div><h:p>x<h:br/></h:p><h:a name='b'/></h:div></content>",
            "<p>x<br></p><a name='b'></a>",
            true,
        ),
        (
            "<content type='xhtml'><div><![CDATA[a < b]]> <i>c</i></div></content>",
            "a &lt; b <i>c</i>",
            true,
        ),
        (
            "<content type='application/octet-stream'>PHA+eDwvcD4=</content>",
            "<p>x</p>",
            true,
        ),
        (
            "<content type='application/x-custom'>test</content>",
            "test",
            false,
        ),
        (
            "<content mode='base64'>not base64!</content>",
            "not base64!",
            false,
        ),
    ] {
        assert_eq!(text(inside), (raw.to_string(), is_html), "{inside}");
    }
}
