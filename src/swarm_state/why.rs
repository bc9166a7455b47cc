//! Why a service stands as it does, in a few words. Pure.

use std::time::Duration;

use super::oversight::{Standing, State};
use crate::clock::human;
use crate::contract::Health;

/// What there is to say of `standing` beside its word; empty when that says all.
pub fn why(standing: &Standing, health: Option<&Health>, now_ts: i64) -> String {
    let reason = standing.reason.as_ref().map(ToString::to_string);
    match (standing.state, reason) {
        // What it said of itself before it fell silent is not why it is down.
        (State::Down, Some(said)) => format!("{}; before that: {said}", silent(health, now_ts)),
        (State::Down, None) => silent(health, now_ts),
        (_, Some(reason)) => reason,
        (State::Off, None) => "not watched".into(),
        _ => String::new(),
    }
}

fn silent(health: Option<&Health>, now_ts: i64) -> String {
    let Some(seen) = health.and_then(|health| health.last_seen_ts) else {
        return "no beat was ever heard".into();
    };
    let secs = u64::try_from(now_ts - seen).unwrap_or(0);
    format!("no beat for {}", human(Duration::from_secs(secs)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_fell_silent_is_down_for_that_and_not_for_what_it_said_before() {
        let health = json!({
            "svc": "a", "status": "down", "since_ts": 1030, "last_seen_ts": null, "as_of_ts": 1030, "last_i": null,
            "timeout_sec": 30.0, "misses": 1, "restarts": 0, "alert": null,
        });
        let mut health: Health = serde_json::from_value(health).expect("a snapshot");
        let down = |reason: Option<&str>| Standing {
            reason: reason.map(Into::into),
            ..State::Down.into()
        };
        assert_eq!(
            why(&down(None), Some(&health), 1031),
            "no beat was ever heard"
        );
        health.last_seen_ts = Some(1000);
        let said = why(&down(Some("a disk is full")), Some(&health), 1031);
        assert_eq!(said, "no beat for 31 s; before that: a disk is full");
    }
}
