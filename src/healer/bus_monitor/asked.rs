//! What the writer asks of a bus monitor.

use std::sync::MutexGuard;

use super::{BusMonitor, WorkerCommand};
use crate::contract::Health;
use crate::fail_stop::lock;
use crate::watch::record;
use crate::watch::writer::command::Records;

impl BusMonitor {
    /// Takes in what the store says of services.
    pub fn take_in(&self, found: &[(&str, Option<&Health>)], records: &Records, is_stale: bool) {
        self.with(|detector, now| {
            self.handover
                .with(|decided| record::take_in(detector, decided, found, records, is_stale, now));
        });
    }

    /// Has somebody find out why `svc` has two instances; false when nobody has time for it.
    pub fn find_sender(&self, svc: &str) -> bool {
        self.commands
            .try_send(WorkerCommand::FindSender(svc.to_owned()))
            .is_ok()
    }

    /// What was found out since the last call, by service.
    pub fn take_causes(&self) -> Vec<(String, Option<String>)> {
        std::mem::take(&mut *self.causes())
    }

    pub(super) fn found(&self, svc: String, cause: Option<String>) {
        self.causes().push((svc, cause));
        let _ = self.outputs.alert_writer.try_send(());
    }

    fn causes(&self) -> MutexGuard<'_, Vec<(String, Option<String>)>> {
        lock(&self.causes)
    }
}
