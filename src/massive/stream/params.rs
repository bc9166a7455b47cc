//! What a connection is subscribed to (pure).
//!
//! The vendor confirms each parameter (`T.SPY`) by name, and says of a refusal only that there was one. So what is not
//! confirmed in time counts as refused, and the price of the symbol goes one channel down.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::massive::frames::{Channel, Cluster};

/// How long a subscription may go without a confirmation.
const CONFIRM_MS: i64 = 10_000;
/// Most parameters of one message.
pub const PARAMS_MAX: usize = 500;
/// When what was refused is asked for again.
const AGAIN_MS: i64 = 86_400_000;

/// Channels that a price may come by, the best first.
const TRADED: [Channel; 3] = [Channel::Trades, Channel::Seconds, Channel::Minutes];
const VALUED: [Channel; 3] = [Channel::Values, Channel::Seconds, Channel::Minutes];

/// One parameter: a channel of a symbol.
pub type Param = (Channel, String);

/// Where a symbol's price comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Channel(Channel),
    /// By none: nothing is confirmed yet, or all was refused.
    None,
    /// The symbol is not wanted any more.
    Gone,
}

/// How a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It goes out with the next message.
    Wanted,
    Asked,
    Confirmed,
    Refused,
}

/// The subscriptions of one connection.
///
/// Every symbol that is wanted has a rung, and so one channel for its price; every parameter that `states` holds is of a
/// symbol that is wanted.
#[derive(Clone, Debug)]
pub struct Params {
    cluster: Cluster,
    /// How far down each symbol is; past the last channel there is none.
    rungs: BTreeMap<String, usize>,
    states: BTreeMap<Param, State>,
    /// What is asked, and until when it is to be confirmed: in the order of time.
    deadlines: VecDeque<(i64, Vec<Param>)>,
    /// What the vendor is to stop sending.
    leaving: BTreeSet<Param>,
    /// Symbols whose confirmed price channel changed since somebody asked.
    changed: BTreeSet<String>,
    again_ms: i64,
}

impl Params {
    /// None.
    pub fn new(cluster: Cluster) -> Params {
        Params {
            cluster,
            rungs: BTreeMap::new(),
            states: BTreeMap::new(),
            deadlines: VecDeque::new(),
            leaving: BTreeSet::new(),
            changed: BTreeSet::new(),
            again_ms: 0,
        }
    }

