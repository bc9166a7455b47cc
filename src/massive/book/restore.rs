//! What the store has from before, read back: so that a restart neither repeats nor steps back.

use std::collections::HashMap;

use crate::massive::facts::{Band, Day, Feed, Kind, Price, Quote};
use crate::massive::normalise::held::Held;
use crate::massive::number::Decimal;

/// The fields of a hash.
pub type Stored = HashMap<String, String>;

const KINDS: [Kind; 5] = [
    Kind::Value,
    Kind::Trade,
    Kind::Minute,
    Kind::Day,
    Kind::Prev,
];
const FEEDS: [Feed; 4] = [Feed::Live, Feed::Delayed, Feed::EndOfDay, Feed::Unknown];

/// What was held of a symbol, and when it was fetched; `None` where there is nothing of this source.
pub fn restored(stored: &Stored, source: &str) -> Option<(Held, Option<i64>)> {
    if stored.get("source").map(String::as_str) != Some(source) {
        return None;
    }
    let decimal = |name: &str| Decimal::read(stored.get(name)?).map(Decimal::into_owned);
    let integer = |name: &str| stored.get(name)?.parse::<i64>().ok();
    let word = |name: &str| stored.get(name).map(String::as_str).unwrap_or_default();
    let kind = KINDS.into_iter().find(|kind| kind.word() == word("kind"));
    let feed = FEEDS.into_iter().find(|feed| feed.word() == word("feed"));
    let price = decimal("price").zip(kind).map(|(value, kind)| Price {
        value,
        kind,
        event_ms: integer("event_ms"),
        size: decimal("size"),
        conditions: word("conditions")
            .split(',')
            .filter_map(|code| code.parse().ok())
            .collect(),
        sequence: None,
        feed: feed.unwrap_or_default(),
    });
    let quote = Quote {
        bid: decimal("bid"),
        ask: decimal("ask"),
        bid_size: decimal("bid_size"),
        ask_size: decimal("ask_size"),
        event_ms: integer("quote_ms"),
    };
    let day = Day {
        open: decimal("open"),
        high: decimal("high"),
        low: decimal("low"),
        close: decimal("close"),
        volume: decimal("volume"),
        prev_close: decimal("prev_close"),
        change: decimal("change"),
        change_pct: decimal("change_pct"),
        // Not among the fields: any newer answer replaces it.
        event_ms: None,
    };
    let quote = (quote.bid.is_some() || quote.ask.is_some()).then_some(quote);
    let mut held = Held::of(price, quote, (!day.is_empty()).then_some(day));
    held.band = integer("limit_ms").map(|event_ms| Band {
        up: decimal("limit_up"),
        down: decimal("limit_down"),
        event_ms,
    });
    Some((held, integer("fetched_ms")))
}
