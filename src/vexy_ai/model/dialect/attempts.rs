//! What to do after a call that brought nothing. Pure.

use std::time::Duration;

use super::{Class, Dialect, Fault};
use crate::net::backoff::{Backoff, Jitter};

/// Calls that are made at most because the server was away or busy.
pub const ATTEMPTS_MAX: u32 = 4;
/// Steps that a dialect has: two of the format, one of the name of the limit, one of the temperature.
pub const STEPS_MAX: u32 = 4;

const BACKOFF: Backoff = Backoff::new(
    Duration::from_millis(500),
    Duration::from_secs(8),
    Jitter::UpperHalf,
);

/// What was tried for one item: [`ATTEMPTS_MAX`] calls, [`STEPS_MAX`] steps, one call more after blanks and one after a
/// cut answer, and never more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// How to ask now.
    pub dialect: Dialect,
    /// How long the answer may be now.
    pub max_tokens: u32,
    made: u32,
    had_blanks: bool,
    was_doubled: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The same once more, after a pause.
    After(Duration),
    /// Once more at once, otherwise.
    Now,
    /// It stays without a result.
    GiveUp,
}

impl Attempts {
    /// Nothing was tried.
    pub fn new(dialect: Dialect, max_tokens: u32) -> Attempts {
        Attempts {
            dialect,
            max_tokens,
            made: 0,
            had_blanks: false,
            was_doubled: false,
        }
    }

    /// What to do after this fault; `seed` spreads those that failed together.
    pub fn after(&mut self, fault: &Fault, seed: u64) -> Next {
        match fault.class() {
            Class::Again => {
                self.made += 1;
                match self.made < ATTEMPTS_MAX {
                    true => Next::After(BACKOFF.pause(self.made, seed)),
                    false => Next::GiveUp,
                }
            }
            Class::Step => match fault.complaint().and_then(|c| self.dialect.after(c)) {
                Some(dialect) => {
                    self.dialect = dialect;
                    Next::Now
                }
                None => Next::GiveUp,
            },
            Class::Blank if !std::mem::replace(&mut self.had_blanks, true) => Next::Now,
            Class::Length if !std::mem::replace(&mut self.was_doubled, true) => {
                self.max_tokens = self.max_tokens.saturating_mul(2);
                Next::Now
            }
            Class::Blank | Class::Length | Class::Shut | Class::Final => Next::GiveUp,
        }
    }
}
