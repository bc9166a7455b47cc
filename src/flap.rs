//! What comes and goes: judged once, here, for everybody who is told. No I/O.
//!
//! Falling is turning bad (down, degraded), rising is turning good again. Who falls twice within one window flaps; who
//! flaps and then neither falls nor rises for a whole window is steady again.
#![warn(missing_docs, clippy::missing_errors_doc)]

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use crate::clock::{Mono, Now};

/// A window is so many timeouts of what falls and rises.
pub const WINDOW_TIMEOUTS: u32 = 6;
/// Falls that are remembered, and things that may flap at once; of further ones only each fall itself is told.
const REMEMBERED_MAX: usize = 100_000;
/// Falls that are so old that nothing follows from them are looked for no more often than this.
const TIDY_EVERY: Duration = Duration::from_secs(10);
/// With fewer falls than these there is nothing to tidy.
const TIDY_ABOVE: usize = 256;

/// Falls and rises of many things, each with its key.
#[derive(Debug)]
pub struct FlapDetector<K> {
    /// The last fall of each, until nothing follows from it any more.
    falls: HashMap<K, Fall>,
    flaps: HashMap<K, Running>,
    /// When each that flaps will have held still for long enough.
    due: BTreeSet<(Mono, K)>,
    tidied: Mono,
}

/// Something that flaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flap {
    /// Wall time of the first fall.
    pub since_ts: i64,
    /// Falls since then.
    pub times: u32,
}

#[derive(Clone, Copy, Debug)]
struct Fall {
    at: Mono,
    until: Mono,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    flap: Flap,
    due: Mono,
}

impl<K> Default for FlapDetector<K> {
    fn default() -> FlapDetector<K> {
        FlapDetector {
            falls: HashMap::new(),
            flaps: HashMap::new(),
            due: BTreeSet::new(),
            tidied: Mono(0),
        }
    }
}

impl<K: Clone + Eq + Hash + Ord> FlapDetector<K> {
    /// It turned bad. Gives the flap that begins with this fall.
    pub fn fell(&mut self, key: &K, now: Now, window: Duration) -> Option<Flap> {
        let before = self.remember(key, now.mono, window);
        if let Some(running) = self.flaps.get_mut(key) {
            running.flap.times = running.flap.times.saturating_add(1);
            self.set_due(key, now.mono + window);
            return None;
        }
        let before = before.filter(|fall| now.mono.since(fall.at) <= window)?;
        if self.flaps.len() >= REMEMBERED_MAX {
            return None;
        }
        let ago = i64::try_from(now.mono.since(before.at).as_secs()).unwrap_or(0);
        let flap = Flap {
            since_ts: now.wall_secs - ago,
            times: 2,
        };
        self.adopt(key, flap, now.mono + window);
        Some(flap)
    }

    /// It turned good.
    pub fn rose(&mut self, key: &K, now: Mono, window: Duration) {
        self.set_due(key, now + window);
    }

    /// The last fall was none after all, or is yet to be told.
    pub fn undo_fall(&mut self, key: &K) {
        self.falls.remove(key);
        let Some(running) = self.flaps.get_mut(key) else {
            return;
        };
        running.flap.times -= 1;
        if running.flap.times < 2 {
            self.end(key);
        }
    }

    /// Takes over a flap that another told; it is steady at `due` unless it moves before.
    pub fn adopt(&mut self, key: &K, flap: Flap, due: Mono) {
        self.flaps
            .insert(key.clone(), Running { flap, due: Mono(0) });
        self.set_due(key, due);
    }

    /// How it flaps, if it does.
    pub fn flap(&self, key: &K) -> Option<Flap> {
        self.flaps.get(key).map(|running| running.flap)
    }

    /// When the next one may be steady.
    pub fn next_due(&self) -> Option<Mono> {
        self.due.first().map(|(due, _)| *due)
    }

