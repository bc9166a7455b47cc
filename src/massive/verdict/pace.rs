//! How long failures make a job wait, and too many calls everybody.

use std::time::Duration;

use crate::net::backoff::{Backoff, Jitter};

/// From 2 s to 5 min, a fifth more or less.
const BACK_OFF: Backoff = Backoff::new(
    Duration::from_secs(2),
    Duration::from_secs(300),
    Jitter::Fifth,
);
/// After so many failures in a row only one request at a time goes out.
const FAILURES_BEFORE_PROBES: u32 = 5;
/// A second 429 within this time lowers the budget, for that time.
const TOO_MANY_AGAIN_MS: i64 = 600_000;
const LOWERED_FOR_MS: i64 = 3_600_000;
/// To how many percent.
const LOWERED_PERCENT: u32 = 80;

/// The wait after so many failures in a row (from 1); `seed` is as for [`Backoff::pause`].
pub fn back_off(failures: u32, seed: u64) -> Duration {
    BACK_OFF.pause(failures, seed)
}

/// Does only one request at a time go out after so many failures in a row?
pub fn is_probing(failures: u32) -> bool {
    failures >= FAILURES_BEFORE_PROBES
}

/// Keeps count of answers that say "too many calls", and lowers the budget after two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    last_ms: Option<i64>,
    lowered_until_ms: Option<i64>,
}

impl Throttle {
    /// Notes such an answer.
    pub fn too_many(&mut self, now_ms: i64) {
        let is_second = self
            .last_ms
            .is_some_and(|last_ms| (0..=TOO_MANY_AGAIN_MS).contains(&(now_ms - last_ms)));
        if is_second {
            self.lowered_until_ms = Some(now_ms + LOWERED_FOR_MS);
        }
        self.last_ms = Some(now_ms);
    }

    /// How many calls a minute are taken of those that the plan allows; never none.
    pub fn allowed(&self, per_min: u32, now_ms: i64) -> u32 {
        let is_lowered = self.lowered_until_ms.is_some_and(|until_ms| {
            // A clock that stepped back does not prolong it.
            now_ms < until_ms && until_ms - now_ms <= LOWERED_FOR_MS
        });
        if is_lowered {
            (per_min * LOWERED_PERCENT / 100).max(1)
        } else {
            per_min
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_up_to_five_minutes() {
        for (failures, secs) in [
            (1, 2.0),
            (2, 4.0),
            (3, 8.0),
            (8, 256.0),
            (9, 300.0),
            (u32::MAX, 300.0),
        ] {
            for seed in 0..100 {
                let part = back_off(failures, seed).as_secs_f64() / secs;
                assert!((0.8..=1.2).contains(&part), "{failures}: {part}");
            }
        }
        assert!(!is_probing(4) && is_probing(5));
    }

    #[test]
    fn two_refusals_within_ten_minutes_lower_the_budget_for_an_hour() {
        let mut throttle = Throttle::default();
        throttle.too_many(0);
        assert_eq!(throttle.allowed(5, 1), 5);
        throttle.too_many(700_000);
        assert_eq!(throttle.allowed(5, 700_001), 5, "too long after the first");
        throttle.too_many(1_300_000);
        assert_eq!(throttle.allowed(5, 1_300_001), 4);
        assert_eq!(throttle.allowed(1, 1_300_001), 1, "never none");
        assert_eq!(throttle.allowed(5, 1_300_000 + LOWERED_FOR_MS), 5);
        assert_eq!(
            throttle.allowed(5, -LOWERED_FOR_MS),
            5,
            "a clock that stepped back"
        );
    }
}
