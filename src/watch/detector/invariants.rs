//! What holds between any two calls of the detector, in one place; looked at after each tick of a debug build.
//!
//! - The table: a service is found by its name, and by its channel if it has one (see [`ServiceTable`](super::service_table::ServiceTable)).
//! - The wheel holds a deadline of everybody who owes a beat, unless it has come up: then they are
//!   [`QUEUED`](Flags::QUEUED) until a beat or a verdict, and not in the wheel. It holds none of anybody else, but for those
//!   who are down by an [old record](Flags::AGAIN): from the proof of their channel on they have one more chance.
//! - Nobody's deadline is before the last beat of theirs.
//! - A word is kept of those with [`WORDED`](Flags::WORDED), and of no others.
//! - Rounds under way were begun in the order in which they stand.

use super::slot::{Flags, State};
use super::state::Detector;

/// A larger table is not walked through: with a hundred thousand services a debug build would do nothing else.
const WALKED_MAX: u32 = 64;

impl Detector {
    /// Panics in a debug build when one of them does not hold.
    pub(super) fn assert_invariants(&self) {
        if !cfg!(debug_assertions) || self.table.slots() > WALKED_MAX {
            return;
        }
        self.table.assert_invariants();
        let (mut in_wheel, mut worded) = (0, 0);
        for index in 0..self.table.slots() {
            let slot = self.table.slot(index);
            let owes = matches!(slot.state, State::Waiting | State::Up);
            let (queued, waits) = (slot.flags.has(Flags::QUEUED), self.wheel.holds(index));
            let may_owe = owes || slot.flags.has(Flags::AGAIN);
            let has_deadline = queued || waits;
            assert!(has_deadline || !owes, "no deadline: {slot:?}");
            assert!(may_owe || !has_deadline, "a deadline: {slot:?}");
            assert!(!(queued && waits), "due twice: {slot:?}");
            assert!(slot.own_deadline() >= slot.heard_at, "{slot:?}");
            let is_worded = slot.flags.has(Flags::WORDED);
            assert_eq!(self.words.contains_key(&index), is_worded, "{slot:?}");
            in_wheel += usize::from(waits);
            worded += usize::from(is_worded);
        }
        assert_eq!(self.wheel.len(), in_wheel);
        assert_eq!(self.words.len(), worded);
        assert!(
            self.evaluation
                .rounds
                .iter()
                .is_sorted_by_key(|(began, _)| began)
        );
    }
}
