//! What an alert does to the case under which it is filed.

use crate::contract::{Alert, AlertKind};

/// How an alert moves its case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
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
pub(super) fn file(alert: &Alert) -> (AlertKind, Edge) {
    let of = alert.of.unwrap_or(AlertKind::HeartbeatMiss);
    match (alert.kind, alert.kind.ends()) {
        (AlertKind::Flapping, _) => (of, Edge::Flapping),
        (AlertKind::Steady, _) => (of, Edge::Steady),
        (_, Some(begin)) => (begin, Edge::End),
        (kind, None) if is_once(kind) => (kind, Edge::Once),
        (kind, None) => (kind, Edge::Begin),
    }
}

/// Whether alerts filed under `kind` just happen.
pub(super) fn is_once(kind: AlertKind) -> bool {
    kind.ended_by().is_none()
}
