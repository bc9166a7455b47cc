//! What to ask: path and query of each request, in batches that fit into a URL.

use jiff::civil::Date;
use url::form_urlencoded;

use crate::massive::number;

/// Longest path with its query. Servers and proxies refuse longer URLs; base URL and room are left out of 8 KiB.
pub const URL_MAX_BYTES: usize = 6_900;
/// Most symbols and most elements of one answer of the vendor's.
pub const BATCH_MAX: usize = 250;

/// A request for many symbols at once, and which of them it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Path and query.
    pub target: String,
    /// How many of the symbols that were given, from where the batch before ended.
    pub symbols: usize,
}

/// How the market stands.
pub const MARKET_STATUS: &str = "/v1/marketstatus/now";
/// Which days differ.
pub const MARKET_HOLIDAYS: &str = "/v1/marketstatus/upcoming";

/// Stocks and indices of the first rung, mixed. The vendor answers with ten where no limit is given.
pub fn unified(symbols: &[String], batch_max: usize) -> Vec<Batch> {
    batches(
        "/v3/snapshot?limit=250&ticker.any_of=",
        symbols,
        batch_max.min(BATCH_MAX),
    )
}

/// Indices of the second rung.
pub fn indices(symbols: &[String], batch_max: usize) -> Vec<Batch> {
    batches(
        "/v3/snapshot/indices?limit=250&ticker.any_of=",
        symbols,
        batch_max.min(BATCH_MAX),
    )
}

/// Stocks of the second rung: as many as a URL holds.
pub fn full_market(symbols: &[String], batch_max: usize) -> Vec<Batch> {
    let path = "/v2/snapshot/locale/us/markets/stocks/tickers?tickers=";
    batches(path, symbols, batch_max)
}

/// Stocks of the third rung: the whole market of a day.
pub fn daily_summary(date: Date) -> String {
    format!("/v2/aggs/grouped/locale/us/market/stocks/{date}?adjusted=true")
}

/// One symbol of the third rung.
pub fn previous_day(symbol: &str) -> String {
    format!("/v2/aggs/ticker/{}/prev?adjusted=true", encoded(symbol))
}

/// What conditions of trades mean. There are about a hundred.
pub const TRADE_CONDITIONS: &str =
    "/v3/reference/conditions?asset_class=stocks&data_type=trade&limit=1000";

/// The minutes of a symbol between two moments: milliseconds since 1970.
pub fn minutes(symbol: &str, from_ms: i64, to_ms: i64) -> String {
    let symbol = encoded(symbol);
    format!("/v2/aggs/ticker/{symbol}/range/1/minute/{from_ms}/{to_ms}?limit=50000")
}

/// The first page of a chain: from that day on, with strikes from one to another, or with all of them.
pub fn chain(underlying: &str, from: Date, strikes: Option<(f64, f64)>) -> String {
    let underlying = encoded(underlying);
    let strikes = strikes.map_or_else(String::new, |(low, high)| {
        let (low, high) = (number::computed(low), number::computed(high));
        format!("&strike_price.gte={low}&strike_price.lte={high}")
    });
    format!(
        "/v3/snapshot/options/{underlying}?expiration_date.gte={from}{strikes}\
         &sort=expiration_date&order=asc&limit=250"
    )
}

/// Symbols in as few requests as hold them.
fn batches(path: &str, symbols: &[String], batch_max: usize) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for symbol in symbols {
        let name = encoded(symbol);
        match batches.last_mut() {
            Some(batch)
                if batch.symbols < batch_max.max(1)
                    && batch.target.len() + name.len() < URL_MAX_BYTES =>
            {
                batch.target.push(',');
                batch.target.push_str(&name);
                batch.symbols += 1;
            }
            _ => batches.push(Batch {
                target: format!("{path}{name}"),
                symbols: 1,
            }),
        }
    }
    batches
}

fn encoded(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::request::{Path, Request, date};
    use super::*;

    fn names(count: usize, length: usize) -> Vec<String> {
        (0..count)
            .map(|nth| format!("S{nth:0>width$}", width = length - 1))
            .collect()
    }

    #[test]
    fn every_symbol_is_asked_for_once_and_every_url_fits() {
        for (count, length, of) in [
            (2_000, 16, unified as fn(&[String], usize) -> Vec<Batch>),
            (2_000, 16, full_market),
            (250, 17, indices),
            (1, 1, unified),
            (0, 5, full_market),
        ] {
            let names = names(count, length.max(5));
            for batch_max in [usize::MAX, 250, 7, 0] {
                let batches = of(&names, batch_max);
                let mut at = 0;
                for batch in &batches {
                    assert!(batch.target.len() <= URL_MAX_BYTES);
                    assert!(batch.symbols <= batch_max.max(1));
                    let request = Request::parse(&batch.target).expect("a path");
                    let asked: Vec<&str> = request.symbols().collect();
                    assert_eq!(
                        asked,
                        names[at..at + batch.symbols].iter().collect::<Vec<_>>()
                    );
                    at += batch.symbols;
                }
                assert_eq!(at, names.len());
            }
        }
        assert!(
            unified(&names(2_000, 5), usize::MAX)
                .iter()
                .all(|batch| batch.symbols <= 250)
        );
    }

    #[test]
    fn what_is_asked_is_what_is_read() {
        let day = date("2026-11-27").expect("a date");
        let request = |target: &str| Request::parse(target).expect("a path");
        assert_eq!(request(MARKET_STATUS).path, Path::MarketStatus);
        assert_eq!(request(MARKET_HOLIDAYS).path, Path::MarketHolidays);
        assert_eq!(request(&daily_summary(day)).path, Path::DailyMarketSummary);
        assert_eq!(request(&previous_day("I:NDX")).subject(), Some("I:NDX"));
        assert_eq!(request(TRADE_CONDITIONS).path, Path::ConditionCodes);
        let bars = request(&minutes("I:NDX", 1_795_791_600_000, 1_795_791_660_000));
        assert_eq!(
            (bars.path, bars.subject()),
            (Path::CustomBars, Some("I:NDX"))
        );
        let chain_of = chain("I:SPX", day, Some((541.017, 661.243)));
        assert_eq!(
            chain_of,
            "/v3/snapshot/options/I%3ASPX?expiration_date.gte=2026-11-27&strike_price.gte=541.017\
             &strike_price.lte=661.243&sort=expiration_date&order=asc&limit=250"
        );
        let of_chain = request(&chain_of);
        assert_eq!(
            (of_chain.path, of_chain.place.as_str()),
            (Path::OptionChain, "/v3/snapshot/options/I:SPX")
        );
        assert!(of_chain.wants_contract(day, 600.0, "call"));
        assert!(!of_chain.wants_contract(day, 700.0, "call"));
        assert!(request(&chain("SPY", day, None)).wants_contract(day, 1.0, "put"));
    }
}
