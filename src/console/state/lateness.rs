//! How long after their limits misses were told. Pure.

use std::collections::VecDeque;

use crate::console::view::Lateness as Told;

/// Misses of which the quantiles are made, the newest.
const KEPT_MAX: usize = 1024;

/// What was told of since the console began.
#[derive(Default)]
pub(super) struct Lateness {
    newest: VecDeque<f64>,
    told: Told,
    /// More came since `told` was made.
    is_outdated: bool,
}

impl Lateness {
    /// A miss was told so many seconds after its limit.
    pub(super) fn add(&mut self, secs: f64) {
        let secs = secs.max(0.0);
        self.told.count += 1;
        self.told.sum += secs;
        if self.newest.len() == KEPT_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(secs);
        self.is_outdated = true;
    }

    /// All of it.
    pub(super) fn told(&mut self) -> Told {
        if std::mem::take(&mut self.is_outdated) {
            let mut sorted: Vec<f64> = self.newest.iter().copied().collect();
            sorted.sort_unstable_by(f64::total_cmp);
            // The nearest rank: the least that so large a share does not exceed.
            let rank = |share: f64| (share * sorted.len() as f64).ceil() as usize;
            self.told.quantiles = Some(Told::SHARES.map(|share| sorted[rank(share).max(1) - 1]));
        }
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_newest_and_sums_of_all() {
        let mut lateness = Lateness::default();
        assert_eq!(lateness.told(), Told::default());
        lateness.add(-1.0);
        assert_eq!(lateness.told().quantiles, Some([0.0; 3]));
        for n in 1..=2000 {
            lateness.add(f64::from(n));
        }
        let told = lateness.told();
        assert_eq!((told.count, told.sum), (2001, 2_001_000.0));
        assert_eq!(told.quantiles, Some([1488.0, 1990.0, 2000.0]));
    }
}
