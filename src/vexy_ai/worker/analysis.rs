//! From an item to its analysis.

use super::Worker;
use crate::clock::{wall_millis, wall_secs};
use crate::vexy_ai::item::Item;
use crate::vexy_ai::local::near::{self, Cluster, Joined};
use crate::vexy_ai::local::salience::{self, Circumstances};
use crate::vexy_ai::local::{Findings, Options};
use crate::vexy_ai::market;
use crate::vexy_ai::queue::Job;
use crate::vexy_ai::record::{ModelState, Record};

/// What is to be written about an entry.
pub(super) struct Analysed {
    pub job: Job,
    pub result: Outcome,
}

/// What came of its item.
pub(super) enum Outcome {
    /// There is none any more.
    Gone,
    Found(Box<Found>),
}

/// An analysis, and what the text is compared by.
pub(super) struct Found {
    pub record: Record,
    pub signature: String,
}

/// An item with what the rules found, before prices are known.
struct Draft {
    job: Job,
    item: Item,
    findings: Findings,
}

impl Worker {
    /// Analyses items. When everything is to end, the rest of them is given back.
    pub(super) fn analyse(&mut self, read: Vec<(Job, Option<Item>)>) -> Vec<Analysed> {
        let progress = self.progress.clone();
        let working = progress.working();
        let options = Options {
            summary_chars: self.setup.config.analysis.summary_chars,
        };
        let mut analysed = Vec::with_capacity(read.len());
        let mut drafts = Vec::with_capacity(read.len());
        let mut left = Vec::new();
        for (job, item) in read {
            if self.is_over() {
                left.push(job);
                continue;
            }
            let Some(item) = item else {
                analysed.push(Analysed {
                    job,
                    result: Outcome::Gone,
                });
                continue;
            };
            let article = item.article();
            (self.context.before)(&article);
            let findings = self.context.analyser.analyse(&article, &options);
            drafts.push(Draft {
                job,
                item,
                findings,
            });
            working.tick();
            self.renew_in_time();
        }
        self.give_back(&left);
        let prices = self.prices(&drafts);
        drop(working);
        let found = drafts.into_iter().zip(prices);
        analysed.extend(found.map(|(draft, price)| self.finish(draft, price)));
        analysed
    }

    /// What the tickers of each item cost, as JSON. Each is asked for once, however many items name it; nobody waits for a
    /// price that does not come.
    fn prices(&mut self, drafts: &[Draft]) -> Vec<String> {
        let of_each: Vec<Vec<&str>> = drafts
            .iter()
            .map(|draft| market::symbols(&draft.findings.tickers))
            .collect();
        let mut all: Vec<&str> = of_each.iter().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        if all.is_empty() || self.is_over() {
            return vec![String::new(); drafts.len()];
        }
        let mut ask = redis::pipe();
        market::ask(&mut ask, &all);
        let answers = self.bus.answers(&ask, all.len()).unwrap_or_default();
        let now_ms = i64::try_from(wall_millis()).unwrap_or(i64::MAX);
        let quotes = market::read(&all, &answers, now_ms);
        // They are in the order of the symbols.
        let quote = |symbol: &&str| {
            let at = quotes.binary_search_by(|quote| quote.symbol.as_str().cmp(symbol));
            at.ok().map(|at| &quotes[at])
        };
        let prices = of_each.iter().map(|symbols| {
            let known = symbols.iter().filter_map(quote);
            market::json(known)
        });
        prices.collect()
    }

    /// Says what is like it, and how much it matters.
    fn finish(&self, draft: Draft, price: String) -> Analysed {
        let Draft {
            job,
            item,
            mut findings,
        } = draft;
        let now_ts = wall_secs();
        let signature = findings.signature;
        let cluster = self.context.index().place(
            &job.uid,
            signature.as_ref(),
            item.dup_of.as_deref(),
            now_ts,
        );
        let analysis = &self.setup.config.analysis;
        let weights = [
            analysis.feeds.get(&item.feed),
            analysis.categories.get(&item.category),
        ];
        let (salience, parts) = salience::score(
            &findings,
            &Circumstances {
                feed_weight: weights.into_iter().flatten().next().copied(),
                watch: &analysis.watch,
                repeated: cluster.by != Joined::Own,
                age_sec: (item.published_ts != 0).then_some(now_ts - item.published_ts),
            },
        );
        findings.why.extend(parts);
        let (model_state, because) = self.model_state(&job, &cluster, salience);
        let record = Record {
            uid: job.uid.clone(),
            rev: item.rev,
            text_hash: item.text_hash.clone(),
            cluster: cluster.uid,
            cluster_by: cluster.by.as_str().into(),
            salience,
            model_state,
            because,
            market: price,
            ..Record::new(&item.article(), findings, now_ts)
        };
        let signature = signature.as_ref().map(near::written).unwrap_or_default();
        Analysed {
            job,
            result: Outcome::Found(Box::new(Found { record, signature })),
        }
    }

    /// Whether a model is asked about an item, and why not where that is news. What an operator wants is asked in any case.
    fn model_state(&self, job: &Job, cluster: &Cluster, salience: u8) -> (ModelState, String) {
        let none = (ModelState::None, String::new());
        if self.setup.endpoint.is_none() {
            return none;
        }
        if job.model_anew {
            return (ModelState::Queued, String::new());
        }
        if salience < self.setup.config.model.min_salience {
            return none;
        }
        match cluster.by {
            Joined::Own => (ModelState::Queued, String::new()),
            Joined::Link | Joined::Text => {
                let because = format!("{} says the same", cluster.uid);
                (ModelState::As, because)
            }
        }
    }
}
