//! What the loop, the threads that act and the thread that answers share.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::view::View;
use crate::bus::Address;
use crate::contract::metrics::Report;
use crate::fail_stop::lock;
use crate::http::{Response, Ticket, Waker};
use crate::truth::Truth;

/// Names of changed services that one frame tells; more than that are `many`.
pub const CHANGED_MAX: usize = 100;

/// What they share. Every lock is held for a moment only.
pub struct Shared {
    view: Mutex<Arc<View>>,
    truth: Mutex<Option<Arc<Truth>>>,
    buses: Mutex<HashMap<String, Address>>,
    data_bus: Mutex<Option<Address>>,
    changed: Mutex<Changed>,
    reports: Mutex<Arc<Vec<Report>>>,
    answers: Mutex<Vec<(Ticket, Response)>>,
    waker: Waker,
    stop: AtomicBool,
}

/// Who changed since somebody asked.
#[derive(Default)]
pub struct Changed {
    /// At most one more than [`CHANGED_MAX`].
    pub names: BTreeSet<Box<str>>,
}

impl Shared {
    /// Nothing yet; `waker` wakes the thread that answers.
    pub fn new(waker: Waker) -> Shared {
        Shared {
            view: Mutex::default(),
            truth: Mutex::default(),
            buses: Mutex::default(),
            data_bus: Mutex::default(),
            changed: Mutex::default(),
            reports: Mutex::default(),
            answers: Mutex::default(),
            waker,
            stop: AtomicBool::new(false),
        }
    }

    /// The present view.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&lock(&self.view))
    }

    /// Puts a view in place of the present one.
    pub fn show(&self, view: Arc<View>, changed: Vec<Box<str>>) {
        let is_news = lock(&self.view).rev != view.rev;
        {
            let mut all = lock(&self.changed);
            for name in changed {
                if all.names.len() > CHANGED_MAX {
                    break;
                }
                all.names.insert(name);
            }
        }
        *lock(&self.view) = view;
        if is_news {
            self.waker.wake();
        }
    }

    /// Who changed since this was asked last.
    pub fn take_changed(&self) -> Changed {
        std::mem::take(&mut lock(&self.changed))
    }

    /// The truth in force.
    pub fn truth(&self) -> Option<Arc<Truth>> {
        lock(&self.truth).clone()
    }

    /// Another truth is in force, its buses are there, and the one that carries data.
    pub fn set_truth(
        &self,
        truth: Arc<Truth>,
        buses: HashMap<String, Address>,
        data_bus: Option<Address>,
    ) {
        *lock(&self.truth) = Some(truth);
        *lock(&self.buses) = buses;
        *lock(&self.data_bus) = data_bus;
    }

    /// Where the bus is that carries data; `None` where its address cannot be used, or nobody knows yet.
    pub fn data_bus(&self) -> Option<Address> {
        lock(&self.data_bus).clone()
    }

    /// Where the bus of this name is.
    pub fn bus(&self, name: &str) -> Option<Address> {
        lock(&self.buses).get(name).cloned()
    }

    /// What daemons count of themselves.
    pub fn reports(&self) -> Arc<Vec<Report>> {
        Arc::clone(&lock(&self.reports))
    }

    /// They count this now.
    pub fn set_reports(&self, reports: Vec<Report>) {
        *lock(&self.reports) = Arc::new(reports);
    }

    /// Answers a request that waits.
    pub fn answer(&self, ticket: Ticket, response: Response) {
        lock(&self.answers).push((ticket, response));
        self.waker.wake();
    }

    /// The answers that are there.
    pub fn take_answers(&self) -> Vec<(Ticket, Response)> {
        std::mem::take(&mut lock(&self.answers))
    }

    /// Ends the thread that answers.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.waker.wake();
    }

    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
