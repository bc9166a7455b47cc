//! Who tells for a channel: one instance at a time, by a key that runs out with it.

use redis::cmd;

use super::Store;
use crate::bus::BusError;
use crate::contract::holder_key;
use crate::notify::telling::Ms;

/// A holder that says nothing for this long is gone.
const HOLD_MS: Ms = 10_000;

impl Store {
    /// Who holds the channel, if anybody does.
    pub fn holder(&mut self) -> Result<Option<String>, BusError> {
        self.commands.query(cmd("GET").arg(holder_key(&self.group)))
    }

    /// Whether this instance still holds the channel; keeps it for another while, and at least for `busy_ms`.
    pub fn hold(&mut self, busy_ms: Ms) -> Result<bool, BusError> {
        match self.holder()? {
            Some(holder) if holder != self.me => Ok(false),
            // Which Redis allows even when it is out of memory.
            Some(_) if self.prolong(busy_ms)? => Ok(true),
            _ => self.take(busy_ms).map(|()| true),
        }
    }

    /// Gives the channel back, if this instance holds it.
    pub fn release(&mut self) -> Result<(), BusError> {
        const RELEASE: &str =
            "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end";
        let mut eval = cmd("EVAL");
        eval.arg(RELEASE)
            .arg(1)
            .arg(holder_key(&self.group))
            .arg(&self.me);
        self.commands.query(&eval)
    }

    /// False when it ran out just now.
    fn prolong(&mut self, busy_ms: Ms) -> Result<bool, BusError> {
        let mut expire = cmd("PEXPIRE");
        expire.arg(holder_key(&self.group)).arg(HOLD_MS + busy_ms);
        self.commands.query(&expire)
    }

    pub(super) fn take(&mut self, busy_ms: Ms) -> Result<(), BusError> {
        let mut set = cmd("SET");
        set.arg(holder_key(&self.group)).arg(&self.me);
        self.commands.query(set.arg("PX").arg(HOLD_MS + busy_ms))
    }
}
