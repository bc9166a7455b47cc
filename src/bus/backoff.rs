//! How long to wait before the next attempt.

use std::time::Duration;

/// Doubling pauses with jitter: each is drawn from the upper half of its step, so that a thousand senders that lost
/// the same bus do not come back in the same millisecond.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    step: Duration,
}

impl Backoff {
    /// Pauses from `min` to `max`.
    pub fn new(min: Duration, max: Duration) -> Backoff {
        Backoff {
            min,
            max,
            step: min,
        }
    }

    /// The pauses between attempts to reach a bus: 50 ms to 2 s.
    pub fn bus() -> Backoff {
        Backoff::new(Duration::from_millis(50), Duration::from_secs(2))
    }

    /// The pause before the next attempt; the one after is up to twice as long.
    pub fn next_pause(&mut self) -> Duration {
        let step = self.step;
        self.step = (step * 2).min(self.max);
        step.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// To be called after success: the next pause is the shortest again.
    pub fn reset(&mut self) {
        self.step = self.min;
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
