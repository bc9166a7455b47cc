//! What is kept only of the few services about which there is something to remember.

use crate::clock::Mono;
use crate::text::SafeText;

/// So many starts within five timeouts are told.
pub const RESTARTS_TOLD: usize = 3;
const RESTART_WINDOW_TIMEOUTS: u64 = 5;
/// Malformed payloads of one service are told at most so often.
const MALFORMED_EVERY_MICROS: u64 = 60_000_000;

/// The rare facts about one service.
#[derive(Debug, Default)]
pub struct ColdFields {
    /// The announced end of a planned stop.
    pub eta: Option<i64>,
    /// Why it is degraded, in its own words.
    pub reason: Option<SafeText>,
    /// Id of its last alert, when another wrote it.
    pub foreign_alert: Option<Box<str>>,
    /// Of several instances: since when all that is heard of them is that they are stuck.
    pub stuck_since: Option<Mono>,
    /// Its recent starts.
    pub starts: Starts,
    /// Payloads on its channel that were no beats.
    pub malformed: Malformed,
}

/// What a change of instance, or a count that fell back, means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Start {
    /// It restarted; `told` when that makes too many.
    Restart { told: bool },
    /// The instance before the present one spoke again: both live. `undo`: what was counted as a restart was none.
    Turn { told: bool, undo: bool },
}

/// The recent starts of one service.
#[derive(Debug, Default)]
pub struct Starts {
    /// When the last ones were; the oldest is forgotten first. Zero: none.
    recent: [Mono; RESTARTS_TOLD],
    /// Hash of the instance before the present one; zero when unknown.
    previous_inst: u64,
    /// How often the previous instance came back while the present one lived.
    turns: u32,
    last_turn: Mono,
    /// Whether the last change of instance was counted as a restart.
    counted: bool,
    restarting_told: bool,
    duplicate_told: bool,
}

impl Starts {
    /// Whether `inst` is the instance before the present one.
    pub fn is_previous(&self, inst: u64) -> bool {
        inst != 0 && inst == self.previous_inst
    }

    /// The count fell back without a change of instance.
    pub fn fell_back(&mut self, timeout_ms: u32, now: Mono) -> Start {
        self.restart(timeout_ms, now)
    }

    /// The instance changed from `from` to `to`.
    pub fn changed(&mut self, from: u64, to: u64, timeout_ms: u32, now: Mono) -> Start {
        let is_turn = self.is_previous(to);
        self.previous_inst = from;
        if !is_turn {
            self.counted = true;
            self.turns = 0;
            return self.restart(timeout_ms, now);
        }
        if now.since(self.last_turn) > window(timeout_ms) {
            (self.turns, self.duplicate_told) = (0, false);
        }
        self.last_turn = now;
        self.turns += 1;
        let undo = std::mem::take(&mut self.counted);
        if undo {
            self.recent.rotate_right(1);
            self.recent[0] = Mono(0);
        }
        // One return may be the last breath of the instance that is being replaced; two are taking turns.
        let told = self.turns >= 2 && !self.duplicate_told;
        self.duplicate_told |= told;
        Start::Turn { told, undo }
    }

    fn restart(&mut self, timeout_ms: u32, now: Mono) -> Start {
        let window = window(timeout_ms);
        let last = self.recent[RESTARTS_TOLD - 1];
        if last == Mono(0) || now.since(last) > window {
            self.restarting_told = false;
        }
        self.recent.rotate_left(1);
        self.recent[RESTARTS_TOLD - 1] = now;
        let first = self.recent[0];
        let told = first != Mono(0) && now.since(first) <= window && !self.restarting_told;
        self.restarting_told |= told;
        Start::Restart { told }
    }
}

fn window(timeout_ms: u32) -> std::time::Duration {
    std::time::Duration::from_millis(u64::from(timeout_ms) * RESTART_WINDOW_TIMEOUTS)
}

/// Payloads that were no beats, since that was last told.
#[derive(Debug, Default)]
pub struct Malformed {
    untold: u64,
    told_at: Option<Mono>,
}

impl Malformed {
    /// Counts one; returns the number to tell, when it is time to.
    pub fn count(&mut self, now: Mono) -> Option<u64> {
        self.untold += 1;
        let due = self
            .told_at
            .is_none_or(|at| now.0 >= at.0 + MALFORMED_EVERY_MICROS);
        due.then(|| {
            self.told_at = Some(now);
            std::mem::take(&mut self.untold)
        })
    }
}
