//! Where a detector lays down what it decided, for whoever writes it.
//!
//! Who owns a detector hands over under its lock, so that what one writer finds here stands in the order in which it was
//! decided. Nobody waits: giving and taking hold a lock for as long as it takes to move what is there.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use super::detector::{Detector, Transition};
use crate::fail_stop::lock;

/// Transitions that may wait before more deaths are told. What is no death passes all the same: it is what a beat brought,
/// a few for each service at most, and cannot be decided anew.
pub const HANDED_MAX: usize = 1024;

/// Transitions of one detector that nobody took yet, oldest first.
#[derive(Debug, Default)]
pub struct Handover(Mutex<VecDeque<Transition>>);

impl Handover {
    /// How many deaths may be told now: what [`Detector::tick`] is to be given.
    pub fn room(&self) -> usize {
        HANDED_MAX.saturating_sub(self.waiting().len())
    }

    /// Lays down what `detector` decided; whether that was anything. The caller holds the lock on the detector.
    pub fn lay_down(&self, detector: &mut Detector) -> bool {
        if !detector.has_transitions() {
            return false;
        }
        let mut decided = Vec::new();
        detector.take_transitions(&mut decided);
        self.waiting().extend(decided);
        true
    }

    /// Takes all that waits; whether deaths may have waited for the room.
    pub fn take(&self, into: &mut Vec<Transition>) -> bool {
        let mut waiting = self.waiting();
        let was_full = waiting.len() >= HANDED_MAX;
        into.extend(waiting.drain(..));
        was_full
    }

    /// Looks at what waits. The caller holds the lock on the detector.
    pub fn with<R>(&self, work: impl FnOnce(&mut VecDeque<Transition>) -> R) -> R {
        work(&mut self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Transition>> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Mono, Now};
    use crate::watch::detector::Spec;

    const SERVICES: usize = 40;

    fn now(at: u64) -> Now {
        Now {
            mono: Mono(at),
            wall_secs: 0,
        }
    }

    /// Lets the detector judge, over a bus that answers at once.
    fn judge(detector: &mut Detector, handover: &Handover, room: usize, at: u64) {
        detector.tick(now(at), room);
        while let Some(echo) = detector.take_echo() {
            detector.echo_returned(echo.seq, now(at), room);
        }
        detector.take_outputs(&mut Vec::new());
        detector.server_checked(now(at));
        handover.lay_down(detector);
    }

    #[test]
    fn deaths_that_do_not_fit_stay_inside_and_a_late_beat_takes_them_back() {
        let mut detector = Detector::new(Mono(0));
        let names: Vec<String> = (0..SERVICES).map(|n| format!("s{n}")).collect();
        detector.begin_reload(Mono(0));
        for svc in &names {
            let channel = format!("{svc}:heartbeat");
            let spec = Spec {
                svc,
                channel: &channel,
                timeout_ms: 3000,
                interval_ms: 1000,
            };
            detector.watch(&spec);
            detector.confirmed(channel.as_bytes(), now(0));
        }
        detector.sweep(u32::MAX, &mut Vec::new());
        detector.proven(now(0));
        let handover = Handover::default();
        let mut at = 0;
        let mut told = Vec::new();
        while told.len() < 5 {
            at += 500_000;
            judge(&mut detector, &handover, 5 - told.len(), at);
            handover.take(&mut told);
            assert!(at < 60_000_000, "five deaths fit");
        }
        judge(&mut detector, &handover, 0, at);
        assert!(!handover.take(&mut told) && told.len() == 5, "no room");
        // All beat before there is room: only those that were told have anything to tell.
        for svc in &names {
            let payload = format!(r#"{{"svc":"{svc}"}}"#);
            detector.frame(
                format!("{svc}:heartbeat").as_bytes(),
                payload.as_bytes(),
                now(at),
            );
        }
        judge(&mut detector, &handover, HANDED_MAX, at + 1000);
        handover.take(&mut told);
        let of = |svc: &str| told.iter().filter(|t| &*t.service.svc == svc).count();
        let each: Vec<usize> = names.iter().map(|svc| of(svc)).collect();
        assert!(
            each.iter().all(|&count| count == 0 || count == 2),
            "{each:?}"
        );
        assert_eq!(told.len(), 10, "five deaths and their ends");
        assert_eq!(handover.room(), HANDED_MAX);
    }
}
