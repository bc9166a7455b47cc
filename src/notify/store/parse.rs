//! What Redis answers, as what it means.

use redis::Value;

use super::Logged;
use crate::contract::{Alert, AlertKind, Health, Status};
use crate::notify::teller::Entry;
use crate::notify::telling::Ms;

/// The entries of the first stream that an XREAD or XREADGROUP brought.
pub(super) fn first_stream(answer: Value) -> Vec<Logged> {
    let inner = |value: Value, at: usize| match value {
        Value::Array(list) => list.into_iter().nth(at),
        _ => None,
    };
    let list = inner(answer, 0).and_then(|stream| inner(stream, 1));
    list.map_or_else(Vec::new, entries)
}

/// Reads a list of stream entries. What cannot be read keeps its id, so that it can be acknowledged.
pub(super) fn entries(list: Value) -> Vec<Logged> {
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
    let at_ms = id.split('-').next()?.parse::<Ms>().ok()?;
    let entry = alert.map(|alert| Entry {
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

/// The alert that began what `health` shows, when it shows something bad.
pub(super) fn begin_of(health: Health) -> Option<Alert> {
    let kind = match health.status {
        Status::Down => AlertKind::HeartbeatMiss,
        Status::Degraded => AlertKind::ServiceDegraded,
        Status::Up | Status::Unknown => return None,
    };
    match health.alert {
        Some(alert) if alert.kind == kind || alert.kind == AlertKind::HealerMiss => Some(alert),
        _ => {
            let mut alert = Alert::new(kind, health.svc, health.since_ts);
            alert.timeout_sec = Some(health.timeout_sec);
            alert.since_ts = Some(health.since_ts);
            alert.last_i = health.last_i;
            Some(alert)
        }
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
        let read = entries(list);
        let ids: Vec<&str> = read.iter().map(|l| l.id.as_str()).collect();
        assert_eq!(ids, ["1000-0", "1001-0", "1002-0"]);
        let first = read[0].entry.as_ref().expect("an entry");
        assert_eq!((first.n, first.at_ms, first.alert.ts), (Some(7), 1000, 5));
        assert!(read[1].entry.is_none() && read[2].entry.is_none());
    }
}
