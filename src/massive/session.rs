//! When the market is open: what the vendor says, else its calendar and the hours of New York.
//!
//! - [`calendar`]: hours of a day, holidays and early closes, as moments.
//! - [`fresh`]: until when a record counts as fresh, and why one is stale.
//!
//! "Open" means the regular session throughout.

pub mod calendar;
pub mod fresh;

use calendar::{Calendar, Hours};

/// A part of the trading day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    Pre,
    /// The regular session.
    Open,
    After,
    Closed,
}

impl Session {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Session::Pre => "pre",
            Session::Open => "open",
            Session::After => "after",
            Session::Closed => "closed",
        }
    }
}

/// How long the vendor's word holds without a new one: twice the time between two questions.
const WORD_HOLDS_MS: i64 = 600_000;
/// How often the vendor is asked how the market stands.
const ASK_MS: i64 = 300_000;
/// The same near an edge of a session.
const ASK_NEAR_EDGE_MS: i64 = 60_000;
/// How near that is.
const NEAR_MS: i64 = 300_000;
/// How far the vendor's clock may be from the host's.
const CLOCKS_APART_MAX_MS: i64 = 86_400_000;

/// How the market stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub session: Session,
    /// The vendor has not said so (or not since the last edge): the calendar does.
    pub assumed: bool,
    /// When the next regular session opens: milliseconds since 1970.
    pub next_open_ms: i64,
    /// The regular session that runs, else the last one.
    pub last: Hours,
}

/// Knows how the market stands.
#[derive(Clone, Debug, Default)]
pub struct MarketClock {
    calendar: Calendar,
    /// What the vendor said, and when.
    told: Option<(Session, i64)>,
}

impl MarketClock {
    /// Takes the vendor's calendar.
    pub fn set_calendar(&mut self, calendar: Calendar) {
        self.calendar = calendar;
    }

    /// Takes the vendor's word on the moment `at_ms`.
    pub fn told(&mut self, session: Session, at_ms: i64) {
        self.told = Some((session, at_ms));
    }

    /// How the market stands. The vendor's word counts for ten minutes, and never past an edge of the calendar.
    pub fn at(&self, now_ms: i64) -> Standing {
        let word = self.told.filter(|(_, at_ms)| {
            now_ms - at_ms < WORD_HOLDS_MS && self.calendar.next_edge_ms(*at_ms) > now_ms
        });
        Standing {
            session: word.map_or_else(|| self.calendar.session(now_ms), |(session, _)| session),
            assumed: word.is_none(),
            next_open_ms: self.calendar.next_open_ms(now_ms),
            last: self.calendar.last(now_ms),
        }
    }

    /// In how many milliseconds the vendor is to be asked again.
    pub fn ask_again_ms(&self, now_ms: i64) -> i64 {
        let before = self.calendar.next_edge_ms(now_ms) - now_ms;
        let after = now_ms - self.calendar.next_edge_ms(now_ms - NEAR_MS);
        let is_near = before <= NEAR_MS || (0..NEAR_MS).contains(&after);
        if is_near { ASK_NEAR_EDGE_MS } else { ASK_MS }
    }
}

/// What to add to the host's clock to get the vendor's, in milliseconds; `None` when the two are over a day apart: then
/// the vendor's is not believed, and the host's counts.
pub fn clock_offset_ms(server_ms: i64, host_ms: i64) -> Option<i64> {
    let offset = server_ms.checked_sub(host_ms)?;
    (offset.unsigned_abs() <= CLOCKS_APART_MAX_MS.unsigned_abs()).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::calendar::tests::at;
    use super::*;

    #[test]
    fn the_vendors_word_counts_until_the_next_edge() {
        let mut clock = MarketClock::default();
        let standing = clock.at(at("2026-11-24T15:00:00Z"));
        assert_eq!((standing.session, standing.assumed), (Session::Open, true));
        // A halt that no calendar knows.
        clock.told(Session::Closed, at("2026-11-24T15:00:00Z"));
        let standing = clock.at(at("2026-11-24T15:09:59Z"));
        assert_eq!(
            (standing.session, standing.assumed),
            (Session::Closed, false)
        );
        let standing = clock.at(at("2026-11-24T15:10:00Z"));
        assert_eq!((standing.session, standing.assumed), (Session::Open, true));
        // Told a minute before the open: it does not outlive the bell.
        clock.told(Session::Pre, at("2026-11-24T14:29:00Z"));
        assert_eq!(clock.at(at("2026-11-24T14:29:59Z")).session, Session::Pre);
        let standing = clock.at(at("2026-11-24T14:30:00Z"));
        assert_eq!((standing.session, standing.assumed), (Session::Open, true));
    }

    #[test]
    fn the_vendor_is_asked_more_often_near_an_edge() {
        let clock = MarketClock::default();
        for (moment, ask_ms) in [
            ("2026-11-24T14:24:59Z", ASK_MS),
            ("2026-11-24T14:25:00Z", ASK_NEAR_EDGE_MS),
            ("2026-11-24T14:30:00Z", ASK_NEAR_EDGE_MS),
            ("2026-11-24T14:34:59Z", ASK_NEAR_EDGE_MS),
            ("2026-11-24T14:35:01Z", ASK_MS),
            ("2026-11-28T14:30:00Z", ASK_MS),
        ] {
            assert_eq!(clock.ask_again_ms(at(moment)), ask_ms, "{moment}");
        }
    }

    #[test]
    fn a_clock_over_a_day_away_is_not_believed() {
        assert_eq!(clock_offset_ms(1_000, 400), Some(600));
        assert_eq!(clock_offset_ms(0, 86_400_000), Some(-86_400_000));
        assert_eq!(clock_offset_ms(0, 86_400_001), None);
        assert_eq!(clock_offset_ms(i64::MIN, 5), None);
    }
}
