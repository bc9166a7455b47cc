//! Dates as feeds write them: RFC 822 with all its sins, RFC 3339, W3C-DTF, and what lies between.
//!
//! One lenient reader for all: it cuts the text into numbers, words and signs, and asks of each what it can be.
//! Without a zone a time is UTC.

/// Seconds since 1970 of a written date; `None` when no day can be found in it.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() > LONGEST || !text.is_ascii() {
        return parse_ascii(&ascii_only(text)?);
    }
    parse_ascii(text)
}

/// A date longer than this is none.
const LONGEST: usize = 100;

fn ascii_only(text: &str) -> Option<String> {
    // No-break spaces and the like stand where a space was meant.
    let ascii = |c: char| if c.is_ascii() { c } else { ' ' };
    (text.len() <= LONGEST * 2).then(|| {
        text.chars()
            .map(ascii)
            .collect::<String>()
            .trim()
            .to_string()
    })
}

fn parse_ascii(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let after = bytes.get(digits).copied();
    match (digits, after) {
        // 2026-01-02…, 2026/01/02…, 2026, 20260102…
        (4, None | Some(b'-' | b'/' | b'.')) | (8, None | Some(b'T' | b't' | b' ')) => {
            parse_iso(text)
        }
        // Seconds or milliseconds since 1970.
        (9..=10, None) => text.parse().ok(),
        (12..=13, None) => text.parse::<i64>().ok().map(|ms| ms / 1000),
        _ => parse_words(text),
    }
}

#[derive(Default)]
struct Parts {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    clock_sec: i64,
    zone_sec: i64,
}

impl Parts {
    fn to_ts(&self) -> Option<i64> {
        let (year, month, day) = (self.year?, self.month.unwrap_or(1), self.day.unwrap_or(1));
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1..=9999).contains(&year) {
            return None;
        }
        Some(days_from_civil(year, month, day) * 86_400 + self.clock_sec - self.zone_sec)
    }
}

/// `YYYY[-MM[-DD]]`, then `T` or a space, a clock, a zone.
fn parse_iso(text: &str) -> Option<i64> {
    let day_len = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (day, rest) = text.split_at(day_len);
    let mut parts = Parts::default();
    if day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()) {
        parts.year = day[..4].parse().ok();
        parts.month = day[4..6].parse().ok();
        parts.day = day[6..].parse().ok();
    } else {
        let mut numbers = day.split(['-', '/', '.']);
        parts.year = Some(numbers.next()?.parse().ok()?);
        let month = numbers.next().filter(|m| !m.is_empty());
        // `2026-Jan-02` is seen too.
        parts.month = match month {
            Some(m) => Some(m.parse().ok().or_else(|| month_number(m))?),
            None => None,
        };
        parts.day = match numbers.next().filter(|d| !d.is_empty()) {
            Some(d) => Some(d.parse().ok()?),
            None => None,
        };
    }
    let rest = rest.trim_start_matches(['T', 't', ' ']);
    if !rest.is_empty() {
        read_clock_and_zone(rest, &mut parts)?;
    }
    parts.to_ts()
}

/// `[Weekday,] DD Mon YYYY clock zone`, in this order or in the American one (`Mon DD, YYYY`), and asctime's.
fn parse_words(text: &str) -> Option<i64> {
    let mut parts = Parts::default();
    let mut numbers: [Option<(i64, usize)>; 3] = [None; 3];
    let mut count = 0;
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| {
            c.is_ascii_whitespace() || matches!(c, ',' | '/' | '-' | '.' | '(' | ')')
        });
        let Some(first) = rest.bytes().next() else {
            break;
        };
        if first.is_ascii_alphabetic() {
            let len = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (word, tail) = rest.split_at(len);
            if parts.month.is_none() && month_number(word).is_some() {
                parts.month = month_number(word);
            } else if let Some(offset) = named_zone(word) {
                parts.zone_sec = offset;
            }
            rest = tail;
        } else if first.is_ascii_digit() {
            let len = rest.bytes().take_while(u8::is_ascii_digit).count();
            if rest.as_bytes().get(len) == Some(&b':') {
                rest = read_clock_and_zone(rest, &mut parts)?;
                continue;
            }
            let (number, tail) = rest.split_at(len);
            if count < 3 {
                numbers[count] = Some((number.parse().ok()?, len));
                count += 1;
            }
            // 1st, 2nd, 3rd, 4th
            rest = ["st", "nd", "rd", "th"]
                .iter()
                .find_map(|th| tail.strip_prefix(th))
                .unwrap_or(tail);
        } else {
            rest = &rest[1..];
        }
    }
    assign(&numbers[..count], &mut parts)?;
    parts.to_ts()
}

