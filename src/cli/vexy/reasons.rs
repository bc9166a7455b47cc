//! One analysis for people: what was found, and what led there.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::clock::{rfc3339, rfc3339_millis};
use crate::text::{SafeText, width};
use crate::vexy_ai::local::{Event, Place};
use crate::vexy_ai::record::{Record, Source};

/// Reasons that are shown; the rest is counted.
const REASONS_MAX: usize = 200;
/// Columns of what stands before a value.
const NAME_COLUMNS: usize = 10;

/// All of it as lines of text. Nothing that came from outside can move a cursor, or make a line of its own.
pub(super) fn text(record: &Record) -> String {
    let mut out = String::new();
    let title = if record.title.is_empty() {
        "(no title)"
    } else {
        &record.title
    };
    line(&mut out, "title", title);
    line(&mut out, "url", &record.url);
    line(&mut out, "item", &item(record));
    let language = format!("{} ({})", record.language, record.language_by);
    line(&mut out, "language", &language);
    let sentiment = format!("{} {:+.2}", record.label.as_str(), record.sentiment);
    line(&mut out, "sentiment", &sentiment);
    line(&mut out, "event", &events(record));
    let ticker = |t: &crate::vexy_ai::record::FoundTicker| format!("{} ({})", t.symbol, t.rule);
    let tickers: Vec<String> = record.tickers.iter().map(ticker).collect();
    line(&mut out, "tickers", &tickers.join(", "));
    line(&mut out, "names", &record.names.join(", "));
    line(&mut out, "market", &market(&record.market));
    if !record.cluster.is_empty() {
        line(
            &mut out,
            "cluster",
            &format!("{} ({})", record.cluster, record.cluster_by),
        );
        line(&mut out, "salience", &record.salience.to_string());
    }
    line(&mut out, "by", &by(record));
    line(&mut out, "summary", &record.summary);
    for takeaway in &record.takeaways {
        line(&mut out, "takeaway", takeaway);
    }
    line(&mut out, "local", &record.local);
    reasons(&mut out, record);
    out
}

/// One name and its value; nothing when there is no value.
fn line(out: &mut String, name: &str, value: &str) {
    let value = SafeText::new(value);
    if !value.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}  {value}", width::padded(name, NAME_COLUMNS));
    }
}

fn item(record: &Record) -> String {
    if record.uid.is_empty() {
        return String::new();
    }
    let mut parts = vec![
        format!("{}, revision {}", record.uid, record.rev),
        record.feed.to_string(),
    ];
    if !record.category.is_empty() {
        parts.push(record.category.to_string());
    }
    if record.published_ts != 0 {
        parts.push(format!("published {}", rfc3339(record.published_ts)));
    }
    parts.join(", ")
}

fn events(record: &Record) -> String {
    let others = record
        .events
        .iter()
        .filter(|event| Some(**event) != record.event);
    let others: Vec<&str> = others.map(|event| event.as_str()).collect();
    let best = record.event.map_or("-", Event::as_str);
    match others.is_empty() {
        true => best.to_owned(),
        false => format!("{best}; also {}", others.join(", ")),
    }
}

fn by(record: &Record) -> String {
    let mut by = match record.source {
        Source::Local => record.method.to_string(),
        Source::Model => format!("{} ({})", record.model, record.method),
    };
    if record.analysed_ts != 0 {
        by += &format!(", {}", rfc3339(record.analysed_ts));
    }
    if let Some(confidence) = record.confidence {
        by += &format!(", confidence {confidence:.2}");
    }
    match (record.model_state.as_str(), record.because.as_str()) {
        ("none", "") => by,
        (state, "") => format!("{by}; the model: {state}"),
        (state, because) => format!("{by}; the model: {state}, because {because}"),
    }
}

/// One price, in the digits in which it is stored.
#[derive(Deserialize)]
struct Price {
    symbol: String,
    price: Box<RawValue>,
    change_pct: Option<f64>,
    event_ms: Option<u64>,
    stale: bool,
}

/// The prices that were known when it was analysed.
fn market(json: &str) -> String {
    let all: Vec<Box<RawValue>> = serde_json::from_str(json).unwrap_or_default();
    let one = |json: &RawValue| {
        let price: Price = serde_json::from_str(json.get()).ok()?;
        let mut out = format!("{} {}", price.symbol, price.price);
        if let Some(pct) = price.change_pct {
            out += &format!(" ({pct:+.2} %)");
        }
        if let Some(at_ms) = price.event_ms {
            out += &format!(" at {}", rfc3339_millis(at_ms));
        }
        Some(out + if price.stale { ", stale" } else { "" })
    };
    let all: Vec<String> = all.iter().filter_map(|json| one(json)).collect();
    all.join("; ")
}

