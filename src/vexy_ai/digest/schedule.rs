//! Which digest is due. Pure: it is told the time.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::zone;
use crate::vexy_ai::config::Digest;

/// For how long after its moment a digest is still said; who was away for longer leaves it out.
const GRACE_SEC: i64 = 1_800;
/// How far back a digest reaches where the one before is further away.
const REACH_SEC: i64 = 3 * 86_400;

/// The moments of truth, in their zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    zone: TimeZone,
    /// By their time of day.
    epochs: Vec<(Time, String)>,
    /// None: every day.
    days: Vec<Weekday>,
}

/// A digest whose moment has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The day in the zone of the digest: `2026-11-24`.
    pub day: String,
    /// Which of the day's, from 1.
    pub epoch: usize,
    pub name: String,
    /// Its moment, in seconds since 1970.
    pub at_ts: i64,
    /// The moment of the one before it.
    pub from_ts: i64,
    /// That moment as people there read it: `16:00`, or `Fri 16:00` when that was another day.
    pub since: String,
}

impl Schedule {
    /// The schedule of truth; `None` when nobody knows its zone.
    pub fn new(digest: &Digest) -> Option<Schedule> {
        let zone = zone::named(&digest.tz)?;
        let time = |epoch: &crate::vexy_ai::config::Epoch| Some((epoch.at()?, epoch.name.clone()));
        let mut epochs: Vec<(Time, String)> = digest.epochs.iter().filter_map(time).collect();
        epochs.sort_unstable();
        Some(Schedule {
            zone,
            epochs,
            days: digest.weekdays(),
        })
    }

    /// The day at a moment, in the zone of the digest.
    pub fn day(&self, now_ts: i64) -> String {
        self.date(now_ts).to_string()
    }

    /// The digest that is due: the newest whose moment has come, for half an hour.
    pub fn due(&self, now_ts: i64) -> Option<Due> {
        let moments = self.moments(now_ts);
        let last = moments.iter().rposition(|moment| moment.at_ts <= now_ts)?;
        let moment = &moments[last];
        if now_ts - moment.at_ts > GRACE_SEC {
            return None;
        }
        let before = last.checked_sub(1).map(|before| &moments[before]);
        let floor = moment.at_ts - REACH_SEC;
        let from_ts = before.map_or(floor, |before| before.at_ts.max(floor));
        let there = self.zone.to_datetime(timestamp(from_ts));
        let format = if there.date() == moment.date {
            "%H:%M"
        } else {
            "%a %H:%M"
        };
        Some(Due {
            day: moment.date.to_string(),
            epoch: moment.nth + 1,
            name: self.epochs[moment.nth].1.clone(),
            at_ts: moment.at_ts,
            from_ts,
            since: there.strftime(format).to_string(),
        })
    }

    /// When the next one will be due, in seconds since 1970.
    pub fn next(&self, now_ts: i64) -> Option<i64> {
        let moments = self.moments(now_ts);
        moments
            .iter()
            .map(|moment| moment.at_ts)
            .find(|ts| *ts > now_ts)
    }

    /// The moments from over a week before to over a week after, in their order. A time that a day does not have (clocks
    /// are put forward) comes as much later; one that it has twice comes at the first.
    fn moments(&self, now_ts: i64) -> Vec<Moment> {
        let mut moments = Vec::new();
        let Ok(mut date) = self.date(now_ts).checked_sub(jiff::Span::new().days(8)) else {
            return moments;
        };
        for _ in 0..17 {
            if self.days.is_empty() || self.days.contains(&date.weekday()) {
                for (nth, (time, _)) in self.epochs.iter().enumerate() {
                    if let Ok(at) = self.zone.to_timestamp(date.to_datetime(*time)) {
                        let at_ts = at.as_second();
                        moments.push(Moment { at_ts, date, nth });
                    }
                }
            }
            match date.tomorrow() {
                Ok(tomorrow) => date = tomorrow,
                Err(_) => break,
            }
        }
        // Where clocks are put forward, two times may be one moment, and never in the other order.
        moments.sort_by_key(|moment| moment.at_ts);
        moments
    }

    fn date(&self, ts: i64) -> Date {
        self.zone.to_datetime(timestamp(ts)).date()
    }
}

struct Moment {
    at_ts: i64,
    date: Date,
    nth: usize,
}

