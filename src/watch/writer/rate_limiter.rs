//! How many health keys may be refreshed now: spread evenly, and never so many at once that a transition waits.

use std::time::Duration;

use crate::clock::Mono;

/// Snapshots written in a second in turn, and as many out of turn.
const PER_SEC: u32 = 1000;
/// The same, after the server turned out to be another: what it has may be lost or old.
const REWRITE_PER_SEC: u32 = 10_000;
/// A service's snapshot is refreshed about so often.
const EVERY_SEC: u32 = 60;
/// Snapshots written in one go: a fraction of a millisecond.
const SLICE: u32 = 32;

/// What may be written in one go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Slots that may have their turn.
    due: u32,
    /// Snapshots out of turn.
    first: u32,
}

impl Slice {
    /// How many snapshots may be written now in turn, beside `taken` others.
    pub fn due(&self, taken: usize) -> u32 {
        self.due.min(SLICE.saturating_sub(taken as u32))
    }

    /// How many snapshots may be written now out of turn, beside `taken` others.
    pub fn first(&self, taken: usize) -> u32 {
        self.first.min(SLICE.saturating_sub(taken as u32))
    }

    /// So many slots have had their turn.
    pub fn spend(&mut self, count: u32) {
        self.due = self.due.saturating_sub(count);
    }

    /// So many snapshots were looked for out of turn.
    pub fn spend_first(&mut self, count: u32) {
        self.first = self.first.saturating_sub(count);
    }
}

/// The budget of the present second, and what is due of it.
#[derive(Debug, Default)]
pub struct Refresh {
    /// All snapshots shall be written soon.
    pub rewrite: bool,
    /// Slots that are still to have their turn in the rewrite.
    left: u32,
    /// Slots that have their turn in this second, and snapshots that go out of turn: nobody waits longer for his turn
    /// because of them.
    now: Slice,
    /// They are part of a rewrite: what is not written of them is still to be rewritten.
    is_rewrite: bool,
    /// Sixtieths of a snapshot that earlier seconds left over.
    fraction: u32,
}

impl Refresh {
    /// A second has passed; a turn has so many `slots`, and `unwritten` services have no snapshot yet.
    pub fn plan(&mut self, slots: u32, unwritten: u32) {
        self.give_up();
        if std::mem::take(&mut self.rewrite) {
            self.left = slots;
        }
        self.now.first = unwritten.min(PER_SEC);
        self.left = self.left.min(slots);
        self.is_rewrite = self.left > 0;
        if self.is_rewrite {
            self.now.due = self.left.min(REWRITE_PER_SEC);
            self.left -= self.now.due;
            return;
        }
        let sixtieths = self.fraction + slots.min(PER_SEC * EVERY_SEC);
        self.fraction = sixtieths % EVERY_SEC;
        self.now.due = sixtieths / EVERY_SEC;
    }

    /// How long it takes until all of so many slots have had their turn.
    pub fn turn(slots: u32) -> Duration {
        let secs = slots.div_ceil(PER_SEC);
        Duration::from_secs(secs.max(EVERY_SEC).into())
    }

    /// Whether something is to be written.
    pub fn is_due(&self) -> bool {
        self.now.first > 0 || self.now.due > 0
    }

    /// What may be written of this second.
    pub fn slice(&self) -> Slice {
        self.now
    }

    /// Some of it was.
    pub fn spent(&mut self, left: Slice) {
        self.now = left;
    }

    /// The rest of this second is given up.
    pub fn give_up(&mut self) {
        self.now.first = 0;
        let due = std::mem::take(&mut self.now.due);
        if self.is_rewrite {
            self.left = self.left.saturating_add(due);
        }
    }

    /// What was to be written last was not; nor is the rest of this second.
    pub fn fail(&mut self) {
        self.rewrite |= self.is_rewrite;
        self.give_up();
    }
}

/// How long it really takes until all have had their turn: over a far bus, or a slow one, longer than planned.
#[derive(Debug, Default)]
pub struct Turns {
    began: Option<Mono>,
    took: Duration,
}

impl Turns {
    /// All have had their turn.
    pub fn next(&mut self, now: Mono) {
        self.took = self
            .began
            .replace(now)
            .map_or(Duration::ZERO, |began| now.since(began));
    }

    /// How long one lasts: as long as the last one, or already longer.
    pub fn lasts(&self, now: Mono) -> Duration {
        let so_far = self.began.map_or(Duration::ZERO, |began| now.since(began));
        so_far.max(self.took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_lasts_as_long_as_the_last_one_or_already_longer() {
        let mut turns = Turns::default();
        let at = Mono::from_secs;
        let lasts = |turns: &Turns, secs| turns.lasts(at(secs)).as_secs();
        assert_eq!(lasts(&turns, 500.0), 0, "none has begun");
        turns.next(at(1000.0));
        assert_eq!(lasts(&turns, 1030.0), 30);
        turns.next(at(1090.0));
        assert_eq!(lasts(&turns, 1100.0), 90);
        assert_eq!(lasts(&turns, 1290.0), 200);
    }

    fn written(refresh: &mut Refresh, services: u32, secs: u32) -> u32 {
        let mut all = 0;
        for _ in 0..secs {
            refresh.plan(services, 0);
            while refresh.is_due() {
                let mut slice = refresh.slice();
                let due = slice.due(0);
                assert!(due <= SLICE);
                all += due;
                slice.spend(due);
                refresh.spent(slice);
            }
        }
        all
    }

    #[test]
    fn each_service_is_refreshed_once_a_minute_and_all_together_a_thousand_times_a_second() {
        assert_eq!(written(&mut Refresh::default(), 4, 600), 40);
        assert_eq!(written(&mut Refresh::default(), 6000, 60), 6000);
        assert_eq!(written(&mut Refresh::default(), 1_000_000, 10), 10_000);
        for (services, turn) in [(0, 60), (60_000, 60), (60_001, 61), (1_000_000, 1000)] {
            assert_eq!(Refresh::turn(services), Duration::from_secs(turn));
        }
    }

    #[test]
    fn a_new_service_is_written_within_a_second() {
        let mut refresh = Refresh::default();
        refresh.plan(4, 3);
        assert_eq!(refresh.slice().first(0), 3);
    }

    #[test]
    fn what_a_rewrite_could_not_write_is_written_later() {
        let mut refresh = Refresh {
            rewrite: true,
            ..Refresh::default()
        };
        refresh.plan(100, 0);
        let mut slice = refresh.slice();
        slice.spend(slice.due(0));
        refresh.spent(slice);
        refresh.fail();
        assert!(!refresh.is_due());
        // The next second passes without anybody who could write.
        refresh.plan(100, 0);
        assert_eq!(written(&mut refresh, 100, 1), 100);
        assert_eq!(written(&mut refresh, 100, 1), 1, "and no more than once");
    }

    #[test]
    fn who_is_written_out_of_turn_takes_nobody_s_turn_in_a_rewrite() {
        let mut refresh = Refresh {
            rewrite: true,
            ..Refresh::default()
        };
        refresh.plan(2, 1);
        let mut slice = refresh.slice();
        slice.spend_first(slice.first(0));
        assert_eq!(slice.due(1), 2, "everybody's turn");
    }

    #[test]
    fn another_server_gets_everything_soon() {
        let mut refresh = Refresh {
            rewrite: true,
            ..Refresh::default()
        };
        assert_eq!(written(&mut refresh, 25_000, 3), 25_000);
    }
}
