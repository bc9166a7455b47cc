//! Facts as they are written: the fields of `market:snapshot:<sym>`, and JSON that keeps each number's own text.

use compact_str::ToCompactString;

use super::facts::{Band, Day, Price, Quote, is_change_off};
use super::number::Decimal;
use super::session::Session;
use super::session::Standing;
use super::session::fresh::{Aged, Limits, Stale};
use crate::text::short::push_short;

/// The value of a field: in Redis its text, in JSON with its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    Number(String),
    Text(String),
    /// A list of integers.
    Codes(Vec<i64>),
}

impl Field {
    /// As Redis holds it: a list with commas.
    pub fn text(&self) -> String {
        match self {
            Field::Number(text) | Field::Text(text) => text.clone(),
            Field::Codes(codes) => codes
                .iter()
                .map(i64::to_string)
                .collect::<Vec<_>>()
                .join(","),
        }
    }
}

/// Fields under their names on the wire, in the order in which people read them. What is not known is not there.
pub type Fields = Vec<(&'static str, Field)>;

/// What is known of a symbol, ready to be dated.
#[derive(Clone, Copy, Debug)]
pub struct Record<'r, 'a> {
    pub price: Option<&'r Price<'a>>,
    pub quote: Option<&'r Quote<'a>>,
    pub day: Option<&'r Day<'a>>,
    pub band: Option<&'r Band<'a>>,
    /// The session that the vendor gives with the symbol; else the market's counts.
    pub session: Option<Session>,
    /// When the answer came: milliseconds since 1970. `None` while there was none.
    pub fetched_ms: Option<i64>,
    /// Why nothing newer comes; `None` while the vendor answers for it.
    pub fault: Option<&'static str>,
    /// `massive` or `demo`.
    pub source: &'static str,
}

impl Record<'_, '_> {
    /// Why it is stale, as the word on the wire; `None` while it is fresh.
    pub fn stale(&self, limits: Limits, standing: Standing, now_ms: i64) -> Option<&'static str> {
        if self.fault.is_some() {
            return self.fault;
        }
        let stale = match self.price {
            None => Some(Stale::NoPrice),
            Some(price) => limits.stale(self.aged(price), standing, now_ms),
        };
        stale.map(Stale::word)
    }

    /// Until when it counts as fresh; `None` where nothing was fetched.
    pub fn fresh_until_ms(&self, limits: Limits, standing: Standing) -> Option<i64> {
        match self.price {
            Some(price) => Some(limits.fresh_until_ms(self.aged(price), standing)),
            None => self.fetched_ms,
        }
    }

    fn aged(&self, price: &Price) -> Aged {
        Aged {
            // What was read from the store, and not fetched since, is as old as its event.
            fetched_ms: self.fetched_ms.or(price.event_ms).unwrap_or(0),
            event_ms: price.event_ms,
            feed: price.feed,
        }
    }

    /// The fields of `market:snapshot:<sym>`.
    pub fn fields(&self, limits: Limits, standing: Standing, now_ms: i64) -> Fields {
        let mut fields = Vec::with_capacity(24);
        if let Some(price) = self.price {
            price_fields(&mut fields, price);
        }
        if let Some(quote) = self.quote {
            decimal(&mut fields, "bid", quote.bid.as_ref());
            decimal(&mut fields, "ask", quote.ask.as_ref());
            decimal(&mut fields, "bid_size", quote.bid_size.as_ref());
            decimal(&mut fields, "ask_size", quote.ask_size.as_ref());
            integer(&mut fields, "quote_ms", quote.event_ms);
        }
        match (self.price, self.day) {
            // Of another answer than the price: the two may have parted since.
            (Some(price), Some(day)) if is_change_off(price, day) => {
                let (change, change_pct) = (None, None);
                let day = Day {
                    change,
                    change_pct,
                    ..day.clone()
                };
                day_fields(&mut fields, &day);
            }
            (_, Some(day)) => day_fields(&mut fields, day),
            (_, None) => {}
        }
        let session = self.session.unwrap_or(standing.session);
        // Outside of the regular session there are no limits.
        if let Some(band) = self.band.filter(|_| session == Session::Open) {
            decimal(&mut fields, "limit_up", band.up.as_ref());
            decimal(&mut fields, "limit_down", band.down.as_ref());
            integer(&mut fields, "limit_ms", Some(band.event_ms));
        }
        fields.push(("session", Field::Text(session.word().into())));
        if let Some(price) = self.price {
            fields.push(("feed", Field::Text(price.feed.word().into())));
        }
        let stale = self.stale(limits, standing, now_ms);
        integer(&mut fields, "stale", Some(i64::from(stale.is_some())));
        if let Some(stale) = stale {
            fields.push(("reason", Field::Text(stale.into())));
        }
        integer(&mut fields, "fetched_ms", self.fetched_ms);
        let until_ms = self.fresh_until_ms(limits, standing);
        integer(&mut fields, "fresh_until_ms", until_ms);
        fields.push(("source", Field::Text(self.source.into())));
        fields
    }
}