    /// One that held still for long enough by `now`: either [`end`](FlapDetector::end) it or
    /// [`set_due`](FlapDetector::set_due) another moment.
    pub fn due(&self, now: Mono) -> Option<K> {
        let (due, key) = self.due.first()?;
        (*due <= now).then(|| key.clone())
    }

    /// It is steady from then on, unless it moves before.
    pub fn set_due(&mut self, key: &K, due: Mono) {
        if let Some(running) = self.flaps.get_mut(key) {
            self.due.remove(&(running.due, key.clone()));
            running.due = due;
            self.due.insert((due, key.clone()));
        }
    }

    /// It flaps no more.
    pub fn end(&mut self, key: &K) -> Option<Flap> {
        let running = self.flaps.remove(key)?;
        self.due.remove(&(running.due, key.clone()));
        Some(running.flap)
    }

    /// Whoever the key stood for is gone.
    pub fn forget(&mut self, key: &K) {
        self.falls.remove(key);
        self.end(key);
    }

    /// Notes a fall; gives the one before.
    fn remember(&mut self, key: &K, now: Mono, window: Duration) -> Option<Fall> {
        if self.falls.len() > TIDY_ABOVE && now >= self.tidied + TIDY_EVERY {
            self.tidied = now;
            self.falls.retain(|_, fall| fall.until >= now);
            self.falls.shrink_to(2 * TIDY_ABOVE);
        }
        if self.falls.len() >= REMEMBERED_MAX && !self.falls.contains_key(key) {
            return None;
        }
        let until = now + window;
        self.falls.insert(key.clone(), Fall { at: now, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(180);

    fn at(secs: u64) -> Now {
        Now {
            mono: Mono(secs * 1_000_000),
            wall_secs: 1_000_000 + secs as i64,
        }
    }

    #[test]
    fn two_falls_within_a_window_are_a_flap_and_a_window_of_stillness_ends_it() {
        let mut flaps = FlapDetector::default();
        assert_eq!(flaps.fell(&"a", at(10), WINDOW), None);
        flaps.rose(&"a", at(40).mono, WINDOW);
        let flap = flaps.fell(&"a", at(70), WINDOW).expect("it flaps");
        assert_eq!((flap.since_ts, flap.times), (1_000_010, 2));
        assert_eq!(flaps.fell(&"a", at(130), WINDOW), None, "begun once");
        flaps.rose(&"a", at(160).mono, WINDOW);
        assert_eq!(flaps.next_due(), Some(at(340).mono));
        assert_eq!(flaps.due(at(339).mono), None);
        assert_eq!(flaps.due(at(340).mono), Some("a"));
        assert_eq!(flaps.end(&"a").map(|f| f.times), Some(3));
        assert_eq!(flaps.next_due(), None);
    }

    #[test]
    fn two_falls_further_apart_are_two_falls() {
        let mut flaps = FlapDetector::default();
        assert_eq!(flaps.fell(&"a", at(10), WINDOW), None);
        assert_eq!(flaps.fell(&"a", at(191), WINDOW), None);
        assert!(flaps.fell(&"a", at(371), WINDOW).is_some());
    }

    #[test]
    fn a_fall_that_was_none_makes_no_flap() {
        let mut flaps = FlapDetector::default();
        flaps.fell(&"a", at(10), WINDOW);
        flaps.fell(&"a", at(20), WINDOW);
        flaps.undo_fall(&"a");
        assert_eq!(flaps.flap(&"a"), None);
        assert_eq!(flaps.fell(&"a", at(30), WINDOW), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_tidied() {
        let mut flaps = FlapDetector::default();
        for key in 0..REMEMBERED_MAX + 10 {
            flaps.fell(&key, at(10), WINDOW);
        }
        assert_eq!(flaps.falls.len(), REMEMBERED_MAX);
        flaps.fell(&0, at(500), WINDOW);
        assert_eq!(flaps.falls.len(), 1);
    }
}
