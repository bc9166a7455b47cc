//! The channel's clock: it measures by the monotonic clock and dates by the wall clock, also after that one stepped.

use crate::clock::{self, Mono};
use crate::notify::notification::Ms;

/// The wall clock is steered all the time; what differs by more was a step.
const STEP_MS: Ms = 2_000;

/// Epoch milliseconds that step only when they are told to: wall time at the start, monotonic from there.
pub(super) struct SteadyClock {
    start: Mono,
    wall_ms: Ms,
}

impl SteadyClock {
    /// One that begins at the wall time of this moment.
    pub fn new() -> SteadyClock {
        SteadyClock {
            start: Mono::now(),
            wall_ms: wall_ms(),
        }
    }

    /// Milliseconds since the epoch, as of that moment and the time that has passed since.
    pub fn now_ms(&self) -> Ms {
        self.wall_ms + Mono::now().since(self.start).as_millis() as Ms
    }

    /// Takes over a step of the wall clock, and gives by how much.
    pub fn follow(&mut self) -> Option<Ms> {
        let by = wall_ms() - self.now_ms();
        if by.abs() < STEP_MS {
            return None;
        }
        self.wall_ms += by;
        Some(by)
    }
}

fn wall_ms() -> Ms {
    Ms::try_from(clock::wall_millis()).unwrap_or(Ms::MAX / 4)
}
