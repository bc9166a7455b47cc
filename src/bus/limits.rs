//! How long a bus is waited for.

use std::time::Duration;

/// A store may be away for so long before a service says that it is degraded: most servers have started again by then.
pub const AWAY_IS_TOLD_AFTER: Duration = Duration::from_secs(10);

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the name look-up to the end of the log-in.
    pub connect: Duration,
    /// For each wait for bytes of an answer, or for room for a question.
    pub read: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // Of a bus that is a second away: TCP, TLS and the log-in are a second each, at least.
            connect: Duration::from_secs(5),
            read: Duration::from_millis(1500),
        }
    }
}
