//! What is known of a symbol, and why something is not known.

use std::fmt;

use super::number::Decimal;
use super::session::Session;

/// Which of the vendor's numbers a price is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The value of an index.
    Value,
    Trade,
    /// The close of a minute.
    Minute,
    /// The close of a day, so far.
    Day,
    /// The close of the day before.
    Prev,
}

impl Kind {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Value => "value",
            Kind::Trade => "trade",
            Kind::Minute => "minute",
            Kind::Day => "day",
            Kind::Prev => "prev",
        }
    }
}

/// How far behind the market a price is by the vendor's plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feed {
    Live,
    /// By a quarter of an hour.
    Delayed,
    /// Once a day.
    EndOfDay,
    #[default]
    Unknown,
}

impl Feed {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Feed::Live => "live",
            Feed::Delayed => "delayed",
            Feed::EndOfDay => "eod",
            Feed::Unknown => "unknown",
        }
    }
}

/// A price: one number of the vendor's with what belongs to it. Times are milliseconds since 1970 throughout.
#[derive(Clone, Debug, PartialEq)]
pub struct Price<'a> {
    pub value: Decimal<'a>,
    pub kind: Kind,
    /// When it came about; `None` where the vendor does not say it.
    pub event_ms: Option<i64>,
    /// Of a trade: shares.
    pub size: Option<Decimal<'a>>,
    /// Of a trade: the vendor's codes.
    pub conditions: Vec<i64>,
    /// Of a trade: its number among those of the symbol and day.
    pub sequence: Option<i64>,
    pub feed: Feed,
}

/// The best bid and ask. Either may be absent, not both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quote<'a> {
    pub bid: Option<Decimal<'a>>,
    pub ask: Option<Decimal<'a>>,
    /// As the vendor counts: round lots for stocks, contracts for options.
    pub bid_size: Option<Decimal<'a>>,
    pub ask_size: Option<Decimal<'a>>,
    pub event_ms: Option<i64>,
}

/// The session of a day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Day<'a> {
    pub open: Option<Decimal<'a>>,
    pub high: Option<Decimal<'a>>,
    pub low: Option<Decimal<'a>>,
    pub close: Option<Decimal<'a>>,
    pub volume: Option<Decimal<'a>>,
    pub prev_close: Option<Decimal<'a>>,
    pub change: Option<Decimal<'a>>,
    pub change_pct: Option<Decimal<'a>>,
    pub event_ms: Option<i64>,
}

/// Within which prices a stock may trade for now (limit up, limit down).
#[derive(Clone, Debug, PartialEq)]
pub struct Band<'a> {
    pub up: Option<Decimal<'a>>,
    pub down: Option<Decimal<'a>>,
    pub event_ms: i64,
}

/// What one answer says of a symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot<'a> {
    pub symbol: String,
    pub price: Option<Price<'a>>,
    pub quote: Option<Quote<'a>>,
    pub day: Option<Day<'a>>,
    /// The session that the vendor gives with the symbol.
    pub session: Option<Session>,
}

/// One bar of `/v2/aggs/ticker/…/range/…`.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar<'a> {
    pub symbol: String,
    pub start_ms: i64,
    pub day: Day<'a>,
}

/// One trade of `/v3/trades/…`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick<'a> {
    pub symbol: String,
    pub price: Price<'a>,
}

/// What a condition of trades does to a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeRule {
    pub id: i64,
    pub name: String,
    /// May a trade with this condition become the price? `None` where the vendor does not say it.
    pub updates_price: Option<bool>,
}

fn owned(number: Option<Decimal<'_>>) -> Option<Decimal<'static>> {
    number.map(Decimal::into_owned)
}

impl Price<'_> {
    /// The same, outliving the answer.
    pub fn into_owned(self) -> Price<'static> {
        Price {
            value: self.value.into_owned(),
            kind: self.kind,
            event_ms: self.event_ms,
            size: owned(self.size),
            conditions: self.conditions,
            sequence: self.sequence,
            feed: self.feed,
        }
    }
}

impl Spot<'_> {
    /// The same, outliving the answer.
    pub fn into_owned(self) -> Spot<'static> {
        Spot {
            symbol: self.symbol,
            price: self.price.map(Price::into_owned),
            quote: self.quote.map(Quote::into_owned),
            day: self.day.map(Day::into_owned),
            session: self.session,
        }
    }
}

impl Bar<'_> {
    /// The same, outliving the answer.
    pub fn into_owned(self) -> Bar<'static> {
        Bar {
            symbol: self.symbol,
            start_ms: self.start_ms,
            day: self.day.into_owned(),
        }
    }
}

impl Quote<'_> {
    /// The same, outliving the answer.
    pub fn into_owned(self) -> Quote<'static> {
        Quote {
            bid: owned(self.bid),
            ask: owned(self.ask),
            bid_size: owned(self.bid_size),
            ask_size: owned(self.ask_size),
            event_ms: self.event_ms,
        }
    }
}

impl Band<'_> {
    /// The same, outliving the answer.
    pub fn into_owned(self) -> Band<'static> {
        Band {
            up: owned(self.up),
            down: owned(self.down),
            event_ms: self.event_ms,
        }
    }
}

