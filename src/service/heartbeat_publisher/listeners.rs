//! Who hears the beats.

use std::time::Duration;

use crate::clock::Mono;

/// A look at who answers costs a connection: no more often than this.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Who left may be gone for good: after so long, as many as are left are enough.
const MISSED_FOR: Duration = Duration::from_secs(30);

/// How many hear the beats: a server that the others have left still takes every beat, and is found out by that.
///
/// A PUBLISH answers how many connections of that server it was handed to. After a fail-over that broke no connection
/// (a name or a proxy that leads elsewhere, a master that became a replica where it stands) whoever watches moves to the
/// new server and is missing here; the healer then gives everybody a timeout's time to be heard there. Watchers find out
/// each in his own time, so one that is missing is a reason to look, and to look again until all are back or were away
/// for so long that they will not come.
#[derive(Default)]
pub(super) struct Listeners {
    /// As many are expected.
    expected: u64,
    /// How many heard the last beat.
    heard: u64,
    /// Since when there are fewer.
    fewer_since: Option<Mono>,
    looked: Option<Mono>,
}

impl Listeners {
    /// Whether a beat that `heard` connections got is a reason to look where the name leads now: while they are fewer
    /// than they were, and as long as there are none; every [`LOOK_AGAIN`] at most.
    pub fn are_fewer(&mut self, heard: u64, now: Mono) -> bool {
        if heard < self.expected {
            self.fewer_since.get_or_insert(now);
        }
        let gave_up = |since: Mono| now.since(since) >= MISSED_FOR;
        if heard >= self.expected || self.fewer_since.is_some_and(gave_up) {
            self.fewer_since = None;
            self.expected = heard;
        }
        let is_due = self.looked.is_none_or(|at| now.since(at) >= LOOK_AGAIN);
        let look = is_due && (self.fewer_since.is_some() || heard == 0);
        if look {
            self.looked = Some(now);
        }
        look
    }

    /// `heard` connections got the last beat; whether more than got the one before.
    pub fn note(&mut self, heard: u64) -> bool {
        heard > std::mem::replace(&mut self.heard, heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beats, one a second, after which somebody looked; `heard` is how many got each.
    fn looks(heard: &[u64]) -> Vec<usize> {
        let mut listeners = Listeners::default();
        let beats = heard.iter().enumerate();
        let looked = beats.filter(|&(nth, &heard)| {
            let now = Mono(1_000_000 * nth as u64);
            listeners.are_fewer(heard, now)
        });
        looked.map(|(nth, _)| nth).collect()
    }

    #[test]
    fn one_listener_less_is_looked_into_until_as_many_are_back() {
        assert_eq!(looks(&[2, 2, 1, 1, 1, 1, 2, 2]), [2, 4]);
        // A second one that leaves is missed like the first.
        assert_eq!(looks(&[3, 2, 2, 2, 1, 3, 3]), [1, 3]);
        assert_eq!(looks(&[1, 2, 3, 3]), Vec::<usize>::new());
    }

    #[test]
    fn whoever_is_gone_for_good_is_missed_for_half_a_minute() {
        let mut heard = vec![2; 2];
        heard.extend([1; 60]);
        let looked = looks(&heard);
        assert_eq!(looked.first(), Some(&2));
        assert_eq!(looked.last(), Some(&30), "no more than 30 s from beat 2 on");
        assert_eq!(looked.len(), 15);
    }

    #[test]
    fn while_nobody_listens_somebody_looks_for_ever() {
        assert_eq!(looks(&[0; 100]).len(), 50);
        let mut left = vec![1];
        left.extend([0; 99]);
        assert_eq!(looks(&left).len(), 50);
    }

    #[test]
    fn one_more_than_the_last_time_is_news() {
        let mut listeners = Listeners::default();
        let news: Vec<bool> = [1, 1, 2, 1, 1, 2].map(|n| listeners.note(n)).into();
        assert_eq!(news, [true, false, true, false, false, true]);
    }
}
