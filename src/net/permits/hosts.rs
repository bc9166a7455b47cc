//! How often and how widely one host may be asked.
//!
//! A host is a name and a port, as the URL writes them: two names on one machine are two hosts, and so are two ports.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Mono;

/// Truth's limits for each host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostLimits {
    /// Requests per second.
    pub rps: f64,
    /// Requests under way at once.
    pub connections: usize,
}

impl HostLimits {
    fn gap(self) -> Duration {
        // Slower than one request a day is no rate; truth refuses it, and this keeps the arithmetic finite.
        Duration::from_secs_f64(1.0 / self.rps.max(1.0 / 86_400.0))
    }
}

/// Why a request may not start now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// The rate allows the next request at this moment.
    Until(Mono),
    /// All connections are taken; one of them has to finish first.
    Full,
}

/// What each host has been asked lately. Hosts that are idle are forgotten.
#[derive(Debug)]
pub struct Hosts {
    limits: HostLimits,
    hosts: HashMap<String, Host>,
}

#[derive(Debug)]
struct Host {
    next_start: Mono,
    under_way: usize,
}

impl Hosts {
    /// Nobody has been asked yet.
    pub fn new(limits: HostLimits) -> Hosts {
        Hosts {
            limits,
            hosts: HashMap::new(),
        }
    }

    /// New limits apply from the next request on.
    pub fn set_limits(&mut self, limits: HostLimits) {
        self.limits = limits;
    }

    /// Takes a place for one request to `host` that starts now, or says when to ask again.
    ///
    /// # Errors
    /// When to ask again: the host serves as many as it may, or was asked just before.
    pub fn start(&mut self, host: &str, now: Mono) -> Result<(), Busy> {
        let gap = self.limits.gap();
        if let Some(known) = self.hosts.get_mut(host) {
            if known.under_way >= self.limits.connections.max(1) {
                return Err(Busy::Full);
            }
            if known.next_start > now {
                return Err(Busy::Until(known.next_start));
            }
            known.under_way += 1;
            known.next_start = now + gap;
            return Ok(());
        }
        self.forget_idle(now);
        self.hosts.insert(
            host.to_owned(),
            Host {
                next_start: now + gap,
                under_way: 1,
            },
        );
        Ok(())
    }

    /// Lets nobody ask this host before `until`, whose server has asked for it.
    pub fn hold(&mut self, host: &str, until: Mono) {
        if let Some(known) = self.hosts.get_mut(host) {
            known.next_start = known.next_start.max(until);
        }
    }

    /// Gives the place back.
    pub fn finish(&mut self, host: &str) {
        if let Some(known) = self.hosts.get_mut(host) {
            known.under_way = known.under_way.saturating_sub(1);
        }
    }

    /// Keeps the table as small as the hosts in use: looked through whenever it has doubled.
    fn forget_idle(&mut self, now: Mono) {
        if self.hosts.len() == self.hosts.capacity() {
            self.hosts
                .retain(|_, host| host.under_way > 0 || host.next_start > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: f64) -> Mono {
        Mono::from_secs(secs)
    }

    fn hosts(rps: f64, connections: usize) -> Hosts {
        Hosts::new(HostLimits { rps, connections })
    }

    #[test]
    fn a_host_is_asked_no_faster_than_its_rate() {
        let mut hosts = hosts(2.0, 9);
        assert_eq!(hosts.start("a:80", at(10.0)), Ok(()));
        assert_eq!(hosts.start("a:80", at(10.2)), Err(Busy::Until(at(10.5))));
        assert_eq!(hosts.start("a:80", at(10.5)), Ok(()));
        assert_eq!(hosts.start("a:80", at(10.6)), Err(Busy::Until(at(11.0))));
    }

    #[test]
    fn a_host_serves_no_more_requests_at_once_than_it_has_connections() {
        let mut hosts = hosts(1000.0, 2);
        assert_eq!(hosts.start("a:80", at(1.0)), Ok(()));
        assert_eq!(hosts.start("a:80", at(2.0)), Ok(()));
        assert_eq!(hosts.start("a:80", at(3.0)), Err(Busy::Full));
        hosts.finish("a:80");
        assert_eq!(hosts.start("a:80", at(3.0)), Ok(()));
    }

    #[test]
    fn a_host_that_is_held_is_asked_by_nobody() {
        let mut hosts = hosts(1.0, 2);
        assert_eq!(hosts.start("a:80", at(1.0)), Ok(()));
        hosts.hold("a:80", at(100.0));
        hosts.hold("a:80", at(50.0));
        hosts.finish("a:80");
        assert_eq!(hosts.start("a:80", at(60.0)), Err(Busy::Until(at(100.0))));
        assert_eq!(hosts.start("b:80", at(60.0)), Ok(()));
        assert_eq!(hosts.start("a:80", at(100.0)), Ok(()));
    }

    #[test]
    fn another_name_or_port_is_another_host() {
        let mut hosts = hosts(1.0, 1);
        for host in ["a:80", "a:8080", "b:80"] {
            assert_eq!(hosts.start(host, at(1.0)), Ok(()), "{host}");
        }
    }

    #[test]
    fn idle_hosts_are_forgotten() {
        let mut hosts = hosts(1.0, 1);
        for i in 0..100_000 {
            let name = format!("h{i}:80");
            assert_eq!(hosts.start(&name, at(f64::from(i))), Ok(()));
            hosts.finish(&name);
        }
        assert!(hosts.hosts.capacity() < 100, "{}", hosts.hosts.capacity());
    }
}
