//! Items and fields that were lost by the structure around them, and repairs of what was whole.

use super::check;

/// A feed of JSON with one odd item and one good one.
fn json(odd: &str) -> String {
    format!(
        r#"{{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[
        {{"id":"1","url":"https://x.example/1","title":"One","content_text":"a",{odd}}},
        {{"id":"2","url":"https://x.example/2","title":"Two"}}]}}"#
    )
}

#[test]
fn a_json_field_of_another_type_cost_its_item() {
    for odd in [
        r#""author":"Ann""#,
        r#""author":[{"name":"Ann"}]"#,
        r#""author":{"name":"Ann","url":7,"name":"Ann"}"#,
        r#""authors":"Ann""#,
        r#""authors":{"name":"Ann"}"#,
        r#""authors":["Ann"]"#,
        r#""authors":[null,7,{"url":"x"},{"name":"Ann"}]"#,
    ] {
        let report = check(&json(odd));
        assert_eq!(report.items.len(), 2, "{odd}");
        let author = report.items[0].author.clone().unwrap_or_default();
        assert_eq!(author.name.as_deref(), Some("Ann"), "{odd}");
        assert!(report.is_clean(), "{odd}: {:?}", report.repairs);
    }
    for odd in [
        r#""author":7"#,
        r#""authors":true"#,
        r#""authors":[[["deep"]]]"#,
        r#""tags":7.5"#,
        r#""tags":{"a":"b"}"#,
        r#""tags":[["a"],null,{"b":1}]"#,
        r#""attachments":"https://x.example/1.mp3""#,
        r#""attachments":[7,"x",{"url":{}},{"url":"https://x.example/1.mp3","size_in_bytes":"many"}]"#,
        r#""image":["https://x.example/1.png"]"#,
        r#""date_published":{"$date":1}"#,
        r#""language":[],"summary":false,"date_modified":null,"content_html":{}"#,
    ] {
        let report = check(&json(odd));
        let titles: Vec<_> = report.items.iter().map(|i| i.title.as_deref()).collect();
        assert_eq!(titles, [Some("One"), Some("Two")], "{odd}");
        assert!(report.is_clean(), "{odd}: {:?}", report.repairs);
    }
    let item = check(&json(
        r#""tags":"rates, fed",  "attachments":{"url":"https://x.example/1.mp3"}"#,
    ))
    .items
    .remove(0);
    assert_eq!(item.categories, ["rates", "fed"]);
    assert_eq!(item.enclosures[0].url, "https://x.example/1.mp3");
    // Valid, but no number that can be kept: it costs its field, and says so.
    for odd in [
        r#""summary":1e999"#,
        r#""attachments":[{"url":"x","size_in_bytes":1e999}]"#,
    ] {
        let report = check(&json(odd));
        assert_eq!(report.items[0].title.as_deref(), Some("One"), "{odd}");
        assert_eq!(report.repairs.iter().count(), 1, "{odd}");
    }
}

#[test]
fn a_number_in_json_was_made_an_address() {
    for odd in [
        r#""attachments":[{"url":7}]"#,
        r#""attachments":[7]"#,
        r#""image":7,"banner_image":8"#,
    ] {
        let item = check(&json(odd)).items.remove(0);
        assert!(item.enclosures.is_empty(), "{odd}: {:?}", item.enclosures);
        assert_eq!(item.image, None, "{odd}");
    }
    let linked = r#""url":7,"external_url":"https://x.example/e""#;
    let item = check(&json(linked)).items.remove(0);
    assert_eq!(item.url.as_deref(), Some("https://x.example/e"));
}

#[test]
fn long_numbers_that_differ_in_their_last_digits_were_one_id() {
    let feed = |id: &str| {
        format!(
            r#"{{"version":"https://jsonfeed.org/version/1.1","items":[{{"id":{id},"title":"Same"}}]}}"#
        )
    };
    let ids = [
        "123456789012345678901234567890",
        "123456789012345678901234567891",
        "18446744073709551616",
        "18446744073709551615",
    ];
    for id in ids {
        let item = check(&feed(id)).items.remove(0);
        assert_eq!(item.guid.as_deref(), Some(id));
    }
    // What is no whole number is kept as it is counted.
    for (written, read) in [("1.50", "1.5"), ("-3", "-3")] {
        let item = check(&feed(written)).items.remove(0);
        assert_eq!(item.guid.as_deref(), Some(read));
    }
}

