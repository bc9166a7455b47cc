//! What the store knows of a service, held against the judgement here.

use super::output::{Change, HealthRecord, Matter};
use super::slot::{Flags, State};
use super::state::Detector;
use crate::clock::Now;
use crate::contract::Status;

impl Detector {
    /// Takes in what the store knows of a service, and tells what differs from the judgement here.
    ///
    /// At the start nothing was judged here yet, so the record is believed. A healer that was mute and takes over has
    /// judged, perhaps long ago, and may have missed much since: its word stands against the record only as far as it
    /// is good at this moment.
    pub fn restore(&mut self, svc: &str, record: &HealthRecord<'_>, now: Now) {
        let Some(index) = self.table.by_name(svc.as_bytes()) else {
            return;
        };
        self.adopt_alert(index, record.alert_id);
        let slot = self.table.slot_mut(index);
        if slot.flags.has(Flags::REFUSED) && record.status != Some(Status::Unknown) {
            // That was found out while somebody else spoke.
            self.subscriptions.unwritten.push(index);
        }
        slot.misses = slot.misses.max(record.misses);
        slot.restarts = slot.restarts.max(record.restarts);
        if !slot.flags.has(Flags::HEARD) {
            slot.last_i = record.last_i.unwrap_or(slot.last_i);
        }
        let judged_again = slot.state == State::Down && record.status != Some(Status::Down);
        if judged_again {
            self.flaps.undo_fall(&(index, Matter::Beats));
        }
        self.adopt_flapping(index, record, now);
        match (self.table.slot(index).state, record.status) {
            (State::Vacant, _) | (State::Unproven | State::Waiting, None) => {}
            (State::Unproven | State::Waiting, Some(status)) => self.believe(index, status, record),
            (State::Down, Some(Status::Down)) => {
                self.table.slot_mut(index).since_ts = seconds(record.since_ts);
            }
            (State::Down, _) => self.judge_again(index, record, now),
            (State::Up, Some(Status::Down))
                if self.table.slot(index).own_deadline() <= now.mono =>
            {
                self.unarm(index);
                self.believe(index, Status::Down, record);
            }
            (State::Up, status) => self.correct(index, status, record.since_ts, now),
        }
        self.tell_flapping(index, record, now);
    }

    fn adopt_alert(&mut self, index: u32, id: Option<&str>) {
        let slot = self.table.slot_mut(index);
        slot.alert = 0;
        slot.flags.set(Flags::FOREIGN, id.is_some());
        if let Some(id) = id {
            self.cold_fields(index).foreign_alert = Some(id.into());
        }
    }

    /// The record of a service about which nothing is known here.
    fn believe(&mut self, index: u32, status: Status, record: &HealthRecord<'_>) {
        let slot = self.table.slot_mut(index);
        slot.since_ts = seconds(record.since_ts);
        match status {
            Status::Down => {
                slot.state = State::Down;
                slot.flags.set(Flags::AGAIN, record.stale);
                if !record.stale {
                    slot.flags.set(Flags::QUEUED, false);
                    self.wheel.remove(index);
                }
            }
            Status::Degraded => slot.flags.set(Flags::DEGRADED, true),
            Status::Up | Status::Unknown => {}
        }
    }

    /// It was judged dead here, and the store does not say so: whether it is silent now, echoes must prove.
    fn judge_again(&mut self, index: u32, record: &HealthRecord<'_>, now: Now) {
        let slot = self.table.slot_mut(index);
        slot.state = if slot.flags.has(Flags::HEARD) {
            State::Up
        } else {
            State::Waiting
        };
        slot.since_ts = seconds(record.since_ts);
        // It is counted when it is told.
        slot.misses = record.misses;
        self.wheel.insert(index, now.mono);
    }

    /// It is up, and the store may say otherwise.
    fn correct(&mut self, index: u32, status: Option<Status>, since_ts: i64, now: Now) {
        if status == Some(Status::Down) {
            let down_since_ts = since_ts;
            self.emit(index, Change::Recovered { down_since_ts }, now);
        }
        match (status, self.table.slot(index).flags.has(Flags::DEGRADED)) {
            (Some(Status::Degraded), false) => {
                let degraded_since_ts = Some(since_ts);
                self.emit(index, Change::Restored { degraded_since_ts }, now);
            }
            (Some(Status::Up | Status::Down | Status::Unknown) | None, true) => {
                let reason = self.reason(index);
                self.emit(index, Change::Degraded { reason }, now);
            }
            _ => {}
        }
    }
}

fn seconds(ts: i64) -> u32 {
    ts.clamp(0, u32::MAX.into()) as u32
}
