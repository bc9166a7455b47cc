//! A daemon's hold on its own heartbeat: what the beats to come shall say, and where they go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::metrics::Metrics;
use super::watchdog::{Progress, Watchdog};
use crate::bus::{Address, BusError};
use crate::fail_stop::lock;

/// Where and how often to beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatSettings {
    /// The bus of the beats, or why it cannot be known: then none goes out.
    pub address: Result<Address, BusError>,
    /// The channel of the beats.
    pub channel: String,
    /// From one beat to the next.
    pub interval: Duration,
}

/// A daemon's hold on its own heartbeat. Clones are the same heartbeat.
#[derive(Clone)]
pub struct BeatHandle {
    shared: Arc<Shared>,
    wake: Sender<()>,
}

pub(super) struct Shared {
    state: Mutex<State>,
    /// What it counts.
    pub metrics: Metrics,
    /// Whether the workers get on.
    pub watchdog: Watchdog,
    /// Nothing is published while this is set.
    pub muted: AtomicBool,
    /// The publisher says goodbye and ends.
    pub stop: AtomicBool,
}

pub(super) struct State {
    /// Where and how often, by the truth in force.
    pub settings: HeartbeatSettings,
    /// What the service says that it is, other than plainly up.
    pub status: Option<String>,
    /// Why, in its own words.
    pub reason: Option<String>,
    /// When a planned stop will be over: seconds since the epoch.
    pub eta: Option<i64>,
}

impl Shared {
    /// Locks what the next beat will say.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl BeatHandle {
    /// A heartbeat by these settings; with what its thread shares with it, and what wakes the thread.
    pub(super) fn new(
        settings: HeartbeatSettings,
        muted: bool,
    ) -> (BeatHandle, Arc<Shared>, Receiver<()>) {
        let (wake, inbox) = bounded(1);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                settings,
                status: None,
                reason: None,
                eta: None,
            }),
            metrics: Metrics::default(),
            watchdog: Watchdog::default(),
            muted: AtomicBool::new(muted),
            stop: AtomicBool::new(false),
        });
        let heartbeat = BeatHandle {
            shared: Arc::clone(&shared),
            wake,
        };
        (heartbeat, shared, inbox)
    }

    /// A worker whose progress the beat depends on: over `budget` without a sign while working and the beat says
    /// `degraded`, over twice the budget and it stops.
    pub fn progress(&self, worker: impl Into<String>, budget: Duration) -> Progress {
        self.shared.watchdog.worker(worker, budget)
    }

    /// What the process counts of its work: it goes out behind a beat now and then.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The `status` of the beats to come (`idle`, say); a worker that is stuck overrides it.
    pub fn set_status(&self, status: Option<&str>) {
        let mut state = self.shared.state();
        state.status = status.map(str::to_owned);
        state.reason = None;
    }

    /// The beats to come say `degraded`, and why.
    pub fn set_degraded(&self, reason: &str) {
        let mut state = self.shared.state();
        state.status = Some("degraded".to_owned());
        state.reason = Some(reason.to_owned());
    }

    /// When the service means to be back: sent with the last beat of a planned stop.
    pub fn set_eta(&self, eta: Option<i64>) {
        self.shared.state().eta = eta;
    }

    /// Stops beating without ending the thread: a healer that stands by must not look like the one that judges.
    pub fn mute(&self) {
        self.shared.muted.store(true, Ordering::SeqCst);
    }

    /// Beats (again), at once.
    pub fn unmute(&self) {
        if self.shared.muted.swap(false, Ordering::SeqCst) {
            self.nudge();
        }
    }

    /// Changes bus, channel or interval; the next beat comes no later than one new interval after the last.
    pub fn configure(&self, settings: HeartbeatSettings) {
        let mut state = self.shared.state();
        if state.settings != settings {
            state.settings = settings;
            drop(state);
            self.nudge();
        }
    }

    /// Says `stopping` in a last beat and ends the thread.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.nudge();
    }

    fn nudge(&self) {
        // A nudge that waits already is as good as two.
        let _ = self.wake.try_send(());
    }
}
