//! What is read from strangers takes time as its length does, whatever is in it: eight times the text takes about eight
//! times as long, as eight such texts do, where a walk back for each piece would take sixty-four times.

use std::time::Duration;

use marketswarm::clock::Mono;
use marketswarm::feed::check::check;
use marketswarm::feed::document::Context;
use marketswarm::vexy_ai::local::companies::Companies;
use marketswarm::vexy_ai::local::{Analyser, Article, Options};

use crate::support::cpu_time;

/// How much longer the long text is, and how much longer it may take than as many short ones.
const TIMES: usize = 8;
const LONGER_MAX: f64 = 3.0;
/// Another try, where the machine was busy with something else in one of them.
const TRIES: usize = 6;
/// What is compared takes so long: the clock of a thread goes on in steps of some milliseconds.
const LEAST: Duration = Duration::from_millis(24);
const RUNS_MAX: usize = 1 << 14;

/// Bytes of the short feed and of the short article.
const FEED_BYTES: usize = 48 * 1024;
const ARTICLE_BYTES: usize = 3 * 1024;

#[track_caller]
fn assert_linear(what: &str, bytes: usize, read: impl Fn(usize)) {
    let time = |bytes: usize, runs: usize| {
        let began = cpu_time();
        (0..runs).for_each(|_| read(bytes));
        cpu_time() - began
    };
    let mut runs = 1;
    while runs < RUNS_MAX && time(bytes * TIMES, runs) < LEAST {
        runs *= 2;
    }
    let (mut short, mut long) = (Duration::MAX, Duration::MAX);
    for _ in 0..TRIES {
        short = short.min(time(bytes, runs * TIMES));
        long = long.min(time(bytes * TIMES, runs));
        if long.as_secs_f64() <= LONGER_MAX * short.as_secs_f64() {
            return;
        }
    }
    panic!("{what}: as much in {TIMES} pieces takes {short:?}, in one {long:?}");
}

fn repeated(piece: &str, bytes: usize) -> String {
    piece.repeat(bytes / piece.len() + 1)
}

#[test]
fn a_feed_takes_time_as_its_length_does() {
    const RSS: &str = "<rss version='2.0'><channel><item><guid>1</guid>";
    const ATOM: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>1</id>";
    let json = |rest: &str| format!("{{\"version\":\"1.1\",\"items\":[{{\"id\":\"1\",{rest}");
    for (head, piece) in [
        (RSS.to_owned(), "<item>"),
        (RSS.to_owned(), "<item><title>a"),
        (RSS.to_owned(), "<author><id>"),
        (RSS.to_owned(), "<media:group><x>"),
        (RSS.to_owned(), "<link>a"),
        (RSS.to_owned(), "<a b=\""),
        (RSS.to_owned(), "<a b=\"<c d='"),
        (RSS.to_owned(), "</title>"),
        (format!("{RSS}<title>"), "&lt;b "),
        (format!("{RSS}<title>"), "&lt;![CDATA["),
        (format!("{RSS}<title>"), "<![CDATA[<![CDATA[]]>"),
        (format!("{RSS}<title>"), "&lt;A.N&gt; "),
        (format!("{RSS}<description>"), "&lt;img alt=\"&lt;"),
        (format!("{RSS}<description>"), "&lt;p&gt;&lt;div&gt;"),
        (format!("{RSS}<description>"), "&amp;"),
        (format!("{RSS}<pubDate>"), "1 Jan "),
        (format!("{RSS}<link>http://a/?"), "jsessionid=1&amp;"),
        (ATOM.to_owned(), "<link href='a' xml:base='b/'>"),
        (ATOM.to_owned(), "<author><id>a</id><link href='b'/>"),
        (
            format!("{ATOM}<content type='xhtml'>"),
            "<div xml:base='b/'>",
        ),
        (
            format!("{ATOM}<content type='html' mode='base64'>"),
            "PGI+ ",
        ),
        (json("\"title\":\""), "\\ud83d"),
        (json("\"title\":\""), "\\'\n"),
        (json("\"title\":\""), "a\" b"),
        (json("\"title\":\""), "\"   \t  ,  "),
        (json("\"x\":"), "[,,"),
        (json("\"x\":"), "{\"a\" 1 nan,,"),
        (json("\"tags\":["), "null,,"),
        (json("\"a\":1}"), ",{\"id\":[],\"id\":\"2\",}"),
        ("<!DOCTYPE a [".to_owned(), "<!ENTITY a 'b'>"),
        (String::new(), "é<"),
        (String::new(), "\0<?xml "),
    ] {
        let context = Context {
            url: "http://feed.example/feed",
            max_items: 2_000,
        };
        assert_linear(&format!("{head}{piece}…"), FEED_BYTES, |bytes| {
            let body = format!("{head}{}", repeated(piece, bytes));
            let _ = check(
                body.as_bytes(),
                None,
                context,
                "f",
                1_800_000_000,
                Mono::now,
            );
        });
    }
}

#[test]
fn an_article_takes_time_as_its_length_does() {
    let analyser = Analyser::new(Companies::shipped());
    let options = Options { summary_chars: 300 };
    for piece in [
        "Bank of ",
        "Bank of America Bank of ",
        "First First National ",
        "United ",
        "Target ",
        "$A ",
        "$AAPL,",
        "(NASDAQ: ",
        "(NYSE: A) ",
        "VOD.L ",
        "not not ",
        "profit not fell before taxes ",
        "8.4 compared with ",
        "1,000,000.",
        "more than up to ",
        "raised its price target to ",
        "chief executive to step ",
        "sued over ",
        "said. ",
        "said \" ",
        "U.S. Inc. ",
        "A. B. ",
        "\n\n",
        "a\u{301}",
        "。",
        "İ",
        "x",
    ] {
        assert_linear(piece, ARTICLE_BYTES, |bytes| {
            let text = repeated(piece, bytes);
            let article = Article {
                title: "Acme buys Target as shares of Gap fall 3 percent",
                text: &text,
                language: Some("en"),
                ..Article::default()
            };
            let findings = analyser.analyse(&article, &options);
            assert!(findings.summary.chars().count() <= 300, "{piece}");
        });
    }
}
