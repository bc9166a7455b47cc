use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use super::*;

const TITLE: &str = "Acme raises dividend as profit climbs 12%";
const TEXT: &str = "Acme Corp (NYSE: ACM) said quarterly profit climbed 12% to $8.4 million, compared with $7.5 million a year \
    ago. The company raised its dividend to 20 cents a share and expects demand for anvils to stay strong.";
const URL: &str = "https://news.example/acme";
const NONCE: &str = "f00dfacef00dface";

fn shown() -> Shown<'static> {
    Shown {
        title: TITLE,
        text: TEXT,
        url: URL,
        tickers: &[],
        nonce: NONCE,
    }
}

/// A good answer with one field set otherwise.
fn with(field: &str, value: Value) -> String {
    let mut answer = json!({
        "summary": "Acme raised its dividend to 20 cents as quarterly profit climbed 12% to $8.4 million.",
        "sentiment": 0.7,
        "event": "dividend",
        "tickers": ["ACM"],
        "takeaways": ["Profit climbed 12%", "Demand for anvils is strong"],
        "confidence": 0.9,
    });
    answer[field] = value;
    answer.to_string()
}

#[track_caller]
fn refused(field: &str, value: Value) -> Refusal {
    let text = with(field, value);
    read(&text, &shown()).expect_err(&text)
}

#[test]
fn a_good_answer_is_taken_and_can_be_kept() {
    let text = with("event", json!("dividend"));
    let answer = read(&format!("Sure!\n```json\n{text}\n```"), &shown()).expect("good");
    assert_eq!(
        (answer.event, answer.sentiment, answer.confidence),
        (Event::Dividend, 0.7, 0.9)
    );
    assert_eq!(answer.tickers, ["ACM"]);
    assert_eq!(read(&answer.to_json(), &shown()), Ok(answer));
}

#[test]
fn other_fields_than_those_asked_for_are_refused() {
    assert!(matches!(refused("note", json!("x")), Refusal::Fields(_)));
    for field in [
        "summary",
        "sentiment",
        "event",
        "tickers",
        "takeaways",
        "confidence",
    ] {
        assert!(
            matches!(refused(field, Value::Null), Refusal::Fields(_)),
            "{field}"
        );
        let mut answer: Value = serde_json::from_str(&with("event", json!("other"))).expect("JSON");
        answer.as_object_mut().expect("an object").remove(field);
        assert!(
            matches!(read(&answer.to_string(), &shown()), Err(Refusal::Fields(_))),
            "{field}"
        );
    }
    let twice = with("event", json!("other")).replace("{\"", "{\"event\":\"other\",\"");
    assert!(
        matches!(read(&twice, &shown()), Err(Refusal::Fields(_))),
        "{twice}"
    );
    assert!(matches!(
        refused("sentiment", json!("0.5")),
        Refusal::Fields(_)
    ));
    assert_eq!(
        read("I cannot help with that.", &shown()),
        Err(Refusal::NoObject)
    );
}

#[test]
fn each_field_has_its_range() {
    for (field, value) in [
        ("sentiment", json!(1.01)),
        ("sentiment", json!(-2)),
        ("confidence", json!(-0.1)),
        ("confidence", json!(90)),
        ("event", json!("buy_now")),
        ("event", json!("Dividend")),
        ("summary", json!("")),
        ("summary", json!("  ")),
        ("summary", json!("profit ".repeat(100))),
        ("takeaways", json!([""])),
        ("takeaways", json!(vec!["profit"; 6])),
        ("takeaways", json!(["profit ".repeat(40)])),
        ("tickers", json!(["acm"])),
        ("tickers", json!([""])),
        ("tickers", json!(["ACM; DROP"])),
        ("tickers", json!(["A".repeat(13)])),
    ] {
        assert!(
            matches!(refused(field, value.clone()), Refusal::Range(of) if of == field),
            "{field} {value}"
        );
    }
    assert!(read(&with("sentiment", json!(-1)), &shown()).is_ok());
}

