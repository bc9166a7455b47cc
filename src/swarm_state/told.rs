//! What an alert says of a service before its snapshot is read again. Pure.

use crate::contract::{Alert, AlertKind, Health, Status};

/// Takes in `alert`, which is about the service of `health`; whether it says how the service stands.
pub fn told(health: &mut Health, alert: &Alert) -> bool {
    health.status = match alert.kind {
        AlertKind::HeartbeatMiss | AlertKind::HealerMiss => Status::Down,
        AlertKind::HeartbeatOk | AlertKind::HealerOk | AlertKind::ServiceRestored => Status::Up,
        AlertKind::ServiceDegraded => Status::Degraded,
        _ => return false,
    };
    health.since_ts = alert.ts;
    health.as_of_ts = alert.ts;
    health.bus.clone_from(&alert.bus);
    health.reason.clone_from(&alert.reason);
    true
}
