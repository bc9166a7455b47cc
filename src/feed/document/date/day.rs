//! The day: year, month and day of the month.

use super::names;
use super::tokens::{Kind, Tokens};

/// No feed is older than this; the years -1, 0 and 1 are what databases and languages write for "no date".
const FIRST_YEAR: i64 = 1_000;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    year: i64,
    month: i64,
    day: i64,
}

impl Day {
    pub fn of((year, figures): (i64, usize), month: i64, day: i64) -> Option<Day> {
        let year = match figures {
            2 if year < 70 => year + 2000,
            // `103` is 2003: a year counted from 1900.
            2 | 3 => year + 1900,
            4 => year,
            _ => return None,
        };
        let is_one = (FIRST_YEAR..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_of(year, month)).contains(&day);
        is_one.then_some(Day { year, month, day })
    }

    /// Days since 1970-01-01.
    pub fn since_1970(self) -> i64 {
        let year = if self.month <= 2 {
            self.year - 1
        } else {
            self.year
        };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    fn is_on(self, weekday: i64) -> bool {
        (self.since_1970() + 4).rem_euclid(7) == weekday
    }
}

/// How many days the month has: a day past its end is one of two that might be meant.
fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// What one look at the text found of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figures {
    /// A day in figures, taken.
    Day(Day),
    /// Figures that are no day, or more than one.
    Wrong,
    /// None are there.
    No,
}

/// Takes a day in figures with marks between them (`2024-07-09`, `05.07.2024`, `7/9/24`).
pub fn in_figures(tokens: &mut Tokens<'_>) -> Figures {
    let Some((at, mark)) = (0..tokens.len).find_map(|at| marked(tokens, at).map(|mark| (at, mark)))
    else {
        return Figures::No;
    };
    let (Some(one), Some(two), Some(three)) = (
        tokens.number(at),
        tokens.number(at + 2),
        tokens.number(at + 4),
    ) else {
        return Figures::No;
    };
    // `-0001-11-30` is a year before Christ.
    if at > 0 && tokens.is_mark(at - 1, b'-') && tokens.at(at).is_glued {
        return Figures::Wrong;
    }
    let is_iso = tokens.is_word(at + 5, "t") && tokens.at(at + 5).is_glued;
    let found = choose(one, two, three, mark, is_iso, weekday(tokens));
    tokens.take(at, at + 5);
    found.map_or(Figures::Wrong, Figures::Day)
}

/// The mark of three figures here. Behind a dot a blank may stand (`9. 7. 2024`). Colons are for a day as cameras
/// write it, with a clock behind a blank.
fn marked(tokens: &Tokens<'_>, at: usize) -> Option<u8> {
    let Kind::Mark(mark @ (b'-' | b'/' | b'.' | b':')) = tokens.at(at + 1).kind else {
        return None;
    };
    let is_number = |at| tokens.number(at).is_some();
    let is_joined = |at| {
        tokens.at(at).is_glued && is_number(at + 1) && (tokens.at(at + 1).is_glued || mark == b'.')
    };
    let Kind::Mark(second) = tokens.at(at + 3).kind else {
        return None;
    };
    let fits = second == mark
        || !matches!(second, b':') && mark != b':' && matches!(second, b'-' | b'/' | b'.');
    let is_clock = mark == b':' && (tokens.at(at).text.len() != 4 || tokens.is_mark(at + 5, b':'));
    (is_number(at) && is_joined(at + 1) && is_joined(at + 3) && fits && !is_clock).then_some(mark)
}

type Number = (i64, usize);

/// Which figure is which. Only with slashes the month comes first; where a weekday is named, it decides.
fn choose(
    one: Number,
    two: Number,
    three: Number,
    mark: u8,
    is_iso: bool,
    weekday: Option<i64>,
) -> Option<Day> {
    let year_first = || Day::of(one, two.0, three.0);
    let day_first = || Day::of(three, two.0, one.0);
    let month_first = || Day::of(three, one.0, two.0);
    let fits = |day: &Day| weekday.is_some_and(|weekday| day.is_on(weekday));
    let is_short = one.1 <= 2 && three.1 <= 2;
    let (first, second) = match mark {
        _ if one.1 >= 3 => return year_first().filter(|_| one.1 == 4),
        _ if is_short && is_iso => return year_first(),
        // `24-07-09`: is it the 24th, or the year?
        b'-' if is_short => {
            let (day_first, year_first) = (day_first(), year_first());
            let is_riddle = day_first.is_some() && year_first.is_some() && day_first != year_first;
            let decided = [day_first, year_first].into_iter().flatten().find(fits);
            return decided.or(day_first.or(year_first).filter(|_| !is_riddle));
        }
        b'/' => (month_first(), day_first()),
        _ => (day_first(), month_first()),
    };
    [first, second]
        .into_iter()
        .flatten()
        .find(fits)
        .or(first)
        .or(second)
}

