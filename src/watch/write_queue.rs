//! What is decided and not written yet, in order: what is offered to the store next, and what its answers make of it. Pure.
//!
//! What is offered stays here until it is answered. An answer that was lost costs nothing: all of it is offered again, and
//! the store knows by the ids what it has.

use std::collections::{HashMap, VecDeque};

/// An alert of one service that is to be written.
pub trait Queued {
    /// Whose alert it is.
    fn service(&self) -> &str;
    /// Its id.
    fn id(&self) -> &str;
    /// The id of the alert that it follows; empty for none.
    fn previous(&self) -> &str;
    /// Makes it follow another alert.
    fn set_previous(&mut self, id: String);
}

/// What the store answered about one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Outcome<E> {
    /// It has it, since now or since an offer whose answer was lost.
    Written,
    /// It has another alert of this service than the one that this follows.
    Conflict { id: String },
    /// Another may write, and we may not.
    Fenced,
    /// It took nothing, for this reason.
    Refused(E),
}

/// What the answers to an offer come to.
#[derive(Debug)]
pub struct Answered<T, E> {
    /// What the store has now, in order.
    pub written: Vec<T>,
    /// What it will not have: of these services its record is to be read.
    pub conflicting: Vec<T>,
    /// What ended the offer early; the rest of it is still here.
    pub stopped: Option<Stop<E>>,
}

/// Why not all of an offer was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop<E> {
    /// Another may write, and we may not.
    Fenced,
    /// The store takes no writes, for this reason.
    Refused(E),
}

/// Entries that wait, oldest first. Of one service, each follows the one before it.
#[derive(Debug)]
pub struct WriteQueue<T> {
    waiting: VecDeque<T>,
}

impl<T> Default for WriteQueue<T> {
    fn default() -> WriteQueue<T> {
        WriteQueue {
            waiting: VecDeque::new(),
        }
    }
}

impl<T: Queued> WriteQueue<T> {
    /// One more that is to be written.
    pub fn push(&mut self, entry: T) {
        debug_assert!(!entry.id().is_empty(), "the store knows it by its id");
        self.waiting.push_back(entry);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// All that waits, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter()
    }

    /// The same, to note what became of them meanwhile.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.waiting.iter_mut()
    }

    /// Forgets all that waits.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Forgets what `keep` does not keep.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.waiting.retain(keep);
    }

    /// The oldest, up to `most` of them, as they are to be offered to the store.
    pub fn offer(&mut self, most: usize) -> &[T] {
        let count = self.waiting.len().min(most);
        &self.waiting.make_contiguous()[..count]
    }

    /// The store answered about the oldest, in order.
    ///
    /// A conflict with an alert that still waits here is none: the answer to both was lost, and the store has gone on from
    /// the one to the other since. (An offer that is answered late, and again.)
    pub fn answered<E>(
        &mut self,
        outcomes: impl IntoIterator<Item = Outcome<E>>,
    ) -> Answered<T, E> {
        let mut answered = Answered {
            written: Vec::new(),
            conflicting: Vec::new(),
            stopped: None,
        };
        for outcome in outcomes {
            match outcome {
                Outcome::Written => answered.written.extend(self.waiting.pop_front()),
                Outcome::Conflict { id } => {
                    let Some(entry) = self.waiting.pop_front() else {
                        continue;
                    };
                    match self.waiting.iter().any(|later| later.id() == id) {
                        true => answered.written.push(entry),
                        false => answered.conflicting.push(entry),
                    }
                }
                Outcome::Fenced => answered.stopped = Some(Stop::Fenced),
                Outcome::Refused(error) => answered.stopped = Some(Stop::Refused(error)),
            }
            if answered.stopped.is_some() {
                break;
            }
        }
        answered
    }

    /// Keeps, when more than `most` wait, the latest of each service only, following what the store knows; and of those
    /// the youngest `services`. How many services were dropped altogether; `None` when all is as it was.
    pub fn trim(&mut self, most: usize, services: usize) -> Option<usize> {
        if self.waiting.len() <= most {
            return None;
        }
        let mut latest: HashMap<String, T> = HashMap::new();
        let mut order = Vec::new();
        for mut entry in self.waiting.drain(..) {
            let service = entry.service().to_owned();
            match latest.remove(&service) {
                Some(earlier) => entry.set_previous(earlier.previous().to_owned()),
                None => order.push(service.clone()),
            }
            latest.insert(service, entry);
        }
        let dropped = order.len().saturating_sub(services);
        let kept = order.iter().skip(dropped);
        self.waiting = kept.filter_map(|service| latest.remove(service)).collect();
        debug_assert!(self.waiting.len() <= services);
        Some(dropped)
    }
}

#[cfg(test)]
mod tests;
