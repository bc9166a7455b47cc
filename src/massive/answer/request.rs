//! What was asked for: one of the fifteen paths, and which symbols and contracts its answer should hold.

use std::collections::BTreeSet;

use jiff::civil::Date;
use url::form_urlencoded;

/// The paths of the vendor's API that are asked. Each name is that of the vendor's page under
/// <https://massive.com/docs/rest>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// `/v1/marketstatus/now`
    MarketStatus,
    /// `/v1/marketstatus/upcoming`
    MarketHolidays,
    /// `/v3/snapshot`
    UnifiedSnapshot,
    /// `/v3/snapshot/indices`
    IndicesSnapshot,
    /// `/v2/snapshot/locale/us/markets/stocks/tickers`
    FullMarketSnapshot,
    /// `/v2/snapshot/locale/us/markets/stocks/tickers/{stocksTicker}`
    SingleTickerSnapshot,
    /// `/v2/aggs/grouped/locale/us/market/stocks/{date}`
    DailyMarketSummary,
    /// `/v2/aggs/ticker/{ticker}/prev`, of a stock or an index
    PreviousDayBar,
    /// `/v2/aggs/ticker/{stocksTicker}/range/{multiplier}/{timespan}/{from}/{to}`
    CustomBars,
    /// `/v2/last/trade/{stocksTicker}`
    LastTrade,
    /// `/v3/trades/{stockTicker}`
    Trades,
    /// `/v3/snapshot/options/{underlyingAsset}`
    OptionChain,
    /// `/v3/snapshot/options/{underlyingAsset}/{optionContract}`
    OptionContract,
    /// `/v3/reference/conditions`
    ConditionCodes,
}

impl Path {
    /// The key of the list in its answers; `None` where the answer itself is the list, or has none.
    pub fn list(self) -> Option<&'static str> {
        match self {
            Path::MarketStatus | Path::MarketHolidays => None,
            Path::FullMarketSnapshot => Some("tickers"),
            Path::SingleTickerSnapshot => Some("ticker"),
            _ => Some("results"),
        }
    }
}

/// A comparison of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    AtLeast,
    Above,
    AtMost,
    Below,
}

impl Comparison {
    /// The parameter's name and its comparison: `strike_price.gte`.
    fn split(parameter: &str) -> Option<(&str, Comparison)> {
        let Some((name, suffix)) = parameter.rsplit_once('.') else {
            return Some((parameter, Comparison::Equal));
        };
        let comparison = match suffix {
            "gte" => Comparison::AtLeast,
            "gt" => Comparison::Above,
            "lte" => Comparison::AtMost,
            "lt" => Comparison::Below,
            _ => return None,
        };
        Some((name, comparison))
    }

    fn holds<T: PartialOrd + ?Sized>(self, value: &T, limit: &T) -> bool {
        match self {
            Comparison::Equal => value == limit,
            Comparison::AtLeast => value >= limit,
            Comparison::Above => value > limit,
            Comparison::AtMost => value <= limit,
            Comparison::Below => value < limit,
        }
    }
}

/// A limit that the answer keeps to.
#[derive(Clone, Debug, PartialEq)]
enum Filter {
    Ticker(Comparison, String),
    Strike(Comparison, f64),
    Expiration(Comparison, Date),
    ContractType(String),
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub path: Path,
    /// The path itself, decoded, without its query.
    pub place: String,
    /// The symbol that stands in the path, if one does.
    subject: Option<String>,
    /// The symbols that were listed; `None` when everything was asked for.
    listed: Option<BTreeSet<String>>,
    filters: Vec<Filter>,
}

