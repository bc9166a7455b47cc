//! How often a service was down, for how long, and how long it held between. Pure.

use super::account::{Account, Stretch};

/// The unplanned outages of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outages {
    pub count: u32,
    /// Mean time to repair, of those that have ended, in seconds.
    pub mttr_sec: Option<i64>,
    /// Mean time between failures: what it was up for each outage, in seconds.
    pub mtbf_sec: Option<i64>,
}

/// Those of `stretches`, which end at `now`. An outage that is interrupted by time of which nothing is known is one.
pub fn outages(stretches: &[Stretch], now: i64) -> Outages {
    let (mut count, mut ended, mut down, mut good) = (0u32, 0i64, 0i64, 0i64);
    let mut lasts: Option<i64> = None;
    for stretch in stretches {
        let length = stretch.to - stretch.from;
        match stretch.account {
            Account::Down => {
                count += u32::from(lasts.is_none());
                *lasts.get_or_insert(0) += length;
            }
            Account::Unknown => {}
            account => {
                if let Some(secs) = lasts.take() {
                    (ended, down) = (ended + 1, down + secs);
                }
                if matches!(account, Account::Up | Account::Degraded) {
                    good += length;
                }
            }
        }
    }
    // One that lasts until now has no end yet; one that is followed by the unknown has an end that nobody saw.
    if let Some(secs) = lasts
        && stretches.last().is_some_and(|last| last.to < now)
    {
        (ended, down) = (ended + 1, down + secs);
    }
    Outages {
        count,
        mttr_sec: (ended > 0).then(|| down / ended),
        mtbf_sec: (count > 0).then(|| good / i64::from(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_are_counted_once_and_only_ended_ones_tell_how_long_they_take() {
        use Account::*;
        let mut at = 0;
        let mut stretch = |length, account| {
            at += length;
            Stretch {
                from: at - length,
                to: at,
                account,
            }
        };
        let all = [
            stretch(100, Up),
            stretch(10, Down),
            stretch(5, Unknown),
            stretch(20, Down),
            stretch(200, Up),
            stretch(50, Planned),
            stretch(40, Down),
        ];
        let found = outages(&all, 425);
        assert_eq!(
            found,
            Outages {
                count: 2,
                mttr_sec: Some(30),
                mtbf_sec: Some(150)
            }
        );
        assert_eq!(outages(&all[..1], 100), Outages::default());
    }
}
