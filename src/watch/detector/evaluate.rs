//! From a deadline to a verdict.

use std::time::Duration;

use super::output::{Change, Output};
use super::pending::CHECK_MAX;
use super::slot::{Flags, State, wall};
use super::state::Detector;
use crate::clock::{Mono, Now};

/// Keys that leave the wheel in one call, so that the lock on the detector is held for a millisecond or two.
const COLLECT_MAX: usize = 16 * 1024;
/// For so long, and the round trips that it takes, a passed check is as good as a new one.
const CHECK_HOLDS: Duration = Duration::from_secs(1);
const CHECK_TRIPS: u32 = 4;

impl Detector {
    /// The edge connected afresh and found the same server in the same role.
    pub fn server_checked(&mut self, now: Now) {
        self.evaluation.checked = self.evaluation.check_asked.take();
        self.advance(now);
    }

    /// Whether deadlines that come up now would be looked at now.
    fn may_collect(&self, now: Mono) -> bool {
        self.prober.is_free(now) && self.evaluation.is_open()
    }

    /// Begins a round when something is due and nothing stands against it.
    pub(super) fn advance(&mut self, now: Now) {
        if self.may_collect(now.mono) && !self.collect(now.mono) {
            return;
        }
        if self.evaluation.due.is_empty() || !self.prober.is_free(now.mono) {
            return;
        }
        if self.is_suspicious(now.mono) {
            let asked = match self.evaluation.check_asked {
                Some(asked) => asked,
                None => {
                    self.out.push(Output::CheckServer);
                    *self.evaluation.check_asked.insert(now.mono)
                }
            };
            if now.mono < asked + CHECK_MAX {
                return;
            }
            self.evaluation.checked = self.evaluation.check_asked.take();
        }
        self.prober.begin_round(now.mono);
        let due = std::mem::take(&mut self.evaluation.due);
        self.evaluation.rounds.push_back((now.mono, due));
    }

    /// Moves what is due out of the wheel, and what was heard since back into it. False when more is to come: then
    /// not all that is due is known yet.
    fn collect(&mut self, now: Mono) -> bool {
        let mut expired = std::mem::take(&mut self.evaluation.expired);
        let all = self.wheel.expire(now, COLLECT_MAX, &mut expired);
        for index in expired.drain(..) {
            let deadline = self.deadline(index);
            if deadline <= now {
                self.table.slot_mut(index).flags.set(Flags::QUEUED, true);
                self.evaluation.due.push(index);
            } else {
                self.wheel.insert(index, deadline);
            }
        }
        self.evaluation.expired = expired;
        self.evaluation.collecting = !all;
        all
    }

    /// Its own deadline, or the end of its grace after the last doubt.
    fn deadline(&self, index: u32) -> Mono {
        let slot = self.table.slot(index);
        let own = if slot.flags.has(Flags::RETIMED) {
            self.wheel.last_deadline(index)
        } else {
            slot.own_deadline()
        };
        match self.prober.sure_from() {
            Some(sure) => own
                .max(sure + Duration::from_millis(slot.grace_ms()))
                .max(slot.former_deadline(sure)),
            None => own,
        }
    }

    /// Could it be that we listen to a server that all others have left?
    ///
    /// Echoes prove only the server that they went through. So before judging when most services come due together, or
    /// when the whole bus has carried no beat since the due one should have beaten, the server is looked at afresh.
    fn is_suspicious(&self, now: Mono) -> bool {
        let good_for = CHECK_HOLDS + self.prober.slowest() * CHECK_TRIPS;
        let checked = self.evaluation.checked;
        if checked.is_some_and(|asked| now.since(asked) < good_for) {
            return false;
        }
        let most = self.evaluation.pending() * 2 > self.table.len();
        let quiet_micros = now.0.saturating_sub(self.last_beat.0);
        most || self.evaluation.due.iter().any(|&index| {
            let slot = self.table.slot(index);
            let owed = slot.timeout_ms.saturating_sub(slot.interval_ms);
            quiet_micros >= u64::from(owed) * 1000
        })
    }

    /// The round that began at `began` is complete, and so is any that began before.
    pub(super) fn condemn_round(&mut self, began: Mono) {
        while self
            .evaluation
            .rounds
            .front()
            .is_some_and(|(at, _)| *at <= began)
            && let Some((at, due)) = self.evaluation.rounds.pop_front()
        {
            self.expire(due, at);
        }
    }

    /// What was due at `began` and is still silent is dead.
    fn expire(&mut self, mut due: Vec<u32>, began: Mono) {
        due.retain(|&index| {
            if !self.table.slot(index).flags.has(Flags::QUEUED) {
                return false;
            }
            let deadline = self.deadline(index);
            let dead = deadline <= began;
            if !dead {
                self.requeue(index, deadline);
            }
            dead
        });
        if !due.is_empty() {
            self.evaluation.undelivered.push(due);
        }
    }

    /// Tells deaths, as long as the writer has room.
    pub(super) fn tell(&mut self, now: Now, room: usize) {
        while self.transitions.len() < room
            && let Some(newest) = self.evaluation.undelivered.last_mut()
        {
            let Some(index) = newest.pop() else {
                self.evaluation.undelivered.pop();
                continue;
            };
            if !self.table.slot(index).flags.has(Flags::QUEUED) {
                continue;
            }
            let deadline = self.deadline(index);
            if deadline > now.mono {
                // It was heard between the verdict and its telling: then there is nothing to tell.
                self.requeue(index, deadline);
            } else {
                self.mark_down(index, now);
            }
        }
        while self
            .evaluation
            .undelivered
            .last()
            .is_some_and(Vec::is_empty)
        {
            self.evaluation.undelivered.pop();
        }
    }

    /// A doubt arose: every silence that is not told yet waits for the end of its grace.
    pub(super) fn abort(&mut self, now: Mono) {
        self.evaluation.check_asked = None;
        self.evaluation.collecting = false;
        let due = std::mem::take(&mut self.evaluation.due);
        let rounds = std::mem::take(&mut self.evaluation.rounds);
        let rounds = rounds.into_iter().flat_map(|(_, round)| round);
        let undelivered = std::mem::take(&mut self.evaluation.undelivered);
        let undelivered = undelivered.into_iter().flatten();
        for index in due.into_iter().chain(rounds).chain(undelivered) {
            if self.table.slot(index).flags.has(Flags::QUEUED) {
                // Looked at when the doubt has ended, and moved on to the end of the grace then.
                self.requeue(index, now);
            }
        }
    }

    fn requeue(&mut self, index: u32, deadline: Mono) {
        self.table.slot_mut(index).flags.set(Flags::QUEUED, false);
        self.wheel.insert(index, deadline);
    }

    fn mark_down(&mut self, index: u32, now: Now) {
        let slot = self.table.slot(index);
        let planned = slot.flags.has(Flags::PLANNED);
        let eta = self.cold_fields.get(&index).and_then(|fields| fields.eta);
        let change = Change::Missed {
            late: now.mono.since(slot.heard_at),
            never_heard: !slot.flags.has(Flags::HEARD),
            planned,
            eta: eta.filter(|_| planned),
            again: slot.flags.has(Flags::AGAIN),
        };
        let slot = self.table.slot_mut(index);
        slot.flags.set(Flags::QUEUED, false);
        // Telling one again is not another miss.
        if !slot.flags.take(Flags::AGAIN) {
            slot.misses = slot.misses.saturating_add(1);
            slot.since_ts = wall(now);
        }
        slot.state = State::Down;
        self.emit(index, change, now);
    }
}
