//! Who is watched, from when on, and what the store already knows of them.

use super::departed::Lives;
use super::output::{Change, Dropped, Snapshot, Spec, Watched};
use super::slot::{ELSEWHERE, Flags, State, wall};
use super::state::Detector;
use crate::clock::{Mono, Now};
use crate::contract::SERVICES_LEARN_WITHIN;

impl Detector {
    /// Makes room for services that will be added.
    pub fn reserve(&mut self, services: usize, name_bytes: usize) {
        self.table.reserve(services, name_bytes);
    }

    /// A new truth is about to be read: [`watch`](Detector::watch) each of its services, then
    /// [`sweep`](Detector::sweep) the others out. In pieces, so that the lock is never held for long.
    ///
    /// Services hear of a truth by themselves, and may live by the one before for [`SERVICES_LEARN_WITHIN`] from `now`.
    pub fn begin_reload(&mut self, now: Mono) {
        self.subscriptions.settled = now + SERVICES_LEARN_WITHIN;
        self.subscriptions.departed.tidy(now);
        self.subscriptions.mark = !self.subscriptions.mark;
        self.subscriptions.sweep_at = 0;
        self.subscriptions.swept_grace_ms = 0;
    }

    /// Watches a service of the truth that is being read.
    pub fn watch(&mut self, spec: &Spec<'_>) -> Watched {
        let Some(index) = self.table.by_name(spec.svc.as_bytes()) else {
            let index = self.table.add(spec, self.subscriptions.mark);
            self.claim(index, spec);
            let settled = self.subscriptions.settled;
            let slot = self.table.slot_mut(index);
            match self
                .subscriptions
                .departed
                .named(spec, settled - SERVICES_LEARN_WITHIN)
            {
                Lives::ByThis => {}
                Lives::Slower(former_ms) => slot.settle(former_ms, settled),
                Lives::Elsewhere => slot.settle(ELSEWHERE, settled),
            }
            let grace = self.table.slot(index).grace_ms();
            let shortest = &mut self.subscriptions.shortest_grace_ms;
            *shortest = match *shortest {
                0 => grace,
                other => other.min(grace),
            };
            return Watched::Added;
        };
        let mark = self.subscriptions.mark;
        self.table.slot_mut(index).flags.set(Flags::MARK, mark);
        self.retime(index, spec);
        if self.table.is_channel(index, spec.channel.as_bytes()) {
            return Watched::Already;
        }
        let from = self.channel_of(index);
        self.unarm(index);
        self.claim(index, spec);
        let settled = self.subscriptions.settled;
        let slot = self.table.slot_mut(index);
        slot.settle(ELSEWHERE, settled);
        // Who beats there has read this truth, and with it how often it shall.
        slot.flags.set(Flags::RUSHED, false);
        Watched::Moved { from }
    }

    /// The service was watched on another bus until this truth, and may beat there for a while. Right after
    /// [`watch`](Detector::watch).
    pub fn came_over(&mut self, svc: &str) {
        if let Some(index) = self.table.by_name(svc.as_bytes()) {
            let settled = self.subscriptions.settled;
            self.table.slot_mut(index).settle(ELSEWHERE, settled);
        }
    }

    /// The service beats on this channel from now on, and owes that once it is proven. Whoever had the channel so far
    /// owes nothing there any more.
    fn claim(&mut self, index: u32, spec: &Spec<'_>) {
        if let Some(loser) = self.table.claim(index, spec.channel.as_bytes()) {
            self.unarm(loser);
        }
        self.subscriptions.unproven.push(index);
    }

    fn channel_of(&self, index: u32) -> Option<Box<[u8]>> {
        let mut channel = Vec::new();
        let has_one = self.table.channel(index, &mut channel);
        has_one.then(|| channel.into())
    }

    /// Whether somebody beats on `channel`.
    pub fn has_channel(&self, channel: &[u8]) -> bool {
        self.table.by_channel(channel).is_some()
    }

