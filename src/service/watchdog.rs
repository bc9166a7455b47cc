//! A hung worker must not look alive: the beat goes on only while the work does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::Mono;
use crate::fail_stop::lock;

/// One worker's sign of progress. Clones are the same worker.
#[derive(Clone, Debug)]
pub struct Progress {
    worker: Arc<Worker>,
}

#[derive(Debug)]
struct Worker {
    name: String,
    budget: Duration,
    /// Microseconds of the last sign while at work; 0 while there is no work.
    since: AtomicU64,
}

impl Progress {
    /// Says that work begins; it ends when the guard is dropped. Waiting for work is no work.
    pub fn working(&self) -> Working<'_> {
        self.worker.since.store(Mono::now().0, Ordering::Relaxed);
        Working(self)
    }
}

/// Work under way; see [`Progress::working`].
#[derive(Debug)]
pub struct Working<'a>(&'a Progress);

impl Working<'_> {
    /// A sign of progress: the budget starts anew.
    pub fn tick(&self) {
        self.0.worker.since.store(Mono::now().0, Ordering::Relaxed);
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.worker.since.store(0, Ordering::Relaxed);
    }
}

/// What the watchdog says of all workers together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every worker is within its budget.
    Fine,
    /// A worker is over its budget: beat, but say so.
    Degraded(String),
    /// A worker is over twice its budget: beat no more, so that the healer speaks.
    Stuck(String),
}

/// All workers of a daemon.
#[derive(Clone, Debug, Default)]
pub struct Watchdog {
    workers: Arc<Mutex<Vec<Arc<Worker>>>>,
}

impl Watchdog {
    /// Adds a worker that shows a sign at least every `budget` while it works.
    pub fn worker(&self, name: impl Into<String>, budget: Duration) -> Progress {
        let worker = Arc::new(Worker {
            name: name.into(),
            budget,
            since: AtomicU64::new(0),
        });
        let mut workers = lock(&self.workers);
        // A worker whose handles are all gone can make no more progress, and need not.
        workers.retain(|w| Arc::strong_count(w) > 1);
        workers.push(Arc::clone(&worker));
        Progress { worker }
    }

    /// The worst that can be said at `now`.
    pub fn judge(&self, now: Mono) -> Verdict {
        let workers = lock(&self.workers);
        let mut worst: Option<(f64, String)> = None;
        for worker in workers.iter().filter(|w| Arc::strong_count(w) > 1) {
            let since = worker.since.load(Ordering::Relaxed);
            if since == 0 {
                continue;
            }
            let spent = now.since(Mono(since));
            let share = spent.as_secs_f64() / worker.budget.as_secs_f64().max(0.001);
            if share > 1.0 && worst.as_ref().is_none_or(|(w, _)| share > *w) {
                let (spent, budget) = (
                    crate::clock::human(spent),
                    crate::clock::human(worker.budget),
                );
                worst = Some((
                    share,
                    format!(
                        "{} made no progress for {spent} (budget {budget})",
                        worker.name
                    ),
                ));
            }
        }
        match worst {
            None => Verdict::Fine,
            Some((share, reason)) if share > 2.0 => Verdict::Stuck(reason),
            Some((_, reason)) => Verdict::Degraded(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So long after the worker's last sign, or after now while it has no work.
    fn after(secs: u64, progress: &Progress) -> Mono {
        let since = match progress.worker.since.load(Ordering::Relaxed) {
            0 => Mono::now(),
            since => Mono(since),
        };
        since + Duration::from_secs(secs)
    }

    #[test]
    fn a_worker_over_its_budget_degrades_and_over_twice_of_it_silences_the_beat() {
        let watchdog = Watchdog::default();
        let poller = watchdog.worker("poller", Duration::from_secs(10));
        assert_eq!(
            watchdog.judge(after(99, &poller)),
            Verdict::Fine,
            "waiting for work is no work"
        );
        let work = poller.working();
        let (in_time, late, silent) = (after(10, &poller), after(20, &poller), after(21, &poller));
        assert_eq!(watchdog.judge(in_time), Verdict::Fine);
        assert!(matches!(watchdog.judge(late), Verdict::Degraded(why) if why.contains("poller")));
        assert!(matches!(watchdog.judge(silent), Verdict::Stuck(_)));
        drop(work);
        assert_eq!(watchdog.judge(after(99, &poller)), Verdict::Fine);
    }

    #[test]
    fn a_worker_that_is_gone_is_not_judged() {
        let watchdog = Watchdog::default();
        let gone = watchdog.worker("gone", Duration::from_secs(1));
        std::mem::forget(gone.working());
        let late = after(99, &gone);
        drop(gone);
        assert_eq!(watchdog.judge(late), Verdict::Fine);
    }
}