/// The weekday that the text names.
fn weekday(tokens: &Tokens<'_>) -> Option<i64> {
    (0..tokens.len).find_map(|at| names::weekday(tokens.word(at)?))
}

fn names_weekday(tokens: &Tokens<'_>, at: usize) -> bool {
    tokens.word(at).and_then(names::weekday).is_some()
}

/// Takes a day whose month is a word, or that is written in one piece, or is no more than a year or a month.
pub fn in_words(tokens: &mut Tokens<'_>) -> Option<Day> {
    let mut numbers = [0; 6];
    let mut count = 0;
    for at in (0..tokens.len).filter(|at| tokens.number(*at).is_some()) {
        *numbers.get_mut(count)? = at;
        count += 1;
    }
    let numbers = &numbers[..count];
    let (day, used) = match month(tokens)? {
        Some(month) => with_month(tokens, numbers, month)?,
        None => without_month(tokens, numbers)?,
    };
    numbers[..used]
        .iter()
        .for_each(|at| tokens.take(*at, at + 1));
    Some(day)
}

/// The day, and how many of the numbers are in it.
fn with_month(tokens: &Tokens<'_>, numbers: &[usize], named: Month) -> Option<(Day, usize)> {
    let Month { month, at, weekday } = named;
    let (day, used) = match *numbers {
        [year_at] => {
            let year = tokens.number(year_at).filter(|year| year.1 == 4)?;
            // A weekday is one of a day that is told in other words (`second Tuesday of July 2024`).
            let names_day =
                (0..tokens.len).any(|other| other != at && names_weekday(tokens, other));
            let is_month = !names_day && is_plain(tokens, at, year_at);
            (Day::of(year, month, 1).filter(|_| is_month)?, 1)
        }
        [first, second, ..] => {
            let (one, two) = (tokens.number(first)?, tokens.number(second)?);
            // Where the month stands behind two numbers, a third could as well be one of the day.
            let is_in_order = at < second || numbers.len() == 2;
            if !is_in_order || !is_plain(tokens, first.min(at), second.max(at)) {
                return None;
            }
            let (year, day) = if one.1 >= 3 { (one, two) } else { (two, one) };
            (Day::of(year, month, day.0)?, 2)
        }
        [] => return None,
    };
    weekday
        .is_none_or(|weekday| day.is_on(weekday))
        .then_some((day, used))
}

/// A month that a word names.
struct Month {
    month: i64,
    at: usize,
    /// The day must be on it.
    weekday: Option<i64>,
}

/// The month that a word names, where it stands, and which weekday it must agree with. `Some(None)` without one.
fn month(tokens: &Tokens<'_>) -> Option<Option<Month>> {
    let found = |at: usize| {
        let word = tokens.word(at).filter(|_| tokens.is_free(at))?;
        names::month(word).map(|month| (month, at))
    };
    let mut months = (0..tokens.len).filter_map(found);
    let Some((month, at)) = months.next() else {
        return Some(None);
    };
    let Some((second, second_at)) = months.next() else {
        return Some(Some(Month {
            month,
            at,
            weekday: None,
        }));
    };
    // A Tuesday is `mar` in Spanish and French: then it stands first, and the day is one.
    let is_weekday = tokens.is_word(at, "mar") && at == 0 && months.next().is_none();
    is_weekday.then_some(Some(Month {
        month: second,
        at: second_at,
        weekday: Some(2),
    }))
}

/// Whether no word stands between two parts that could be another month.
fn is_plain(tokens: &Tokens<'_>, from: usize, until: usize) -> bool {
    (from + 1..until).all(|at| {
        let word = tokens.word(at).filter(|_| tokens.is_free(at));
        word.is_none_or(|word| names::month(word).is_some() || names::is_filler(word))
    })
}

/// The same without such a word.
fn without_month(tokens: &Tokens<'_>, numbers: &[usize]) -> Option<(Day, usize)> {
    let number = |at: usize| numbers.get(at).and_then(|at| tokens.number(*at));
    let (one, two, three) = (number(0)?, number(1), number(2));
    let day = match (one.1, two, three) {
        (8, ..) => {
            return Some((
                Day::of((one.0 / 10_000, 4), one.0 / 100 % 100, one.0 % 100)?,
                1,
            ));
        }
        (4, None, None) if tokens.len == 1 => Day::of(one, 1, 1),
        // `2024-07`.
        (4, Some(two), None) if numbers[..2] == [0, 2] && tokens.at(1).is_glued => {
            Day::of(one, two.0, 1)
        }
        // With blanks between them only the year tells where it begins.
        (4, Some(two), Some(three)) => Day::of(one, two.0, three.0),
        (_, Some(two), Some(three)) => {
            let (day_first, month_first) =
                (Day::of(three, two.0, one.0), Day::of(three, one.0, two.0));
            day_first
                .xor(month_first)
                .or(day_first.filter(|_| one.0 == two.0))
        }
        _ => None,
    };
    Some((day?, numbers.len().min(3)))
}