#[test]
fn a_json_field_of_another_type_cost_the_feed() {
    for odd in [
        r#""author":"Ann""#,
        r#""authors":{"name":"Ann"}"#,
        r#""authors":7"#,
        r#""title":["T"]"#,
        r#""version":1.1"#,
        r#""icon":{"url":"x"}"#,
        r#""home_page_url":null"#,
        r#""description":1e999"#,
        r#""items":null"#,
        r#""items":"none""#,
        r#""items":7"#,
    ] {
        for body in [
            format!(r#"{{{odd},"items":[{{"id":"1","title":"One"}}]}}"#),
            format!(r#"{{"items":[{{"id":"1","title":"One"}}],{odd}}}"#),
        ] {
            assert_eq!(check(&body).items.len(), 1, "{body}");
        }
    }
    for items in [
        r#"{"0":{"id":"1","title":"One"},"2":{"id":"2","title":"Two"}}"#,
        r#"[{"id":"1","title":"One"},null,7,"x",{"id":"2","title":"Two"}]"#,
    ] {
        let report = check(&format!(r#"{{"items":{items}}}"#));
        assert_eq!(report.items.len(), 2, "{items}");
    }
    let report = check(r#"{"version":"1.1","items":{"id":"1","title":"One","authors":[]}}"#);
    assert_eq!(report.items[0].title.as_deref(), Some("One"));
}

#[test]
fn a_json_key_that_came_twice_cost_its_item() {
    for odd in [
        r#""title":"One""#,
        r#""id":"1","url":"https://x.example/1""#,
        r#""tags":[],"tags":["a"]"#,
        r#""author":{},"author":{"name":"Ann"}"#,
        r#""attachments":[],"attachments":[{"url":"x","url":"x"}]"#,
        r#""title":null,"url":7e0,"url":"https://x.example/1""#,
        r#""date_published":"x","date_published":"2024-07-09T12:30:00Z""#,
    ] {
        let report = check(&json(odd));
        assert_eq!(report.items.len(), 2, "{odd}");
        assert_eq!(report.items[0].title.as_deref(), Some("One"), "{odd}");
        assert_eq!(
            report.items[0].url.as_deref(),
            Some("https://x.example/1"),
            "{odd}"
        );
    }
    let twice = r#"{"title":"T","title":"T","version":"1","version":"1.1","items":[{"id":"1"}]}"#;
    assert_eq!(check(twice).items.len(), 1);
}

#[test]
fn half_a_surrogate_pair_cost_its_item_or_the_feed() {
    for half in [
        r"\ud83d",
        r"\uDE00",
        r"\ud83d\ud83d",
        r"\ude00\ud83d",
        r"\ud83dx",
        r"\uD83D\n",
    ] {
        for odd in [
            format!(r#""summary":"cut {half}""#),
            format!(r#""title":"One{half}""#),
            format!(r#""tags":["a{half}"],"authors":[{{"name":"{half}"}}]"#),
            format!(r#""_own{half}":{{"x":"{half}"}}"#),
        ] {
            let report = check(&json(&odd));
            assert_eq!(report.items.len(), 2, "{odd}");
            let title = report.items[0].title.as_deref().unwrap_or_default();
            assert!(title.starts_with("One"), "{odd}: {title}");
        }
        for body in [
            format!(r#"{{"title":"T{half}","items":[{{"id":"1"}}]}}"#),
            format!(r#"{{"items":[{{"id":"1"}}],"authors":["{half}"]}}"#),
            format!(r#"{{"x{half}":1,"items":[{{"id":"1"}}]}}"#),
        ] {
            let report = check(&body);
            assert_eq!(report.items.len(), 1, "{body}");
        }
    }
    let report = check(&json(r#""summary":"😀 \ud83d\ude00 é\ud83d.""#));
    let summary = report.items[0].summary_text.as_deref();
    assert_eq!(summary, Some("😀 😀 é\u{fffd}."));
    let names: Vec<_> = report
        .repairs
        .iter()
        .map(|n| (n.repair.name(), n.line))
        .collect();
    assert_eq!(names, [("half_surrogate", 2)]);
}

const NAMESPACES: &str = "xmlns:media='http://search.yahoo.com/mrss/' xmlns:dc='http://purl.org/dc/elements/1.1/' \
                          xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' xmlns:x='urn:x'";

#[test]
fn an_unknown_part_of_a_part_ended_it() {
    for parts in [
        "<media:group><media:content url='https://x.example/1.mp4'/><media:community><media:statistics views='1'/></media:community></media:group>",
        "<media:content url='https://x.example/1.mp4'><media:rating>nonadult</media:rating><media:credit role='x'>A</media:credit></media:content>",
        "<media:content url='https://x.example/1.mp4'><media:hash/><dc:rights>none</dc:rights><dc:creator>No</dc:creator></media:content>",
        "<media:group><media:group><media:peerLink/></media:group><media:content url='https://x.example/1.mp4'/></media:group>",
        "<media:content url='https://x.example/1.mp4'><media:copyright/><title>no</title><link>no</link><guid>no</guid></media:content>",
        "<media:content url='https://x.example/1.mp4'><media:subTitle/><x:y><media:group/></x:y><!-- </item> --></media:content>",
        "<enclosure url='https://x.example/1.mp4'><media:rating/><guid>no</guid></enclosure>",
        "<media:content url='https://x.example/1.mp4'/><image><url>/1.png</url><dc:date>no</dc:date><guid>no</guid></image>",
        "<media:content url='https://x.example/1.mp4'/><itunes:category text='a'><itunes:new/><itunes:category text='b'/></itunes:category>",
        "<media:content url='https://x.example/1.mp4'/><x:list><item>no</item><x:list><entry/></x:list></x:list>",
    ] {
        let body = format!(
            "<rss version='2.0' {NAMESPACES}><channel><title>T</title><link>https://x.example/</link><description>d</description>\
             <image><url>/i.png</url><title>T</title><link>/</link><itunes:x/><pubDate>no</pubDate></image>\
             <itunes:owner><itunes:name>Ann</itunes:name><itunes:uri/><author>no</author></itunes:owner>\
             <item><title>One</title><guid>1</guid>{parts}<category>rates</category></item><item><title>Two</title></item>\
             </channel></rss>"
        );
        let report = check(&body);
        assert!(report.is_clean(), "{parts}: {:?}", report.repairs);
        assert_eq!(report.items.len(), 2, "{parts}");
        let item = &report.items[0];
        assert_eq!(
            (item.title.as_deref(), item.guid.as_deref()),
            (Some("One"), Some("1"))
        );
        assert_eq!(item.enclosures[0].url, "https://x.example/1.mp4", "{parts}");
        assert_eq!(
            item.categories.last().map(String::as_str),
            Some("rates"),
            "{parts}"
        );
        let owner = report.feed.author.unwrap_or_default().name;
        assert_eq!(owner.as_deref(), Some("Ann"), "{parts}");
    }
}

#[test]
fn markup_within_a_field_that_has_an_end_ended_it() {
    for (field, text) in [
        (
            "<description>a <b>b</b> <author>c</author> d</description>",
            "a b c d",
        ),
        (
            "<description>a <dc:creator>b</dc:creator> c</description>",
            "a b c",
        ),
        (
            "<description><guid>a</guid> <link>b</link> c</description>",
            "a b c",
        ),
        (
            "<description>a <media:group><media:title>b</media:title></media:group> c</description>",
            "a b c",
        ),
    ] {
        let body = format!(
            "<rss version='2.0' {NAMESPACES}><channel><title>T</title><item><guid>1</guid>{field}</item></channel></rss>"
        );
        let report = check(&body);
        assert!(report.is_clean(), "{field}: {:?}", report.repairs);
        assert_eq!(report.items[0].guid.as_deref(), Some("1"), "{field}");
        assert_eq!(
            report.items[0].summary_text.as_deref(),
            Some(text),
            "{field}"
        );
    }
    let atom = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>1</id><content type='application/xml'>\
                <id>a</id> <updated>b</updated> <author><name>c</name></author></content></entry></feed>";
    let report = check(atom);
    assert!(report.is_clean(), "{:?}", report.repairs);
    assert_eq!(report.items[0].guid.as_deref(), Some("1"));
    assert_eq!(report.items[0].content_text.as_deref(), Some("a b c"));
}

#[test]
fn what_an_author_is_made_of_became_the_items() {
    const PARTS: &str = "<id>no</id><name>Ann</name><title>no</title><link href='/no'/><link>/no</link><summary>no</summary>\
                         <content>no</content><updated>2001-01-01T00:00:00Z</updated><published>2001-01-01T00:00:00Z</published>\
                         <guid>no</guid><pubDate>no</pubDate><category>no</category><dc:date>2001-01-01</dc:date>\
                         <author><name>No</name></author><email>ann@x.example</email><x:y/><media:thumbnail url='/no'/>";
    for (head, tail, authors) in [
        (
            "<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'",
            "rss",
            &["author", "dc:creator", "itunes:author", "atom:author"][..],
        ),
        (
            "<feed xmlns='http://www.w3.org/2005/Atom'",
            "feed",
            &["author"],
        ),
        (
            "<rdf:RDF xmlns='http://purl.org/rss/1.0/' xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'",
            "rdf:RDF",
            &["dc:creator"],
        ),
    ] {
        for author in authors {
            let is_atom = tail == "feed";
            let (item, id, link) = if is_atom {
                ("entry", "id", "<link href='https://x.example/1'/>")
            } else {
                ("item", "guid", "<link>https://x.example/1</link>")
            };
            let entry = format!(
                "<{item}><{author}>{PARTS}</{author}><{id}>1</{id}><title>One</title>{link}<dc:date>2024-07-09T12:30:00Z</dc:date></{item}>"
            );
            let other = entry
                .replace("<title>One", "<title>Two")
                .replace(">1<", ">2<");
            let report = check(&format!("{head} {NAMESPACES}>{entry}{other}</{tail}>"));
            assert!(
                report
                    .repairs
                    .iter()
                    .all(|n| n.repair.name() == "missing_version"),
                "{author}: {:?}",
                report.repairs
            );
            assert_eq!(report.items.len(), 2, "{tail} {author}");
            let item = &report.items[0];
            assert_eq!(item.guid.as_deref(), Some("1"), "{tail} {author}");
            assert_eq!(item.title.as_deref(), Some("One"), "{tail} {author}");
            assert_eq!(
                item.url.as_deref(),
                Some("https://x.example/1"),
                "{tail} {author}"
            );
            assert_eq!(item.published_ts, 1_720_528_200, "{tail} {author}");
            assert!(item.summary.is_none() && item.content.is_none() && item.image.is_none());
            assert!(item.categories.is_empty(), "{tail} {author}");
            let who = item.author.clone().unwrap_or_default();
            assert_eq!(who.name.as_deref(), Some("Ann"), "{tail} {author}");
            assert_eq!(
                who.email.as_deref(),
                Some("ann@x.example"),
                "{tail} {author}"
            );
        }
    }
}

#[test]
fn the_title_of_a_picture_became_the_items() {
    let item = |inside: &str| {
        let body = format!(
            "<rss version='2.0' {NAMESPACES}><channel><item>{inside}</item></channel></rss>"
        );
        let report = check(&body);
        assert!(report.is_clean(), "{inside}: {:?}", report.repairs);
        report.items[0].title.clone()
    };
    let picture = "<media:content url='/1.png' medium='image'><media:title type='html'>Ann</media:title></media:content>";
    assert_eq!(item(picture), None);
    assert_eq!(
        item(&format!(
            "<media:group>{picture}<media:title>No</media:title></media:group>"
        )),
        None
    );
    assert_eq!(
        item("<media:title>One</media:title>").as_deref(),
        Some("One")
    );
    assert_eq!(
        item(&format!("{picture}<title>One</title>")).as_deref(),
        Some("One")
    );
}

#[test]
fn the_description_of_an_old_feed_was_lost() {
    let description = |inside: &str| {
        let body = format!("<feed version='0.3' xmlns='http://purl.org/atom/ns#'>{inside}</feed>");
        check(&body).feed.description
    };
    assert_eq!(description("<info>About</info>").as_deref(), Some("About"));
    assert_eq!(
        description("<info type='text/html' mode='escaped'>&lt;b&gt;About&lt;/b&gt;</info>")
            .as_deref(),
        Some("<b>About</b>")
    );
    for both in [
        "<info>i</info><tagline>About</tagline>",
        "<tagline>About</tagline><info>i</info>",
    ] {
        assert_eq!(description(both).as_deref(), Some("About"));
    }
}
