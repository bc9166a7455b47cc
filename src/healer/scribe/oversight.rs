//! What readers need beside the snapshots: which buses are judged, and that writes are refused.

use super::Scribe;
use crate::bus::BusError;
use crate::clock::Now;
use crate::contract::{BUS_HEALTH, REFUSED_EVERY, TEXT_MAX_BYTES, WritesRefused};
use crate::healer::desk::{Desk, Part};
use crate::healer::pacing::Turns;
use crate::text::SafeText;
use crate::watch::ledger::{LEASE_RENEW, Told};

const _: () = assert!(
    LEASE_RENEW.as_millis() == REFUSED_EVERY.as_millis(),
    "what is said of refused writes goes out with each look at the lease"
);

impl Scribe {
    /// Once a second, by the one that speaks.
    pub(super) fn write_buses(&mut self, desk: &mut Desk) {
        if let Some(refusal) = &desk.refusal {
            let said = WritesRefused {
                writes_refused: SafeText::cut(&refusal.reason, TEXT_MAX_BYTES),
                since_ts: refusal.since_ts,
                as_of_ts: Now::read().wall_secs,
            };
            desk.say_on_system_bus(&said.to_json());
        }
        let now = Now::read();
        let Some(records) = desk.bus_records(now) else {
            return;
        };
        match self.ledger.set_buses(&records) {
            Ok(Told::Refused(error)) => self.records_refused(desk, error),
            Ok(Told::Fenced) => self.fall_silent(desk),
            Ok(_) => {
                if desk.buses.written(now) {
                    desk.refresh.rewrite = true;
                    desk.turns = Turns::default();
                    // At once: by the new clock, the snapshots of before may look old.
                    desk.plan_refresh();
                }
                desk.buses_refused = false;
                desk.taken(Part::Buses);
                // So that whoever adds up how long a service was up knows when somebody would have noticed.
                if let Err(error) = self.ledger.set_judged(desk.buses.sure(), now.wall_secs) {
                    log::debug!("what is judged is not noted: {error}");
                }
            }
            Err(error) => {
                desk.buses.lost();
                log::debug!("the records of the buses are not written: {error}");
            }
        }
    }

    fn records_refused(&mut self, desk: &mut Desk, error: BusError) {
        if !error.is_write_refused() {
            desk.taken(Part::Buses);
            // Others of our writes may pass: who reads listens to the echoes instead.
            if !std::mem::replace(&mut desk.buses_denied, true) {
                log::warn!("{BUS_HEALTH} cannot be written: {error}");
            }
            return;
        }
        if !std::mem::replace(&mut desk.buses_refused, true) {
            // So that readers ask further at once. Out of memory allows that; elsewhere the records run out by themselves.
            let _ = self.ledger.drop_buses();
        }
        desk.buses.lost();
        // Said once, by whatever write finds it out first.
        let _ = self.refused(desk, Part::Buses, error);
    }
}
