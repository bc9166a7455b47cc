//! The threads that ask: each has a client and a meter of its own, and takes one job after the other.

mod chain;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use ureq::Agent;

use super::Event;
use super::agenda::{Ask, JobId};
use super::answer::ask::{MARKET_HOLIDAYS, MARKET_STATUS};
use super::answer::request::Request;
use super::book::chains::Fetched as FetchedChain;
use super::config::Config;
use super::daemon::clock::VendorClock;
use super::facts::{Refusals, Spot};
use super::key;
use super::meter::{Meter, NoCall, SharedLog};
use super::normalise;
use super::normalise::market::Market;
use super::session::calendar::Holiday;
use super::vendor::{Client, Failure};
use super::verdict::{Code, Job as Kind, Next, Outcome, verdict};
use crate::bus::{Address, Switchboard};
use crate::env::Secret;
use crate::net::ssrf_guard::SsrfGuard;
use crate::net::trust_store::TrustStore;
use crate::service::{Error, Progress, Service, Working};
pub use chain::ChainAsk;

/// How many there are.
pub const POLLERS: usize = 4;
/// The longest that one may show no progress.
const PROGRESS_BUDGET: Duration = Duration::from_secs(45);
/// What is kept of an answer that was not understood.
const BODY_KEPT_BYTES: usize = 2 * 1024;

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
        let mut agents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
            let client = Client::new(SsrfGuard::default(), trust, meter(bus, nth));
            agents.put(nth, client.agent());
            let poller = Poller {
                nth,
                inbox: inbox.clone(),
                sender: service.sender.clone(),
                progress: service.beat.progress(name.clone(), PROGRESS_BUDGET),
                switchboard: service.buses.switchboard().clone(),
                shared: shared.clone(),
                agents: agents.clone(),
                client,
                trust: trust.clone(),
                allow_hosts: Vec::new(),
            };
            service.crew.spawn(&name, move || poller.run())?;
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
        let agents = self.agents.0.lock().unwrap_or_else(PoisonError::into_inner);
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
    switchboard: Switchboard,
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
                switchboard: &self.switchboard,
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
            self.client = Client::new(guard, &self.trust, meter);
            self.agents.put(self.nth, self.client.agent());
            self.allow_hosts = allowed;
        }
        let mut meter = self
            .client
            .meter()
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        meter.set_address(setup.bus.clone());
    }
}

/// One job under way.
struct Asking<'a> {
    client: &'a Client,
    setup: &'a Setup,
    switchboard: &'a Switchboard,
    working: &'a Working<'a>,
    calls: u32,
}

/// Why a call brought nothing.
enum Stop {
    NoCall(NoCall),
    Failed {
        next: Next,
        why: String,
        body: Option<String>,
    },
    Stopped,
}

impl From<Stop> for Done {
    fn from(stop: Stop) -> Done {
        match stop {
            Stop::NoCall(none) => Done::NoCall(none),
            Stop::Failed { next, why, body } => Done::Failed { next, why, body },
            Stop::Stopped => Done::Stopped,
        }
    }
}

/// What a reader makes of a body.
enum Read<T> {
    Good(T),
    /// The envelope is an error.
    Refused(Code),
    NotUnderstood(String),
    /// It is understood, and yet of no use: not asked again at once.
    Useless(String),
}