#[test]
fn what_could_harm_a_reader_is_refused() {
    for text in [
        "profit climbed <b>12%</b>",
        "profit\u{1b}[2J climbed",
        "profit climbed\u{202e} 12%",
        "profit\u{200b} climbed",
        "profit\nclimbed",
        "profit climbed\u{e0041}",
    ] {
        for (field, value) in [("summary", json!(text)), ("takeaways", json!([text]))] {
            assert!(
                matches!(refused(field, value), Refusal::Characters(_)),
                "{text:?}"
            );
        }
    }
    assert_eq!(
        refused("summary", json!(format!("Acme profit {NONCE}"))),
        Refusal::Marker
    );
    assert!(matches!(
        refused("summary", json!("Acme profit: see https://evil.example/")),
        Refusal::Link(_)
    ));
    assert!(
        read(
            &with("summary", json!(format!("Acme profit climbed: {URL}"))),
            &shown()
        )
        .is_ok()
    );
}

#[test]
fn what_the_text_does_not_say_is_refused() {
    assert!(
        matches!(refused("summary", json!("Acme profit climbed 21%")), Refusal::Number("summary", n) if n == "21")
    );
    assert!(matches!(
        refused("takeaways", json!(["Profit of $8.4 billion"])),
        Refusal::Number("takeaways", _)
    ));
    assert_eq!(
        refused("tickers", json!(["ACM", "TSLA"])),
        Refusal::Ticker("TSLA".into())
    );
    assert_eq!(
        refused(
            "summary",
            json!("Buy Tesla immediately, everybody should sell everything")
        ),
        Refusal::Words("summary")
    );
    assert_eq!(
        refused(
            "takeaways",
            json!(["Profit climbed", "Kindly wire money abroad"])
        ),
        Refusal::Words("takeaways")
    );
    let by_name = ["TSLA".to_owned()];
    let shown = Shown {
        tickers: &by_name,
        ..shown()
    };
    assert!(
        read(&with("tickers", json!(["TSLA"])), &shown).is_ok(),
        "the local rules found it by its name"
    );
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn nothing_that_a_model_writes_makes_it_panic(text in ".{0,400}", title in ".{0,80}") {
        let shown = Shown { title: &title, text: &text, url: URL, tickers: &[], nonce: NONCE };
        let _ = read(&text, &shown);
        let _ = read(&with("summary", json!(text)), &shown);
        let _ = read(&with("takeaways", json!([title])), &shown);
    }

    #[test]
    fn whatever_is_taken_is_plain_and_bounded(summary in "[A-Za-z0-9 <>.:/\u{200b}\u{202e}\n-]{0,120}", text in "[A-Za-z0-9 .]{0,200}") {
        let shown = Shown { title: &summary, text: &text, url: "", tickers: &[], nonce: NONCE };
        if let Ok(answer) = read(&with("summary", json!(summary)), &shown) {
            let bad = ['<', '\n', '\u{202e}', '\u{200b}'];
            let is_plain = !answer.summary.contains(bad) && !answer.summary.contains("://");
            prop_assert!(is_plain, "{:?}", answer.summary);
            prop_assert!(answer.summary.chars().count() <= SUMMARY_MAX);
        }
    }

    #[test]
    fn an_object_is_found_between_any_words(before in "[^{}\"]{0,60}", after in ".{0,60}", value in ".{0,60}") {
        let object = json!({"a": value, "b": {"c": [value]}}).to_string();
        let text = format!("{before}{object}{after}");
        prop_assert_eq!(object_in(&text), Some(object.as_str()));
    }

    #[test]
    fn the_search_for_an_object_is_linear(brackets in "[{}\"\\\\a]{0,2000}") {
        // Each byte is read at most once for each of eight places, so that this ends whatever it is.
        let text = brackets.repeat(200);
        let _ = object_in(&text);
    }
}
