//! What massive keeps on the market bus (the system bus when there is no other) and hears on the system bus.
//!
//! `<sym>` is a symbol as truth has it (`SPY`, `I:SPX`), `<U>` the underlying of a chain without its `I:`.

/// Channel on which every changed price is announced: the JSON of [`spot_key`].
pub const SPOT: &str = "massive:spot";
/// Stream of changed chains. Fields: `json`, `delta`.
pub const CHAIN_FEED: &str = "sse:chain-feed";
/// Stream of what was refused. Fields: `symbol`, `request`, `path`, `reason`, `body`.
pub const QUARANTINE: &str = "massive:quarantine";
/// Hash of how massive stands.
pub const STATUS: &str = "massive:status";
/// Hash of counters since the beginning.
pub const TOTALS: &str = "massive:totals";
/// List of the moments of the calls of the last 61 s, by the clock of Redis.
pub const BUDGET: &str = "massive:budget";
/// The lease of the one writer: `<instance id>#<number of its holding>`.
pub const LEASE: &str = "massive:lease";
/// Stream of the times at which the stream of prices was interrupted. Fields: `cluster`, `from_ms`, `to_ms`, `reason`,
/// `minutes` (how many symbols' minutes are asked for because of it), `source`.
pub const GAPS: &str = "massive:gaps";
/// Channel on which an operator asks for a round now.
pub const POLL: &str = "massive:poll";

/// Entries that the chain feed keeps, about.
pub const CHAIN_FEED_MAX: usize = 500;
/// Entries that the quarantine keeps, about.
pub const QUARANTINE_MAX: usize = 1_000;
/// Entries that the gaps keep, about.
pub const GAPS_MAX: usize = 1_000;
/// Minutes of a symbol that are kept.
pub const BARS_MAX: usize = 1_000;
/// Most bytes of one entry's `json` or `body`.
pub const CHAIN_FEED_BYTES: usize = 64 * 1024;
pub const QUARANTINE_BYTES: usize = 4 * 1024;
/// How long a key lives that nobody writes again.
pub const KEEP_MS: i64 = 7 * 24 * 3_600_000;
/// The same for the record of an option contract.
pub const KEEP_CONTRACT_MS: i64 = 3_600_000;

/// `market:snapshot:<sym>`, the hash of what is known of a symbol.
pub fn snapshot_key(symbol: &str) -> String {
    format!("market:snapshot:{symbol}")
}

/// `market:tick:<sym>`, the stream of its prices.
pub fn tick_key(symbol: &str) -> String {
    format!("market:tick:{symbol}")
}

/// `market:bars:<sym>`, the sorted set of its minutes by where each begins (milliseconds since 1970).
pub fn bars_key(symbol: &str) -> String {
    format!("market:bars:{symbol}")
}

/// `massive:model:spot:<sym>`, its price as one JSON text.
pub fn spot_key(symbol: &str) -> String {
    format!("massive:model:spot:{symbol}")
}

/// `massive:chain:snapshot:<U>:<exp>:<ms>`, one expiration as it was fetched; it never changes.
pub fn chain_key(underlying: &str, expiration: &str, fetched_ms: i64) -> String {
    format!("massive:chain:snapshot:{underlying}:{expiration}:{fetched_ms}")
}

/// `massive:chain:latest:<U>:<exp>`, the key of the newest one.
pub fn latest_key(underlying: &str, expiration: &str) -> String {
    format!("massive:chain:latest:{underlying}:{expiration}")
}

/// `market:chain:<U>`, the hash of what there is of a chain.
pub fn chain_hash(underlying: &str) -> String {
    format!("market:chain:{underlying}")
}

/// `massive:gex:model:<sym>:calls` or `:puts`.
pub fn gex_key(symbol: &str, side: &str) -> String {
    format!("massive:gex:model:{symbol}:{side}")
}
