//! The moments that an incident remembers, and the spans by which it is judged.

use super::{Alert, IncidentRecord, Ms};

/// The time-out that is assumed where an alert names none (`bus_down`, `service_degraded`).
const TIMEOUT_MS: Ms = 30_000;
/// A planned stop hushes a service for no longer than this, whatever it announced.
const PLANNED_MAX_MS: Ms = 24 * 3600 * 1000;

impl IncidentRecord {
    /// When the present outage began, by the alert about it.
    pub fn bad_since_ms(&self) -> Ms {
        self.begin.as_deref().map_or(0, Alert::began_ms)
    }

    /// When it last went from good to bad or back; the distant past when it never did.
    pub fn last_change(&self) -> Ms {
        self.changed_ms.unwrap_or(0)
    }

    /// The time-out by which the service is judged.
    pub fn timeout_ms(&self) -> Ms {
        self.begin
            .as_ref()
            .and_then(|b| b.timeout_sec)
            .filter(|t| *t > 0.0)
            .map_or(TIMEOUT_MS, |t| (t * 1000.0) as Ms)
    }

    pub(super) fn planned_until(&self) -> Option<Ms> {
        let begin = self.begin.as_ref().filter(|b| b.planned)?;
        let until = begin
            .eta?
            .saturating_mul(1000)
            .saturating_add(self.timeout_ms());
        Some(until.min(begin.ts.saturating_mul(1000) + PLANNED_MAX_MS))
    }

    pub(super) fn timeouts(&self, count: Ms) -> Ms {
        count * self.timeout_ms()
    }

    /// After a restart: no time lies in the future, even if the wall clock went back meanwhile.
    pub fn clamp(&mut self, now_ms: Ms) {
        for at in self.times() {
            *at = (*at).min(now_ms);
        }
    }

    /// The clock stepped by so much. The dates in alerts stay as they were written.
    pub fn shift(&mut self, by: Ms) {
        for at in self.times() {
            *at += by;
        }
        if let Some(at) = &mut self.wake_ms {
            *at += by;
        }
    }

    fn times(&mut self) -> impl Iterator<Item = &mut Ms> {
        let one = [
            &mut self.told_ms,
            &mut self.said_ms,
            &mut self.flap_told_ms,
            &mut self.changed_ms,
        ];
        let flap = self.flap.as_mut().map(|flap| &mut flap.since_ms);
        one.into_iter().flatten().chain(flap)
    }
}
