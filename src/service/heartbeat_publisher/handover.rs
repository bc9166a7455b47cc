//! From one truth to the next: whoever watches may read it later, and listens where and judges as it was until then.

use std::time::Duration;

use super::connection_within;
use crate::bus::Commands;
use crate::clock::Mono;
use crate::contract::WATCHERS_LEARN_WITHIN;
use crate::service::heartbeat::HeartbeatSettings;

/// What the truth before asks for, for as long as a watcher may live by it.
#[derive(Default)]
pub(super) struct BeatHandover {
    /// Where beats went.
    place: Option<Former>,
    /// From one beat to the next, where that was shorter.
    interval: Option<(Duration, Mono)>,
}

struct Former {
    /// Of its own where the bus is another.
    commands: Option<Commands>,
    channel: String,
    until: Mono,
}

impl BeatHandover {
    /// `after` is in force from now on instead of `before`.
    pub fn begin(
        &mut self,
        id: &str,
        before: &HeartbeatSettings,
        after: &HeartbeatSettings,
        now: Mono,
    ) {
        let until = now + WATCHERS_LEARN_WITHIN;
        if before.interval < after.interval {
            let shorter = self.interval(before.interval, now).min(before.interval);
            self.interval = Some((shorter, until));
        }
        let is_same_bus = before.address == after.address;
        if is_same_bus && before.channel == after.channel {
            return;
        }
        let commands = match (&before.address, is_same_bus) {
            (_, true) => None,
            // No beat on the new bus may be late for the old one.
            (Ok(address), false) => {
                let budget = before.interval.min(after.interval) / 2;
                Some(connection_within(id, address.clone(), budget))
            }
            // It beat nowhere.
            (Err(_), false) => return,
        };
        self.place = Some(Former {
            commands,
            channel: before.channel.clone(),
            until,
        });
    }

    /// From one beat to the next, where truth says `wanted`.
    pub fn interval(&mut self, wanted: Duration, now: Mono) -> Duration {
        self.interval = self.interval.filter(|(_, until)| now < *until);
        self.interval
            .map_or(wanted, |(former, _)| former.min(wanted))
    }

    /// Sends a beat where they went before as well; `present` goes where they go now.
    pub fn publish(&mut self, present: &mut Commands, beat: &str, now: Mono) {
        let Some(former) = self.place.as_mut().filter(|former| now < former.until) else {
            self.place = None;
            return;
        };
        let commands = former.commands.as_mut().unwrap_or(present);
        let told = commands.query::<u64>(redis::cmd("PUBLISH").arg(&former.channel).arg(beat));
        if let Err(error) = told {
            // That it is away may be why truth says otherwise now.
            log::debug!(
                "no beat on {}, where they went before: {error}",
                former.channel
            );
            self.place = None;
        }
    }

    /// The beats stop.
    pub fn end(&mut self) {
        self.place = None;
    }
}
