//! What the subscriber thread brings: the way of every beat to the detector.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::BusMonitor;
use crate::bus::{
    self, Address, Batch, BusError, Channels, Event, Limits, LogOnce, Message, ServerIdentity,
    Sink, Subscriber,
};
use crate::clock::{Mono, Now};
use crate::contract::{BEAT_MAX_BYTES, TRUTH_CHANGED};
use crate::service::Error;
use crate::watch::detector::Detector;

/// The sink of the subscriber thread.
pub(super) struct MonitorHandler {
    monitor: Arc<BusMonitor>,
    /// What was said of the trouble with the link, each thing once.
    outage: LogOnce,
}

impl BusMonitor {
    /// Starts the thread that hears the bus.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn listen(self: &Arc<BusMonitor>, address: Address) -> Result<Subscriber, Error> {
        let handler = MonitorHandler::new(Arc::clone(self));
        let thread = format!("hear-{}", self.bus);
        // From here on a silence counts: reading a large truth may have taken long.
        self.with(|detector, now| detector.activity(now.mono));
        Ok(Subscriber::start(
            &thread,
            address,
            "healer:sub",
            Limits::default(),
            BEAT_MAX_BYTES,
            handler,
        )?)
    }
}

impl MonitorHandler {
    pub(super) fn new(monitor: Arc<BusMonitor>) -> MonitorHandler {
        MonitorHandler {
            monitor,
            outage: LogOnce::default(),
        }
    }
}

impl BusMonitor {
    /// A message on no service's channel.
    fn word(&self, detector: &mut Detector, message: Message<'_>, now: Now) {
        if message.channel == self.publisher.channel().as_bytes() {
            if let Some(seq) = bus::echo_number(message.payload) {
                detector.echo_returned(seq, now, self.handover.room());
                self.unbar();
            }
        } else if message.channel == TRUTH_CHANGED.as_bytes() {
            if let Some(hint) = &self.outputs.truth {
                hint.give();
            }
        } else {
            detector.unroutable();
        }
    }
}

impl Sink for MonitorHandler {
    fn wanted(&mut self, from: usize, into: &mut Channels) -> Option<usize> {
        let from = u32::try_from(from).unwrap_or(u32::MAX);
        let next = self.monitor.lock().channels(from, |channel| {
            into.push(channel);
            !into.is_full()
        });
        if next.is_none() {
            into.push(self.monitor.publisher.channel().as_bytes());
            if self.monitor.outputs.truth.is_some() {
                into.push(TRUTH_CHANGED.as_bytes());
            }
        }
        next.map(|n| n as usize)
    }

    fn is_wanted(&mut self, channel: &[u8]) -> bool {
        channel == self.monitor.publisher.channel().as_bytes()
            || channel == TRUTH_CHANGED.as_bytes()
            || self.monitor.lock().has_channel(channel)
    }

    /// The way of every beat: one lock for all that one read brought.
    fn batch(&mut self, batch: &mut Batch<'_>, mono: Mono) {
        let monitor = &self.monitor;
        monitor.with_at(mono, |detector, now| {
            detector.activity(mono);
            while let Some(event) = batch.next() {
                match event {
                    Event::Messages(run) => {
                        let services = detector.find(run.messages().map(|m| m.channel));
                        for (message, service) in run.messages().zip(services) {
                            match service {
                                Some(index) => detector.heard(index, message.payload, now),
                                None => monitor.word(detector, message, now),
                            }
                        }
                    }
                    Event::TooLong { channel, .. } => detector.too_long(channel, now),
                    Event::Confirmed { channel } => detector.confirmed(channel, now),
                    Event::Refused { channel } => {
                        log::error!(
                            "{}: Redis forbids channel {} (ACL): nothing can be said about who beats there",
                            monitor.bus,
                            String::from_utf8_lossy(channel)
                        );
                        monitor.refuse(channel);
                        detector.refused(channel, now);
                    }
                }
            }
        });
    }

    fn proven(&mut self, proof: &ServerIdentity, mono: Mono) {
        let before = self.monitor.server().replace(proof.clone());
        if let Some(before) = before {
            let is_other = before.is_other(proof);
            if is_other {
                log::warn!(
                    "{}: this is another server than before, or it started anew",
                    self.monitor.bus
                );
            }
            // One that does not say who it is may be another whenever the link is another.
            if is_other || (proof.is_anonymous() && self.outage.is_on()) {
                self.monitor.servers.fetch_add(1, Ordering::Relaxed);
            }
        }
        if self.outage.end() {
            log::info!(
                "{}: subscribed again to {} channels",
                self.monitor.bus,
                proof.count
            );
        } else {
            log::info!(
                "{}: subscribed to {} channels",
                self.monitor.bus,
                proof.count
            );
        }
        if let Some(hint) = &self.monitor.outputs.truth {
            hint.give();
        }
        self.monitor
            .with_at(mono, |detector, now| detector.proven(now));
    }

    fn lost(&mut self, error: &BusError, mono: Mono) {
        if self.outage.is_news(error) {
            log::warn!("{}: the link is lost: {error}; trying on", self.monitor.bus);
        }
        self.monitor
            .with_at(mono, |detector, now| detector.link_lost(now));
    }
}
