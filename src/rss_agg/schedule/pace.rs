//! How long a feed rests between two polls.
//!
//! After an answer: `clamp(max(interval, ttl, max-age, sy), min, max)`, then what the publisher asks beyond that:
//! `Retry-After` (never shortened by `max`, at most 24 h) and the hours and days it wants to be left alone.
//! After a failure: doubling from the interval up to 24 h, with jitter.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::net::backoff::{Backoff, Jitter};

/// No publisher and no failure keeps a feed waiting for longer than this.
pub const DAY_SEC: u64 = 24 * 3600;
const HOUR_SEC: u64 = 3600;

/// What truth says about how often a feed is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    pub interval_sec: u64,
    pub min_sec: u64,
    pub max_sec: u64,
}

impl Pace {
    fn clamp(self, secs: u64) -> u64 {
        // `min` wins when truth has them the wrong way round: polling too seldom harms nobody.
        secs.min(self.max_sec).max(self.min_sec)
    }
}

/// What a publisher says about how often it wants to be asked; what it does not say is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hints {
    /// RSS `<ttl>`.
    pub ttl_sec: Option<u64>,
    /// `Cache-Control: max-age`, less `Age`.
    pub max_age_sec: Option<u64>,
    /// `sy:updatePeriod` divided by `sy:updateFrequency`.
    pub sy_sec: Option<u64>,
    /// `Retry-After`.
    pub retry_after_sec: Option<u64>,
    /// RSS `<skipHours>`: bit h is hour h of the day in GMT.
    pub skip_hours: u32,
    /// RSS `<skipDays>`: bit 0 is Monday.
    pub skip_days: u8,
}

/// How long, and for which reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    pub secs: u64,
    pub why: Why,
}

/// What decided the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Interval,
    Ttl,
    MaxAge,
    UpdatePeriod,
    /// `schedule.min_sec` of truth.
    Minimum,
    /// `schedule.max_sec` of truth.
    Maximum,
    RetryAfter,
    SkippedHours,
    BackOff {
        failures: u32,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Interval => f.write_str("interval"),
            Why::Ttl => f.write_str("the feed's ttl"),
            Why::MaxAge => f.write_str("Cache-Control max-age"),
            Why::UpdatePeriod => f.write_str("the feed's sy:updatePeriod"),
            Why::Minimum => f.write_str("schedule.min_sec"),
            Why::Maximum => f.write_str("schedule.max_sec"),
            Why::RetryAfter => f.write_str("Retry-After"),
            Why::SkippedHours => f.write_str("the feed's skipHours or skipDays"),
            Why::BackOff { failures } => write!(f, "back-off after {failures} failures in a row"),
        }
    }
}

/// The rest after an answer that was understood (200 or 304), which came at `now_ts`.
pub fn after_answer(pace: Pace, hints: &Hints, now_ts: i64) -> Wait {
    let asked = [
        (Some(pace.interval_sec), Why::Interval),
        (hints.ttl_sec, Why::Ttl),
        (hints.max_age_sec, Why::MaxAge),
        (hints.sy_sec, Why::UpdatePeriod),
    ];
    let (secs, why) = asked
        .into_iter()
        .filter_map(|(secs, why)| Some((secs?, why)))
        .fold((0, Why::Interval), |a, b| if b.0 > a.0 { b } else { a });
    let clamped = pace.clamp(secs);
    let why = match clamped {
        c if c > secs => Why::Minimum,
        c if c < secs => Why::Maximum,
        _ => why,
    };
    let wait = no_sooner_than_asked(Wait { secs: clamped, why }, hints.retry_after_sec);
    out_of_skipped_hours(wait, hints, now_ts)
}

