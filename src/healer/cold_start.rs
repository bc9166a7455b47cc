//! A healer that finds no bus when it starts: it has no truth and cannot write alerts yet, but people must know.
//!
//! The environment says by which channels; what truth said of them last is kept in `STATE_DIR`. The notifier that
//! tells of the outage here becomes that of the running healer, so that nothing is told twice.

use std::sync::Arc;
use std::time::Duration;

use super::Event;
use super::state_dir::StateDir;
use crate::clock::{self, Mono};
use crate::contract::{Alert, AlertKind, SYSTEM_BUS};
use crate::notify::{self, Notifier, Relay, Role};
use crate::service::Away;
use crate::service::metrics::Metrics;
use crate::truth::Truth;
use crate::watch::alert_encoder::AlertEncoder;
use crate::watch::detector::BUS_DOWN_AFTER;

/// By then it is clear whether this healer speaks, or another that went on all the time.
const DECIDED_AFTER: Duration = Duration::from_secs(15);

/// What was told before there was a truth.
#[derive(Default)]
pub struct ColdStart {
    outage: Option<StartOutage>,
}

/// An outage of the start.
pub struct StartOutage {
    /// The bus that is away.
    pub bus: String,
    /// When the bus was first asked in vain.
    pub since: Mono,
    /// Told already; the log is to have them once this healer speaks.
    pub alerts: Vec<Alert>,
    /// The ways to people, when there are any.
    pub notifier: Option<Notifier>,
    /// When it is clear that another healer speaks.
    pub until: Mono,
}

impl ColdStart {
    /// The bus is away: after the patience that a running healer has, people are told.
    pub fn hear(&mut self, away: &Away<'_, Event>) {
        if self.outage.is_some() || Mono::now().since(away.since) < BUS_DOWN_AFTER {
            return;
        }
        let is_system = away.buses.system() == *away.address;
        let bus = if is_system {
            SYSTEM_BUS.to_owned()
        } else {
            away.address.to_string()
        };
        let state_dir = away.env.folder("STATE_DIR").map(StateDir::new);
        let state_dir = match state_dir {
            Ok(Ok(state_dir)) => state_dir,
            // Said by the healer when it runs.
            _ => StateDir::default(),
        };
        let mut outage = StartOutage {
            notifier: notifier(away, &state_dir),
            since: away.since,
            alerts: Vec::new(),
            until: Mono(u64::MAX),
            bus,
        };
        let bus = outage.bus.as_str();
        if state_dir.knows_down(bus) {
            log::error!("{bus} is still down: {}; that was told before", away.error);
        } else {
            log::error!("{bus} is down: {}", away.error);
            state_dir.down(bus);
            let encoder = AlertEncoder::of_healer(away.inst, away.host, None);
            let mut alert = encoder.alert(AlertKind::BusDown, bus, clock::wall_secs(), "start");
            alert.reason = Some(away.error.to_string().into());
            alert.bus = Some(bus.to_owned());
            outage.tell(alert);
        }
        self.outage = Some(outage);
    }

    /// The bus is back and has a truth.
    pub fn found(self, state_dir: &StateDir, inst: &str, host: &str) -> Option<StartOutage> {
        let mut outage = self.outage?;
        outage.until = Mono::now() + DECIDED_AFTER;
        // Of the system bus the detector says when it is proven to talk again.
        if outage.bus != SYSTEM_BUS {
            state_dir.up(&outage.bus);
            let down = clock::human(Mono::now().since(outage.since));
            let encoder = AlertEncoder::of_healer(inst, host, None);
            let ts = clock::wall_secs();
            let mut alert = encoder.alert(AlertKind::BusUp, &outage.bus, ts, "found");
            alert.reason = Some(format!("after {down}").into());
            alert.bus = Some(outage.bus.clone());
            outage.tell(alert);
        }
        Some(outage)
    }
}

impl StartOutage {
    /// Tells people at once, and the log once this healer speaks.
    pub fn tell(&mut self, alert: Alert) {
        if let Some(notifier) = &self.notifier {
            notifier.tell_out_of_band(&alert);
        }
        self.alerts.push(alert);
    }
}

/// The channels by the environment and by what truth last said of them.
fn notifier(away: &Away<'_, Event>, state_dir: &StateDir) -> Option<Notifier> {
    let known = state_dir.channels();
    let document = known.unwrap_or_else(|| r#"{"services":{}}"#.to_owned());
    let truth = Truth::parse(document.as_bytes(), away.rules)
        .inspect_err(|e| log::warn!("what truth said of the channels cannot be read: {e}"))
        .ok()?;
    let context = notify::Context {
        env: away.env.clone(),
        truth: Arc::new(truth),
        knows_services: false,
        bus: away.buses.system(),
        inst: away.inst.to_owned(),
        host: away.host.to_owned(),
        // The beats that would tell it are those of the healer that comes after this one.
        metrics: Metrics::default(),
        relay: Relay::default(),
    };
    notify::start(Role::Healer, context, away.sender.clone())
        .inspect_err(|e| log::error!("nobody can be told: {e}"))
        .ok()
}
