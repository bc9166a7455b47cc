//! How long to wait before the next attempt: the number of the attempt and a seed give the pause. Pure.
//!
//! Pauses double up to a limit. Jitter keeps those that failed together from coming back together; it is drawn from the
//! seed, so that the same attempt of the same thing pauses equally long wherever it is computed.

use std::time::Duration;

/// Pauses that double from `first` to `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    jitter: Jitter,
}

/// Where in a step its pause lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Anywhere in the upper half.
    UpperHalf,
    /// The same, but the first pause is the whole step.
    UpperHalfAfterFirst,
    /// Up to a quarter longer than the step; where that could be longer than the longest, up to a quarter shorter than it.
    QuarterLonger,
    /// Up to a fifth shorter or longer.
    Fifth,
}

impl Backoff {
    /// Steps from `first` to `most`.
    pub const fn new(first: Duration, most: Duration, jitter: Jitter) -> Backoff {
        Backoff {
            first,
            most,
            jitter,
        }
    }

    /// The step of an attempt, before jitter. `failures` is the number of attempts that failed in a row, from 1.
    pub fn step(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }

    /// The pause after so many failures in a row, from 1. `seed` spreads those that failed together: a number that
    /// stands for what failed, or a random one.
    pub fn pause(&self, failures: u32, seed: u64) -> Duration {
        let step = self.step(failures);
        let chance = chance(seed ^ u64::from(failures));
        match self.jitter {
            Jitter::UpperHalfAfterFirst if failures <= 1 => step,
            Jitter::UpperHalf | Jitter::UpperHalfAfterFirst => step.mul_f64(0.5 + chance / 2.0),
            Jitter::QuarterLonger => {
                let room = step / 4;
                if step + room > self.most {
                    self.most - room.mul_f64(chance)
                } else {
                    step + room.mul_f64(chance)
                }
            }
            Jitter::Fifth => step.mul_f64(0.8 + 0.4 * chance),
        }
    }
}

/// A number below `span` that is fixed for a `key` and looks random over many of them.
pub fn spread(key: u64, span: u64) -> u64 {
    scatter(key) % span.max(1)
}

/// A number from 0 to below 1, fixed for a `key`.
fn chance(key: u64) -> f64 {
    // As many bits as the fraction of a float has.
    (scatter(key) >> 11) as f64 / (1u64 << 53) as f64
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): every bit of the key moves every bit of the result.
fn scatter(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    const SEC: Duration = Duration::from_secs(1);

    /// Between which parts of a step the pauses of each jitter lie.
    const PARTS: [(Jitter, f64, f64); 4] = [
        (Jitter::UpperHalf, 0.5, 1.0),
        (Jitter::UpperHalfAfterFirst, 0.5, 1.0),
        (Jitter::QuarterLonger, 0.75, 1.25),
        (Jitter::Fifth, 0.8, 1.2),
    ];

    #[test]
    fn steps_double_from_the_first_to_the_longest() {
        let backoff = Backoff::new(SEC, 300 * SEC, Jitter::UpperHalf);
        let steps = [1, 2, 3, 9, 10, 1000, u32::MAX].map(|n| backoff.step(n).as_secs());
        assert_eq!(steps, [1, 2, 4, 256, 300, 300, 300]);
        assert_eq!(backoff.step(0), SEC, "no failure is treated as the first");
        let endless = Backoff::new(Duration::MAX / 2, Duration::MAX, Jitter::UpperHalf);
        assert_eq!(endless.step(9), Duration::MAX);
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let backoff = Backoff::new(SEC, 300 * SEC, Jitter::Fifth);
        let mut pauses: Vec<Duration> = (0..1000).map(|seed| backoff.pause(5, seed)).collect();
        pauses.sort_unstable();
        pauses.dedup();
        assert!(pauses.len() > 990, "{} different pauses", pauses.len());
        let (least, most) = (pauses[0], pauses[pauses.len() - 1]);
        assert!(least < 13 * SEC && most > 19 * SEC, "{least:?} to {most:?}");
    }

    #[test]
    fn a_first_pause_may_be_exact() {
        let backoff = Backoff::new(SEC, 300 * SEC, Jitter::UpperHalfAfterFirst);
        assert!((0..100).all(|seed| backoff.pause(1, seed) == SEC));
        assert!((0..100).any(|seed| backoff.pause(2, seed) != 2 * SEC));
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]
        #[test]
        fn every_pause_lies_in_its_part_of_the_step(
            first in 1u64..1_000_000, span in 0u64..100_000_000, failures in 0u32..64, seed: u64,
        ) {
            let (first, most) = (Duration::from_micros(first), Duration::from_micros(first + span));
            for (jitter, from, to) in PARTS {
                let backoff = Backoff::new(first, most, jitter);
                let (step, pause) = (backoff.step(failures), backoff.pause(failures, seed));
                prop_assert!(pause >= step.mul_f64(from) - Duration::from_nanos(9), "{jitter:?} {pause:?} {step:?}");
                prop_assert!(pause <= step.mul_f64(to) + Duration::from_nanos(9), "{jitter:?} {pause:?} {step:?}");
                prop_assert_eq!(pause, backoff.pause(failures, seed));
                if jitter == Jitter::QuarterLonger {
                    prop_assert!(pause <= most);
                }
            }
        }
    }
}