/// Which number is the day, which the year, and which the month if no word named it.
fn assign(numbers: &[Option<(i64, usize)>], parts: &mut Parts) -> Option<()> {
    let number = |at: usize| numbers.get(at).copied().flatten();
    let year = |(value, len): (i64, usize)| match len {
        1 | 2 if value < 70 => value + 2000,
        1 | 2 => value + 1900,
        // `103` for 2003: a year counted from 1900.
        3 => value + 1900,
        _ => value,
    };
    if parts.month.is_some() {
        let (first, second) = (number(0)?, number(1));
        match second {
            Some(second) if first.1 >= 3 => {
                (parts.year, parts.day) = (Some(first.0), Some(second.0))
            }
            Some(second) => (parts.day, parts.year) = (Some(first.0), Some(year(second))),
            None => parts.year = Some(first.0).filter(|_| first.1 == 4),
        }
        return Some(());
    }
    // No word: MM/DD/YYYY, or DD/MM/YYYY where the first cannot be a month.
    let (one, two, three) = (number(0)?, number(1)?, number(2)?);
    let (month, day) = if one.0 > 12 {
        (two.0, one.0)
    } else {
        (one.0, two.0)
    };
    (parts.month, parts.day, parts.year) = (Some(month), Some(day), Some(year(three)));
    Some(())
}

/// `HH[:MM[:SS[.fraction]]] [AM|PM] [zone]`; returns what follows.
fn read_clock_and_zone<'t>(text: &'t str, parts: &mut Parts) -> Option<&'t str> {
    let (mut hour, mut rest) = take_number(text)?;
    let compact = rest.len() + 6 == text.len() || (rest.len() + 4 == text.len());
    let (mut minute, mut second) = (0, 0);
    if compact && hour > 99 {
        // `T150405`
        (hour, minute, second) = if hour > 9_999 {
            (hour / 10_000, hour / 100 % 100, hour % 100)
        } else {
            (hour / 100, hour % 100, 0)
        };
    } else if let Some(tail) = rest.strip_prefix(':') {
        (minute, rest) = take_number(tail)?;
        if let Some((value, tail)) = rest.strip_prefix(':').and_then(take_number) {
            (second, rest) = (value, tail);
        }
    }
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let after = rest.trim_start();
    match after.get(..2).map(str::to_ascii_uppercase).as_deref() {
        Some("PM") if hour < 12 => (hour, rest) = (hour + 12, &after[2..]),
        Some("AM") if hour == 12 => (hour, rest) = (0, &after[2..]),
        Some("AM" | "PM") => rest = &after[2..],
        _ => {}
    }
    // 24:00 is midnight of the next day, :60 a leap second.
    if hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    parts.clock_sec = hour * 3_600 + minute * 60 + second.min(59);
    let zone = rest.trim_start();
    let Some(sign) = zone.bytes().next().filter(|b| matches!(b, b'+' | b'-')) else {
        return Some(rest);
    };
    let Some((offset, tail)) = read_offset(&zone[1..]) else {
        return Some(&zone[1..]);
    };
    parts.zone_sec = if sign == b'-' { -offset } else { offset };
    Some(tail)
}

/// `HHMM`, `HH:MM` or `HH`, in seconds.
fn read_offset(text: &str) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let number: i64 = number.parse().ok()?;
    let (hours, minutes, rest) = match (digits, rest.strip_prefix(':').and_then(take_number)) {
        (1 | 2, Some((minutes, tail))) => (number, minutes, tail),
        (1 | 2, None) => (number, 0, rest),
        (3 | 4, _) => (number / 100, number % 100, rest),
        _ => return None,
    };
    (hours <= 15 && minutes <= 59).then_some((hours * 3_600 + minutes * 60, rest))
}

