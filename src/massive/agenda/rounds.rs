//! The rounds that truth wants: which jobs there are, how often, and the calls of each round.

use super::job::split;
use super::{Agenda, Ask, DAY_MS, JobId, rungs};
use crate::massive::answer::ask;
use crate::massive::config::Config;
use crate::massive::plan::{self, Class};
use crate::massive::verdict::Job as Kind;

/// From one round of missed minutes to the next.
const BARS_MS: i64 = 60_000;

fn minutes((symbol, (from_ms, to_ms)): (&String, &(i64, i64))) -> Ask {
    Ask {
        target: ask::minutes(symbol, *from_ms, *to_ms),
        symbols: vec![symbol.clone()],
        kind: Kind::Single,
        days_back: 0,
    }
}

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
        // What the stream brings is looked after as seldom as a market that is closed: for the day's open, high and low.
        let every = |is_streamed: bool| {
            if is_streamed {
                spots_ms.max(config.closed_ms)
            } else {
                spots_ms
            }
        };
        let streamed = self.streamed;
        let mut order = vec![
            (JobId::Market, job(Class::Market, market_ms, 1)),
            (JobId::Calendar, job(Class::Market, DAY_MS, 1)),
        ];
        if streamed.has_trades {
            order.push((JobId::Rules, job(Class::Market, DAY_MS, 1)));
        }
        let mut spots = |id: JobId, class, interval_ms| {
            let calls = self.batches(id, config, None).len();
            if calls > 0 {
                let calls = u32::try_from(calls).unwrap_or(u32::MAX);
                order.push((id, job(class, interval_ms, calls)));
            }
        };
        let is_one = self.rungs.are_mixed() && streamed.stocks == streamed.indices;
        if is_one && !config.indices.is_empty() && !config.symbols.is_empty() {
            spots(JobId::Mixed, Class::Indices, every(streamed.stocks));
        } else {
            spots(JobId::Indices, Class::Indices, every(streamed.indices));
            spots(JobId::Symbols, Class::Symbols, every(streamed.stocks));
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
        if !self.missed.is_empty() {
            // As one call of many: what was missed stretches nobody's intervals, and comes after everybody.
            order.push((JobId::Bars, job(Class::Bars, BARS_MS, 1)));
        }
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
            JobId::Rules => vec![Ask {
                target: ask::TRADE_CONDITIONS.to_owned(),
                symbols: Vec::new(),
                kind: Kind::Market,
                days_back: 0,
            }],
            JobId::Bars => self.missed.iter().map(minutes).collect(),
            JobId::Market | JobId::Calendar | JobId::Chain(_) => Vec::new(),
        }
    }
}
