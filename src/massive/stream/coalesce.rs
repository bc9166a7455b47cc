//! The newest of each symbol, kept until the loop takes it (pure).
//!
//! Of many trades within a tenth of a second one becomes the price and a tick; the others are counted. A trade that is
//! late, of a kind that makes no price, older than the one before, or the same once more never becomes one.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::params::Source;
use crate::massive::facts::{Band, Day, Feed, Kind, Price, Quote, Spot, TradeRule};
use crate::massive::frames::{CONDITIONS_MAX, Channel, Cluster, Event, StreamBar, Trade};
use crate::massive::number::Decimal;

/// The condition of a trade that has none: "regular sale". The vendor's list leaves it out.
const REGULAR: i64 = 0;
/// Minutes of one symbol that are kept between two flushes: newer ones come once a minute.
const MINUTES_MAX: usize = 64;

/// Which conditions let a trade become a price.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    makes_price: HashSet<i64>,
}

impl Rules {
    /// By the vendor's list. What it does not know, or says nothing of, makes no price.
    pub fn new(list: &[TradeRule]) -> Rules {
        let eligible = list.iter().filter(|rule| rule.updates_price == Some(true));
        let mut makes_price: HashSet<i64> = eligible.map(|rule| rule.id).collect();
        if list.iter().all(|rule| rule.id != REGULAR) {
            makes_price.insert(REGULAR);
        }
        Rules { makes_price }
    }

    /// May a trade with these become a price?
    pub fn allow(&self, mut codes: impl Iterator<Item = i64>) -> bool {
        codes.all(|code| self.makes_price.contains(&code))
    }
}

/// How many events there were, and why some became nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    /// Of symbols that are not wanted (any more).
    pub not_asked: u64,
    /// Prices that a newer one of the same flush replaced.
    pub coalesced: u64,
    pub late: u64,
    pub ineligible: u64,
    pub steps_back: u64,
    pub doubles: u64,
}

