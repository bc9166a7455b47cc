//! What a channel counts of its work.

use crate::notify::notification::Ms;
use crate::notify::outbox::Outbox;
use crate::service::metrics::{Counter, Gauge, Metrics};

/// The numbers of one channel.
pub(super) struct Numbers {
    pub(super) sent: Counter,
    pub(super) failed: Counter,
    waiting: Gauge,
    oldest: Gauge,
}

impl Numbers {
    /// Counts among `metrics` in the name of `channel`.
    pub(super) fn new(metrics: &Metrics, channel: &str) -> Numbers {
        let labels = [("channel", channel)];
        Numbers {
            sent: metrics.counter("notify_sent_total", &labels),
            failed: metrics.counter("notify_failed_attempts_total", &labels),
            waiting: metrics.gauge("notify_waiting", &labels),
            oldest: metrics.gauge("notify_oldest_seconds", &labels),
        }
    }

    /// How much waits, and for how long; nothing waits for no time.
    pub(super) fn waits(&self, outbox: &Outbox, now_ms: Ms) {
        self.waiting.set(outbox.waiting() as f64);
        let since = outbox.oldest_ms().map_or(0, |made_ms| now_ms - made_ms);
        self.oldest.set((since.max(0) as f64) / 1000.0);
    }
}
