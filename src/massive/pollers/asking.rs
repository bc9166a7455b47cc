//! One job under way: its calls, what is made of each answer, and what follows where there is none.

use std::time::Duration;

use super::{Done, Setup, Taken, Work};
use crate::bus::ConnectionRegistry;
use crate::massive::answer::ask::{MARKET_HOLIDAYS, MARKET_STATUS};
use crate::massive::answer::request::Request;
use crate::massive::facts::{Bar, Spot};
use crate::massive::key;
use crate::massive::meter::NoCall;
use crate::massive::normalise;
use crate::massive::vendor::{Client, Failure};
use crate::massive::verdict::{Code, Job as Kind, Next, Outcome, verdict};
use crate::service::Working;

/// What is kept of an answer that was not understood.
const BODY_KEPT_BYTES: usize = 2 * 1024;

/// One job under way.
pub(super) struct Asking<'a> {
    pub client: &'a Client,
    pub setup: &'a Setup,
    pub connections: &'a ConnectionRegistry,
    pub working: &'a Working<'a>,
    pub calls: u32,
}

/// Why a call brought nothing.
pub(super) enum Stop {
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
pub(super) enum Read<T> {
    Good(T),
    /// The envelope is an error.
    Refused(Code),
    NotUnderstood(String),
    /// It is understood, and yet of no use: not asked again at once.
    Useless(String),
}

impl Asking<'_> {
    /// Does a job, to its end.
    pub fn work(&mut self, work: &Work) -> Done {
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
                    bars: facts.bars.into_iter().map(Bar::into_owned).collect(),
                    rules: facts.rules,
                    refusals: facts.refusals,
                }),
            }
        })
    }

    /// Asks, once more where the answer is not understood, and reads what came.
    pub fn ask<T>(
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
            if self.connections.is_ending() {
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
    pub fn pause(&self, wait: Duration) -> Result<(), Stop> {
        self.working.tick();
        match self.connections.wait(wait) {
            true => Err(Stop::Stopped),
            false => Ok(()),
        }
    }
}
