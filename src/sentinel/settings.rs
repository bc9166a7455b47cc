//! A new truth, and what of it cannot be put in force.

use std::sync::Arc;
use std::time::Duration;

use super::names::HEALER;
use super::{Sentinel, publisher};
use crate::clock::{self, Mono};
use crate::contract::{AlertKind, SYSTEM_BUS, heartbeat_channel};
use crate::notify::config::misshapen as misshapen_channels;
use crate::truth::Truth;
use crate::watch::complaints::{Matter, in_part, misshapen, rejected};
use crate::watch::detector::Spec;
use crate::watch::unheard::Unheard;

/// A healer that is heard for so long after something went wrong has told it.
const HEALER_TELLS: Duration = Duration::from_secs(10);
/// Beyond its timeout, a healer that starts has so long until it is heard.
const GRACE: Duration = Duration::from_secs(2);

impl Sentinel {
    /// Puts a new truth in force.
    pub(super) fn adopt(&mut self, truth: Arc<Truth>) {
        self.complaints.settle(Matter::Document);
        self.service.adopt(Arc::clone(&truth));
        self.notifier
            .set_truth(&truth, &self.service.buses.system());
        self.follow(&truth);
    }

    /// Watches the healer as `truth` describes it.
    pub(super) fn follow(&mut self, truth: &Truth) {
        let healer = truth.service(HEALER);
        let own = healer.and_then(|h| h.own_timeout()).or(self.usual_timeout);
        let usual = healer.map_or(truth.default_timeout(), |h| h.timeout());
        let timeout = own.unwrap_or(usual);
        let interval = healer.map_or(truth.defaults().interval_sec, |h| {
            h.interval().as_secs_f64()
        });
        let channel =
            healer.map_or_else(|| heartbeat_channel(HEALER), |h| h.channel().into_owned());
        let spec = Spec {
            svc: HEALER,
            channel: &channel,
            timeout_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
            interval_ms: (interval * 1000.0) as u32,
        };
        let is_first = std::mem::replace(&mut self.timeout, timeout).is_zero();
        let detector = &mut self.handler.detector;
        detector.begin_reload(Mono::now());
        detector.watch(&spec);
        detector.sweep(u32::MAX, &mut Vec::new());
        let bus = healer.map_or(SYSTEM_BUS, |h| {
            self.service.buses.names_in(truth)[h.bus().index()]
        });
        self.listen_on(bus, channel, is_first);
        self.judge_settings();
        log::info!("watching the healer: timeout {}", clock::human(timeout));
    }

    /// The healer beats there from now on; unless this `is_first`, elsewhere until it knows.
    fn listen_on(&mut self, bus: &str, channel: String, is_first: bool) {
        let mut unheard = Unheard::default();
        match self.service.buses.resolve(bus) {
            Ok(address) => {
                let was_blind = self.blind.take().is_some();
                if was_blind || channel != self.handler.channel || address != *self.asks.address() {
                    if !is_first && address != *self.asks.address() {
                        self.handler.detector.came_over(HEALER);
                    }
                    self.handler.channel = channel;
                    self.publisher = publisher(&address, &self.handler.echo_channel);
                    self.asks.set_address(address);
                    self.drop_link();
                }
            }
            Err(error) => {
                unheard.add(bus, HEALER, self.timeout, || error.to_string());
                self.blind = Some(error);
                self.drop_link();
            }
        }
        self.alerts.set_unheard(unheard);
    }

    fn judge_settings(&mut self) {
        let is_blind = self.blind.is_some();
        let means = |buses: &str| match is_blind {
            true => "the sentinel cannot watch the healer".to_owned(),
            false => format!("the sentinel does without {buses}"),
        };
        match in_part(self.service.buses.spoiled(), means) {
            Some(reason) => {
                let kind = AlertKind::TruthRejected;
                self.complaints
                    .raise(Matter::Buses, kind, Some(reason), Mono::now());
            }
            None => self.complaints.settle(Matter::Buses),
        }
        match misshapen_channels(&self.service.truth) {
            Some(wrong) => self.complaints.raise(
                Matter::Channels,
                AlertKind::TruthRejected,
                Some(misshapen(&wrong)),
                Mono::now(),
            ),
            None => self.complaints.settle(Matter::Channels),
        }
    }

    pub(super) fn hear_rejected(&mut self, reason: &str) {
        self.complain_of_document(AlertKind::TruthRejected, Some(rejected(reason)));
    }

    pub(super) fn hear_missing(&mut self) {
        self.complain_of_document(AlertKind::TruthMissing, None);
    }

    fn complain_of_document(&mut self, kind: AlertKind, reason: Option<String>) {
        self.complaints.settle(Matter::Document);
        self.complaints
            .raise(Matter::Document, kind, reason, Mono::now());
    }

    /// What is wrong with the settings is the healer's to tell. The sentinel tells it when there is none, and when it
    /// is itself that can watch nobody.
    pub(super) fn tell_complaints(&mut self) {
        let (now, last_beat) = (Mono::now(), self.handler.last_beat);
        self.complaints
            .take(|_, c| last_beat.is_some_and(|beat| beat >= c.since + HEALER_TELLS));
        let nobody_tells = self.bus_echoes() && !self.healer_beats();
        let patience = self.timeout + GRACE;
        let is_blind = self.blind.is_some();
        let due = self.complaints.take(|matter, complaint| {
            (is_blind && matter == Matter::Buses)
                || (nobody_tells && now.since(complaint.since) >= patience)
        });
        for complaint in due {
            self.alerts.note(complaint.kind, complaint.reason);
        }
    }
}