fn take_number(text: &str) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

fn month_number(word: &str) -> Option<i64> {
    let start = word.get(..3)?.to_ascii_lowercase();
    let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let at = months.iter().position(|m| *m == start)?;
    i64::try_from(at + 1).ok()
}

/// Zones by name, as mail and news wrote them. Ambiguous names mean what RFC 822 says, or what most
/// feeds mean by them (IST is India's).
fn named_zone(word: &str) -> Option<i64> {
    let half_hours = match word.to_ascii_uppercase().as_str() {
        "Z" | "UT" | "UTC" | "GMT" | "WET" => 0,
        "CET" | "MET" | "MEZ" | "BST" | "WEST" => 2,
        "CEST" | "MEST" | "MESZ" | "EET" | "SAST" => 4,
        "EEST" | "MSK" => 6,
        "PKT" => 10,
        "IST" => 11,
        "SGT" | "HKT" | "AWST" | "CST8" => 16,
        "JST" | "KST" => 18,
        "ACST" => 19,
        "AEST" => 20,
        "ACDT" => 21,
        "AEDT" => 22,
        "NZST" => 24,
        "NZDT" => 26,
        "NDT" => -5,
        "NST" => -7,
        "ADT" | "ART" | "BRT" => -6,
        "AST" | "EDT" | "ET" => -8,
        "EST" | "CDT" | "CT" => -10,
        "CST" | "MDT" | "MT" => -12,
        "MST" | "PDT" | "PT" => -14,
        "PST" | "AKDT" => -16,
        "AKST" => -18,
        "HST" => -20,
        _ => return None,
    };
    Some(half_hours * 1_800)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; days past a month's end run into the next.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_date_is_read() {
        // Thu, 01 Jan 2004 19:48:21 UTC
        let ts = 1_072_986_501;
        for text in [
            "Thu, 01 Jan 2004 19:48:21 GMT",
            "Thu, 1 Jan 04 19:48:21 +0000",
            "thursday, 01-january-2004 19:48:21 UT",
            "01 Jan 2004 14:48:21 EST",
            "Thu, 01 Jan 2004 20:48:21 +01:00",
            "Thu Jan  1 19:48:21 2004",
            "Thu Jan  1 19:48:21 GMT 2004",
            "January 1st, 2004 7:48:21 PM",
            "01/01/2004 19:48:21",
            "Thu, 01 Jan 2004 19:48:21",
            "Thu,01 Jan 2004 19:48:21 GMT+0000",
            "2004-01-01T19:48:21Z",
            "2004-01-01T19:48:21.123456Z",
            "2004-01-01t19:48:21+00:00",
            "2004-01-01 19:48:21",
            "2004-01-01T14:48:21-0500",
            "20040101T194821Z",
            "2004/01/01 19:48:21 UTC",
            "1072986501",
            "1072986501000",
            "\u{a0}Thu, 01 Jan 2004 19:48:21 GMT",
        ] {
            assert_eq!(parse(text), Some(ts), "{text}");
        }
    }

    #[test]
    fn a_day_alone_is_its_midnight() {
        assert_eq!(parse("2004"), Some(1_072_915_200));
        assert_eq!(parse("2004-01"), Some(1_072_915_200));
        assert_eq!(parse("2004-01-01"), Some(1_072_915_200));
        assert_eq!(parse("20040101"), Some(1_072_915_200));
        assert_eq!(parse("1 Jan 2004"), Some(1_072_915_200));
        assert_eq!(parse("Thu, 29 Feb 2024 24:00:00 GMT"), parse("2024-03-01"));
        assert_eq!(parse("1999-12-31T23:59:60Z"), parse("1999-12-31T23:59:59Z"));
    }

    #[test]
    fn two_digit_years_turn_in_1970() {
        assert_eq!(parse("01 Jan 69 00:00:00 GMT"), parse("2069-01-01"));
        assert_eq!(parse("01 Jan 70 00:00:00 GMT"), Some(0));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "yesterday",
            "Thu,",
            "25:00:00",
            "2004-13-01",
            "32 Jan 2004",
            "0000-00-00T00:00:00Z",
            "-",
            "é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"9".repeat(5_000)), None);
    }
}
