//! HTML made safe to show, at a bounded price.
//!
//! A sanitiser that builds a tree can be made to work for seconds and to fill hundreds of megabytes: by sixty thousand
//! open `<div>`s, or by formatting that is never closed and so is opened anew in each paragraph. This one builds none:
//! see `walk`. The tests hold it against ammonia, which finds nothing to remove in what comes out of it.

mod allow;
mod walk;

use std::time::Duration;

use crate::clock::Mono;
use crate::feed::document::Text;
use crate::feed::document::plain::{self, Tags};
use crate::feed::item::Cut;

/// Longest field that is looked at, in bytes.
pub const FIELD_MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting of tags that is kept.
pub const DEPTH_MAX: usize = 100;
/// What all fields of a document may cost together.
pub const DOCUMENT_BUDGET: Duration = Duration::from_secs(1);

/// Sanitises the fields of one document.
pub struct Sanitiser {
    clock: fn() -> Mono,
    spent: Duration,
}

impl Sanitiser {
    pub fn new(clock: fn() -> Mono) -> Sanitiser {
        Sanitiser {
            clock,
            spent: Duration::ZERO,
        }
    }

    /// Safe HTML; what had to be cut is noted in `cut`.
    pub fn clean(&mut self, text: &Text, base: &str, cut: &mut Vec<Cut>) -> String {
        let mut note = |what| {
            if !cut.contains(&what) {
                cut.push(what);
            }
        };
        let raw = match head(&text.raw) {
            Some(head) => {
                note(Cut::FieldTooLong);
                head
            }
            None => &text.raw,
        };
        if !text.is_html {
            let mut safe = String::with_capacity(raw.len());
            plain::escape(raw, &mut safe);
            return safe;
        }
        if self.spent >= DOCUMENT_BUDGET {
            note(Cut::PlainTextOnly);
            let (mut words, mut safe) = (String::new(), String::new());
            plain::html_to_text(raw, Tags::All, &mut words);
            plain::escape(&words, &mut safe);
            return safe;
        }
        let started = (self.clock)();
        let mut clean = String::with_capacity(raw.len() + raw.len() / 8);
        if walk::walk(raw, base, &mut clean) {
            note(Cut::TagsTooDeep);
        }
        self.spent += (self.clock)().since(started);
        clean
    }
}

