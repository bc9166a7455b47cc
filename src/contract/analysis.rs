//! What the analyst keeps beside the feed reader's items, and says on that bus.

/// The consumer group in which the analysts share their work.
pub const GROUP: &str = "vexy";
/// Stream of items to analyse once more: `uid`, and `model` when the model is to be asked again as well.
pub const REDO: &str = "vexy:redo";
/// Stream of items that wait for the model: `uid`, `rev`, `salience`; `again` is 1 when an answer of before does not
/// count. What is done is taken out, so that its length is what waits.
pub const MODEL_TODO: &str = "vexy:model:todo";
/// Sorted set of the analysed items: uid by time of publication, in seconds.
pub const INDEX: &str = "rss:analysis:index";
/// Sorted set of the analysed items: uid by time of analysis, in seconds; what retention goes by.
pub const DONE: &str = "rss:analysis:done";
/// Stream of what was analysed: `uid`, `rev`, `kind`, `salience`, `cluster`, `sig`; what subscribers missed.
pub const LOG: &str = "rss:analysis:log";
/// Channel on which each analysis is said: JSON of at most [`MESSAGE_MAX`] bytes.
pub const MESSAGES: &str = "sse:vexy-message";
/// Stream of the entries that were given up: `uid`, `stream`, `entry`, `reason`, `deliveries`, `title`.
pub const DEAD: &str = "vexy:dead";
/// Hash of counters since the beginning: `analysed`, `changed`, `same` (nothing new in the text), `gone` (no item any
/// more), `model_done`, `model_failed`, `model_skipped`, `model_dropped` (answers about another text), `expired`.
pub const TOTALS: &str = "vexy:totals";
/// Hash of what an operator has asked for: pauses and drains.
pub const CONTROL: &str = "vexy:control";
/// What the model's breaker knows, for all machines.
pub const MODEL_BREAKER: &str = "vexy:model:breaker";
/// Channel of the digests.
pub const PLAYBYPLAY: &str = "vexy:playbyplay";

/// Bytes of one message on [`MESSAGES`] at most.
pub const MESSAGE_MAX: usize = 4096;
/// Entries that [`LOG`] keeps, about.
pub const LOG_MAX: u64 = 50_000;
/// Entries that [`DEAD`] and [`REDO`] keep, about.
pub const DEAD_MAX: u64 = 10_000;

/// `rss:analysis:<uid>`, the hash of one item's analysis.
pub fn analysis_key(uid: &str) -> String {
    format!("rss:analysis:{uid}")
}

/// `vexy:model:usage:<day>`, the hash of what the model cost on one day (`2026-01-31`, UTC).
pub fn usage_key(day: &str) -> String {
    format!("vexy:model:usage:{day}")
}

/// `vexy:model:cache:<hash>`, a model's answer by text, model and prompt.
pub fn cache_key(hash: &str) -> String {
    format!("vexy:model:cache:{hash}")
}

/// `vexy:model:playbyplay:<kind>:latest`, the newest digest of a kind (`epoch`, `event`), for a day.
pub fn latest_key(kind: &str) -> String {
    format!("vexy:model:playbyplay:{kind}:latest")
}

/// `vexy:messages:<day>`, the list of what was said on [`PLAYBYPLAY`] on one day of the digest's zone.
pub fn messages_key(day: &str) -> String {
    format!("vexy:messages:{day}")
}

/// `vexy:playbyplay:said:<day>:<mark>`, which says that an epoch (`epoch:<name>`) or a story (`event:<cluster>`) was said on
/// that day.
pub fn said_key(day: &str, mark: &str) -> String {
    format!("vexy:playbyplay:said:{day}:{mark}")
}
