//! One contract of a chain.
//!
//! `details` says what it is; the letters of its ticker say nothing (adjusted contracts carry old ones). It is written
//! as JSON once, while the vendor's text of each number is at hand; what is computed with stays beside it.

use std::borrow::Cow;

use jiff::civil::Date;

use crate::massive::answer::fields::{Details, LastQuote, LastTrade, Session, Snapshot};
use crate::massive::answer::request::date;
use crate::massive::facts::{Quote, Reason};
use crate::massive::normalise::groups::quote;
use crate::massive::normalise::scope::{Scope, Sign, Unit};
use crate::massive::normalise::snapshot::quote_fields;
use crate::massive::number::{self, Decimal};
use crate::massive::record::ObjectWriter;
use crate::massive::symbol::ticker_text;

/// What the JSON of a contract takes, mostly.
const JSON_BYTES: usize = 384;

/// What a contract gives the right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContractType {
    Call,
    Put,
    /// Neither: it stays out of everything that is derived.
    Other,
}

impl ContractType {
    /// The word on the wire, which is the vendor's.
    pub fn word(self) -> &'static str {
        match self {
            ContractType::Call => "call",
            ContractType::Put => "put",
            ContractType::Other => "other",
        }
    }
}

/// A contract: what it is, its numbers to compute with, and itself as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    pub ticker: String,
    pub expiration: Date,
    /// As it was sent, and its value.
    pub strike: Decimal<'static>,
    pub contract_type: ContractType,
    pub bid: Option<f64>,
    pub ask: Option<f64>,
    pub implied_volatility: Option<f64>,
    pub gamma: Option<f64>,
    pub volume: Option<f64>,
    pub open_interest: Option<f64>,
    /// Shares that one contract stands for.
    pub shares: Option<f64>,
    /// When its quote, else its last trade, else its day came about: milliseconds since 1970.
    pub updated_ms: Option<i64>,
    /// `{"ticker":…,"expiration":…,"strike":…,…}` with the names of the wire.
    pub json: String,
    /// What the model says of it, as JSON, where truth wants one.
    pub model: Option<String>,
}

impl Contract {
    /// Halfway between bid and ask; only where 0 < bid ≤ ask.
    pub fn mid(&self) -> Option<f64> {
        let (bid, ask) = (self.bid?, self.ask?);
        (0.0 < bid && bid <= ask).then(|| bid.midpoint(ask))
    }

    /// Reads the element of a chain. One without ticker, strike, expiration or type is none, which is refused.
    pub fn read(scope: &mut Scope, of: &Snapshot) -> Option<Contract> {
        let details = scope.object(&of.details, "details");
        let Some(details) = details.copied() else {
            scope.refuse("details", Reason::NoType);
            return None;
        };
        // The unified snapshot has the ticker outside of the details.
        let raw = details.ticker.get().map_or(of.ticker, |_| details.ticker);
        let Some(ticker) = raw.get().and_then(ticker_text).map(str::to_owned) else {
            scope.refuse("details.ticker", Reason::NoTicker);
            return None;
        };
        let scope = &mut Scope {
            symbol: &ticker,
            refusals: scope.refusals,
            ..*scope
        };
        let terms = Terms::read(&mut scope.within("details"), &details)?;
        let numbers = Numbers::read(scope, of);
        Some(Contract::of(ticker, terms, numbers))
    }
}

impl Contract {
    fn of(ticker: String, terms: Terms, numbers: Numbers) -> Contract {
        let json = numbers.json(&ticker, &terms);
        let value = |number: Option<Decimal>| number.map(|number| number.value());
        let (bid, ask) = numbers
            .quote
            .map_or((None, None), |quote| (quote.bid, quote.ask));
        Contract {
            ticker,
            expiration: terms.expiration,
            strike: terms.strike.into_owned(),
            contract_type: terms.contract_type,
            bid: value(bid),
            ask: value(ask),
            implied_volatility: value(numbers.implied_volatility),
            gamma: value(numbers.gamma),
            volume: value(numbers.volume),
            open_interest: value(numbers.open_interest),
            shares: terms.shares,
            updated_ms: numbers.updated_ms,
            json,
            model: None,
        }
    }
}

/// What a contract is.
struct Terms<'a> {
    expiration: Date,
    /// As it was sent, which is the one form that there is.
    expiration_text: Cow<'a, str>,
    strike: Decimal<'a>,
    contract_type: ContractType,
    shares: Option<f64>,
}

impl<'a> Terms<'a> {
    fn read(scope: &mut Scope, of: &Details<'a>) -> Option<Terms<'a>> {
        let expiration = scope.text(of.expiration_date, "expiration_date");
        let strike = scope.price(of.strike_price, "strike_price", Sign::Positive);
        let contract_type = scope.text(of.contract_type, "contract_type");
        let shares = scope.amount(of.shares_per_contract, "shares_per_contract");
        let dated = expiration.and_then(|text| Some((date(&text)?, text)));
        let Some((expiration, expiration_text)) = dated else {
            scope.refuse("expiration_date", Reason::NoExpiration);
            return None;
        };
        let Some(strike) = strike else {
            scope.refuse("strike_price", Reason::NoStrike);
            return None;
        };
        let contract_type = match contract_type.as_deref() {
            Some("call") => ContractType::Call,
            Some("put") => ContractType::Put,
            Some("other") => ContractType::Other,
            _ => {
                scope.refuse("contract_type", Reason::NoType);
                return None;
            }
        };
        Some(Terms {
            expiration,
            expiration_text,
            strike,
            contract_type,
            shares: shares.map(|shares| shares.value()),
        })
    }
}

/// The numbers of a contract. Greeks, quote and underlying are often absent.
struct Numbers<'a> {
    quote: Option<Quote<'a>>,
    last: Option<Decimal<'a>>,
    implied_volatility: Option<Decimal<'a>>,
    delta: Option<Decimal<'a>>,
    gamma: Option<Decimal<'a>>,
    theta: Option<Decimal<'a>>,
    vega: Option<Decimal<'a>>,
    volume: Option<Decimal<'a>>,
    open_interest: Option<Decimal<'a>>,
    underlying: Option<Decimal<'a>>,
    updated_ms: Option<i64>,
}

