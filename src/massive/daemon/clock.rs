//! The vendor's clock, by which ages are judged.

use crate::clock::{Mono, wall_millis};
use crate::massive::session::clock_offset_ms;

/// The vendor tells whole seconds, a moment ago: closer than this, the two clocks agree.
const SAME_MS: i64 = 2_000;

/// The time at the vendor's. Between two words of it the clock that never steps goes on, so that a step of the host's
/// makes no price old, or new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VendorClock {
    /// What it was, and when; without, the host's counts.
    anchor: Option<(i64, Mono)>,
}

impl VendorClock {
    /// Milliseconds since 1970.
    pub fn now_ms(self) -> i64 {
        self.at(Mono::now(), host_ms())
    }

    fn at(self, now: Mono, host_ms: i64) -> i64 {
        match self.anchor {
            Some((ms, at)) => ms + i64::try_from(now.since(at).as_millis()).unwrap_or(0),
            None => host_ms,
        }
    }

    /// Takes the vendor's word. False when it is over a day from the host's clock, and not believed.
    pub fn hear(&mut self, server_ms: i64) -> bool {
        self.hear_at(server_ms, Mono::now(), host_ms())
    }

    fn hear_at(&mut self, server_ms: i64, now: Mono, host_ms: i64) -> bool {
        let Some(offset_ms) = clock_offset_ms(server_ms, host_ms) else {
            self.anchor = None;
            return false;
        };
        let ms = if offset_ms.abs() <= SAME_MS {
            host_ms
        } else {
            server_ms
        };
        self.anchor = Some((ms, now));
        true
    }
}

fn host_ms() -> i64 {
    i64::try_from(wall_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_word_counts_and_a_step_of_the_host_does_not() {
        let mut clock = VendorClock::default();
        let (host, hour) = (1_700_000_000_000, 3_600_000);
        assert_eq!(clock.at(Mono(0), host), host, "nobody said anything");
        assert!(clock.hear_at(host + hour, Mono(0), host));
        assert_eq!(clock.at(Mono(5_000_000), host), host + hour + 5_000);
        assert!(clock.hear_at(host - 900, Mono(0), host), "whole seconds");
        assert_eq!(
            clock.at(Mono(1_000_000), host + hour),
            host + 1_000,
            "the host stepped"
        );
        assert!(!clock.hear_at(host + 25 * hour, Mono(0), host));
        assert_eq!(clock.at(Mono(0), host), host, "not believed");
    }
}
