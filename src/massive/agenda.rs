//! What there is to ask, how often, and what follows from each answer (pure).
//!
//! Times are milliseconds of the clock that never steps, unless they are said to be the vendor's.

mod failures;
mod job;
mod rounds;
mod rungs;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use super::answer::ask;
use super::config::Config;
use super::plan::{self, Demand, Plan};
use super::session::calendar::Calendar;
use super::verdict::pace::{Throttle, is_probing};
pub use job::{Ask, JobId, State};
pub use rungs::{GROUPED_DAYS, Rung, Rungs};

/// How often the calendar is asked for, and what was refused is tried again.
const DAY_MS: i64 = 86_400_000;
/// What fails for so long counts as failing.
const FAILING_AFTER_MS: i64 = 60_000;
/// When a job is looked at again that is under way.
const UNDER_WAY_MS: i64 = 1_000;

/// Everything there is to ask.
#[derive(Debug, Default)]
pub struct Agenda {
    jobs: BTreeMap<JobId, State>,
    order: Vec<(JobId, plan::Job)>,
    plan: Plan,
    per_min: u32,
    pub rungs: Rungs,
    /// Symbols that are not asked for before a moment.
    spared: HashMap<String, i64>,
    throttle: Throttle,
    /// Nobody asks before this.
    all_wait: i64,
    /// The key was refused: nobody asks before this.
    key_wait: Option<i64>,
    /// Failures in a row, whoever's.
    failures: u32,
    failing_since: Option<(i64, String)>,
    under_way: usize,
    streamed: Streamed,
    /// Minutes to be asked for, by symbol: from and to, by the vendor's clock.
    missed: BTreeMap<String, (i64, i64)>,
}

/// Classes of symbols whose prices come by the stream, and so need not be asked for as often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streamed {
    /// There is a stream, and so trades whose conditions are to be understood.
    pub has_trades: bool,
    pub stocks: bool,
    pub indices: bool,
}

impl Agenda {
    /// A new truth: what was off is on again. Ages of answers stay.
    pub fn renew(&mut self) {
        for state in self.jobs.values_mut() {
            state.queue.clear();
            (state.off, state.error) = (None, None);
            state.not_before = 0;
        }
        self.order.clear();
        self.spared.clear();
    }

    /// A new key: what the old one was refused is tried again.
    pub fn new_key(&mut self) {
        (self.key_wait, self.rungs) = (None, Rungs::default());
        self.renew();
        self.jobs
            .values_mut()
            .for_each(|state| state.last_out = None);
    }

    /// Calls a minute that are taken of those that the plan allows.
    pub fn allowed(&self, config: &Config, mono_ms: i64) -> u32 {
        self.throttle.allowed(config.calls_per_min, mono_ms)
    }

    /// Plans anew where anything that counts is other than it was. The demand, where calls do not suffice and that was
    /// not so before.
    pub fn replan(
        &mut self,
        config: &Config,
        is_closed: bool,
        market_ms: i64,
        mono_ms: i64,
    ) -> Option<Demand> {
        if self.rungs.climb(mono_ms) {
            self.jobs
                .retain(|id, _| !matches!(id, JobId::Indices | JobId::Symbols | JobId::Mixed));
        }
        self.spared.retain(|_, until| *until > mono_ms);
        let per_min = self.allowed(config, mono_ms);
        let order = self.wanted(config, is_closed, market_ms);
        if order == self.order && per_min == self.per_min {
            return None;
        }
        let before = self.plan.too_little();
        let jobs: Vec<plan::Job> = order.iter().map(|(_, job)| *job).collect();
        self.plan = Plan::new(&jobs, per_min, mono_ms);
        (self.order, self.per_min) = (order, per_min);
        for nth in 0..self.order.len() {
            let state = self.jobs.entry(self.order[nth].0).or_default();
            let interval_ms = self.plan.interval_ms(nth).unwrap_or(0);
            // After a failure the back-off says when, and not the interval.
            let due = match state.last_out {
                Some(out) if state.failures == 0 => out + interval_ms,
                _ => mono_ms,
            };
            if state.queue.is_empty() {
                self.plan.put_off(nth, due.max(state.not_before));
            }
        }
        self.plan
            .too_little()
            .filter(|demand| Some(*demand) != before)
    }

    /// Where calls do not suffice.
    pub fn too_little(&self) -> Option<Demand> {
        self.plan.too_little()
    }

    /// The job that is next.
    ///
    /// # Errors
    /// None is due: in how many milliseconds to look again.
    pub fn due(&mut self, mono_ms: i64) -> Result<JobId, i64> {
        let all_wait = self.all_wait.max(self.key_wait.unwrap_or(0));
        if all_wait > mono_ms {
            return Err(all_wait - mono_ms);
        }
        if is_probing(self.failures) && self.under_way > 0 {
            return Err(UNDER_WAY_MS);
        }
        loop {
            let nth = self.plan.next(mono_ms)?;
            let Some((id, _)) = self.order.get(nth).copied() else {
                return Err(UNDER_WAY_MS);
            };
            let state = self.jobs.entry(id).or_default();
            if !state.under_way && state.off.is_none() {
                return Ok(id);
            }
            self.plan.put_off(nth, mono_ms + UNDER_WAY_MS);
        }
    }

