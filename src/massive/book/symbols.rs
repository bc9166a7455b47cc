//! What is held of every symbol.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::restore::{Stored, restored};
use super::{Health, View};
use crate::clock::rfc3339_millis;
use crate::contract::market;
use crate::massive::facts::{Band, Feed, Kind, Reason, Spot};
use crate::massive::normalise::held::Held;
use crate::massive::record::{Fields, ObjectWriter, Record};
use crate::massive::session::Session;
use crate::massive::store::Batch;
use crate::massive::symbol::{Class, class};

/// Symbols whose writes go out together.
const BATCH_SYMBOLS: usize = 250;

/// Every symbol of truth.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    entries: BTreeMap<String, Entry>,
    /// The last one that was written.
    written_to: String,
}

/// One symbol.
#[derive(Clone, Debug, Default)]
struct Entry {
    held: Held,
    session: Option<Session>,
    /// By the vendor's clock.
    fetched_ms: Option<i64>,
    /// When the last good answer came, by the clock that never steps.
    good_ms: Option<i64>,
    /// Why the vendor says nothing of it.
    fault: Option<Reason>,
    /// What was written last: the reason why it is stale, if it is.
    written: Option<Option<&'static str>>,
    is_dirty: bool,
    /// Its price, quote or day are other than those that were announced.
    is_news: bool,
    /// Its price is one that no tick has yet.
    is_tick: bool,
}

