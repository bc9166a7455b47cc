//! The rungs of a plan: what it does not include is asked for by the next path.

use jiff::civil::Date;

use super::job::split;
use super::{Ask, DAY_MS, JobId};
use crate::massive::answer::ask;
use crate::massive::verdict::Job as Kind;

/// How many finished sessions back the daily summary is asked for.
pub const GROUPED_DAYS: usize = 5;
/// The lowest rung: daily bars.
const LOWEST: u8 = 3;

/// One ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// From 1, the best.
    pub at: u8,
    /// The summary of a day is refused too: each symbol is asked for by itself.
    pub one_by_one: bool,
    /// When the one above is tried.
    climb: Option<i64>,
}

impl Default for Rung {
    fn default() -> Rung {
        Rung {
            at: 1,
            one_by_one: false,
            climb: None,
        }
    }
}

impl Rung {
    /// One down; false at the bottom.
    fn down(&mut self, has_summary: bool, mono_ms: i64) -> bool {
        if self.at < LOWEST {
            self.at += 1;
        } else if has_summary && !self.one_by_one {
            self.one_by_one = true;
        } else {
            return false;
        }
        self.climb = Some(mono_ms + DAY_MS);
        true
    }

    /// One up when its time has come.
    fn climb(&mut self, mono_ms: i64) -> bool {
        if self.climb.is_none_or(|at| at > mono_ms) {
            return false;
        }
        if std::mem::take(&mut self.one_by_one) {
            self.climb = Some(mono_ms + DAY_MS);
            return true;
        }
        self.at = (self.at - 1).max(1);
        self.climb = (self.at > 1).then_some(mono_ms + DAY_MS);
        true
    }
}

/// The ladders of both classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rungs {
    symbols: Rung,
    indices: Rung,
}

impl Rungs {
    /// Of stocks.
    pub fn symbols(&self) -> Rung {
        self.symbols
    }

    /// Of indices.
    pub fn indices(&self) -> Rung {
        self.indices
    }

    /// Can both be asked for in the same calls?
    pub fn are_mixed(&self) -> bool {
        self.symbols.at == 1 && self.indices.at == 1
    }

    /// One down for those that the job is for; false at the bottom.
    pub(super) fn down(&mut self, id: JobId, mono_ms: i64) -> bool {
        match id {
            JobId::Mixed => self.symbols.down(true, mono_ms) | self.indices.down(false, mono_ms),
            JobId::Symbols => self.symbols.down(true, mono_ms),
            JobId::Indices => self.indices.down(false, mono_ms),
            _ => false,
        }
    }

    /// Up, where the time has come.
    pub(super) fn climb(&mut self, mono_ms: i64) -> bool {
        self.symbols.climb(mono_ms) | self.indices.climb(mono_ms)
    }
}

/// The calls of a round of indices.
pub(super) fn of_indices(rung: Rung, names: &[String], max: usize) -> Vec<Ask> {
    match rung.at {
        1 => split(ask::unified(names, max), names),
        2 => split(ask::indices(names, max), names),
        _ => one_by_one(names),
    }
}

/// The calls of a round of stocks. Daily bars are those of `day`; without one there is nothing to ask.
pub(super) fn of_symbols(rung: Rung, names: &[String], max: usize, day: Option<Date>) -> Vec<Ask> {
    match rung.at {
        _ if names.is_empty() => Vec::new(),
        1 => split(ask::unified(names, max), names),
        2 => split(ask::full_market(names, max), names),
        _ if rung.one_by_one => one_by_one(names),
        _ => vec![Ask {
            target: day.map_or_else(String::new, ask::daily_summary),
            symbols: names.to_vec(),
            kind: Kind::Batch,
            days_back: 0,
        }],
    }
}

fn one_by_one(names: &[String]) -> Vec<Ask> {
    let asks = names.iter().map(|name| Ask {
        target: ask::previous_day(name),
        symbols: vec![name.clone()],
        kind: Kind::Single,
        days_back: 0,
    });
    asks.collect()
}
