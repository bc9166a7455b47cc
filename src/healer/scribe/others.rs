//! The other healers, listened to while nobody can take the lease.

pub use crate::healer::succession::Turn;

use std::time::Duration;

use crate::bus::{Address, BusError, Limits, PatternLink};
use crate::clock::Mono;
use crate::contract::echo_channel;
use crate::healer::succession::Succession;
use crate::watch::ledger::Ledger;

/// The scribe has other work than to wait for this connection.
const LIMITS: Limits = Limits {
    connect: Duration::from_millis(500),
    read: Duration::from_millis(500),
};

/// An ear on the echoes of all healers, and what they come to.
pub struct Others {
    succession: Succession,
    address: Address,
    /// The channel of this healer's echoes, and what all of them begin with.
    channel: String,
    prefix: String,
    link: Option<PatternLink>,
    /// They cannot be listened to, and that was said.
    deaf: bool,
}

impl Others {
    /// Those on the bus at `address`, beside the healer `me`.
    pub fn new(id: &str, me: &str, address: Address) -> Others {
        Others {
            succession: Succession::new(me),
            address,
            channel: echo_channel(id, me),
            prefix: echo_channel(id, ""),
            link: None,
            deaf: false,
        }
    }

    /// The lease was seen with this healer.
    pub fn saw_holder(&mut self, holder: &str) {
        self.succession.saw_holder(holder);
    }

    /// Takes in what they said; connects first if need be.
    pub fn listen(&mut self) {
        let now = Mono::now();
        if let Err(error) = self.try_listen(now) {
            self.link = None;
            if !std::mem::replace(&mut self.deaf, true) {
                log::warn!("other healers cannot be heard: {error}");
            }
            // Who may not listen must not wait for ever to hear somebody.
            match error.is_refusal() {
                true => self.succession.begin(now),
                false => self.succession.deafen(),
            }
        }
    }

    fn try_listen(&mut self, now: Mono) -> Result<(), BusError> {
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
        self.deaf = false;
        self.succession.begin(now);
        let (prefix, succession) = (self.prefix.as_bytes(), &mut self.succession);
        link.look(|channel, payload| {
            let inst = channel.strip_prefix(prefix).map(std::str::from_utf8);
            if let Some(Ok(inst)) = inst {
                succession.hear(inst, payload, now);
            }
        })
    }

    /// Whether they are listened to.
    pub fn are_heard(&self) -> bool {
        self.succession.is_on()
    }

    /// Whether one of them spoke last, or speaks.
    pub fn speak(&mut self, now: Mono) -> bool {
        self.succession.is_on() && self.succession.is_others(now)
    }

    /// What this healer is to do.
    pub fn turn(&mut self, speaking: bool) -> Turn {
        self.succession.turn(speaking, Mono::now())
    }

    /// Says among the echoes whether this healer speaks.
    pub fn say(&self, ledger: &mut Ledger, speaking: bool) {
        let mut publish = redis::cmd("PUBLISH");
        publish
            .arg(&self.channel)
            .arg(self.succession.word(speaking));
        if let Err(error) = ledger.commands().query::<i64>(&publish) {
            log::debug!("the other healers do not hear of this one: {error}");
        }
    }

    /// The lease can be taken: who holds it speaks.
    pub fn end(&mut self) {
        self.succession.end();
        self.link = None;
        self.deaf = false;
    }
}
