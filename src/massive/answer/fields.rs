//! The fields of the vendor's answers that are used, under the vendor's names.
//!
//! Source: the vendor's OpenAPI document, and the pages under <https://massive.com/docs/rest>.

use super::node::{Object, Raw, object};

object! {
    /// An element of `results` of `/v3/snapshot`, `/v3/snapshot/indices` and `/v3/snapshot/options/…`.
    Snapshot {
        ticker: Raw<'a> = b"ticker",
        kind: Raw<'a> = b"type",
        error: Raw<'a> = b"error",
        market_status: Raw<'a> = b"market_status",
        timeframe: Raw<'a> = b"timeframe",
        /// Nanoseconds.
        last_updated: Raw<'a> = b"last_updated",
        value: Raw<'a> = b"value",
        last_trade: Object<LastTrade<'a>> = b"last_trade",
        last_quote: Object<LastQuote<'a>> = b"last_quote",
        last_minute: Object<LastMinute<'a>> = b"last_minute",
        session: Object<Session<'a>> = b"session",
        /// The session of a contract in a chain.
        day: Object<Session<'a>> = b"day",
        details: Object<Details<'a>> = b"details",
        greeks: Object<Greeks<'a>> = b"greeks",
        implied_volatility: Raw<'a> = b"implied_volatility",
        open_interest: Raw<'a> = b"open_interest",
        underlying_asset: Object<Underlying<'a>> = b"underlying_asset",
    }
}

object! {
    /// `last_trade`; times in nanoseconds.
    LastTrade {
        price: Raw<'a> = b"price",
        size: Raw<'a> = b"size",
        conditions: Raw<'a> = b"conditions",
        sip_timestamp: Raw<'a> = b"sip_timestamp",
        last_updated: Raw<'a> = b"last_updated",
        timeframe: Raw<'a> = b"timeframe",
    }
}

object! {
    /// `last_quote`; sizes of stocks in round lots, the time in nanoseconds.
    LastQuote {
        ask: Raw<'a> = b"ask",
        ask_size: Raw<'a> = b"ask_size",
        bid: Raw<'a> = b"bid",
        bid_size: Raw<'a> = b"bid_size",
        last_updated: Raw<'a> = b"last_updated",
    }
}

object! {
    /// `last_minute`. Its time is given by some plans only: nanoseconds.
    LastMinute {
        close: Raw<'a> = b"close",
        high: Raw<'a> = b"high",
        low: Raw<'a> = b"low",
        last_updated: Raw<'a> = b"last_updated",
    }
}

object! {
    /// `session`, and `day` of a contract.
    Session {
        open: Raw<'a> = b"open",
        high: Raw<'a> = b"high",
        low: Raw<'a> = b"low",
        close: Raw<'a> = b"close",
        volume: Raw<'a> = b"volume",
        previous_close: Raw<'a> = b"previous_close",
        change: Raw<'a> = b"change",
        change_percent: Raw<'a> = b"change_percent",
        /// Of a contract only: nanoseconds.
        last_updated: Raw<'a> = b"last_updated",
    }
}

object! {
    /// `details` of a contract.
    Details {
        ticker: Raw<'a> = b"ticker",
        contract_type: Raw<'a> = b"contract_type",
        expiration_date: Raw<'a> = b"expiration_date",
        strike_price: Raw<'a> = b"strike_price",
        shares_per_contract: Raw<'a> = b"shares_per_contract",
    }
}

object! {
    /// `greeks`; often empty.
    Greeks {
        delta: Raw<'a> = b"delta",
        gamma: Raw<'a> = b"gamma",
        theta: Raw<'a> = b"theta",
        vega: Raw<'a> = b"vega",
    }
}

object! {
    /// `underlying_asset`: a stock has a `price`, an index a `value`.
    Underlying {
        price: Raw<'a> = b"price",
        value: Raw<'a> = b"value",
    }
}

object! {
    /// An element of `tickers` of `/v2/snapshot/locale/us/markets/stocks/tickers`, and its `ticker`.
    Ticker {
        ticker: Raw<'a> = b"ticker",
        last_trade: Object<Trade<'a>> = b"lastTrade",
        last_quote: Object<Quote<'a>> = b"lastQuote",
        minute: Object<Bar<'a>> = b"min",
        day: Object<Bar<'a>> = b"day",
        previous_day: Object<Bar<'a>> = b"prevDay",
        todays_change: Raw<'a> = b"todaysChange",
        todays_change_percent: Raw<'a> = b"todaysChangePerc",
        /// Seconds, milliseconds, microseconds or nanoseconds.
        updated: Raw<'a> = b"updated",
    }
}

object! {
    /// `lastTrade`, and `results` of `/v2/last/trade/…`; the time in nanoseconds.
    Trade {
        ticker: Raw<'a> = b"T",
        price: Raw<'a> = b"p",
        size: Raw<'a> = b"s",
        conditions: Raw<'a> = b"c",
        time: Raw<'a> = b"t",
        sequence: Raw<'a> = b"q",
    }
}

object! {
    /// `lastQuote`; sizes in round lots, the time in nanoseconds.
    Quote {
        ask: Raw<'a> = b"P",
        ask_size: Raw<'a> = b"S",
        bid: Raw<'a> = b"p",
        bid_size: Raw<'a> = b"s",
        time: Raw<'a> = b"t",
    }
}

object! {
    /// A bar of `/v2/aggs/…`, and `min`, `day`, `prevDay`; the time in milliseconds.
    Bar {
        ticker: Raw<'a> = b"T",
        open: Raw<'a> = b"o",
        high: Raw<'a> = b"h",
        low: Raw<'a> = b"l",
        close: Raw<'a> = b"c",
        volume: Raw<'a> = b"v",
        time: Raw<'a> = b"t",
    }
}

object! {
    /// An element of `results` of `/v3/trades/…`; the time in nanoseconds.
    Tick {
        price: Raw<'a> = b"price",
        size: Raw<'a> = b"size",
        conditions: Raw<'a> = b"conditions",
        sip_timestamp: Raw<'a> = b"sip_timestamp",
        sequence_number: Raw<'a> = b"sequence_number",
    }
}

object! {
    /// `/v1/marketstatus/now`.
    MarketNow {
        market: Raw<'a> = b"market",
        early_hours: Raw<'a> = b"earlyHours",
        after_hours: Raw<'a> = b"afterHours",
        indices_groups: Raw<'a> = b"indicesGroups",
        /// RFC 3339.
        server_time: Raw<'a> = b"serverTime",
    }
}

object! {
    /// An element of `/v1/marketstatus/upcoming`.
    Holiday {
        date: Raw<'a> = b"date",
        exchange: Raw<'a> = b"exchange",
        status: Raw<'a> = b"status",
        /// RFC 3339, on a day that closes early.
        open: Raw<'a> = b"open",
        close: Raw<'a> = b"close",
    }
}

object! {
    /// An element of `results` of `/v3/reference/conditions`.
    Condition {
        id: Raw<'a> = b"id",
        name: Raw<'a> = b"name",
        update_rules: Object<UpdateRules<'a>> = b"update_rules",
    }
}

object! {
    /// `update_rules`.
    UpdateRules {
        consolidated: Object<Consolidated<'a>> = b"consolidated",
    }
}

object! {
    /// `update_rules.consolidated`: what a trade with this condition does to the bars of all exchanges together.
    Consolidated {
        updates_open_close: Raw<'a> = b"updates_open_close",
    }
}
