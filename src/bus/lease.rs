//! A lease: one key on a bus that says who of several does a piece of work, and runs out when the holder is gone.
//!
//! 1. [`Lease::ask`]: what a candidate asks the server for, and when ([`Lease::next_ask`]).
//! 2. The server decides in one script ([`HOLD`]): kept, taken, or another's.
//! 3. [`Lease::answered`]: what the answer means. Until when the lease is surely held, by the monotonic clock, counts
//!    from the moment in which the answered question went out.
//! 4. Everything that is written in its name goes through a [`Fence`], which the server compares in the same script or
//!    transaction: a holder that stood still while another took over cannot write, however late it finds out.
//!
//! A fencing token names one uninterrupted holding. Of a lease with tokens the value is `<owner>#<n>`, new with each
//! holding; of a plain one it is the owner alone, so that holding it again after a loss looks the same.
//! See Kleppmann, "How to do distributed locking" (2016), and Redis' documentation of `SET` with `PX`.

mod edge;
mod fence;
mod last_comer;
mod renewer;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::BusError;
use crate::clock::Mono;

pub use edge::{Answered, HOLD, Held, RELEASE, put, release, take};
pub use fence::{Committed, FENCE, FENCE_OF_PART, FENCE_UNLESS_FREE, Fence, IfFree};
pub use last_comer::{Holding, give_back, holder, keep_unless_others, seize};
pub use renewer::{Change, Order, Renewer};

/// A question whose answer is lost may have been asked this long after it was meant to go out; the lease counts as over
/// by so much earlier. It covers what two monotonic clocks may differ by in the life of a lease.
const MARGIN: Duration = Duration::from_millis(200);
/// After a question without an answer the next one follows in this time, whatever the pause between renewals is.
const AGAIN: Duration = Duration::from_millis(500);

/// How the lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was free, or may have been since it was last asked for. Somebody else may have held it and spoken meanwhile,
    /// even if we never noticed: how things stand must be read anew before anything is done in its name.
    Taken,
    /// It was ours all the time.
    Kept,
    /// Another holds it.
    Others,
}

/// How long a lease lasts, and how often it is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// It runs out so long after the last renewal.
    pub ttl: Duration,
    /// From the answer to one renewal to the next.
    pub renew: Duration,
}

/// What a candidate asks the server for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The value that is there if the lease was ours all the time.
    pub current: String,
    /// The value that is written when it is taken.
    pub fresh: String,
    /// What every value of ours begins with: an earlier question whose answer was lost may have taken it.
    pub ours: String,
    /// How long it shall last from now on, in milliseconds.
    pub ttl_ms: u64,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Answer {
    /// The value was `current`, and lasts anew.
    Kept,
    /// The value is `fresh` now.
    Taken,
    /// Another holds it, for so long from now on if he does not renew it.
    Others { holder: String, left_ms: u64 },
}

impl Ask {
    /// Whether holdings are told apart.
    fn has_token(&self) -> bool {
        self.ours != self.fresh
    }
}

impl Answer {
    /// Who else holds it.
    pub fn holder(&self) -> Option<&str> {
        match self {
            Answer::Others { holder, .. } => Some(holder),
            Answer::Kept | Answer::Taken => None,
        }
    }
}

/// What one candidate knows of a lease. Pure: it is told what time it is, and does nothing.
#[derive(Clone, Debug)]
pub struct Lease {
    key: String,
    owner: String,
    terms: Terms,
    has_tokens: bool,
    /// Of the holding that was last known; of one without tokens always the owner.
    token: String,
    /// Questions so far: each would take it with a token of its own.
    asks: u64,
    /// The lease is ours until then at least.
    held_until: Option<Mono>,
    /// When the question went out that is not answered yet, if one is.
    asked: Option<Mono>,
    /// A question got no answer, and may have taken it. Tokens tell; without them nobody knows.
    is_unsure: bool,
    next_ask: Mono,
}

impl Lease {
    /// The lease at `key` for the candidate `owner`, with tokens: a holding is never taken for an earlier one.
    /// `owner` must be unlike every other candidate's and hold no `#`; an instance id is.
    pub fn with_tokens(key: &str, owner: &str, terms: Terms) -> Lease {
        Lease {
            has_tokens: true,
            token: format!("{owner}#0"),
            ..Lease::plain(key, owner, terms)
        }
    }

