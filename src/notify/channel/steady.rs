//! The channel's clock: it measures by the monotonic clock and dates by the wall clock, also after that one stepped.

use super::{Channel, Link};
use crate::clock::{self, Mono};
use crate::notify::telling::Ms;

/// The wall clock is steered all the time; what differs by more was a step.
const STEP_MS: Ms = 2_000;

/// Epoch milliseconds that step only when they are told to: wall time at the start, monotonic from there.
pub(super) struct Steady {
    start: Mono,
    wall_ms: Ms,
}

impl Steady {
    pub fn new() -> Steady {
        Steady {
            start: Mono::now(),
            wall_ms: wall_ms(),
        }
    }

    pub fn now_ms(&self) -> Ms {
        self.wall_ms + Mono::now().since(self.start).as_millis() as Ms
    }

    /// Takes over a step of the wall clock, and gives by how much.
    fn follow(&mut self) -> Option<Ms> {
        let by = wall_ms() - self.now_ms();
        if by.abs() < STEP_MS {
            return None;
        }
        self.wall_ms += by;
        Some(by)
    }
}

impl Channel {
    /// After a step of the wall clock everything remembered steps with it: no pause grows or shrinks, and what people
    /// and other programs date by the new clock is understood.
    pub(super) fn follow_clock(&mut self) {
        let Some(by) = self.clock.follow() else {
            return;
        };
        log::info!(
            "channel {}: the wall clock stepped by {} s",
            self.name,
            by / 1000
        );
        self.teller.shift(by);
        self.outbox.shift(by);
        self.owed.shift(by);
        match &mut self.link {
            Link::Away { next_try_ms: at } | Link::Standby { next_look_ms: at } => *at += by,
            Link::Held => {}
        }
        let moments = [
            &mut self.next_hold_ms,
            &mut self.next_silence_ms,
            &mut self.next_absorb_ms,
        ];
        for at in moments.into_iter().chain(&mut self.digest_since_ms) {
            *at += by;
        }
    }
}

fn wall_ms() -> Ms {
    Ms::try_from(clock::wall_millis()).unwrap_or(Ms::MAX / 4)
}
