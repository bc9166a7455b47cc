//! What is held of every option chain, and how one is written.
//!
//! An expiration is written under a key of its own that never changes; a pointer leads to it, and is moved together with
//! everything that belongs to the chain. So a reader that starts at the pointer never meets a half of two chains.

mod writing;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::View;
use super::restore::Stored;
use crate::contract::market::{CHAIN_FEED_BYTES, chain_hash, gex_key, latest_key};
use crate::massive::chain::contract::Contract;
use crate::massive::chain::snapshot::Snapshot;
use crate::massive::facts::Feed;
use crate::massive::number;
use crate::massive::record::Field;
use crate::massive::session::fresh::Aged;
use crate::massive::store::Batch;
use crate::massive::symbol::in_chain_keys;
use writing::Writing;

/// How long an expiration is still there once another took its place.
const REPLACED_MS: i64 = 60_000;
/// Why a chain is stale that nothing else is said of.
const OLD: &str = "old";

/// What each contract of a chain looked like, by its ticker: so that changes are found without keeping them all.
pub type Prints = HashMap<u64, u64>;

/// A chain as it was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// By the vendor's clock.
    pub fetched_ms: i64,
    /// The price of the underlying when it was asked for.
    pub spot: Option<f64>,
    pub expirations: Vec<Expiration>,
    /// Calls and puts, where truth wants them.
    pub gex: Option<[String; 2]>,
    pub prints: Arc<Prints>,
    /// The contracts nearest to the money: how far each is, as a share of the price, and its ticker.
    pub near: Vec<(f64, String)>,
}

/// One expiration of it.
#[derive(Clone, Debug)]
pub struct Expiration {
    pub snapshot: Snapshot,
    pub contracts: usize,
    /// The contracts that are other than before, as JSON, and whether they are all of those.
    pub changed: (String, bool),
}

impl Expiration {
    /// Finds what changed since `before`, and notes in `prints` how the contracts look now.
    pub fn new(
        snapshot: Snapshot,
        contracts: &[Contract],
        before: &Prints,
        prints: &mut Prints,
    ) -> Expiration {
        // Room for what stands around the list.
        let room = CHAIN_FEED_BYTES - 1_024;
        let mut list = String::from("[");
        let mut is_whole = true;
        for contract in contracts {
            let (ticker, json) = (print(&contract.ticker), print(&contract.json));
            prints.insert(ticker, json);
            if before.get(&ticker) == Some(&json) {
                continue;
            }
            if list.len() + contract.json.len() + 2 > room {
                is_whole = false;
                continue;
            }
            if list.len() > 1 {
                list.push(',');
            }
            list.push_str(&contract.json);
        }
        list.push(']');
        Expiration {
            snapshot,
            contracts: contracts.len(),
            changed: (list, is_whole),
        }
    }
}

fn print(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Every chain of truth, by its underlying.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    held: BTreeMap<String, Held>,
}

/// What is held of one.
#[derive(Clone, Debug, Default)]
struct Held {
    /// By the text of their dates.
    expirations: BTreeMap<String, Written>,
    prints: Arc<Prints>,
    spot: Option<f64>,
    fetched_ms: Option<i64>,
    fresh_until_ms: i64,
    /// Why nothing newer comes.
    fault: Option<&'static str>,
    /// What was written last: the reason why it is stale, if it is.
    written: Option<Option<&'static str>>,
}

/// An expiration in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Written {
    pointer: String,
    digest: String,
    summary: Option<String>,
}

