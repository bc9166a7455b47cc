//! The one who writes: a lease, and batches that are done whole while it is held, or not at all.

mod batch;

use std::collections::HashMap;
use std::time::Duration;

use redis::Value;

use super::budget::WINDOW_MS;
use super::config::SERVICE;
use crossbeam_channel::Sender;

use crate::bus::lease::{self, FENCE, FENCE_OF_PART, Fence, HOLD, Lease, RELEASE, Standing, Terms};
use crate::bus::{Address, BusError, Commands, Limits, Script, Scripts};
use crate::clock::Mono;
use crate::contract::market::{BUDGET, LEASE, STATUS, chain_hash, snapshot_key};
use crate::service::lease::{Gate, ShareOrder};

pub use batch::Batch;

/// How long the lease outlives its holder, and how often it is renewed.
pub const TERMS: Terms = Terms {
    ttl: Duration::from_secs(10),
    renew: Duration::from_millis(2_500),
};
/// A chain of some megabytes takes its time.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// Records asked for at once.
const RECORDS_AT_ONCE: usize = 200;
/// Calls of before that are looked at: as many as fit into a minute of a large plan.
const CALLS_MAX: isize = 60_000;

/// What follows the fence: runs commands, and answers how many entries were in their streams already. Streams refuse what
/// is not newer than their newest entry; that is meant so.
const WRITE: &str = "
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
    lease: Lease,
    hold: Script,
    release: Script,
    write: Script,
    /// For the lease, and for what is written in its name.
    scripts: Scripts,
    writes: Scripts,
    /// Where truth says how instances share the work, in place of the lease.
    shared: Option<Shared>,
}

/// The one part of the work, which one of several instances holds.
pub struct Shared {
    pub gate: Gate,
    pub orders: Sender<ShareOrder>,
    /// The token under which it was held when it was last asked.
    pub token: Option<u64>,
}

/// All of this work is one part.
const PART: u32 = 0;

impl Store {
    /// The store at `address`, for the instance `holder`.
    pub fn new(address: Address, name: &str, holder: &str, shared: Option<Shared>) -> Store {
        let (hold, release) = (Script::new(HOLD), Script::new(RELEASE));
        let fence = if shared.is_some() {
            FENCE_OF_PART
        } else {
            FENCE
        };
        let write = Script::new(&[fence, WRITE].concat());
        Store {
            bus: Commands::new(address, name, Limits::default()),
            lease: Lease::with_tokens(LEASE, holder, TERMS),
            scripts: Scripts::new([&hold, &release]),
            writes: Scripts::new([&write]).with_patience(WRITE_PATIENCE),
            hold,
            release,
            write,
            shared,
        }
    }

    /// Goes to another address from the next call on; what is held at the old one is given back.
    pub fn set_address(&mut self, address: Address) {
        if address != *self.bus.address() {
            self.give_back();
        }
        self.bus.set_address(address);
    }

    /// Takes the lease, or prolongs it.
    ///
    /// # Errors
    /// The bus does not answer, or takes no writes.
    pub fn hold(&mut self) -> Result<Standing, BusError> {
        if let Some(shared) = &mut self.shared {
            let token = shared.gate.token(PART, Mono::now());
            let before = std::mem::replace(&mut shared.token, token);
            return Ok(match token {
                None => Standing::Others,
                Some(_) if token == before => Standing::Kept,
                Some(_) => Standing::Taken,
            });
        }
        let (lease, bus) = (&mut self.lease, &mut self.bus);
        let held = lease::take(lease, bus, &mut self.scripts, &self.hold)?;
        match held.refused {
            Some(refused) => Err(refused),
            None => Ok(held.standing),
        }
    }

    /// Lets the next one have the lease at once. Where that is not heard, it runs out.
    pub fn give_back(&mut self) {
        if self.lease.held_until().is_none() || !self.bus.is_connected() {
            return;
        }
        let (lease, bus) = (&mut self.lease, &mut self.bus);
        if let Err(error) = lease::release(lease, bus, &mut self.scripts, &self.release) {
            log::debug!("{LEASE} is not given back: {error}");
        }
    }

    /// Writes a batch; `None` when the lease is not ours, and nothing was written. Else how many entries the streams had
    /// already.
    ///
    /// # Errors
    /// The bus does not answer, or refuses. Whether it was written is not known.
    pub fn write(&mut self, batch: &Batch) -> Result<Option<u64>, BusError> {
        let now = Mono::now();
        // Held to the end of the write, so that the part is not given back before.
        let (fence, _permit) = match &self.shared {
            None => (self.lease.fence(now), None),
            Some(shared) => {
                let permit = shared.gate.enter(PART, now);
                // Under another token, another may have written since what this batch was decided by.
                let permit = permit.filter(|permit| Some(permit.token()) == shared.token);
                let fence = permit
                    .as_ref()
                    .map(|p| Fence::of_part(SERVICE, PART, p.token()));
                (fence, permit)
            }
        };
        let Some(fence) = fence else {
            return Ok(None);
        };
        let mut packet = redis::pipe();
        let call = self.write.call(&mut packet, &[fence.key()]);
        call.arg(fence.token()).arg(batch.words());
        match self.writes.run(&mut self.bus, &packet)? {
            Value::Int(repeats) => Ok(u64::try_from(repeats).ok()),
            _fenced => {
                if let Some(shared) = &self.shared {
                    // A queue that is full of orders has one of these.
                    let _ = shared.orders.try_send(ShareOrder::Fenced(PART));
                }
                Ok(None)
            }
        }
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
