//! How the asking stands, for whoever reports on it or judges an age by it.

use super::{Agenda, FAILING_AFTER_MS, JobId, State};
use crate::massive::facts::Reason;
use crate::massive::plan;
use crate::massive::symbol;

impl Agenda {
    /// Why nothing comes for a class of symbols, as the word on the wire.
    pub fn fault(&self, class: symbol::Class, mono_ms: i64) -> Option<&'static str> {
        if self.is_key_refused() {
            return Some(Reason::KeyRefused.word());
        }
        let id = match class {
            _ if self.is_planned(JobId::Mixed) => JobId::Mixed,
            symbol::Class::Index => JobId::Indices,
            _ => JobId::Symbols,
        };
        let state = self.jobs.get(&id)?;
        if state.off.is_some() {
            return Some(Reason::BadRequest.word());
        }
        let since = state.failing_since?;
        (mono_ms - since >= FAILING_AFTER_MS).then_some("source_failing")
    }

    fn is_planned(&self, id: JobId) -> bool {
        self.order.iter().any(|(known, _)| *known == id)
    }

    /// The interval in force for a class of symbols.
    pub fn interval_ms(&self, class: symbol::Class) -> Option<i64> {
        let of_class = |(id, _): &(JobId, plan::Job)| match class {
            symbol::Class::Index => matches!(id, JobId::Mixed | JobId::Indices),
            _ => matches!(id, JobId::Mixed | JobId::Symbols),
        };
        self.plan.interval_ms(self.order.iter().position(of_class)?)
    }

    /// The interval in force of a job.
    pub fn interval_of(&self, id: JobId) -> Option<i64> {
        self.plan.interval_ms(self.nth(id)?)
    }

    /// Has the key been refused?
    pub fn is_key_refused(&self) -> bool {
        self.key_wait.is_some()
    }

    /// Since when, and why, nothing good came from the vendor at all, when that is long enough to be said.
    pub fn vendor_fails(&self, mono_ms: i64) -> Option<&str> {
        let (since, why) = self.failing_since.as_ref()?;
        (mono_ms - since >= FAILING_AFTER_MS).then_some(why)
    }

    /// The key was taken: a good answer came with it.
    pub fn key_is_good(&mut self) {
        self.key_wait = None;
    }

    /// How many calls a job took last.
    pub fn calls_of(&self, id: JobId) -> usize {
        self.jobs
            .get(&id)
            .map_or(1, |state| state.calls.max(1) as usize)
    }

    /// Every job that is planned, and how it stands.
    pub fn states(&self) -> impl Iterator<Item = (JobId, &State)> {
        let states = self.order.iter();
        states.filter_map(|(id, _)| Some((*id, self.jobs.get(id)?)))
    }
}
