//! What `market check` tells of an answer: the values as they would be written had it come now, and everything that was
//! refused or is missing.

use super::answer::NotUnderstood;
use super::answer::request::{Path, Request};
use super::chain::contract::Contract;
use super::chain::is_refused;
use super::facts::{Bar, Reason, Refusal, Refusals, Spot, Tick, TradeRule};
use super::normalise::market::Market;
use super::normalise::{self, Facts};
use super::record::{Field, Fields, ObjectWriter, Record, day_fields, integer, price_fields};
use super::session::calendar::{DayStatus, Holiday};
use super::session::fresh::Limits;
use super::session::{MarketClock, Standing, clock_offset_ms};
use crate::clock::rfc3339_millis;

/// The ages that truth has when it says nothing.
const LIMITS: Limits = Limits {
    stale_ms: 120_000,
    interval_ms: 60_000,
};

/// The report of an answer that was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Each with `symbol` (or what else it is about) and the names of the wire.
    pub values: Vec<Value>,
    pub market: Option<Market>,
    pub calendar: Vec<Holiday>,
    pub problems: Vec<Refusal>,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Fields(Fields),
    /// A contract, which is JSON already.
    Json(String),
}

impl Value {
    /// As one JSON object.
    pub fn json(&self) -> String {
        match self {
            Value::Fields(fields) => {
                let mut json = ObjectWriter::with_capacity(512);
                json.fields(fields);
                json.finish()
            }
            Value::Json(json) => json.clone(),
        }
    }
}

/// When an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// Somebody said so; else the vendor's clock is not judged by it: a file may be of any age.
    pub is_given: bool,
}

/// Reads an answer as a poll would, and reports on it.
///
/// # Errors
/// It is not understood.
pub fn check(body: &[u8], request: &Request, came: Came) -> Result<Report, NotUnderstood> {
    let facts = normalise::read(body, request, came.now_ms)?;
    let mut refusals = facts.refusals.clone();
    if let Some(server_ms) = facts.market.as_ref().and_then(|market| market.server_ms)
        && came.is_given
        && clock_offset_ms(server_ms, came.now_ms).is_none()
    {
        refusals.add("", "serverTime".to_owned(), Reason::BadTime);
    }
    let values = values(&facts, request, came.now_ms, &mut refusals);
    Ok(Report {
        values,
        market: facts.market,
        calendar: facts.calendar,
        problems: refusals.list().to_vec(),
    })
}

fn values(facts: &Facts, request: &Request, now_ms: i64, refusals: &mut Refusals) -> Vec<Value> {
    let standing = MarketClock::default().at(now_ms);
    let mut values = Vec::new();
    let spots = facts.spots.iter().filter(|spot| {
        // What says nothing at all is no record; why it is none stands among the problems.
        spot.price.is_some() || spot.quote.is_some() || spot.day.is_some()
    });
    values.extend(spots.map(|spot| Value::Fields(of_spot(spot, standing, now_ms))));
    let read = facts.dropped + facts.contracts.len();
    if request.path == Path::OptionChain && is_refused(facts.dropped, read) {
        refusals.add("", "results".to_owned(), Reason::TooManyDropped);
    } else {
        let contracts = facts.contracts.iter();
        values.extend(contracts.map(|contract| Value::Json(of_contract(contract))));
    }
    values.extend(facts.bars.iter().map(|bar| Value::Fields(of_bar(bar))));
    values.extend(facts.ticks.iter().map(|tick| Value::Fields(of_tick(tick))));
    values.extend(facts.rules.iter().map(|rule| Value::Fields(of_rule(rule))));
    values
}

fn symbol(name: &str) -> Fields {
    match name {
        "" => Vec::new(),
        name => vec![("symbol", Field::Text(name.to_owned()))],
    }
}

