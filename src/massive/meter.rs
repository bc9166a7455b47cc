//! The calls of a minute, counted where every instance sees them: in Redis, by the clock of Redis.
//!
//! A call is taken on a connection that is open already, just before its first byte. The log is mirrored in memory by the
//! clock that never steps: so neither a bus that lost it nor a step of its clock lets more calls through.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::budget::{CallLog, Permit, WINDOW_MS};
use crate::bus::{Address, BusError, Commands, Limits, Script, Scripts};
use crate::clock::Mono;
use crate::contract::market::BUDGET;
use crate::fail_stop::lock;

/// How often a call is taken that could not be used in time, before it waits.
const TAKES_MAX: usize = 3;
/// Calls of the mirror that the script is told of.
const TOLD_MAX: usize = 1_000;

/// How long nothing is asked when the server answers what its script cannot.
const UNREADABLE_WAIT_MS: i64 = 1_000;

/// Takes a call: `{1, 0}`, or `{0, wait in ms}`. What lies in the future, after a clock stepped back, counts as now. Where
/// the caller (who tells how long ago his calls were) knows of more calls than are there, his count.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local log, allowed, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local function put(ms) redis.call('RPUSH', log, string.format('%.0f', ms)) end
local newest = redis.call('LINDEX', log, -1)
if newest and tonumber(newest) > now then
    local all = redis.call('LRANGE', log, 0, -1)
    redis.call('DEL', log)
    for _, ms in ipairs(all) do put(math.min(tonumber(ms), now)) end
end
local oldest = redis.call('LINDEX', log, 0)
while oldest and now - tonumber(oldest) >= window do
    redis.call('LPOP', log)
    oldest = redis.call('LINDEX', log, 0)
end
local calls, known = redis.call('LLEN', log), #ARGV - 2
if calls < known then
    redis.call('DEL', log)
    for at = 3, #ARGV do put(now - tonumber(ARGV[at])) end
    calls = known
end
if calls > 0 then redis.call('PEXPIRE', log, 2 * window) end
if calls >= allowed then
    local leaves = redis.call('LINDEX', log, calls - allowed)
    return {0, tonumber(leaves) + window - now}
end
put(now)
redis.call('PEXPIRE', log, 2 * window)
return {1, 0}";

/// Why there is no call now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCall {
    /// The plan allows none for so long.
    Budget { wait_ms: i64 },
    /// Nobody counts them.
    Bus(BusError),
}

impl fmt::Display for NoCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoCall::Budget { wait_ms } => write!(f, "no call is left for {wait_ms} ms"),
            NoCall::Bus(error) => write!(f, "calls cannot be counted: {error}"),
        }
    }
}

impl std::error::Error for NoCall {}

/// What all meters share. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct SharedLog {
    log: Arc<Mutex<CallLog>>,
    per_min: Arc<AtomicU32>,
}

impl SharedLog {
    /// The mirror.
    pub fn lock(&self) -> MutexGuard<'_, CallLog> {
        lock(&self.log)
    }

    /// How many calls a minute there may be.
    pub fn allowed(&self) -> u32 {
        self.per_min.load(Ordering::Relaxed)
    }

    /// Allows so many calls a minute from now on.
    pub fn allow(&self, per_min: u32) {
        self.per_min.store(per_min, Ordering::Relaxed);
    }
}

/// The clock that calls are counted by in memory: milliseconds that never step.
pub fn mono_ms() -> i64 {
    i64::try_from(Mono::now().0 / 1_000).unwrap_or(i64::MAX)
}

/// Takes calls for one thread, over a connection of its own.
pub struct Meter {
    shared: SharedLog,
    bus: Commands,
    take: Script,
    scripts: Scripts,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meter({})", self.bus.address())
    }
}

impl Meter {
    /// A meter that counts at `address`; `name` is what its connection calls itself.
    pub fn new(shared: SharedLog, address: Address, name: &str) -> Meter {
        let take = Script::new(TAKE);
        Meter {
            shared,
            bus: Commands::new(address, name, Limits::default()),
            scripts: Scripts::new([&take]),
            take,
        }
    }

    /// Counts elsewhere from now on.
    pub fn set_address(&mut self, address: Address) {
        self.bus.set_address(address);
    }

    /// Takes a call whose first byte goes out at once.
    ///
    /// # Errors
    /// There is none now.
    pub fn take(&mut self) -> Result<(), NoCall> {
        for _ in 0..TAKES_MAX {
            let allowed = self.shared.allowed();
            let (permit, ages) = {
                let mut log = self.shared.lock();
                let now_ms = mono_ms();
                let ages = log.ages_ms(now_ms, TOLD_MAX);
                let permit = log.take(allowed, now_ms);
                (permit.map_err(|wait_ms| NoCall::Budget { wait_ms })?, ages)
            };
            self.count(permit, allowed, &ages)?;
            if permit.holds(mono_ms()) {
                return Ok(());
            }
        }
        Err(NoCall::Budget { wait_ms: 1_000 })
    }

    fn count(&mut self, permit: Permit, allowed: u32, ages: &[i64]) -> Result<(), NoCall> {
        let mut packet = redis::pipe();
        let call = self.take.call(&mut packet, &[BUDGET]);
        call.arg(allowed).arg(WINDOW_MS).arg(ages);
        // An answer that is lost may have counted the call: the mirror keeps it.
        let answer = self.scripts.run(&mut self.bus, &packet);
        let answer = answer.map_err(NoCall::Bus)?;
        let (taken, wait_ms): (i64, i64) =
            redis::from_redis_value(answer).unwrap_or((0, UNREADABLE_WAIT_MS));
        if taken == 1 {
            return Ok(());
        }
        self.shared.lock().give_back(permit);
        Err(NoCall::Budget {
            wait_ms: wait_ms.clamp(1, WINDOW_MS),
        })
    }
}