/// A price, with what belongs to it.
pub fn price_fields(fields: &mut Fields, price: &Price) {
    decimal(fields, "price", Some(&price.value));
    fields.push(("kind", Field::Text(price.kind.word().into())));
    integer(fields, "event_ms", price.event_ms);
    decimal(fields, "size", price.size.as_ref());
    if !price.conditions.is_empty() {
        fields.push(("conditions", Field::Codes(price.conditions.clone())));
    }
}

/// The session of a day, and its changes.
pub fn day_fields(fields: &mut Fields, day: &Day) {
    decimal(fields, "open", day.open.as_ref());
    decimal(fields, "high", day.high.as_ref());
    decimal(fields, "low", day.low.as_ref());
    decimal(fields, "close", day.close.as_ref());
    decimal(fields, "volume", day.volume.as_ref());
    decimal(fields, "prev_close", day.prev_close.as_ref());
    decimal(fields, "change", day.change.as_ref());
    decimal(fields, "change_pct", day.change_pct.as_ref());
}

fn decimal(fields: &mut Fields, name: &'static str, number: Option<&Decimal>) {
    if let Some(number) = number {
        fields.push((name, Field::Number(number.text().to_owned())));
    }
}

/// An integer, where it is known.
pub fn integer(fields: &mut Fields, name: &'static str, number: Option<i64>) {
    if let Some(number) = number {
        fields.push((name, Field::Number(number.to_string())));
    }
}

/// Writes one JSON object, member by member.
#[derive(Debug)]
pub struct ObjectWriter(String);

impl ObjectWriter {
    /// An object without members.
    pub fn with_capacity(bytes: usize) -> ObjectWriter {
        let mut out = String::with_capacity(bytes);
        out.push('{');
        ObjectWriter(out)
    }

    /// A member whose value is JSON already: a number's own text, a list, an object.
    pub fn json(&mut self, name: &str, json: &str) {
        self.name(name);
        push_short(&mut self.0, json);
    }

    /// A member whose value is JSON in pieces, which `write` hands over one after the other: a long list is then in memory once.
    pub fn pieces(&mut self, name: &str, write: impl FnOnce(&mut dyn FnMut(&str))) {
        self.name(name);
        write(&mut |piece| self.0.push_str(piece));
    }

    /// A number, where it is known.
    pub fn decimal(&mut self, name: &str, number: Option<&Decimal>) {
        if let Some(number) = number {
            self.json(name, number.text());
        }
    }

