//! Which alerts begin something and when it began, which end it, and which just happen.

use crate::contract::{Alert, AlertKind};
use crate::notify::telling::Ms;

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
    use AlertKind::*;
    match alert.kind {
        HeartbeatMiss => (HeartbeatMiss, Edge::Begin),
        HeartbeatOk => (HeartbeatMiss, Edge::End),
        HealerMiss => (HealerMiss, Edge::Begin),
        HealerOk => (HealerMiss, Edge::End),
        BusDown => (BusDown, Edge::Begin),
        BusUp => (BusDown, Edge::End),
        ServiceDegraded => (ServiceDegraded, Edge::Begin),
        ServiceRestored => (ServiceDegraded, Edge::End),
        BusUnstable | BusReadonly | ServiceRestarting | DuplicateInstance | TruthRejected
        | TruthMissing => (alert.kind, Edge::Once),
        Flapping => (alert.of.unwrap_or(HeartbeatMiss), Edge::Flapping),
        Steady => (alert.of.unwrap_or(HeartbeatMiss), Edge::Steady),
    }
}

/// Whether alerts filed under `kind` just happen.
pub(super) fn is_once(kind: AlertKind) -> bool {
    use AlertKind::*;
    !matches!(kind, HeartbeatMiss | HealerMiss | BusDown | ServiceDegraded)
}

/// When the outage began that `alert` tells of: with the last beat, since the silence began with it, and not only with
/// the verdict (`since_ts`).
pub fn began_ms(alert: &Alert) -> Ms {
    let ts_ms = alert.ts.saturating_mul(1000);
    match (alert.late_sec, alert.since_ts) {
        (Some(late), _) => ts_ms.saturating_sub((late * 1000.0) as Ms),
        (None, Some(since)) => since.saturating_mul(1000),
        (None, None) => ts_ms,
    }
}