impl Request {
    /// Reads a path with or without its query. Placeholders such as `{stocksTicker}` ask for everything.
    ///
    /// # Errors
    /// It is none of the paths.
    pub fn parse(text: &str) -> Result<Request, String> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let segments: Vec<String> = path.trim_matches('/').split('/').map(decoded).collect();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (known, subject) = match parts[..] {
            ["v1", "marketstatus", "now"] => (Path::MarketStatus, None),
            ["v1", "marketstatus", "upcoming"] => (Path::MarketHolidays, None),
            ["v3", "snapshot"] => (Path::UnifiedSnapshot, None),
            ["v3", "snapshot", "indices"] => (Path::IndicesSnapshot, None),
            ["v3", "snapshot", "options", _] => (Path::OptionChain, None),
            ["v3", "snapshot", "options", _, contract] => (Path::OptionContract, Some(contract)),
            ["v3", "trades", ticker] => (Path::Trades, Some(ticker)),
            ["v3", "reference", "conditions"] => (Path::ConditionCodes, None),
            ["v2", "last", "trade", ticker] => (Path::LastTrade, Some(ticker)),
            [
                "v2",
                "snapshot",
                "locale",
                "us",
                "markets",
                "stocks",
                "tickers",
            ] => (Path::FullMarketSnapshot, None),
            [
                "v2",
                "snapshot",
                "locale",
                "us",
                "markets",
                "stocks",
                "tickers",
                ticker,
            ] => (Path::SingleTickerSnapshot, Some(ticker)),
            [
                "v2",
                "aggs",
                "grouped",
                "locale",
                "us",
                "market",
                "stocks",
                _,
            ] => (Path::DailyMarketSummary, None),
            ["v2", "aggs", "ticker", ticker, "prev"] => (Path::PreviousDayBar, Some(ticker)),
            ["v2", "aggs", "ticker", ticker, "range", _, _, _, _] => {
                (Path::CustomBars, Some(ticker))
            }
            _ => {
                return Err(format!(
                    "{path:?} is none of the paths that are read; they start with \
                     /v1/marketstatus, /v2/aggs, /v2/last, /v2/snapshot, /v3/reference, /v3/snapshot or /v3/trades"
                ));
            }
        };
        let subject = subject.filter(|name| !is_placeholder(name));
        let mut request = Request {
            path: known,
            place: format!("/{}", segments.join("/")),
            subject: subject.map(str::to_owned),
            listed: None,
            filters: Vec::new(),
        };
        request.narrow(query);
        Ok(request)
    }

    /// Takes the filters of the query. What is no filter, or cannot be understood, narrows nothing.
    fn narrow(&mut self, query: &str) {
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let list = match self.path {
                Path::UnifiedSnapshot | Path::IndicesSnapshot => "ticker.any_of",
                Path::FullMarketSnapshot => "tickers",
                _ => "",
            };
            if name == list && !value.is_empty() {
                let names = value.split(',').filter(|name| !name.is_empty());
                self.listed = Some(names.map(str::to_owned).collect());
            } else if let Some((name, comparison)) = Comparison::split(&name) {
                self.filters.extend(self.filter(name, comparison, &value));
            }
        }
    }

    fn filter(&self, name: &str, comparison: Comparison, value: &str) -> Option<Filter> {
        match (self.path, name) {
            (Path::UnifiedSnapshot | Path::IndicesSnapshot, "ticker") => {
                Some(Filter::Ticker(comparison, value.to_owned()))
            }
            (Path::OptionChain, "strike_price") => {
                Some(Filter::Strike(comparison, value.parse().ok()?))
            }
            (Path::OptionChain, "expiration_date") => {
                Some(Filter::Expiration(comparison, date(value)?))
            }
            (Path::OptionChain, "contract_type") => Some(Filter::ContractType(value.to_owned())),
            _ => None,
        }
    }

    /// The same, for those symbols only: where the path has no place to name them.
    pub fn only(self, symbols: impl IntoIterator<Item = String>) -> Request {
        Request {
            listed: Some(symbols.into_iter().collect()),
            ..self
        }
    }

    /// The symbol that stands in the path, if one does.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Every symbol that the answer should hold; empty when everything was asked for.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        let exact = self.filters.iter().filter_map(|filter| match filter {
            Filter::Ticker(Comparison::Equal, ticker) => Some(ticker.as_str()),
            _ => None,
        });
        let listed = self.listed.iter().flatten().map(String::as_str);
        listed.chain(exact).chain(self.subject())
    }

    /// Was this symbol asked for?
    pub fn wants(&self, symbol: &str) -> bool {
        let listed = self.listed.as_ref();
        listed.is_none_or(|names| names.contains(symbol))
            && self.subject().is_none_or(|name| name == symbol)
            && self.filters.iter().all(|filter| match filter {
                Filter::Ticker(comparison, limit) => comparison.holds(symbol, limit.as_str()),
                _ => true,
            })
    }

    /// Was a contract like this asked for?
    pub fn wants_contract(&self, expiration: Date, strike: f64, contract_type: &str) -> bool {
        self.filters.iter().all(|filter| match filter {
            Filter::Ticker(..) => true,
            Filter::Strike(comparison, limit) => comparison.holds(&strike, limit),
            Filter::Expiration(comparison, limit) => comparison.holds(&expiration, limit),
            Filter::ContractType(wanted) => wanted == contract_type,
        })
    }
}