impl Symbols {
    /// Holds these symbols and no others; those that are held no more.
    pub fn set<'n>(&mut self, names: impl Iterator<Item = &'n String>) -> Vec<String> {
        let mut old = std::mem::take(&mut self.entries);
        for name in names {
            let entry = old.remove(name).unwrap_or_default();
            self.entries.insert(name.clone(), entry);
        }
        old.into_keys().collect()
    }

    /// Is a symbol held?
    pub fn holds(&self, symbol: &str) -> bool {
        self.entries.contains_key(symbol)
    }

    /// Forgets all that is held: it was another source's.
    pub fn clear(&mut self) {
        for entry in self.entries.values_mut() {
            *entry = Entry::default();
        }
    }

    /// Takes what an answer says of a symbol, at `mono_ms` by the clock that never steps. Whether its price jumped, and
    /// is held back.
    pub fn take(&mut self, spot: Spot, fetched_ms: i64, mono_ms: i64, jump_pct: f64) -> bool {
        let Some(entry) = self.entries.get_mut(&spot.symbol) else {
            return false;
        };
        entry.session = spot.session;
        let taken = entry.held.take(spot, jump_pct);
        entry.fetched_ms = Some(fetched_ms);
        entry.good_ms = Some(mono_ms);
        entry.fault = None;
        entry.is_dirty = true;
        entry.is_news |= taken.changed;
        entry.is_tick |= taken.price_changed;
        taken.jumped
    }

    /// Takes what the stream says of a symbol. Whether its price jumped, and is held back.
    pub fn take_streamed(&mut self, spot: Spot, at: (i64, i64), jump_pct: f64) -> bool {
        let session = self
            .entries
            .get(&spot.symbol)
            .and_then(|entry| entry.session);
        self.take(Spot { session, ..spot }, at.0, at.1, jump_pct)
    }

    /// Takes within which prices a symbol may trade.
    pub fn take_band(&mut self, symbol: &str, band: Band<'static>) {
        if let Some(entry) = self.entries.get_mut(symbol) {
            entry.is_dirty |= entry.held.take_band(band);
        }
    }

    /// Notes that the vendor says nothing of a symbol. What is held stays, and ages.
    pub fn fault(&mut self, symbol: &str, reason: Reason) {
        if let Some(entry) = self.entries.get_mut(symbol) {
            entry.fault = Some(reason);
            entry.is_dirty = true;
        }
    }

    /// Takes what the store has of a symbol, unless something newer is held.
    pub fn restore(&mut self, symbol: &str, stored: &Stored, source: &str) {
        let Some(entry) = self.entries.get_mut(symbol) else {
            return;
        };
        if entry.fetched_ms.is_none()
            && let Some((held, fetched_ms)) = restored(stored, source)
        {
            entry.held = held;
            entry.fetched_ms = fetched_ms;
            // Nobody knows what was announced of it last.
            entry.is_news = true;
        }
        entry.is_dirty = true;
        entry.written = None;
    }

    /// Everything is written again: the market stands otherwise, or the store lost it.
    pub fn touch_all(&mut self) {
        for entry in self.entries.values_mut() {
            entry.is_dirty = true;
        }
    }

    /// The price of a symbol while it is fresh.
    pub fn fresh_price(&self, symbol: &str, view: &View) -> Option<f64> {
        let entry = self.entries.get(symbol)?;
        let health = health(symbol, view);
        let limits = view.limits(health.interval_ms);
        let record = entry.record(health, view);
        let is_fresh = record.stale(limits, view.standing, view.now_ms).is_none()
            && record.fresh_until_ms(limits, view.standing) >= Some(view.now_ms);
        let price = entry.held.price.as_ref()?;
        is_fresh.then(|| price.value.value())
    }

    /// Those without a good answer for so long, of all that the vendor has to answer for; and all of these.
    pub fn unanswered(
        &self,
        since_ms: i64,
        mono_ms: i64,
        patience_ms: impl Fn(&str) -> i64,
    ) -> (usize, usize) {
        let mut all = 0;
        let unanswered = self.entries.iter().filter(|(name, entry)| {
            // What the plan does not include is no fault of anybody's.
            if entry.fault == Some(Reason::NotEntitled) {
                return false;
            }
            all += 1;
            mono_ms - entry.good_ms.unwrap_or(since_ms) > patience_ms(name)
        });
        let unanswered = unanswered.count();
        (unanswered, all)
    }

    /// What has to be written now, a part of it at a time; `None` when nothing has.
    pub fn write(&mut self, view: &View, tick_entries: usize) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut symbols = 0;
        // From where the last part ended, so that those that change all the time keep nobody waiting.
        let from = std::mem::take(&mut self.written_to);
        let rest = (Bound::Excluded(from.as_str()), Bound::Unbounded);
        let first = (Bound::Unbounded, Bound::Included(from.as_str()));
        'all: for part in [rest, first] {
            for (name, entry) in self.entries.range_mut::<str, _>(part) {
                let health = health(name, view);
                if !entry.is_due(health, view) {
                    continue;
                }
                if symbols == BATCH_SYMBOLS {
                    break 'all;
                }
                symbols += 1;
                entry.write(name, health, view, tick_entries, &mut batch);
                self.written_to.clone_from(name);
            }
        }
        (symbols > 0).then_some(batch)
    }
}

fn health(symbol: &str, view: &View) -> Health {
    match class(symbol) {
        Class::Index => view.indices,
        Class::Stock => view.stocks,
        // Contracts come by the stream alone, and each by itself.
        Class::Option => Health {
            fault: None,
            ..view.stocks
        },
    }
}

impl Entry {
    /// Is it other than what was written?
    fn is_due(&self, health: Health, view: &View) -> bool {
        let limits = view.limits(health.interval_ms);
        let record = self.record(health, view);
        let stale = record.stale(limits, view.standing, view.now_ms);
        self.is_dirty || self.written != Some(stale)
    }

