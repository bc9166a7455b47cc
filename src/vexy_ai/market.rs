//! The prices that stand beside an analysis: what massive knows of an item's tickers when the item is analysed. They are
//! read in one pipeline and never waited for: what is not there is not said.

use redis::{Pipeline, Value};
use serde_json::{Value as Json, json};

use super::local::Ticker;
use crate::bus::script::text_of;
use crate::contract::market::snapshot_key;

/// Prices that one analysis holds at most.
pub const TICKERS_MAX: usize = 5;

const FIELDS: [&str; 6] = [
    "price",
    "change",
    "change_pct",
    "event_ms",
    "stale",
    "fresh_until_ms",
];

/// What is known of one symbol. Numbers are the vendor's own digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    pub symbol: String,
    pub price: String,
    /// Against the close before.
    pub change: Option<String>,
    /// The same in percent.
    pub change_pct: Option<String>,
    /// When that was the price: milliseconds since 1970.
    pub event_ms: Option<i64>,
    /// It may be another by now.
    pub is_stale: bool,
}

/// The symbols that are asked for: the first few, each once.
pub fn symbols(tickers: &[Ticker]) -> Vec<&str> {
    let mut symbols: Vec<&str> = Vec::with_capacity(TICKERS_MAX);
    for ticker in tickers {
        if symbols.len() < TICKERS_MAX && !symbols.contains(&ticker.symbol.as_str()) {
            symbols.push(&ticker.symbol);
        }
    }
    symbols
}

/// Puts one question for each symbol into a pipeline; [`read`] understands the answers.
pub fn ask(packet: &mut Pipeline, symbols: &[&str]) {
    for symbol in symbols {
        packet.cmd("HMGET").arg(snapshot_key(symbol)).arg(&FIELDS);
    }
}

/// The answers to [`ask`], in its order. An error, a symbol without a price and a price that is no number say nothing.
pub fn read(symbols: &[&str], answers: &[Value], now_ms: i64) -> Vec<Quote> {
    let all = symbols.iter().zip(answers);
    all.filter_map(|(symbol, answer)| quote(symbol, answer, now_ms))
        .collect()
}

fn quote(symbol: &str, answer: &Value, now_ms: i64) -> Option<Quote> {
    let Value::Array(values) = answer else {
        return None;
    };
    let mut texts = values.iter().map(text_of);
    let mut next = || texts.next().flatten();
    let (price, change, change_pct, event_ms, stale, until_ms) =
        (next(), next(), next(), next(), next(), next());
    let until_ms = until_ms.and_then(|text| text.parse::<i64>().ok());
    let is_fresh = stale.as_deref() == Some("0") && until_ms.is_some_and(|until| now_ms <= until);
    Some(Quote {
        symbol: symbol.to_owned(),
        price: price.filter(|text| is_number(text))?,
        change: change.filter(|text| is_number(text)),
        change_pct: change_pct.filter(|text| is_number(text)),
        event_ms: event_ms.and_then(|text| text.parse().ok()),
        is_stale: !is_fresh,
    })
}

/// Nothing else goes into JSON as a number.
fn is_number(text: &str) -> bool {
    text.len() <= 32 && matches!(serde_json::from_str(text), Ok(Json::Number(_)))
}

/// The field `market` of an analysis: `[{"symbol", "price", "change", "change_pct", "event_ms", "stale"}]`, numbers in
/// the vendor's digits, what is not known left out. Empty where nothing is known.
pub fn json<'q>(quotes: impl IntoIterator<Item = &'q Quote>) -> String {
    let all: Vec<String> = quotes.into_iter().map(one).collect();
    match &all[..] {
        [] => String::new(),
        all => format!("[{}]", all.join(",")),
    }
}

fn one(quote: &Quote) -> String {
    let mut out = format!(
        "{{\"symbol\":{},\"price\":{}",
        json!(quote.symbol),
        quote.price
    );
    let optional = [("change", &quote.change), ("change_pct", &quote.change_pct)];
    for (name, number) in optional {
        if let Some(number) = number {
            out += &format!(",\"{name}\":{number}");
        }
    }
    if let Some(event_ms) = quote.event_ms {
        out += &format!(",\"event_ms\":{event_ms}");
    }
    out + &format!(",\"stale\":{}}}", quote.is_stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(values: [&str; 6]) -> Value {
        let value = |text: &str| match text {
            "" => Value::Nil,
            text => Value::BulkString(text.as_bytes().to_vec()),
        };
        Value::Array(values.map(value).to_vec())
    }

    #[test]
    fn a_price_is_fresh_until_its_time_and_keeps_the_vendors_digits() {
        let full = answer(["601.10", "-2.50", "-0.41", "1000", "0", "5000"]);
        let quotes = |now_ms| read(&["SPY"], std::slice::from_ref(&full), now_ms);
        assert_eq!(
            json(&quotes(5000)),
            "[{\"symbol\":\"SPY\",\"price\":601.10,\"change\":-2.50,\"change_pct\":-0.41,\
             \"event_ms\":1000,\"stale\":false}]"
        );
        assert!(quotes(5001)[0].is_stale);
        let said = answer(["601.10", "", "", "", "1", "9999999"]);
        let quotes = read(&["SPY"], &[said], 5000);
        assert_eq!(
            json(&quotes),
            "[{\"symbol\":\"SPY\",\"price\":601.10,\"stale\":true}]"
        );
    }

    #[test]
    fn what_is_not_there_or_no_number_is_not_said() {
        let odd = [
            Value::Nil,
            answer(["", "1", "1", "1", "0", "9"]),
            answer(["12,5", "1", "1", "1", "0", "9"]),
            answer(["\"1\"", "1", "1", "1", "0", "9"]),
            Value::Array(Vec::new()),
            answer(["7", "x", "NaN", "x", "x", "x"]),
        ];
        let quotes = read(&["A", "B", "C", "D", "E", "F"], &odd, 5);
        assert_eq!(
            json(&quotes),
            "[{\"symbol\":\"F\",\"price\":7,\"stale\":true}]"
        );
        assert_eq!(json(&[]), "");
    }

    #[test]
    fn five_symbols_are_asked_for_each_once() {
        let ticker = |symbol: &str| Ticker {
            symbol: symbol.into(),
            name: None,
            rule: "cashtag",
        };
        let all = ["A", "B", "A", "C", "D", "E", "F"].map(ticker);
        assert_eq!(symbols(&all), ["A", "B", "C", "D", "E"]);
        let mut packet = redis::pipe();
        ask(&mut packet, &symbols(&all[..2]));
        let packed = String::from_utf8(packet.get_packed_pipeline()).unwrap();
        assert_eq!(packed.matches("HMGET").count(), 2);
        assert!(packed.contains("market:snapshot:B"), "{packed}");
    }
}
