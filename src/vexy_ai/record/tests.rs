use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::contract::analysis::MESSAGE_MAX;

fn findings() -> Findings {
    Findings {
        language: "en",
        language_by: "declared",
        summary: "Profit rose to \"9.1\" million.\u{2028}Sales fell.".to_owned(),
        sentiment: 0.421_537,
        label: Label::Positive,
        event: Some(Event::Earnings),
        events: vec![Event::Earnings, Event::Guidance],
        tickers: vec![
            Ticker {
                symbol: "ACME".into(),
                name: Some("Acme Corp".into()),
                rule: "cashtag",
            },
            Ticker {
                symbol: "BRK.B".into(),
                name: None,
                rule: "exchange",
            },
        ],
        percent: 0.0,
        signature: None,
        why: vec![
            reason("sentiment", "rose", 1.5, Place::Title),
            reason("sentiment", "fell", -0.5, Place::Sentence(1)),
            reason("sentiment", "rose", 0.7, Place::Sentence(0)),
            reason("salience", "", 20.0, Place::Outside),
        ],
    }
}

fn reason(part: &'static str, words: &str, weight: f64, place: Place) -> Reason {
    Reason {
        part,
        rule: "direction",
        words: words.into(),
        weight,
        place,
    }
}

fn record() -> Record {
    let article = Article {
        title: "Acme's profit rose",
        text: "Profit rose.",
        language: Some("en"),
        feed: "wire",
        category: "markets",
        url: "https://news.example/1",
        published_ts: 1_760_000_000,
    };
    Record {
        uid: "u1".to_owned(),
        rev: 3,
        text_hash: "h".to_owned(),
        cluster: "u1".to_owned(),
        cluster_by: "self".into(),
        salience: 61,
        model_state: ModelState::Queued,
        ..Record::new(&article, findings(), 1_760_000_060)
    }
}

fn hash(record: &Record) -> HashMap<String, String> {
    let names = FIELDS.iter().map(|name| (*name).to_owned());
    let values = record.values().map(|value| value.to_string());
    names.zip(values).collect()
}

#[test]
fn what_is_stored_is_read_back_field_by_field() {
    let mut wanted = record();
    wanted.sentiment = 0.4215;
    assert_eq!(Record::from_hash(hash(&wanted)), Some(wanted.clone()));
    wanted.local = wanted.local_json();
    wanted.source = Source::Model;
    wanted.confidence = Some(0.75);
    wanted.takeaways = vec!["Sales fell.".to_owned()];
    wanted.model_state = ModelState::Done;
    assert_eq!(Record::from_hash(hash(&wanted)), Some(wanted));
}

#[test]
fn a_hash_of_another_time_is_read_as_far_as_it_goes() {
    let some = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        Record::from_hash(pairs.map(|(k, v)| ((*k).into(), (*v).into())).collect())
    };
    assert_eq!(some(&[]), None);
    assert_eq!(some(&[("uid", "")]), None);
    let read = some(&[("uid", "u"), ("why", "[{"), ("event", "flood"), ("x", "y")]).expect("a uid");
    assert_eq!((read.rev, read.event, read.why.len()), (1, None, 0));
}

#[test]
fn a_field_without_a_value_is_written_empty() {
    let values = hash(&Record {
        uid: "u".to_owned(),
        ..Record::default()
    });
    for name in [
        "published_ts",
        "event",
        "events",
        "tickers",
        "takeaways",
        "confidence",
        "model",
        "local",
        "market",
    ] {
        assert_eq!(values[name], "", "{name}");
    }
    assert_eq!(values["sentiment"], "0");
    assert_eq!(values["model_state"], "none");
}

#[test]
fn a_line_of_json_has_the_names_of_the_hash_in_their_order_and_one_end() {
    let mut record = record();
    record.market = r#"[{"symbol":"ACME","price":"1.50"}]"#.to_owned();
    record.title = "one\u{85}two\u{2029}three\nfour".to_owned();
    let line = record.json_line();
    assert!(
        !line.contains(['\n', '\u{85}', '\u{2028}', '\u{2029}']),
        "{line}"
    );
    let json: Value = serde_json::from_str(&line).expect("JSON");
    let mut at = 0;
    for name in FIELDS {
        let here = line.find(&format!("\"{name}\":")).expect(name);
        assert!(here > at || at == 0, "{name}");
        at = here;
    }
    assert_eq!(json.as_object().expect("an object").len(), FIELDS.len());
    assert_eq!(json["title"], record.title);
    assert_eq!(json["sentiment"], 0.4215);
    assert_eq!(json["sentiment_label"], "positive");
    assert_eq!(json["event"], "earnings");
    assert_eq!(json["events"][1], "guidance");
    assert_eq!(json["tickers"][0]["symbol"], "ACME");
    assert_eq!(json["tickers"][0]["rule"], "cashtag");
    assert_eq!(json["names"][0], "Acme Corp");
    assert_eq!(json["why"][0]["place"], "title");
    assert_eq!(json["why"][1]["place"], 1);
    assert_eq!(json["why"][3]["place"], Value::Null);
    assert_eq!(json["market"][0]["price"], "1.50");
    assert_eq!(json["local"], Value::Null);
}

#[test]
fn a_message_says_its_kind_first_and_the_words_that_weighed_most() {
    let text = record().message(Kind::Changed);
    assert!(
        text.starts_with(&(message_begin("analysis_changed", "queued") + r#""uid":"u1","#)),
        "{text}"
    );
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["words"], serde_json::json!(["rose", "fell"]));
    assert_eq!(json["tickers"], serde_json::json!(["ACME", "BRK.B"]));
    assert_eq!(json["published_ts"], 1_760_000_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_message_is_longer_than_it_may_be(
        texts in vec("\\PC{0,3000}|[\u{0}-\u{1f}\"\\\\]{0,3000}", 7),
        tickers in vec(".{0,30}", 0..40),
    ) {
        let mut record = record();
        let [uid, feed, category, title, url, summary, words] = &texts[..] else {
            unreachable!("seven");
        };
        record.uid.clone_from(uid);
        record.cluster.clone_from(uid);
        record.feed = feed.into();
        record.category = category.into();
        record.title.clone_from(title);
        record.url.clone_from(url);
        record.summary.clone_from(summary);
        for why in &mut record.why {
            why.words = words.into();
        }
        record.tickers = tickers
            .into_iter()
            .map(|symbol| FoundTicker { symbol: symbol.into(), rule: "name".into() })
            .collect();
        (record.published_ts, record.analysed_ts, record.rev) = (i64::MIN, i64::MIN, u64::MAX);
        record.language = summary.as_str().into();
        record.model_state = ModelState::Skipped;
        for kind in [Kind::New, Kind::Changed, Kind::Model] {
            let text = record.message(kind);
            prop_assert!(text.len() <= MESSAGE_MAX, "{} bytes", text.len());
            let json: Value = serde_json::from_str(&text).expect("JSON");
            prop_assert!(summary.starts_with(json["summary"].as_str().expect("a text")));
        }
        let line: Value = serde_json::from_str(&record.json_line()).expect("JSON");
        prop_assert_eq!(line["summary"].as_str(), Some(summary.as_str()));
    }
}