fn of_spot(spot: &Spot, standing: Standing, now_ms: i64) -> Fields {
    let record = Record {
        price: spot.price.as_ref(),
        quote: spot.quote.as_ref(),
        day: spot.day.as_ref(),
        band: None,
        session: spot.session,
        fetched_ms: Some(now_ms),
        fault: None,
        source: "massive",
    };
    let mut fields = symbol(&spot.symbol);
    fields.extend(record.fields(LIMITS, standing, now_ms));
    fields
}

/// A contract as it stands in its chain, and under the name that all values have.
fn of_contract(contract: &Contract) -> String {
    let members = contract.json.strip_prefix('{').unwrap_or_default();
    format!(r#"{{"symbol":"{}",{members}"#, contract.ticker)
}

fn of_bar(bar: &Bar) -> Fields {
    let mut fields = symbol(&bar.symbol);
    integer(&mut fields, "start_ms", Some(bar.start_ms));
    day_fields(&mut fields, &bar.day);
    fields
}

fn of_tick(tick: &Tick) -> Fields {
    let mut fields = symbol(&tick.symbol);
    price_fields(&mut fields, &tick.price);
    integer(&mut fields, "sequence", tick.price.sequence);
    fields
}

fn of_rule(rule: &TradeRule) -> Fields {
    let mut fields = Vec::new();
    integer(&mut fields, "condition", Some(rule.id));
    fields.push(("name", Field::Text(rule.name.clone())));
    if let Some(updates) = rule.updates_price {
        integer(&mut fields, "updates_price", Some(i64::from(updates)));
    }
    fields
}

impl Report {
    /// `{"values":[…],"session":…,"calendar":[…],"problems":[…]}`. No value that was refused stands in it.
    pub fn json(&self) -> String {
        let list = |items: Vec<String>| format!("[{}]", items.join(",\n"));
        let mut json = ObjectWriter::with_capacity(4_096);
        json.json(
            "values",
            &list(self.values.iter().map(Value::json).collect()),
        );
        let session = self.market.as_ref().and_then(|market| market.session);
        match session {
            Some(session) => json.text("session", session.word()),
            None => json.json("session", "null"),
        }
        if let Some(market) = &self.market {
            json.integer("server_ms", market.server_ms);
            let mut groups = ObjectWriter::with_capacity(256);
            for (group, status) in &market.indices {
                groups.quoted(group, status);
            }
            json.json("indices", &groups.finish());
        }
        json.json(
            "calendar",
            &list(self.calendar.iter().map(day_json).collect()),
        );
        json.json(
            "problems",
            &list(self.problems.iter().map(problem_json).collect()),
        );
        json.finish()
    }

    /// Was everything taken?
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The report of an answer that was not understood, or of a path that is none.
pub fn refused_json(why: &str) -> String {
    let mut problem = ObjectWriter::with_capacity(128);
    problem.text("symbol", "");
    problem.text("path", "");
    problem.text("reason", why);
    format!(
        r#"{{"values":[],"session":null,"calendar":[],"problems":[{}]}}"#,
        problem.finish()
    )
}

fn problem_json(problem: &Refusal) -> String {
    let mut json = ObjectWriter::with_capacity(128);
    json.text("symbol", &problem.symbol);
    json.text("path", &problem.path);
    json.text("reason", problem.reason.word());
    json.finish()
}

fn day_json(day: &Holiday) -> String {
    let mut json = ObjectWriter::with_capacity(128);
    json.text("date", &day.date.to_string());
    match day.status {
        DayStatus::Closed => json.text("status", "closed"),
        DayStatus::EarlyClose { open_ms, close_ms } => {
            json.text("status", "early-close");
            json.text("open", &rfc3339_millis(open_ms.unsigned_abs()));
            json.text("close", &rfc3339_millis(close_ms.unsigned_abs()));
            json.integer("open_ms", Some(open_ms));
            json.integer("close_ms", Some(close_ms));
        }
    }
    let exchanges = serde_json::Value::from(day.exchanges.clone()).to_string();
    json.json("exchanges", &exchanges);
    json.finish()
}
