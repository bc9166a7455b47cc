//! Permits: what a request needs before it starts, and gives back when it is over.
//!
//! - [`hosts`]: how often and how widely one host may be asked (pure).
//! - [`HostPermits`] and [`HostPermit`]: the same, shared between threads and kept over redirects.
//! - [`Semaphore`]: so many at once, whoever they are.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::clock::Mono;

pub mod hosts;

use crate::fail_stop::lock;
use hosts::{Busy, Hosts};

/// How soon a waiting request looks again.
const RECHECK: Duration = Duration::from_millis(100);

/// The hosts, shared by whoever starts requests and whoever follows their redirects.
#[derive(Clone, Debug)]
pub struct HostPermits {
    hosts: Arc<Mutex<Hosts>>,
    closed: Arc<AtomicBool>,
}

impl HostPermits {
    /// Permits by the rules of `hosts`.
    pub fn new(hosts: Hosts) -> HostPermits {
        HostPermits {
            hosts: Arc::new(Mutex::new(hosts)),
            closed: Arc::default(),
        }
    }

    /// Nobody waits for a permit any more, and nobody gets one by waiting.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Held for single calls only; nothing in them can panic half-way, so a poisoned lock still holds good data.
    pub fn lock(&self) -> MutexGuard<'_, Hosts> {
        lock(&self.hosts)
    }
}

/// Lets one request be under way at one host; given back on drop.
#[derive(Debug)]
pub struct HostPermit(Option<(HostPermits, String)>);

impl HostPermit {
    /// Takes over what [`Hosts::start`] allowed at `host`.
    pub fn taken(hosts: &HostPermits, host: &str) -> HostPermit {
        HostPermit(Some((hosts.clone(), host.to_owned())))
    }

    /// For a single fetch outside the daemon: nobody else asks, so nothing is counted.
    pub fn uncounted() -> HostPermit {
        HostPermit(None)
    }

    /// Lets nobody ask the host of this permit before `until`, whose server has asked for it.
    pub fn hold_host(&self, until: Mono) {
        if let Some((hosts, host)) = &self.0 {
            hosts.lock().hold(host, until);
        }
    }

    /// Moves to `host`, as soon as that host may be asked. `false` when that is not before `until`.
    pub fn move_to(&mut self, host: &str, until: Mono) -> bool {
        let Some((hosts, held)) = &mut self.0 else {
            return true;
        };
        hosts.lock().finish(held);
        let hosts = hosts.clone();
        // From here on nothing is held, until the new permit is.
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

impl Drop for HostPermit {
    fn drop(&mut self) {
        if let Some((hosts, host)) = &self.0 {
            hosts.lock().finish(host);
        }
    }
}

/// Lets so many through at once. Clones are the same semaphore.
#[derive(Clone, Debug)]
pub struct Semaphore {
    free: Receiver<()>,
    give_back: Sender<()>,
}

/// One of a semaphore's permits, given back on drop.
#[derive(Debug)]
pub struct SemaphorePermit(Sender<()>);

impl Semaphore {
    /// One with `permits`.
    pub fn new(permits: usize) -> Semaphore {
        let (give_back, free) = bounded(permits);
        while give_back.try_send(()).is_ok() {}
        Semaphore { free, give_back }
    }

    /// A permit, when one comes free before `until`.
    pub fn acquire(&self, until: Mono) -> Option<SemaphorePermit> {
        self.free.recv_deadline(until.instant()).ok()?;
        Some(SemaphorePermit(self.give_back.clone()))
    }
}

impl Drop for SemaphorePermit {
    fn drop(&mut self) {
        // The channel has room for every permit, and this is one of them.
        let _ = self.0.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use super::hosts::HostLimits;
    use super::*;

    fn hosts(rps: f64) -> HostPermits {
        let connections = 1;
        HostPermits::new(Hosts::new(HostLimits { rps, connections }))
    }

    #[test]
    fn a_redirect_waits_for_the_rate_of_the_next_host_and_gives_its_permit_back() {
        let hosts = hosts(20.0);
        let start = Mono::now();
        hosts.lock().start("a:80", start).expect("a free host");
        let mut permit = HostPermit::taken(&hosts, "a:80");
        // Back to the same host: its one connection is our own, and its rate is kept.
        assert!(permit.move_to("a:80", start + Duration::from_secs(60)));
        assert!(Mono::now().since(start) >= Duration::from_millis(49));
        drop(permit);
        let later = Mono::now() + Duration::from_secs(1);
        assert_eq!(hosts.lock().start("a:80", later), Ok(()));
    }

    #[test]
    fn a_redirect_that_cannot_wait_long_enough_gets_no_permit_and_holds_none() {
        // One request in a quarter of an hour.
        let hosts = hosts(0.001);
        let start = Mono::now();
        hosts.lock().start("a:80", start).expect("a free host");
        let mut permit = HostPermit::taken(&hosts, "a:80");
        assert!(!permit.move_to("a:80", Mono::now()), "not within no time");
        let later = start + Duration::from_secs(1_001);
        assert_eq!(hosts.lock().start("a:80", later), Ok(()));
    }
    #[test]
    fn a_semaphore_lets_no_more_through_than_it_has_permits() {
        let semaphore = Semaphore::new(2);
        let soon = || Mono::now() + Duration::from_millis(10);
        let first = semaphore.acquire(soon()).expect("free");
        let second = semaphore.clone().acquire(soon()).expect("free");
        assert!(semaphore.acquire(soon()).is_none());
        drop(first);
        let third = semaphore.acquire(soon());
        assert!(third.is_some() && semaphore.acquire(soon()).is_none());
        drop((second, third));
        assert!(semaphore.acquire(soon()).is_some());
    }
}