fn reasons(out: &mut String, record: &Record) {
    if record.why.is_empty() {
        return;
    }
    let cell = |text: &str| String::from(SafeText::new(text));
    let rows: Vec<[String; 5]> = record
        .why
        .iter()
        .take(REASONS_MAX)
        .map(|why| {
            let place = match why.place {
                Place::Title => "title".to_owned(),
                Place::Sentence(n) => format!("sentence {}", n + 1),
                Place::Outside => "-".to_owned(),
            };
            let weight = format!("{:+.2}", why.weight);
            [
                cell(&why.part),
                weight,
                cell(&why.rule),
                place,
                cell(&why.words),
            ]
        })
        .collect();
    let widest = |column: usize| {
        let cells = rows.iter().map(|row| width::columns(&row[column]));
        cells.max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(widest);
    out.push_str("why\n");
    for row in &rows {
        let [part, weight, rule, place] = [0, 1, 2, 3].map(|n| width::padded(&row[n], widths[n]));
        let line = format!("  {part}  {weight}  {rule}  {place}  {}", row[4]);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if record.why.len() > rows.len() {
        let _ = writeln!(
            out,
            "  and {} more (--json lists them)",
            record.why.len() - rows.len()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vexy_ai::local::Label;
    use crate::vexy_ai::record::{FoundTicker, ModelState, Why};

    #[test]
    fn what_was_found_stands_above_what_led_there() {
        let why = |part: &'static str, words: &str, weight, place| Why {
            part: part.into(),
            rule: "direction".into(),
            words: words.into(),
            weight,
            place,
        };
        let record = Record {
            uid: "a1".into(),
            rev: 2,
            feed: "wire".into(),
            title: "Profit\nrose".into(),
            url: "https://x.example/\u{1b}[2J".into(),
            published_ts: 1_795_528_800,
            language: "en".into(),
            language_by: "declared".into(),
            sentiment: 0.42,
            label: Label::Positive,
            event: Some(Event::Earnings),
            events: vec![Event::Earnings, Event::Guidance],
            tickers: vec![FoundTicker { symbol: "ACME".into(), rule: "name".into() }],
            market: r#"[{"symbol":"ACME","price":9.50,"change_pct":-1.5,"event_ms":1795528800000,"stale":false}]"#.into(),
            cluster: "a0".into(),
            cluster_by: "text".into(),
            salience: 61,
            method: "local/1".into(),
            model_state: ModelState::Skipped,
            because: "queue_full".into(),
            why: vec![
                why("sentiment", "profit\nrose", 1.5, Place::Title),
                why("event", "profit", -0.5, Place::Sentence(0)),
                why("salience", "", 20.0, Place::Outside),
            ],
            ..Record::default()
        };
        assert_eq!(
            text(&record),
            "title       Profit rose\n\
             url         https://x.example/\u{fffd}[2J\n\
             item        a1, revision 2, wire, published 2026-11-24T14:00:00Z\n\
             language    en (declared)\n\
             sentiment   positive +0.42\n\
             event       earnings; also guidance\n\
             tickers     ACME (name)\n\
             market      ACME 9.50 (-1.50 %) at 2026-11-24T14:00:00.000Z\n\
             cluster     a0 (text)\n\
             salience    61\n\
             by          local/1; the model: skipped, because queue_full\n\
             why\n\
             \x20 sentiment  +1.50   direction  title       profit rose\n\
             \x20 event      -0.50   direction  sentence 1  profit\n\
             \x20 salience   +20.00  direction  -\n"
        );
    }

    #[test]
    fn of_many_reasons_the_first_are_shown_and_the_rest_counted() {
        let why = Why {
            part: "sentiment".into(),
            rule: "direction".into(),
            words: "up".into(),
            weight: 0.1,
            place: Place::Title,
        };
        let record = Record {
            why: vec![why; 205],
            ..Record::default()
        };
        let shown = text(&record);
        assert!(
            shown.ends_with("  and 5 more (--json lists them)\n"),
            "{shown}"
        );
        assert_eq!(shown.matches("  up\n").count(), 200);
        assert!(market("[").is_empty() && market(r#"[{"price":1},7]"#).is_empty());
    }
}