    /// The next call of a round of prices, which begins where none is under way; `None` when there is nothing to ask.
    pub fn ask(
        &mut self,
        id: JobId,
        config: &Config,
        calendar: &Calendar,
        now_ms: i64,
    ) -> Option<Ask> {
        let is_empty = self
            .jobs
            .get(&id)
            .is_none_or(|state| state.queue.is_empty());
        if is_empty {
            let day = calendar.finished(now_ms).next();
            let batches = self.batches(id, config, day);
            let state = self.jobs.entry(id).or_default();
            (state.prices, state.dated) = (0, 0);
            state.queue = batches.into();
        }
        let ask = self.jobs.get_mut(&id)?.queue.pop_front();
        ask.filter(|ask| !ask.target.is_empty())
    }

    /// Asks for the same once more, first of all: no call was made.
    pub fn put_back(&mut self, id: JobId, ask: Ask) {
        self.jobs.entry(id).or_default().queue.push_front(ask);
    }

    /// A daily summary without any of the symbols: that of the session before is asked for at once.
    pub fn ask_earlier(&mut self, id: JobId, ask: &Ask, calendar: &Calendar, now_ms: i64) {
        let days_back = ask.days_back + 1;
        let day = calendar.finished(now_ms).nth(days_back);
        if let Some(day) = day.filter(|_| days_back < GROUPED_DAYS) {
            let target = ask::daily_summary(day);
            let symbols = ask.symbols.clone();
            self.put_back(
                id,
                Ask {
                    target,
                    symbols,
                    days_back,
                    ..ask.clone()
                },
            );
        }
    }

    /// Notes that a call goes out.
    pub fn went_out(&mut self, id: JobId, mono_ms: i64) {
        let state = self.jobs.entry(id).or_default();
        state.under_way = true;
        state.last_out = Some(mono_ms);
        self.under_way += 1;
        if let Some(nth) = self.nth(id) {
            self.plan.went_out(nth, mono_ms);
        }
    }

    /// Notes that nothing goes out for so long, because of the job itself.
    pub fn put_off(&mut self, id: JobId, wait_ms: i64, mono_ms: i64) {
        let until = mono_ms.saturating_add(wait_ms);
        self.jobs.entry(id).or_default().not_before = until;
        if let Some(nth) = self.nth(id) {
            self.plan.put_off(nth, until);
        }
    }

    /// A round of everything now.
    pub fn poll(&mut self, mono_ms: i64) {
        for nth in 0..self.order.len() {
            self.plan.due_now(nth, mono_ms);
        }
    }

    /// A round of prices now: nobody knows what came about meanwhile.
    pub fn poll_prices(&mut self, mono_ms: i64) {
        let is_price = |id: JobId| matches!(id, JobId::Mixed | JobId::Indices | JobId::Symbols);
        for nth in 0..self.order.len() {
            if is_price(self.order[nth].0) {
                self.plan.due_now(nth, mono_ms);
            }
        }
    }

    /// Notes that a call came back, whatever it brought.
    pub fn came_back(&mut self, id: JobId, mono_ms: i64) {
        self.under_way = self.under_way.saturating_sub(1);
        let Some(state) = self.jobs.get_mut(&id) else {
            return;
        };
        state.under_way = false;
        // What is left of the round follows at once.
        if !state.queue.is_empty()
            && let Some(nth) = self.nth(id)
        {
            self.plan.due_now(nth, mono_ms);
        }
    }

    /// A good answer: how many prices it had, how many of them with a time.
    pub fn good(&mut self, id: JobId, calls: u32, (prices, dated): (usize, usize), now_ms: i64) {
        (self.failures, self.failing_since) = (0, None);
        let state = self.jobs.entry(id).or_default();
        (state.failures, state.failing_since, state.error) = (0, None, None);
        state.good_ms = Some(now_ms);
        state.calls = calls;
        state.prices += prices;
        state.dated += dated;
    }

    /// The end of a round: nothing in it had a time though the market is open, so the rung below may know more.
    pub fn round_ended(&mut self, id: JobId, is_open: bool, mono_ms: i64) -> bool {
        let Some(state) = self.jobs.get(&id) else {
            return false;
        };
        let is_over = state.queue.is_empty() && state.prices > 0;
        is_over && is_open && state.dated == 0 && self.step_down(id, mono_ms)
    }

    /// Says which prices the stream brings.
    pub fn set_streamed(&mut self, streamed: Streamed) {
        self.streamed = streamed;
    }

    /// Notes minutes of a symbol that the stream missed, those before included.
    pub fn missed(&mut self, symbol: &str, from_ms: i64, to_ms: i64) {
        let missed = self
            .missed
            .entry(symbol.to_owned())
            .or_insert((from_ms, to_ms));
        *missed = (missed.0.min(from_ms), missed.1.max(to_ms));
    }

    /// The minutes of a symbol came, or never will.
    pub fn refilled(&mut self, symbol: &str) {
        self.missed.remove(symbol);
    }

    /// Symbols whose minutes are to be asked for.
    pub fn missing(&self) -> usize {
        self.missed.len()
    }

    /// Does not ask for a symbol for a day.
    pub fn spare(&mut self, symbol: &str, mono_ms: i64) {
        self.spared.insert(symbol.to_owned(), mono_ms + DAY_MS);
    }

    fn nth(&self, id: JobId) -> Option<usize> {
        self.order.iter().position(|(known, _)| *known == id)
    }
}
