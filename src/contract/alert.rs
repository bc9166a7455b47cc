//! One alert: what the swarm tells of a service, a bus or the truth.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::to_json;
use crate::text::{SafeText, safe_option, safe_string};

/// What an alert tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    HeartbeatMiss,
    HeartbeatOk,
    HealerMiss,
    HealerOk,
    BusDown,
    BusUp,
    BusUnstable,
    BusReadonly,
    ServiceDegraded,
    ServiceRestored,
    ServiceRestarting,
    DuplicateInstance,
    TruthRejected,
    TruthMissing,
    Flapping,
    Steady,
    WorkStalled,
    WorkMoving,
    InstancesLow,
    InstancesOk,
}

/// What begins and has an end that is told, with the kind that ends it.
const PAIRS: [(AlertKind, AlertKind); 7] = [
    (AlertKind::HeartbeatMiss, AlertKind::HeartbeatOk),
    (AlertKind::HealerMiss, AlertKind::HealerOk),
    (AlertKind::BusDown, AlertKind::BusUp),
    (AlertKind::ServiceDegraded, AlertKind::ServiceRestored),
    (AlertKind::Flapping, AlertKind::Steady),
    (AlertKind::WorkStalled, AlertKind::WorkMoving),
    (AlertKind::InstancesLow, AlertKind::InstancesOk),
];

impl AlertKind {
    /// The kind whose end this one is.
    pub fn ends(self) -> Option<AlertKind> {
        let pair = PAIRS.into_iter().find(|(_, end)| *end == self);
        pair.map(|(begin, _)| begin)
    }

    /// The kind that is its end. `None` for ends, and for what just happens and has none.
    pub fn ended_by(self) -> Option<AlertKind> {
        let pair = PAIRS.into_iter().find(|(begin, _)| *begin == self);
        pair.map(|(_, end)| end)
    }

    /// The `type` of the alert on the wire.
    pub fn as_str(self) -> &'static str {
        use AlertKind::*;
        match self {
            HeartbeatMiss => "heartbeat_miss",
            HeartbeatOk => "heartbeat_ok",
            HealerMiss => "healer_miss",
            HealerOk => "healer_ok",
            BusDown => "bus_down",
            BusUp => "bus_up",
            BusUnstable => "bus_unstable",
            BusReadonly => "bus_readonly",
            ServiceDegraded => "service_degraded",
            ServiceRestored => "service_restored",
            ServiceRestarting => "service_restarting",
            DuplicateInstance => "duplicate_instance",
            TruthRejected => "truth_rejected",
            TruthMissing => "truth_missing",
            Flapping => "flapping",
            Steady => "steady",
            WorkStalled => "work_stalled",
            WorkMoving => "work_moving",
            InstancesLow => "instances_low",
            InstancesOk => "instances_ok",
        }
    }
}

/// One alert, as published on [`ALERT_CHANNEL`](super::ALERT_CHANNEL) and kept in [`ALERT_LOG`](super::ALERT_LOG).
///
/// Fields serialise in this order; those that do not apply are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    #[serde(rename = "type")]
    pub kind: AlertKind,
    /// The service it is about; the bus name for `bus_*`; `healer` for `healer_*` and `truth_*`.
    #[serde(deserialize_with = "safe_string")]
    pub svc: String,
    /// Seconds since the last beat, or since the proven subscription when none was ever heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_sec: Option<f64>,
    /// Seconds since the beat that ended the silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_sec: Option<f64>,
    /// The limit that was exceeded, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_sec: Option<f64>,
    /// Wall time of the judgement, whole seconds since the epoch.
    pub ts: i64,
    /// Unique for this alert; `health:<svc>` names the last one. Empty only in alerts of older writers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The number of the last beat that was heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_i: Option<u64>,
    /// Wall time at which the state began that this alert begins or ends (for `*_ok`: of the miss it ends).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ts: Option<i64>,
    /// No beat was ever heard from this service by the healer that speaks.
    #[serde(default, skip_serializing_if = "is_false")]
    pub never_heard: bool,
    /// The service said `stopping` in its last beat.
    #[serde(default, skip_serializing_if = "is_false")]
    pub planned: bool,
    /// Told before, and told again because the record of it was old, or because truth named the service anew.
    #[serde(default, skip_serializing_if = "is_false")]
    pub again: bool,
    /// Wall time until which a planned stop was announced to last (`eta` of the stopping beat).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta: Option<i64>,
    /// What went wrong, in words: of `service_degraded`, `truth_rejected`, `bus_*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SafeText>,
    /// Times it happened, for `service_restarting`, `flapping` and `steady`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What comes and goes, of `flapping` and `steady`: the type of the alerts that it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<AlertKind>,
    /// The host that speaks.
    #[serde(
        default,
        deserialize_with = "safe_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub host: Option<String>,
    /// The bus that the service beats on, when it is not the system bus; the bus meant by `bus_*`.
    #[serde(
        default,
        deserialize_with = "safe_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub bus: Option<String>,
    /// Of `work_stalled` and `work_moving`: the stream whose work stands still.
    #[serde(
        default,
        deserialize_with = "safe_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub key: Option<String>,
    /// Likewise: the consumer group that does it.
    #[serde(
        default,
        deserialize_with = "safe_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub group: Option<String>,
}

