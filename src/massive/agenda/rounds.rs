//! The rounds that truth wants: which jobs there are, how often, and the calls of each round.

use super::job::split;
use super::{Agenda, Ask, DAY_MS, JobId, rungs};
use crate::massive::answer::ask;
use crate::massive::config::Config;
use crate::massive::plan::{self, Class};

impl Agenda {
    /// The jobs in their order.
    pub(super) fn wanted(
        &self,
        config: &Config,
        is_closed: bool,
        market_ms: i64,
    ) -> Vec<(JobId, plan::Job)> {
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
    pub(super) fn batches(
        &self,
        id: JobId,
        config: &Config,
        day: Option<jiff::civil::Date>,
    ) -> Vec<Ask> {
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
}
