//! The lease of the healer that speaks.

use redis::Value;

use super::{LEASE, Ledger};
use crate::bus::BusError;
use crate::bus::script::text_of;
use crate::contract::HEALER_LEASE;

/// How the lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It was free, or may have been since it was last asked for. Somebody else may have held it and spoken meanwhile,
    /// even if we never noticed: how the services stand must be read anew before speaking.
    Taken,
    /// It was ours all the time.
    Kept,
    /// Another holds it.
    Others,
}

/// What came of asking for the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub lease: Lease,
    /// Who else holds it.
    pub holder: Option<String>,
    /// The lease goes on, but writes are refused.
    pub refused: Option<BusError>,
}

impl Ledger {
    /// Takes or renews the lease, for the next [`LEASE`].
    pub fn hold_lease(&mut self) -> Result<Held, BusError> {
        let unsure = std::mem::replace(&mut self.lease_unsure, true);
        let mut packet = redis::pipe();
        self.call(&mut packet, &self.texts.hold, &[])
            .arg(LEASE.as_millis() as u64);
        let answer = self.send(&packet, 1)?.into_iter().next();
        let parts = match answer {
            Some(Value::Array(parts)) => parts,
            Some(Value::ServerError(e)) => {
                // It was answered, and nothing was done.
                self.lease_unsure = unsure;
                return Err(self.error(&e));
            }
            _ => Vec::new(),
        };
        self.lease_unsure = false;
        let refused = match parts.get(1) {
            Some(Value::ServerError(e)) => Some(self.error(e)),
            _ => None,
        };
        Ok(Held {
            lease: match parts.first().and_then(text_of).as_deref() {
                Some("kept") if !unsure => Lease::Kept,
                Some("kept" | "taken") => Lease::Taken,
                _ => Lease::Others,
            },
            holder: parts.get(1).and_then(text_of),
            refused,
        })
    }

    /// Who holds the lease, for one who may not ask for it.
    pub fn lease_holder(&mut self) -> Result<Option<String>, BusError> {
        self.commands.query(redis::cmd("GET").arg(HEALER_LEASE))
    }

    /// Gives the lease back, so that a healer that stands by need not wait for it to run out.
    pub fn release_lease(&mut self) -> Result<(), BusError> {
        let mut packet = redis::pipe();
        self.call(&mut packet, &self.texts.release, &[]);
        self.send(&packet, 1).map(|_| ())
    }
}
