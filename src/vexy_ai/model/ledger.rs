//! What all machines know together of the model, in Redis and by its clock: what is spent, whether the breaker is open,
//! and which texts were answered already.

use std::time::Duration;

use redis::Value;

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

/// The clock of Redis in milliseconds, and one record.
const READ: &str = "
local time = redis.call('TIME')
return {time[1] * 1000 + math.floor(time[2] / 1000), redis.call('HGET', KEYS[1], ARGV[1]) or ''}";

/// Writes a record, unless another did. ARGV: its name, what it was, what it is, most records, seconds to keep them.
const WRITE: &str = "
local is = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if is ~= ARGV[2] then return 0 end
if is == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1";

/// The clock of Redis in seconds, and its day as UTC has it (Hinnant, days_from_civil).
const DAY: &str = "
local time = redis.call('TIME')
local sec = tonumber(time[1])
local z = math.floor(sec / 86400) + 719468
local era = math.floor(z / 146097)
local doe = z - era * 146097
local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
local mp = math.floor((5 * doy + 2) / 153)
local month = mp < 10 and mp + 3 or mp - 9
local day = string.format('%04d-%02d-%02d', yoe + era * 400 + (month <= 2 and 1 or 0), month,
    doy - math.floor((153 * mp + 2) / 5) + 1)
local function whole(n) return string.format('%.0f', n) end
";

/// Reserves a call and the most that it may cost, or says what is short and for how many milliseconds.
///
/// The last minute is kept by seconds, so that no minute, whenever it begins, sees more; seconds that lie ahead, after a
/// clock stepped back, count as now. Where the caller knows of more calls of the day than are there, data was lost, and
/// his count goes on.
///
/// KEYS: minute, beginning of a day's. ARGV: tokens, cost; calls and tokens a minute, calls, tokens and cost a day (-1:
/// not limited); day, calls, tokens and cost that the caller knows; seconds to keep a day.
const RESERVE: &str = "
local minute, usage = KEYS[1], KEYS[2] .. day
local tokens, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local is = redis.call('HMGET', usage, 'calls', 'tokens', 'nano')
local calls_day, tokens_day, cost_day = tonumber(is[1] or 0), tonumber(is[2] or 0), tonumber(is[3] or 0)
if ARGV[8] == day and calls_day < tonumber(ARGV[9]) then
    calls_day, tokens_day, cost_day = tonumber(ARGV[9]), math.max(tokens_day, tonumber(ARGV[10])),
        math.max(cost_day, tonumber(ARGV[11]))
    redis.call('HSET', usage, 'calls', whole(calls_day), 'tokens', whole(tokens_day), 'nano', whole(cost_day))
end
local midnight = (86400 - sec % 86400) * 1000
if calls_day + 1 > tonumber(ARGV[5]) then return {0, 'calls_per_day', midnight} end
if tokens_day + tokens > tonumber(ARGV[6]) then return {0, 'tokens_per_day', midnight} end
if tonumber(ARGV[7]) >= 0 and cost_day + cost > tonumber(ARGV[7]) then return {0, 'cost_per_day', midnight} end
local all, seconds = redis.call('HGETALL', minute), {}
local of, calls, used = {}, 0, 0
for i = 1, #all, 2 do
    local at = tonumber(all[i])
    local c, t = string.match(all[i + 1], '^(%d+) (%d+)$')
    c, t = tonumber(c or 0), tonumber(t or 0)
    if at > sec or at < sec - 60 then redis.call('HDEL', minute, all[i]) end
    if at >= sec - 60 then
        at = math.min(at, sec)
        if not of[at] then of[at] = {0, 0} seconds[#seconds + 1] = at end
        of[at][1], of[at][2] = of[at][1] + c, of[at][2] + t
        calls, used = calls + c, used + t
    end
end
local function put(at)
    redis.call('HSET', minute, whole(at), whole(of[at][1]) .. ' ' .. whole(of[at][2]))
    redis.call('EXPIRE', minute, 180)
end
if of[sec] then put(sec) end
local short = calls + 1 > tonumber(ARGV[3]) and 'calls_per_min'
    or used + tokens > tonumber(ARGV[4]) and 'tokens_per_min'
if short then
    table.sort(seconds)
    local wait = 1
    for _, at in ipairs(seconds) do
        calls, used = calls - of[at][1], used - of[at][2]
        wait = at + 61 - sec
        if calls + 1 <= tonumber(ARGV[3]) and used + tokens <= tonumber(ARGV[4]) then break end
    end
    return {0, short, wait * 1000}
end
if not of[sec] then of[sec] = {0, 0} end
of[sec][1], of[sec][2] = of[sec][1] + 1, of[sec][2] + tokens
put(sec)
redis.call('HSET', usage, 'calls', whole(calls_day + 1), 'tokens', whole(tokens_day + tokens), 'nano', whole(cost_day + cost))
redis.call('EXPIRE', usage, ARGV[12])
return {1, day, sec, calls_day + 1, tokens_day + tokens, whole(cost_day + cost)}";

/// Puts what a call did cost in the place of what was reserved for it.
///
/// KEYS: minute, the day's. ARGV: second of the reservation, tokens and cost that were reserved, tokens and cost that it
/// was, tokens that were sent and answered.
const SETTLE: &str = "
local function whole(n) return string.format('%.0f', math.max(0, n)) end
if redis.call('EXISTS', KEYS[2]) == 1 then
    local is = redis.call('HMGET', KEYS[2], 'tokens', 'nano')
    redis.call('HSET', KEYS[2], 'tokens', whole(tonumber(is[1] or 0) - ARGV[2] + ARGV[4]),
        'nano', whole(tonumber(is[2] or 0) - ARGV[3] + ARGV[5]))
    redis.call('HINCRBY', KEYS[2], 'settled', 1)
    redis.call('HINCRBY', KEYS[2], 'input', ARGV[6])
    redis.call('HINCRBY', KEYS[2], 'output', ARGV[7])
end
local second = redis.call('HGET', KEYS[1], ARGV[1])
if second then
    local c, t = string.match(second, '^(%d+) (%d+)$')
    redis.call('HSET', KEYS[1], ARGV[1], c .. ' ' .. whole(tonumber(t) - ARGV[2] + ARGV[4]))
end
return 1";

/// What is spent today. KEYS: beginning of a day's. ARGV: a field to count, if any.
const SPENT: &str = "
local usage = KEYS[1] .. day
if ARGV[1] ~= '' then
    redis.call('HINCRBY', usage, ARGV[1], 1)
    redis.call('EXPIRE', usage, ARGV[2])
end
local is = redis.call('HMGET', usage, 'calls', 'tokens', 'nano', 'settled', 'cached')
for i = 1, 5 do is[i] = is[i] or '0' end
return {day, is[1], is[2], is[3], is[4], is[5]}";

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
        call.arg(KEEP_SEC);
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