    /// An integer, where it is known.
    pub fn integer(&mut self, name: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.name(name);
            push_short(&mut self.0, &number.to_compact_string());
        }
    }

    /// A text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.0.push_str(&quoted(text));
    }

    /// A text under a name of the vendor's.
    pub fn quoted(&mut self, name: &str, text: &str) {
        let name = quoted(name);
        self.text(&name[1..name.len() - 1], text);
    }

    /// A text of the vendor's that was checked: nothing in it needs an escape.
    pub fn plain(&mut self, name: &str, text: &str) {
        debug_assert_eq!(quoted(text), format!("\"{text}\""));
        self.name(name);
        self.0.push('"');
        push_short(&mut self.0, text);
        self.0.push('"');
    }

    /// Fields with their types.
    pub fn fields(&mut self, fields: &Fields) {
        for (name, field) in fields {
            match field {
                Field::Number(text) => self.json(name, text),
                Field::Text(text) => self.text(name, text),
                Field::Codes(_) => self.json(name, &format!("[{}]", field.text())),
            }
        }
    }

    /// The object.
    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        push_short(&mut self.0, name);
        self.0.push_str("\":");
    }
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::massive::facts::{Feed, Kind};
    use crate::massive::session::MarketClock;

    #[test]
    fn json_keeps_the_text_of_numbers() {
        let mut out = ObjectWriter::with_capacity(64);
        out.text("symbol", "a\"b");
        out.decimal("price", Decimal::read("120.470").as_ref());
        out.decimal("size", None);
        out.integer("event_ms", Some(1_605_192_894_630));
        out.fields(&vec![("conditions", Field::Codes(vec![14, 41]))]);
        assert_eq!(
            out.finish(),
            r#"{"symbol":"a\"b","price":120.470,"event_ms":1605192894630,"conditions":[14,41]}"#
        );
    }

    #[test]
    fn a_change_that_parted_from_the_price_is_not_written() {
        let decimal = |text| Decimal::read(text);
        let day = Day {
            prev_close: decimal("100"),
            change: decimal("1"),
            change_pct: decimal("1"),
            ..Day::default()
        };
        let fields = |text| {
            let price = Price {
                value: decimal(text).expect(text),
                kind: Kind::Trade,
                event_ms: Some(1),
                size: None,
                conditions: Vec::new(),
                sequence: None,
                feed: Feed::Live,
            };
            let record = Record {
                price: Some(&price),
                quote: None,
                day: Some(&day),
                band: None,
                session: None,
                fetched_ms: Some(1),
                fault: None,
                source: "massive",
            };
            let limits = Limits {
                stale_ms: 1,
                interval_ms: 1,
            };
            let fields = record.fields(limits, MarketClock::default().at(1), 1);
            fields.into_iter().map(|(name, _)| name)
        };
        let with = ["price", "prev_close", "change", "change_pct"];
        for (price, written) in [("101", 4), ("102", 4), ("102.01", 2), ("50", 2)] {
            let found: Vec<&str> = fields(price).filter(|name| with.contains(name)).collect();
            assert_eq!(found, with[..written], "{price}");
        }
    }

    #[test]
    fn a_change_that_was_told_before_the_price_came_about_is_not_its_change() {
        let decimal = |text| Decimal::read(text);
        let price = Price {
            value: decimal("100.50").expect("a number"),
            kind: Kind::Trade,
            event_ms: Some(2_000),
            size: None,
            conditions: Vec::new(),
            sequence: Some(1),
            feed: Feed::Live,
        };
        let day = |change, event_ms| Day {
            prev_close: decimal("100"),
            change: decimal(change),
            event_ms,
            ..Day::default()
        };
        for (change, event_ms, is_off) in [
            ("0.50", Some(1_000), false),
            ("0.20", Some(1_000), true),
            // Told with the price, or after it.
            ("0.20", Some(2_000), false),
            ("0.20", None, false),
            ("1.60", Some(2_000), true),
        ] {
            let day = day(change, event_ms);
            assert_eq!(is_change_off(&price, &day), is_off, "{change} {event_ms:?}");
        }
    }

    #[test]
    fn redis_gets_lists_with_commas() {
        assert_eq!(Field::Codes(vec![14, 41]).text(), "14,41");
    }
}