/// The part of a field that is looked at, when it is too long: up to the limit, and never into a tag.
pub fn head(raw: &str) -> Option<&str> {
    if raw.len() <= FIELD_MAX_BYTES {
        return None;
    }
    let mut end = FIELD_MAX_BYTES;
    while !raw.is_char_boundary(end) {
        end -= 1;
    }
    let head = &raw[..end];
    Some(match head.rfind('<') {
        Some(open) if !head[open..].contains('>') => &head[..open],
        _ => head,
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;

    use super::*;
    use crate::feed::document::{Token, Tokenizer};

    fn html(raw: &str) -> Text<'_> {
        Text {
            raw: Cow::Borrowed(raw),
            is_html: true,
            ..Text::default()
        }
    }

    fn clean(raw: &str) -> (String, Vec<Cut>) {
        let mut cut = Vec::new();
        let clean = Sanitiser::new(Mono::now).clean(&html(raw), "http://example.org/a/", &mut cut);
        (clean, cut)
    }

    #[test]
    fn what_could_run_is_gone() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<a href='javascript:alert(1)'>x</a>",
            "<a href='&#106;avascript:alert(1)'>x</a>",
            "<svg onload=alert(1)><script>alert(1)</script></svg>",
            "<iframe src='http://evil.example'></iframe>",
            "<math><mtext></p><style><img src onerror=alert(1)></style>",
            "<div style='background:url(javascript:alert(1))'>x</div>",
            "<form action='http://evil.example'><input name=a></form>",
            "<<script>alert(1)//<</script>",
            "<!--<img src='--><img src=x onerror=alert(1)>-->",
            "<a href='java\nscript:alert(1)'>x</a>",
            "<a href=' &#1;javascript:alert(1)'>x</a>",
            "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
            "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
            "<p title='</p><script>alert(1)</script>'>x</p>",
            "<textarea><img src=x onerror=alert(1)></textarea>",
            "<a title='x\"onmouseover=alert(1) y=\"'>x</a>",
            "<xmp><script>alert(1)</script></xmp><plaintext><script>",
            "<table><td><style><img src=x onerror=alert(1)></style>",
            "<select><option><script>alert(1)</script></select>",
            "<scr<script>ipt>alert(1)</script>",
            "<img/src='x'/onerror=alert(1)>",
            "<img src=`x`onerror=alert(1)>",
            "<base href='javascript:'><meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
        ] {
            let (clean, _) = clean(hostile);
            let lower = clean.to_ascii_lowercase();
            // Escaped text may say anything; an element or attribute must not.
            let tags: String = lower
                .split('<')
                .skip(1)
                .filter_map(|tag| tag.split(['>', '"']).next())
                .collect();
            for bad in [
                "script",
                "onerror",
                "onload",
                "javascript",
                "iframe",
                "style",
                "form",
                "svg",
            ] {
                assert!(!tags.contains(bad), "{hostile} -> {clean}");
            }
        }
    }

    #[test]
    fn relative_urls_become_absolute() {
        assert_eq!(
            clean("<img src=\"b.png\">").0,
            "<img src=\"http://example.org/a/b.png\">"
        );
    }

    /// The start tags of a text, with their attributes.
    fn tags(html: &str) -> BTreeSet<String> {
        let mut tokens = Tokenizer::html(html);
        let mut tags = BTreeSet::new();
        loop {
            match tokens.next("") {
                Token::Start {
                    name, attributes, ..
                } => {
                    let attributes: BTreeSet<_> = attributes.iter().collect();
                    tags.insert(format!("{name} {attributes:?}"));
                }
                Token::Cut | Token::Eof => return tags,
                _ => {}
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn ammonia_finds_nothing_to_remove(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..25)) {
            let hostile = pieces.concat();
            let (clean, _) = clean(&hostile);
            let mut judge = ammonia::Builder::default();
            judge.url_schemes(["http", "https", "mailto"].into());
            let judged = tags(&judge.clean(&clean).to_string());
            let ours = tags(&clean);
            prop_assert!(ours.is_subset(&judged), "{hostile}\n-> {clean}\nremoved {:?}", ours.difference(&judged));
            // A tree builder adds what HTML implies, and nothing else.
            let added: Vec<_> = judged.difference(&ours).filter(|tag| !IMPLIED.contains(&tag.as_str())).collect();
            prop_assert!(added.is_empty(), "{hostile}\n-> {clean}\nadded {added:?}");
        }

        #[test]
        fn what_is_clean_stays_as_it_is(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..25)) {
            let (once, _) = clean(&pieces.concat());
            prop_assert_eq!(&clean(&once).0, &once);
        }
    }

    /// Elements that HTML puts in where they are missing.
    const IMPLIED: [&str; 5] = ["tbody {}", "tr {}", "p {}", "br {}", "colgroup {}"];

    const PIECES: &[&str] = &[
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<i title='a>b'>",
        "</i>",
        "<div>",
        "</div>",
        "<a href='x'>",
        "</a>",
        "<a href=javascript:alert(1)>",
        "<img src=x onerror=alert(1)>",
        "<img src='data:x'>",
        "<img>",
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        "<svg>",
        "</svg>",
        "<math><mtext>",
        "</math>",
        "<table>",
        "</table>",
        "<tr>",
        "<td>",
        "<th colspan=2>",
        "<caption>",
        "<ul>",
        "<li>",
        "</ul>",
        "<dl><dt>",
        "<dd>",
        "<select>",
        "<option>",
        "<textarea>",
        "</textarea>",
        "<title>",
        "</title>",
        "<noscript>",
        "</noscript>",
        "<template>",
        "<iframe>",
        "</iframe>",
        "<xmp>",
        "<plaintext>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?x",
        "<!DOCTYPE html>",
        "&lt;",
        "&",
        "&#60;",
        "&#x3c;script&#x3e;",
        "&quot;",
        "\"",
        "'",
        "<",
        ">",
        "=",
        " ",
        "/",
        "x",
        "\n",
        "é",
        "\u{a0}",
        "<br/>",
        "<p/>",
        "<h1>",
        "</h1>",
        "<pre>\n",
        "<q cite=javascript:x>",
        "<form>",
        "<input onfocus=x autofocus>",
        "<a title=\"",
        "<body onload=x>",
        "<html>",
        "<frameset>",
        "<object data=x>",
        "<embed src=x>",
        "<ruby><rt>",
        "<font color=red>",
        "<span style=x:y class=z>",
        "<bdo dir=rtl>",
        "<ol start=3>",
        "<details open><summary>",
        "<x-y>",
        "<a:b>",
    ];

    #[test]
    fn hostile_html_is_cheap() {
        let started = std::time::Instant::now();
        let deep = "<div>".repeat(60_000);
        assert_eq!(clean(&deep).1, [Cut::FieldTooLong, Cut::TagsTooDeep]);
        for hostile in [
            (0..14_000)
                .map(|n| format!("<p><b id={n}></p>"))
                .collect::<String>(),
            (0..90).map(|n| format!("<b id={n}>")).collect::<String>() + &"<p>x".repeat(30_000),
            "<p>".to_string()
                + &(0..90).map(|n| format!("<b id={n}>")).collect::<String>()
                + &"<p>x".repeat(30_000),
            "<table>".to_string()
                + &(0..90).map(|n| format!("<b id={n}>")).collect::<String>()
                + &"<tr>x".repeat(30_000),
            "<a href=x>".repeat(20_000),
            "<i></b>".repeat(30_000),
            "<table><tr><td>".repeat(10_000),
        ] {
            clean(&hostile);
        }
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{:?}",
            started.elapsed()
        );
    }

    #[test]
    fn a_document_that_has_cost_its_second_gets_plain_text() {
        static NOW: AtomicU64 = AtomicU64::new(0);
        // Each look at the clock is 0.3 s later, so a field costs 0.3 s.
        let mut sanitiser = Sanitiser::new(|| Mono(NOW.fetch_add(300_000, Ordering::Relaxed)));
        let mut cut = Vec::new();
        for _ in 0..4 {
            assert_eq!(
                sanitiser.clean(&html("<b>x</b> &amp; y"), "", &mut cut),
                "<b>x</b> &amp; y"
            );
        }
        assert_eq!(cut, []);
        assert_eq!(
            sanitiser.clean(&html("<b>x</b> &amp; y"), "", &mut cut),
            "x &amp; y"
        );
        assert_eq!(cut, [Cut::PlainTextOnly]);
    }
}
