//! The alert log: its entries, as Redis answers them and as what they mean.

use std::time::Duration;

use redis::streams::StreamInfoGroupsReply;
use redis::{Value, cmd};

use crate::bus::{BusError, Commands};
use crate::contract::{ALERT_LOG, Alert, holder_key};

/// Entries that one read brings at most.
pub const LOG_READ_MAX: usize = 1000;

/// An entry of the alert log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Its id in the stream.
    pub id: String,
    /// The counter that shows gaps; absent in entries of older writers.
    pub n: Option<u64>,
    /// When Redis took it, in milliseconds since the epoch.
    pub at_ms: i64,
    pub alert: Alert,
}

/// An entry of the log, or what is left of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    pub id: String,
    /// `None` when it was trimmed away or cannot be read.
    pub entry: Option<LogEntry>,
}

/// Entries of the log after the id `after`, [`LOG_READ_MAX`] at most; waits up to `block` for them, when given.
///
/// # Errors
/// When the bus does not answer.
pub fn log_after(
    commands: &mut Commands,
    after: &str,
    block: Option<Duration>,
) -> Result<Vec<Logged>, BusError> {
    let mut read = cmd("XREAD");
    read.arg("COUNT").arg(LOG_READ_MAX);
    if let Some(block) = block {
        // 0 would mean for ever.
        read.arg("BLOCK").arg(block.as_millis().max(1) as u64);
    }
    read.arg("STREAMS").arg(ALERT_LOG).arg(after);
    Ok(first_stream(commands.query(&read)?))
}

/// The newest `count` alerts of the log, oldest first. What cannot be read is left out.
///
/// # Errors
/// When the bus does not answer.
pub fn newest_alerts(commands: &mut Commands, count: usize) -> Result<Vec<Alert>, BusError> {
    let mut newest = cmd("XREVRANGE");
    newest
        .arg(ALERT_LOG)
        .arg("+")
        .arg("-")
        .arg("COUNT")
        .arg(count);
    let logged = log_entries(commands.query(&newest)?);
    Ok(logged
        .into_iter()
        .rev()
        .filter_map(|l| Some(l.entry?.alert))
        .collect())
}

/// Whether a channel of `role` (`healer`, say) is at work, whatever environment its watcher has: who tells for a channel holds its key. The
/// group of a channel that was taken away stays behind in the log, and says nothing.
///
/// # Errors
/// When the bus does not answer.
pub fn is_channel_at_work(commands: &mut Commands, role: &str) -> Result<bool, BusError> {
    let mut held = cmd("EXISTS");
    let mut any = false;
    for group in groups(commands)? {
        if group.starts_with(role) {
            held.arg(holder_key(&group));
            any = true;
        }
    }
    Ok(any && commands.query::<u64>(&held)? > 0)
}

/// The names of the groups that read the log.
///
/// # Errors
/// When the bus does not answer.
pub(super) fn groups(commands: &mut Commands) -> Result<Vec<String>, BusError> {
    let mut info = cmd("XINFO");
    match commands.query::<StreamInfoGroupsReply>(info.arg("GROUPS").arg(ALERT_LOG)) {
        Ok(reply) => Ok(reply.groups.into_iter().map(|group| group.name).collect()),
        // There is no log before the first alert or channel.
        Err(BusError::Reply { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The entries of the first stream that an XREAD or XREADGROUP brought.
pub fn first_stream(answer: Value) -> Vec<Logged> {
    let inner = |value: Value, at: usize| match value {
        Value::Array(list) => list.into_iter().nth(at),
        _ => None,
    };
    let list = inner(answer, 0).and_then(|stream| inner(stream, 1));
    list.map_or_else(Vec::new, log_entries)
}

/// Reads a list of stream entries. What cannot be read keeps its id, so that it can be acknowledged.
pub fn log_entries(list: Value) -> Vec<Logged> {
    let Value::Array(list) = list else {
        return Vec::new();
    };
    list.into_iter().filter_map(entry).collect()
}

fn entry(value: Value) -> Option<Logged> {
    let Value::Array(parts) = value else {
        return None;
    };
    let mut parts = parts.into_iter();
    let id = text(parts.next()?)?;
    let fields = match parts.next() {
        Some(Value::Array(fields)) => fields,
        _ => Vec::new(),
    };
    let (mut n, mut alert) = (None, None);
    let mut fields = fields.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        match text(name).as_deref() {
            Some("n") => n = text(value).and_then(|t| t.parse().ok()),
            Some("alert") => alert = read_alert(&id, value),
            _ => {}
        }
    }
    let at_ms = id.split('-').next()?.parse::<i64>().ok()?;
    let entry = alert.map(|alert| LogEntry {
        id: id.clone(),
        n,
        at_ms,
        alert,
    });
    Some(Logged { id, entry })
}

fn read_alert(id: &str, value: Value) -> Option<Alert> {
    match serde_json::from_str(&text(value)?) {
        Ok(alert) => Some(alert),
        Err(e) => {
            log::warn!("entry {id} of the alert log cannot be read and is passed over: {e}");
            None
        }
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        Value::Int(n) => Some(n.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn what_cannot_be_read_keeps_its_id_so_that_it_can_be_acknowledged() {
        let alert = r#"{"type":"heartbeat_ok","svc":"a","ts":5}"#;
        let fields = |f: &[&str]| Value::Array(f.iter().map(|t| bulk(t)).collect());
        let list = Value::Array(vec![
            Value::Array(vec![bulk("1000-0"), fields(&["n", "7", "alert", alert])]),
            Value::Array(vec![bulk("1001-0"), Value::Nil]),
            Value::Array(vec![bulk("1002-0"), fields(&["alert", "rubbish"])]),
        ]);
        let read = log_entries(list);
        let ids: Vec<&str> = read.iter().map(|l| l.id.as_str()).collect();
        assert_eq!(ids, ["1000-0", "1001-0", "1002-0"]);
        let first = read[0].entry.as_ref().expect("an entry");
        assert_eq!((first.n, first.at_ms, first.alert.ts), (Some(7), 1000, 5));
        assert!(read[1].entry.is_none() && read[2].entry.is_none());
    }
}
