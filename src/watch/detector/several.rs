//! Services of which several instances may run, all on one channel: judged as one, by the beats of all.
//!
//! Which instance beats, and its count, say nothing about the service; nor does one that stops. All of them silent is a
//! miss. One that says it is stuck may be one of many: only when nothing else was heard for a whole timeout is the
//! service degraded.

use std::time::Duration;

use super::slot::Flags;
use super::slot::State;
use super::state::Detector;
use crate::clock::Now;
use crate::contract::Beat;

impl Detector {
    /// Whether several instances of the service may run. Right after [`watch`](Detector::watch). What was concluded from
    /// the one that there was, or from all of them, begins anew; the deadline stays.
    pub fn set_several(&mut self, svc: &str, several: bool) {
        let Some(index) = self.table.by_name(svc.as_bytes()) else {
            return;
        };
        let slot = self.table.slot_mut(index);
        if slot.flags.has(Flags::SEVERAL) == several {
            return;
        }
        slot.flags.set(Flags::SEVERAL, several);
        slot.flags.set(Flags::PLANNED, false);
        slot.flags.set(Flags::WORDED, false);
        (slot.last_i, slot.inst, slot.restarts) = (0, 0, 0);
        self.words.remove(&index);
        if let Some(fields) = self.cold_fields.get_mut(&index) {
            (fields.starts, fields.eta, fields.stuck_since) = (Default::default(), None, None);
        }
    }

    /// A beat of one of them.
    pub(super) fn beat_of_several(&mut self, index: u32, beat: &Beat<'_>, now: Now) {
        let (before, allowed) = self.arrive(index, now);
        self.tell_arrival(index, before, allowed, now);
        let slot = self.table.slot(index);
        let timeout = Duration::from_millis(slot.timeout_ms.into());
        let was_degraded = slot.flags.has(Flags::DEGRADED);
        if !beat.is_degraded() {
            if let Some(fields) = self.cold_fields.get_mut(&index) {
                fields.stuck_since = None;
            }
            return self.compare_degraded(index, beat, before, now);
        }
        // The first of those that say nothing else.
        let since = *self.cold_fields(index).stuck_since.get_or_insert(now.mono);
        if !was_degraded && now.mono.since(since) >= timeout {
            self.compare_degraded(index, beat, before, now);
        }
    }

    /// It was heard: tells what ends with that.
    pub(super) fn tell_arrival(&mut self, index: u32, before: State, allowed: bool, now: Now) {
        match before {
            State::Down => self.recover(index, now),
            State::Unproven | State::Waiting => self.first_heard(index, now),
            _ => {}
        }
        if allowed {
            self.emit(index, super::output::Change::Watched, now);
        }
    }
}