    /// Drops up to `limit` slots' worth of services that the truth just read does not name; whether all were looked at.
    pub fn sweep(&mut self, limit: u32, dropped: &mut Vec<Dropped>) -> bool {
        let end = self
            .table
            .slots()
            .min(self.subscriptions.sweep_at.saturating_add(limit));
        for index in self.subscriptions.sweep_at..end {
            let slot = self.table.slot(index);
            if slot.state == State::Vacant {
                continue;
            }
            if slot.flags.has(Flags::MARK) == self.subscriptions.mark {
                let grace = slot.grace_ms();
                let shortest = &mut self.subscriptions.swept_grace_ms;
                *shortest = if *shortest == 0 {
                    grace
                } else {
                    grace.min(*shortest)
                };
                continue;
            }
            let gone = Dropped {
                svc: self.table.name(index).into(),
                channel: self.channel_of(index),
            };
            let channel = gone.channel.as_deref().unwrap_or_default();
            let slot = self.table.slot(index);
            let former = Spec {
                svc: &gone.svc,
                channel: std::str::from_utf8(channel).unwrap_or_default(),
                timeout_ms: slot.timeout_ms,
                interval_ms: slot.interval_ms,
            };
            // One that was settling may not have known even that.
            let unsure = slot.flags.has(Flags::SETTLING);
            self.subscriptions
                .departed
                .note(&former, unsure, self.subscriptions.settled);
            dropped.push(gone);
            self.wheel.remove(index);
            self.cold_fields.remove(&index);
            self.words.remove(&index);
            self.forget_flaps(index);
            self.table.remove(index);
        }
        self.subscriptions.sweep_at = end;
        let done = end == self.table.slots();
        if done {
            self.subscriptions.shortest_grace_ms = self.subscriptions.swept_grace_ms;
            self.table.tidy();
        }
        done
    }

    /// Hands wanted channels to `take`, from slot `from` on, until it wants no more; returns where to go on.
    pub fn channels(&self, from: u32, mut take: impl FnMut(&[u8]) -> bool) -> Option<u32> {
        let mut channel = Vec::new();
        for index in from..self.table.slots() {
            if self.table.slot(index).state == State::Vacant {
                continue;
            }
            if self.table.channel(index, &mut channel) && !take(&channel) {
                return Some(index + 1);
            }
        }
        None
    }

    /// Names of up to `limit` slots' worth of services, from slot `from` on, and where to go on.
    pub fn names(&self, from: u32, limit: u32) -> (Vec<Box<str>>, Option<u32>) {
        let end = self.table.slots().min(from.saturating_add(limit));
        let names = (from..end)
            .filter(|&i| self.table.slot(i).state != State::Vacant)
            .map(|i| self.table.name(i).into())
            .collect();
        (names, (end < self.table.slots()).then_some(end))
    }

    /// The server confirmed a channel; it counts once the whole subscription is proven.
    pub fn confirmed(&mut self, channel: &[u8], now: Now) {
        let Some(index) = self.table.by_channel(channel) else {
            return;
        };
        let slot = self.table.slot_mut(index);
        if slot.flags.take(Flags::REFUSED) {
            self.subscriptions.unproven.push(index);
            self.table.slot_mut(index).flags.set(Flags::CONFIRMED, true);
            self.emit(index, Change::Watched, now);
        } else if slot.state == State::Unproven || slot.flags.has(Flags::AGAIN) {
            slot.flags.set(Flags::CONFIRMED, true);
        }
    }

    /// The server refused a channel: of its service nothing can be said.
    pub fn refused(&mut self, channel: &[u8], now: Now) {
        let Some(index) = self.table.by_channel(channel) else {
            return;
        };
        self.unarm(index);
        let slot = self.table.slot_mut(index);
        if !slot.flags.has(Flags::REFUSED) {
            slot.flags.set(Flags::REFUSED, true);
            slot.since_ts = wall(now);
            self.emit(index, Change::Unwatched, now);
        }
    }

    /// Whether the service came to stand as it does at `ts` or later.
    pub fn changed_since(&self, svc: &str, ts: i64) -> bool {
        let index = self.table.by_name(svc.as_bytes());
        index.is_some_and(|i| i64::from(self.table.slot(i).since_ts) >= ts)
    }

    /// Up to `limit` services whose health key shall be written soon: they were heard for the first time, say
    /// another word of themselves, or cannot be heard at all. Returns how many were looked at.
    pub fn unwritten(&mut self, limit: usize, into: &mut Vec<Snapshot>) -> usize {
        let keep = self.subscriptions.unwritten.len().saturating_sub(limit);
        let looked = self.subscriptions.unwritten.split_off(keep);
        for &index in &looked {
            let slot = self.table.slot_mut(index);
            slot.flags.set(Flags::REWORDED, false);
            if slot.state == State::Up || slot.flags.has(Flags::REFUSED) {
                into.push(self.snapshot(index));
            }
        }
        looked.len()
    }

