//! What the healer counts of its own work, for whoever watches it. The counts of a bus are taken from its detector once a
//! second, so that no beat costs more for it.

use std::time::Duration;

use super::bus_monitor::BusMonitor;
use crate::clock::Mono;
use crate::contract::AlertKind;
use crate::service::metrics::{Gauge, Metrics};
use crate::watch::alert_store::AlertEntry;

/// From one look to the next.
const EVERY: Duration = Duration::from_secs(1);

/// Looks at the detectors now and then.
#[derive(Default)]
pub struct Counting {
    looked: Option<Mono>,
}

impl Counting {
    /// Looks at each of `watches`, when it is time.
    pub fn look<'w>(&mut self, metrics: &Metrics, watches: impl Iterator<Item = &'w BusMonitor>) {
        let now = Mono::now();
        if self.looked.is_some_and(|at| now.since(at) < EVERY) {
            return;
        }
        self.looked = Some(now);
        for watch in watches {
            let labels = [("bus", watch.bus.as_str())];
            let (counts, slowest) = watch.counts();
            let count = |name, n| metrics.counter(name, &labels).set(n);
            count("healer_beats_heard_total", counts.beats);
            count("healer_malformed_total", counts.malformed);
            count("healer_doubts_total", counts.doubts);
            if let Some(slowest) = slowest {
                let echo = metrics.gauge("healer_echo_slowest_seconds", &labels);
                echo.set(slowest.as_secs_f64());
            }
        }
    }
}

/// What is told, and what waits to be.
pub struct Telling {
    owed: Gauge,
    lateness: Gauge,
}

impl Telling {
    /// Counts among `metrics`.
    pub fn new(metrics: &Metrics) -> Telling {
        Telling {
            owed: metrics.gauge("healer_owed", &[]),
            lateness: metrics.gauge("healer_lateness_seconds", &[]),
        }
    }

    /// So many transitions wait for the store.
    pub fn owes(&self, count: usize) {
        self.owed.set(count as f64);
    }

    /// These are told now: of the last miss among them, how long after its limit that is.
    pub fn tells(&self, entries: &[AlertEntry]) {
        let mut misses = entries.iter().map(|entry| &entry.alert);
        let last = misses.rfind(|alert| alert.kind == AlertKind::HeartbeatMiss);
        if let Some((late, limit)) = last.and_then(|a| a.late_sec.zip(a.timeout_sec)) {
            self.lateness.set(late - limit);
        }
    }
}
