//! The daemon: one loop that decides, and pollers that do.
//!
//! The loop never waits for a publisher or for the store; whatever may take time is a `Job` for a poller.

mod away;
mod own_lease;
mod reload;
mod standby;
mod turns;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use super::Event;
use super::config::{Config, FeedSpec, SERVICE};
use super::context::Setup;
use super::fetch::{self, Fetcher};
use super::poll::{Manner, Outcome, Report};
use super::pollers::{Job, POLLERS, Pool};
use super::schedule::plan::Plan;
use super::store::{SharedStore, Swept};
use crate::bus::{AWAY_IS_TOLD_AFTER, Address, BusError, Buses};
use crate::clock::Mono;
use crate::contract::mesh::GOSSIP;
use crate::contract::{MARKET_BUS, SYSTEM_BUS, feeds};
use crate::net::permits::hosts::Hosts;
use crate::net::permits::{HostPermit, HostPermits, Semaphore};
use crate::net::trust_store::TrustStore;
use crate::service::lease::is_release;
use crate::service::{Error, Notice, Profile, Service};
use turns::Turns;

/// What rss_agg wants of the service room.
pub const PROFILE: Profile = Profile {
    channels: &[feeds::POLL, GOSSIP],
    ..Profile::new(
        SERVICE,
        "polls the feeds in truth and queues each new item once",
    )
};

/// From one sweep of the store to the next.
const SWEEP_EVERY: Duration = Duration::from_secs(15);
/// From one sweep to the next while there is more to take away.
const SWEEP_ON: Duration = Duration::from_millis(200);
/// When what is known of feeds that are gone is looked through first, and how often from then on.
const FORGET_FIRST: Duration = Duration::from_secs(300);
const FORGET_EVERY: Duration = Duration::from_secs(24 * 3600);
/// How often a store that failed is asked whether it is back.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Runs until it is told to stop.
pub fn run(mut service: Service<Event>) -> Result<(), Error> {
    let config = read_config(&service)?;
    let trust = fetch::trust_store(&service.env)?;
    let address = store_address(&service.buses)?;
    let store = SharedStore::new(address.clone(), "rss_agg:store");
    let hosts = HostPermits::new(Hosts::new(config.limits.hosts()));
    let mut reader = Reader {
        setup: Arc::new(setup(config, fetch::big_bodies(), &trust)),
        trust,
        pool: Pool::new(store.clone()),
        store,
        hosts,
        plan: Plan::new(POLLERS),
        to_load: Vec::new(),
        forced: HashSet::new(),
        stretch: HashSet::new(),
        next_sweep: Some(Mono::now()),
        next_forget: Some(Mono::now() + FORGET_FIRST),
        store_down: None,
        turns: Turns::start(address, &mut service)?,
        retired: Vec::new(),
    };
    log::info!("{} feeds", reader.setup.config.feeds.len());
    let done = reader.serve(&mut service);
    reader.hosts.close();
    reader.setup.fetcher.shut_down();
    done
}

struct Reader {
    setup: Arc<Setup>,
    trust: TrustStore,
    store: SharedStore,
    hosts: HostPermits,
    plan: Plan,
    pool: Pool,
    /// Feeds whose place in the schedule has to be read from the store.
    to_load: Vec<Arc<FeedSpec>>,
    /// Feeds that somebody wants polled now.
    forced: HashSet<String>,
    /// Feeds whose next wait is stretched.
    stretch: HashSet<String>,
    /// `None` while one is under way.
    next_sweep: Option<Mono>,
    /// Likewise.
    next_forget: Option<Mono>,
    /// While the store is away, or seems to be.
    store_down: Option<StoreDown>,
    /// What this instance may poll. What is not its turn it neither polls nor writes.
    turns: Turns,
    /// Threads that a truth has made needless: they may end.
    retired: Vec<&'static str>,
}

/// A store that failed.
struct StoreDown {
    why: BusError,
    since: Mono,
    /// When to ask whether it is back; `None` while it is being asked.
    probe_at: Option<Mono>,
    /// It failed for long, so people were told.
    is_told: bool,
}

impl StoreDown {
    fn being_asked(self) -> StoreDown {
        let probe_at = None;
        StoreDown { probe_at, ..self }
    }
}

