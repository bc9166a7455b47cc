//! Links that led elsewhere.

use super::check;
use marketswarm::feed::item::Item;

const PAGE: Option<&str> = Some("https://x.example/1");

fn atom(attributes: &str, inside: &str) -> Item {
    let body = format!(
        "<feed xmlns='http://www.w3.org/2005/Atom'><title>T</title><link href='https://x.example/'/>\
         <entry {attributes}><id>urn:x:1</id><title>E</title>{inside}</entry></feed>"
    );
    check(&body).items.remove(0)
}

fn rss(inside: &str) -> Item {
    let body = format!(
        "<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom' \
         xmlns:fb='http://rssnamespace.org/feedburner/ext/1.0'><channel><title>T</title>\
         <link>https://x.example/blog/</link><description>d</description><item><title>E</title>{inside}</item></channel></rss>"
    );
    check(&body).items.remove(0)
}

#[test]
fn an_alternate_that_is_no_page_hid_the_page() {
    for links in [
        "<link rel='alternate' type='application/pdf' href='/1.pdf'/><link type='text/html' href='/1'/>",
        "<link type='application/json' href='/1.json'/><link rel='alternate' href='https://x.example/1'/>",
        "<link type='text/html; charset=utf-8' href='/1'/><link href='/other'/>",
        "<link type='TEXT/HTML' href='/1'/><link type='text/html' href='/other'/>",
        "<link type='application/xhtml+xml' href='/1'/><link type='text/plain' href='/1.txt'/>",
        "<link type='' href='/1'/><link type='image/png' href='/1.png'/>",
        "<link rel='alternate' type='text/gemini' href='gemini://x.example/1'/><link href='/1'/>",
        "<link href='at://did:plc:x/app.bsky.feed.post/1'/><link type='text/plain' href='/1'/>",
        "<link href='mailto:a@x.example'/><link href='/1'/>",
        "<link rel='related' href='/no'/><link rel='via' href='/no'/><link type='text/calendar' href='/1'/>",
    ] {
        let page = atom("xml:base='https://x.example'", links).url;
        assert_eq!(page.as_deref(), PAGE, "{links}");
    }
    for links in [
        "<link>nostr:note1x</link><atom:link href='https://x.example/1'/>",
        "<link>magnet:?xt=1</link><guid>https://x.example/1</guid>",
        "<atom:link rel='alternate' href='ipfs://x'/><link>https://x.example/1</link>",
    ] {
        assert_eq!(rss(links).url.as_deref(), PAGE, "{links}");
    }
    // An item that has nothing else has no page.
    assert_eq!(rss("<link>nostr:note1x</link>").url, None);
}

#[test]
fn a_relation_in_another_spelling_was_none() {
    for rel in [
        "alternate",
        "Alternate",
        " ALTERNATE ",
        "",
        "http://www.iana.org/assignments/relation/alternate",
        "https://www.iana.org/assignments/relation/alternate",
        "HTTP://www.IANA.org/assignments/relation/Alternate",
        "http://www.iana.org/assignments/link-relations/alternate",
        "alternate bookmark",
    ] {
        let link = format!("<link rel='{rel}' href='https://x.example/1'/>");
        assert_eq!(atom("", &link).url.as_deref(), PAGE, "{rel}");
    }
    for rel in [
        "Enclosure",
        "http://www.iana.org/assignments/relation/enclosure",
    ] {
        let item = atom(
            "",
            &format!("<link rel='{rel}' href='https://x.example/1'/>"),
        );
        assert_eq!((item.url, item.enclosures.len()), (None, 1), "{rel}");
    }
    for rel in ["SELF", "http://www.iana.org/assignments/relation/self"] {
        let feed = format!(
            "<feed xmlns='http://www.w3.org/2005/Atom'><link rel='{rel}' href='https://x.example/f'/>\
             <link rel='Alternate' type='text/html' href='https://x.example/1'/><title>T</title></feed>"
        );
        let feed = check(&feed).feed;
        assert_eq!(feed.link.as_deref(), PAGE, "{rel}");
        assert_eq!(
            feed.feed_link.as_deref(),
            Some("https://x.example/f"),
            "{rel}"
        );
    }
    for rel in ["replies", "http://x.example/rel/alternate", "alternates"] {
        let link = format!("<link rel='{rel}' href='https://x.example/1'/>");
        assert_eq!(atom("", &link).url, None, "{rel}");
    }
}

#[test]
fn a_link_written_as_rss_does_was_lost_in_atom() {
    for link in [
        "<link>https://x.example/1</link>",
        "<link>\n https://x.example/1 \n</link>",
        "<link rel='alternate' type='text/html'><![CDATA[https://x.example/1]]></link>",
        "<link href=''>https://x.example/1</link>",
        "<link href='https://x.example/1'>read more</link>",
        "<link rel='alternate'/><link>https://x.example/1</link>",
    ] {
        assert_eq!(atom("", link).url.as_deref(), PAGE, "{link}");
    }
    let file = "<link rel='enclosure' type='audio/mpeg' length='7'>https://x.example/1.mp3</link><link>some words</link>";
    let item = atom("", file);
    assert_eq!(item.url, None);
    assert_eq!(item.enclosures[0].url, "https://x.example/1.mp3");
    assert_eq!(item.enclosures[0].media_type.as_deref(), Some("audio/mpeg"));
    assert_eq!(item.enclosures[0].length, Some(7));
}

