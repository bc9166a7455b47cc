//! The vendor's frames of the stream: text in, events out, by the documented units (pure).
//!
//! A frame is a list of objects whose `ev` says what each is. What is not as documented is refused with its place, as in
//! answers, and costs what it touches. An event borrows from its frame.
//!
//! Source: the vendor's WebSocket document, and the pages under <https://massive.com/docs/websocket>.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::answer::node::{Nobody, Object, Presence, Raw, object};
use super::answer::{self, Listed, NotUnderstood};
use super::facts::{Band, Day, Quote, Reason, Refusals};
use super::normalise::groups::{BarFields, QuoteFields, bar, is_over, quote};
use super::normalise::scope::{Scope, Sign, Unit};
use super::number::{self, Decimal};
use super::symbol::ticker_text;

/// A trade that reached its reporting facility so long before the vendor dates it is history, and no price.
const LATE_MS: i64 = 10_000;
/// Most condition codes of one trade that are read.
pub const CONDITIONS_MAX: usize = 32;

/// A cluster of the vendor's: one connection each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cluster {
    Stocks,
    Options,
    Indices,
}

impl Cluster {
    /// All of them.
    pub const ALL: [Cluster; 3] = [Cluster::Stocks, Cluster::Options, Cluster::Indices];

    /// Its word in threads, in records and in the address.
    pub fn word(self) -> &'static str {
        match self {
            Cluster::Stocks => "stocks",
            Cluster::Options => "options",
            Cluster::Indices => "indices",
        }
    }

    /// May its values be below zero?
    fn sign(self) -> Sign {
        match self {
            Cluster::Indices => Sign::Any,
            _ => Sign::Positive,
        }
    }
}

/// A channel of the vendor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    Trades,
    Quotes,
    Values,
    Seconds,
    Minutes,
    /// Limit up, limit down.
    Bands,
}

impl Channel {
    /// All of them.
    pub const ALL: [Channel; 6] = [
        Channel::Trades,
        Channel::Quotes,
        Channel::Values,
        Channel::Seconds,
        Channel::Minutes,
        Channel::Bands,
    ];

    /// As the vendor calls it.
    pub fn word(self) -> &'static str {
        match self {
            Channel::Trades => "T",
            Channel::Quotes => "Q",
            Channel::Values => "V",
            Channel::Seconds => "A",
            Channel::Minutes => "AM",
            Channel::Bands => "LULD",
        }
    }
}

/// A trade. Prices of others are [`Event::Value`] and the closes of bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Trade<'a> {
    pub symbol: &'a str,
    pub price: Decimal<'a>,
    /// Shares, or contracts.
    pub size: Option<Decimal<'a>>,
    pub conditions: Conditions<'a>,
    /// Milliseconds since 1970.
    pub event_ms: i64,
    /// Its number among the events of the symbol and day.
    pub sequence: Option<i64>,
    /// It was known ten seconds before the vendor dates it, or nobody can tell.
    pub is_late: bool,
}

/// The codes of a trade, which are read when somebody asks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions<'a>(&'a str);

impl Conditions<'_> {
    /// The codes.
    pub fn codes(self) -> impl Iterator<Item = i64> {
        let codes = self
            .0
            .split(',')
            .filter_map(|code| code.trim().parse().ok());
        codes.take(CONDITIONS_MAX)
    }

    /// A list of integers, or nothing.
    fn read(json: &str) -> Option<Conditions<'_>> {
        let inner = json.strip_prefix('[')?.strip_suffix(']')?;
        let is_code = |code: &str| code.trim().parse::<i64>().is_ok();
        (inner.trim().is_empty() || inner.split(',').all(is_code)).then_some(Conditions(inner))
    }
}

/// The bar of a second or a minute.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamBar<'a> {
    pub symbol: &'a str,
    /// Milliseconds since 1970: where it begins, and where it ends, at which its close came about.
    pub start_ms: i64,
    pub end_ms: Option<i64>,
    pub day: Day<'a>,
    pub is_minute: bool,
}

