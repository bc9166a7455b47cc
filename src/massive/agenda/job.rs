//! A job: something that is asked for again and again, the calls of a round of it, and how it stands.

use std::collections::VecDeque;

use crate::massive::answer::ask;
use crate::massive::verdict::Job as Kind;

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
    /// What conditions of trades mean.
    Rules,
    /// Minutes that the stream missed.
    Bars,
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
    pub(super) queue: VecDeque<Ask>,
    pub(super) under_way: bool,
    /// Why it is not asked for until truth changes.
    pub off: Option<String>,
    /// In a row.
    pub failures: u32,
    pub(super) failing_since: Option<i64>,
    /// Why, in words.
    pub error: Option<String>,
    /// Neither before this.
    pub(super) not_before: i64,
    pub(super) last_out: Option<i64>,
    /// When the last good answer came, by the vendor's clock.
    pub good_ms: Option<i64>,
    pub(super) batch_max: Option<usize>,
    /// How many calls a round took last.
    pub(super) calls: u32,
    /// Of this round: prices, and how many of them have a time.
    pub(super) prices: usize,
    pub(super) dated: usize,
}

/// Batches with the symbols that each is for.
pub(super) fn split(batches: Vec<ask::Batch>, names: &[String]) -> Vec<Ask> {
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
