//! Why a service stands as it does, in a few words. Pure.

use std::time::Duration;

use super::oversight::{Standing, State};
use crate::clock::human;
use crate::contract::Health;

/// What there is to say of `standing` beside its word; empty when that says all.
pub fn why(standing: &Standing, health: Option<&Health>, now_ts: i64) -> String {
    if let Some(reason) = &standing.reason {
        return reason.to_string();
    }
    match (
        standing.state,
        health.and_then(|health| health.last_seen_ts),
    ) {
        (State::Off, _) => "not watched".into(),
        (State::Down, Some(seen)) => {
            let secs = u64::try_from(now_ts - seen).unwrap_or(0);
            format!("no beat for {}", human(Duration::from_secs(secs)))
        }
        (State::Down, None) => "no beat was ever heard".into(),
        _ => String::new(),
    }
}
