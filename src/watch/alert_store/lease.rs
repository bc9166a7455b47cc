//! The lease of the healer that speaks.

use super::AlertStore;
use crate::bus::BusError;
use crate::bus::lease::{Answered, Ask, Lease, put, release};
use crate::contract::HEALER_LEASE;

impl AlertStore {
    /// Asks for the lease of the healers.
    ///
    /// # Errors
    /// When there is no answer, or an error is: then the lease was not taken by this.
    pub fn ask_lease(&mut self, ask: &Ask) -> Result<Answered, BusError> {
        let (scripts, hold) = (&mut self.scripts, &self.texts.hold);
        put(ask, HEALER_LEASE, &mut self.commands, scripts, hold)
    }

    /// Who holds the lease, for one who may not ask for it.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn lease_holder(&mut self) -> Result<Option<String>, BusError> {
        self.commands.query(redis::cmd("GET").arg(HEALER_LEASE))
    }

    /// Gives the lease back, so that a healer that stands by need not wait for it to run out.
    ///
    /// # Errors
    /// Those of the bus: then it runs out by itself.
    pub fn release_lease(&mut self, lease: &mut Lease) -> Result<(), BusError> {
        let (scripts, gone) = (&mut self.scripts, &self.texts.release);
        release(lease, &mut self.commands, scripts, gone)
    }
}
