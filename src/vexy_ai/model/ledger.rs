//! What all machines know together of the model, in Redis and by its clock: what is spent, whether the breaker is open,
//! and which texts were answered already.

mod scripts;

use std::time::Duration;

use redis::Value;

use scripts::{DAY, READ, RESERVE, SETTLE, SPENT, WRITE};

use super::breaker::{Breaker, Gate, Outcome};
use super::budget::{Cost, Limits, Short, Spent};
use super::dialect::Usage;
use crate::bus::script::text_of;
use crate::bus::{self, Address, BusError, Commands, Script, Scripts};
use crate::contract::analysis::{MODEL_BREAKER, cache_key, usage_key};
use crate::text::SafeText;

/// How often a record is written that another changes meanwhile, before a moment's wait.
const TRIES_MAX: usize = 16;
/// The wait then.
const RACED_WAIT_MS: i64 = 500;
/// URLs and keys that the breaker has records of; past that all are forgotten.
const RECORDS_MAX: usize = 8;
/// How long a record and a day's count are kept.
const KEEP_SEC: u64 = 8 * 86_400;
/// The longest answer that is kept.
const CACHED_MAX_BYTES: usize = 16 * 1024;

/// A call that may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    day: String,
    second: i64,
    cost: Cost,
}

/// What came of asking for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// It may be made, now.
    Call(Reservation),
    /// Not for so long.
    Short { short: Short, wait_ms: i64 },
}

/// The shared knowledge, over one connection; one for each thread.
pub struct Ledger {
    bus: Commands,
    scripts: Scripts,
    read: Script,
    write: Script,
    reserve: Script,
    settle: Script,
    spent: Script,
    /// The last that was heard of a day, in case it is lost.
    known: Spent,
    /// The same of a minute: the second in which it ended, its calls and its tokens.
    known_minute: (i64, u64, u64),
}

impl Ledger {
    /// One that keeps its books at `address`; `name` is what its connection calls itself.
    pub fn new(address: Address, name: &str) -> Ledger {
        let [read, write, settle] = [READ, WRITE, SETTLE].map(Script::new);
        let [reserve, spent] = [RESERVE, SPENT].map(|body| Script::new(&format!("{DAY}{body}")));
        Ledger {
            bus: Commands::new(address, name, bus::Limits::default()),
            scripts: Scripts::new([&read, &write, &reserve, &settle, &spent]),
            read,
            write,
            reserve,
            settle,
            spent,
            known: Spent::default(),
            known_minute: (0, 0, 0),
        }
    }

    /// Goes elsewhere from now on.
    pub fn set_address(&mut self, address: Address) {
        self.bus.set_address(address);
    }

