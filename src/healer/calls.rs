//! What the main loop must be told, however much it has to do.
//!
//! Its queue of events is for what may wait, or be left out when there is more of it than the loop can take. That a bus
//! is down, or an alert that only reaches people past the bus, is neither: it waits here, and the queue only wakes the
//! loop.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use crossbeam_channel::Sender;

use super::Event;
use crate::contract::Alert;
use crate::fail_stop::lock;
use crate::watch::detector::BusNews;

/// Calls that may wait: an alert for each service that can be owed one, and then some.
const CALLS_MAX: usize = 100_000;

/// A word to the main loop.
#[derive(Clone, Debug)]
pub enum Call {
    /// The bus as a whole changed.
    News { bus: String, news: BusNews },
    /// The link must be made anew.
    Reconnect { bus: String },
    /// People must hear of it past the bus, which does not take it down.
    TellDirectly(Box<Alert>),
    /// People are to be told this, in these words.
    Tell(String),
}

/// The calls that wait. Clones are the same.
#[derive(Clone)]
pub struct Calls {
    waiting: Arc<Mutex<VecDeque<Call>>>,
    loop_events: Sender<Event>,
}

impl Calls {
    /// Calls for the loop that takes these events.
    pub fn new(loop_events: Sender<Event>) -> Calls {
        Calls {
            waiting: Arc::default(),
            loop_events,
        }
    }

    /// The loop shall look at what it serves.
    pub fn look(&self) {
        // A full queue wakes the loop as well, and it looks at everything after each event.
        let _ = self.loop_events.try_send(Event::Look);
    }

    /// Tells the loop. Never blocks; when too much waits, the newest is left out, which is said.
    pub fn call(&self, call: Call) {
        let mut waiting = self.waiting();
        if waiting.len() < CALLS_MAX {
            waiting.push_back(call);
        } else {
            log::error!("{CALLS_MAX} words to the loop wait: {call:?} is left out");
        }
        drop(waiting);
        self.look();
    }

    /// The next call, in the order in which they came.
    pub fn next(&self) -> Option<Call> {
        self.waiting().pop_front()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Call>> {
        lock(&self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;
    use crate::contract::AlertKind;

    #[test]
    fn a_loop_whose_queue_is_full_misses_no_call() {
        let (sender, events) = bounded(2);
        let calls = Calls::new(sender);
        for n in 0..5000 {
            let svc = n.to_string();
            let alert = Alert::new(AlertKind::HeartbeatMiss, svc, n);
            calls.call(Call::TellDirectly(Box::new(alert)));
            calls.look();
        }
        assert!(events.is_full(), "it wakes");
        for n in 0..5000 {
            let next = calls.next();
            assert!(
                matches!(&next, Some(Call::TellDirectly(alert)) if alert.ts == n),
                "{n}: {next:?}"
            );
        }
        assert!(calls.next().is_none());
    }
}
