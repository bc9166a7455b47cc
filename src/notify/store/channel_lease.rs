//! Who tells for a channel: the one that came last, by a key that runs out with it.

use std::time::Duration;

use super::Store;
use crate::bus::BusError;
use crate::bus::lease::{self, Holding};
use crate::notify::notification::Ms;

/// A holder that says nothing for this long is gone.
pub(super) const HOLD: Duration = Duration::from_secs(10);

impl Store {
    /// Who holds the channel, if anybody does.
    ///
    /// # Errors
    /// The bus does not answer, or the key may not be read.
    pub fn holder(&mut self) -> Result<Option<String>, BusError> {
        lease::holder(&mut self.commands, self.fence.key())
    }

    /// Whether this instance still holds the channel; keeps it for another while, and at least for `busy_ms`.
    ///
    /// # Errors
    /// The bus does not answer, or takes no writes.
    pub fn hold(&mut self, busy_ms: Ms) -> Result<bool, BusError> {
        let held = lease::keep_unless_others(&mut self.commands, &self.fence, lasting(busy_ms))?;
        Ok(held == Holding::Ours)
    }

    /// Gives the channel back, if this instance holds it.
    ///
    /// # Errors
    /// As [`hold`](Store::hold); the key runs out by itself.
    pub fn release(&mut self) -> Result<(), BusError> {
        lease::give_back(&mut self.commands, &self.fence)
    }

    pub(super) fn take(&mut self, busy_ms: Ms) -> Result<(), BusError> {
        lease::seize(&mut self.commands, &self.fence, lasting(busy_ms))
    }
}

fn lasting(busy_ms: Ms) -> Duration {
    HOLD + Duration::from_millis(u64::try_from(busy_ms).unwrap_or(0))
}
