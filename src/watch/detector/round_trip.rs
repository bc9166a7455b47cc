//! How long echoes take on this link: what it has been tells whether one more echo is late.
//!
//! A fixed limit would call every echo of a far bus late. So a stall is a change against what was: an echo *fits* when it
//! takes at most [`CHANGE_MAX`] more than the slowest of those that fitted lately.

use std::collections::VecDeque;
use std::time::Duration;

/// An echo that takes so much longer than those before it does not fit.
pub const CHANGE_MAX: Duration = Duration::from_millis(250);
/// None fits that takes longer, whatever the link has been: senders give up soon after.
const FITS_MAX: Duration = Duration::from_millis(1250);
/// So many of those that fitted are remembered.
const REMEMBERED: usize = 16;
/// The first ones after a proof are compared with nothing: they only teach.
const TEACHERS: usize = 3;
/// When so many came back in a row, none later than [`FITS_MAX`], the link is what they say.
const RELEARNED: usize = 8;
/// A single one among those is an accident, and not another link.
const MISFITS_MIN: usize = 2;

/// What a link's echoes have been since it was proven.
#[derive(Debug, Default)]
pub struct RoundTrip {
    fitted: VecDeque<Duration>,
    /// Those that came back since one did not fit, that one included.
    since_misfit: Vec<Duration>,
    misfits: usize,
}

impl RoundTrip {
    /// Whether enough came back to judge others by them.
    pub fn is_known(&self) -> bool {
        self.fitted.len() >= TEACHERS
    }

    /// The slowest that fitted lately; the slowest that could fit while too little is known.
    pub fn slowest(&self) -> Duration {
        let known = self.fitted.iter().max().filter(|_| self.is_known());
        known.copied().unwrap_or(FITS_MAX)
    }

    /// One came back after `took`: whether it fits, and so proves that nothing stood still meanwhile.
    pub fn returned(&mut self, took: Duration) -> bool {
        if took > FITS_MAX {
            self.lost();
            return false;
        }
        let fits = !self.is_known() || took <= self.slowest() + CHANGE_MAX;
        if fits {
            if self.fitted.len() == REMEMBERED {
                self.fitted.pop_front();
            }
            self.fitted.push_back(took);
        }
        self.misfits += usize::from(!fits);
        if self.misfits == 0 {
            return true;
        }
        self.since_misfit.push(took);
        if self.since_misfit.len() < RELEARNED {
            return fits;
        }
        let is_another_link = self.misfits >= MISFITS_MIN;
        let row = std::mem::take(&mut self.since_misfit);
        self.misfits = 0;
        if is_another_link {
            self.fitted = row.into();
        }
        fits || is_another_link
    }

    /// One did not come back, or much too late: what came before it and what comes after it are no row.
    pub fn lost(&mut self) {
        self.since_misfit.clear();
        self.misfits = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn taught(by: &[u64]) -> RoundTrip {
        let mut link = RoundTrip::default();
        assert!(by.iter().all(|&took| link.returned(ms(took))), "{link:?}");
        link
    }

    #[test]
    fn the_first_three_teach_and_the_others_are_compared_with_the_slowest() {
        let mut link = RoundTrip::default();
        assert_eq!(link.slowest(), FITS_MAX);
        for took in [1000, 5, 300] {
            assert!(!link.is_known() && link.returned(ms(took)));
        }
        assert!(link.is_known());
        assert_eq!(link.slowest(), ms(1000));
        assert!(link.returned(ms(1250)));
        assert!(!link.returned(ms(1251)), "never, whatever was learnt");
        let mut near = taught(&[1, 1, 1]);
        assert!(near.returned(ms(251)) && near.returned(ms(501)));
        assert!(!near.returned(ms(752)));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut link = taught(&[200, 1, 1]);
        assert!((0..15).all(|_| link.returned(ms(1))));
        assert_eq!(link.slowest(), ms(1));
        assert!(!link.returned(ms(300)));
    }

    #[test]
    fn eight_in_a_row_are_another_link_and_fewer_are_not() {
        let mut link = taught(&[5, 5, 5]);
        assert!((0..7).all(|_| !link.returned(ms(600))));
        link.lost();
        assert!((0..7).all(|_| !link.returned(ms(600))), "no row");
        assert!(link.returned(ms(600)), "the eighth");
        assert_eq!(link.slowest(), ms(600));
        assert!(link.returned(ms(850)));
    }

    #[test]
    fn one_accident_is_not_another_link_and_a_link_of_two_minds_is() {
        let mut link = taught(&[5, 5, 5]);
        assert!(!link.returned(ms(600)));
        assert!((0..20).all(|_| link.returned(ms(5))));
        assert!(!link.returned(ms(600)), "it was not learnt");

        let mut link = taught(&[5, 5, 5]);
        let told: Vec<bool> = [600, 5, 600, 5, 600, 5, 600, 5, 600, 5, 600]
            .into_iter()
            .map(|took| link.returned(ms(took)))
            .collect();
        let (learning, learnt) = told.split_at(8);
        let misfits = learning.iter().filter(|fits| !**fits).count();
        assert_eq!((misfits, learnt), (4, &[true, true, true][..]));
    }
}
