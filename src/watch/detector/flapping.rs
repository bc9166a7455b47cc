//! Who comes and goes: told once when it begins, and once when it is over.

use std::time::Duration;

use super::output::Change;
use super::output::{Flapping, HealthRecord, Matter};
use super::slot::{Flags, State};
use super::state::Detector;
use crate::clock::{Mono, Now};
use crate::flap::{Flap, WINDOW_TIMEOUTS};

/// A service that cannot be said to hold still at present is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

const MATTERS: [Matter; 2] = [Matter::Beats, Matter::Work];

impl Detector {
    /// Notes a change that was just told; gives what is to be told because of it.
    pub(super) fn swing(&mut self, index: u32, change: &Change, now: Now) -> Option<Change> {
        let (matter, falls) = match change {
            Change::Missed { again: true, .. } => return None,
            // A fall that was announced is only a change.
            Change::Missed { planned, .. } => (Matter::Beats, !planned),
            Change::Recovered { .. } => (Matter::Beats, false),
            Change::Degraded { .. } => (Matter::Work, true),
            Change::Restored { .. } => (Matter::Work, false),
            _ => return None,
        };
        let (key, window) = ((index, matter), self.window(index));
        if !falls {
            self.flaps.rose(&key, now.mono, window);
            return None;
        }
        let flap = self.flaps.fell(&key, now, window)?;
        Some(Change::Flapping(flapping(matter, flap)))
    }

    /// Tells who has held still for long enough. Only while the bus is proven to talk: else nobody knows.
    pub(super) fn tell_steady(&mut self, now: Now) {
        while self.prober.can_judge()
            && let Some(key) = self.flaps.due(now.mono)
        {
            let (index, matter) = key;
            match self.unsure_until(index, now.mono) {
                Some(later) => self.flaps.set_due(&key, later),
                None => {
                    if let Some(flap) = self.flaps.end(&key) {
                        self.emit(index, Change::Steady(flapping(matter, flap)), now);
                    }
                }
            }
        }
    }

    /// When somebody may be steady.
    pub(super) fn next_steady(&self) -> Option<Mono> {
        self.flaps.next_due().filter(|_| self.prober.can_judge())
    }

    /// How a service flaps.
    pub(super) fn flapping(&self, index: u32) -> Vec<Flapping> {
        let of = |matter: Matter| Some(flapping(matter, self.flaps.flap(&(index, matter))?));
        MATTERS.into_iter().filter_map(of).collect()
    }

    /// Takes over what the store says was told.
    pub(super) fn adopt_flapping(&mut self, index: u32, record: &HealthRecord<'_>, now: Now) {
        for told in &record.flapping {
            let key = (index, told.matter);
            if self.flaps.flap(&key).is_some() {
                continue;
            }
            let flap = Flap {
                since_ts: told.since_ts,
                times: told.times,
            };
            // It may have moved just now, while nobody here looked.
            let due = now.mono + self.window(index);
            self.flaps.adopt(&key, flap, due);
        }
    }

    /// Tells what was judged here, perhaps while another spoke, and the store does not know.
    pub(super) fn tell_flapping(&mut self, index: u32, record: &HealthRecord<'_>, now: Now) {
        for here in self.flapping(index) {
            if record
                .flapping
                .iter()
                .all(|told| told.matter != here.matter)
            {
                self.emit(index, Change::Flapping(here), now);
            }
        }
    }

    /// The service is watched no more.
    pub(super) fn forget_flaps(&mut self, index: u32) {
        for matter in MATTERS {
            self.flaps.forget(&(index, matter));
        }
    }

    /// Until when it cannot be said how the service stands; `None` when it can.
    fn unsure_until(&self, index: u32, now: Mono) -> Option<Mono> {
        let slot = self.table.slot(index);
        let known = matches!(slot.state, State::Up | State::Down)
            && !slot.flags.has(Flags::QUEUED)
            && !slot.flags.has(Flags::REFUSED);
        if !known {
            return Some(now + LOOK_AGAIN);
        }
        let grace = Duration::from_millis(slot.grace_ms());
        let sure = self.prober.sure_from().map(|from| from + grace);
        sure.filter(|&sure| sure > now)
    }

    fn window(&self, index: u32) -> Duration {
        let timeout_ms = self.table.slot(index).timeout_ms;
        WINDOW_TIMEOUTS * Duration::from_millis(timeout_ms.into())
    }
}

fn flapping(matter: Matter, flap: Flap) -> Flapping {
    Flapping {
        matter,
        since_ts: flap.since_ts,
        times: flap.times,
    }
}
