//! What there is to ask, how often, and what follows from each answer (pure).
//!
//! Times are milliseconds of the clock that never steps, unless they are said to be the vendor's.

mod rungs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::answer::ask::{self, BATCH_MAX};
use super::config::Config;
use super::facts::Reason;
use super::plan::{self, Class, Demand, Plan};
use super::session::calendar::Calendar;
use super::symbol;
use super::verdict::pace::{Throttle, back_off, is_probing};
use super::verdict::{Job as Kind, Next};
pub use rungs::{GROUPED_DAYS, Rung, Rungs};

/// How often the calendar is asked for, and what was refused is tried again.
const DAY_MS: i64 = 86_400_000;
/// What fails for so long counts as failing.
const FAILING_AFTER_MS: i64 = 60_000;
/// When a job is looked at again that is under way.
const UNDER_WAY_MS: i64 = 1_000;

/// Something that is asked for again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobId {
    Market,
    Calendar,
    /// Indices and stocks in the same calls, while both are on the first rung.
    Mixed,
    Indices,
    Symbols,
    /// A chain by its place in truth.
    Chain(usize),
}

/// One call for prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Path and query.
    pub target: String,
    /// Those that it is for.
    pub symbols: Vec<String>,
    pub kind: Kind,
    /// Of a daily summary: how many finished sessions before the last one it is of.
    pub days_back: usize,
}

/// How a job stands.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What is left of this round.
    queue: VecDeque<Ask>,
    under_way: bool,
    /// Why it is not asked for until truth changes.
    pub off: Option<String>,
    /// In a row.
    pub failures: u32,
    failing_since: Option<i64>,
    /// Why, in words.
    pub error: Option<String>,
    /// Neither before this.
    not_before: i64,
    last_out: Option<i64>,
    /// When the last good answer came, by the vendor's clock.
    pub good_ms: Option<i64>,
    batch_max: Option<usize>,
    /// How many calls a round took last.
    calls: u32,
    /// Of this round: prices, and how many of them have a time.
    prices: usize,
    dated: usize,
}

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

    fn wanted(&self, config: &Config, is_closed: bool, market_ms: i64) -> Vec<(JobId, plan::Job)> {
        let closed_ms = if is_closed { config.closed_ms } else { 0 };
        let job = |class, interval_ms: i64, calls: u32| plan::Job {
            class,
            interval_ms,
            calls: calls.max(1),
        };
        let spots_ms = config.spots_ms.max(closed_ms);
        let mut order = vec![
            (JobId::Market, job(Class::Market, market_ms, 1)),
            (JobId::Calendar, job(Class::Market, DAY_MS, 1)),
        ];
        let mut spots = |id: JobId, class| {
            let calls = self.batches(id, config, None).len();
            if calls > 0 {
                let calls = u32::try_from(calls).unwrap_or(u32::MAX);
                order.push((id, job(class, spots_ms, calls)));
            }
        };
        if self.rungs.are_mixed() && !config.indices.is_empty() && !config.symbols.is_empty() {
            spots(JobId::Mixed, Class::Indices);
        } else {
            spots(JobId::Indices, Class::Indices);
            spots(JobId::Symbols, Class::Symbols);
        }
        let chains = config.chains.iter().enumerate();
        order.extend(chains.map(|(nth, chain)| {
            let id = JobId::Chain(nth);
            let calls = self.jobs.get(&id).map_or(1, |state| state.calls);
            (
                id,
                job(Class::Chain, chain.interval_ms.max(closed_ms), calls),
            )
        }));
        order
    }

    /// The calls of one round. `calendar` and the vendor's time say which day the third rung asks for.
    fn batches(&self, id: JobId, config: &Config, day: Option<jiff::civil::Date>) -> Vec<Ask> {
        let asked = |names: &[String]| -> Vec<String> {
            let wanted = names.iter().filter(|name| !self.spared.contains_key(*name));
            wanted.cloned().collect()
        };
        let max = self
            .jobs
            .get(&id)
            .and_then(|state| state.batch_max)
            .unwrap_or(usize::MAX);
        match id {
            JobId::Mixed => {
                let mut names = asked(&config.indices);
                names.extend(asked(&config.symbols));
                split(ask::unified(&names, max), &names)
            }
            JobId::Indices => rungs::of_indices(self.rungs.indices(), &asked(&config.indices), max),
            JobId::Symbols => {
                rungs::of_symbols(self.rungs.symbols(), &asked(&config.symbols), max, day)
            }
            JobId::Market | JobId::Calendar | JobId::Chain(_) => Vec::new(),
        }
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

    fn step_down(&mut self, id: JobId, mono_ms: i64) -> bool {
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

    /// Does not ask for a symbol for a day.
    pub fn spare(&mut self, symbol: &str, mono_ms: i64) {
        self.spared.insert(symbol.to_owned(), mono_ms + DAY_MS);
    }

    /// Why nothing comes for a class of symbols, as the word on the wire.
    pub fn fault(&self, class: symbol::Class, mono_ms: i64) -> Option<&'static str> {
        if self.is_key_refused() {
            return Some(Reason::KeyRefused.word());
        }
        let id = match class {
            _ if self.rungs.are_mixed() && self.jobs.contains_key(&JobId::Mixed) => JobId::Mixed,
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

    fn nth(&self, id: JobId) -> Option<usize> {
        self.order.iter().position(|(known, _)| *known == id)
    }
}

/// Batches with the symbols that each is for.
fn split(batches: Vec<ask::Batch>, names: &[String]) -> Vec<Ask> {
    let mut at = 0;
    let asks = batches.into_iter().map(|batch| {
        let symbols = names[at..at + batch.symbols].to_vec();
        at += batch.symbols;
        Ask {
            target: batch.target,
            symbols,
            kind: Kind::Batch,
            days_back: 0,
        }
    });
    asks.collect()
}
