//! Alerts as sentences.

use std::time::Duration;

use super::news::Tone;
use crate::clock::human;
use crate::contract::{Alert, AlertKind};

/// An alert as one line, its first word in capitals.
pub fn sentence(alert: &Alert) -> (Tone, String) {
    use AlertKind::*;
    let svc = &alert.svc;
    let (tone, mut text) = match alert.kind {
        HeartbeatMiss if alert.never_heard => {
            let limit = secs(alert.timeout_sec);
            (Tone::Bad, format!("NOT SEEN YET {svc}: nothing in {limit}"))
        }
        HeartbeatMiss => (Tone::Bad, format!("DOWN {svc}: {}", silence(alert))),
        HealerMiss => (
            Tone::Bad,
            format!("DOWN {svc}: {}; nobody judges meanwhile", silence(alert)),
        ),
        HeartbeatOk | HealerOk => (Tone::Good, format!("UP {svc}{}", after(alert))),
        BusDown => (Tone::Bad, format!("BUS DOWN {svc}")),
        BusUp => (Tone::Good, format!("BUS UP {svc}{}", after(alert))),
        BusUnstable => (
            Tone::Bad,
            format!("BUS UNSTABLE {svc}: it comes and goes, nothing can be judged"),
        ),
        BusReadonly => (Tone::Bad, format!("BUS READ-ONLY {svc}: it refuses writes")),
        ServiceDegraded => (Tone::Odd, format!("DEGRADED {svc}")),
        ServiceRestored => (Tone::Good, format!("RESTORED {svc}{}", after(alert))),
        ServiceRestarting => (
            Tone::Odd,
            format!("RESTARTING {svc} again and again{}", times(alert)),
        ),
        DuplicateInstance => (
            Tone::Odd,
            format!("DUPLICATE {svc}: two instances beat at once"),
        ),
        TruthRejected => (Tone::Odd, "TRUTH REJECTED".into()),
        TruthMissing => (
            Tone::Odd,
            "TRUTH MISSING: the last good one stays in force; run bootstrap".into(),
        ),
        Flapping => (Tone::Odd, format!("FLAPPING {svc}{}", times(alert))),
        Steady => (Tone::Good, format!("STEADY {svc}")),
        WorkStalled => (Tone::Odd, format!("STALLED {svc}{}", lane(alert))),
        WorkMoving => (
            Tone::Good,
            format!("MOVING {svc}{}{}", lane(alert), after(alert)),
        ),
        InstancesLow => (Tone::Odd, format!("TOO FEW {svc}")),
        InstancesOk => (Tone::Good, format!("ENOUGH {svc}{}", after(alert))),
    };
    if alert.planned {
        text.push_str(", a planned stop");
    }
    if alert.again {
        text.push_str(", still");
    }
    if let Some(reason) = &alert.reason {
        text.push_str(": ");
        text.push_str(reason);
    }
    (tone, text)
}

fn silence(alert: &Alert) -> String {
    let limit = secs(alert.timeout_sec);
    match alert.late_sec {
        Some(late) => format!("no beat for {late:.1} s (limit {limit})"),
        None => format!("no beat (limit {limit})"),
    }
}

/// ` after 42 s`, when the alert tells since when, and that was not just now.
fn after(alert: &Alert) -> String {
    let since = alert.since_ts.unwrap_or(alert.ts);
    match u64::try_from(alert.ts - since) {
        Ok(0) | Err(_) => String::new(),
        Ok(secs) => format!(" after {}", human(Duration::from_secs(secs))),
    }
}

/// ` (rss:queue, group vexy)`: the stream whose work stands still.
fn lane(alert: &Alert) -> String {
    match (&alert.key, &alert.group) {
        (Some(key), Some(group)) => format!(" ({key}, group {group})"),
        _ => String::new(),
    }
}

fn times(alert: &Alert) -> String {
    let count = alert.count.map(|count| format!(": {count} times"));
    count.unwrap_or_default()
}

fn secs(secs: Option<f64>) -> String {
    secs.map_or_else(|| "its limit".into(), |secs| format!("{secs} s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_reads_as_a_sentence() {
        let mut miss = Alert::new(AlertKind::HeartbeatMiss, "mesh", 100);
        miss.late_sec = Some(30.04);
        miss.timeout_sec = Some(30.0);
        assert_eq!(
            sentence(&miss).1,
            "DOWN mesh: no beat for 30.0 s (limit 30 s)"
        );
        miss.planned = true;
        assert!(sentence(&miss).1.ends_with("(limit 30 s), a planned stop"));
        miss.never_heard = true;
        assert!(
            sentence(&miss)
                .1
                .starts_with("NOT SEEN YET mesh: nothing in 30 s")
        );
        let mut ok = Alert::new(AlertKind::HeartbeatOk, "mesh", 233);
        ok.since_ts = Some(100);
        assert_eq!(
            sentence(&ok),
            (Tone::Good, "UP mesh after 2 min 13 s".into())
        );
    }
}
