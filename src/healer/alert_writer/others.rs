//! An ear on the echoes of all healers, while nobody can take the lease.

use std::time::Duration;

use crate::bus::{Address, BusError, Commands, Limits, PatternLink};
use crate::contract::echo_channel;

/// The alert writer has other work than to wait for this connection.
const LIMITS: Limits = Limits {
    connect: Duration::from_millis(500),
    read: Duration::from_millis(500),
};

/// The connection that hears them.
pub struct Others {
    address: Address,
    /// The channel of this healer's echoes, and what all of them begin with.
    channel: String,
    prefix: String,
    link: Option<PatternLink>,
}

impl Others {
    /// Those on the bus at `address`, beside the healer `me`.
    pub fn new(id: &str, me: &str, address: Address) -> Others {
        Others {
            address,
            channel: echo_channel(id, me),
            prefix: echo_channel(id, ""),
            link: None,
        }
    }

    /// What they said since, by instance; connects first if need be.
    ///
    /// # Errors
    /// Those of the bus: then the next call connects anew.
    pub fn listen(&mut self) -> Result<Vec<(String, Vec<u8>)>, BusError> {
        let heard = self.try_listen();
        if heard.is_err() {
            self.link = None;
        }
        heard
    }

    fn try_listen(&mut self) -> Result<Vec<(String, Vec<u8>)>, BusError> {
        let link = match &mut self.link {
            Some(link) => link,
            none => {
                let pattern = format!("{}*", self.prefix);
                none.insert(PatternLink::open(
                    &self.address,
                    "healer:others",
                    &LIMITS,
                    &pattern,
                )?)
            }
        };
        let (prefix, mut heard) = (self.prefix.as_bytes(), Vec::new());
        link.look(|channel, payload| {
            let inst = channel.strip_prefix(prefix).map(std::str::from_utf8);
            if let Some(Ok(inst)) = inst {
                heard.push((inst.to_owned(), payload.to_vec()));
            }
        })?;
        Ok(heard)
    }

    /// Says a word among the echoes.
    pub fn say(&self, commands: &mut Commands, word: &str) {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&self.channel).arg(word);
        if let Err(error) = commands.query::<i64>(&publish) {
            log::debug!("the other healers do not hear of this one: {error}");
        }
    }

    /// They need not be heard any more.
    pub fn end(&mut self) {
        self.link = None;
    }
}