/// The rest after the `failures`-th failure in a row. `seed` differs from feed to feed: it spreads those that failed
/// together, so that a server that comes back is not met by all of them at once.
pub fn after_failure(pace: Pace, failures: u32, retry_after_sec: Option<u64>, seed: u64) -> Wait {
    let first = Duration::from_secs(pace.clamp(pace.interval_sec).clamp(1, DAY_SEC));
    let backoff = Backoff::new(first, Duration::from_secs(DAY_SEC), Jitter::QuarterLonger);
    let secs = backoff.pause(failures, seed).as_secs();
    let wait = Wait {
        secs,
        why: Why::BackOff { failures },
    };
    no_sooner_than_asked(wait, retry_after_sec)
}

/// A number that stands for a feed's id, the same in every run (FNV-1a).
pub fn key_of(feed: &str) -> u64 {
    feed.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn no_sooner_than_asked(wait: Wait, retry_after_sec: Option<u64>) -> Wait {
    match retry_after_sec.map(|asked| asked.min(DAY_SEC)) {
        Some(secs) if secs > wait.secs => Wait {
            secs,
            why: Why::RetryAfter,
        },
        _ => wait,
    }
}

/// Moves the end of the wait to the first hour in which the publisher wants to be asked.
/// A feed that skips every hour of every day means nothing by it, and is not obeyed.
fn out_of_skipped_hours(wait: Wait, hints: &Hints, now_ts: i64) -> Wait {
    let due_ts = now_ts.saturating_add_unsigned(wait.secs);
    if !is_skipped(hints, due_ts) {
        return wait;
    }
    let hour = HOUR_SEC as i64;
    let next_hour_ts = due_ts - due_ts.rem_euclid(hour) + hour;
    let open = (0..7 * 24)
        .map(|h| next_hour_ts + h * hour)
        .find(|&ts| !is_skipped(hints, ts));
    match open {
        Some(ts) => Wait {
            secs: ts.abs_diff(now_ts),
            why: Why::SkippedHours,
        },
        None => wait,
    }
}

fn is_skipped(hints: &Hints, ts: i64) -> bool {
    let hour_of_day = ts.rem_euclid(DAY_SEC as i64) / HOUR_SEC as i64;
    // 1970-01-01 was a Thursday: day 3 when Monday is day 0.
    let day_of_week = (ts.div_euclid(DAY_SEC as i64) + 3).rem_euclid(7);
    hints.skip_hours >> hour_of_day & 1 == 1 || hints.skip_days >> day_of_week & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACE: Pace = Pace {
        interval_sec: 600,
        min_sec: 60,
        max_sec: 7200,
    };
    /// 2026-11-24, a Tuesday, at 22:10:00 GMT.
    const TUESDAY_22_10: i64 = 1_795_558_200;

    fn hints(set: impl FnOnce(&mut Hints)) -> Hints {
        let mut hints = Hints::default();
        set(&mut hints);
        hints
    }

    #[test]
    fn the_longest_request_wins_between_min_and_max() {
        let cases: [(Hints, u64, Why); 9] = [
            (Hints::default(), 600, Why::Interval),
            (hints(|h| h.ttl_sec = Some(3600)), 3600, Why::Ttl),
            (hints(|h| h.ttl_sec = Some(5)), 600, Why::Interval),
            (hints(|h| h.max_age_sec = Some(900)), 900, Why::MaxAge),
            (hints(|h| h.sy_sec = Some(1800)), 1800, Why::UpdatePeriod),
            (hints(|h| h.ttl_sec = Some(604_800)), 7200, Why::Maximum),
            (
                hints(|h| h.retry_after_sec = Some(10_000)),
                10_000,
                Why::RetryAfter,
            ),
            (
                hints(|h| h.retry_after_sec = Some(400_000)),
                DAY_SEC,
                Why::RetryAfter,
            ),
            (hints(|h| h.retry_after_sec = Some(3)), 600, Why::Interval),
        ];
        for (hints, secs, why) in cases {
            assert_eq!(
                after_answer(PACE, &hints, TUESDAY_22_10),
                Wait { secs, why },
                "{hints:?}"
            );
        }
        let hasty = Pace {
            interval_sec: 1,
            ..PACE
        };
        assert_eq!(
            after_answer(hasty, &Hints::default(), TUESDAY_22_10),
            Wait {
                secs: 60,
                why: Why::Minimum
            }
        );
    }

    #[test]
    fn skipped_hours_and_days_are_waited_out() {
        // Due at 22:20; hours 22 and 23 are skipped: midnight.
        let night = hints(|h| h.skip_hours = 1 << 22 | 1 << 23);
        let wait = after_answer(PACE, &night, TUESDAY_22_10);
        assert_eq!((wait.secs, wait.why), (110 * 60, Why::SkippedHours));

        // Tuesday and Wednesday are skipped: Thursday at 00:00.
        let days = hints(|h| h.skip_days = 0b0000_0110);
        let wait = after_answer(PACE, &days, TUESDAY_22_10);
        assert_eq!(wait.secs, 110 * 60 + DAY_SEC);

        // Another hour than the one in which it is due changes nothing.
        let morning = hints(|h| h.skip_hours = 1 << 8);
        assert_eq!(after_answer(PACE, &morning, TUESDAY_22_10).secs, 600);

        // Skipping everything means nothing.
        let never = hints(|h| h.skip_hours = (1 << 24) - 1);
        assert_eq!(after_answer(PACE, &never, TUESDAY_22_10).secs, 600);
    }

    #[test]
    fn failures_double_the_wait_up_to_a_day() {
        for (failures, at_least, at_most) in [
            (1, 600, 750),
            (2, 1200, 1500),
            (5, 9600, 12_000),
            (9, DAY_SEC * 3 / 4, DAY_SEC),
            (u32::MAX, DAY_SEC * 3 / 4, DAY_SEC),
        ] {
            let secs = after_failure(PACE, failures, None, 7).secs;
            assert!((at_least..=at_most).contains(&secs), "{failures}: {secs}");
        }
    }

    #[test]
    fn a_failure_with_retry_after_waits_as_long_as_asked() {
        let wait = after_failure(PACE, 1, Some(20_000), 7);
        assert_eq!((wait.secs, wait.why), (20_000, Why::RetryAfter));
        assert!(after_failure(PACE, 1, Some(5), 7).secs >= 600);
    }

    #[test]
    fn feeds_that_failed_together_do_not_come_back_together() {
        let mut waits: Vec<u64> = (0..100)
            .map(|i| after_failure(PACE, 3, None, key_of(&format!("feed-{i}"))).secs)
            .collect();
        waits.sort_unstable();
        waits.dedup();
        assert!(waits.len() > 70, "{} different waits", waits.len());
    }

    proptest! {
        #[test]
        fn no_wait_is_shorter_than_the_minimum_or_than_retry_after(
            interval in 0u64..100_000, min in 1u64..5000, span in 0u64..100_000,
            ttl in proptest::option::of(0u64..u64::MAX), age in proptest::option::of(0u64..u64::MAX),
            retry in proptest::option::of(0u64..u64::MAX), hours in 0u32..1 << 24, days in 0u8..128,
            failures in 1u32..40, now in 0i64..4_000_000_000, seed in 0u64..u64::MAX,
        ) {
            let pace = Pace { interval_sec: interval, min_sec: min, max_sec: min + span };
            let hints = Hints {
                ttl_sec: ttl, max_age_sec: age, retry_after_sec: retry, skip_hours: hours, skip_days: days,
                ..Hints::default()
            };
            let asked = retry.unwrap_or(0).min(DAY_SEC);
            let wait = after_answer(pace, &hints, now);
            prop_assert!(wait.secs >= min && wait.secs >= asked);
            if hours == 0 && days == 0 {
                prop_assert!(wait.secs <= pace.max_sec.max(asked));
            }
            prop_assert!(wait.secs <= pace.max_sec.max(asked) + 8 * DAY_SEC);

            let wait = after_failure(pace, failures, retry, seed);
            prop_assert!(wait.secs >= asked && wait.secs <= DAY_SEC);
        }
    }
}
