//! Until when a record counts as fresh, and why one is stale.
//!
//! A reader calls a record stale past its `fresh_until_ms`, whatever its `stale` says: so that nobody takes an old price
//! for a new one, even when whoever writes them is dead.

use super::{Session, Standing};
use crate::massive::facts::Feed;

/// How far a delayed feed is behind.
pub const DELAY_MS: i64 = 900_000;
/// What the newest event of a round must lie behind for the round to be delayed: the delay, and a minute or two.
const DELAYED_ROUND_MS: std::ops::RangeInclusive<i64> = 840_000..=1_020_000;

/// Why a record is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// There is no price.
    NoPrice,
    /// Nobody knows when the price came about.
    Undated,
    /// It came about too long ago.
    Old,
    /// Daily data: of yesterday, at best.
    EndOfDay,
    /// The vendor's last answers were none.
    SourceFailing,
}

impl Stale {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Stale::NoPrice => "no_price",
            Stale::Undated => "undated",
            Stale::Old => "old",
            Stale::EndOfDay => "eod",
            Stale::SourceFailing => "source_failing",
        }
    }
}

/// What truth and plan say about ages, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `limits.stale_sec`.
    pub stale_ms: i64,
    /// The interval in force between two rounds.
    pub interval_ms: i64,
}

/// When a price was fetched, came about, and by which feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aged {
    pub fetched_ms: i64,
    pub event_ms: Option<i64>,
    pub feed: Feed,
}

impl Limits {
    /// The age at which a price is stale while the market is open.
    fn event_age_max_ms(self, feed: Feed) -> i64 {
        self.stale_ms + if feed == Feed::Delayed { DELAY_MS } else { 0 }
    }

    /// Until when the price counts as fresh: three intervals after it was fetched; while the market is open no longer
    /// than its own age allows; and never past the next open and a bit.
    pub fn fresh_until_ms(self, aged: Aged, standing: Standing) -> i64 {
        let fetched = aged.fetched_ms + (3 * self.interval_ms).max(self.stale_ms);
        let opened = standing.next_open_ms.saturating_add(self.stale_ms);
        let event = match (standing.session, aged.event_ms) {
            (Session::Open, Some(event_ms)) => event_ms + self.event_age_max_ms(aged.feed),
            // An undated price is stale already.
            _ => i64::MAX,
        };
        fetched.min(opened).min(event)
    }

    /// Why a price is stale; `None` when it is fresh.
    pub fn stale(self, aged: Aged, standing: Standing, now_ms: i64) -> Option<Stale> {
        if aged.feed == Feed::EndOfDay {
            return Some(Stale::EndOfDay);
        }
        let Some(event_ms) = aged.event_ms else {
            return Some(Stale::Undated);
        };
        let is_old = match standing.session {
            Session::Open => now_ms - event_ms > self.event_age_max_ms(aged.feed),
            _ => event_ms < standing.last.open_ms,
        };
        is_old.then_some(Stale::Old)
    }
}

/// The feed of a round that does not say it: its newest event lies a quarter of an hour behind, or less.
pub fn feed_of_round(newest_event_ms: Option<i64>, now_ms: i64) -> Feed {
    let Some(behind_ms) = newest_event_ms.map(|event_ms| now_ms - event_ms) else {
        return Feed::Unknown;
    };
    if DELAYED_ROUND_MS.contains(&behind_ms) {
        Feed::Delayed
    } else if behind_ms < *DELAYED_ROUND_MS.start() {
        Feed::Live
    } else {
        Feed::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::super::MarketClock;
    use super::super::calendar::tests::at;
    use super::*;

    const LIMITS: Limits = Limits {
        stale_ms: 120_000,
        interval_ms: 60_000,
    };

    fn standing(moment: &str) -> Standing {
        MarketClock::default().at(at(moment))
    }

    fn aged(fetched: &str, behind_sec: i64, feed: Feed) -> Aged {
        Aged {
            fetched_ms: at(fetched),
            event_ms: Some(at(fetched) - behind_sec * 1_000),
            feed,
        }
    }

    #[test]
    fn a_price_is_fresh_for_three_intervals_or_its_own_age() {
        let now = "2026-11-24T15:00:00Z";
        for (behind_sec, feed, until) in [
            (0, Feed::Live, "2026-11-24T15:02:00Z"),
            (100, Feed::Live, "2026-11-24T15:00:20Z"),
            (900, Feed::Delayed, "2026-11-24T15:02:00Z"),
            // Three intervals end first.
            (0, Feed::Delayed, "2026-11-24T15:03:00Z"),
        ] {
            let until_ms = LIMITS.fresh_until_ms(aged(now, behind_sec, feed), standing(now));
            assert_eq!(until_ms, at(until), "{behind_sec} {feed:?}");
        }
        let seldom = Limits {
            interval_ms: 1_000,
            ..LIMITS
        };
        let undated = Aged {
            event_ms: None,
            ..aged(now, 0, Feed::Live)
        };
        assert_eq!(
            seldom.fresh_until_ms(undated, standing(now)),
            at(now) + 120_000
        );
    }

    #[test]
    fn nothing_stays_fresh_past_the_next_open() {
        let closed = "2026-11-24T14:20:00Z";
        let by_hours = Limits {
            interval_ms: 900_000,
            ..LIMITS
        };
        let until_ms = by_hours.fresh_until_ms(aged(closed, 0, Feed::Live), standing(closed));
        assert_eq!(until_ms, at("2026-11-24T14:32:00Z"));
        // Closed for the night: the age of the event does not count.
        let night = "2026-11-25T03:00:00Z";
        let until_ms = by_hours.fresh_until_ms(aged(night, 20_000, Feed::Live), standing(night));
        assert_eq!(until_ms, at("2026-11-25T03:45:00Z"));
    }

    #[test]
    fn what_is_stale_says_why() {
        let open = "2026-11-24T15:00:00Z";
        let night = "2026-11-25T03:00:00Z";
        for (now, behind_sec, feed, stale) in [
            (open, 120, Feed::Live, None),
            (open, 121, Feed::Live, Some(Stale::Old)),
            (open, 1_020, Feed::Delayed, None),
            (open, 1_021, Feed::Delayed, Some(Stale::Old)),
            (open, 0, Feed::EndOfDay, Some(Stale::EndOfDay)),
            // Six hours after the close: of the last session, then of the one before.
            (night, 6 * 3_600, Feed::Live, None),
            (night, 13 * 3_600, Feed::Live, Some(Stale::Old)),
        ] {
            let found = LIMITS.stale(aged(now, behind_sec, feed), standing(now), at(now));
            assert_eq!(found, stale, "{now} {behind_sec}");
        }
        let undated = Aged {
            event_ms: None,
            ..aged(open, 0, Feed::Live)
        };
        assert_eq!(
            LIMITS.stale(undated, standing(open), at(open)),
            Some(Stale::Undated)
        );
    }

    #[test]
    fn a_round_that_lies_a_quarter_of_an_hour_behind_is_delayed() {
        for (behind_sec, feed) in [
            (0, Feed::Live),
            (839, Feed::Live),
            (840, Feed::Delayed),
            (1_020, Feed::Delayed),
            (1_021, Feed::Unknown),
        ] {
            let found = feed_of_round(Some(10_000_000 - behind_sec * 1_000), 10_000_000);
            assert_eq!(found, feed, "{behind_sec}");
        }
        assert_eq!(feed_of_round(None, 0), Feed::Unknown);
    }
}
