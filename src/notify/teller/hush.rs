//! Silences and acknowledgements: when people want to hear nothing.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::super::telling::Ms;

/// A wish of an operator to hear nothing, or no reminders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hush {
    /// Names it for `silence end`.
    pub id: String,
    /// The service, or `*` for all.
    pub svc: String,
    /// An acknowledgement: told, but no reminders until it is up.
    #[serde(default)]
    pub ack: bool,
    pub from_ms: Ms,
    pub until_ms: Ms,
    /// Why, in the operator's words.
    #[serde(default)]
    pub why: String,
    /// Who, as `user@host`.
    #[serde(default)]
    pub by: String,
}

/// All hushes in force or to come.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Hushes {
    /// Of all services.
    all: Vec<Hush>,
    by_svc: HashMap<String, Vec<Hush>>,
}

impl Hushes {
    pub fn new(hushes: Vec<Hush>) -> Hushes {
        let mut new = Hushes::default();
        for hush in hushes {
            if hush.svc == "*" {
                new.all.push(hush);
            } else {
                new.by_svc.entry(hush.svc.clone()).or_default().push(hush);
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

    fn of(&self, svc: &str) -> impl Iterator<Item = &Hush> {
        self.all
            .iter()
            .chain(self.by_svc.get(svc).into_iter().flatten())
    }
}
