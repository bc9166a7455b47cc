//! The fields of the vendor's answers that are used, under the vendor's names.
//!
//! Source: the vendor's OpenAPI document, and the pages under <https://massive.com/docs/rest>.

use super::node::{Object, Raw, object};

object! {
    /// An element of `results` of `/v3/snapshot`, `/v3/snapshot/indices` and `/v3/snapshot/options/…`.
    Snapshot {
        ticker: Raw<'a> = "ticker",
        kind: Raw<'a> = "type",
        error: Raw<'a> = "error",
        market_status: Raw<'a> = "market_status",
        timeframe: Raw<'a> = "timeframe",
        /// Nanoseconds.
        last_updated: Raw<'a> = "last_updated",
        value: Raw<'a> = "value",
        last_trade: Object<LastTrade<'a>> = "last_trade",
        last_quote: Object<LastQuote<'a>> = "last_quote",
        last_minute: Object<LastMinute<'a>> = "last_minute",
        session: Object<Session<'a>> = "session",
        /// The session of a contract in a chain.
        day: Object<Session<'a>> = "day",
        details: Object<Details<'a>> = "details",
        greeks: Object<Greeks<'a>> = "greeks",
        implied_volatility: Raw<'a> = "implied_volatility",
        open_interest: Raw<'a> = "open_interest",
        underlying_asset: Object<Underlying<'a>> = "underlying_asset",
    }
}

object! {
    /// `last_trade`; times in nanoseconds.
    LastTrade {
        price: Raw<'a> = "price",
        size: Raw<'a> = "size",
        conditions: Raw<'a> = "conditions",
        sip_timestamp: Raw<'a> = "sip_timestamp",
        last_updated: Raw<'a> = "last_updated",
        timeframe: Raw<'a> = "timeframe",
    }
}

object! {
    /// `last_quote`; sizes of stocks in round lots, the time in nanoseconds.
    LastQuote {
        ask: Raw<'a> = "ask",
        ask_size: Raw<'a> = "ask_size",
        bid: Raw<'a> = "bid",
        bid_size: Raw<'a> = "bid_size",
        last_updated: Raw<'a> = "last_updated",
    }
}

object! {
    /// `last_minute`. Its time is given by some plans only: nanoseconds.
    LastMinute {
        close: Raw<'a> = "close",
        high: Raw<'a> = "high",
        low: Raw<'a> = "low",
        last_updated: Raw<'a> = "last_updated",
    }
}

object! {
    /// `session`, and `day` of a contract.
    Session {
        open: Raw<'a> = "open",
        high: Raw<'a> = "high",
        low: Raw<'a> = "low",
        close: Raw<'a> = "close",
        volume: Raw<'a> = "volume",
        previous_close: Raw<'a> = "previous_close",
        change: Raw<'a> = "change",
        change_percent: Raw<'a> = "change_percent",
        /// Of a contract only: nanoseconds.
        last_updated: Raw<'a> = "last_updated",
    }
}

object! {
    /// `details` of a contract.
    Details {
        ticker: Raw<'a> = "ticker",
        contract_type: Raw<'a> = "contract_type",
        expiration_date: Raw<'a> = "expiration_date",
        strike_price: Raw<'a> = "strike_price",
        shares_per_contract: Raw<'a> = "shares_per_contract",
    }
}

object! {
    /// `greeks`; often empty.
    Greeks {
        delta: Raw<'a> = "delta",
        gamma: Raw<'a> = "gamma",
        theta: Raw<'a> = "theta",
        vega: Raw<'a> = "vega",
    }
}

object! {
    /// `underlying_asset`: a stock has a `price`, an index a `value`.
    Underlying {
        price: Raw<'a> = "price",
        value: Raw<'a> = "value",
    }
}

object! {
    /// An element of `tickers` of `/v2/snapshot/locale/us/markets/stocks/tickers`, and its `ticker`.
    Ticker {
        ticker: Raw<'a> = "ticker",
        last_trade: Object<Trade<'a>> = "lastTrade",
        last_quote: Object<Quote<'a>> = "lastQuote",
        minute: Object<Bar<'a>> = "min",
        day: Object<Bar<'a>> = "day",
        previous_day: Object<Bar<'a>> = "prevDay",
        todays_change: Raw<'a> = "todaysChange",
        todays_change_percent: Raw<'a> = "todaysChangePerc",
        /// Seconds, milliseconds, microseconds or nanoseconds.
        updated: Raw<'a> = "updated",
    }
}

object! {
    /// `lastTrade`, and `results` of `/v2/last/trade/…`; the time in nanoseconds.
    Trade {
        ticker: Raw<'a> = "T",
        price: Raw<'a> = "p",
        size: Raw<'a> = "s",
        conditions: Raw<'a> = "c",
        time: Raw<'a> = "t",
        sequence: Raw<'a> = "q",
    }
}

object! {
    /// `lastQuote`; sizes in round lots, the time in nanoseconds.
    Quote {
        ask: Raw<'a> = "P",
        ask_size: Raw<'a> = "S",
        bid: Raw<'a> = "p",
        bid_size: Raw<'a> = "s",
        time: Raw<'a> = "t",
    }
}

object! {
    /// A bar of `/v2/aggs/…`, and `min`, `day`, `prevDay`; the time in milliseconds.
    Bar {
        ticker: Raw<'a> = "T",
        open: Raw<'a> = "o",
        high: Raw<'a> = "h",
        low: Raw<'a> = "l",
        close: Raw<'a> = "c",
        volume: Raw<'a> = "v",
        time: Raw<'a> = "t",
    }
}

object! {
    /// An element of `results` of `/v3/trades/…`; the time in nanoseconds.
    Tick {
        price: Raw<'a> = "price",
        size: Raw<'a> = "size",
        conditions: Raw<'a> = "conditions",
        sip_timestamp: Raw<'a> = "sip_timestamp",
        sequence_number: Raw<'a> = "sequence_number",
    }
}

object! {
    /// `/v1/marketstatus/now`.
    MarketNow {
        market: Raw<'a> = "market",
        early_hours: Raw<'a> = "earlyHours",
        after_hours: Raw<'a> = "afterHours",
        indices_groups: Raw<'a> = "indicesGroups",
        /// RFC 3339.
        server_time: Raw<'a> = "serverTime",
    }
}

object! {
    /// An element of `/v1/marketstatus/upcoming`.
    Holiday {
        date: Raw<'a> = "date",
        exchange: Raw<'a> = "exchange",
        status: Raw<'a> = "status",
        /// RFC 3339, on a day that closes early.
        open: Raw<'a> = "open",
        close: Raw<'a> = "close",
    }
}

object! {
    /// An element of `results` of `/v3/reference/conditions`.
    Condition {
        id: Raw<'a> = "id",
        name: Raw<'a> = "name",
        update_rules: Object<UpdateRules<'a>> = "update_rules",
    }
}

object! {
    /// `update_rules`.
    UpdateRules {
        consolidated: Object<Consolidated<'a>> = "consolidated",
    }
}

object! {
    /// `update_rules.consolidated`: what a trade with this condition does to the bars of all exchanges together.
    Consolidated {
        updates_open_close: Raw<'a> = "updates_open_close",
    }
}
