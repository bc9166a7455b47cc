//! The place that a request takes at its host, kept over redirects.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Mono;
use crate::rss_agg::schedule::hosts::{Busy, Hosts};

/// How soon a waiting request looks again.
const RECHECK: Duration = Duration::from_millis(100);

/// The hosts, shared by the loop that starts polls and the pollers that follow redirects.
#[derive(Clone, Debug)]
pub struct SharedHosts {
    hosts: Arc<Mutex<Hosts>>,
    closed: Arc<AtomicBool>,
}

impl SharedHosts {
    pub fn new(hosts: Hosts) -> SharedHosts {
        SharedHosts {
            hosts: Arc::new(Mutex::new(hosts)),
            closed: Arc::default(),
        }
    }

    /// Nobody waits for a place any more, and nobody gets one by waiting.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Held for single calls only; nothing in them can panic half-way, so a poisoned lock still holds good data.
    pub fn lock(&self) -> MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's place at one host, given back on drop.
#[derive(Debug)]
pub struct Place(Option<(SharedHosts, String)>);

impl Place {
    /// Takes over the place that was taken at `host` by [`Hosts::start`].
    pub fn taken(hosts: &SharedHosts, host: &str) -> Place {
        Place(Some((hosts.clone(), host.to_owned())))
    }

    /// For a single fetch outside the daemon: nobody else asks, so nothing is counted.
    pub fn uncounted() -> Place {
        Place(None)
    }

    /// Lets nobody ask the host of this place before `until`.
    pub(in crate::rss_agg) fn hold_host(&self, until: Mono) {
        if let Some((hosts, host)) = &self.0 {
            hosts.lock().hold(host, until);
        }
    }

    /// Moves to `host`, as soon as that host may be asked. `false` when that is not before `until`.
    pub(in crate::rss_agg) fn move_to(&mut self, host: &str, until: Mono) -> bool {
        let Some((hosts, held)) = &mut self.0 else {
            return true;
        };
        hosts.lock().finish(held);
        let hosts = hosts.clone();
        // From here on nothing is held, until the new place is.
        self.0 = None;
        loop {
            let now = Mono::now();
            let again = match hosts.lock().start(host, now) {
                Ok(()) => break,
                Err(Busy::Until(at)) => at,
                Err(Busy::Full) => now + RECHECK,
            };
            if again > until || hosts.closed.load(Ordering::Relaxed) {
                return false;
            }
            std::thread::sleep(again.since(now).min(RECHECK));
        }
        self.0 = Some((hosts, host.to_owned()));
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((hosts, host)) = &self.0 {
            hosts.lock().finish(host);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rss_agg::schedule::hosts::HostLimits;

    fn hosts(rps: f64) -> SharedHosts {
        let connections = 1;
        SharedHosts::new(Hosts::new(HostLimits { rps, connections }))
    }

    #[test]
    fn a_redirect_waits_for_the_rate_of_the_next_host_and_gives_its_place_back() {
        let hosts = hosts(20.0);
        let start = Mono::now();
        hosts.lock().start("a:80", start).expect("a free host");
        let mut place = Place::taken(&hosts, "a:80");
        // Back to the same host: its one connection is our own, and its rate is kept.
        assert!(place.move_to("a:80", start + Duration::from_secs(60)));
        assert!(Mono::now().since(start) >= Duration::from_millis(49));
        drop(place);
        let later = Mono::now() + Duration::from_secs(1);
        assert_eq!(hosts.lock().start("a:80", later), Ok(()));
    }

    #[test]
    fn a_redirect_that_cannot_wait_long_enough_gets_no_place_and_holds_none() {
        // One request in a quarter of an hour.
        let hosts = hosts(0.001);
        let start = Mono::now();
        hosts.lock().start("a:80", start).expect("a free host");
        let mut place = Place::taken(&hosts, "a:80");
        assert!(!place.move_to("a:80", Mono::now()), "not within no time");
        let later = start + Duration::from_secs(1_001);
        assert_eq!(hosts.lock().start("a:80", later), Ok(()));
    }
}