    /// How many those are.
    pub fn unwritten_count(&self) -> usize {
        self.subscriptions.unwritten.len()
    }

    /// The next services in turn whose health key shall be refreshed: of up to `limit` slots, those of which
    /// there is something to say.
    /// Returns how many slots were looked at, and whether all have had their turn.
    pub fn refresh(&mut self, limit: u32, into: &mut Vec<Snapshot>) -> (u32, bool) {
        let from = self.subscriptions.refresh_at;
        let end = self.table.slots().min(from.saturating_add(limit));
        for index in from..end {
            let slot = self.table.slot(index);
            let is_judged = matches!(slot.state, State::Up | State::Down);
            if is_judged || slot.flags.has(Flags::REFUSED) {
                into.push(self.snapshot(index));
            }
        }
        let done = end == self.table.slots();
        self.subscriptions.refresh_at = if done { 0 } else { end };
        (end.saturating_sub(from), done)
    }

    /// From here on, what was confirmed owes its beats.
    pub(super) fn arm_confirmed(&mut self, now: Now) {
        let mut unproven = std::mem::take(&mut self.subscriptions.unproven);
        unproven.retain(|&index| {
            let slot = self.table.slot_mut(index);
            let owes = slot.state == State::Unproven || slot.flags.has(Flags::AGAIN);
            if !owes || slot.flags.has(Flags::REFUSED) {
                return false;
            }
            if !slot.flags.take(Flags::CONFIRMED) {
                return true;
            }
            slot.heard_at = now.mono;
            if slot.state == State::Unproven {
                slot.state = State::Waiting;
            }
            self.wheel.insert(index, slot.own_deadline());
            false
        });
        self.subscriptions.unproven = unproven;
    }

    /// The link broke: what was confirmed on it must be confirmed again.
    pub(super) fn unconfirm(&mut self) {
        for &index in &self.subscriptions.unproven {
            self.table
                .slot_mut(index)
                .flags
                .set(Flags::CONFIRMED, false);
        }
    }

    /// Another timeout. A longer one holds at once, from the last beat: whoever read the truth first beats by it already,
    /// and owes nothing sooner. With a shorter one the present deadline stays, and the next beat sets the new one; whose
    /// interval is shorter as well may go on by the old for a while.
    fn retime(&mut self, index: u32, spec: &Spec<'_>) {
        let settled = self.subscriptions.settled;
        let slot = self.table.slot_mut(index);
        let beats_faster =
            spec.interval_ms < std::mem::replace(&mut slot.interval_ms, spec.interval_ms);
        if slot.timeout_ms == spec.timeout_ms {
            return;
        }
        let was_retimed = slot.flags.has(Flags::RETIMED);
        let present = match was_retimed {
            true => self.wheel.last_deadline(index),
            false => slot.own_deadline(),
        };
        let former_ms = std::mem::replace(&mut slot.timeout_ms, spec.timeout_ms);
        if beats_faster && spec.timeout_ms < former_ms {
            let may_be_elsewhere = slot.flags.has(Flags::SETTLING) && slot.former_ms == ELSEWHERE;
            slot.flags.set(Flags::RUSHED, may_be_elsewhere);
            slot.settle(former_ms, settled);
        }
        let runs = matches!(slot.state, State::Waiting | State::Up) || slot.flags.has(Flags::AGAIN);
        // What the wheel holds is never later than the deadline in force; it moves on when it comes up.
        let keeps_present = runs && slot.own_deadline() < present;
        slot.flags.set(Flags::RETIMED, keeps_present);
        if keeps_present && !was_retimed {
            // One that waits for its verdict, and was heard meanwhile, has a deadline that the wheel never saw.
            let is_due = slot.flags.has(Flags::QUEUED);
            if !is_due || present > self.wheel.last_deadline(index) {
                slot.flags.set(Flags::QUEUED, false);
                self.wheel.insert(index, present);
            }
        }
    }

    /// Nothing is owed any more; a death that was told stays told.
    pub(super) fn unarm(&mut self, index: u32) {
        self.wheel.remove(index);
        let slot = self.table.slot_mut(index);
        slot.flags.set(Flags::QUEUED, false);
        slot.flags.set(Flags::RETIMED, false);
        slot.flags.set(Flags::CONFIRMED, false);
        if slot.state != State::Down {
            slot.state = State::Unproven;
            slot.flags.set(Flags::HEARD, false);
        }
    }

    /// The earliest moment for which the wheel holds a deadline; for tests and benches.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.wheel.next_deadline()
    }
}
