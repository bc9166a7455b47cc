//! What Redis forbids on a bus: channels of services, and the echoes, without which nothing there can be judged. Nobody but
//! people can help; when they did, that is found out here.

use super::{BusMonitor, Call, WorkerCommand};
use crate::bus::{Limits, Rights};
use crate::fail_stop::lock;

/// Channels that are tried again; where more are forbidden, these stand for all.
const REFUSED_MAX: usize = 64;

/// Why the echoes of a bus cannot be sent, or not be heard.
#[derive(Debug)]
pub(super) struct Barred {
    why: String,
    told: bool,
}

impl BusMonitor {
    /// No echo can be sent or heard, and `why` says what to do; asked once, until an echo comes back.
    pub(super) fn bar(&self, why: impl FnOnce() -> String) {
        if lock(&self.barred).is_some() {
            return;
        }
        let why = why();
        log::error!("{}: nothing there can be judged: {why}", self.bus);
        *lock(&self.barred) = Some(Barred { why, told: false });
        self.outputs.calls.look();
    }

    /// An echo came back.
    pub(super) fn unbar(&self) {
        if lock(&self.barred).take().is_some() {
            log::info!("{}: it can be judged again", self.bus);
        }
    }

    /// Why no echo comes back, if it is known.
    pub fn barred(&self) -> Option<String> {
        lock(&self.barred).as_ref().map(|barred| barred.why.clone())
    }

    /// The same, the first time that this is asked for.
    pub fn take_barred(&self) -> Option<String> {
        let mut barred = lock(&self.barred);
        let untold = barred.as_mut().filter(|barred| !barred.told)?;
        untold.told = true;
        Some(untold.why.clone())
    }

    /// This channel cannot be heard.
    pub(super) fn refuse(&self, channel: &[u8]) {
        let mut refused = lock(&self.refused);
        let is_known = refused.iter().any(|known| known == channel);
        if !is_known && refused.len() < REFUSED_MAX {
            refused.push_back(channel.to_owned());
        }
        drop(refused);
        if channel == self.publisher.channel().as_bytes() {
            self.send(WorkerCommand::TryRefused);
        }
    }

    /// Tries whether one of the channels that were forbidden may be heard now; then the link is made anew. Blocks, within
    /// `limits`.
    pub(super) fn try_refused(&self, limits: &Limits) {
        let Some(channel) = lock(&self.refused).pop_front() else {
            return;
        };
        let is_echo = channel == self.publisher.channel().as_bytes();
        if !is_echo && !self.lock().has_channel(&channel) {
            return;
        }
        match self.publisher.try_subscribing(&channel, limits) {
            Ok(()) => {
                lock(&self.refused).clear();
                let bus = self.bus.clone();
                self.outputs.calls.call(Call::Reconnect { bus });
            }
            Err(error) => {
                if is_echo && Rights::is_about(&error) {
                    self.bar(|| self.publisher.explain(error, limits).to_string());
                }
                lock(&self.refused).push_back(channel);
            }
        }
    }
}
