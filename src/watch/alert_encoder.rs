//! From what the detector saw to what the wire says: transitions become alerts and snapshots.

use std::time::Duration;

use super::alert_store::AlertEntry;
use super::detector::{AlertRef, Change, Flapping, HealthRecord, Matter, Snapshot, Transition};
use crate::clock::{Mono, Now};
use crate::contract::{Alert, AlertKind, Flap, Health, round_secs};

/// Who speaks, and about which bus.
#[derive(Clone, Debug)]
pub struct AlertEncoder {
    /// Makes the ids of its alerts unique.
    pub inst: String,
    /// The machine it speaks from.
    pub host: String,
    /// The bus of the services, when it is not the system bus.
    pub bus: Option<String>,
    /// Tells apart the detectors that one instance has had; each numbers its alerts from 1.
    pub series: u32,
    /// What a miss is called: `heartbeat_miss`, or `healer_miss` from the sentinel.
    pub miss: AlertKind,
    /// What its end is called.
    pub ok: AlertKind,
}

impl AlertEncoder {
    /// The encoder of a healer instance.
    pub fn of_healer(inst: &str, host: &str, bus: Option<&str>) -> AlertEncoder {
        AlertEncoder {
            inst: inst.to_owned(),
            host: host.to_owned(),
            bus: bus.map(str::to_owned),
            series: 1,
            miss: AlertKind::HeartbeatMiss,
            ok: AlertKind::HeartbeatOk,
        }
    }

    /// The encoder of a sentinel instance.
    pub fn of_sentinel(inst: &str, host: &str) -> AlertEncoder {
        AlertEncoder {
            miss: AlertKind::HealerMiss,
            ok: AlertKind::HealerOk,
            ..AlertEncoder::of_healer(inst, host, None)
        }
    }

    /// An alert about something else than a service of the detector, with a fresh id.
    pub fn alert(&self, kind: AlertKind, subject: &str, ts: i64, number: &str) -> Alert {
        let mut alert = Alert::new(kind, subject, ts);
        alert.id = format!("{}-{number}", self.inst);
        alert.host = Some(self.host.clone());
        alert.bus = self.bus.clone();
        alert
    }

    /// The transition as the alert store takes it; `None` when only the health key shows it.
    pub fn entry(&self, t: &Transition) -> Option<AlertEntry> {
        let kind = self.kind(&t.change)?;
        let mut alert = self.alert(kind, &t.service.svc, t.ts, &self.number(t.alert?));
        alert.last_i = t.service.last_i;
        alert.since_ts = Some(t.service.since_ts);
        match &t.change {
            Change::Missed {
                late,
                never_heard,
                planned,
                eta,
                again,
            } => {
                alert.late_sec = Some(secs(*late));
                alert.timeout_sec = Some(secs(t.service.timeout));
                alert.never_heard = *never_heard;
                alert.planned = *planned;
                alert.eta = *eta;
                alert.again = *again;
            }
            Change::Recovered { down_since_ts } => {
                // The contract of `healer_ok` knows no age.
                let age = t.service.heard_at.map(|at| secs(t.at.since(at)));
                alert.age_sec = age.filter(|_| kind == AlertKind::HeartbeatOk);
                alert.since_ts = Some(*down_since_ts);
            }
            Change::Degraded { reason } => {
                alert.reason.clone_from(reason);
            }
            Change::Restored { degraded_since_ts } => alert.since_ts = *degraded_since_ts,
            Change::Restarting { count } => alert.count = Some(u64::from(*count)),
            Change::Flapping(flapping) => {
                alert.of = Some(self.of(flapping.matter));
                alert.count = Some(u64::from(flapping.times));
                alert.since_ts = Some(flapping.since_ts);
                alert.timeout_sec = Some(secs(t.service.timeout));
            }
            Change::Steady(flapping) => {
                alert.of = Some(self.of(flapping.matter));
                alert.count = Some(u64::from(flapping.times));
                alert.timeout_sec = Some(secs(t.service.timeout));
            }
            Change::DuplicateInstance | Change::Unwatched | Change::Watched => {}
        }
        let mut health = self.health(
            &t.service,
            Now {
                mono: t.at,
                wall_secs: t.ts,
            },
        );
        health.reason = health.reason.or_else(|| alert.reason.clone());
        Some(AlertEntry {
            previous: self.id_of(&t.previous),
            alert,
            health,
            published: false,
            told: false,
        })
    }