    fn ladder(&self) -> &'static [Channel] {
        match self.cluster {
            Cluster::Indices => &VALUED,
            _ => &TRADED,
        }
    }

    /// Channels besides that of the price.
    fn besides(&self) -> &'static [Channel] {
        match self.cluster {
            Cluster::Stocks => &[Channel::Quotes, Channel::Minutes, Channel::Bands],
            Cluster::Options => &[Channel::Quotes],
            Cluster::Indices => &[Channel::Minutes],
        }
    }

    /// Wants these symbols and no others.
    pub fn want(&mut self, symbols: &[String]) {
        let wanted: BTreeSet<&String> = symbols.iter().collect();
        let gone: Vec<String> = self
            .rungs
            .keys()
            .filter(|symbol| !wanted.contains(symbol))
            .cloned()
            .collect();
        for symbol in gone {
            self.rungs.remove(&symbol);
            for channel in Channel::ALL {
                let param = (channel, symbol.clone());
                let state = self.states.remove(&param);
                if matches!(state, Some(State::Asked | State::Confirmed)) {
                    self.leaving.insert(param);
                }
            }
            self.changed.insert(symbol);
        }
        for symbol in wanted {
            if !self.rungs.contains_key(symbol) {
                self.begin_with(symbol.clone());
            }
        }
        self.check();
    }

    fn begin_with(&mut self, symbol: String) {
        let first = self.ladder()[0];
        for channel in [first].iter().chain(self.besides()) {
            self.wish((*channel, symbol.clone()));
        }
        self.changed.insert(symbol.clone());
        self.rungs.insert(symbol, 0);
    }

    fn wish(&mut self, param: Param) {
        self.leaving.remove(&param);
        self.states.entry(param).or_insert(State::Wanted);
    }

    /// A new connection, which knows of nothing: everything is asked for from the top.
    pub fn begin(&mut self, now_ms: i64) {
        let symbols: Vec<String> = std::mem::take(&mut self.rungs).into_keys().collect();
        self.states.clear();
        self.deadlines.clear();
        self.leaving.clear();
        self.again_ms = now_ms + AGAIN_MS;
        for symbol in symbols {
            self.begin_with(symbol);
        }
        self.check();
    }

    /// The messages that go out now, each with no more parameters than the vendor takes.
    pub fn ask(&mut self, now_ms: i64) -> Vec<String> {
        let leaving: Vec<Param> = std::mem::take(&mut self.leaving).into_iter().collect();
        let wanted = self.states.iter_mut().filter_map(|(param, state)| {
            let is_wanted = *state == State::Wanted;
            is_wanted.then(|| *state = State::Asked)?;
            Some(param.clone())
        });
        let asked: Vec<Param> = wanted.collect();
        let mut messages = messages("unsubscribe", &leaving);
        messages.extend(self::messages("subscribe", &asked));
        if !asked.is_empty() {
            self.deadlines.push_back((now_ms + CONFIRM_MS, asked));
        }
        self.check();
        messages
    }

    /// Takes the words after `subscribed to:`. What was not asked for is nothing.
    pub fn confirm(&mut self, names: &str) {
        for name in names.split([',', ' ']).filter(|name| !name.is_empty()) {
            let Some((word, symbol)) = name.split_once('.') else {
                continue;
            };
            let channel = Channel::ALL.into_iter().find(|known| known.word() == word);
            let Some(channel) = channel else { continue };
            let symbol = symbol.to_owned();
            // A word that came late counts as well: what it names is sent.
            if let Some(state @ (State::Asked | State::Refused)) =
                self.states.get_mut(&(channel, symbol.clone()))
            {
                *state = State::Confirmed;
                if let Some(rung) = self.ladder().iter().position(|known| *known == channel)
                    && let Some(held) = self.rungs.get_mut(&symbol)
                {
                    *held = rung.min(*held);
                }
                self.changed.insert(symbol);
            }
        }
        self.check();
    }

    /// Judges what is not confirmed by now.
    pub fn judge(&mut self, now_ms: i64) {
        while let Some((at, _)) = self.deadlines.front()
            && *at <= now_ms
        {
            let (_, params) = self.deadlines.pop_front().unwrap_or_default();
            for param in params {
                self.refuse(param);
            }
        }
        if now_ms >= self.again_ms {
            self.ask_again(now_ms);
        }
        self.check();
    }

    fn refuse(&mut self, param: Param) {
        match self.states.get_mut(&param) {
            Some(state @ State::Asked) => *state = State::Refused,
            // It may have been given up and be wanted anew.
            _ => return,
        }
        let symbol = param.1;
        let ladder = self.ladder();
        // Down to the next channel that is not refused, too.
        while let Some(rung) = self.rungs.get(&symbol).copied()
            && let Some(channel) = ladder.get(rung)
            && self.states.get(&(*channel, symbol.clone())) == Some(&State::Refused)
        {
            self.rungs.insert(symbol.clone(), rung + 1);
            self.changed.insert(symbol.clone());
            if let Some(next) = ladder.get(rung + 1) {
                self.wish((*next, symbol.clone()));
            }
        }
    }

    /// What was refused a day ago may be in the plan by now.
    fn ask_again(&mut self, now_ms: i64) {
        self.again_ms = now_ms + AGAIN_MS;
        let refused = self
            .states
            .iter()
            .filter(|(_, state)| **state == State::Refused);
        let symbols: BTreeSet<String> = refused.map(|((_, symbol), _)| symbol.clone()).collect();
        for symbol in symbols {
            for channel in Channel::ALL {
                let param = (channel, symbol.clone());
                match self.states.get(&param) {
                    Some(State::Refused) => self.states.remove(&param),
                    _ => continue,
                };
            }
            // The channel that its price comes by meanwhile stays, and is not asked for twice.
            self.begin_with(symbol);
        }
    }

    /// The channel that a symbol's price comes by, once it is confirmed.
    pub fn price_channel(&self, symbol: &str) -> Option<Channel> {
        let ladder = self.ladder();
        let rung = *self.rungs.get(symbol)?;
        let is_confirmed = |channel: &&Channel| {
            self.states.get(&(**channel, symbol.to_owned())) == Some(&State::Confirmed)
        };
        ladder.iter().skip(rung).find(is_confirmed).copied()
    }

    /// Symbols whose price may come from elsewhere than when this was asked last, with where that is.
    pub fn take_changes(&mut self) -> Vec<(String, Source)> {
        let changed = std::mem::take(&mut self.changed);
        let sources = changed.into_iter().map(|symbol| {
            let source = match self.price_channel(&symbol) {
                Some(channel) => Source::Channel(channel),
                None if self.rungs.contains_key(&symbol) => Source::None,
                None => Source::Gone,
            };
            (symbol, source)
        });
        sources.collect()
    }

    /// How many symbols are wanted, and of how many the price comes.
    pub fn covered(&self) -> (usize, usize) {
        let priced = self
            .rungs
            .keys()
            .filter(|symbol| self.price_channel(symbol).is_some());
        (self.rungs.len(), priced.count())
    }

    /// How many parameters are confirmed, and how many refused.
    pub fn counts(&self) -> (usize, usize) {
        let count = |wanted| {
            self.states
                .values()
                .filter(|state| **state == wanted)
                .count()
        };
        (count(State::Confirmed), count(State::Refused))
    }

    /// When something is to be judged.
    pub fn next_ms(&self) -> i64 {
        let next = self.deadlines.front().map_or(i64::MAX, |(at, _)| *at);
        next.min(self.again_ms)
    }

    fn check(&self) {
        debug_assert!(
            self.states
                .keys()
                .all(|(_, symbol)| self.rungs.contains_key(symbol)),
            "every parameter is of a symbol that is wanted"
        );
        debug_assert!(
            self.rungs.iter().all(|(symbol, rung)| {
                let channel = self.ladder().get(*rung);
                channel.is_none_or(|channel| self.states.contains_key(&(*channel, symbol.clone())))
            }),
            "every symbol that has a channel wants it"
        );
    }
}

/// Parameters in as few messages as the vendor takes.
fn messages(action: &str, params: &[Param]) -> Vec<String> {
    let message = |params: &[Param]| {
        let names: Vec<String> = params
            .iter()
            .map(|(channel, symbol)| format!("{}.{symbol}", channel.word()))
            .collect();
        // Symbols are of letters, digits, dots and colons: nothing needs an escape.
        format!(r#"{{"action":"{action}","params":"{}"}}"#, names.join(","))
    };
    params.chunks(PARAMS_MAX).map(message).collect()
}
