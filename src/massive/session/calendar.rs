//! Hours of New York, as moments: regular days, holidays, early closes, and the change of clocks.
//!
//! The images have no files of time zones, so the rule stands here (`EST5EDT,M3.2.0,M11.1.0`: the second Sunday of
//! March, the first of November). Hours: <https://www.nyse.com/markets/hours-calendars>.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;

use super::Session;

const PRE_OPEN: Time = time(4, 0, 0, 0);
const OPEN: Time = time(9, 30, 0, 0);
const CLOSE: Time = time(16, 0, 0, 0);
const AFTER_CLOSE: Time = time(20, 0, 0, 0);
/// When trading after the session ends on a day that closes early.
const AFTER_EARLY_CLOSE: Time = time(17, 0, 0, 0);
/// No run of days without a session is longer; nobody looks further.
const DAYS_MAX: usize = 30;
/// Most days that a calendar keeps; the vendor sends a year.
const HOLIDAYS_MAX: usize = 366;

/// The hours of one trading day: milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    /// Of the regular session.
    pub open_ms: i64,
    pub close_ms: i64,
    /// Of trading before and after it.
    pub pre_open_ms: i64,
    pub after_close_ms: i64,
}

/// What the vendor says of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayStatus {
    Closed,
    /// Open for a part of the day; milliseconds since 1970.
    EarlyClose {
        open_ms: i64,
        close_ms: i64,
    },
}

/// A day that differs from others, for those exchanges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holiday {
    pub date: Date,
    pub status: DayStatus,
    /// As the vendor names them: `NYSE`, `NASDAQ`, `OTC`.
    pub exchanges: Vec<String>,
}

/// Holidays and early closes of the stock market.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    days: BTreeMap<Date, DayStatus>,
}

impl Calendar {
    /// Takes those days that NYSE or NASDAQ name. Where the two differ, the shorter day counts.
    pub fn new(holidays: &[Holiday]) -> Calendar {
        let mut calendar = Calendar::default();
        for holiday in holidays.iter().take(HOLIDAYS_MAX) {
            let of_stocks = |name: &String| matches!(name.as_str(), "NYSE" | "NASDAQ");
            if !holiday.exchanges.iter().any(of_stocks) {
                continue;
            }
            let status = calendar.days.entry(holiday.date).or_insert(holiday.status);
            *status = shorter(*status, holiday.status);
        }
        calendar
    }

    /// The hours of a day; `None` when there is no session.
    pub fn hours(&self, date: Date) -> Option<Hours> {
        if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return None;
        }
        let (open_ms, close_ms, after) = match self.days.get(&date) {
            Some(DayStatus::Closed) => return None,
            Some(DayStatus::EarlyClose { open_ms, close_ms }) => {
                (*open_ms, *close_ms, AFTER_EARLY_CLOSE)
            }
            None => (moment(date, OPEN), moment(date, CLOSE), AFTER_CLOSE),
        };
        Some(Hours {
            open_ms,
            close_ms,
            pre_open_ms: moment(date, PRE_OPEN).min(open_ms),
            after_close_ms: moment(date, after).max(close_ms),
        })
    }

    /// When contracts that expire on a day do: at the close of its session, by the clock of New York where there is none.
    pub fn expires_ms(&self, date: Date) -> i64 {
        self.hours(date)
            .map_or_else(|| moment(date, CLOSE), |hours| hours.close_ms)
    }

    /// The session that the calendar says there is.
    pub fn session(&self, now_ms: i64) -> Session {
        match self.hours(date_of(now_ms)) {
            Some(hours) if (hours.open_ms..hours.close_ms).contains(&now_ms) => Session::Open,
            Some(hours) if (hours.pre_open_ms..hours.open_ms).contains(&now_ms) => Session::Pre,
            Some(hours) if (hours.close_ms..hours.after_close_ms).contains(&now_ms) => {
                Session::After
            }
            _ => Session::Closed,
        }
    }

    /// When the next regular session opens, after now.
    pub fn next_open_ms(&self, now_ms: i64) -> i64 {
        self.following(now_ms)
            .map(|hours| hours.open_ms)
            .find(|open_ms| *open_ms > now_ms)
            .unwrap_or(i64::MAX)
    }

    /// The next moment after now at which one session gives way to another.
    pub fn next_edge_ms(&self, now_ms: i64) -> i64 {
        self.following(now_ms)
            .flat_map(|hours| {
                [
                    hours.pre_open_ms,
                    hours.open_ms,
                    hours.close_ms,
                    hours.after_close_ms,
                ]
            })
            .find(|edge_ms| *edge_ms > now_ms)
            .unwrap_or(i64::MAX)
    }

    /// The regular session that runs, else the last one.
    pub fn last(&self, now_ms: i64) -> Hours {
        self.days_before(now_ms)
            .filter_map(|date| self.hours(date))
            .find(|hours| hours.open_ms <= now_ms)
            .unwrap_or_default()
    }

    /// The days of the sessions that are over, the last one first: those that daily bars are asked for.
    pub fn finished(&self, now_ms: i64) -> impl Iterator<Item = Date> {
        self.days_before(now_ms).filter(move |date| {
            self.hours(*date)
                .is_some_and(|hours| hours.close_ms <= now_ms)
        })
    }

    fn following(&self, now_ms: i64) -> impl Iterator<Item = Hours> {
        let days = std::iter::successors(Some(date_of(now_ms)), |date| date.tomorrow().ok());
        days.take(DAYS_MAX).filter_map(|date| self.hours(date))
    }

    fn days_before(&self, now_ms: i64) -> impl Iterator<Item = Date> {
        std::iter::successors(Some(date_of(now_ms)), |date| date.yesterday().ok()).take(DAYS_MAX)
    }
}

