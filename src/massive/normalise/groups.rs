//! The groups of a spot: rules that hold whichever path their fields came by.

use super::scope::{BadTime, Scope, Sign};
use crate::massive::answer::node::Raw;
use crate::massive::facts::{Day, Quote, Reason, Spot, is_change_off};
use crate::massive::number::Decimal;

/// The fields of a quote, by the names of a path.
pub struct QuoteFields<'a> {
    pub bid: (Raw<'a>, &'static str),
    pub ask: (Raw<'a>, &'static str),
    pub bid_size: (Raw<'a>, &'static str),
    pub ask_size: (Raw<'a>, &'static str),
}

/// A quote. A bid of 0 is one where there is an ask; an ask of 0 is none.
pub fn quote<'a>(
    scope: &mut Scope,
    fields: &QuoteFields<'a>,
    event_ms: Result<Option<i64>, BadTime>,
) -> Option<Quote<'a>> {
    let bid = scope.amount(fields.bid.0, fields.bid.1);
    let ask = scope.price(fields.ask.0, fields.ask.1, Sign::Positive);
    let bid_size = scope.amount(fields.bid_size.0, fields.bid_size.1);
    let ask_size = scope.amount(fields.ask_size.0, fields.ask_size.1);
    let event_ms = event_ms.ok()?;
    let bid = bid.filter(|bid| bid.value() > 0.0 || ask.is_some());
    if let (Some(bid), Some(ask)) = (&bid, &ask)
        && bid.value() > ask.value()
    {
        scope.refuse(fields.bid.1, Reason::BidOverAsk);
        return None;
    }
    (bid.is_some() || ask.is_some()).then(|| Quote {
        // A size says nothing without its price.
        bid_size: bid_size.filter(|_| bid.is_some()),
        ask_size: ask_size.filter(|_| ask.is_some()),
        bid,
        ask,
        event_ms,
    })
}

/// The fields of a bar, by the names of a path.
pub struct BarFields<'a> {
    pub open: (Raw<'a>, &'static str),
    pub high: (Raw<'a>, &'static str),
    pub low: (Raw<'a>, &'static str),
    pub close: (Raw<'a>, &'static str),
    pub volume: (Raw<'a>, &'static str),
}

/// A bar as a day without its changes. Where the low is over the high, none of its four prices is taken.
pub fn bar<'a>(scope: &mut Scope, fields: &BarFields<'a>, sign: Sign) -> Day<'a> {
    let mut price = |(raw, field): (Raw<'a>, &'static str)| scope.price(raw, field, sign);
    let (open, high) = (price(fields.open), price(fields.high));
    let (low, close) = (price(fields.low), price(fields.close));
    let volume = scope.amount(fields.volume.0, fields.volume.1);
    if is_over(low.as_ref(), high.as_ref()) {
        scope.refuse(fields.low.1, Reason::LowOverHigh);
        return Day {
            volume,
            ..Day::default()
        };
    }
    Day {
        open,
        high,
        low,
        close,
        volume,
        ..Day::default()
    }
}

/// Are both there, and the low over the high?
pub fn is_over(low: Option<&Decimal>, high: Option<&Decimal>) -> bool {
    matches!((low, high), (Some(low), Some(high)) if low.value() > high.value())
}

/// Drops the change of a spot where it is not that from the previous close to the price.
pub fn check_change(scope: &mut Scope, field: &str, spot: &mut Spot) {
    let (Some(price), Some(day)) = (&spot.price, &mut spot.day) else {
        return;
    };
    if is_change_off(price, day) {
        (day.change, day.change_pct) = (None, None);
        scope.refuse(field, Reason::ChangeOff);
    }
}
