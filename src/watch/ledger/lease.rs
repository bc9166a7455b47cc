//! The lease of the healer that speaks.

use super::Ledger;
use crate::bus::BusError;
use crate::bus::lease::{Held, release, take};

impl Ledger {
    /// Takes or renews the lease, for the next [`LEASE`](super::LEASE).
    pub fn hold_lease(&mut self) -> Result<Held, BusError> {
        let (scripts, hold) = (&mut self.scripts, &self.texts.hold);
        take(&mut self.lease, &mut self.commands, scripts, hold)
    }

    /// Who holds the lease, for one who may not ask for it.
    pub fn lease_holder(&mut self) -> Result<Option<String>, BusError> {
        self.commands.query(redis::cmd("GET").arg(self.lease.key()))
    }

    /// Gives the lease back, so that a healer that stands by need not wait for it to run out.
    pub fn release_lease(&mut self) -> Result<(), BusError> {
        let (scripts, gone) = (&mut self.scripts, &self.texts.release);
        release(&mut self.lease, &mut self.commands, scripts, gone)
    }
}