impl Alert {
    /// An alert with nothing but its kind, its subject and its date.
    pub fn new(kind: AlertKind, svc: impl Into<String>, ts: i64) -> Alert {
        Alert {
            kind,
            svc: svc.into(),
            late_sec: None,
            age_sec: None,
            timeout_sec: None,
            ts,
            id: String::new(),
            last_i: None,
            since_ts: None,
            never_heard: false,
            planned: false,
            again: false,
            eta: None,
            reason: None,
            count: None,
            of: None,
            host: None,
            bus: None,
            key: None,
            group: None,
        }
    }

    /// When the outage began that it tells of, in milliseconds since the epoch: with the last beat, since the silence began
    /// with it, and not only with the verdict (`since_ts`).
    pub fn began_ms(&self) -> i64 {
        let ts_ms = self.ts.saturating_mul(1000);
        match (self.late_sec, self.since_ts) {
            (Some(late), _) => ts_ms.saturating_sub((late * 1000.0) as i64),
            (None, Some(since)) => since.saturating_mul(1000),
            (None, None) => ts_ms,
        }
    }

    /// What it is about: a service or a bus; of work also which, since several streams of one service may stand still.
    /// That stands behind a blank, which is in no name.
    pub fn subject(&self) -> Cow<'_, str> {
        match (&self.key, &self.group) {
            (Some(key), Some(group)) => format!("{} {key}/{group}", self.svc).into(),
            _ => Cow::Borrowed(&self.svc),
        }
    }

    /// The alert as its JSON text.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

fn is_false(b: &bool) -> bool {
    !b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(mut alert: Alert, set: impl FnOnce(&mut Alert)) -> String {
        set(&mut alert);
        alert.to_json()
    }

    #[test]
    fn alerts_are_the_contract_byte_for_byte() {
        use AlertKind::*;
        assert_eq!(
            with(Alert::new(HeartbeatMiss, "rss_agg", 1762433458), |a| {
                a.late_sec = Some(31.2);
                a.timeout_sec = Some(30.0);
            }),
            r#"{"type":"heartbeat_miss","svc":"rss_agg","late_sec":31.2,"timeout_sec":30.0,"ts":1762433458}"#
        );
        assert_eq!(
            with(Alert::new(HeartbeatOk, "rss_agg", 1762433561), |a| a
                .age_sec =
                Some(2.7)),
            r#"{"type":"heartbeat_ok","svc":"rss_agg","age_sec":2.7,"ts":1762433561}"#
        );
        assert_eq!(
            with(Alert::new(HealerMiss, "healer", 1762434000), |a| {
                a.late_sec = Some(35.0);
                a.timeout_sec = Some(30.0);
            }),
            r#"{"type":"healer_miss","svc":"healer","late_sec":35.0,"timeout_sec":30.0,"ts":1762434000}"#
        );
        assert_eq!(
            Alert::new(HealerOk, "healer", 1762434100).to_json(),
            r#"{"type":"healer_ok","svc":"healer","ts":1762434100}"#
        );
    }

    #[test]
    fn an_alert_of_another_writer_is_read_with_its_unknown_fields_ignored() {
        let a: Alert = serde_json::from_str(
            r#"{"type":"heartbeat_ok","svc":"x","age_sec":1,"ts":5,"extra":[1]}"#,
        )
        .expect("a contract alert");
        assert_eq!(
            (a.kind, a.svc.as_str(), a.age_sec, a.id.as_str()),
            (AlertKind::HeartbeatOk, "x", Some(1.0), "")
        );
    }
}
