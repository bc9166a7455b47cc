//! What the link brings: beats of instances and mesh's own echoes, as they come.

use crate::bus::{Batch, BusError, Channels, Event, ServerIdentity, Sink, echo_number};
use crate::clock::{Mono, Now};
use crate::mesh::hearing::Hearing;

/// The sink of the link.
pub(super) struct InstanceBeatHandler {
    bus: String,
    pub hearing: Hearing,
    pub echo_channel: String,
    /// Messages that the last read brought.
    brought: usize,
}

/// More messages than this in one read are no trickle.
const TRICKLE_MAX: usize = 16;

impl InstanceBeatHandler {
    pub fn new(bus: &str, hearing: Hearing, echo_channel: &str) -> InstanceBeatHandler {
        InstanceBeatHandler {
            bus: bus.to_owned(),
            hearing,
            echo_channel: echo_channel.to_owned(),
            brought: 0,
        }
    }

    /// Whether beats come one by one and nothing is under way that must be read at once.
    pub fn is_trickle(&mut self) -> bool {
        (1..=TRICKLE_MAX).contains(&self.brought) && !self.hearing.detector().awaits_echo()
    }
}

impl Sink for InstanceBeatHandler {
    fn wanted(&mut self, from: usize, into: &mut Channels) -> Option<usize> {
        for nth in from.. {
            let Some(channel) = self.hearing.channel(nth) else {
                break;
            };
            into.push(channel.as_bytes());
            if into.is_full() {
                return Some(nth + 1);
            }
        }
        into.push(self.echo_channel.as_bytes());
        None
    }

    fn batch(&mut self, batch: &mut Batch<'_>, mono: Mono) {
        let now = Now::at(mono);
        self.hearing.detector().activity(mono);
        self.brought = 0;
        while let Some(event) = batch.next() {
            match event {
                Event::Messages(run) => {
                    for message in run.messages() {
                        self.brought += 1;
                        if !self.hearing.heard(message.channel, message.payload, now)
                            && message.channel == self.echo_channel.as_bytes()
                            && let Some(seq) = echo_number(message.payload)
                        {
                            self.hearing.detector().echo_returned(seq, now, usize::MAX);
                        }
                    }
                }
                Event::Refused { channel } => log::error!(
                    "{}: Redis forbids channel {} (ACL): nothing can be said about who beats there",
                    self.bus,
                    String::from_utf8_lossy(channel)
                ),
                Event::TooLong { .. } | Event::Confirmed { .. } => {}
            }
        }
    }

    fn proven(&mut self, _proof: &ServerIdentity, mono: Mono) {
        self.hearing.proven(Now::at(mono));
    }

    fn lost(&mut self, _error: &BusError, mono: Mono) {
        self.hearing.link_lost(Now::at(mono));
    }
}
