use proptest::prelude::*;

use super::*;

fn text(title: &str, body: &str) -> Text {
    Text::new(&Article {
        title,
        text: body,
        ..Article::default()
    })
}

fn sentences(body: &str) -> Vec<String> {
    let text = text("", body);
    let written = text.sentences().iter().map(|s| text.written(s).to_owned());
    written.collect()
}

/// Each token in lower case, marked by what it is.
fn tokens(body: &str) -> Vec<String> {
    let text = text("", body);
    let told = text.tokens().iter().map(|t| {
        let sign = match t.kind {
            Kind::Word => "",
            Kind::Number => "n:",
            Kind::Cashtag => "$:",
            Kind::Dotted => "x:",
            Kind::Sign => "s:",
            Kind::Stop => "stop:",
            Kind::Mark => "m:",
            Kind::Link => "link:",
        };
        let joined = if t.joined() { "-" } else { "" };
        let possessive = if t.possessive() { "'s" } else { "" };
        format!("{joined}{sign}{}{possessive}", text.lower(t))
    });
    told.collect()
}

#[test]
fn a_sentence_ends_where_a_reader_says() {
    assert_eq!(
        sentences(
            "Net sales rose 3.5 % to EUR 13.1 mn. Profit fell. It is the U.S. market leader."
        ),
        [
            "Net sales rose 3.5 % to EUR 13.1 mn.",
            "Profit fell.",
            "It is the U.S. market leader."
        ]
    );
    assert_eq!(
        sentences(
            "Apple Inc. said Mr. Cook met J.P. Morgan vs. others on Jan. 5. \"It went well.\" He left!"
        ),
        [
            "Apple Inc. said Mr. Cook met J.P. Morgan vs. others on Jan. 5.",
            "\"It went well.\"",
            "He left!"
        ]
    );
    assert_eq!(
        sentences("It sells in the U.S. The shares rose. He bought Apple Inc. It was dear"),
        [
            "It sells in the U.S.",
            "The shares rose.",
            "He bought Apple Inc.",
            "It was dear"
        ]
    );
    assert_eq!(
        sentences("First line\nSecond line\nand its rest"),
        ["First line", "Second line\nand its rest"]
    );
    assert_eq!(
        sentences("A full stop.Without a blank. And more..."),
        ["A full stop.", "Without a blank.", "And more..."]
    );
    assert_eq!(
        sentences("利益は増加した。売上は減少した。"),
        ["利益は増加した。", "売上は減少した。"]
    );
    assert_eq!(sentences(" \n "), Vec::<String>::new());
}

#[test]
fn a_title_is_one_sentence_and_what_follows_is_numbered_from_0() {
    let text = text("Shares up. Why? See U.S. data", "One here. Two here.");
    let told: Vec<_> = text
        .sentences()
        .iter()
        .map(|s| (text.written(s), s.in_title))
        .collect();
    assert_eq!(
        told,
        [
            ("Shares up. Why? See U.S. data", true),
            ("One here.", false),
            ("Two here.", false)
        ]
    );
    assert_eq!(text.place(0), Place::Title);
    assert_eq!(text.place(2), Place::Sentence(1));
    assert_eq!(
        super::Text::new(&Article {
            text: "One.",
            ..Article::default()
        })
        .place(0),
        Place::Sentence(0)
    );
}

#[test]
fn words_numbers_and_signs_are_told_apart() {
    assert_eq!(
        tokens("$AAPL's 52-week high: £13.1mn (VOD.L), BRK.B, AT&T didn’t pay $5 or 1,142.50%."),
        [
            "$:aapl",
            "m:'",
            "s",
            "n:52",
            "-week",
            "high",
            "m::",
            "s:£",
            "n:13.1",
            "-mn",
            "m:(",
            "x:vod.l",
            "m:)",
            "m:,",
            "x:brk.b",
            "m:,",
            "at&t",
            "didn’t",
            "pay",
            "s:$",
            "n:5",
            "or",
            "n:1,142.50",
            "s:%",
            "stop:."
        ]
    );
    assert_eq!(
        tokens("Apple’s year-on-year -5% vs. +.3 https://a.b/c?d ÄRGER 10–15"),
        [
            "apple's",
            "year",
            "-on",
            "-year",
            "s:-",
            "n:5",
            "s:%",
            "vs",
            "s:+",
            "n:.3",
            "link:https://a.b/c?d",
            "ärger",
            "n:10",
            "-n:15"
        ]
    );
}

#[test]
fn an_apostrophe_of_either_kind_makes_the_same_word() {
    assert_eq!(word_hash("didn’t"), word_hash("didn't"));
    assert_ne!(word_hash("didn't"), word_hash("didnt"));
    // The signature of an article is compared across machines: this value stays.
    assert_eq!(word_hash("profit"), 6_093_375_353_122_151_716);
}

#[test]
fn numbers_have_their_values() {
    let text = text("", "1,142.5 8.4 12.5.2008 .25 seven");
    let values: Vec<_> = text.tokens().iter().map(|t| text.number(t)).collect();
    assert_eq!(values, [Some(1142.5), Some(8.4), None, Some(0.25), None]);
}

#[test]
fn a_sentence_that_is_said_again_is_marked() {
    let text = text("Profit rose", "Profit rose. Sales fell. Profit rose.");
    let repeated: Vec<_> = text.sentences().iter().map(|s| s.repeated).collect();
    assert_eq!(repeated, [false, true, false, true]);
}

#[test]
fn of_a_long_article_the_rest_is_left_out() {
    let long = "Ä ".repeat(TEXT_MAX);
    let text = text(&long[..39_999], &long);
    assert!(text.source.len() <= TEXT_MAX + 1);
    assert!(text.tokens().len() <= TEXT_MAX);
}

proptest! {
    #[test]
    fn any_text_is_cut_into_what_it_is_made_of(title in "\\PC{0,60}", body in any::<String>()) {
        check(&title, &body);
    }

    #[test]
    fn text_of_awkward_parts_is_as_well(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("."), Just(" "), Just("\n"), Just("'s"), Just("’"), Just("$A"), Just("U.S."), Just("9"), Just(","),
                Just("-"), Just("–"), Just("http://"), Just("Inc."), Just("ß"), Just("İ"), Just("。"), Just("a&b"), Just("X.L"),
            ],
            0..60,
        ),
    ) {
        check(&parts.concat(), &parts.concat());
    }
}

fn check(title: &str, body: &str) {
    let text = text(title, body);
    assert_eq!(text.source.len(), text.lower.len());
    let mut end = 0;
    for token in text.tokens() {
        assert!(
            token.start >= end && token.end > token.start,
            "tokens stand in order and are not empty"
        );
        end = token.end;
        assert!(!text.word(token).is_empty() && !text.lower(token).is_empty());
        assert_eq!(
            token.hash,
            word_hash(text.lower(token)),
            "whatever stands around it"
        );
    }
    let mut last = 0;
    for (number, sentence) in text.sentences().iter().enumerate() {
        assert_eq!(sentence.first, last, "every token is of one sentence");
        assert!(sentence.last > sentence.first);
        last = sentence.last;
        assert!(
            text.tokens_of(sentence)
                .iter()
                .all(|t| usize::from(t.sentence) == number)
        );
        let written = text.written(sentence);
        assert!(title.contains(written) || body.contains(written));
    }
    assert_eq!(last as usize, text.tokens().len());
}
