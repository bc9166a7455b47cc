//! From an answer to facts: what is taken, and what is refused with its place and reason.
//!
//! Nothing is made up: a price is one of the vendor's numbers under a documented name, dated by the vendor's own time
//! for it, and what is not there stays absent. Bytes, the request and the time come in; facts go out.

pub mod bars;
mod finish;
pub mod groups;
pub mod held;
pub mod market;
pub mod scope;
pub mod snapshot;
pub mod ticker;

use hashbrown::HashSet;

use super::answer::fields::{
    Bar as BarFields, Condition, Holiday as HolidayFields, MarketNow, Snapshot, Tick as TickFields,
    Ticker, Trade as TradeFields,
};
use super::answer::node::{Fields, Nobody, Object, Presence, Raw, Slot};
use super::answer::request::{Path, Request};
use super::answer::{self, Answer, NotUnderstood};
use super::chain::contract::Contract;
use super::facts::{Bar, Kind, Reason, Refusals, Spot, Tick, TradeRule};
use super::session::calendar::Holiday;
use super::symbol::{Class, class, ticker_text};
use super::verdict::{self, Code};
use market::Market;
use scope::Scope;

/// Most rows of a calendar that are read.
const HOLIDAYS_MAX: usize = 1_000;

/// What an answer says, in the order of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts<'a> {
    pub spots: Vec<Spot<'a>>,
    pub contracts: Vec<Contract>,
    pub bars: Vec<Bar<'a>>,
    pub ticks: Vec<Tick<'a>>,
    pub rules: Vec<TradeRule>,
    pub market: Option<Market>,
    pub calendar: Vec<Holiday>,
    pub refusals: Refusals,
    /// Elements that should have been contracts and are none.
    pub dropped: usize,
    /// What the envelope stands for; everything else is empty unless it is [`Code::Good`].
    pub code: Code,
    /// Where the next page is, in the vendor's words.
    pub next_url: Option<String>,
}

/// Reads an answer.
///
/// # Errors
/// It is not understood: not JSON, cut, too long, or JSON of another kind.
pub fn read<'a>(
    body: &'a [u8],
    request: &Request,
    now_ms: i64,
) -> Result<Facts<'a>, NotUnderstood> {
    let mut reading = Reading {
        request,
        now_ms,
        facts: Facts::default(),
        seen: HashSet::new(),
    };
    let answer = match request.path {
        Path::MarketStatus => reading.market(body)?,
        Path::MarketHolidays => reading.list(body, Reading::holiday)?,
        Path::UnifiedSnapshot
        | Path::IndicesSnapshot
        | Path::OptionChain
        | Path::OptionContract => reading.list(body, Reading::snapshot)?,
        Path::FullMarketSnapshot | Path::SingleTickerSnapshot => {
            reading.list(body, Reading::ticker)?
        }
        Path::DailyMarketSummary | Path::PreviousDayBar => reading.list(body, Reading::daily)?,
        Path::LastTrade => reading.list(body, Reading::last_trade)?,
        Path::CustomBars => reading.list(body, Reading::bar)?,
        Path::Trades => reading.list(body, Reading::tick)?,
        Path::ConditionCodes => reading.list(body, Reading::rule)?,
    };
    reading.finish(&answer);
    Ok(reading.facts)
}

/// An answer being read.
struct Reading<'r, 'a> {
    request: &'r Request,
    now_ms: i64,
    facts: Facts<'a>,
    /// Symbols that were there already.
    seen: HashSet<String>,
}

