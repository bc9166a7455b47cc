//! `services.vexy_ai.analysis`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use serde::Deserialize;

use crate::truth::{Problems, Section, Sections, Wrong, range};

/// Feeds or categories that may have a weight.
const WEIGHTS_MAX: usize = 10_000;
/// Tickers that may be watched.
const WATCH_MAX: usize = 1_000;
/// The longest ticker.
const TICKER_MAX_BYTES: usize = 16;
/// Threads that analyse, where nobody says how many.
const WORKERS_USUAL: usize = 4;

/// How items are analysed, and how long what was found is kept.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct Analysis {
    /// Threads that analyse; where nobody says, as many as there are cores, at most four.
    pub workers: Option<usize>,
    /// Entries that one of them takes at once.
    pub batch: usize,
    pub claim_idle_sec: u64,
    /// An entry that was delivered so often and is still not done goes to the dead letters.
    pub max_deliveries: u64,
    /// Characters of a summary at most.
    pub summary_chars: usize,
    /// How much the news of a feed weigh, from 0 to 1.
    pub feeds: BTreeMap<String, f64>,
    /// Likewise for the categories of feeds; a feed's own weight comes first.
    pub categories: BTreeMap<String, f64>,
    /// Tickers that somebody waits for.
    pub watch: Vec<String>,
    /// An entry that waits longer than this is said.
    pub behind_warn_sec: u64,
    pub keep_sec: u64,
    pub keep_items: usize,
}

impl Default for Analysis {
    fn default() -> Analysis {
        Analysis {
            workers: None,
            batch: 64,
            claim_idle_sec: 60,
            max_deliveries: 5,
            summary_chars: 300,
            feeds: BTreeMap::new(),
            categories: BTreeMap::new(),
            watch: Vec::new(),
            behind_warn_sec: 120,
            keep_sec: 172_800,
            keep_items: 50_000,
        }
    }
}

impl Analysis {
    /// How many threads analyse.
    pub fn threads(&self) -> usize {
        let usual = || available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.unwrap_or_else(|| usual().min(WORKERS_USUAL))
    }

    /// Whoever has not touched an entry for so long has given it up.
    pub fn claim_idle(&self) -> Duration {
        Duration::from_secs(self.claim_idle_sec)
    }

    fn wrong(&self) -> Result<(), Wrong> {
        range("workers", &self.workers.unwrap_or(1), (1, 16))?;
        range("batch", &self.batch, (1, 512))?;
        range("claim_idle_sec", &self.claim_idle_sec, (5, 3_600))?;
        range("max_deliveries", &self.max_deliveries, (2, 20))?;
        range("summary_chars", &self.summary_chars, (80, 1_000))?;
        range("behind_warn_sec", &self.behind_warn_sec, (5, 86_400))?;
        range("keep_sec", &self.keep_sec, (60, 31_536_000))?;
        range("keep_items", &self.keep_items, (1, 10_000_000))
    }
}

/// Checks the section, and every member of its lists and objects.
pub(super) fn check(sections: &Sections<'_>, problems: &mut Problems) {
    let Some(analysis) = sections.read_and("analysis", problems, Analysis::wrong) else {
        return;
    };
    let Some(section) = sections.get("analysis") else {
        return;
    };
    for (name, weights) in [
        ("feeds", &analysis.feeds),
        ("categories", &analysis.categories),
    ] {
        check_weights(&section.at(name), weights, problems);
    }
    check_watch(&section.at("watch"), &analysis.watch, problems);
}

fn check_weights(section: &Section<'_>, weights: &BTreeMap<String, f64>, problems: &mut Problems) {
    if weights.len() > WEIGHTS_MAX {
        let what = format!(
            "{} names, of which {WEIGHTS_MAX} are the most",
            weights.len()
        );
        problems.push(section.problem(what, "leave some out"));
    }
    for (name, weight) in weights {
        if !(0.0..=1.0).contains(weight) {
            let what = format!("{weight} is not from 0 to 1");
            problems.push(section.at(name).problem(what, ""));
        }
    }
}

fn check_watch(section: &Section<'_>, watch: &[String], problems: &mut Problems) {
    if watch.len() > WATCH_MAX {
        let what = format!("{} tickers, of which {WATCH_MAX} are the most", watch.len());
        problems.push(section.problem(what, "leave some out"));
    }
    let elements = section.elements().unwrap_or_default();
    for (ticker, element) in watch.iter().zip(&elements) {
        let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b".-^=/".contains(&b);
        if ticker.is_empty() || ticker.len() > TICKER_MAX_BYTES || !ticker.bytes().all(fits) {
            let instead = "write it as the exchange does, such as \"AAPL\" or \"BRK.B\"";
            problems.push(element.problem(format!("{ticker:?} is no ticker"), instead));
        }
    }
}
