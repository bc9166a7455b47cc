//! Transitions that wait to be told, in their order.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::record::Transition;

/// A place in the queue: where the next one goes grows with each, and never starts anew. 0 is before all.
pub(super) type Place = u64;

/// The queue.
///
/// Invariants: the first that is left is a transition; `len` counts those that are. Those before `given_until` were given
/// out, and their answers may be under way: they are said again as they are, or what was written could not be told from
/// what was not.
#[derive(Debug)]
pub(super) struct Waiting {
    /// `None` where one was taken back.
    queue: VecDeque<Option<Transition>>,
    /// The place of the first.
    first: Place,
    given_until: Place,
    len: usize,
    /// So many may wait before those of one instance run together.
    max: usize,
}

impl Waiting {
    /// An empty one, in which transitions of one instance run together when `max` wait.
    pub(super) fn new(max: usize) -> Waiting {
        Waiting {
            queue: VecDeque::new(),
            first: 1,
            given_until: 1,
            len: 0,
            max,
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody takes what is told.
    pub(super) fn is_full(&self) -> bool {
        self.len >= self.max
    }

    /// Takes one in; `before` is the place of the one before it of the same instance. Its own place.
    ///
    /// Where nobody takes what is told, only the last of an instance counts: it takes the place of the one before it, and
    /// follows what that followed. So there are never more than `max` and one of each instance.
    pub(super) fn push(&mut self, mut transition: Transition, before: Place) -> Place {
        if self.is_full()
            && before >= self.given_until
            && let Some(earlier) = self.at(before)
            && earlier.name == transition.name
        {
            transition.previous = std::mem::take(&mut earlier.previous);
            *earlier = transition;
            return before;
        }
        self.queue.push_back(Some(transition));
        self.len += 1;
        self.first + (self.queue.len() as Place) - 1
    }

    /// Copies of the first `limit`. They stay until they are [taken](Waiting::pop).
    pub(super) fn give(&mut self, limit: usize) -> Vec<Transition> {
        let places = (self.first..).zip(&self.queue);
        let waiting = places.filter_map(|(place, entry)| Some((place, entry.as_ref()?)));
        let mut until = self.given_until;
        let given = waiting.take(limit).map(|(place, transition)| {
            until = until.max(place + 1);
            transition.clone()
        });
        let given = given.collect();
        self.given_until = until;
        given
    }

    /// Takes the first out.
    pub(super) fn pop(&mut self) -> Option<Transition> {
        let first = self.queue.pop_front()?;
        self.first += 1;
        self.len -= 1;
        self.drop_gaps();
        first
    }

    /// Takes back all of one instance.
    pub(super) fn take_back(&mut self, name: &str) {
        for entry in &mut self.queue {
            if entry.as_ref().is_some_and(|waits| *waits.name == *name) {
                *entry = None;
                self.len -= 1;
            }
        }
        self.drop_gaps();
    }

    /// Takes back all.
    pub(super) fn clear(&mut self) {
        self.first += self.queue.len() as Place;
        self.queue.clear();
        self.len = 0;
    }

    fn at(&mut self, place: Place) -> Option<&mut Transition> {
        let nth = usize::try_from(place.checked_sub(self.first)?).ok()?;
        self.queue.get_mut(nth)?.as_mut()
    }

    fn drop_gaps(&mut self) {
        while let Some(None) = self.queue.front() {
            self.queue.pop_front();
            self.first += 1;
        }
        debug_assert!(self.len <= self.queue.len(), "those that wait are counted");
    }
}