#[test]
fn an_attribute_with_the_prefix_of_atom_was_none() {
    const NS: &str = "xmlns:a='http://www.w3.org/2005/Atom' xmlns:o='urn:other'";
    for link in [
        "<link a:href='https://x.example/1'/>",
        "<a:link a:href='https://x.example/1' a:rel='alternate' a:type='text/html'/>",
        "<link a:rel='self' a:href='https://x.example/no'/><link href='https://x.example/1'/>",
        "<link a:type='image/png' href='https://x.example/no'/><link href='https://x.example/1'/>",
        "<link o:href='https://x.example/no' href='https://x.example/1'/>",
        "<link o:rel='self' href='https://x.example/1'/>",
    ] {
        assert_eq!(atom(NS, link).url.as_deref(), PAGE, "{link}");
    }
    assert_eq!(atom(NS, "<link o:href='https://x.example/no'/>").url, None);
    let item = atom(
        NS,
        "<content a:type='html'>&lt;b&gt;x&lt;/b&gt;</content><category a:term='rates'/>",
    );
    assert_eq!(item.content_text.as_deref(), Some("x"));
    assert_eq!(item.categories, ["rates"]);
}

#[test]
fn a_relative_base_was_none() {
    for (base, link, page) in [
        (
            "xml:base='2024/'",
            "<link href='1'/>",
            "https://feed.example/dir/2024/1",
        ),
        (
            "xml:base='/2024/'",
            "<link href='1'/>",
            "https://feed.example/2024/1",
        ),
        (
            "xml:base='../2024/'",
            "<link href='1'/>",
            "https://feed.example/2024/1",
        ),
        (
            "xml:base='//y.example/'",
            "<link href='1'/>",
            "https://y.example/1",
        ),
        (
            "xml:base='2024/'",
            "<link href=''/>",
            "https://feed.example/dir/2024/",
        ),
        (
            "xml:base='2024/'",
            "<link xml:base='07/' href='1'/>",
            "https://feed.example/dir/2024/07/1",
        ),
        (
            "",
            "<link xml:base='07/' href='1'/>",
            "https://feed.example/dir/07/1",
        ),
        (
            "xml:base=''",
            "<link href='1'/>",
            "https://feed.example/dir/1",
        ),
        (
            "xml:base='urn:x'",
            "<link href='1'/>",
            "https://feed.example/dir/1",
        ),
        (
            "xml:base='a&amp;b/'",
            "<link href='1'/>",
            "https://feed.example/dir/a&b/1",
        ),
        (
            "xml:base='https://y.example/a/'",
            "<link href='../1'/>",
            "https://y.example/1",
        ),
    ] {
        assert_eq!(atom(base, link).url.as_deref(), Some(page), "{base} {link}");
    }
    let nested = "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='/blog/'><title>T</title><link href='./'/>\
                  <entry xml:base='7/'><id>1</id><link rel='enclosure' href='a.mp3'/><content type='xhtml' xml:base='b/'>\
                  <div xmlns='http://www.w3.org/1999/xhtml' xml:base='c/'><a href='d'>e</a></div></content></entry></feed>";
    let report = check(nested);
    assert_eq!(
        report.feed.link.as_deref(),
        Some("https://feed.example/blog/")
    );
    assert_eq!(
        report.items[0].enclosures[0].url,
        "https://feed.example/blog/7/a.mp3"
    );
    let content = report.items[0].content.as_deref().unwrap_or_default();
    assert!(
        content.contains("https://feed.example/blog/7/b/c/d"),
        "{content}"
    );
}

#[test]
fn the_links_of_an_item_and_its_pictures_led_to_two_sites() {
    let item = rss(
        "<link>/1</link><description>&lt;img src='/1.png'></description><enclosure url='1.mp3'/>",
    );
    assert_eq!(item.url.as_deref(), PAGE);
    assert_eq!(item.image.as_deref(), Some("https://x.example/1.png"));
    assert_eq!(item.enclosures[0].url, "https://x.example/blog/1.mp3");
}

#[test]
fn the_page_behind_a_link_was_not_found() {
    for links in [
        "<link>https://proxy.example/~r/1</link><fb:origLink>https://x.example/1</fb:origLink>",
        "<fb:origLink>https://x.example/1</fb:origLink><link>https://proxy.example/~r/1</link>",
        "<link>https://x.example/1</link><fb:origLink>tag:x.example,2024:1</fb:origLink>",
        "<guid>https://x.example/1</guid>",
    ] {
        assert_eq!(rss(links).url.as_deref(), PAGE, "{links}");
    }
    let by_id = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>https://x.example/1</id></entry>\
                 <entry><id>https://x.example/no</id><link href='https://x.example/1'/></entry></feed>";
    for item in check(by_id).items {
        assert_eq!(item.url.as_deref(), PAGE);
    }
    let rdf = |about: &str| {
        let feed = format!(
            "<rdf:RDF xmlns='http://purl.org/rss/1.0/' xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
             <item rdf:about='{about}'><title>E</title><link>https://x.example/1</link></item></rdf:RDF>"
        );
        check(&feed).items.remove(0)
    };
    for about in ["https://x.example/1", "https://x.example/1#a", "urn:x:1"] {
        let item = rdf(about);
        assert_eq!(item.url.as_deref(), PAGE);
        assert_eq!(item.guid.as_deref(), Some(about));
    }
    for written in [
        "https://x.example/v?a=1&amp;amp;b=2",
        "https://x.example/v?a=1&amp;amp;amp;b=2",
        "<![CDATA[https://x.example/v?a=1&#038;b=2]]>",
        "https://x.example/v?a=1&amp;b=2",
    ] {
        let item = rss(&format!(
            "<link>{written}</link><enclosure url='/e?a=1&amp;amp;b=2'/>"
        ));
        assert_eq!(
            item.url.as_deref(),
            Some("https://x.example/v?a=1&b=2"),
            "{written}"
        );
        assert_eq!(item.enclosures[0].url, "https://x.example/e?a=1&b=2");
    }
}