fn is_placeholder(name: &str) -> bool {
    name.starts_with('{') && name.ends_with('}')
}

/// A segment of a path without its percent signs.
pub fn decoded(segment: &str) -> String {
    // The form decoding takes a plus for a space, which it is not in a path.
    let pair = format!("s={}", segment.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes())
        .next()
        .map_or_else(String::new, |(_, segment)| segment.into_owned())
}

/// `YYYY-MM-DD`, and nothing else that could be taken for a date.
pub fn date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i16, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + i16::from(digit - b'0'))
        })
    };
    let (month, day) = (number(&bytes[5..7])?, number(&bytes[8..])?);
    Date::new(
        number(&bytes[..4])?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        Request::parse(text).expect(text)
    }

    #[test]
    fn each_path_is_known_with_and_without_its_query() {
        for (text, path) in [
            ("/v1/marketstatus/now", Path::MarketStatus),
            ("/v1/marketstatus/upcoming", Path::MarketHolidays),
            ("/v3/snapshot?limit=250", Path::UnifiedSnapshot),
            ("/v3/snapshot/indices", Path::IndicesSnapshot),
            ("/v3/snapshot/options/I:SPX?limit=250", Path::OptionChain),
            ("/v3/snapshot/options/{a}/{b}", Path::OptionContract),
            ("/v3/trades/AAPL", Path::Trades),
            ("/v3/reference/conditions", Path::ConditionCodes),
            ("/v2/last/trade/AAPL", Path::LastTrade),
            (
                "/v2/snapshot/locale/us/markets/stocks/tickers",
                Path::FullMarketSnapshot,
            ),
            (
                "/v2/snapshot/locale/us/markets/stocks/tickers/A",
                Path::SingleTickerSnapshot,
            ),
            (
                "/v2/aggs/grouped/locale/us/market/stocks/2026-11-27",
                Path::DailyMarketSummary,
            ),
            ("/v2/aggs/ticker/I:NDX/prev", Path::PreviousDayBar),
            ("/v2/aggs/ticker/A/range/1/minute/0/1", Path::CustomBars),
        ] {
            assert_eq!(request(text).path, path, "{text}");
        }
        for other in [
            "",
            "/",
            "/v3",
            "/v3/quotes/AAPL",
            "/v2/aggs/ticker/A",
            "file.json",
        ] {
            assert!(Request::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn listed_symbols_are_all_that_is_wanted() {
        let asked = request("/v3/snapshot?ticker.any_of=SPY,I%3ASPX,&limit=250");
        assert_eq!(asked.symbols().collect::<Vec<_>>(), ["I:SPX", "SPY"]);
        assert!(asked.wants("I:SPX") && !asked.wants("spy"));
        let asked = request("/v2/snapshot/locale/us/markets/stocks/tickers?tickers=A,B");
        assert!(asked.wants("A") && !asked.wants("C"));
        let asked = request("/v2/aggs/ticker/I%3ANDX/prev");
        assert_eq!(
            (asked.subject(), asked.wants("SPY")),
            (Some("I:NDX"), false)
        );
        let asked = request("/v3/snapshot?ticker.gte=B&ticker.lt=D");
        assert!(asked.wants("C") && !asked.wants("A") && !asked.wants("D"));
        assert_eq!(asked.symbols().count(), 0);
    }

    #[test]
    fn placeholders_and_no_query_ask_for_everything() {
        let asked = request("/v2/aggs/ticker/{stocksTicker}/prev");
        assert!(asked.subject().is_none() && asked.wants("ANY"));
        assert!(request("/v3/snapshot").wants("ANY"));
    }

    #[test]
    fn the_filters_of_a_chain_hold_for_each_contract() {
        let asked = request(
            "/v3/snapshot/options/SPY?expiration_date.gte=2026-12-01&strike_price.gte=500&strike_price.lte=600.5&contract_type=call",
        );
        let day = |text| date(text).expect(text);
        assert!(asked.wants_contract(day("2026-12-18"), 600.5, "call"));
        assert!(!asked.wants_contract(day("2026-12-18"), 600.5, "put"));
        assert!(!asked.wants_contract(day("2026-12-18"), 601.0, "call"));
        assert!(!asked.wants_contract(day("2026-11-30"), 550.0, "call"));
    }

    #[test]
    fn a_date_has_one_form() {
        assert!(date("2024-02-29").is_some());
        for bad in [
            "2023-02-29",
            "20240229",
            "2024-2-29",
            "2024-02-29T00",
            "+024-02-29",
            "é024-02-2",
        ] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }
}
