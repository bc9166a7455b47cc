//! Whether enough instances of a service work.

use super::Registry;
use crate::clock::{Mono, Now};

/// How a service stands against the number that it shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Low {
    /// Since when there are too few.
    since: Option<Mono>,
    /// That was told.
    is_told: bool,
}

/// That there are too few, or enough again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowNews {
    pub svc: Box<str>,
    pub is_low: bool,
    /// Up, and not degraded.
    pub working: u32,
    pub min: u32,
}

impl Registry {
    /// Which services have had too few that work for one timeout, or have enough again. While nobody of a service is
    /// there, that is the healer's to tell.
    pub fn judge_low(&mut self, now: Now) -> Vec<LowNews> {
        let mut news = Vec::new();
        for (svc, service) in &mut self.services {
            let (min, up, stuck) = (service.wanted.min, service.up(), service.stuck);
            let is_there = up + service.counts.joining > 0;
            let low = &mut service.low;
            if min == 0 && !low.is_told {
                low.since = None;
                continue;
            }
            let working = up.saturating_sub(stuck);
            if working >= min {
                low.since = None;
            } else if is_there {
                low.since.get_or_insert(now.mono);
            } else if !low.is_told {
                low.since = None;
            }
            let is_long = low
                .since
                .is_some_and(|since| now.mono.since(since) >= service.wanted.timeout);
            let turns = match low.is_told {
                false => is_long && is_there,
                true => low.since.is_none(),
            };
            if turns {
                low.is_told = !low.is_told;
                news.push(LowNews {
                    svc: svc.clone(),
                    is_low: low.is_told,
                    working,
                    min,
                });
            }
        }
        news
    }

    /// What another mesh told of a service.
    pub fn believe_low(&mut self, svc: &str, is_low: bool, now: Now) {
        if let Some(service) = self.services.get_mut(svc) {
            service.low.is_told = is_low;
            service.low.since = is_low.then_some(now.mono);
        }
    }
}