/// Of two words on a day the one with less of a session.
fn shorter(one: DayStatus, other: DayStatus) -> DayStatus {
    match (one, other) {
        (DayStatus::EarlyClose { close_ms: a, .. }, DayStatus::EarlyClose { close_ms: b, .. }) => {
            if b < a {
                other
            } else {
                one
            }
        }
        (DayStatus::Closed, _) | (_, DayStatus::Closed) => DayStatus::Closed,
    }
}

/// The clock of New York.
fn new_york() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(|| {
        TimeZone::posix("EST5EDT,M3.2.0,M11.1.0")
            .expect("the rule is a constant, and a test reads it")
    })
}

/// The day it is in New York.
pub fn date_of(ms: i64) -> Date {
    let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    new_york().to_datetime(moment).date()
}

/// `16:00`: the time that it is in New York.
pub fn time_of(ms: i64) -> String {
    let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    new_york().to_datetime(moment).strftime("%H:%M").to_string()
}

/// The moment of a time of day in New York. The clocks change at night, when no session begins or ends.
fn moment(date: Date, time: Time) -> i64 {
    let local = date.to_datetime(time);
    new_york()
        .to_ambiguous_timestamp(local)
        .compatible()
        .map_or(0, |moment| moment.as_millisecond())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A moment, as milliseconds.
    pub fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect(text).as_millisecond()
    }

    fn date(text: &str) -> Date {
        text.parse().expect(text)
    }

    fn thanksgiving() -> Calendar {
        let names = || vec!["NYSE".to_owned(), "NASDAQ".to_owned()];
        Calendar::new(&[
            Holiday {
                date: date("2026-11-26"),
                status: DayStatus::Closed,
                exchanges: names(),
            },
            Holiday {
                date: date("2026-11-27"),
                status: DayStatus::EarlyClose {
                    open_ms: at("2026-11-27T14:30:00Z"),
                    close_ms: at("2026-11-27T18:00:00Z"),
                },
                exchanges: names(),
            },
            Holiday {
                date: date("2026-11-24"),
                status: DayStatus::Closed,
                exchanges: vec!["OTC".to_owned()],
            },
        ])
    }

    #[test]
    fn each_part_of_a_day_has_its_session() {
        let calendar = thanksgiving();
        for (moment, session) in [
            // In winter New York is five hours behind.
            ("2026-11-24T08:59:59Z", Session::Closed),
            ("2026-11-24T09:00:00Z", Session::Pre),
            ("2026-11-24T14:29:59Z", Session::Pre),
            ("2026-11-24T14:30:00Z", Session::Open),
            ("2026-11-24T20:59:59Z", Session::Open),
            ("2026-11-24T21:00:00Z", Session::After),
            ("2026-11-25T00:59:59Z", Session::After),
            ("2026-11-25T01:00:00Z", Session::Closed),
            // In summer four.
            ("2026-07-01T13:29:59Z", Session::Pre),
            ("2026-07-01T13:30:00Z", Session::Open),
            ("2026-07-01T20:00:00Z", Session::After),
            // A holiday, an early close, a weekend.
            ("2026-11-26T15:00:00Z", Session::Closed),
            ("2026-11-27T17:59:59Z", Session::Open),
            ("2026-11-27T18:00:00Z", Session::After),
            ("2026-11-27T21:59:59Z", Session::After),
            ("2026-11-27T22:00:00Z", Session::Closed),
            ("2026-11-28T15:00:00Z", Session::Closed),
        ] {
            assert_eq!(calendar.session(at(moment)), session, "{moment}");
        }
    }

    #[test]
    fn the_clocks_change_on_the_second_sunday_of_march_and_the_first_of_november() {
        let calendar = Calendar::default();
        for (day, open) in [
            ("2026-03-06", "2026-03-06T14:30:00Z"),
            ("2026-03-09", "2026-03-09T13:30:00Z"),
            ("2026-10-30", "2026-10-30T13:30:00Z"),
            ("2026-11-02", "2026-11-02T14:30:00Z"),
            ("2027-03-12", "2027-03-12T14:30:00Z"),
            ("2027-03-15", "2027-03-15T13:30:00Z"),
        ] {
            let hours = calendar.hours(date(day)).expect(day);
            assert_eq!(hours.open_ms, at(open), "{day}");
            assert_eq!(hours.close_ms - hours.open_ms, 23_400_000, "{day}");
        }
        // 23 and 25 hours.
        assert_eq!(
            at("2026-03-08T04:59:59Z"),
            moment(date("2026-03-07"), time(23, 59, 59, 0))
        );
        assert_eq!(date_of(at("2026-03-09T03:59:59Z")), date("2026-03-08"));
        assert_eq!(date_of(at("2026-03-09T04:00:00Z")), date("2026-03-09"));
        assert_eq!(date_of(at("2026-11-02T04:59:59Z")), date("2026-11-01"));
        assert_eq!(time_of(at("2026-11-24T21:00:00Z")), "16:00");
    }

    #[test]
    fn the_next_open_and_the_last_session_step_over_days_without_one() {
        let calendar = thanksgiving();
        for (moment, next_open, last_open) in [
            (
                "2026-11-25T14:29:59Z",
                "2026-11-25T14:30:00Z",
                "2026-11-24T14:30:00Z",
            ),
            (
                "2026-11-25T14:30:00Z",
                "2026-11-27T14:30:00Z",
                "2026-11-25T14:30:00Z",
            ),
            (
                "2026-11-26T15:00:00Z",
                "2026-11-27T14:30:00Z",
                "2026-11-25T14:30:00Z",
            ),
            (
                "2026-11-27T19:00:00Z",
                "2026-11-30T14:30:00Z",
                "2026-11-27T14:30:00Z",
            ),
            // Over the change of clocks.
            (
                "2026-10-30T21:00:00Z",
                "2026-11-02T14:30:00Z",
                "2026-10-30T13:30:00Z",
            ),
        ] {
            assert_eq!(calendar.next_open_ms(at(moment)), at(next_open), "{moment}");
            assert_eq!(calendar.last(at(moment)).open_ms, at(last_open), "{moment}");
        }
        let finished = |moment| calendar.finished(at(moment)).take(2).collect::<Vec<_>>();
        assert_eq!(
            finished("2026-11-27T17:59:59Z"),
            [date("2026-11-25"), date("2026-11-24")]
        );
        assert_eq!(
            finished("2026-11-27T18:00:00Z"),
            [date("2026-11-27"), date("2026-11-25")]
        );
    }

    #[test]
    fn of_two_exchanges_the_shorter_day_counts() {
        let day = |name: &str, status| Holiday {
            date: date("2026-12-24"),
            status,
            exchanges: vec![name.to_owned()],
        };
        let early = |hour: &str| DayStatus::EarlyClose {
            open_ms: at("2026-12-24T14:30:00Z"),
            close_ms: at(&format!("2026-12-24T{hour}:00:00Z")),
        };
        let closes = |days: &[Holiday]| Calendar::new(days).hours(date("2026-12-24"));
        let both = [day("NYSE", early("19")), day("NASDAQ", early("18"))];
        assert_eq!(
            closes(&both).map(|hours| hours.close_ms),
            Some(at("2026-12-24T18:00:00Z"))
        );
        let both = [day("NYSE", early("18")), day("NASDAQ", DayStatus::Closed)];
        assert_eq!(closes(&both), None);
    }
}
