//! The one who writes: a lease, and batches that are done whole while it is held, or not at all.

mod batch;

use std::collections::HashMap;
use std::time::Duration;

use super::budget::WINDOW_MS;
use crate::bus::{Address, BusError, Commands, Limits};
use crate::contract::market::{BUDGET, LEASE, STATUS, chain_hash, snapshot_key};

pub use batch::Batch;

/// How long the lease outlives its holder.
pub const LEASE_MS: i64 = 10_000;
/// A chain of some megabytes takes its time.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// Records asked for at once.
const RECORDS_AT_ONCE: usize = 200;
/// Calls of before that are looked at: as many as fit into a minute of a large plan.
const CALLS_MAX: isize = 60_000;

/// Takes the lease, or prolongs it: 0 another holds it, 1 it was ours, 2 it is ours now. One that lives longer than any
/// was left by a clock that stepped back.
const TAKE_LEASE: &str = "
local holder, left = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
if holder == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return 1
end
if not holder or left < 0 or left > tonumber(ARGV[2]) then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 2
end
return 0";

const GIVE_LEASE: &str = "
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

/// Runs commands while the lease is held: -1 it is not, else how many entries were in their streams already. Streams
/// refuse what is not newer than their newest entry; that is meant so.
const WRITE: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local at, repeats = 2, 0
while ARGV[at] do
    local words = tonumber(ARGV[at])
    local reply = redis.pcall(unpack(ARGV, at + 1, at + words))
    if type(reply) == 'table' and reply.err then
        if ARGV[at + 1] == 'XADD' and string.find(reply.err, 'equal or smaller', 1, true) then
            repeats = repeats + 1
        else
            return reply
        end
    end
    at = at + words + 1
end
return repeats";

/// Who may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// We, as before.
    Ours,
    /// We, from now on.
    Taken,
    Others,
}

/// What the store has from before.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    pub symbols: Vec<(String, HashMap<String, String>)>,
    pub chains: Vec<(String, HashMap<String, String>)>,
    /// How long ago the calls of the last minute were, the newest last.
    pub calls_ms: Vec<i64>,
    /// Symbols and chains that were held when the truth was another.
    pub known_symbols: Vec<String>,
    pub known_chains: Vec<String>,
}

/// A connection of the writer.
pub struct Store {
    bus: Commands,
    /// Who we are in the lease.
    holder: String,
}

impl Store {
    /// The store at `address`, for the instance `holder`.
    pub fn new(address: Address, name: &str, holder: &str) -> Store {
        Store {
            bus: Commands::new(address, name, Limits::default()),
            holder: holder.to_owned(),
        }
    }

    /// Goes to another address from the next call on.
    pub fn set_address(&mut self, address: Address) {
        self.bus.set_address(address);
    }

    /// Takes the lease, or prolongs it.
    ///
    /// # Errors
    /// The bus does not answer, or refuses.
    pub fn lease(&mut self) -> Result<Lease, BusError> {
        let mut take = redis::cmd("EVAL");
        take.arg(TAKE_LEASE).arg(1).arg(LEASE).arg(&self.holder);
        let taken: i64 = self.bus.query(take.arg(LEASE_MS))?;
        Ok(match taken {
            1 => Lease::Ours,
            2 => Lease::Taken,
            _ => Lease::Others,
        })
    }

    /// Lets the next one have the lease at once.
    ///
    /// # Errors
    /// The bus does not answer, or refuses: then the lease runs out.
    pub fn release(&mut self) -> Result<(), BusError> {
        let mut give = redis::cmd("EVAL");
        give.arg(GIVE_LEASE).arg(1).arg(LEASE).arg(&self.holder);
        self.bus.query(&give)
    }

    /// Writes a batch; `None` when the lease is not ours, and nothing was written. Else how many entries the streams had
    /// already.
    ///
    /// # Errors
    /// The bus does not answer, or refuses. Whether it was written is not known.
    pub fn write(&mut self, batch: &Batch) -> Result<Option<u64>, BusError> {
        let mut write = redis::cmd("EVAL");
        write.arg(WRITE).arg(1).arg(LEASE).arg(&self.holder);
        write.arg(batch.words());
        let done: i64 = self
            .bus
            .run_within(WRITE_PATIENCE, |line| write.query(line))?;
        Ok(u64::try_from(done).ok())
    }

    /// Everything that is there of these symbols and chains (in their keys' spelling). `tick` is called after each answer.
    ///
    /// # Errors
    /// The bus does not answer, or refuses.
    pub fn load(
        &mut self,
        symbols: &[String],
        chains: &[String],
        tick: impl Fn(),
    ) -> Result<Loaded, BusError> {
        let mut loaded = Loaded::default();
        for names in symbols.chunks(RECORDS_AT_ONCE) {
            let mut ask = redis::pipe();
            for name in names {
                ask.cmd("HGETALL").arg(snapshot_key(name));
            }
            let found: Vec<HashMap<String, String>> = self.bus.pipe(&ask)?;
            loaded.symbols.extend(names.iter().cloned().zip(found));
            tick();
        }
        for name in chains {
            let found = self.chain(name)?;
            loaded.chains.push((name.clone(), found));
            tick();
        }
        loaded.calls_ms = self.calls()?;
        let mut known = redis::cmd("HMGET");
        known.arg(STATUS).arg("symbols").arg("chains");
        let known: [Option<String>; 2] = self.bus.query(&known)?;
        let [symbols, chains] = known.map(|names| {
            let names = names.unwrap_or_default();
            names.split_whitespace().map(str::to_owned).collect()
        });
        (loaded.known_symbols, loaded.known_chains) = (symbols, chains);
        Ok(loaded)
    }

    /// `market:chain:<U>`; `name` may have its `I:`.
    ///
    /// # Errors
    /// The bus does not answer, or refuses.
    pub fn chain(&mut self, name: &str) -> Result<HashMap<String, String>, BusError> {
        let key = chain_hash(super::symbol::in_chain_keys(name));
        self.bus.query(redis::cmd("HGETALL").arg(key))
    }

    /// How long ago the calls of the last minute were.
    fn calls(&mut self) -> Result<Vec<i64>, BusError> {
        let mut ask = redis::pipe();
        ask.cmd("TIME");
        ask.cmd("LRANGE").arg(BUDGET).arg(-CALLS_MAX).arg(-1);
        let ((secs, micros), calls): ((i64, i64), Vec<i64>) = self.bus.pipe(&ask)?;
        let now_ms = secs * 1_000 + micros / 1_000;
        let ages = calls.into_iter().map(|at| (now_ms - at).max(0));
        Ok(ages.filter(|age_ms| *age_ms < WINDOW_MS).collect())
    }
}