impl Reader {
    fn serve(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        loop {
            self.tell_that_it_lasts(service);
            self.hand_out(service)?;
            let event = match self.next_deadline() {
                Some(at) => service.events.recv_deadline(at.instant()),
                None => service
                    .events
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
            };
            if !matches!(
                event,
                Ok(Event::Notice(_) | Event::Lease(_) | Event::Shares(_)) | Err(_)
            ) {
                self.pool.done();
            }
            match event {
                Ok(Event::Notice(Notice::Stop)) | Err(RecvTimeoutError::Disconnected) => {
                    return Ok(());
                }
                Ok(Event::Notice(notice)) => self.heed(notice, service)?,
                Ok(Event::Polled { feed, report }) => self.polled(&feed, report),
                Ok(Event::Loaded(loaded)) => self.loaded(loaded, service)?,
                Ok(Event::Swept(swept)) => self.swept(swept),
                Ok(Event::Forgot(forgot)) => {
                    self.next_forget = Some(Mono::now() + FORGET_EVERY);
                    if let Err(error) = forgot {
                        self.store_failed(error, None);
                    }
                }
                Ok(Event::Probed(Ok(()))) => self.store_is_back(service)?,
                Ok(Event::Probed(Err(error))) => self.store_is_away(error, service),
                Ok(Event::Lease(change)) => self.lease_changed(change, service)?,
                Ok(Event::Shares(change)) => self.shares_changed(change, service)?,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Gives out what is due.
    fn hand_out(&mut self, service: &mut Service<Event>) -> Result<(), Error> {
        let now = Mono::now();
        if !self.turns.may_work(now) {
            return Ok(());
        }
        if let Some(down) = &self.store_down {
            let is_time = down.probe_at.is_some_and(|at| at <= now);
            if is_time && self.give_any(Job::Probe, service)? {
                self.store_down = self.store_down.take().map(StoreDown::being_asked);
            }
            // Without a store nothing could be kept: no publisher is asked in vain.
            return Ok(());
        }
        self.hand_out_chores(now, service)?;
        loop {
            let taken = self.plan.take(&mut self.hosts.lock(), now);
            let Some(turn) = taken else { return Ok(()) };
            let permit = HostPermit::taken(&self.hosts, &turn.host);
            let Some(spec) = self.setup.spec(&turn.feed) else {
                // The plan holds feeds of the truth in force only, so this is for the reader's peace of mind.
                self.plan.done(&turn.feed, None, false);
                continue;
            };
            let Some(leave) = self.turns.enter(&spec.id, now) else {
                // Its part was shut a moment ago, or is another's.
                self.plan.done(&turn.feed, Some(now + PROBE_EVERY), false);
                if !self.turns.has(&spec.id) {
                    self.plan.remove(&turn.feed);
                }
                continue;
            };
            let manner = Manner {
                forced: self.forced.remove(&spec.id),
                stretch: self.stretch.remove(&spec.id),
            };
            let job = Job::Poll {
                setup: self.setup.clone(),
                spec,
                manner,
                permit,
            };
            self.pool.give(job, &leave.fence, leave.permit, service)?;
        }
    }

    /// Gives out what is done for all feeds, if that is this instance's.
    fn hand_out_chores(&mut self, now: Mono, service: &mut Service<Event>) -> Result<(), Error> {
        let is_due = |at: Option<Mono>| at.is_some_and(|at| at <= now);
        for is_sweep in [true, false] {
            let next = if is_sweep {
                self.next_sweep
            } else {
                self.next_forget
            };
            let Some(leave) = is_due(next).then(|| self.turns.enter_chores(now)).flatten() else {
                continue;
            };
            let setup = self.setup.clone();
            let job = if is_sweep {
                Job::Sweep(setup)
            } else {
                Job::Forget(setup)
            };
            if self.pool.give(job, &leave.fence, leave.permit, service)? {
                let next = if is_sweep {
                    &mut self.next_sweep
                } else {
                    &mut self.next_forget
                };
                *next = None;
            }
        }
        Ok(())
    }

    /// Gives out a job that writes nothing of any feed.
    fn give_any(&mut self, job: Job, service: &mut Service<Event>) -> Result<bool, Error> {
        match self.turns.enter_any(Mono::now()) {
            Some(leave) => self.pool.give(job, &leave.fence, leave.permit, service),
            None => Ok(false),
        }
    }

    fn next_deadline(&self) -> Option<Mono> {
        let now = Mono::now();
        let down = self.store_down.as_ref();
        let told = down.filter(|down| !down.is_told);
        let told = told.map(|down| down.since + AWAY_IS_TOLD_AFTER);
        if !self.turns.may_work(now) {
            return told.into_iter().chain(self.turns.look_again(now)).min();
        }
        if let Some(down) = down {
            return told.into_iter().chain(down.probe_at).min();
        }
        let chores = [self.next_sweep, self.next_forget];
        let chores = chores
            .into_iter()
            .flatten()
            .filter(|_| self.turns.has_chores());
        self.plan.next_deadline().into_iter().chain(chores).min()
    }

    fn heed(&mut self, notice: Notice, service: &mut Service<Event>) -> Result<(), Error> {
        match notice {
            Notice::Truth(truth) => {
                service.adopt(truth);
                match read_config(service) {
                    Ok(config) => self.reload(config, service)?,
                    Err(error) => log::error!("the new truth is not used: {error}"),
                }
            }
            Notice::Message { channel, payload } if channel == feeds::POLL => {
                self.poll_now(&String::from_utf8_lossy(&payload));
            }
            Notice::Message { channel, payload } if channel == GOSSIP => {
                if is_release(&payload) {
                    self.turns.look();
                }
            }
            Notice::ThreadEnded { name, error } => {
                if error.is_some() || !self.retired.contains(&&*name) {
                    return Err(Error::thread_ended(&name, error));
                }
            }
            Notice::Message { .. } | Notice::Stop => {}
            Notice::TruthRejected { .. } | Notice::TruthMissing => {}
        }
        Ok(())
    }

    fn polled(&mut self, feed: &str, report: Report) {
        let due = match report.outcome {
            Outcome::Next(wait) => wait.map(|wait| Mono::now() + wait),
            Outcome::StoreFailed(error) => {
                self.store_failed(error, Some(feed));
                // What was fetched is not in the store. The publisher is not to pay for that with haste.
                let spec = self.setup.spec(feed);
                let pause = spec.map_or(1, |spec| spec.pace.min_sec);
                Some(Mono::now() + Duration::from_secs(pause).max(PROBE_EVERY))
            }
        };
        self.plan.done(feed, due, report.slow);
        if !self.turns.has(feed) {
            return self.plan.remove(feed);
        }
        if self.forced.contains(feed) {
            self.poll_now(feed);
        }
    }

    fn poll_now(&mut self, feed: &str) {
        let Some(spec) = self.setup.spec(feed) else {
            log::warn!("asked to poll {feed:?}, which truth does not have");
            return;
        };
        if !self.turns.has(feed) {
            // Whoever's turn it is was asked as well.
            return;
        }
        // While it is under way, this waits for its end.
        self.forced.insert(feed.to_owned());
        self.plan.put(feed, &spec.host(), Some(Mono::now()));
    }

    fn swept(&mut self, swept: Result<Swept, BusError>) {
        let pause = match swept {
            Ok(swept) => {
                if swept.lost > 0 {
                    log::error!(
                        "{} queue entries were dropped before a worker had them: {} is over {} entries; \
                         the workers are too slow or gone",
                        swept.lost,
                        feeds::QUEUE,
                        self.setup.config.limits.keep_items
                    );
                }
                if swept.more { SWEEP_ON } else { SWEEP_EVERY }
            }
            Err(error) => {
                self.store_failed(error, None);
                SWEEP_EVERY
            }
        };
        self.next_sweep = Some(Mono::now() + pause);
    }
}

fn setup(config: Config, big_bodies: Semaphore, trust: &TrustStore) -> Setup {
    let contact = config.limits.contact.as_deref();
    let fetcher = Fetcher::new(config.guard.clone(), contact, big_bodies.clone(), trust);
    Setup::new(config, fetcher, big_bodies)
}

fn read_config(service: &Service<Event>) -> Result<Config, Error> {
    Config::from_truth(&service.truth).map_err(|problem| Error::Truth(problem.to_string()))
}

/// The market bus, where somebody has named one; else the system bus.
pub fn store_address(buses: &Buses) -> Result<Address, BusError> {
    let name = if buses.is_named(MARKET_BUS) {
        MARKET_BUS
    } else {
        SYSTEM_BUS
    };
    buses.resolve(name)
}
