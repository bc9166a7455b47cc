//! One item's way through the model stage: the cache, the breaker, the budget, the call, and the checks of its answer.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use super::super::config::Model;
use super::answer::{self, Answer, Shown};
use super::breaker::{Gate, Outcome};
use super::budget::{Limits, Prices};
use super::client::Client;
use super::dialect::{Attempts, Class, Fault, Kind, Memory, Next, Request};
use super::endpoint::Endpoint;
use super::ledger::{Ledger, Reserved};
use super::prompt::Piece;
use crate::bus::BusError;

/// The longest wait after which the caller is asked once more whether to go on.
pub const WAIT_MAX: Duration = Duration::from_secs(5);
/// What a call may take besides the server's time, until others may probe.
const CALL_ROOM: Duration = Duration::from_secs(10);

/// An item to be refined.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub title: &'a str,
    pub text: &'a str,
    pub url: &'a str,
    /// Tickers that the local rules found.
    pub tickers: &'a [String],
    /// An answer of before does not count.
    pub anew: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Answered {
        answer: Answer,
        /// It was kept from before; nothing was spent.
        from_cache: bool,
    },
    /// There is no result, because.
    Failed(String),
    /// It is not asked, because.
    Skipped(String),
    /// The caller stopped; nothing is known.
    Stopped,
}

/// Whether to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Go {
    On,
    /// Not with this item, because.
    Skip(String),
    /// With nothing.
    Stop,
}

/// The caller's part.
pub trait Hooks {
    /// Waits for so long, or shorter. `why`: what is waited for.
    fn wait(&mut self, time: Duration, why: &str) -> Go;
    /// A call begins.
    fn calls(&mut self);
    /// It is over; `false` when the caller is to end, and may have ended the call.
    fn called(&mut self) -> bool;
}

/// All that is needed to ask.
pub struct Asker<'a> {
    pub endpoint: &'a Endpoint,
    pub settings: &'a Model,
    pub client: &'a Client,
    pub memory: &'a Memory,
    pub ledger: &'a mut Ledger,
}

impl Model {
    /// What may be spent.
    pub fn limits(&self) -> Limits {
        Limits {
            calls_per_min: self.calls_per_min,
            tokens_per_min: self.tokens_per_min,
            calls_per_day: self.calls_per_day,
            tokens_per_day: self.tokens_per_day,
            cost_per_day: self.cost_per_day,
        }
    }

    /// What it is counted by.
    pub fn prices(&self) -> Prices {
        Prices {
            input: self.price_in.unwrap_or(0.0),
            output: self.price_out.unwrap_or(0.0),
        }
    }
}

