//! What the link brings: the healer's beats and the sentinel's own echoes, judged as they come.

use super::names::HEALER;
use crate::bus::{Batch, BusError, Channels, Event, Message, ServerIdentity, Sink, echo_number};
use crate::clock::{Mono, Now};
use crate::contract::Beat;
use crate::watch::detector::Detector;
use crate::watch::handover::HANDED_MAX;

/// What the link brings, judged as it comes.
pub(super) struct HealerBeatHandler {
    /// Judges the healer's silence.
    pub detector: Detector,
    /// The channel of the healer's beats.
    pub channel: String,
    /// The channel of the sentinel's own echoes.
    pub echo_channel: String,
    /// When the healer was last heard, and the last echo.
    pub last_beat: Option<Mono>,
    /// When an echo came back last.
    pub last_echo: Option<Mono>,
}

impl HealerBeatHandler {
    fn message(&mut self, Message { channel, payload }: Message<'_>, mono: Mono) {
        if channel == self.echo_channel.as_bytes() {
            if let Some(seq) = echo_number(payload) {
                self.last_echo = Some(mono);
                self.detector.echo_returned(seq, Now::at(mono), HANDED_MAX);
            }
            return;
        }
        if Beat::read(payload, HEALER).is_ok_and(|b| !b.is_stopping()) {
            self.last_beat = Some(mono);
        }
        self.detector.frame(channel, payload, Now::at(mono));
    }
}

impl Sink for HealerBeatHandler {
    fn wanted(&mut self, _from: usize, into: &mut Channels) -> Option<usize> {
        into.push(self.channel.as_bytes());
        into.push(self.echo_channel.as_bytes());
        None
    }

    fn batch(&mut self, batch: &mut Batch<'_>, mono: Mono) {
        let now = Now::at(mono);
        self.detector.activity(mono);
        while let Some(event) = batch.next() {
            match event {
                Event::Messages(run) => {
                    for message in run.messages() {
                        self.message(message, mono);
                    }
                }
                Event::TooLong { channel, .. } => self.detector.too_long(channel, now),
                Event::Confirmed { channel } => self.detector.confirmed(channel, now),
                Event::Refused { channel } => {
                    log::error!(
                        "Redis forbids channel {} (ACL)",
                        String::from_utf8_lossy(channel)
                    );
                    self.detector.refused(channel, now);
                }
            }
        }
    }

    fn proven(&mut self, _proof: &ServerIdentity, mono: Mono) {
        self.detector.proven(Now::at(mono));
    }

    fn lost(&mut self, _error: &BusError, mono: Mono) {
        self.detector.link_lost(Now::at(mono));
    }
}
