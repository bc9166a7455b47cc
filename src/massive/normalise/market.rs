//! How the market stands, and which days differ: `/v1/marketstatus/now` and `/v1/marketstatus/upcoming`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::scope::Scope;
use crate::massive::answer::fields::{Holiday as HolidayFields, MarketNow};
use crate::massive::answer::node::Raw;
use crate::massive::answer::request::date;
use crate::massive::facts::Reason;
use crate::massive::session::Session;
use crate::massive::session::calendar::{DayStatus, Holiday, date_of};

/// Most groups of indices that are read.
const GROUPS_MAX: usize = 64;

/// How the market stands, in the vendor's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Market {
    pub session: Option<Session>,
    /// The vendor's clock: milliseconds since 1970.
    pub server_ms: Option<i64>,
    /// Each group of indices with its own status, such as `open`.
    pub indices: BTreeMap<String, String>,
}

/// How the market stands.
pub fn market(scope: &mut Scope, of: &MarketNow) -> Market {
    let early = scope.boolean(of.early_hours, "earlyHours") == Some(true);
    let after = scope.boolean(of.after_hours, "afterHours") == Some(true);
    let session = match (scope.text(of.market, "market").as_deref(), early, after) {
        (Some("open"), ..) => Some(Session::Open),
        (Some("closed"), ..) => Some(Session::Closed),
        (Some("extended-hours"), true, false) => Some(Session::Pre),
        (Some("extended-hours"), false, true) => Some(Session::After),
        _ => {
            scope.refuse("market", Reason::Missing);
            None
        }
    };
    Market {
        session,
        server_ms: moment(scope, of.server_time, "serverTime"),
        indices: groups(scope, of.indices_groups),
    }
}

fn groups(scope: &mut Scope, raw: Raw) -> BTreeMap<String, String> {
    let Some(json) = raw.get() else {
        return BTreeMap::new();
    };
    match serde_json::from_str::<BTreeMap<String, String>>(json) {
        Ok(groups) => groups.into_iter().take(GROUPS_MAX).collect(),
        Err(_) => {
            scope.refuse("indicesGroups", Reason::WrongType);
            BTreeMap::new()
        }
    }
}

/// An RFC 3339 time in milliseconds since 1970.
fn moment(scope: &mut Scope, raw: Raw, field: &str) -> Option<i64> {
    let text = scope.text(raw, field)?;
    let moment = text.parse::<Timestamp>().ok();
    if moment.is_none() {
        scope.refuse(field, Reason::BadTime);
    }
    moment.map(Timestamp::as_millisecond)
}

/// A day that differs, for one exchange; `None` when it cannot be told which, or how.
pub fn holiday(scope: &mut Scope, of: &HolidayFields) -> Option<Holiday> {
    let text = scope.text(of.date, "date");
    let Some(date) = text.as_deref().and_then(date) else {
        let reason = text.map_or(Reason::Missing, |_| Reason::BadTime);
        scope.refuse("date", reason);
        return None;
    };
    let Some(exchange) = scope.text(of.exchange, "exchange") else {
        scope.refuse("exchange", Reason::Missing);
        return None;
    };
    let open_ms = moment(scope, of.open, "open");
    let close_ms = moment(scope, of.close, "close");
    let status = match scope.text(of.status, "status").as_deref() {
        Some("closed") => DayStatus::Closed,
        Some("early-close") => {
            let on_the_day = |ms: &i64| date_of(*ms) == date;
            let hours = open_ms.filter(on_the_day).zip(close_ms.filter(on_the_day));
            match hours.filter(|(open_ms, close_ms)| open_ms < close_ms) {
                Some((open_ms, close_ms)) => DayStatus::EarlyClose { open_ms, close_ms },
                None => {
                    scope.refuse("close", Reason::BadTime);
                    return None;
                }
            }
        }
        _ => {
            scope.refuse("status", Reason::Missing);
            return None;
        }
    };
    Some(Holiday {
        date,
        status,
        exchanges: vec![exchange.into_owned()],
    })
}
