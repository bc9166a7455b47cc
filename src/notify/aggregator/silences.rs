//! Silences and acknowledgements: when people want to hear nothing.

use std::collections::HashMap;

use crate::contract::Silence;
use crate::notify::notification::Ms;

/// All silences in force or to come.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Silences {
    /// Of all services.
    all: Vec<Silence>,
    by_svc: HashMap<String, Vec<Silence>>,
}

impl Silences {
    /// Those that people have set, as they were read last.
    pub fn new(silences: Vec<Silence>) -> Silences {
        let mut new = Silences::default();
        for silence in silences {
            if silence.svc == "*" {
                new.all.push(silence);
            } else {
                new.by_svc
                    .entry(silence.svc.clone())
                    .or_default()
                    .push(silence);
            }
        }
        new
    }

    /// Until when nothing is to be said of `svc`, when that is so now.
    pub fn silent_until(&self, svc: &str, now_ms: Ms) -> Option<Ms> {
        self.of(svc)
            .filter(|h| !h.ack && h.from_ms <= now_ms && now_ms < h.until_ms)
            .map(|h| h.until_ms)
            .max()
    }

    /// Whether somebody took note of the outage of `svc` that began at `since_ms`.
    pub fn acked(&self, svc: &str, since_ms: Ms) -> bool {
        self.of(svc).any(|h| h.ack && h.from_ms >= since_ms)
    }

    /// The next moment after `now_ms` at which a silence begins or ends.
    pub fn next_change(&self, now_ms: Ms) -> Option<Ms> {
        let all = self.all.iter().chain(self.by_svc.values().flatten());
        all.filter(|h| !h.ack)
            .flat_map(|h| [h.from_ms, h.until_ms])
            .filter(|&t| t > now_ms)
            .min()
    }

    fn of(&self, svc: &str) -> impl Iterator<Item = &Silence> {
        // Of work that stands still, what follows the name says which.
        let svc = svc.split(' ').next().unwrap_or(svc);
        self.all
            .iter()
            .chain(self.by_svc.get(svc).into_iter().flatten())
    }
}
