//! What waits: for a verdict, for a proof, for its turn to be written.

use std::collections::VecDeque;
use std::time::Duration;

use super::departed::Departed;
use crate::clock::Mono;

/// A check of the server that is not answered for so long is taken as passed.
pub(super) const CHECK_MAX: Duration = Duration::from_secs(10);

/// Services on the way from their deadline to the verdict.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// Out of the wheel, deadline passed; judged by the round that begins next.
    pub(super) due: Vec<u32>,
    /// What the rounds under way judge, by the moment at which each began, the oldest first.
    pub(super) rounds: VecDeque<(Mono, Vec<u32>)>,
    /// Judged dead and not yet told, by round. The newest round is told first, so that a single death does not wait
    /// behind a hundred thousand.
    pub(super) undelivered: Vec<Vec<u32>>,
    /// Keys just out of the wheel.
    pub(super) expired: Vec<u32>,
    /// More than one call may move was due: `due` is not complete yet.
    pub(super) collecting: bool,
    /// When the present check of the server was asked for.
    pub(super) check_asked: Option<Mono>,
    /// When the last passed check was asked for.
    pub(super) checked: Option<Mono>,
}

impl Evaluation {
    /// Whether deaths wait to be told.
    pub(super) fn has_undelivered(&self) -> bool {
        !self.undelivered.is_empty()
    }

    /// Whether more may join what is due.
    pub(super) fn is_open(&self) -> bool {
        self.due.is_empty() || self.collecting
    }

    /// When what is due, or comes due at `next`, is to be looked at, if a round may begin at `free`.
    pub(super) fn wakeup(&self, next: Option<Mono>, free: Option<Mono>) -> Option<Mono> {
        let next = match self.check_asked {
            _ if self.collecting => Some(Mono(0)),
            _ if self.due.is_empty() => next,
            Some(asked) => return Some(asked + CHECK_MAX),
            None => Some(Mono(0)),
        };
        next.zip(free).map(|(next, free)| next.max(free))
    }

    /// How many services have a deadline behind them and no verdict.
    pub(super) fn pending(&self) -> usize {
        let in_rounds = self.rounds.iter().map(|(_, round)| round.len());
        self.due.len() + in_rounds.sum::<usize>()
    }
}

/// The bookkeeping of reloads, proofs and refreshes.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// Added, or granted anew, and not yet proven to be subscribed.
    pub(super) unproven: Vec<u32>,
    /// Heard for the first time: the health key shall show it soon.
    pub(super) unwritten: Vec<u32>,
    /// The mark of the services in the truth that was read last.
    pub(super) mark: bool,
    /// By then every service knows that truth.
    pub(super) settled: Mono,
    /// Whom the ones before it named, and it did not.
    pub(super) departed: Departed,
    pub(super) sweep_at: u32,
    pub(super) refresh_at: u32,
    /// The shortest grace of any service, in milliseconds; zero when there is none.
    pub(super) shortest_grace_ms: u64,
    /// The same, of those that the present sweep has seen.
    pub(super) swept_grace_ms: u64,
}

impl Subscriptions {
    pub(super) fn shortest_grace(&self) -> Duration {
        Duration::from_millis(self.shortest_grace_ms)
    }
}
