//! What follows from an answer that is none.

use super::{Agenda, Ask, JobId};
use crate::massive::answer::ask::BATCH_MAX;
use crate::massive::verdict::Next;
use crate::massive::verdict::pace::back_off;

impl Agenda {
    pub(super) fn step_down(&mut self, id: JobId, mono_ms: i64) -> bool {
        let is_lower = self.rungs.down(id, mono_ms);
        if is_lower && let Some(state) = self.jobs.get_mut(&id) {
            state.queue.clear();
            // The same again at once, by the other path.
            (state.last_out, state.not_before) = (None, 0);
        }
        is_lower
    }

    /// What follows from an answer that is none. `seed` is for the jitter of waits.
    pub fn failed(
        &mut self,
        id: JobId,
        ask: Option<Ask>,
        next: Next,
        why: &str,
        seed: u64,
        mono_ms: i64,
    ) {
        let state = self.jobs.entry(id).or_default();
        state.error = Some(why.to_owned());
        let ms = |wait: std::time::Duration| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        match next {
            Next::Take | Next::OnceMore(_) => {}
            Next::BackOff { .. } | Next::RefuseRedirect => {
                state.failures += 1;
                state.failing_since.get_or_insert(mono_ms);
                state.queue.clear();
                let wait = back_off(state.failures, seed);
                self.failures += 1;
                self.failing_since.get_or_insert((mono_ms, why.to_owned()));
                self.put_off(id, ms(wait), mono_ms);
                if let Some(nth) = self.nth(id) {
                    self.plan.retry(nth, mono_ms.saturating_add(ms(wait)));
                }
            }
            Next::Off => {
                state.queue.clear();
                state.off = Some(why.to_owned());
            }
            Next::KeyRefused(wait) => {
                self.key_wait = Some(mono_ms + ms(wait));
                self.put_back_of(id, ask);
            }
            Next::Wait(wait) => {
                self.throttle.too_many(mono_ms);
                self.all_wait = mono_ms + ms(wait);
                self.put_back_of(id, ask);
            }
            Next::RungDown(wait) => {
                if !self.step_down(id, mono_ms) {
                    self.put_off(id, ms(wait), mono_ms);
                }
            }
            // Its price may well come, though its minutes never do.
            Next::NotEntitled(_) | Next::NotFound(_) if id == JobId::Bars => {
                let symbols = ask.map(|ask| ask.symbols).unwrap_or_default();
                symbols.iter().for_each(|name| self.refilled(name));
            }
            Next::NotEntitled(wait) | Next::NotFound(wait) => match ask {
                Some(ask) => ask
                    .symbols
                    .iter()
                    .for_each(|name| self.spare(name, mono_ms)),
                None => self.put_off(id, ms(wait), mono_ms),
            },
            Next::HalfBatch => self.halve(id, ask, seed, mono_ms),
        }
    }

    fn put_back_of(&mut self, id: JobId, ask: Option<Ask>) {
        if let Some(ask) = ask {
            self.put_back(id, ask);
        }
    }

    /// The same symbols in two calls; one alone is put off as after a failure.
    fn halve(&mut self, id: JobId, ask: Option<Ask>, seed: u64, mono_ms: i64) {
        let asked = ask.map(|ask| ask.symbols).unwrap_or_default();
        if asked.len() < 2 {
            let next = Next::BackOff { quarantine: false };
            return self.failed(
                id,
                None,
                next,
                "even one symbol is too large",
                seed,
                mono_ms,
            );
        }
        let state = self.jobs.entry(id).or_default();
        state.batch_max = Some((asked.len() / 2).clamp(1, BATCH_MAX));
        // The round begins anew.
        state.queue.clear();
        (state.last_out, state.not_before) = (None, 0);
        self.order.clear();
    }
}