impl Chains {
    /// Holds the chains of these underlyings and no others.
    pub fn set<'n>(&mut self, underlyings: impl Iterator<Item = &'n String>) {
        let mut old = std::mem::take(&mut self.held);
        for name in underlyings {
            let held = old.remove(name).unwrap_or_default();
            self.held.insert(name.clone(), held);
        }
    }

    /// How the contracts of a chain looked last.
    pub fn prints(&self, underlying: &str) -> Arc<Prints> {
        let held = self.held.get(underlying);
        held.map(|held| held.prints.clone()).unwrap_or_default()
    }

    /// Is nothing held of a chain yet?
    pub fn is_new(&self, underlying: &str) -> bool {
        let held = self.held.get(underlying);
        held.is_some_and(|held| held.fetched_ms.is_none() && held.expirations.is_empty())
    }

    /// Takes what the store has of a chain in place of what is held. Of another source nothing is taken, but what it
    /// left is taken away with the next chain.
    pub fn restore(&mut self, underlying: &str, stored: &Stored, source: &str) {
        let Some(held) = self.held.get_mut(underlying) else {
            return;
        };
        let is_same = stored.get("source").map(String::as_str) == Some(source);
        let field = |expiration: &str, name: &str| stored.get(&format!("{expiration}:{name}"));
        let pointers = stored.iter().filter_map(|(name, pointer)| {
            let expiration = name.strip_suffix(":pointer")?;
            let digest = field(expiration, "digest").filter(|_| is_same);
            let written = Written {
                pointer: pointer.clone(),
                digest: digest.cloned().unwrap_or_default(),
                summary: field(expiration, "summary").cloned(),
            };
            Some((expiration.to_owned(), written))
        });
        held.expirations = pointers.collect();
        let number = |name: &str| stored.get(name).filter(|_| is_same)?.parse().ok();
        held.fetched_ms = number("confirmed_ms").map(|ms: f64| ms as i64);
        held.fresh_until_ms = number("fresh_until_ms").map_or(0, |ms: f64| ms as i64);
        held.spot = number("spot");
        held.prints = Arc::default();
        held.written = None;
    }

    /// Notes why nothing newer comes of a chain; `None` when something does.
    pub fn fault(&mut self, underlying: &str, fault: Option<&'static str>) {
        if let Some(held) = self.held.get_mut(underlying) {
            held.fault = fault;
        }
    }

    /// Takes a chain: what has to be written, all of it at once, and how many expirations changed.
    pub fn take(
        &mut self,
        underlying: &str,
        fetched: Fetched,
        interval_ms: i64,
        view: &View,
    ) -> Option<(Batch, usize)> {
        let held = self.held.get_mut(underlying)?;
        let mut batch = Batch::default();
        let limits = view.limits(interval_ms);
        // A chain ages by its fetch.
        let aged = Aged {
            fetched_ms: fetched.fetched_ms,
            event_ms: None,
            feed: Feed::Unknown,
        };
        held.fresh_until_ms = limits.fresh_until_ms(aged, view.standing);
        let fresh_ms = held.fresh_until_ms - view.now_ms;
        let mut chain = Writing {
            // The vendor's clock may be set back; a key is not used twice for that.
            key_ms: held.fetched_ms.map_or(fetched.fetched_ms, |before| {
                fetched.fetched_ms.max(before + 1)
            }),
            name: in_chain_keys(underlying),
            source: view.source,
            fresh_ms,
            spot_before: held.spot,
            batch: &mut batch,
        };
        let before = std::mem::take(&mut held.expirations);
        let mut changes = 0;
        for expiration in &fetched.expirations {
            let date = expiration.snapshot.expiration.to_string();
            let (written, is_other) =
                chain.expiration(&date, expiration, &fetched, before.get(&date));
            changes += usize::from(is_other);
            held.expirations.insert(date, written);
        }
        for (date, written) in &before {
            if !held.expirations.contains_key(date) {
                chain.batch.expire(&written.pointer, REPLACED_MS);
                chain.batch.add(["DEL", &latest_key(chain.name, date)]);
            }
        }
        if let Some([calls, puts]) = &fetched.gex {
            batch.fresh(&gex_key(underlying, "calls"), calls.clone(), fresh_ms);
            batch.fresh(&gex_key(underlying, "puts"), puts.clone(), fresh_ms);
        }
        (held.fetched_ms, held.spot, held.fault) = (Some(fetched.fetched_ms), fetched.spot, None);
        held.prints = fetched.prints;
        held.write(underlying, view, &mut batch);
        Some((batch, changes))
    }

    /// What has to be written because a chain grew stale, or because nothing is known of what was.
    pub fn write(&mut self, view: &View) -> Option<Batch> {
        let mut batch = Batch::default();
        for (name, held) in &mut self.held {
            if held.written != Some(held.stale(view)) {
                held.write(name, view, &mut batch);
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// Takes everything away that is in the store of chains that truth has no longer.
    pub fn remove(underlying: &str, stored: &Stored, batch: &mut Batch) {
        let name = in_chain_keys(underlying);
        for (field, pointer) in stored {
            if let Some(date) = field.strip_suffix(":pointer") {
                batch.add(["DEL", pointer.as_str(), &latest_key(name, date)]);
            }
        }
        let (calls, puts) = (gex_key(underlying, "calls"), gex_key(underlying, "puts"));
        batch.add(["DEL", &chain_hash(name), &calls, &puts]);
    }
}

impl Held {
    fn stale(&self, view: &View) -> Option<&'static str> {
        match self.fetched_ms {
            Some(_) if view.now_ms <= self.fresh_until_ms => None,
            _ => Some(self.fault.unwrap_or(OLD)),
        }
    }

    /// `market:chain:<U>`.
    fn write(&mut self, underlying: &str, view: &View, batch: &mut Batch) {
        let number = |value: i64| Field::Number(value.to_string());
        let mut fields: Vec<(String, Field)> = Vec::new();
        for (date, written) in &self.expirations {
            let text = |text: &String| Field::Text(text.clone());
            fields.push((format!("{date}:pointer"), text(&written.pointer)));
            fields.push((format!("{date}:digest"), text(&written.digest)));
            if let Some(summary) = &written.summary {
                fields.push((format!("{date}:summary"), text(summary)));
            }
        }
        let stale = self.stale(view);
        let mut add = |name: &str, field: Field| fields.push((name.to_owned(), field));
        if let Some(spot) = self.spot {
            add("spot", Field::Number(number::computed(spot).into()));
        }
        if let Some(fetched_ms) = self.fetched_ms {
            add("confirmed_ms", number(fetched_ms));
            add("fresh_until_ms", number(self.fresh_until_ms));
        }
        add("stale", number(i64::from(stale.is_some())));
        if let Some(reason) = stale {
            add("reason", Field::Text(reason.to_owned()));
        }
        add("source", Field::Text(view.source.to_owned()));
        let key = chain_hash(in_chain_keys(underlying));
        let words = fields
            .into_iter()
            .flat_map(|(name, field)| [name, field.text()]);
        batch.add(["DEL", &key]);
        batch.add(["HSET".to_owned(), key.clone()].into_iter().chain(words));
        batch.keep(&key);
        self.written = Some(stale);
    }
}
