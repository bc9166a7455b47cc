//! A chain of option contracts, gathered page by page.
//!
//! Either the chain comes whole, or not at all: a page that cannot be followed or read, too many contracts, or too many
//! that are none fail it, and the old chain stays. [`contract`] reads one contract, [`cursor`] finds the next page,
//! [`model`] computes what truth wants beside the vendor's numbers, and [`snapshot`] writes an expiration for good.

pub mod contract;
pub mod cursor;
pub mod model;
pub mod snapshot;

use std::collections::BTreeMap;
use std::fmt;

use hashbrown::HashSet;
use jiff::civil::Date;

use super::answer::NotUnderstood;
use super::answer::request::Request;
use super::facts::Refusals;
use super::normalise;
use super::verdict::Code;
use contract::Contract;
use cursor::{BadCursor, Cursors};

/// One contract in so many may be none; more of them fail the chain.
const DROPPED_ONE_IN: usize = 20;

/// Why a chain failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainError {
    NotUnderstood(NotUnderstood),
    /// The envelope of a page is an error.
    Refused(Code),
    Cursor(BadCursor),
    /// More contracts than are allowed.
    TooMany(usize),
    /// So many of so many contracts lacked what makes a contract.
    Dropped(usize, usize),
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChainError::NotUnderstood(why) => why.fmt(f),
            ChainError::Refused(code) => write!(f, "the vendor answers: {}", code.reason()),
            ChainError::Cursor(why) => why.fmt(f),
            ChainError::TooMany(max) => write!(
                f,
                "the chain has over {max} contracts; narrow strikes_pct or expirations, or raise limits.max_contracts"
            ),
            ChainError::Dropped(dropped, all) => write!(
                f,
                "{dropped} of {all} contracts have no ticker, strike, expiration or type"
            ),
        }
    }
}

/// What a chain is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How many expirations, the nearest first.
    pub expirations: usize,
    /// How many contracts at most.
    pub max_contracts: usize,
}

/// What comes after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Path and query of the next page.
    Page(String),
    /// The chain is whole.
    Whole,
}

/// A chain whose pages are coming in.
#[derive(Clone, Debug)]
pub struct Gathering {
    request: Request,
    wanted: Wanted,
    cursors: Cursors,
    contracts: BTreeMap<Date, Vec<Contract>>,
    seen: HashSet<String>,
    dropped: usize,
    read: usize,
    /// What was refused on all pages.
    refusals: Refusals,
}

impl Gathering {
    /// A chain that is asked for by `request` of `host`.
    pub fn new(request: Request, host: &str, wanted: Wanted) -> Gathering {
        Gathering {
            cursors: Cursors::new(host, &request.place),
            request,
            wanted,
            contracts: BTreeMap::new(),
            seen: HashSet::new(),
            dropped: 0,
            read: 0,
            refusals: Refusals::default(),
        }
    }

    /// Takes a page. The pages come in the order of expirations, so the chain is whole as soon as one more than are
    /// wanted has begun.
    ///
    /// # Errors
    /// The chain failed: no page of it is to be used.
    pub fn page(&mut self, body: &[u8], now_ms: i64) -> Result<Next, ChainError> {
        let facts =
            normalise::read(body, &self.request, now_ms).map_err(ChainError::NotUnderstood)?;
        if facts.code != Code::Good {
            return Err(ChainError::Refused(facts.code));
        }
        for refusal in facts.refusals.list() {
            let (symbol, path) = (&refusal.symbol, refusal.path.clone());
            self.refusals.add(symbol, path, refusal.reason);
        }
        self.dropped += facts.dropped;
        self.read += facts.dropped + facts.contracts.len();
        for contract in facts.contracts {
            // A contract that was on an earlier page is there once.
            if self.seen.insert(contract.ticker.clone()) {
                self.contracts
                    .entry(contract.expiration)
                    .or_default()
                    .push(contract);
            }
        }
        let has_more_than_wanted = self.contracts.len() > self.wanted.expirations;
        while self.contracts.len() > self.wanted.expirations {
            self.contracts.pop_last();
        }
        if self.contracts.values().map(Vec::len).sum::<usize>() > self.wanted.max_contracts {
            return Err(ChainError::TooMany(self.wanted.max_contracts));
        }
        match facts.next_url.filter(|_| !has_more_than_wanted) {
            Some(next_url) => {
                let next = self.cursors.follow(&next_url).map_err(ChainError::Cursor)?;
                Ok(Next::Page(next))
            }
            None => self.judge().map(|()| Next::Whole),
        }
    }

    fn judge(&self) -> Result<(), ChainError> {
        match is_refused(self.dropped, self.read) {
            true => Err(ChainError::Dropped(self.dropped, self.read)),
            false => Ok(()),
        }
    }

    /// What was refused on the pages.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// The contracts by expiration, the nearest first.
    pub fn finish(self) -> BTreeMap<Date, Vec<Contract>> {
        self.contracts
    }
}

/// Are over 5 % of those that were read no contracts?
pub fn is_refused(dropped: usize, read: usize) -> bool {
    dropped * DROPPED_ONE_IN > read
}

#[cfg(test)]
mod tests;
