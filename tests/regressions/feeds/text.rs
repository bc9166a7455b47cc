//! Words that were lost from titles and texts.

use super::check;

/// A feed of one item whose title and description are these, written as they stand.
fn rss(title: &str, description: &str) -> String {
    format!(
        "<rss version='2.0'><channel><title>T</title><link>https://x.example/</link><description>d</description>\
         <item><guid>1</guid><title>{title}</title><description>{description}</description></item></channel></rss>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn title(written: &str) -> String {
    let report = check(&rss(written, ""));
    report.items[0].title.clone().unwrap_or_default()
}

/// Plain text and sanitised HTML of a description.
fn description(written: &str) -> (String, String) {
    let item = check(&rss("t", written)).items.remove(0);
    let one_line = |text: Option<String>| {
        let text = text.unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    (one_line(item.summary_text), one_line(item.summary))
}

#[test]
fn a_section_that_was_escaped_lost_its_first_words() {
    for (written, words) in [
        ("&lt;![CDATA[Oil up again]]&gt;", "Oil up again"),
        ("\n &lt;![CDATA[ Oil up again ]]&gt; \n", "Oil up again"),
        (
            "&lt;![CDATA[Oil &lt;b&gt;up&lt;/b&gt; again]]&gt;",
            "Oil up again",
        ),
        ("&#60;![CDATA[Oil up]]&#62; again", "Oil up again"),
        ("Oil: &lt;![CDATA[up again]]&gt;", "Oil: up again"),
        (
            "&lt;![CDATA[Oil]]&gt; up &lt;![CDATA[again]]&gt;",
            "Oil up again",
        ),
        ("&lt;![CDATA[Oil up again", "Oil up again"),
        ("<![CDATA[&lt;![CDATA[Oil up again]]&gt;]]>", "Oil up again"),
        ("&amp;lt;![CDATA[Oil up again]]&amp;gt;", "Oil up again"),
        (
            "&lt;![CDATA[Johnson &amp;amp; Johnson]]&gt;",
            "Johnson & Johnson",
        ),
    ] {
        assert_eq!(title(written), words, "{written}");
        let (text, html) = description(written);
        assert_eq!(text, words, "{written}");
        let plain = html.replace("<b>", "").replace("</b>", "");
        assert_eq!(plain, words.replace('&', "&amp;"), "{written}");
    }
    let item = "<item><link>&lt;![CDATA[https://x.example/1]]&gt;</link><guid>&lt;![CDATA[g]]&gt;</guid>\
                <pubDate>&lt;![CDATA[Tue, 09 Jul 2024 12:30:00 GMT]]&gt;</pubDate></item>";
    let report = check(&format!(
        "<rss version='2.0'><channel>{item}</channel></rss>"
    ));
    assert_eq!(report.items[0].url.as_deref(), Some("https://x.example/1"));
    assert_eq!(report.items[0].guid.as_deref(), Some("g"));
    assert_eq!(report.items[0].published_ts, 1_720_528_200);
}

#[test]
fn a_section_within_another_lost_what_followed() {
    for (written, words) in [
        ("<![CDATA[one <![CDATA[two]]> three]]>", "one two three"),
        (
            "<![CDATA[<p>one <![CDATA[two]]> three</p>]]>",
            "one two three",
        ),
        (
            "<![CDATA[one <![CDATA[two]]> <b>three</b>]]>",
            "one two three",
        ),
        ("<![CDATA[<![CDATA[one]]> two]]> three", "one two three"),
        ("<![CDATA[<![CDATA[one two three]]>]]>", "one two three"),
        (
            "<![CDATA[one <![CDATA[two]]> and <![CDATA[three]]> four]]>",
            "one two and three four",
        ),
        (
            "<![CDATA[one <![CDATA[two <![CDATA[three]]> four]]> five]]>",
            "one two three four five",
        ),
        ("<![CDATA[one <![CDATA[two three]]>", "one two three"),
    ] {
        assert_eq!(title(written), words, "{written}");
        assert_eq!(description(written).0, words, "{written}");
    }
    let report = check(&rss("<![CDATA[one <![CDATA[two]]> three]]>", "d"));
    assert_eq!(report.repairs.iter().count(), 1, "{:?}", report.repairs);
    // XML allows a section to hold what only looks like the start of one.
    assert!(check(&rss("<![CDATA[one <![CDATA[two]]>", "d")).is_clean());
}

#[test]
fn a_title_lost_what_stood_in_angle_brackets_and_the_words_behind() {
    for whole in [
        "Apple <AAPL.O> and <B.N> rise",
        "Berkshire <BRKa.N>, <I.TO>, <P.L>: calm",
        "Two <S.N, U.N> slip",
        "Toyota <7203.T> and <.N225> up",
        "A map of <String, Vec<u8>>",
        "<3% of funds hedge; >5% do not",
        "How <title> and <meta name=\"x\"> are read",
        "Why <script> ran",
        "Why <style> and </style> differ",
        "Say it with <!-- and go on",
        "<!DOCTYPE html> is enough",
        "<?php is no end",
        "The <details> of a <select> in a <form>",
        "Mail from Ann <ann@x.example> today",
        "Where <a b and <c d meet",
        "<i-beam> prices",
    ] {
        assert_eq!(title(&escaped(whole)), whole);
        assert_eq!(title(&format!("<![CDATA[{whole}]]>")), whole);
    }
    for (written, words) in [
        (
            "Profits <b>up</b> <i class='x>y'>again</i>",
            "Profits up again",
        ),
        ("<p>One</p><p>Two</p>", "One Two"),
        ("Up<br/>again <img alt='a<br>b' src=x>!", "Up again !"),
        (
            "<span title=\"a > b\">Calm</span> day<!-- ad -->",
            "Calm day",
        ),
    ] {
        assert_eq!(title(&escaped(written)), words);
    }
}

#[test]
fn an_element_whose_name_only_begins_like_another_lost_its_text() {
    for (html, words) in [
        (
            "<title-of-class>Ordinary</title-of-class> shares",
            "Ordinary shares",
        ),
        ("<head-office>London</head-office> calls", "London calls"),
        ("<SCRIPT-note>Read</SCRIPT-note> on", "Read on"),
        ("a <style_code>42</style_code> b", "a 42 b"),
        ("<iframe.box-x>in</iframe.box-x> out", "in out"),
        ("<template:x>in</template:x> out", "in out"),
        ("<noscript2>in</noscript2> out", "in out"),
        ("a <script>x</script-y>z</script> b", "a b"),
        ("a <style>x</styles></style\n> b", "a b"),
        ("<title/>Words stay", "Words stay"),
        (
            "Where the <title> of a page ends",
            "Where the of a page ends",
        ),
        (
            "Agilent <A.N> gains <b>much</b>",
            "Agilent <A.N> gains much",
        ),
    ] {
        for written in [escaped(html), format!("<![CDATA[{html}]]>")] {
            let (text, safe) = description(&written);
            assert_eq!(text, words, "{html}");
            let safe = safe.replace("<b>", "").replace("</b>", "");
            let safe = safe.replace("&lt;", "<").replace("&gt;", ">");
            assert_eq!(safe.split_whitespace().collect::<Vec<_>>().join(" "), words);
        }
    }
    let atom = "<feed xmlns='http://www.w3.org/2005/Atom'><title>T</title><entry><id>1</id><title>E</title>\
                <content type='text/xml'><title-of-class>Ordinary</title-of-class> <head-office>London</head-office>\
                </content></entry></feed>";
    let text = check(atom).items[0].content_text.clone();
    assert_eq!(text.as_deref(), Some("Ordinary London"));
}

#[test]
fn an_attribute_with_angle_brackets_became_text() {
    for (html, words, image) in [
        (
            "<img alt=\"a<br>b\" src='https://x.example/1.png'>c",
            "c",
            "https://x.example/1.png",
        ),
        (
            "<img src='https://x.example/1.png' alt='1 > 0'>c",
            "c",
            "https://x.example/1.png",
        ),
        (
            "<p title='<img src=no.png>'>c <img src=https://x.example/1.png>",
            "c",
            "https://x.example/1.png",
        ),
        ("<a href=\"/?a>b\" title = '</a>'>c</a>", "c", ""),
        ("<a data-x='{\"a\":\"<b>\"}'>c</a> d", "c d", ""),
        ("<!-- <img src=no.png> -->c", "c", ""),
        ("it's <b>5 o'clock</b> <i>now</i>", "it's 5 o'clock now", ""),
        ("<a href='x>c</a> d", "c d", ""),
    ] {
        let item = check(&rss("t", &escaped(html))).items.remove(0);
        assert_eq!(item.summary_text.unwrap_or_default(), words, "{html}");
        assert_eq!(item.image.unwrap_or_default(), image, "{html}");
    }
}
