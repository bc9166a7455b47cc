//! Streams: what is appended to one, and how it is read.
//!
//! - [`Producer`]: appends, within bounds.
//! - [`after`], [`between`], [`newest`]: for who looks on and owes nothing.
//! - [`Group`]: the commands of a consumer group, one by one.
//! - [`Several`]: one worker of several groups, who waits for all of them at once.
//! - [`Holder`]: keeps hold of what a worker has in hand, from beside it.
//! - [`Consumer`]: a worker of a group. What it reads next is decided by [`Intake`], which is pure: first what is pending
//!   under its own name, then what others left, then what is new. Nothing is lost and nobody's work is taken while he is
//!   at it; an entry that was delivered too often goes to the dead letters.
//!
//! Entries are delivered at least once: whoever does work keeps the result under a name that a second delivery finds.
//! See <https://redis.io/docs/latest/develop/data-types/streams/>.

mod consumer;
mod entry;
mod group;
mod hold;
mod intake;
mod read;
mod several;
#[cfg(test)]
mod tests;

use redis::{Cmd, Pipeline};

use super::{BusError, Commands};

pub use consumer::{Consumer, DeadLetters, Settings};
pub use entry::{Entry, EntryId};
pub use group::{Group, GroupState, is_no_group, states};
pub use hold::Holder;
pub use intake::{Ask, Delivery, Grave, Intake, Policy, Reply};
pub use read::{after, between, newest};
pub use several::Several;

/// Entries that one command brings at most.
pub const READ_MAX: usize = 1000;

/// Appends to one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    key: String,
    /// The stream is kept at about so many entries; the oldest go, read or not. `None`: somebody else trims it.
    max_len: Option<u64>,
    /// The greatest sum of the lengths of an entry's names and values.
    max_bytes: usize,
}

impl Producer {
    /// Appends to the stream at `key` entries of at most `max_bytes`, and keeps about `max_len` of them.
    pub fn new(key: &str, max_len: Option<u64>, max_bytes: usize) -> Producer {
        Producer {
            key: key.to_owned(),
            max_len,
            max_bytes,
        }
    }

    /// Puts the appending of one entry into a transaction of the caller's. False, and nothing is put there, when the
    /// entry is too long or has no field.
    #[must_use]
    pub fn append_in<V: AsRef<[u8]>>(&self, packet: &mut Pipeline, fields: &[(&str, V)]) -> bool {
        let fits = self.fits(fields);
        if fits {
            packet.add_command(self.command(fields)).ignore();
        }
        fits
    }

    /// Appends one entry. A repeat after a lost answer appends it once more.
    ///
    /// # Errors
    /// Those of the bus; a [`BusError::Reply`] for an entry that is too long or has no field.
    pub fn append<V: AsRef<[u8]>>(
        &self,
        commands: &mut Commands,
        fields: &[(&str, V)],
    ) -> Result<EntryId, BusError> {
        if !self.fits(fields) {
            return Err(BusError::Reply {
                address: commands.address().to_string(),
                reason: format!(
                    "{}: an entry has some fields, and at most {} bytes",
                    self.key, self.max_bytes
                ),
            });
        }
        let id: String = commands.query(&self.command(fields))?;
        Ok(EntryId::parse(&id).unwrap_or_default())
    }

    fn fits<V: AsRef<[u8]>>(&self, fields: &[(&str, V)]) -> bool {
        let bytes = |(name, value): &(&str, V)| name.len() + value.as_ref().len();
        !fields.is_empty() && fields.iter().map(bytes).sum::<usize>() <= self.max_bytes
    }

    fn command<V: AsRef<[u8]>>(&self, fields: &[(&str, V)]) -> Cmd {
        let mut add = redis::cmd("XADD");
        add.arg(&self.key);
        if let Some(max_len) = self.max_len {
            add.arg("MAXLEN").arg("~").arg(max_len);
        }
        add.arg("*");
        for (name, value) in fields {
            add.arg(name).arg(value.as_ref());
        }
        add
    }
}
