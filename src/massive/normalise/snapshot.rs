//! Elements of `/v3/snapshot` and `/v3/snapshot/indices`: the first rung for stocks and indices.

use super::groups::{BarFields, QuoteFields, bar, check_change, is_over, quote};
use super::scope::{BadTime, Scope, Sign, Unit};
use crate::massive::answer::fields::{
    LastMinute, LastQuote, LastTrade, Session as SessionFields, Snapshot,
};
use crate::massive::answer::node::Raw;
use crate::massive::facts::{Day, Feed, Kind, Price, Reason, Spot};
use crate::massive::number::Decimal;
use crate::massive::session::Session;
use crate::massive::symbol::{Class, class};

/// What an element says of its symbol.
pub fn spot<'a>(scope: &mut Scope, of: &Snapshot<'a>) -> Spot<'a> {
    let sign = match class(scope.symbol) {
        Class::Index => Sign::Any,
        _ => Sign::Positive,
    };
    let updated = scope.time(of.last_updated, "last_updated", Unit::Nanos);
    let feed = feed(scope, of.timeframe);
    let value = scope.price(of.value, "value", sign);
    let trade = scope.object(&of.last_trade, "last_trade");
    let trade = trade.and_then(|trade| last_trade(&mut scope.within("last_trade"), trade));
    let minute = scope.object(&of.last_minute, "last_minute");
    let minute =
        minute.and_then(|minute| last_minute(&mut scope.within("last_minute"), minute, feed));
    let day = scope.object(&of.session, "session");
    let day = day.map(|day| session(&mut scope.within("session"), day, sign));
    let quoted = scope
        .object(&of.last_quote, "last_quote")
        .and_then(|quoted| {
            let scope = &mut scope.within("last_quote");
            let event_ms = scope.time(quoted.last_updated, "last_updated", Unit::Nanos);
            quote(scope, &quote_fields(quoted), event_ms)
        });
    let of_answer = |value: &Decimal<'a>, kind, event_ms| Price {
        value: value.clone(),
        kind,
        event_ms,
        size: None,
        conditions: Vec::new(),
        sequence: None,
        feed,
    };
    let close = day.as_ref().and_then(|day| day.close.as_ref());
    let prev = day.as_ref().and_then(|day| day.prev_close.as_ref());
    let price = dated(value.as_ref(), updated)
        .map(|(value, event_ms)| of_answer(value, Kind::Value, event_ms))
        .or(trade)
        .or(minute)
        .or_else(|| {
            dated(close, updated).map(|(close, event_ms)| of_answer(close, Kind::Day, event_ms))
        })
        .or_else(|| prev.map(|prev| of_answer(prev, Kind::Prev, None)));
    let day = day.and_then(|day| {
        let event_ms = updated.ok()?;
        Some(Day { event_ms, ..day }).filter(|day| !day.is_empty())
    });
    let mut spot = Spot {
        symbol: scope.symbol.to_owned(),
        price,
        quote: quoted,
        day,
        session: market_status(scope, of.market_status),
    };
    check_change(&mut scope.within("session"), "change", &mut spot);
    spot
}

/// A value with the time that it shares with others, unless that time cannot be.
fn dated<'v, 'a>(
    value: Option<&'v Decimal<'a>>,
    event_ms: Result<Option<i64>, BadTime>,
) -> Option<(&'v Decimal<'a>, Option<i64>)> {
    Some((value?, event_ms.ok()?))
}

/// `timeframe`.
pub fn feed(scope: &mut Scope, timeframe: Raw) -> Feed {
    match scope.text(timeframe, "timeframe").as_deref() {
        Some("REAL-TIME") => Feed::Live,
        Some("DELAYED") => Feed::Delayed,
        _ => Feed::Unknown,
    }
}

fn last_trade<'a>(scope: &mut Scope, of: &LastTrade<'a>) -> Option<Price<'a>> {
    let value = scope.price(of.price, "price", Sign::Positive);
    let size = scope.amount(of.size, "size");
    let conditions = scope.conditions(of.conditions, "conditions");
    let feed = feed(scope, of.timeframe);
    let sip = scope.time(of.sip_timestamp, "sip_timestamp", Unit::Nanos);
    let updated = scope.time(of.last_updated, "last_updated", Unit::Nanos);
    let event_ms = match sip {
        Ok(None) => updated,
        dated => dated,
    };
    Some(Price {
        value: value?,
        kind: Kind::Trade,
        event_ms: event_ms.ok()?,
        size,
        conditions,
        sequence: None,
        feed,
    })
}

/// The vendor does not document the time of this minute. Where it gives one, that is at the latest the minute's end,
/// so nobody takes the price for newer than it is.
fn last_minute<'a>(scope: &mut Scope, of: &LastMinute<'a>, feed: Feed) -> Option<Price<'a>> {
    let close = scope.price(of.close, "close", Sign::Positive);
    let high = scope.price(of.high, "high", Sign::Positive);
    let low = scope.price(of.low, "low", Sign::Positive);
    let event_ms = scope.time(of.last_updated, "last_updated", Unit::Nanos);
    if is_over(low.as_ref(), high.as_ref()) {
        scope.refuse("low", Reason::LowOverHigh);
        return None;
    }
    Some(Price {
        value: close?,
        kind: Kind::Minute,
        event_ms: event_ms.ok()?,
        size: None,
        conditions: Vec::new(),
        sequence: None,
        feed,
    })
}

fn session<'a>(scope: &mut Scope, of: &SessionFields<'a>, sign: Sign) -> Day<'a> {
    let day = bar(scope, &bar_fields(of), sign);
    Day {
        prev_close: scope.price(of.previous_close, "previous_close", sign),
        change: scope.decimal(of.change, "change"),
        change_pct: scope.decimal(of.change_percent, "change_percent"),
        ..day
    }
}

/// `session`, and `day` of a contract.
pub fn bar_fields<'a>(of: &SessionFields<'a>) -> BarFields<'a> {
    BarFields {
        open: (of.open, "open"),
        high: (of.high, "high"),
        low: (of.low, "low"),
        close: (of.close, "close"),
        volume: (of.volume, "volume"),
    }
}

/// `last_quote`.
pub fn quote_fields<'a>(of: &LastQuote<'a>) -> QuoteFields<'a> {
    QuoteFields {
        bid: (of.bid, "bid"),
        ask: (of.ask, "ask"),
        bid_size: (of.bid_size, "bid_size"),
        ask_size: (of.ask_size, "ask_size"),
    }
}

fn market_status(scope: &mut Scope, raw: Raw) -> Option<Session> {
    match &*scope.text(raw, "market_status")? {
        "open" | "regular_trading" => Some(Session::Open),
        "early_trading" => Some(Session::Pre),
        "late_trading" => Some(Session::After),
        "closed" => Some(Session::Closed),
        _ => None,
    }
}
