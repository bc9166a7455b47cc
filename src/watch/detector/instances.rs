//! Instances instead of services: whoever hears a channel on which several beat tells them apart himself, and names
//! each. They are watched from their first beat on, and there is no channel that the detector knows.

use std::time::Duration;

use super::output::Spec;
use super::slot::{Flags, State, wall};
use super::state::Detector;
use crate::clock::{Mono, Now};

impl Detector {
    /// The number of the instance `name`.
    pub fn instance(&self, name: &str) -> Option<u32> {
        self.table.by_name(name.as_bytes())
    }

    /// The name of the instance with this number.
    pub fn instance_name(&self, index: u32) -> &str {
        self.table.name(index)
    }

    /// Watches the instance `name` of at most 255 bytes, which is not watched yet: from now on it owes its beats.
    pub fn meet(&mut self, name: &str, timeout_ms: u32, interval_ms: u32, now: Now) -> u32 {
        let spec = Spec {
            svc: name,
            channel: "",
            timeout_ms,
            interval_ms,
        };
        let index = self.table.add(&spec, self.subscriptions.mark);
        let slot = self.table.slot_mut(index);
        // No channel leads to it.
        slot.flags.set(Flags::CUSTOM, true);
        slot.since_ts = wall(now);
        let shortest = &mut self.subscriptions.shortest_grace_ms;
        let grace = slot.grace_ms();
        *shortest = match *shortest {
            0 => grace,
            other => other.min(grace),
        };
        self.await_beat(index, now);
        index
    }

    /// It has its whole timeout from now on, whenever it was heard last.
    pub fn await_beat(&mut self, index: u32, now: Now) {
        let slot = self.table.slot_mut(index);
        slot.heard_at = now.mono;
        slot.state = State::Waiting;
        slot.flags.set(Flags::QUEUED, false);
        let deadline = slot.own_deadline();
        self.wheel.insert(index, deadline);
    }

    /// It beat.
    pub fn seen(&mut self, index: u32, now: Now) {
        self.counts.beats += 1;
        self.last_beat = now.mono;
        let slot = self.table.slot_mut(index);
        slot.heard_at = now.mono;
        if slot.state == State::Up {
            return;
        }
        slot.flags.set(Flags::HEARD, true);
        let before = std::mem::replace(&mut slot.state, State::Up);
        if matches!(before, State::Down | State::Unproven) {
            let deadline = slot.own_deadline();
            self.wheel.insert(index, deadline);
        }
        if before == State::Down {
            self.recover(index, now);
        }
    }

    /// It owes nothing any more, and is told no more; a beat of it begins that anew.
    pub fn rest(&mut self, index: u32) {
        self.table.slot_mut(index).state = State::Waiting;
        self.unarm(index);
    }

    /// It is watched no more. The number may be given to another.
    pub fn part(&mut self, index: u32) {
        self.wheel.remove(index);
        self.forget_flaps(index);
        self.cold_fields.remove(&index);
        self.table.remove(index);
        self.table.tidy();
    }

    /// Another timeout and interval of its service. A longer timeout holds from its last beat on, a shorter one from now
    /// on: it may not know of it yet.
    pub fn set_rhythm(&mut self, index: u32, timeout_ms: u32, interval_ms: u32, now: Now) {
        let slot = self.table.slot_mut(index);
        if (slot.timeout_ms, slot.interval_ms) == (timeout_ms, interval_ms) {
            return;
        }
        let is_shorter = timeout_ms < slot.timeout_ms;
        (slot.timeout_ms, slot.interval_ms) = (timeout_ms, interval_ms);
        if is_shorter && matches!(slot.state, State::Up | State::Waiting) {
            let later = self.subscriptions.settled.max(now.mono);
            let slot = self.table.slot_mut(index);
            slot.heard_at = slot.heard_at.max(later);
            slot.flags.set(Flags::QUEUED, false);
            let deadline = slot.own_deadline();
            self.wheel.insert(index, deadline);
        }
    }

    /// When it was heard last; when it was met or awaited, if not since.
    pub fn last_heard(&self, index: u32) -> Mono {
        self.table.slot(index).heard_at
    }

    /// How long it may be silent before it is looked at twice: two intervals and a second.
    pub fn patience(&self, index: u32) -> Duration {
        let interval_ms = u64::from(self.table.slot(index).interval_ms);
        Duration::from_millis(interval_ms * 2 + 1000)
    }
}
