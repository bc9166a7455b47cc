//! What every daemon stands on: logging, truth, signals, named threads, the beat.
//!
//! A daemon is one call of [`run`] with a body. By the time the body runs there is a valid truth, the first beat is on
//! its way, and everything that happens arrives on one channel, as the daemon's own `Event` type made from [`Notice`].
#![warn(missing_docs, clippy::missing_errors_doc)]

mod args;
mod error;
mod first_truth;
mod healthcheck;
mod heartbeat;
mod heartbeat_publisher;
mod idle;
pub mod lease;
mod logging;
mod message_handler;
pub mod metrics;
mod output;
mod remarks;
mod service_manager;
mod signals;
mod start;
mod swarm;
mod thread_group;
mod truth_watch;
mod watchdog;

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

pub use args::{Standard, standard_args, usage_error};
pub use error::Error;
pub use heartbeat::{BeatHandle, HeartbeatSettings};
pub use heartbeat_publisher::HeartbeatPublisher;
pub use idle::idle;
pub use logging::start as start_logging;
pub use output::{complain, is_reader_gone, print, printed, stream};
pub use remarks::{Remarks, databases};
pub use service_manager::ServiceManager;
pub use signals::{Received, Signals, not_ignored, set_of, signals_to};
pub use start::{Away, beat_settings, host_name, run, run_prepared, run_waiting};
pub use swarm::{SERVICES, WATCHERS};
pub use thread_group::{ThreadGroup, deliver};
pub use truth_watch::TruthHint;
pub use watchdog::{Progress, Verdict, Watchdog, Working};

use crate::bus::Buses;
use crate::contract::TRUTH_POLL;
use crate::env::Env;
use crate::truth::Truth;

/// Events that may wait for a daemon's loop; what sends more than that waits itself.
pub const EVENTS_MAX: usize = 1024;

/// What every daemon is told.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Notice {
    /// A new, valid truth is in force.
    Truth(Arc<Truth>),
    /// The document in Redis is not valid; the last good one stays in force.
    TruthRejected { reason: String },
    /// There is no document in Redis any more; the last good one stays in force.
    TruthMissing,
    /// A message on one of the channels that the profile names.
    Message { channel: String, payload: Vec<u8> },
    /// SIGTERM or SIGINT: finish within two seconds.
    Stop,
    /// A thread ended: on its own (`error` is `None`) or by an error.
    ThreadEnded { name: String, error: Option<String> },
}

/// What one daemon wants of the service room.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The service's name in truth.
    pub id: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// Waits for the bus for ever (healer, sentinel) instead of `TRUTH_WAIT_SEC`.
    pub never_gives_up: bool,
    /// Waits for a usable truth for ever, too: it has something to show meanwhile.
    pub waits_for_truth: bool,
    /// Has a subscriber thread on the system bus, for `truth:changed` and `channels`.
    pub listens: bool,
    /// Channels on the system bus whose messages become [`Notice::Message`].
    pub channels: &'static [&'static str],
    /// How often it asks whether the truth was written, besides the hints.
    pub truth_period: Duration,
    /// Copies each truth that comes into force to `truth:last_good`.
    pub keeps_last_good: bool,
    /// What it can do, in words of at most 32 bytes, 16 at most: the registry of instances shows them.
    pub caps: &'static [&'static str],
    /// Beats from the start; otherwise not before [`BeatHandle::unmute`].
    pub beats_at_once: bool,
}

impl Profile {
    /// What an ordinary service wants.
    pub const fn new(id: &'static str, about: &'static str) -> Profile {
        Profile {
            id,
            about,
            never_gives_up: false,
            waits_for_truth: false,
            listens: true,
            channels: &[],
            truth_period: TRUTH_POLL,
            keeps_last_good: false,
            caps: &[],
            beats_at_once: true,
        }
    }
}

/// A running daemon, as its body sees it.
pub struct Service<E> {
    /// Its name in truth.
    pub id: &'static str,
    /// Changes with every start.
    pub inst: String,
    /// The machine's name.
    pub host: String,
    /// The environment it was started with.
    pub env: Env,
    /// Bus addresses, by the environment and the truth in force.
    pub buses: Buses,
    /// The truth in force.
    pub truth: Arc<Truth>,
    /// What was said about it.
    pub remarks: Remarks,
    /// Its heartbeat.
    pub beat: BeatHandle,
    /// Asks for a look at the truth, for a daemon that hears `truth:changed` itself.
    pub truth_hint: TruthHint,
    /// Its word to systemd, if systemd runs it.
    pub service_manager: ServiceManager,
    /// Everything that happens.
    pub events: Receiver<E>,
    /// For the daemon's own threads.
    pub sender: Sender<E>,
    /// Its threads; joined when the service is dropped.
    pub threads: ThreadGroup<E>,
}

impl<E: From<Notice> + Send + 'static> Service<E> {
    /// Puts a new truth in force: bus addresses and the heartbeat follow it. Whatever the environment spoils is said
    /// and left out, since a truth that somebody writes must not end who runs.
    pub fn adopt(&mut self, truth: Arc<Truth>) {
        self.buses = self.buses.for_truth(&self.env, &truth);
        self.remarks.say(&self.buses, &truth);
        self.beat
            .configure(start::beat_settings(self.id, &self.buses, &truth));
        self.truth = truth;
    }
}
