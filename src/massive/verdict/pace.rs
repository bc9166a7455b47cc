//! How long failures make a job wait, and too many calls everybody.

use std::time::Duration;

/// The first and the longest back-off, and how far chance moves it.
const BACK_OFF_MIN: Duration = Duration::from_secs(2);
const BACK_OFF_MAX: Duration = Duration::from_secs(300);
const BACK_OFF_JITTER: f64 = 0.2;
/// After so many failures in a row only one request at a time goes out.
const FAILURES_BEFORE_PROBES: u32 = 5;
/// A second 429 within this time lowers the budget, for that time.
const TOO_MANY_AGAIN_MS: i64 = 600_000;
const LOWERED_FOR_MS: i64 = 3_600_000;
/// To how many percent.
const LOWERED_PERCENT: u32 = 80;

/// The wait after so many failures in a row (from 1), with a chance from 0 to 1 for its jitter.
pub fn back_off(failures: u32, chance: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let wait = (BACK_OFF_MIN * (1 << doublings)).min(BACK_OFF_MAX);
    wait.mul_f64(1.0 + BACK_OFF_JITTER * (2.0 * chance.clamp(0.0, 1.0) - 1.0))
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
        let secs = |failures| back_off(failures, 0.5).as_secs_f64();
        assert_eq!([secs(1), secs(2), secs(3)], [2.0, 4.0, 8.0]);
        assert_eq!([secs(8), secs(9), secs(u32::MAX)], [256.0, 300.0, 300.0]);
        assert!((back_off(1, 0.0).as_secs_f64() - 1.6).abs() < 1e-9);
        assert!((back_off(9, 1.0).as_secs_f64() - 360.0).abs() < 1e-9);
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
