//! What an alert does to the incident under which it is filed.

use crate::contract::{Alert, AlertKind};

/// How an alert moves its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Classification {
    Begin,
    End,
    /// It happens and has no end.
    Once,
    /// It comes and goes.
    Flapping,
    /// It flapped, and has held still since.
    Steady,
}

/// The kind under which an alert is filed (that of its beginning), and what it does there.
pub(super) fn classify(alert: &Alert) -> (AlertKind, Classification) {
    let of = alert.of.unwrap_or(AlertKind::HeartbeatMiss);
    match (alert.kind, alert.kind.ends()) {
        (AlertKind::Flapping, _) => (of, Classification::Flapping),
        (AlertKind::Steady, _) => (of, Classification::Steady),
        (_, Some(begin)) => (begin, Classification::End),
        (kind, None) if is_once(kind) => (kind, Classification::Once),
        (kind, None) => (kind, Classification::Begin),
    }
}

/// Whether alerts filed under `kind` just happen.
pub(super) fn is_once(kind: AlertKind) -> bool {
    kind.ended_by().is_none()
}
