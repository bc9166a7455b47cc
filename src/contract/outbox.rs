//! The keys behind being told. `group` is the consumer group of a channel: `healer:webhook`, `sentinel:email`.

/// Set of the ids of all silences and acknowledgements; each lives at [`silence_key`] and expires by itself.
pub const SILENCES: &str = "healer:silences";
/// Stream of silences and acknowledgements (`silence`, as JSON) and of early ends (`end`, an id), dated by the server.
pub const SILENCES_LOG: &str = "healer:silences:log";
/// Entries that the stream keeps (`XADD … MAXLEN ~`).
pub const SILENCES_LOG_MAX: usize = 10_000;
/// Dead letters that a channel keeps; the oldest make room.
pub const DEAD_MAX: usize = 1000;

/// `healer:silence:<id>`: one silence or acknowledgement, as JSON, with an expiry.
pub fn silence_key(id: &str) -> String {
    format!("healer:silence:{id}")
}

/// `healer:dead:<channel>`: list of messages that could not be delivered, newest first, as JSON.
pub fn dead_key(channel: &str) -> String {
    format!("healer:dead:{channel}")
}

/// `notify:<group>:told`: hash of what people were told, by case.
pub fn told_key(group: &str) -> String {
    format!("notify:{group}:told")
}

/// `notify:<group>:outbox`: hash of composed messages that are on their way, by id.
pub fn outbox_key(group: &str) -> String {
    format!("notify:{group}:outbox")
}

/// `notify:<group>:holder`: the instance that tells for this group; it expires when that instance is gone.
pub fn holder_key(group: &str) -> String {
    format!("notify:{group}:holder")
}