/// One object of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// What the vendor says of the connection and of subscriptions.
    Status {
        status: Cow<'a, str>,
        message: Cow<'a, str>,
    },
    Trade(Trade<'a>),
    /// The value of an index.
    Value {
        symbol: &'a str,
        value: Decimal<'a>,
        event_ms: i64,
    },
    Quote {
        symbol: &'a str,
        quote: Quote<'a>,
        event_ms: i64,
        sequence: Option<i64>,
    },
    Bar(StreamBar<'a>),
    Band {
        symbol: &'a str,
        band: Band<'a>,
    },
}

object! {
    /// The fields of all events that are used.
    EventFields {
        event: Raw<'a> = b"ev",
        symbol: Raw<'a> = b"sym",
        status: Raw<'a> = b"status",
        message: Raw<'a> = b"message",
        /// The symbol of values and bands.
        ticker: Raw<'a> = b"T",
        price: Raw<'a> = b"p",
        /// The size of a trade; where a bar begins.
        s: Raw<'a> = b"s",
        /// The conditions of a trade; the close of a bar.
        c: Raw<'a> = b"c",
        time: Raw<'a> = b"t",
        sequence: Raw<'a> = b"q",
        reported: Raw<'a> = b"trft",
        bid: Raw<'a> = b"bp",
        bid_size: Raw<'a> = b"bs",
        ask: Raw<'a> = b"ap",
        ask_size: Raw<'a> = b"as",
        open: Raw<'a> = b"o",
        high: Raw<'a> = b"h",
        low: Raw<'a> = b"l",
        volume: Raw<'a> = b"v",
        end: Raw<'a> = b"e",
        value: Raw<'a> = b"val",
    }
}

/// Reads a frame of `cluster` that is judged by the clock `now_ms`; `each` gets its events in their order. How many
/// objects there were.
///
/// # Errors
/// It is not the JSON of a list. What `each` got until then stands in it, whole.
pub fn read<'a>(
    text: &'a str,
    cluster: Cluster,
    now_ms: i64,
    refusals: &mut Refusals,
    each: &mut dyn FnMut(Event<'a>),
) -> Result<usize, NotUnderstood> {
    let answer = answer::read::<EventFields>(
        text.as_bytes(),
        None,
        &mut Nobody,
        &mut |nth, element: &Object<EventFields<'a>>| {
            let mut scope = Scope {
                symbol: "",
                list: "",
                nth: Some(nth),
                group: "",
                now_ms,
                refusals,
            };
            if element.presence != Presence::There {
                return scope.refuse("", Reason::WrongType);
            }
            if let Some(event) = event(&mut scope, cluster, &element.fields) {
                each(event);
            }
        },
    )?;
    match answer.listed {
        Listed::Many(count) => Ok(count),
        _ => Err(NotUnderstood::NotAnAnswer),
    }
}

fn event<'a>(scope: &mut Scope, cluster: Cluster, of: &EventFields<'a>) -> Option<Event<'a>> {
    let is_index = cluster == Cluster::Indices;
    match (of.event.get(), cluster) {
        (Some("\"status\""), _) => {
            let text = |raw: Raw<'a>| raw.get().and_then(number::text).unwrap_or_default();
            let (status, message) = (text(of.status), text(of.message));
            Some(Event::Status { status, message })
        }
        (Some("\"T\""), _) if !is_index => named(scope, "T", of.symbol, "sym", of, trade),
        (Some("\"Q\""), _) if !is_index => named(scope, "Q", of.symbol, "sym", of, quoted),
        (Some("\"V\""), Cluster::Indices) => named(scope, "V", of.ticker, "T", of, value),
        (Some("\"A\""), _) => named(scope, "A", of.symbol, "sym", of, |scope, symbol, of| {
            stream_bar(scope, symbol, of, cluster.sign(), false)
        }),
        (Some("\"AM\""), _) => named(scope, "AM", of.symbol, "sym", of, |scope, symbol, of| {
            stream_bar(scope, symbol, of, cluster.sign(), true)
        }),
        (Some("\"LULD\""), Cluster::Stocks) => named(scope, "LULD", of.ticker, "T", of, band),
        _ => {
            scope.refuse("ev", Reason::NotAsked);
            None
        }
    }
}

/// Reads an event of `channel` of the symbol that is named there.
fn named<'a>(
    scope: &mut Scope,
    channel: &'static str,
    raw: Raw<'a>,
    field: &str,
    of: &EventFields<'a>,
    read: impl FnOnce(&mut Scope, &'a str, &EventFields<'a>) -> Option<Event<'a>>,
) -> Option<Event<'a>> {
    scope.list = channel;
    let Some(symbol) = raw.get().and_then(ticker_text) else {
        scope.refuse(field, Reason::NoTicker);
        return None;
    };
    let mut scope = Scope {
        symbol,
        refusals: scope.refusals,
        ..*scope
    };
    read(&mut scope, symbol, of)
}

