//! The keys of the history, on the system bus. Who writes them: `console`; who may read them: everybody.

/// Id of the last entry of the alert log that is in the history.
pub const HISTORY_CURSOR: &str = "history:cursor";
/// Hash of what lasts, by service, as JSON.
pub const HISTORY_OPEN: &str = "history:open";
/// Hash of when truth named a service, by service: `from-to,from-`; the last has no end while it does.
pub const HISTORY_WATCHED: &str = "history:watched";
/// List of times of which entries of the alert log are lost, `from,to` in epoch seconds, oldest first.
pub const HISTORY_HOLES: &str = "history:holes";
/// Holes that are kept.
pub const HISTORY_HOLES_MAX: usize = 1000;
/// `history:of:<svc>`: list of the closed spans of a service, `from,to,kind,id`, oldest first.
pub fn history_key(svc: &str) -> String {
    format!("history:of:{svc}")
}

/// `history:days:<svc>`: hash of seconds by UTC day (days since the epoch), of spans that are not kept one by one any
/// more: `down,planned,degraded`.
pub fn history_days_key(svc: &str) -> String {
    format!("history:days:{svc}")
}
