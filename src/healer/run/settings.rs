//! A new truth, and what of it cannot be put in force.

use std::sync::Arc;

use super::Healer;
use crate::clock::Mono;
use crate::contract::AlertKind;
use crate::notify::config::misshapen as misshapen_channels;
use crate::service::Error;
use crate::truth::Truth;
use crate::watch::complaints::{Matter, in_part, misshapen, rejected};

impl Healer {
    /// Puts a new truth in force.
    pub(super) fn adopt(&mut self, truth: Arc<Truth>) -> Result<(), Error> {
        self.complaints.settle(Matter::Document);
        self.service.adopt(Arc::clone(&truth));
        self.follow(&truth)?;
        let early = self.early.as_mut().and_then(|e| e.notifier.as_mut());
        if let Some(notifier) = self.notifier.as_mut().or(early) {
            notifier.set_truth(&truth, &self.service.buses.system());
        }
        self.judge_settings();
        Ok(())
    }

    pub(super) fn hear_rejected(&mut self, reason: &str) {
        self.complain(
            Matter::Document,
            AlertKind::TruthRejected,
            Some(rejected(reason)),
        );
    }

    pub(super) fn hear_missing(&mut self) {
        self.complain(Matter::Document, AlertKind::TruthMissing, None);
    }

    /// Looks at what the environment makes of the truth in force.
    pub(super) fn judge_settings(&mut self) {
        let means = |buses: &str| format!("whoever beats on {buses} is unknown");
        match in_part(self.service.buses.spoiled(), means) {
            Some(reason) => self.complain(Matter::Buses, AlertKind::TruthRejected, Some(reason)),
            None => self.complaints.settle(Matter::Buses),
        }
        match misshapen_channels(&self.service.truth) {
            Some(wrong) => {
                let reason = Some(misshapen(&wrong));
                self.complain(Matter::Channels, AlertKind::TruthRejected, reason);
            }
            None => self.complaints.settle(Matter::Channels),
        }
    }

    /// Tells what was not told yet, if this healer speaks.
    pub(super) fn tell_complaints(&mut self) {
        if !self.is_speaking() {
            return;
        }
        for complaint in self.complaints.take(|_, _| true) {
            self.note(complaint.kind, "healer", complaint.reason, false);
        }
    }

    fn complain(&mut self, matter: Matter, kind: AlertKind, reason: Option<String>) {
        if matter == Matter::Document {
            // Each document that is found is news, also when it is as bad as the one before.
            self.complaints.settle(matter);
        }
        self.complaints.raise(matter, kind, reason, Mono::now());
    }
}
