//! How long to wait before the next attempt to reach a bus.

use std::time::Duration;

use crate::net::backoff::{Backoff as Steps, Jitter};

/// From 50 ms to 2 s: whoever waited longer would come back later than the grace that a service has.
const STEPS: Steps = Steps::new(
    Duration::from_millis(50),
    Duration::from_secs(2),
    Jitter::UpperHalf,
);

/// Counts the attempts that failed in a row.
#[derive(Clone, Debug)]
pub struct Backoff {
    failures: u32,
    /// Another for everybody: a thousand senders that lost the same bus do not come back in the same millisecond.
    seed: u64,
}

impl Backoff {
    /// The pauses between attempts to reach a bus: 50 ms to 2 s.
    pub fn bus() -> Backoff {
        Backoff {
            failures: 0,
            seed: fastrand::u64(..),
        }
    }

    /// The pause before the next attempt; the one after is up to twice as long.
    pub fn next_pause(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        STEPS.pause(self.failures, self.seed)
    }

    /// To be called after success: the next pause is the shortest again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_start_over_after_success() {
        let mut b = Backoff::bus();
        let mut steps = Vec::new();
        for _ in 0..10 {
            steps.push(b.next_pause().as_millis());
        }
        assert!((25..=50).contains(&steps[0]), "{steps:?}");
        assert!(
            steps.iter().all(|&s| s <= 2000) && steps[9] >= 1000,
            "{steps:?}"
        );
        b.reset();
        assert!(b.next_pause() <= Duration::from_millis(50));
    }
}