    /// The lease at `key` whose value is the owner alone.
    pub fn plain(key: &str, owner: &str, terms: Terms) -> Lease {
        debug_assert!(terms.renew < terms.ttl, "it would run out in between");
        Lease {
            key: key.to_owned(),
            owner: owner.to_owned(),
            terms,
            has_tokens: false,
            token: owner.to_owned(),
            asks: 0,
            held_until: None,
            asked: None,
            is_unsure: false,
            next_ask: Mono(0),
        }
    }

    /// Where it is kept.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How long it lasts.
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// When to ask next.
    pub fn next_ask(&self) -> Mono {
        self.next_ask
    }

    /// To ask at once: somebody found out that it may be lost, or free.
    pub fn ask_now(&mut self) {
        self.next_ask = Mono(0);
    }

    /// What to ask for. The question goes out at `now` at the earliest.
    pub fn ask(&mut self, now: Mono) -> Ask {
        self.asks += 1;
        self.asked = Some(now);
        let (fresh, ours) = if self.has_tokens {
            let ours = format!("{}#", self.owner);
            (format!("{ours}{}", self.asks), ours)
        } else {
            (self.owner.clone(), self.owner.clone())
        };
        Ask {
            current: self.token.clone(),
            fresh,
            ours,
            ttl_ms: u64::try_from(self.terms.ttl.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The answer to the last question came at `now`.
    pub fn answered(&mut self, answer: &Answer, now: Mono) -> Standing {
        // A question that was not asked can only be one of before.
        let asked = self.asked.take().unwrap_or(now);
        let was_unsure = std::mem::take(&mut self.is_unsure);
        let standing = match answer {
            Answer::Others { .. } => Standing::Others,
            Answer::Kept if was_unsure && !self.has_tokens => Standing::Taken,
            Answer::Kept => Standing::Kept,
            Answer::Taken => Standing::Taken,
        };
        if standing == Standing::Taken && self.has_tokens {
            self.token = format!("{}#{}", self.owner, self.asks);
        }
        match answer {
            Answer::Others { left_ms, .. } => {
                self.held_until = None;
                // Just after it runs out, if it is not renewed.
                let left = Duration::from_millis(left_ms.saturating_add(1));
                self.next_ask = now + left.min(self.terms.renew);
            }
            _ => {
                self.held_until = Some(asked + self.terms.ttl.saturating_sub(MARGIN));
                self.next_ask = now + self.terms.renew;
            }
        }
        standing
    }

    /// Nothing came of the last question.
    pub fn failed(&mut self, error: &BusError, now: Mono) {
        match error.is_connection_lost() {
            true => self.unanswered(now),
            false => self.refused(now),
        }
    }

    /// The last question was answered with an error, and nothing was done.
    pub fn refused(&mut self, now: Mono) {
        self.asked = None;
        self.next_ask = now + AGAIN.min(self.terms.renew);
    }

    /// The last question got no answer: it may have been heard, or may be heard yet.
    pub fn unanswered(&mut self, now: Mono) {
        self.asked = None;
        self.is_unsure = true;
        self.next_ask = now + AGAIN.min(self.terms.renew);
    }

    /// It was given back. Should the key be there after all (the server's clock stepped back, and what had run out is alive
    /// again), that is no holding that goes on.
    pub fn released(&mut self) {
        self.held_until = None;
        if self.has_tokens {
            self.token = format!("{}#0", self.owner);
        }
    }

    /// The token of the holding that lasts at `now` by our own clock; `None` when there is none.
    ///
    /// A step of the server's wall clock can end it earlier, which only the server knows: so what is written is fenced.
    pub fn token(&self, now: Mono) -> Option<&str> {
        let is_held = self.held_until.is_some_and(|until| now < until);
        is_held.then_some(&self.token)
    }

    /// When the holding ends if nothing more is heard.
    pub fn held_until(&self) -> Option<Mono> {
        self.held_until
    }

    /// What lets writes of this holding pass and no others; `None` when there is none.
    pub fn fence(&self, now: Mono) -> Option<Fence> {
        Some(Fence::new(&self.key, self.token(now)?, IfFree::Refused))
    }
}

/// What came of asking for a lease, when the server answered.
impl Held {
    /// Whether it is ours.
    pub fn is_ours(&self) -> bool {
        self.standing != Standing::Others
    }
}

impl From<Fence> for BusError {
    /// What a write is told that another holder's lease refuses.
    fn from(fence: Fence) -> BusError {
        BusError::Fenced {
            key: fence.key().to_owned(),
        }
    }
}
