//! What is told, for channels that cannot read it where it is written: it is handed to them.
//!
//! A channel that may not read the alert log, or may not keep its place there, would tell nobody of a death, and the log
//! would not know. So it says that it is deaf, gets what was written since it read last, and from then on all that is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crossbeam_channel::Sender;

use super::inbox::{INBOX_MAX, Inbox};
use crate::clock::Mono;
use crate::contract::Alert;
use crate::fail_stop::lock;

/// So long a channel may be at one send, and read nothing meanwhile.
const KEPT_FOR: Duration = Duration::from_secs(120);
/// Alerts that are kept for whoever turns out to be deaf; as many as a channel remembers to have been handed.
const KEPT_MAX: usize = 1000;

/// Between who writes alerts and the channels of one daemon. Clones are the same.
#[derive(Clone, Default)]
pub struct Relay(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    written: VecDeque<(Mono, Alert)>,
    deaf: Vec<(u64, Sender<Inbox>)>,
    next: u64,
}

impl Relay {
    /// These stand in the log since `now`.
    pub fn written(&self, alerts: Vec<Alert>, now: Mono) {
        let mut state = self.state();
        for alert in alerts {
            for (_, inbox) in &state.deaf {
                if inbox.len() >= INBOX_MAX
                    || inbox
                        .try_send(Inbox::Alert(Box::new(alert.clone())))
                        .is_err()
                {
                    log::error!(
                        "a channel that cannot read the alert log is behind by {INBOX_MAX}: {} is left out",
                        alert.to_json()
                    );
                }
            }
            if state.written.len() == KEPT_MAX {
                state.written.pop_front();
            }
            state.written.push_back((now, alert));
        }
        while let Some((at, _)) = state.written.front()
            && now.since(*at) > KEPT_FOR
        {
            state.written.pop_front();
        }
    }

    /// Hands everything to `inbox` from now on, until the [`Relayed`] is dropped; what was written since `since` comes with
    /// it.
    pub(super) fn listen(&self, inbox: Sender<Inbox>, since: Mono) -> (Relayed, Vec<Alert>) {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.deaf.push((id, inbox));
        let missed = state.written.iter().filter(|(at, _)| *at >= since);
        let missed = missed.map(|(_, alert)| alert.clone()).collect();
        drop(state);
        let relay = self.clone();
        (Relayed { relay, id }, missed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

/// A channel that alerts are handed to, while it lasts.
pub(super) struct Relayed {
    relay: Relay,
    id: u64,
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.relay.state().deaf.retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::contract::AlertKind;

    fn alerts(svcs: &[&str]) -> Vec<Alert> {
        let each = svcs
            .iter()
            .map(|svc| Alert::new(AlertKind::HeartbeatMiss, *svc, 1));
        each.collect()
    }

    #[test]
    fn who_is_deaf_gets_what_was_written_since_and_all_that_follows() {
        let at = Mono::from_secs;
        let relay = Relay::default();
        relay.written(alerts(&["old"]), at(10.0));
        relay.written(alerts(&["a"]), at(20.0));
        let (inbox, items) = unbounded();
        let (relayed, missed) = relay.listen(inbox, at(20.0));
        assert_eq!(missed, alerts(&["a"]));
        relay.written(alerts(&["b", "c"]), at(21.0));
        drop(relayed);
        relay.written(alerts(&["d"]), at(22.0));
        let handed = items.try_iter().map(|item| match item {
            Inbox::Alert(alert) => alert.svc,
            _ => panic!("alerts alone are handed on"),
        });
        assert_eq!(handed.collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn what_is_kept_has_a_limit_in_time_and_number() {
        let at = Mono::from_secs;
        let relay = Relay::default();
        for n in 0..KEPT_MAX + 5 {
            relay.written(alerts(&[&n.to_string()]), at(10.0));
        }
        assert_eq!(relay.state().written.len(), KEPT_MAX);
        relay.written(alerts(&["late"]), at(11.0) + KEPT_FOR);
        assert_eq!(relay.state().written.len(), 1);
    }
}