    /// The snapshot as it is stored, without its last alert.
    pub fn health(&self, s: &Snapshot, now: Now) -> Health {
        let heard =
            |at: Mono| now.wall_secs - i64::try_from(now.mono.since(at).as_secs()).unwrap_or(0);
        Health {
            svc: s.svc.to_string(),
            status: s.status,
            since_ts: s.since_ts,
            last_seen_ts: s.heard_at.map(heard),
            as_of_ts: now.wall_secs,
            last_i: s.last_i,
            timeout_sec: secs(s.timeout),
            misses: u64::from(s.misses),
            restarts: u64::from(s.restarts),
            bus: self.bus.clone(),
            reason: if s.refused {
                Some("Redis refuses its channel (ACL)".into())
            } else {
                s.reason.clone()
            },
            beat_status: s.word.as_deref().map(str::to_owned),
            flapping: s.flapping.iter().map(|f| self.flap(f)).collect(),
            alert: None,
        }
    }

    fn kind(&self, change: &Change) -> Option<AlertKind> {
        Some(match change {
            Change::Missed { .. } => self.miss,
            Change::Recovered { .. } => self.ok,
            Change::Degraded { .. } => AlertKind::ServiceDegraded,
            Change::Restored { .. } => AlertKind::ServiceRestored,
            Change::Restarting { .. } => AlertKind::ServiceRestarting,
            Change::DuplicateInstance => AlertKind::DuplicateInstance,
            Change::Flapping(_) => AlertKind::Flapping,
            Change::Steady(_) => AlertKind::Steady,
            Change::Unwatched | Change::Watched => return None,
        })
    }

    fn flap(&self, flapping: &Flapping) -> Flap {
        Flap {
            of: self.of(flapping.matter),
            since_ts: flapping.since_ts,
            times: flapping.times,
        }
    }

    /// The alerts that come again and again.
    fn of(&self, matter: Matter) -> AlertKind {
        match matter {
            Matter::Beats => self.miss,
            Matter::Work => AlertKind::ServiceDegraded,
        }
    }

    fn number(&self, number: u32) -> String {
        match self.series {
            1 => number.to_string(),
            series => format!("{series}-{number}"),
        }
    }

    fn id_of(&self, previous: &AlertRef) -> String {
        match previous {
            AlertRef::None => String::new(),
            AlertRef::Own(number) => format!("{}-{}", self.inst, self.number(*number)),
            AlertRef::Foreign(id) => id.to_string(),
        }
    }
}

/// What the store says of a service, as the detector takes it in; `stale`: too old to keep a death from being told.
pub fn record(health: Option<&Health>, stale: bool) -> HealthRecord<'_> {
    health.map_or_else(HealthRecord::default, |h| HealthRecord {
        status: Some(h.status),
        since_ts: h.since_ts,
        alert_id: h
            .alert
            .as_ref()
            .map(|a| a.id.as_str())
            .filter(|id| !id.is_empty()),
        last_i: h.last_i,
        misses: u32::try_from(h.misses).unwrap_or(u32::MAX),
        restarts: u32::try_from(h.restarts).unwrap_or(u32::MAX),
        flapping: h.flapping.iter().map(flapping).collect(),
        stale,
    })
}

fn flapping(flap: &Flap) -> Flapping {
    Flapping {
        matter: match flap.of {
            AlertKind::ServiceDegraded => Matter::Work,
            _ => Matter::Beats,
        },
        since_ts: flap.since_ts,
        times: flap.times,
    }
}

fn secs(d: Duration) -> f64 {
    round_secs(d.as_secs_f64())
}
