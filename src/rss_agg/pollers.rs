//! The pollers: threads that take one job after the other, as many as the jobs under way ever needed at once.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Event;
use super::config::FeedSpec;
use super::context::{PollContext, Setup};
use super::numbers::Numbers;
use super::poll::{self, Manner, PROGRESS_BUDGET};
use super::record::Record;
use super::store::{Keep, SharedStore, Store, Swept};
use crate::bus::BusError;
use crate::bus::lease::Fence;
use crate::clock;
use crate::env::Env;
use crate::net::permits::HostPermit;
use crate::service::lease::Permit;
use crate::service::{Error, Progress, Service, Working};

/// What a poller can be told to do.
pub enum Job {
    Poll {
        setup: Arc<Setup>,
        spec: Arc<FeedSpec>,
        manner: Manner,
        permit: HostPermit,
    },
    /// Look up when these feeds are due.
    Load(Vec<Arc<FeedSpec>>),
    /// Take away what is too old or too much.
    Sweep(Arc<Setup>),
    /// See whether the store takes writes.
    Probe,
    /// Forget feeds that are gone for long.
    Forget(Arc<Setup>),
}

/// A job, the store for it, in the name of the holding that it was given out in, and the leave for it.
type Fenced = (SharedStore, Job, Option<Permit>);

/// Polls under way at once. They wait for the net most of the time; 20 feeds that hang for 20 s each keep 20 of them.
pub const POLLERS: usize = 32;
/// Jobs besides polls that may wait: one of each kind.
const CHORES: usize = 5;

/// All pollers. A thread is started when a job finds all others at work: a reader with few feeds needs few.
pub struct Pool {
    jobs: Sender<Fenced>,
    inbox: Receiver<Fenced>,
    store: SharedStore,
    started: usize,
    /// Jobs given and not done. Invariant: at most a poll for each poller and every chore once, which is what the plan and
    /// the loop give out; so the queue has room for each of them.
    under_way: usize,
}

impl Pool {
    /// A pool whose pollers share `store`; no thread yet.
    pub fn new(store: SharedStore) -> Pool {
        let (jobs, inbox) = bounded(POLLERS + CHORES);
        Pool {
            jobs,
            inbox,
            store,
            started: 0,
            under_way: 0,
        }
    }

    /// Puts a job on the queue, which has room for a poll of each poller and for every chore. What it writes is written
    /// in the name of this holding, and `permit` is dropped when it is done. What comes of it is an [`Event`], at which
    /// [`done`](Pool::done) is to be called.
    pub fn give(
        &mut self,
        job: Job,
        fence: &Fence,
        permit: Option<Permit>,
        service: &mut Service<Event>,
    ) -> Result<bool, Error> {
        let store = self.store.fenced_by(fence);
        if self.jobs.try_send((store, job, permit)).is_err() {
            return Ok(false);
        }
        self.under_way += 1;
        debug_assert!(self.under_way <= POLLERS + CHORES, "{}", self.under_way);
        if self.under_way > self.started && self.started < POLLERS {
            self.start_one(service)?;
        }
        Ok(true)
    }

    /// The event of a job has come.
    pub fn done(&mut self) {
        debug_assert!(self.under_way > 0, "an event for each job");
        self.under_way = self.under_way.saturating_sub(1);
    }

    fn start_one(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        let name = format!("poller-{}", self.started + 1);
        let poller = Poller {
            inbox: self.inbox.clone(),
            env: service.env.clone(),
            progress: service.beat.progress(name.clone(), PROGRESS_BUDGET),
            sender: service.sender.clone(),
            numbers: Numbers::new(service.beat.metrics()),
        };
        service.threads.spawn(&name, move || poller.run())?;
        self.started += 1;
        Ok(())
    }
}

/// One poller.
struct Poller {
    inbox: Receiver<Fenced>,
    env: Env,
    progress: Progress,
    sender: Sender<Event>,
    numbers: Numbers,
}

impl Poller {
    /// Works until there are no more jobs.
    fn run(self) -> Result<(), Error> {
        for (store, job, permit) in &self.inbox {
            let event = self.work(&store, job);
            drop(permit);
            if self.sender.send(event).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn work(&self, store: &SharedStore, job: Job) -> Event {
        let working = self.progress.working();
        match job {
            Job::Poll {
                setup,
                spec,
                manner,
                permit,
            } => {
                let context = PollContext {
                    config: &setup.config,
                    fetcher: &setup.fetcher,
                    store,
                    env: &self.env,
                    working: &working,
                    numbers: &self.numbers,
                };
                let report = poll::poll(&context, &spec, manner, permit);
                Event::Polled {
                    feed: spec.id.clone(),
                    report,
                }
            }
            Job::Load(specs) => {
                Event::Loaded(store.with_retry(|store| load(store, &specs, &working)))
            }
            Job::Sweep(setup) => {
                store.look_afresh();
                let swept = |store: &mut Store| sweep(store, &setup, &working);
                Event::Swept(store.with_retry(swept))
            }
            Job::Forget(setup) => Event::Forgot(store.with_retry(|store| {
                let is_kept = |feed: &str| setup.spec(feed).is_some();
                store.forget(is_kept, clock::wall_secs(), || working.tick())
            })),
            Job::Probe => Event::Probed(store.with(Store::probe)),
        }
    }
}

/// A feed and when it is due; `None`: not to be polled.
pub type Due = (Arc<FeedSpec>, Option<i64>);

fn load(
    store: &mut Store,
    specs: &[Arc<FeedSpec>],
    working: &Working<'_>,
) -> Result<Vec<Due>, BusError> {
    let ids: Vec<&str> = specs.iter().map(|spec| spec.id.as_str()).collect();
    let records = store.records(&ids, || working.tick())?;
    let now_ts = clock::wall_secs();
    let due = |(spec, record): (&Arc<FeedSpec>, Option<Record>)| {
        let due_ts = record.unwrap_or_default().due_ts(spec, now_ts);
        (spec.clone(), due_ts)
    };
    Ok(specs.iter().zip(records).map(due).collect())
}

fn sweep(store: &mut Store, setup: &Setup, working: &Working<'_>) -> Result<Swept, BusError> {
    let keep = Keep {
        secs: setup.config.limits.keep_sec,
        items: setup.config.limits.keep_items,
    };
    store.sweep(keep, clock::wall_secs(), || working.tick())
}
