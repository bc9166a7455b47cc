//! The way of a beat, from the frame to the slot.

use super::cold_fields::{RESTARTS_TOLD, Start};
use super::output::{Change, Output};
use super::slot::{ELSEWHERE, Flags, State, wall};
use super::state::Detector;
use crate::bus::RUN_MAX;
use crate::clock::Now;
use crate::contract::{Beat, NotABeat, TEXT_MAX_BYTES};
use crate::text::SafeText;

impl Detector {
    /// A message on a service's channel.
    pub fn frame(&mut self, channel: &[u8], payload: &[u8], now: Now) {
        let [service, ..] = self.find(std::iter::once(channel));
        match service {
            Some(index) => self.heard(index, payload, now),
            None => self.unroutable(),
        }
    }

    /// Which services the channels of a run belong to: numbers for [`heard`](Detector::heard), good until a service is
    /// added or removed.
    pub fn find<'c>(&self, channels: impl Iterator<Item = &'c [u8]>) -> [Option<u32>; RUN_MAX] {
        self.table.find(channels)
    }

    /// A message on the channel of the service with this number. The usual beat allocates nothing and touches no timer.
    pub fn heard(&mut self, index: u32, payload: &[u8], now: Now) {
        match Beat::read(payload, self.table.name(index)) {
            Ok(beat) => self.beat(index, &beat, now),
            Err(why) => self.malformed(index, why, now),
        }
    }

    /// A message on a channel of nobody's.
    pub fn unroutable(&mut self) {
        self.counts.unroutable += 1;
    }

    /// A message on a service's channel that was too long to be read at all.
    pub fn too_long(&mut self, channel: &[u8], now: Now) {
        match self.table.by_channel(channel) {
            Some(index) => self.malformed(index, NotABeat::TooLong, now),
            None => self.unroutable(),
        }
    }

    fn beat(&mut self, index: u32, beat: &Beat<'_>, now: Now) {
        self.counts.beats += 1;
        self.last_beat = now.mono;
        let inst = match &beat.inst {
            Some(inst) => self.table.hash_inst(inst),
            None => 0,
        };
        let slot = self.table.slot_mut(index);
        let i = beat.i.unwrap_or(slot.last_i);
        let usual = slot.state == State::Up
            && !slot.flags.has(Flags::UNUSUAL)
            && i >= slot.last_i
            && (inst == slot.inst || inst == 0)
            && !(beat.status.is_some()
                && (beat.is_stopping() || beat.is_degraded() || beat.word().is_some()));
        if usual {
            slot.heard_at = now.mono;
            slot.last_i = i;
        } else {
            self.unusual_beat(index, beat, inst, now);
        }
    }

    /// A beat that changes more than the time at which the service was last heard.
    fn unusual_beat(&mut self, index: u32, beat: &Beat<'_>, inst: u64, now: Now) {
        if self.table.slot(index).flags.has(Flags::SEVERAL) {
            return self.beat_of_several(index, beat, now);
        }
        if beat.is_stopping() && self.is_farewell(index, inst) {
            // The instance that was replaced says goodbye; of the one that replaced it this says nothing.
            return;
        }
        let known = self.table.slot(index).inst;
        let waits = beat.is_standby() && inst != 0 && inst != known;
        if waits && known != 0 {
            // For the instance that works; it is neither a sign of life of that one nor its successor yet.
            return;
        }
        let start = match waits {
            true => None,
            false => self.note_start(index, beat, inst, now),
        };
        let slot = self.table.slot_mut(index);
        if !waits {
            slot.last_i = beat.i.unwrap_or(slot.last_i);
        }
        if inst != 0 && !waits {
            slot.inst = inst;
        }
        let (before, allowed) = self.arrive(index, now);
        self.note_plans(index, beat, now);
        self.tell_arrival(index, before, allowed, now);
        self.tell_start(index, start, now);
        self.compare_degraded(index, beat, before, now);
        self.compare_word(index, beat.word());
    }

    /// It was heard at `now`: its deadline moves on. How it stood before, and whether its channel was refused until now.
    pub(super) fn arrive(&mut self, index: u32, now: Now) -> (State, bool) {
        let slot = self.table.slot_mut(index);
        slot.heard_at = now.mono;
        slot.flags.set(Flags::HEARD, true);
        // On the channel where truth has it, it knows that; that it is faster now it may not know yet.
        let is_there = slot.former_ms == ELSEWHERE && !slot.flags.has(Flags::RUSHED);
        let is_settled = is_there || now.mono >= slot.settled_at();
        if is_settled {
            slot.flags.set(Flags::RUSHED, false);
        }
        let retimed =
            slot.flags.take(Flags::RETIMED) | (is_settled && slot.flags.take(Flags::SETTLING));
        let again = slot.flags.take(Flags::AGAIN);
        let before = std::mem::replace(&mut slot.state, State::Up);
        let deadline = slot.own_deadline();
        if before == State::Down || before == State::Unproven || retimed || again {
            // The wheel holds no deadline for it, or one that is later than this.
            // (One that is queued gets its own back when the queue is judged.)
            if !slot.flags.has(Flags::QUEUED) {
                self.wheel.insert(index, deadline);
            }
        }
        let allowed = self.table.slot_mut(index).flags.take(Flags::REFUSED);
        (before, allowed)
    }

    fn is_farewell(&self, index: u32, inst: u64) -> bool {
        inst != self.table.slot(index).inst
            && self
                .cold_fields
                .get(&index)
                .is_some_and(|n| n.starts.is_previous(inst))
    }

    /// Whether this beat comes from a new start of the service, or from a second instance of it.
    fn note_start(&mut self, index: u32, beat: &Beat<'_>, inst: u64, now: Now) -> Option<Start> {
        let slot = self.table.slot(index);
        let (from, timeout_ms, last_i) = (slot.inst, slot.timeout_ms, slot.last_i);
        if inst != 0 && from != 0 && inst != from {
            let starts = &mut self.cold_fields(index).starts;
            Some(starts.changed(from, inst, timeout_ms, now.mono))
        } else if beat.i.is_some_and(|i| i < last_i) {
            let starts = &mut self.cold_fields(index).starts;
            Some(starts.fell_back(timeout_ms, now.mono))
        } else {
            None
        }
    }

    fn tell_start(&mut self, index: u32, start: Option<Start>, now: Now) {
        let slot = self.table.slot_mut(index);
        match start {
            None => {}
            Some(Start::Restart { told }) => {
                slot.restarts = slot.restarts.saturating_add(1);
                if told {
                    let count = RESTARTS_TOLD as u32;
                    self.emit(index, Change::Restarting { count }, now);
                }
            }
            Some(Start::Turn { told, undo }) => {
                slot.restarts = slot.restarts.saturating_sub(u32::from(undo));
                if told {
                    self.emit(index, Change::DuplicateInstance, now);
                }
            }
        }
    }

    /// Keeps whether it means to stop, and until when.
    fn note_plans(&mut self, index: u32, beat: &Beat<'_>, now: Now) {
        let stopping = beat.is_stopping();
        let slot = self.table.slot_mut(index);
        let was = slot.flags.has(Flags::PLANNED);
        slot.flags.set(Flags::PLANNED, stopping);
        let eta = beat.plausible_eta(now.wall_secs);
        if stopping && eta.is_some() {
            self.cold_fields(index).eta = eta;
        } else if was || stopping {
            self.cold_fields
                .entry(index)
                .and_modify(|fields| fields.eta = None);
        }
    }

    pub(super) fn recover(&mut self, index: u32, now: Now) {
        let slot = self.table.slot_mut(index);
        let down_since_ts = i64::from(slot.since_ts);
        slot.since_ts = wall(now);
        self.emit(index, Change::Recovered { down_since_ts }, now);
    }

    pub(super) fn first_heard(&mut self, index: u32, now: Now) {
        let slot = self.table.slot_mut(index);
        if slot.since_ts == 0 {
            slot.since_ts = wall(now);
        }
        self.subscriptions.unwritten.push(index);
    }

    pub(super) fn compare_degraded(
        &mut self,
        index: u32,
        beat: &Beat<'_>,
        before: State,
        now: Now,
    ) {
        let slot = self.table.slot_mut(index);
        let was = slot.flags.has(Flags::DEGRADED);
        let is = beat.is_degraded();
        if was == is {
            return;
        }
        slot.flags.set(Flags::DEGRADED, is);
        let since = i64::from(std::mem::replace(&mut slot.since_ts, wall(now)));
        let change = if is {
            let reason = beat.reason.as_deref();
            let reason = reason.map(|text| SafeText::cut(text, TEXT_MAX_BYTES));
            self.cold_fields(index).reason = reason.clone();
            Change::Degraded { reason }
        } else {
            // Of one that was down in between, the time of the miss took the place of that time.
            let degraded_since_ts = (before != State::Down).then_some(since);
            Change::Restored { degraded_since_ts }
        };
        self.emit(index, change, now);
    }

    /// Keeps what it says that it is; what is new is written soon. Who changes it with every beat is written no more
    /// often than others.
    fn compare_word(&mut self, index: u32, word: Option<&str>) {
        if self.words.get(&index).map(|known| &**known) == word {
            return;
        }
        match word {
            Some(word) => drop(self.words.insert(index, word.into())),
            None => drop(self.words.remove(&index)),
        }
        let flags = &mut self.table.slot_mut(index).flags;
        flags.set(Flags::WORDED, word.is_some());
        if !flags.has(Flags::REWORDED) {
            flags.set(Flags::REWORDED, true);
            self.subscriptions.unwritten.push(index);
        }
    }

    fn malformed(&mut self, index: u32, why: NotABeat, now: Now) {
        self.counts.malformed += 1;
        if let Some(count) = self.cold_fields(index).malformed.count(now.mono) {
            let svc = self.table.name(index).into();
            self.out.push(Output::Malformed { svc, why, count });
        }
    }
}
