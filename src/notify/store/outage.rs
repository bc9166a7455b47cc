//! What a snapshot shows, as the alert that began it.

use crate::contract::{Alert, AlertKind, Health, Status};

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
