//! Alerts that wait a moment for their reason: a `duplicate_instance` until somebody looked where the other one is.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Mono;
use crate::text::SafeText;
use crate::watch::alert_store::AlertEntry;

/// An alert goes out without its reason after this.
const WAIT: Duration = Duration::from_secs(1);
/// Services whose alerts may wait; those of others go out at once.
const HELD_MAX: usize = 64;

/// Entries by service, in the order in which they were made: what follows one that waits follows it.
#[derive(Default)]
pub struct Held(HashMap<String, (Mono, Vec<AlertEntry>)>);

impl Held {
    /// Whether one more service may wait.
    pub fn has_room(&self) -> bool {
        self.0.len() < HELD_MAX
    }

    /// `entry` waits.
    pub fn hold(&mut self, entry: AlertEntry, now: Mono) {
        let svc = entry.health.svc.clone();
        self.0.entry(svc).or_insert((now, Vec::new())).1.push(entry);
    }

    /// Takes `entry` when something about its service waits; gives it back when not.
    pub fn follow(&mut self, entry: AlertEntry) -> Option<AlertEntry> {
        match self.0.get_mut(&entry.health.svc) {
            Some((_, waiting)) => {
                waiting.push(entry);
                None
            }
            None => Some(entry),
        }
    }

    /// What waited for the reason of `svc`, with it if there is one.
    pub fn settle(&mut self, svc: &str, reason: Option<String>) -> Vec<AlertEntry> {
        let (_, mut entries) = self.0.remove(svc).unwrap_or_default();
        if let Some(first) = entries.first_mut() {
            first.alert.reason = reason.map(SafeText::from);
        }
        entries
    }

    /// What has waited long enough.
    pub fn overdue(&mut self, now: Mono) -> Vec<AlertEntry> {
        let over =
            |(_, (since, _)): &(&String, &(Mono, Vec<AlertEntry>))| now.since(*since) >= WAIT;
        let names: Vec<String> = self
            .0
            .iter()
            .filter(over)
            .map(|(svc, _)| svc.clone())
            .collect();
        let each = names.iter().flat_map(|svc| self.settle(svc, None));
        each.collect()
    }

    /// Forgets all of it.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Alert, AlertKind, Health, Status};

    fn entry(svc: &str, kind: AlertKind) -> AlertEntry {
        AlertEntry {
            previous: String::new(),
            alert: Alert::new(kind, svc, 1),
            health: Health {
                svc: svc.into(),
                bus: None,
                status: Status::Up,
                since_ts: 1,
                last_seen_ts: None,
                as_of_ts: 1,
                last_i: None,
                timeout_sec: 1.0,
                misses: 0,
                restarts: 0,
                reason: None,
                beat_status: None,
                flapping: Vec::new(),
                alert: None,
            },
            published: false,
            told: false,
        }
    }

    #[test]
    fn what_follows_an_alert_that_waits_goes_out_after_it_and_nobody_else_waits() {
        let mut held = Held::default();
        let at = |ms: u64| Mono(ms * 1000);
        held.hold(entry("a", AlertKind::DuplicateInstance), at(0));
        assert_eq!(held.follow(entry("a", AlertKind::HeartbeatMiss)), None);
        assert!(held.follow(entry("b", AlertKind::HeartbeatMiss)).is_some());
        assert!(held.overdue(at(999)).is_empty());
        let out = held.settle("a", Some("database 1".into()));
        let kinds: Vec<AlertKind> = out.iter().map(|e| e.alert.kind).collect();
        assert_eq!(
            kinds,
            [AlertKind::DuplicateInstance, AlertKind::HeartbeatMiss]
        );
        assert_eq!(out[0].alert.reason.as_deref(), Some("database 1"));
        assert_eq!(out[1].alert.reason, None);
        // An answer that comes too late finds nobody.
        held.hold(entry("a", AlertKind::DuplicateInstance), at(0));
        assert_eq!(held.overdue(at(1000)).len(), 1);
        assert!(held.settle("a", Some("late".into())).is_empty());
    }
}