impl Asker<'_> {
    /// Asks about one item, for as long as `hooks` waits.
    ///
    /// # Errors
    /// Those of the bus; then nothing is known of the item.
    pub fn ask(
        &mut self,
        subject: &Subject<'_>,
        hooks: &mut dyn Hooks,
    ) -> Result<Verdict, BusError> {
        let piece = Piece::new(subject.title, subject.text, self.settings.max_input_chars);
        let extra = serde_json::to_string(&self.settings.extra).unwrap_or_default();
        let hash = piece.cache_hash(&self.endpoint.base, &self.endpoint.model, &extra);
        let nonce = nonce();
        let shown = Shown {
            title: &piece.title,
            text: &piece.text,
            url: subject.url,
            tickers: subject.tickers,
            nonce: &nonce,
        };
        if !subject.anew
            && let Some(kept) = self.ledger.cached(&hash)?
            && let Ok(answer) = answer::read(&kept, &shown)
        {
            self.ledger.count_cached()?;
            let from_cache = true;
            return Ok(Verdict::Answered { answer, from_cache });
        }
        let (base, model) = (&self.endpoint.base, &self.endpoint.model);
        let dialect = self.memory.recall(base, model);
        let mut attempts = Attempts::new(dialect, self.settings.max_output_tokens);
        loop {
            match self.call(&piece, &nonce, &attempts, hooks)? {
                Called::Not(verdict) => return Ok(verdict),
                Called::Wrote(content) => {
                    return match answer::read(&content, &shown) {
                        Ok(answer) => {
                            let json = answer.to_json();
                            self.ledger.keep(&hash, &json, self.settings.cache_sec)?;
                            let from_cache = false;
                            Ok(Verdict::Answered { answer, from_cache })
                        }
                        Err(refusal) => Ok(Verdict::Failed(refusal.to_string())),
                    };
                }
                Called::Fault(fault) => {
                    if let Some(verdict) = self.after(&fault, &mut attempts, hooks)? {
                        return Ok(verdict);
                    }
                }
            }
        }
    }

    /// One call, when breaker and budget let it through.
    fn call(
        &mut self,
        piece: &Piece,
        nonce: &str,
        attempts: &Attempts,
        hooks: &mut dyn Hooks,
    ) -> Result<Called, BusError> {
        let messages = piece.messages(nonce);
        let prices = self.settings.prices();
        let cost = prices.most(&messages, attempts.max_tokens);
        let limits = self.settings.limits();
        if let Some(short) = limits.never(cost) {
            let (tokens, short) = (cost.tokens, short.as_str());
            let why = format!("one call may take {tokens} tokens, which {short} never allows");
            return Ok(Called::Not(Verdict::Skipped(why)));
        }
        let timeout = self.settings.timeout();
        let reservation = loop {
            let (ms, why) = match self.gate(timeout)? {
                Some(wait) => wait,
                None => match self.ledger.reserve(&limits, cost)? {
                    Reserved::Call(reservation) => break reservation,
                    Reserved::Short { short, wait_ms } => {
                        (wait_ms, format!("{} is spent", short.as_str()))
                    }
                },
            };
            // Looked at again now and then: others may be let through, and so are we then.
            let step = ms.min(i64::try_from(WAIT_MAX.as_millis()).unwrap_or(i64::MAX));
            if let Some(verdict) = wait(hooks, step, &why) {
                return Ok(Called::Not(verdict));
            }
        };
        let request = attempts.dialect.body(&Request {
            model: &self.endpoint.model,
            messages: &messages,
            max_tokens: attempts.max_tokens,
            extra: &self.settings.extra,
        });
        hooks.calls();
        let answered = self.client.post(self.endpoint, &request, timeout);
        let goes_on = hooks.called();
        if let Some(usage) = answered.usage {
            self.ledger
                .settle(&reservation, usage, prices.cost(usage))?;
        }
        if !goes_on && answered.content.is_err() {
            // Whoever ends a call learns nothing about the server.
            return Ok(Called::Not(Verdict::Stopped));
        }
        let print = &self.endpoint.fingerprint;
        match answered.content {
            Ok(content) => {
                self.ledger.told(print, Outcome::Success, None)?;
                Ok(Called::Wrote(content))
            }
            Err(fault) => {
                let why = fault.to_string();
                match outcome(&fault, attempts, &why) {
                    Some(outcome) => self.ledger.told(print, outcome, answered.pause)?,
                    None => log::debug!("{}: {why}", self.endpoint.model),
                }
                Ok(Called::Fault(fault))
            }
        }
    }

    /// How long the breaker keeps us from asking, and why.
    fn gate(&mut self, timeout: Duration) -> Result<Option<(i64, String)>, BusError> {
        let print = &self.endpoint.fingerprint;
        Ok(match self.ledger.gate(print, timeout + CALL_ROOM)? {
            Gate::Open | Gate::Probe => None,
            Gate::Wait { ms, why } => Some((ms, why.into())),
        })
    }

    /// What follows from a fault: a verdict, or another call.
    fn after(
        &mut self,
        fault: &Fault,
        attempts: &mut Attempts,
        hooks: &mut dyn Hooks,
    ) -> Result<Option<Verdict>, BusError> {
        if fault.class() == Class::Shut {
            // The breaker is open: this item waits with all others for whoever mends it.
            return Ok(wait(hooks, 0, &fault.to_string()));
        }
        let was = attempts.dialect;
        let next = attempts.after(fault, fastrand::u64(..));
        if attempts.dialect != was {
            log::info!(
                "{} does not take what it was asked with, and is asked otherwise: {fault}",
                self.endpoint.model
            );
            self.memory
                .keep(&self.endpoint.base, &self.endpoint.model, attempts.dialect);
        }
        Ok(match next {
            Next::Now => wait(hooks, 0, ""),
            Next::After(pause) => wait(
                hooks,
                i64::try_from(pause.as_millis()).unwrap_or(0),
                &fault.to_string(),
            ),
            Next::GiveUp => Some(Verdict::Failed(fault.to_string())),
        })
    }
}

/// What came of one call.
enum Called {
    Wrote(String),
    Fault(Fault),
    /// It was not made.
    Not(Verdict),
}

/// Waits for so long; a verdict when it is not to go on.
fn wait(hooks: &mut dyn Hooks, ms: i64, why: &str) -> Option<Verdict> {
    let mut left = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    loop {
        let step = left.min(WAIT_MAX);
        match hooks.wait(step, why) {
            Go::On => {}
            Go::Skip(because) => return Some(Verdict::Skipped(because)),
            Go::Stop => return Some(Verdict::Stopped),
        }
        left = left.saturating_sub(step);
        if left.is_zero() {
            return None;
        }
    }
}

/// What the breaker is told of a fault; `None` where the server only wants to be asked otherwise.
fn outcome<'w>(fault: &Fault, attempts: &Attempts, why: &'w str) -> Option<Outcome<'w>> {
    if fault.class() == Class::Shut {
        return Some(Outcome::Refused(why));
    }
    if fault.is_of_the_item() {
        return Some(Outcome::Success);
    }
    let steps = fault.complaint().and_then(|c| attempts.dialect.after(c));
    match (&fault.kind, steps) {
        (Kind::BadRequest(..), Some(_)) => None,
        _ => Some(Outcome::Failure(why)),
    }
}

/// A number that no text can know.
fn nonce() -> String {
    let mut bytes = [0u8; 16];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        bytes = fastrand::u128(..).to_be_bytes();
    }
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