impl Day<'_> {
    /// The same, outliving the answer.
    pub fn into_owned(self) -> Day<'static> {
        Day {
            open: owned(self.open),
            high: owned(self.high),
            low: owned(self.low),
            close: owned(self.close),
            volume: owned(self.volume),
            prev_close: owned(self.prev_close),
            change: owned(self.change),
            change_pct: owned(self.change_pct),
            event_ms: self.event_ms,
        }
    }

    /// Nothing but perhaps a time.
    pub fn is_empty(&self) -> bool {
        *self
            == Day {
                event_ms: self.event_ms,
                ..Day::default()
            }
    }
}

/// By how much a change may be off, as a share of the previous close.
const CHANGE_OFF_MAX: f64 = 0.01;

/// By how much it may be off where the price came about after the day was told: the stream brings prices alone.
const CHANGE_PARTED_MAX: f64 = 0.000_1;

/// Is the change of a day another than that from its previous close to the price?
pub fn is_change_off(price: &Price, day: &Day) -> bool {
    let (Some(change), Some(prev)) = (&day.change, &day.prev_close) else {
        return false;
    };
    let off = change.value() - (price.value.value() - prev.value());
    let is_later = price.event_ms.zip(day.event_ms);
    let most = match is_later.is_some_and(|(price_ms, day_ms)| price_ms > day_ms) {
        true => CHANGE_PARTED_MAX,
        false => CHANGE_OFF_MAX,
    };
    off.abs() > prev.value().abs() * most
}

/// Why a value is not taken, or not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It was asked for, and the answer does not have it.
    Missing,
    NotFound,
    NotEntitled,
    /// Another error of the vendor's.
    VendorError,
    KeyRefused,
    TooManyCalls,
    BadRequest,
    /// It is of another type than documented, beyond the range of numbers, or too long.
    WrongType,
    /// Before 2000, or more than 5 s ahead.
    BadTime,
    /// Below zero where that cannot be.
    Negative,
    BidOverAsk,
    LowOverHigh,
    /// The change is not that from the previous close to the price.
    ChangeOff,
    /// It lies too far from the price before, and nothing has confirmed it yet.
    Jump,
    /// There is no price among all that may be one.
    NoPrice,
    NoTicker,
    NoStrike,
    NoExpiration,
    NoType,
    /// It was not asked for.
    NotAsked,
    /// It was there already.
    Double,
    /// Crypto or forex.
    OtherMarket,
    /// Over one contract in twenty was dropped.
    TooManyDropped,
    /// There were more refusals than are kept.
    More,
}

impl Reason {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Missing => "missing",
            Reason::NotFound => "not found",
            Reason::NotEntitled => "not entitled",
            Reason::VendorError => "vendor_error",
            Reason::KeyRefused => "key_refused",
            Reason::TooManyCalls => "too_many_calls",
            Reason::BadRequest => "bad_request",
            Reason::WrongType => "wrong_type",
            Reason::BadTime => "bad_time",
            Reason::Negative => "negative",
            Reason::BidOverAsk => "bid_over_ask",
            Reason::LowOverHigh => "low_over_high",
            Reason::ChangeOff => "change_off",
            Reason::Jump => "jump",
            Reason::NoPrice => "no_price",
            Reason::NoTicker => "no_ticker",
            Reason::NoStrike => "no_strike",
            Reason::NoExpiration => "no_expiration",
            Reason::NoType => "no_type",
            Reason::NotAsked => "not_asked",
            Reason::Double => "double",
            Reason::OtherMarket => "other_market",
            Reason::TooManyDropped => "too_many_dropped",
            Reason::More => "more_not_listed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Something that was refused, or is missing. The value itself is not kept: it may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose; empty where it is nobody's.
    pub symbol: String,
    /// Where in the answer, such as `results[3].last_quote.bid`.
    pub path: String,
    pub reason: Reason,
}

/// Most refusals that are kept of one answer.
const REFUSALS_MAX: usize = 4_096;

/// The refusals of one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    list: Vec<Refusal>,
    count: u64,
}

impl Refusals {
    /// Counts a refusal, and keeps it while there is room. The last one kept says that there were more.
    pub fn add(&mut self, symbol: &str, path: String, reason: Reason) {
        self.count += 1;
        match self.list.len() {
            REFUSALS_MAX => {}
            length => self.list.push(if length + 1 == REFUSALS_MAX {
                Refusal {
                    symbol: String::new(),
                    path: String::new(),
                    reason: Reason::More,
                }
            } else {
                Refusal {
                    symbol: symbol.to_owned(),
                    path,
                    reason,
                }
            }),
        }
    }

    /// Those that were kept, in the order of the answer.
    pub fn list(&self) -> &[Refusal] {
        &self.list
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_without_end_and_kept_up_to_a_limit() {
        let mut refusals = Refusals::default();
        for nth in 0..5_000 {
            refusals.add("SPY", format!("results[{nth}]"), Reason::WrongType);
        }
        assert_eq!(
            (refusals.count(), refusals.list().len()),
            (5_000, REFUSALS_MAX)
        );
        assert_eq!(
            refusals.list().last().map(|last| last.reason),
            Some(Reason::More)
        );
    }
}