fn timestamp(ts: i64) -> Timestamp {
    Timestamp::from_second(ts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vexy_ai::config::Epoch;

    fn schedule(epochs: &[(&str, &str)], tz: &str, days: &[&str]) -> Schedule {
        let epoch = |(name, time): &(&str, &str)| Epoch {
            name: (*name).to_owned(),
            time: (*time).to_owned(),
        };
        Schedule::new(&Digest {
            epochs: epochs.iter().map(epoch).collect(),
            tz: tz.to_owned(),
            days: days.iter().map(|day| (*day).to_owned()).collect(),
            ..Digest::default()
        })
        .expect("a zone")
    }

    fn ts(text: &str) -> i64 {
        text.parse::<Timestamp>().expect(text).as_second()
    }

    fn due(schedule: &Schedule, now: &str) -> Option<(String, String, usize, String)> {
        let due = schedule.due(ts(now))?;
        Some((due.day, due.name, due.epoch, due.since))
    }

    fn told(
        day: &str,
        name: &str,
        epoch: usize,
        since: &str,
    ) -> Option<(String, String, usize, String)> {
        Some((day.to_owned(), name.to_owned(), epoch, since.to_owned()))
    }

    const NEW_YORK: &str = "America/New_York";
    const OPEN_CLOSE: [(&str, &str); 2] = [("close", "16:00"), ("open", "09:30")];
    const WORK: [&str; 5] = ["mon", "tue", "wed", "thu", "fri"];

    #[test]
    fn each_is_due_from_its_moment_on_for_half_an_hour() {
        let s = schedule(&OPEN_CLOSE, NEW_YORK, &WORK);
        // A Tuesday, in winter: New York is five hours behind.
        assert_eq!(due(&s, "2026-11-24T14:29:59Z"), None);
        assert_eq!(
            due(&s, "2026-11-24T14:30:00Z"),
            told("2026-11-24", "open", 1, "Mon 16:00")
        );
        assert_eq!(
            due(&s, "2026-11-24T15:00:00Z"),
            told("2026-11-24", "open", 1, "Mon 16:00")
        );
        assert_eq!(due(&s, "2026-11-24T15:00:01Z"), None);
        assert_eq!(
            due(&s, "2026-11-24T21:00:00Z"),
            told("2026-11-24", "close", 2, "09:30")
        );
        assert_eq!(
            s.next(ts("2026-11-24T14:29:59Z")),
            Some(ts("2026-11-24T14:30:00Z"))
        );
        assert_eq!(
            s.next(ts("2026-11-24T14:30:00Z")),
            Some(ts("2026-11-24T21:00:00Z"))
        );
    }

    #[test]
    fn days_without_one_are_left_out_and_what_came_on_them_is_in_the_next() {
        let s = schedule(&OPEN_CLOSE, NEW_YORK, &WORK);
        assert_eq!(due(&s, "2026-11-28T14:30:00Z"), None, "a Saturday");
        assert_eq!(
            due(&s, "2026-11-30T14:30:00Z"),
            told("2026-11-30", "open", 1, "Fri 16:00")
        );
        assert_eq!(
            s.next(ts("2026-11-27T21:00:00Z")),
            Some(ts("2026-11-30T14:30:00Z"))
        );
        // Nobody reads back further than three days.
        let weekly = schedule(&[("week", "18:00")], "UTC", &["sun"]);
        let due = weekly.due(ts("2026-11-29T18:00:00Z")).expect("due");
        assert_eq!(due.at_ts - due.from_ts, 3 * 86_400);
        assert_eq!(weekly.next(due.at_ts), Some(ts("2026-12-06T18:00:00Z")));
    }

    #[test]
    fn clocks_that_change_make_a_digest_neither_vanish_nor_come_twice() {
        let s = schedule(&[("night", "02:30"), ("dawn", "05:00")], NEW_YORK, &[]);
        // 2026-03-08 has no 02:30: it is said an hour later. 2026-11-01 has 01:00 to 02:00 twice.
        assert_eq!(
            due(&s, "2026-03-08T07:30:00Z"),
            told("2026-03-08", "night", 1, "Sat 05:00")
        );
        assert_eq!(due(&s, "2026-03-08T06:59:00Z"), None);
        let twice = schedule(&[("night", "01:30")], NEW_YORK, &[]);
        assert_eq!(
            due(&twice, "2026-11-01T05:30:00Z"),
            told("2026-11-01", "night", 1, "Sat 01:30")
        );
        assert_eq!(
            due(&twice, "2026-11-01T06:30:00Z"),
            None,
            "the same time of day once more"
        );
        assert_eq!(
            twice.next(ts("2026-11-01T05:30:00Z")),
            Some(ts("2026-11-02T06:30:00Z"))
        );
    }

    #[test]
    fn the_day_is_that_of_the_zone() {
        let s = schedule(&[("late", "23:30")], "Asia/Tokyo", &["tue"]);
        assert_eq!(
            due(&s, "2026-11-24T14:30:00Z").expect("due").0,
            "2026-11-24"
        );
        assert_eq!(s.day(ts("2026-11-24T15:00:00Z")), "2026-11-25");
        assert_eq!(schedule(&[], "UTC", &[]).due(0), None);
        assert_eq!(schedule(&[], "UTC", &[]).next(0), None);
    }

    #[test]
    fn a_zone_that_nobody_knows_is_none() {
        let digest = Digest {
            tz: "Mars/Olympus".to_owned(),
            ..Digest::default()
        };
        assert!(Schedule::new(&digest).is_none());
    }
}