    /// May a call be made now, as far as the server is concerned? A probe is over after `call` at most.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn gate(&mut self, fingerprint: &str, call: Duration) -> Result<Gate, BusError> {
        let call_ms = i64::try_from(call.as_millis()).unwrap_or(i64::MAX / 4);
        let gate = self.change(fingerprint, |breaker, now_ms| breaker.gate(now_ms, call_ms))?;
        Ok(gate.unwrap_or_else(|| Gate::Wait {
            ms: RACED_WAIT_MS,
            why: SafeText::new("many ask at once"),
        }))
    }

    /// Tells how a call went, and what pause the server asked for.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn told(
        &mut self,
        fingerprint: &str,
        outcome: Outcome<'_>,
        pause: Option<Duration>,
    ) -> Result<(), BusError> {
        self.change(fingerprint, |breaker, now_ms| {
            breaker.told(outcome, now_ms);
            if let Some(pause) = pause {
                breaker.pause(pause, now_ms);
            }
        })?;
        Ok(())
    }

    /// How the breaker stands, and the time by the clock of Redis.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn breaker(&mut self, fingerprint: &str) -> Result<(Breaker, i64), BusError> {
        let (_, breaker, now_ms) = self.record(fingerprint)?;
        Ok((breaker, now_ms))
    }

    /// Moves a record on; `None` when others did so all the time.
    fn change<T>(
        &mut self,
        fingerprint: &str,
        by: impl Fn(&mut Breaker, i64) -> T,
    ) -> Result<Option<T>, BusError> {
        for _ in 0..TRIES_MAX {
            let (was, breaker, now_ms) = self.record(fingerprint)?;
            let mut changed = breaker.clone();
            let result = by(&mut changed, now_ms);
            if changed == breaker {
                return Ok(Some(result));
            }
            let is = serde_json::to_string(&changed).unwrap_or_default();
            let mut packet = redis::pipe();
            let call = self.write.call(&mut packet, &[MODEL_BREAKER]);
            call.arg(fingerprint).arg(was).arg(is);
            call.arg(RECORDS_MAX).arg(KEEP_SEC);
            if self.scripts.run(&mut self.bus, &packet)? == Value::Int(1) {
                return Ok(Some(result));
            }
        }
        Ok(None)
    }

    fn record(&mut self, fingerprint: &str) -> Result<(String, Breaker, i64), BusError> {
        let mut packet = redis::pipe();
        self.read
            .call(&mut packet, &[MODEL_BREAKER])
            .arg(fingerprint);
        let answer = items(self.scripts.run(&mut self.bus, &packet)?);
        let text = answer.get(1).and_then(text_of).unwrap_or_default();
        // What nobody can read says nothing against the server.
        let breaker = serde_json::from_str(&text).unwrap_or_default();
        Ok((text, breaker, int(answer.first())))
    }

    /// Asks for a call that costs so much at most.
    ///
    /// # Errors
    /// Those of the bus. What a lost answer reserved stays spent.
    pub fn reserve(&mut self, limits: &Limits, cost: Cost) -> Result<Reserved, BusError> {
        let mut packet = redis::pipe();
        let keys = [usage_key("minute"), usage_key("")];
        let call = self
            .reserve
            .call(&mut packet, &keys.each_ref().map(String::as_str));
        call.arg(cost.tokens).arg(cost.nano);
        call.arg(limits.calls_per_min).arg(limits.tokens_per_min);
        call.arg(limits.calls_per_day).arg(limits.tokens_per_day);
        let nano = limits
            .cost_per_day
            .map(|most| (most * super::budget::NANO).floor());
        call.arg(nano.map_or_else(|| "-1".to_owned(), |nano| format!("{nano:.0}")));
        let known = &self.known;
        call.arg(&known.day)
            .arg(known.calls)
            .arg(known.tokens)
            .arg(known.nano);
        let (second, calls, tokens) = self.known_minute;
        call.arg(KEEP_SEC).arg(second).arg(calls).arg(tokens);
        let answer = items(self.scripts.run(&mut self.bus, &packet)?);
        let text = answer.get(1).and_then(text_of).unwrap_or_default();
        if answer.first() != Some(&Value::Int(1)) {
            let short = Short::named(&text).unwrap_or(Short::CallsPerMin);
            let wait_ms = int(answer.get(2)).clamp(1, 86_400_000);
            return Ok(Reserved::Short { short, wait_ms });
        }
        let count = |nth: usize| u64::try_from(int(answer.get(nth))).unwrap_or(0);
        self.known = Spent {
            day: text.clone(),
            calls: count(3),
            tokens: count(4),
            nano: count(5),
            ..Spent::default()
        };
        self.known_minute = (int(answer.get(2)), count(6), count(7));
        Ok(Reserved::Call(Reservation {
            day: text,
            second: int(answer.get(2)),
            cost,
        }))
    }

    /// Says what a call did cost.
    ///
    /// # Errors
    /// Those of the bus: then what was reserved stays spent.
    pub fn settle(&mut self, of: &Reservation, usage: Usage, cost: Cost) -> Result<(), BusError> {
        let mut packet = redis::pipe();
        let keys = [usage_key("minute"), usage_key(&of.day)];
        let call = self
            .settle
            .call(&mut packet, &keys.each_ref().map(String::as_str));
        call.arg(of.second).arg(of.cost.tokens).arg(of.cost.nano);
        call.arg(cost.tokens).arg(cost.nano);
        call.arg(usage.input).arg(usage.output);
        self.scripts.run(&mut self.bus, &packet).map(drop)
    }

    /// What is spent today.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn spent(&mut self) -> Result<Spent, BusError> {
        self.day("")
    }

    fn day(&mut self, count: &str) -> Result<Spent, BusError> {
        let mut packet = redis::pipe();
        let call = self.spent.call(&mut packet, &[&usage_key("")]);
        call.arg(count).arg(KEEP_SEC);
        let answer = items(self.scripts.run(&mut self.bus, &packet)?);
        let count = |nth: usize| u64::try_from(int(answer.get(nth))).unwrap_or(0);
        Ok(Spent {
            day: answer.first().and_then(text_of).unwrap_or_default(),
            calls: count(1),
            tokens: count(2),
            nano: count(3),
            settled: count(4),
            cached: count(5),
        })
    }

    /// An answer of before, if one is kept.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn cached(&mut self, hash: &str) -> Result<Option<String>, BusError> {
        let get = redis::cmd("GET").arg(cache_key(hash)).to_owned();
        self.bus.query(&get)
    }

    /// Counts an item that was answered from there.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn count_cached(&mut self) -> Result<(), BusError> {
        self.day("cached").map(drop)
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn keep(&mut self, hash: &str, answer: &str, for_secs: u64) -> Result<(), BusError> {
        if answer.len() > CACHED_MAX_BYTES {
            return Ok(());
        }
        let mut set = redis::cmd("SET");
        set.arg(cache_key(hash)).arg(answer).arg("EX").arg(for_secs);
        self.bus.query(&set)
    }
}

fn items(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

fn int(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::Int(n)) => *n,
        Some(other) => text_of(other)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0),
        None => 0,
    }
}