impl<'a> Numbers<'a> {
    fn read(scope: &mut Scope, of: &Snapshot<'a>) -> Numbers<'a> {
        let quote = scope.object(&of.last_quote, "last_quote");
        let quote = quote.and_then(|of| last_quote(&mut scope.within("last_quote"), of));
        let (last, traded_ms) = scope
            .object(&of.last_trade, "last_trade")
            .and_then(|of| last_trade(&mut scope.within("last_trade"), of))
            .unzip();
        // In a chain the session of a contract is its `day`.
        let (day, group) = match scope.object(&of.day, "day") {
            Some(day) => (Some(day), "day"),
            None => (scope.object(&of.session, "session"), "session"),
        };
        let (volume, day_ms) = day
            .and_then(|of| volume(&mut scope.within(group), of))
            .unzip();
        let greeks = scope.object(&of.greeks, "greeks").copied();
        let greeks = greeks.unwrap_or_default();
        let mut greek = |raw, name| scope.within("greeks").decimal(raw, name);
        let delta = greek(greeks.delta, "delta");
        let gamma = greek(greeks.gamma, "gamma");
        let theta = greek(greeks.theta, "theta");
        let vega = greek(greeks.vega, "vega");
        let asset = scope.object(&of.underlying_asset, "underlying_asset");
        let underlying = asset.and_then(|of| {
            let scope = &mut scope.within("underlying_asset");
            let value = scope.price(of.value, "value", Sign::Positive);
            scope.price(of.price, "price", Sign::Positive).or(value)
        });
        let quoted_ms = quote.as_ref().and_then(|quote| quote.event_ms);
        Numbers {
            quote,
            last,
            implied_volatility: scope.amount(of.implied_volatility, "implied_volatility"),
            delta,
            gamma,
            theta,
            vega,
            volume: volume.flatten(),
            open_interest: scope.amount(of.open_interest, "open_interest"),
            underlying,
            updated_ms: quoted_ms.or(traded_ms.flatten()).or(day_ms.flatten()),
        }
    }

    fn json(&self, ticker: &str, terms: &Terms) -> String {
        let mut json = ObjectWriter::with_capacity(JSON_BYTES);
        json.plain("ticker", ticker);
        json.plain("expiration", &terms.expiration_text);
        json.decimal("strike", Some(&terms.strike));
        json.plain("type", terms.contract_type.word());
        self.write_quote(&mut json);
        json.decimal("last", self.last.as_ref());
        json.decimal("iv", self.implied_volatility.as_ref());
        json.decimal("delta", self.delta.as_ref());
        json.decimal("gamma", self.gamma.as_ref());
        json.decimal("theta", self.theta.as_ref());
        json.decimal("vega", self.vega.as_ref());
        json.decimal("volume", self.volume.as_ref());
        json.decimal("oi", self.open_interest.as_ref());
        json.decimal("underlying", self.underlying.as_ref());
        json.integer("updated", self.updated_ms);
        json.finish()
    }

    fn write_quote(&self, json: &mut ObjectWriter) {
        let Some(quote) = &self.quote else { return };
        json.decimal("bid", quote.bid.as_ref());
        json.decimal("ask", quote.ask.as_ref());
        if let (Some(bid), Some(ask)) = (&quote.bid, &quote.ask)
            && bid.value() > 0.0
        {
            json.json("mid", &number::midpoint(bid, ask));
            let spread = (ask.value() - bid.value()) / bid.value().midpoint(ask.value());
            json.json("spread_pct", &number::computed(spread * 100.0));
        }
    }
}

fn last_quote<'a>(scope: &mut Scope, of: &LastQuote<'a>) -> Option<Quote<'a>> {
    let event_ms = scope.time(of.last_updated, "last_updated", Unit::Nanos);
    quote(scope, &quote_fields(of), event_ms)
}

/// Price and time.
fn last_trade<'a>(scope: &mut Scope, of: &LastTrade<'a>) -> Option<(Decimal<'a>, Option<i64>)> {
    let price = scope.price(of.price, "price", Sign::Positive);
    let event_ms = scope.time(of.sip_timestamp, "sip_timestamp", Unit::Nanos);
    Some((price?, event_ms.ok()?))
}

/// Volume and time of a day.
fn volume<'a>(scope: &mut Scope, of: &Session<'a>) -> Option<(Option<Decimal<'a>>, Option<i64>)> {
    let volume = scope.amount(of.volume, "volume");
    let event_ms = scope.time(of.last_updated, "last_updated", Unit::Nanos);
    Some((volume, event_ms.ok()?))
}