/// A time without which the event is none.
fn moment(scope: &mut Scope, raw: Raw, field: &str, unit: Unit) -> Option<i64> {
    let event_ms = scope.time(raw, field, unit).ok()?;
    if event_ms.is_none() {
        scope.refuse(field, Reason::Missing);
    }
    event_ms
}

fn trade<'a>(scope: &mut Scope, symbol: &'a str, of: &EventFields<'a>) -> Option<Event<'a>> {
    let event_ms = moment(scope, of.time, "t", Unit::Millis);
    let price = scope.price(of.price, "p", Sign::Positive);
    let size = scope.amount(of.s, "s");
    let sequence = scope.integer(of.sequence, "q");
    let conditions = match of.c.get() {
        None => Some(Conditions("")),
        Some(json) => Conditions::read(json),
    };
    if conditions.is_none() {
        scope.refuse("c", Reason::WrongType);
    }
    let is_late = match scope.time(of.reported, "trft", Unit::Millis) {
        Ok(reported) => reported
            .zip(event_ms)
            .is_some_and(|(reported, event)| event - reported >= LATE_MS),
        Err(_) => true,
    };
    let Some(price) = price else {
        scope.refuse("p", Reason::NoPrice);
        return None;
    };
    Some(Event::Trade(Trade {
        symbol,
        price,
        size,
        // A trade of which nobody knows what kind it is makes no price.
        conditions: conditions?,
        event_ms: event_ms?,
        sequence,
        is_late,
    }))
}

fn quoted<'a>(scope: &mut Scope, symbol: &'a str, of: &EventFields<'a>) -> Option<Event<'a>> {
    let event_ms = moment(scope, of.time, "t", Unit::Millis)?;
    let fields = QuoteFields {
        bid: (of.bid, "bp"),
        ask: (of.ask, "ap"),
        bid_size: (of.bid_size, "bs"),
        ask_size: (of.ask_size, "as"),
    };
    let sequence = scope.integer(of.sequence, "q");
    let quote = quote(scope, &fields, Ok(Some(event_ms)))?;
    Some(Event::Quote {
        symbol,
        quote,
        event_ms,
        sequence,
    })
}

fn value<'a>(scope: &mut Scope, symbol: &'a str, of: &EventFields<'a>) -> Option<Event<'a>> {
    let event_ms = moment(scope, of.time, "t", Unit::Millis)?;
    let Some(value) = scope.price(of.value, "val", Sign::Any) else {
        scope.refuse("val", Reason::NoPrice);
        return None;
    };
    Some(Event::Value {
        symbol,
        value,
        event_ms,
    })
}

fn stream_bar<'a>(
    scope: &mut Scope,
    symbol: &'a str,
    of: &EventFields<'a>,
    sign: Sign,
    is_minute: bool,
) -> Option<Event<'a>> {
    let start_ms = moment(scope, of.s, "s", Unit::Millis)?;
    let end_ms = scope.time(of.end, "e", Unit::Millis).ok().flatten();
    let fields = BarFields {
        open: (of.open, "o"),
        high: (of.high, "h"),
        low: (of.low, "l"),
        close: (of.c, "c"),
        volume: (of.volume, "v"),
    };
    let day = bar(scope, &fields, sign);
    if day.close.is_none() {
        scope.refuse("c", Reason::NoPrice);
        return None;
    }
    Some(Event::Bar(StreamBar {
        symbol,
        start_ms,
        end_ms,
        day,
        is_minute,
    }))
}

fn band<'a>(scope: &mut Scope, symbol: &'a str, of: &EventFields<'a>) -> Option<Event<'a>> {
    let event_ms = moment(scope, of.time, "t", Unit::Unsure)?;
    let up = scope.price(of.high, "h", Sign::Positive);
    let down = scope.price(of.low, "l", Sign::Positive);
    if is_over(down.as_ref(), up.as_ref()) {
        scope.refuse("l", Reason::LowOverHigh);
        return None;
    }
    let band = Band { up, down, event_ms };
    Some(Event::Band { symbol, band })
}