impl<'a> Reading<'_, 'a> {
    fn list<T: Fields<'a> + Default>(
        &mut self,
        body: &'a [u8],
        take: fn(&mut Self, usize, &T),
    ) -> Result<Answer<'a>, NotUnderstood> {
        let list = self.request.path.list();
        answer::read::<T>(
            body,
            list,
            &mut Nobody,
            &mut |nth, element| match element.presence {
                Presence::There => take(self, nth, &element.fields),
                _ => self.scope("", nth).refuse("", Reason::WrongType),
            },
        )
    }

    fn market(&mut self, body: &'a [u8]) -> Result<Answer<'a>, NotUnderstood> {
        let mut now: Object<MarketNow> = Object::default();
        let answer = answer::read::<NoFields>(body, Some(""), &mut now, &mut |_, _| {})?;
        if verdict::code_of(&answer.envelope) == Code::Good {
            let mut scope = self.scope("", 0);
            scope.nth = None;
            let market = market::market(&mut scope, &now.fields);
            self.facts.market = Some(market);
        }
        Ok(answer)
    }

    fn scope<'s>(&'s mut self, symbol: &'s str, nth: usize) -> Scope<'s> {
        let path = self.request.path;
        let is_one = matches!(
            path,
            Path::SingleTickerSnapshot | Path::LastTrade | Path::OptionContract
        );
        Scope {
            symbol,
            list: path.list().unwrap_or(""),
            nth: (!is_one).then_some(nth),
            group: "",
            now_ms: self.now_ms,
            refusals: &mut self.facts.refusals,
        }
    }

    /// Is this element's symbol one that was asked for, and not there yet?
    fn admit(&mut self, raw: Raw, field: &str, nth: usize) -> Option<String> {
        // Where the path names the one symbol, an element need not repeat it.
        let subject = self.request.subject();
        let named = raw
            .get()
            .map_or(subject, |_| raw.get().and_then(ticker_text));
        let Some(symbol) = named.map(str::to_owned) else {
            self.scope("", nth).refuse(field, Reason::NoTicker);
            return None;
        };
        let refused = if !self.request.wants(&symbol) {
            // The daily summary has the whole market, whatever is wanted of it.
            if self.request.path == Path::DailyMarketSummary {
                return None;
            }
            Reason::NotAsked
        } else if !self.seen.insert(symbol.clone()) {
            Reason::Double
        } else {
            return Some(symbol);
        };
        self.scope(&symbol, nth).refuse("", refused);
        None
    }

    fn snapshot(&mut self, nth: usize, of: &Snapshot<'a>) {
        if matches!(self.request.path, Path::OptionChain | Path::OptionContract) {
            self.contract(nth, of);
            return;
        }
        let Some(symbol) = self.admit(of.ticker, "ticker", nth) else {
            return;
        };
        let mut scope = self.scope(&symbol, nth);
        let error = scope.text(of.error, "error");
        if let Some(error) = error.as_deref().filter(|error| !error.is_empty()) {
            let reason = match error {
                "NOT_FOUND" => Reason::NotFound,
                "NOT_ENTITLED" => Reason::NotEntitled,
                _ => Reason::VendorError,
            };
            scope.refuse("error", reason);
            return;
        }
        match scope.text(of.kind, "type").as_deref() {
            Some("crypto" | "fx") => scope.refuse("type", Reason::OtherMarket),
            Some("options") => self.contract(nth, of),
            _ if class(&symbol) == Class::Option => self.contract(nth, of),
            _ => {
                let spot = snapshot::spot(&mut scope, of);
                self.spot(spot, nth);
            }
        }
    }

    fn contract(&mut self, nth: usize, of: &Snapshot<'a>) {
        let Some(contract) = Contract::read(&mut self.scope("", nth), of) else {
            self.facts.dropped += 1;
            return;
        };
        let in_chain = matches!(self.request.path, Path::OptionChain | Path::OptionContract);
        let refused = if in_chain && !self.wants_contract(&contract) {
            Reason::NotAsked
        } else if in_chain && !self.seen.insert(contract.ticker.clone()) {
            Reason::Double
        } else {
            self.facts.contracts.push(contract);
            return;
        };
        self.scope(&contract.ticker, nth).refuse("", refused);
    }

    fn wants_contract(&self, contract: &Contract) -> bool {
        let word = contract.contract_type.word();
        self.request.wants(&contract.ticker)
            && self
                .request
                .wants_contract(contract.expiration, contract.strike.value(), word)
    }

    fn spot(&mut self, spot: Spot<'a>, nth: usize) {
        if spot.price.is_none() {
            self.scope(&spot.symbol, nth).refuse("", Reason::NoPrice);
        }
        self.facts.spots.push(spot);
    }

    fn ticker(&mut self, nth: usize, of: &Ticker<'a>) {
        if let Some(symbol) = self.admit(of.ticker, "ticker", nth) {
            let spot = ticker::spot(&mut self.scope(&symbol, nth), of);
            self.spot(spot, nth);
        }
    }

    fn daily(&mut self, nth: usize, of: &BarFields<'a>) {
        let kind = match self.request.path {
            Path::PreviousDayBar => Kind::Prev,
            _ => Kind::Day,
        };
        if let Some(symbol) = self.admit(of.ticker, "T", nth) {
            let spot = bars::daily(&mut self.scope(&symbol, nth), of, kind);
            self.spot(spot, nth);
        }
    }

    fn last_trade(&mut self, nth: usize, of: &TradeFields<'a>) {
        if let Some(symbol) = self.admit(of.ticker, "T", nth) {
            let price = ticker::trade(&mut self.scope(&symbol, nth), of);
            let spot = Spot {
                symbol,
                price,
                quote: None,
                day: None,
                session: None,
            };
            self.spot(spot, nth);
        }
    }

    fn bar(&mut self, nth: usize, of: &BarFields<'a>) {
        let symbol = self.request.subject().unwrap_or_default().to_owned();
        let bar = bars::of_range(&mut self.scope(&symbol, nth), of);
        self.facts.bars.extend(bar);
    }

    fn tick(&mut self, nth: usize, of: &TickFields<'a>) {
        let symbol = self.request.subject().unwrap_or_default().to_owned();
        let tick = bars::tick(&mut self.scope(&symbol, nth), of);
        self.facts.ticks.extend(tick);
    }

    fn rule(&mut self, nth: usize, of: &Condition<'a>) {
        let rule = bars::rule(&mut self.scope("", nth), of);
        self.facts.rules.extend(rule);
    }

    fn holiday(&mut self, nth: usize, of: &HolidayFields<'a>) {
        if nth >= HOLIDAYS_MAX {
            return;
        }
        let Some(holiday) = market::holiday(&mut self.scope("", nth), of) else {
            return;
        };
        let same = self
            .facts
            .calendar
            .iter_mut()
            .find(|day| (day.date, day.status) == (holiday.date, holiday.status));
        match same {
            Some(day) => day.exchanges.extend(holiday.exchanges),
            None => self.facts.calendar.push(holiday),
        }
    }
}

/// Elements of an answer that has none.
#[derive(Default)]
struct NoFields;

impl<'a> Fields<'a> for NoFields {
    fn slot(&mut self, _: &str) -> Slot<'_, 'a> {
        Slot::Unused
    }
}

#[cfg(test)]
pub mod tests;