/// What there is to take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flush {
    pub spots: Vec<Spot<'static>>,
    /// By symbol: minutes by their start.
    pub minutes: Vec<(String, BTreeMap<i64, Day<'static>>)>,
    pub bands: Vec<(String, Band<'static>)>,
    pub counts: Counts,
}

/// Everything that came since the last flush, and what is needed to judge what comes.
///
/// `dirty` holds the place of every slot that has something to take, once.
#[derive(Debug)]
pub struct Coalescer {
    feed: Feed,
    /// While nobody knows any, only trades without a condition become prices.
    rules: Arc<Rules>,
    places: HashMap<String, usize>,
    slots: Vec<Slot>,
    /// Places that nobody has.
    free: Vec<usize>,
    dirty: Vec<usize>,
    counts: Counts,
}

/// One symbol.
#[derive(Debug)]
struct Slot {
    symbol: String,
    cluster: Cluster,
    channel: Option<Channel>,
    /// Of the last price: its time, and its number where it has one.
    last: Option<(i64, Option<i64>)>,
    last_quote: Option<(i64, Option<i64>)>,
    price: Latest,
    quote: LatestQuote,
    minutes: BTreeMap<i64, Day<'static>>,
    band: Option<Band<'static>>,
    is_dirty: bool,
}

/// A price whose memory is used again for the next.
#[derive(Debug, Default)]
struct Latest {
    is_there: bool,
    kind: Option<Kind>,
    value: String,
    /// Empty where there is none.
    size: String,
    conditions: Vec<i64>,
    event_ms: i64,
    sequence: Option<i64>,
}

/// A quote, likewise. A number that is not there is empty.
#[derive(Debug, Default)]
struct LatestQuote {
    is_there: bool,
    bid: String,
    ask: String,
    bid_size: String,
    ask_size: String,
    event_ms: i64,
}

impl Coalescer {
    /// One of a stream whose prices are of `feed`.
    pub fn new(feed: Feed) -> Coalescer {
        Coalescer {
            feed,
            rules: Arc::default(),
            places: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            dirty: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Another feed: what was of the one before is forgotten.
    pub fn set_feed(&mut self, feed: Feed) {
        if feed != self.feed {
            *self = Coalescer {
                rules: self.rules.clone(),
                ..Coalescer::new(feed)
            };
        }
    }

    /// Judges trades by these from now on.
    pub fn set_rules(&mut self, rules: &Arc<Rules>) {
        self.rules = rules.clone();
    }

    /// Takes a symbol's price from there from now on. What it was before is remembered, so that it does not step back,
    /// until the symbol is gone.
    pub fn set_source(&mut self, cluster: Cluster, symbol: &str, source: Source) {
        let channel = match source {
            Source::Channel(channel) => Some(channel),
            Source::None => None,
            Source::Gone => {
                if let Some(place) = self.places.remove(symbol) {
                    self.put(place, Slot::new("", cluster));
                    self.free.push(place);
                }
                return;
            }
        };
        let place = match self.places.get(symbol) {
            Some(place) => *place,
            None => {
                let place = self.free.pop().unwrap_or(self.slots.len());
                self.put(place, Slot::new(symbol, cluster));
                self.places.insert(symbol.to_owned(), place);
                place
            }
        };
        self.slots[place].channel = channel;
    }

    /// Puts another symbol in a place, which stays listed if it was.
    fn put(&mut self, place: usize, slot: Slot) {
        match self.slots.get_mut(place) {
            Some(old) => {
                *old = Slot {
                    is_dirty: old.is_dirty,
                    ..slot
                }
            }
            None => self.slots.push(slot),
        }
    }

    /// Takes an event.
    pub fn take(&mut self, event: &Event<'_>) {
        self.counts.events += 1;
        let symbol = match event {
            Event::Status { .. } => return,
            Event::Trade(of) => of.symbol,
            Event::Bar(of) => of.symbol,
            Event::Value { symbol, .. }
            | Event::Quote { symbol, .. }
            | Event::Band { symbol, .. } => symbol,
        };
        let Some(place) = self.places.get(symbol).copied() else {
            self.counts.not_asked += 1;
            return;
        };
        let slot = &mut self.slots[place];
        let is_taken = match event {
            Event::Status { .. } => false,
            Event::Trade(of) => slot.trade(of, &self.rules, &mut self.counts),
            Event::Value {
                value, event_ms, ..
            } => slot.price(Kind::Value, value, (*event_ms, None), &mut self.counts),
            Event::Quote {
                quote,
                event_ms,
                sequence,
                ..
            } => slot.quote(quote, (*event_ms, *sequence), &mut self.counts),
            Event::Bar(of) => slot.bar(of, &mut self.counts),
            Event::Band { band, .. } => {
                slot.band = Some(band.clone().into_owned());
                true
            }
        };
        if is_taken && !slot.is_dirty {
            slot.is_dirty = true;
            self.dirty.push(place);
        }
    }

    /// Is there anything to take, or to count?
    pub fn is_empty(&self) -> bool {
        self.dirty.is_empty() && self.counts == Counts::default()
    }

    /// What came since the last time.
    pub fn flush(&mut self) -> Flush {
        let mut flush = Flush {
            counts: std::mem::take(&mut self.counts),
            ..Flush::default()
        };
        for place in std::mem::take(&mut self.dirty) {
            let slot = &mut self.slots[place];
            debug_assert!(slot.is_dirty, "what is listed has something to take");
            slot.is_dirty = false;
            let (price, quote) = (slot.price.take(self.feed), slot.quote.take());
            if price.is_some() || quote.is_some() {
                flush.spots.push(Spot {
                    symbol: slot.symbol.clone(),
                    price,
                    quote,
                    day: None,
                    session: None,
                });
            }
            if !slot.minutes.is_empty() {
                let minutes = std::mem::take(&mut slot.minutes);
                flush.minutes.push((slot.symbol.clone(), minutes));
            }
            if let Some(band) = slot.band.take() {
                flush.bands.push((slot.symbol.clone(), band));
            }
        }
        flush
    }
}

impl Slot {
    fn new(symbol: &str, cluster: Cluster) -> Slot {
        Slot {
            symbol: symbol.to_owned(),
            cluster,
            channel: None,
            last: None,
            last_quote: None,
            price: Latest::default(),
            quote: LatestQuote::default(),
            minutes: BTreeMap::new(),
            band: None,
            is_dirty: false,
        }
    }

    /// A trade; whether it is the price now. The vendor lists what conditions of stocks mean; those of options say how a
    /// contract was traded, and its `last` is whatever was.
    fn trade(&mut self, of: &Trade, rules: &Rules, counts: &mut Counts) -> bool {
        if of.is_late {
            counts.late += 1;
            return false;
        }
        if self.cluster == Cluster::Stocks && !rules.allow(of.conditions.codes()) {
            counts.ineligible += 1;
            return false;
        }
        let at = (of.event_ms, of.sequence);
        if !self.price(Kind::Trade, &of.price, at, counts) {
            return false;
        }
        if let Some(size) = &of.size {
            self.price.size.push_str(size.text());
        }
        self.price
            .conditions
            .extend(of.conditions.codes().take(CONDITIONS_MAX));
        true
    }

    /// A price that came about at a moment, with its number; whether it is newer than the last one.
    fn price(
        &mut self,
        kind: Kind,
        value: &Decimal,
        at: (i64, Option<i64>),
        counts: &mut Counts,
    ) -> bool {
        match order(self.last, at) {
            Order::Newer => {}
            Order::Same if kind != Kind::Trade && value.text() != self.price.value => {}
            Order::Same => {
                counts.doubles += 1;
                return false;
            }
            Order::Older => {
                counts.steps_back += 1;
                return false;
            }
        }
        counts.coalesced += u64::from(self.price.is_there);
        self.last = Some(at);
        let latest = &mut self.price;
        latest.value.clear();
        latest.value.push_str(value.text());
        latest.size.clear();
        latest.conditions.clear();
        (latest.event_ms, latest.sequence) = at;
        (latest.is_there, latest.kind) = (true, Some(kind));
        true
    }

    fn quote(&mut self, quote: &Quote, at: (i64, Option<i64>), counts: &mut Counts) -> bool {
        match order(self.last_quote, at) {
            Order::Newer => {
                self.last_quote = Some(at);
                self.quote.put(quote, at.0);
                true
            }
            Order::Same => {
                counts.doubles += 1;
                false
            }
            Order::Older => {
                counts.steps_back += 1;
                false
            }
        }
    }

    /// A bar: a minute is kept as one; its close is a price where the price comes by this channel. That of a second is the
    /// last trade in it; that of a minute, the minute's.
    fn bar(&mut self, of: &StreamBar, counts: &mut Counts) -> bool {
        if of.is_minute && self.cluster != Cluster::Options && self.minutes.len() < MINUTES_MAX {
            self.minutes
                .insert(of.start_ms, of.day.clone().into_owned());
        }
        let channel = if of.is_minute {
            Channel::Minutes
        } else {
            Channel::Seconds
        };
        if self.channel == Some(channel)
            && let (Some(close), Some(end_ms)) = (&of.day.close, of.end_ms)
        {
            let kind = match (self.cluster, of.is_minute) {
                (Cluster::Indices, _) => Kind::Value,
                (_, true) => Kind::Minute,
                (_, false) => Kind::Trade,
            };
            return self.price(kind, close, (end_ms, None), counts) || of.is_minute;
        }
        of.is_minute
    }
}

impl LatestQuote {
    fn put(&mut self, quote: &Quote, event_ms: i64) {
        for (kept, number) in [
            (&mut self.bid, &quote.bid),
            (&mut self.ask, &quote.ask),
            (&mut self.bid_size, &quote.bid_size),
            (&mut self.ask_size, &quote.ask_size),
        ] {
            kept.clear();
            kept.push_str(number.as_ref().map_or("", Decimal::text));
        }
        (self.is_there, self.event_ms) = (true, event_ms);
    }

    fn take(&mut self) -> Option<Quote<'static>> {
        std::mem::take(&mut self.is_there).then(|| Quote {
            bid: decimal(&self.bid),
            ask: decimal(&self.ask),
            bid_size: decimal(&self.bid_size),
            ask_size: decimal(&self.ask_size),
            event_ms: Some(self.event_ms),
        })
    }
}

fn decimal(text: &str) -> Option<Decimal<'static>> {
    Decimal::read(text).map(Decimal::into_owned)
}

impl Latest {
    fn take(&mut self, feed: Feed) -> Option<Price<'static>> {
        let is_there = std::mem::take(&mut self.is_there);
        let price = Price {
            value: decimal(&self.value).filter(|_| is_there)?,
            kind: self.kind?,
            event_ms: Some(self.event_ms),
            size: decimal(&self.size),
            conditions: self.conditions.clone(),
            sequence: self.sequence,
            feed,
        };
        Some(price)
    }
}

/// How an event lies to the last one.
enum Order {
    Newer,
    Same,
    Older,
}

fn order(last: Option<(i64, Option<i64>)>, at: (i64, Option<i64>)) -> Order {
    let Some(last) = last else {
        return Order::Newer;
    };
    match (at.0.cmp(&last.0), at.1, last.1) {
        (std::cmp::Ordering::Greater, ..) => Order::Newer,
        (std::cmp::Ordering::Less, ..) => Order::Older,
        (_, Some(new), Some(old)) if new > old => Order::Newer,
        (_, Some(new), Some(old)) if new < old => Order::Older,
        _ => Order::Same,
    }
}