    fn record<'e>(&'e self, health: Health, view: &View) -> Record<'e, 'static> {
        let fault = match self.fault {
            // What was asked for and is not in the answer keeps its age where it has one.
            Some(Reason::Missing) if self.held.price.is_some() => None,
            fault => fault.map(Reason::word),
        };
        Record {
            price: self.held.price.as_ref(),
            quote: self.held.quote.as_ref(),
            day: self.held.day.as_ref(),
            band: self.held.band.as_ref(),
            session: self.session,
            fetched_ms: self.fetched_ms,
            fault: fault.or(health.fault),
            source: view.source,
        }
    }

    fn write(
        &mut self,
        name: &str,
        health: Health,
        view: &View,
        tick_entries: usize,
        batch: &mut Batch,
    ) {
        let limits = view.limits(health.interval_ms);
        let record = self.record(health, view);
        let stale = record.stale(limits, view.standing, view.now_ms);
        let fields = record.fields(limits, view.standing, view.now_ms);
        let key = market::snapshot_key(name);
        batch.hash(&key, &fields);
        let is_contract = class(name) == Class::Option;
        if is_contract {
            // There are a thousand of them, other ones every day: the hash is all there is of each, for a while.
            batch.expire(&key, market::KEEP_CONTRACT_MS);
        } else if record.price.is_some() {
            let until_ms = record.fresh_until_ms(limits, view.standing).unwrap_or(0);
            let json = spot_json(name, &fields, record.price.and_then(|price| price.event_ms));
            // Turning stale, or fresh, is a change too.
            if self.is_news
                || self
                    .written
                    .is_some_and(|written| written.is_some() != stale.is_some())
            {
                batch.add(["PUBLISH", market::SPOT, &json]);
            }
            batch.fresh(&market::spot_key(name), json, until_ms - view.now_ms);
        }
        if self.is_tick && tick_entries > 0 && !is_contract {
            self.write_tick(name, view.source, tick_entries, batch);
        }
        self.written = Some(stale);
        (self.is_dirty, self.is_news, self.is_tick) = (false, false, false);
    }

    /// Closes of days are no ticks, and what has no time has no place among them.
    fn write_tick(&self, name: &str, source: &str, tick_entries: usize, batch: &mut Batch) {
        let Some(price) = &self.held.price else {
            return;
        };
        let is_tick = matches!(price.kind, Kind::Trade | Kind::Value | Kind::Minute);
        let Some(event_ms) = price.event_ms.filter(|ms| is_tick && *ms > 0) else {
            return;
        };
        let id = format!("{event_ms}-{}", price.sequence.unwrap_or(0).max(0));
        let mut fields = vec![("price", price.value.text().to_owned())];
        if let Some(size) = &price.size {
            fields.push(("size", size.text().to_owned()));
        }
        fields.push(("kind", price.kind.word().to_owned()));
        fields.push(("source", source.to_owned()));
        batch.stream(&market::tick_key(name), tick_entries, &id, fields);
    }
}

/// The value of `massive:model:spot:<sym>`, and what is announced.
fn spot_json(symbol: &str, fields: &Fields, event_ms: Option<i64>) -> String {
    let mut json = ObjectWriter::with_capacity(512);
    json.text("symbol", symbol);
    let text = |name: &str| fields.iter().find(|(known, _)| *known == name);
    if let Some((_, value)) = text("price") {
        json.json("value", &value.text());
    }
    if let Some(event_ms) = event_ms {
        json.text("ts", &rfc3339_millis(event_ms.unsigned_abs()));
    }
    let feed = text("feed")
        .map(|(_, feed)| feed.text())
        .unwrap_or_default();
    let frames = [
        (Feed::Live, "REAL-TIME"),
        (Feed::Delayed, "DELAYED"),
        (Feed::EndOfDay, "EOD"),
    ];
    if let Some((_, frame)) = frames.iter().find(|(known, _)| known.word() == feed) {
        json.text("timeframe", frame);
    }
    let rest: Fields = fields
        .iter()
        .filter(|(name, _)| *name != "price")
        .cloned()
        .collect();
    json.fields(&rest);
    json.finish()
}

/// What is written for symbols that are not held any more.
pub fn remove_symbol(symbol: &str, batch: &mut Batch) {
    batch.add([
        "DEL".to_owned(),
        market::snapshot_key(symbol),
        market::tick_key(symbol),
        market::spot_key(symbol),
        market::bars_key(symbol),
    ]);
}
