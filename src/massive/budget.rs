//! How many calls a minute: a log of them that slides, so that no minute ever sees more than the plan allows.
//!
//! Not a bucket of tokens: a bucket of five lets nine through within a minute. The log in Redis is the one that counts;
//! this is the same in memory, for a bus that lost it, and the model that its script is held against.

use std::collections::VecDeque;

/// The window: a minute, and a second for clocks that do not agree.
pub const WINDOW_MS: i64 = 61_000;
/// A call that is not on its way so long after it was taken is taken again.
const UNUSED_AFTER_MS: i64 = 500;

/// A call that may go out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    taken_ms: i64,
}

impl Permit {
    /// May its first byte still be written? Past that the call has to be taken again; the log keeps the one that was
    /// not made, which errs on the side of fewer.
    pub fn holds(self, now_ms: i64) -> bool {
        (0..=UNUSED_AFTER_MS).contains(&(now_ms - self.taken_ms))
    }
}

/// The calls of the last window, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallLog {
    calls: VecDeque<i64>,
}

impl CallLog {
    /// Takes a call.
    ///
    /// # Errors
    /// So many milliseconds must pass before there may be one.
    pub fn take(&mut self, per_min: u32, now_ms: i64) -> Result<Permit, i64> {
        self.slide(now_ms);
        self.wait(per_min, now_ms)?;
        self.calls.push_back(now_ms);
        Ok(Permit { taken_ms: now_ms })
    }

    fn wait(&self, per_min: u32, now_ms: i64) -> Result<(), i64> {
        let allowed = per_min as usize;
        if self.calls.len() < allowed {
            return Ok(());
        }
        // So many of the oldest must leave the window that one more fits; with none allowed, all of it has to pass.
        let leaves = match allowed {
            0 => self.calls.back(),
            _ => self.calls.get(self.calls.len() - allowed),
        };
        Err(leaves.map_or(WINDOW_MS, |taken_ms| taken_ms + WINDOW_MS - now_ms))
    }

    /// May there be a call? It is not taken.
    ///
    /// # Errors
    /// So many milliseconds must pass before there may be one.
    pub fn peek(&mut self, per_min: u32, now_ms: i64) -> Result<(), i64> {
        self.slide(now_ms);
        self.wait(per_min, now_ms)
    }

    /// Gives a call back that was taken and not made.
    pub fn give_back(&mut self, permit: Permit) {
        let made = self.calls.iter().rposition(|at| *at == permit.taken_ms);
        if let Some(nth) = made {
            self.calls.remove(nth);
        }
    }

    /// How long ago each call was, the newest last, and no more than so many of the newest.
    pub fn ages_ms(&mut self, now_ms: i64, max: usize) -> Vec<i64> {
        self.slide(now_ms);
        let skipped = self.calls.len().saturating_sub(max);
        self.calls
            .iter()
            .skip(skipped)
            .map(|at| now_ms - at)
            .collect()
    }

    /// Counts calls that others made, so long ago, the newest last: where they are more than are known here.
    pub fn learn(&mut self, ages_ms: &[i64], now_ms: i64) {
        self.slide(now_ms);
        if ages_ms.len() > self.calls.len() {
            self.calls = ages_ms
                .iter()
                .map(|age_ms| now_ms - age_ms.clamp(&0, &WINDOW_MS))
                .collect();
            self.calls.make_contiguous().sort_unstable();
        }
    }

    /// How many calls there may be from now on within a span, if nobody else takes any.
    pub fn free_within(&mut self, per_min: u32, now_ms: i64, span_ms: i64) -> usize {
        self.slide(now_ms);
        let allowed = per_min as usize;
        let (mut log, mut now, mut free) = (self.clone(), now_ms, 0);
        // Each round takes all that is free at once, then waits for the next to leave.
        while now - now_ms <= span_ms {
            log.slide(now);
            let room = allowed.saturating_sub(log.calls.len());
            free += room;
            log.calls.extend(std::iter::repeat_n(now, room));
            match log.calls.front() {
                Some(first) => now = first + WINDOW_MS,
                None => break,
            }
        }
        free
    }

    /// How many calls the window holds.
    pub fn used(&mut self, now_ms: i64) -> usize {
        self.slide(now_ms);
        self.calls.len()
    }

