//! The threads that ask: each has a client and a meter of its own, and takes one job after the other.

mod asking;
mod chain;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use ureq::Agent;

use super::Event;
use super::agenda::{Ask, JobId};
use super::book::chains::Fetched as FetchedChain;
use super::config::Config;
use super::daemon::clock::VendorClock;
use super::facts::{Bar, Refusals, Spot, TradeRule};
use super::meter::{Meter, NoCall, SharedLog};
use super::normalise::market::Market;
use super::session::calendar::Holiday;
use super::vendor::{Client, PATIENCE};
use super::verdict::Next;
use crate::bus::{Address, ConnectionRegistry};
use crate::env::Secret;
use crate::fail_stop::lock;
use crate::net::ssrf_guard::SsrfGuard;
use crate::net::trust_store::TrustStore;
use crate::service::{Error, Progress, Service};
use asking::Asking;
pub use chain::ChainAsk;

/// How many there are.
pub const POLLERS: usize = 4;
/// The longest that one may show no progress.
const PROGRESS_BUDGET: Duration = Duration::from_secs(45);

/// What is in force; a job keeps what it was started with.
#[derive(Clone, Debug)]
pub struct Setup {
    pub config: Arc<Config>,
    pub key: Option<Secret>,
    pub clock: VendorClock,
    /// Where calls are counted.
    pub bus: Address,
}

/// One job for a poller.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: JobId,
    pub work: Work,
    pub setup: Arc<Setup>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Work {
    Market,
    Calendar,
    Spots(Ask),
    Chain(ChainAsk),
}

/// What a job came to.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub job: Job,
    pub done: Done,
    /// Calls that were made, or may have been.
    pub calls: u32,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Done {
    Took(Box<Taken>),
    Chain(Box<FetchedChain>, Refusals),
    Failed {
        next: Next,
        why: String,
        /// The beginning of an answer that was not understood, without any key.
        body: Option<String>,
    },
    NoCall(NoCall),
    /// The service is stopping.
    Stopped,
}

/// What a good answer says.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// By the vendor's clock.
    pub fetched_ms: i64,
    pub spots: Vec<Spot<'static>>,
    pub market: Option<Market>,
    pub calendar: Vec<Holiday>,
    pub bars: Vec<Bar<'static>>,
    pub rules: Vec<TradeRule>,
    pub refusals: Refusals,
}

/// All pollers.
pub struct Pool {
    jobs: Sender<Job>,
    agents: Agents,
}

/// What ends the requests under way.
#[derive(Clone, Default)]
struct Agents(Arc<Mutex<Vec<Agent>>>);

impl Agents {
    fn put(&self, nth: usize, agent: Agent) {
        let mut agents = lock(&self.0);
        agents.truncate(POLLERS);
        match agents.get_mut(nth) {
            Some(old) => *old = agent,
            None => agents.push(agent),
        }
    }
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives none.
    pub fn start(
        service: &mut Service<Event>,
        shared: &SharedLog,
        bus: &Address,
        trust: &TrustStore,
    ) -> Result<Pool, Error> {
        let (jobs, inbox) = bounded(POLLERS);
        let agents = Agents::default();
        for nth in 0..POLLERS {
            let name = format!("fetch-{}", nth + 1);
            let meter = |bus: &Address, nth: usize| {
                Meter::new(
                    shared.clone(),
                    bus.clone(),
                    &format!("massive:fetch-{}", nth + 1),
                )
            };
            let client = Client::new(SsrfGuard::default(), trust, meter(bus, nth), PATIENCE);
            agents.put(nth, client.agent());
            let poller = Poller {
                nth,
                inbox: inbox.clone(),
                sender: service.sender.clone(),
                progress: service.beat.progress(name.clone(), PROGRESS_BUDGET),
                connections: service.buses.connections().clone(),
                shared: shared.clone(),
                agents: agents.clone(),
                client,
                trust: trust.clone(),
                allow_hosts: Vec::new(),
            };
            service.threads.spawn(&name, move || poller.run())?;
        }
        Ok(Pool { jobs, agents })
    }

    /// Gives out a job.
    ///
    /// # Errors
    /// All are at work: the job comes back.
    pub fn give(&self, job: Job) -> Result<(), Box<Job>> {
        self.jobs
            .try_send(job)
            .map_err(|error| Box::new(error.into_inner()))
    }

    /// Ends every request under way.
    pub fn shut_down(self) {
        drop(self.jobs);
        let agents = lock(&self.agents.0);
        for agent in agents.iter() {
            agent.clone().shutdown();
        }
    }
}

/// One poller.
struct Poller {
    nth: usize,
    inbox: Receiver<Job>,
    sender: Sender<Event>,
    progress: Progress,
    connections: ConnectionRegistry,
    shared: SharedLog,
    agents: Agents,
    client: Client,
    trust: TrustStore,
    /// What its client was made with.
    allow_hosts: Vec<String>,
}

impl Poller {
    fn run(mut self) -> Result<(), Error> {
        for job in self.inbox.clone() {
            let progress = self.progress.clone();
            let working = progress.working();
            self.fit(&job.setup);
            let mut asking = Asking {
                client: &self.client,
                setup: &job.setup,
                connections: &self.connections,
                working: &working,
                calls: 0,
            };
            let done = asking.work(&job.work);
            let calls = asking.calls;
            drop(working);
            let fetched = Box::new(Fetched { job, done, calls });
            if self.sender.send(Event::Fetched(fetched)).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// A client that serves this truth.
    fn fit(&mut self, setup: &Setup) {
        let allowed = setup.config.allowed_hosts();
        if allowed != self.allow_hosts {
            let guard = SsrfGuard::new(&allowed).unwrap_or_default();
            let name = format!("massive:fetch-{}", self.nth + 1);
            let meter = Meter::new(self.shared.clone(), setup.bus.clone(), &name);
            self.client = Client::new(guard, &self.trust, meter, PATIENCE);
            self.agents.put(self.nth, self.client.agent());
            self.allow_hosts = allowed;
        }
        let mut meter = lock(self.client.meter());
        meter.set_address(setup.bus.clone());
    }
}
