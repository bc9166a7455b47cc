//! Services on buses that cannot be heard from here: `unknown`, whatever they were.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use crate::contract::{Health, Status, round_secs};
use crate::text::SafeText;

/// Who beats where nobody listens, and how far the store was told so.
#[derive(Clone, Debug, Default)]
pub struct Unheard {
    /// Why, by bus.
    reasons: BTreeMap<String, SafeText>,
    services: Vec<One>,
    /// Those before it are written.
    next: usize,
}

#[derive(Clone, Debug)]
struct One {
    svc: Box<str>,
    bus: Box<str>,
    timeout: Duration,
}

impl Unheard {
    /// `svc` beats on `bus`, which is not heard; `why` is asked once for each bus.
    pub fn add(&mut self, bus: &str, svc: &str, timeout: Duration, why: impl FnOnce() -> String) {
        if !self.reasons.contains_key(bus) {
            self.reasons.insert(bus.to_owned(), why().into());
        }
        self.services.push(One {
            svc: svc.into(),
            bus: bus.into(),
            timeout,
        });
    }

    /// Whether everybody is heard.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// What the store has may be somebody else's: all of it is written again.
    pub fn restart(&mut self) {
        self.next = 0;
    }

    /// The next few to be written.
    pub fn due(&self, count: usize) -> Range<usize> {
        self.next..(self.next + count).min(self.services.len())
    }

    /// Those before `end` are written.
    pub fn done(&mut self, end: usize) {
        self.next = end;
    }

    /// The names of the services with these numbers.
    pub fn names(&self, of: Range<usize>) -> Vec<&str> {
        self.services[of].iter().map(|one| &*one.svc).collect()
    }

    /// What is to be written over `found`; `None` when it may stay: a death that was told is one until its end is.
    pub fn snapshot(&self, nth: usize, found: Option<&Health>, now_ts: i64) -> Option<Health> {
        let one = &self.services[nth];
        let reason = self.reasons.get(&*one.bus).cloned();
        let is_new = match found {
            Some(health) if health.status == Status::Down => return None,
            Some(health) => health.status != Status::Unknown,
            None => true,
        };
        if !is_new && found.is_some_and(|health| health.reason == reason) {
            return None;
        }
        let since_ts = found.filter(|_| !is_new).map_or(now_ts, |h| h.since_ts);
        Some(Health {
            svc: one.svc.to_string(),
            status: Status::Unknown,
            since_ts,
            last_seen_ts: found.and_then(|h| h.last_seen_ts),
            as_of_ts: now_ts,
            last_i: found.and_then(|h| h.last_i),
            timeout_sec: round_secs(one.timeout.as_secs_f64()),
            misses: found.map_or(0, |h| h.misses),
            restarts: found.map_or(0, |h| h.restarts),
            bus: Some(one.bus.to_string()),
            reason,
            beat_status: None,
            flapping: found.map(|h| h.flapping.clone()).unwrap_or_default(),
            alert: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_green_becomes_unknown_with_the_reason_and_a_death_stays_one() {
        let mut unheard = Unheard::default();
        for svc in ["a", "b"] {
            unheard.add("api", svc, Duration::from_secs(3), || "API_URL".into());
        }
        assert_eq!(unheard.names(unheard.due(10)), ["a", "b"]);
        let new = unheard.snapshot(0, None, 50).expect("written");
        assert_eq!((new.status, new.since_ts), (Status::Unknown, 50));
        assert_eq!(new.reason.as_deref(), Some("API_URL"));
        assert_eq!(unheard.snapshot(0, Some(&new), 60), None, "it is there");
        let with = |status| Health {
            status,
            misses: 2,
            reason: None,
            ..new.clone()
        };
        let up = unheard.snapshot(0, Some(&with(Status::Up)), 70);
        assert_eq!(up.map(|h| (h.misses, h.since_ts)), Some((2, 70)));
        assert_eq!(unheard.snapshot(0, Some(&with(Status::Down)), 70), None);
        unheard.done(2);
        assert!(unheard.due(10).is_empty());
        unheard.restart();
        assert_eq!(unheard.due(1), 0..1);
    }
}