    /// Drops what left the window. A call of the future, which only a clock that stepped back leaves, counts as one of
    /// now: it can neither vanish nor block for longer than a window.
    fn slide(&mut self, now_ms: i64) {
        for call in self.calls.iter_mut().rev() {
            if *call <= now_ms {
                break;
            }
            *call = now_ms;
        }
        while self
            .calls
            .front()
            .is_some_and(|call| now_ms - call >= WINDOW_MS)
        {
            self.calls.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_minute_sees_more_than_is_allowed() {
        let mut log = CallLog::default();
        for now_ms in [0, 0, 10, 20, 60_000] {
            assert!(log.take(5, now_ms).is_ok(), "{now_ms}");
        }
        assert_eq!(
            log.take(5, 60_500),
            Err(500),
            "a bucket would have had room"
        );
        assert!(log.take(5, 61_000).is_ok());
        assert!(log.take(5, 61_000).is_ok(), "two had left");
        assert_eq!(log.take(5, 61_000), Err(10));
        assert_eq!(log.used(61_000), 5);
    }

    #[test]
    fn a_step_back_neither_frees_nor_blocks() {
        let mut log = CallLog::default();
        for _ in 0..5 {
            assert!(log.take(5, 3_600_000).is_ok());
        }
        assert_eq!(
            log.take(5, 0),
            Err(WINDOW_MS),
            "an hour back: they count as of now"
        );
        assert!(log.take(5, WINDOW_MS).is_ok());
    }

    #[test]
    fn a_lower_limit_waits_for_enough_to_leave() {
        let mut log = CallLog::default();
        for now_ms in [0, 1_000, 2_000, 3_000, 4_000] {
            assert!(log.take(5, now_ms).is_ok());
        }
        assert_eq!(log.take(2, 5_000), Err(3_000 + WINDOW_MS - 5_000));
        assert!(log.take(0, 5_000).is_err());
    }

    #[test]
    fn a_call_that_was_not_made_is_given_back() {
        let mut log = CallLog::default();
        let permit = log.take(1, 1_000).expect("free");
        assert_eq!(log.peek(1, 1_000), Err(WINDOW_MS));
        log.give_back(permit);
        assert_eq!(log.peek(1, 1_000), Ok(()));
        assert_eq!(log.used(1_000), 0, "a look takes nothing");
    }

    #[test]
    fn what_another_process_called_is_learnt() {
        let mut log = CallLog::default();
        assert!(log.take(5, 100_000).is_ok());
        log.learn(&[30_000, 20_000, 0], 100_000);
        assert_eq!(log.ages_ms(100_000, 9), [30_000, 20_000, 0]);
        assert_eq!(log.ages_ms(100_000, 2), [20_000, 0]);
        log.learn(&[5], 100_000);
        assert_eq!(log.used(100_000), 3, "fewer than are known say nothing");
        assert_eq!(log.used(131_000), 2);
    }

    #[test]
    fn a_permit_is_good_for_half_a_second() {
        let permit = CallLog::default().take(1, 1_000).expect("free");
        assert!(permit.holds(1_500) && !permit.holds(1_501) && !permit.holds(999));
    }

    #[test]
    fn it_is_known_how_many_fit_into_a_span() {
        let mut log = CallLog::default();
        assert_eq!(log.free_within(5, 0, 60_000), 5);
        assert_eq!(log.free_within(5, 0, 61_000), 10);
        assert_eq!(log.free_within(0, 0, 61_000), 0);
        assert!(log.take(5, 0).is_ok() && log.take(5, 30_000).is_ok());
        assert_eq!(log.free_within(5, 40_000, 10_000), 3);
        assert_eq!(log.free_within(5, 40_000, 21_000), 4);
        assert_eq!(log.used(40_000), 2, "nothing was taken");
    }

    proptest! {
        /// Whatever the clock does, the calls that went out between two of its steps keep to the limit, and after a
        /// wait that was answered there is a call.
        #[test]
        fn the_log_holds_whatever_the_clock_does(
            steps in prop::collection::vec((-5_000_i64..30_000, 1_u32..8), 1..200),
        ) {
            let (mut log, mut now_ms, mut taken) = (CallLog::default(), 1_000_000_i64, Vec::new());
            for (step, per_min) in steps {
                now_ms += step;
                if step < 0 {
                    // What was sent counts as of the new now, in the model too.
                    taken.iter_mut().for_each(|at: &mut i64| *at = (*at).min(now_ms));
                }
                // What left the window once does not come back with the clock.
                taken.retain(|at| now_ms - *at < WINDOW_MS);
                match log.take(per_min, now_ms) {
                    Ok(_) => taken.push(now_ms),
                    Err(wait_ms) => {
                        prop_assert!((1..=WINDOW_MS).contains(&wait_ms));
                        let mut later = log.clone();
                        prop_assert!(later.take(per_min, now_ms + wait_ms).is_ok());
                        prop_assert!(log.clone().take(per_min, now_ms + wait_ms - 1).is_err());
                    }
                }
                prop_assert_eq!(log.used(now_ms), taken.len());
                prop_assert!(taken.len() < 8);
            }
        }
    }
}
