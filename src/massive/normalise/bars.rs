//! Bars of `/v2/aggs/…`: daily ones are the third rung, minutes fill `market:bars`. Also trades, and what their
//! conditions mean.

use super::groups::bar;
use super::scope::{Scope, Sign, Unit};
use super::ticker::{bar_fields, close};
use crate::massive::answer::fields;
use crate::massive::facts::{Bar, Day, Feed, Kind, Price, Reason, Spot, Tick, TradeRule};
use crate::massive::symbol::{Class, class};

/// Longest name of a condition that is kept.
const NAME_MAX_CHARS: usize = 80;

fn sign(symbol: &str) -> Sign {
    match class(symbol) {
        Class::Index => Sign::Any,
        _ => Sign::Positive,
    }
}

/// A daily bar as a spot. Its time is what the vendor gives: for days that is the close, and never later than it.
pub fn daily<'a>(scope: &mut Scope, of: &fields::Bar<'a>, kind: Kind) -> Spot<'a> {
    let day = bar(scope, &bar_fields(of), sign(scope.symbol));
    let event_ms = scope.time(of.time, "t", Unit::Millis);
    let day = event_ms
        .ok()
        .map(|event_ms| Day { event_ms, ..day })
        .filter(|day| !day.is_empty());
    let price = day.as_ref().and_then(|day| {
        Some(Price {
            feed: Feed::EndOfDay,
            ..close(day.close.clone()?, kind, day.event_ms)
        })
    });
    Spot {
        symbol: scope.symbol.to_owned(),
        price,
        quote: None,
        day,
        session: None,
    }
}

/// A bar of a range; one without a time or a close is none.
pub fn of_range<'a>(scope: &mut Scope, of: &fields::Bar<'a>) -> Option<Bar<'a>> {
    let day = bar(scope, &bar_fields(of), sign(scope.symbol));
    let start_ms = scope.time(of.time, "t", Unit::Millis).ok()?;
    let Some(start_ms) = start_ms else {
        scope.refuse("t", Reason::Missing);
        return None;
    };
    if day.close.is_none() {
        scope.refuse("c", Reason::NoPrice);
        return None;
    }
    Some(Bar {
        symbol: scope.symbol.to_owned(),
        start_ms,
        day,
    })
}

/// A trade of a list; one without a time or a price is none.
pub fn tick<'a>(scope: &mut Scope, of: &fields::Tick<'a>) -> Option<Tick<'a>> {
    let value = scope.price(of.price, "price", Sign::Positive);
    let size = scope.amount(of.size, "size");
    let conditions = scope.conditions(of.conditions, "conditions");
    let sequence = scope.integer(of.sequence_number, "sequence_number");
    let event_ms = scope
        .time(of.sip_timestamp, "sip_timestamp", Unit::Nanos)
        .ok()?;
    if event_ms.is_none() {
        scope.refuse("sip_timestamp", Reason::Missing);
        return None;
    }
    let Some(value) = value else {
        scope.refuse("price", Reason::NoPrice);
        return None;
    };
    Some(Tick {
        symbol: scope.symbol.to_owned(),
        price: Price {
            size,
            conditions,
            sequence,
            ..close(value, Kind::Trade, event_ms)
        },
    })
}

/// A condition of trades.
pub fn rule(scope: &mut Scope, of: &fields::Condition) -> Option<TradeRule> {
    let id = scope.integer(of.id, "id");
    let name = scope.text(of.name, "name").unwrap_or_default();
    let rules = scope.object(&of.update_rules, "update_rules");
    let consolidated = rules.and_then(|rules| {
        scope
            .within("update_rules")
            .object(&rules.consolidated, "consolidated")
    });
    let updates_price = consolidated.and_then(|rules| {
        scope
            .within("update_rules.consolidated")
            .boolean(rules.updates_open_close, "updates_open_close")
    });
    let Some(id) = id else {
        scope.refuse("id", Reason::Missing);
        return None;
    };
    Some(TradeRule {
        id,
        name: name.chars().take(NAME_MAX_CHARS).collect(),
        updates_price,
    })
}