impl Asking<'_> {
    fn work(&mut self, work: &Work) -> Done {
        let taken = match work {
            Work::Market => self.facts(MARKET_STATUS, &[], Kind::Market),
            Work::Calendar => self.facts(MARKET_HOLIDAYS, &[], Kind::Market),
            Work::Spots(ask) => self.facts(&ask.target, &ask.symbols, ask.kind),
            Work::Chain(ask) => return self.chain(ask),
        };
        match taken {
            Ok(taken) => Done::Took(Box::new(taken)),
            Err(stop) => stop.into(),
        }
    }

    fn facts(&mut self, target: &str, symbols: &[String], kind: Kind) -> Result<Taken, Stop> {
        let useless = |why| Stop::Failed {
            next: Next::Off,
            why,
            body: None,
        };
        let request = Request::parse(target).map_err(useless)?;
        let request = match symbols {
            [] => request,
            symbols => request.only(symbols.iter().cloned()),
        };
        let clock = self.setup.clock;
        self.ask(target, kind, |body| {
            let now_ms = clock.now_ms();
            match normalise::read(body, &request, now_ms) {
                Err(why) => Read::NotUnderstood(why.to_string()),
                Ok(facts) if facts.code != Code::Good => Read::Refused(facts.code),
                Ok(facts) => Read::Good(Taken {
                    fetched_ms: now_ms,
                    spots: facts.spots.into_iter().map(Spot::into_owned).collect(),
                    market: facts.market,
                    calendar: facts.calendar,
                    refusals: facts.refusals,
                }),
            }
        })
    }

    /// Asks, once more where the answer is not understood, and reads what came.
    fn ask<T>(
        &mut self,
        target: &str,
        kind: Kind,
        mut read: impl FnMut(&[u8]) -> Read<T>,
    ) -> Result<T, Stop> {
        let mut is_repeated = false;
        loop {
            self.working.tick();
            let came =
                self.client
                    .get(&self.setup.config.base_url, target, self.setup.key.as_ref());
            self.working.tick();
            if self.switchboard.is_ending() {
                return Err(Stop::Stopped);
            }
            let (outcome, retry_after, why, body) = match came {
                Err(Failure::NoCall(none)) => return Err(Stop::NoCall(none)),
                Err(Failure::Unreachable(why)) => {
                    self.calls += 1;
                    (Outcome::Unreachable, None, why, Vec::new())
                }
                Ok(reply) => {
                    self.calls += 1;
                    let status = reply.status;
                    let not_success = Code::of_status(status) != Code::Good;
                    let (envelope, why) = if not_success {
                        (Some(Code::Good), format!("HTTP {status}"))
                    } else if reply.is_cut {
                        (None, "the answer was cut, or is too long".to_owned())
                    } else {
                        match read(&reply.body) {
                            Read::Good(read) => return Ok(read),
                            Read::Refused(code) => {
                                (Some(code), format!("the vendor answers: {}", code.reason()))
                            }
                            Read::NotUnderstood(why) => (None, why),
                            Read::Useless(why) => {
                                let next = Next::BackOff { quarantine: true };
                                return Err(self.stop(next, why, Vec::new()));
                            }
                        }
                    };
                    let outcome = envelope.map_or(Outcome::NotUnderstood, |envelope| {
                        Outcome::Answered { status, envelope }
                    });
                    (outcome, reply.retry_after, why, reply.body)
                }
            };
            match verdict(outcome, kind, is_repeated, retry_after) {
                Next::OnceMore(wait) => {
                    is_repeated = true;
                    self.pause(wait)?;
                }
                next => return Err(self.stop(next, why, body)),
            }
        }
    }

    fn stop(&self, next: Next, why: String, body: Vec<u8>) -> Stop {
        let key = self.setup.key.as_ref();
        let kept = matches!(next, Next::BackOff { quarantine: true });
        let body = kept.then(|| {
            let all = String::from_utf8_lossy(&body[..body.len().min(2 * BODY_KEPT_BYTES)]);
            // A key at the very end may be cut in two: what is kept ends well before.
            let text = key::scrubbed(&all, key);
            crate::text::cut(&text, BODY_KEPT_BYTES).to_owned()
        });
        Stop::Failed {
            next,
            why: key::scrubbed(&why, key),
            body,
        }
    }

    /// Waits, but not past the end of the service.
    fn pause(&self, wait: Duration) -> Result<(), Stop> {
        self.working.tick();
        match self.switchboard.wait(wait) {
            true => Err(Stop::Stopped),
            false => Ok(()),
        }
    }
}
