//! Elements of `/v2/snapshot/locale/us/markets/stocks/tickers`: the second rung for stocks.

use super::groups::{BarFields, QuoteFields, bar, check_change, quote};
use super::scope::{Scope, Sign, Unit};
use crate::massive::answer::fields::{Bar, Ticker, Trade};
use crate::massive::facts::{Day, Feed, Kind, Price, Spot};
use crate::massive::number::Decimal;

/// How long the minute of a bar is.
const MINUTE_MS: i64 = 60_000;

/// What an element says of its symbol. How far behind it is, only the whole round tells.
pub fn spot<'a>(scope: &mut Scope, of: &Ticker<'a>) -> Spot<'a> {
    let updated = scope.time(of.updated, "updated", Unit::Unsure);
    let traded = scope.object(&of.last_trade, "lastTrade");
    let traded = traded.and_then(|traded| trade(&mut scope.within("lastTrade"), traded));
    let minute = scope.object(&of.minute, "min");
    let minute = minute.and_then(|minute| minute_close(&mut scope.within("min"), minute));
    let today = scope.object(&of.day, "day").map(|today| {
        let scope = &mut scope.within("day");
        bar(scope, &bar_fields(today), Sign::Positive)
    });
    let before = scope
        .object(&of.previous_day, "prevDay")
        .and_then(|before| {
            let scope = &mut scope.within("prevDay");
            scope.price(before.close, "c", Sign::Positive)
        });
    let quoted = scope
        .object(&of.last_quote, "lastQuote")
        .and_then(|quoted| {
            let scope = &mut scope.within("lastQuote");
            let fields = QuoteFields {
                bid: (quoted.bid, "p"),
                ask: (quoted.ask, "P"),
                bid_size: (quoted.bid_size, "s"),
                ask_size: (quoted.ask_size, "S"),
            };
            let event_ms = scope.time(quoted.time, "t", Unit::Nanos);
            quote(scope, &fields, event_ms)
        });
    let day = Day {
        prev_close: before.clone(),
        change: scope.decimal(of.todays_change, "todaysChange"),
        change_pct: scope.decimal(of.todays_change_percent, "todaysChangePerc"),
        ..today.unwrap_or_default()
    };
    let day = updated
        .ok()
        .map(|event_ms| Day { event_ms, ..day })
        .filter(|day| !day.is_empty());
    let price = traded
        .or(minute)
        .or_else(|| {
            let day = day.as_ref()?;
            Some(close(day.close.clone()?, Kind::Day, day.event_ms))
        })
        .or_else(|| Some(close(before?, Kind::Prev, None)));
    let mut spot = Spot {
        symbol: scope.symbol.to_owned(),
        price,
        quote: quoted,
        day,
        session: None,
    };
    check_change(scope, "todaysChange", &mut spot);
    spot
}

/// A price that is the close of a bar.
pub fn close(value: Decimal<'_>, kind: Kind, event_ms: Option<i64>) -> Price<'_> {
    Price {
        value,
        kind,
        event_ms,
        size: None,
        conditions: Vec::new(),
        sequence: None,
        feed: Feed::Unknown,
    }
}

/// `lastTrade`, and the answer of `/v2/last/trade/…`.
pub fn trade<'a>(scope: &mut Scope, of: &Trade<'a>) -> Option<Price<'a>> {
    let value = scope.price(of.price, "p", Sign::Positive);
    let size = scope.amount(of.size, "s");
    let conditions = scope.conditions(of.conditions, "c");
    let sequence = scope.integer(of.sequence, "q");
    let event_ms = scope.time(of.time, "t", Unit::Nanos);
    Some(Price {
        size,
        conditions,
        sequence,
        ..close(value?, Kind::Trade, event_ms.ok()?)
    })
}

/// The close of a minute, which came about at its end.
fn minute_close<'a>(scope: &mut Scope, of: &Bar<'a>) -> Option<Price<'a>> {
    let minute = bar(scope, &bar_fields(of), Sign::Positive);
    let start_ms = scope.time(of.time, "t", Unit::Millis).ok()?;
    // The minute may still run: nothing of it came about later than now.
    let end_ms = start_ms.map(|start| (start + MINUTE_MS).min(scope.now_ms.max(start)));
    Some(close(minute.close?, Kind::Minute, end_ms))
}

/// A bar, by its one-letter names.
pub fn bar_fields<'a>(of: &Bar<'a>) -> BarFields<'a> {
    BarFields {
        open: (of.open, "o"),
        high: (of.high, "h"),
        low: (of.low, "l"),
        close: (of.close, "c"),
        volume: (of.volume, "v"),
    }
}
