//! An analysis with what came of asking a model about it. Pure.

use std::borrow::Cow;

use crate::vexy_ai::local::sentiment::label;
use crate::vexy_ai::model::answer::Answer;
use crate::vexy_ai::record::{FoundTicker, ModelState, Record, Source};

/// The model's answer in the place of what the rules found, which is kept beside it.
pub(super) fn answered(local: Record, answer: Answer, model: &str, now_ts: i64) -> Record {
    let tickers = answer.tickers.into_iter().map(|symbol| {
        let known = local.tickers.iter().find(|known| known.symbol == symbol);
        known.cloned().unwrap_or(FoundTicker {
            symbol: symbol.into(),
            rule: Cow::Borrowed("model"),
        })
    });
    // What led to the rules' result goes with it into `local`: here it would explain another.
    let mut why = local.why.clone();
    why.retain(|why| !why.is_of_result());
    Record {
        local: local.local_json(),
        tickers: tickers.collect(),
        why,
        summary: answer.summary,
        sentiment: answer.sentiment,
        label: label(answer.sentiment),
        event: Some(answer.event),
        events: vec![answer.event],
        takeaways: answer.takeaways,
        confidence: Some(answer.confidence),
        source: Source::Model,
        model: model.into(),
        model_state: ModelState::Done,
        because: String::new(),
        analysed_ts: now_ts,
        ..local
    }
}

/// What the rules found stays, because.
pub(super) fn without(local: Record, state: ModelState, because: String) -> Record {
    Record {
        model_state: state,
        because,
        ..local
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vexy_ai::local::{Event, Label, Place};
    use crate::vexy_ai::record::Why;

    fn local() -> Record {
        let why = |part: &'static str| Why {
            part: Cow::Borrowed(part),
            rule: Cow::Borrowed("r"),
            words: "w".into(),
            weight: 1.0,
            place: Place::Title,
        };
        Record {
            uid: "u".into(),
            text_hash: "h".into(),
            summary: "Local.".into(),
            sentiment: -0.5,
            label: Label::Negative,
            event: Some(Event::Layoffs),
            events: vec![Event::Layoffs, Event::Other],
            tickers: vec![FoundTicker {
                symbol: "ACM".into(),
                rule: Cow::Borrowed("name"),
            }],
            names: vec!["Acme".into()],
            why: ["language", "sentiment", "event", "ticker", "salience"]
                .map(why)
                .into(),
            salience: 70,
            model_state: ModelState::Queued,
            analysed_ts: 5,
            ..Record::default()
        }
    }

    #[test]
    fn a_models_answer_replaces_what_the_rules_found_and_keeps_it_beside() {
        let answer = Answer {
            summary: "Of the model.".into(),
            sentiment: 0.6,
            event: Event::Dividend,
            tickers: vec!["XYZ".into(), "ACM".into()],
            takeaways: vec!["One.".into()],
            confidence: 0.9,
        };
        let record = answered(local(), answer, "m", 9);
        assert_eq!(
            (record.source, record.model_state),
            (Source::Model, ModelState::Done)
        );
        assert_eq!(
            (record.label, record.event),
            (Label::Positive, Some(Event::Dividend))
        );
        let tickers: Vec<_> = record
            .tickers
            .iter()
            .map(|t| (&*t.symbol, &*t.rule))
            .collect();
        assert_eq!(tickers, [("XYZ", "model"), ("ACM", "name")]);
        let parts: Vec<_> = record.why.iter().map(|why| &*why.part).collect();
        assert_eq!(parts, ["language", "salience"]);
        assert_eq!(
            (record.analysed_ts, record.salience, &*record.model),
            (9, 70, "m")
        );
        let kept: serde_json::Value = serde_json::from_str(&record.local).expect("JSON");
        assert_eq!(
            (&kept["summary"], &kept["event"]),
            (&"Local.".into(), &"layoffs".into())
        );
        let parts = kept["why"].as_array().expect("a list").iter();
        let parts: Vec<_> = parts.map(|why| &why["part"]).collect();
        assert_eq!(parts, ["sentiment", "event", "ticker"]);
    }

    #[test]
    fn without_an_answer_the_rules_result_stays() {
        let record = without(local(), ModelState::Failed, "503".into());
        assert_eq!(
            (record.model_state, &*record.because),
            (ModelState::Failed, "503")
        );
        let back = Record {
            model_state: ModelState::Queued,
            because: String::new(),
            ..record
        };
        assert_eq!(back, local());
    }
}
