//! Dates exactly as RFC 822 and RFC 3339 have them: nearly all dates are, and reading them so takes a tenth of the time.

use super::day::Day;

/// Seconds since 1970; `None` says nothing but that the date is written in another way.
pub fn parse(text: &str) -> Option<i64> {
    let mut cursor = Cursor(text.as_bytes());
    let (day, is_iso) = if cursor.0.get(4) == Some(&b'-') {
        (cursor.iso_day()?, true)
    } else {
        (cursor.mail_day()?, false)
    };
    let clock_sec = cursor.clock()?;
    if is_iso && cursor.skip(b'.') {
        while cursor.0.first().is_some_and(u8::is_ascii_digit) {
            cursor.0 = &cursor.0[1..];
        }
    }
    let offset_sec = if is_iso {
        cursor.iso_zone()?
    } else {
        cursor.mail_zone()?
    };
    cursor
        .0
        .is_empty()
        .then(|| day.since_1970() * 86_400 + clock_sec - offset_sec)
}

struct Cursor<'t>(&'t [u8]);

impl Cursor<'_> {
    /// `2004-01-01T`.
    fn iso_day(&mut self) -> Option<Day> {
        let year = self.figures(4)?;
        let month = self.behind(b'-')?;
        let day = self.behind(b'-')?;
        self.expect(b'T')?;
        Day::of((year, 4), month, day)
    }

    /// `Thu, 01 Jan 2004 `, the weekday may be missing.
    fn mail_day(&mut self) -> Option<Day> {
        if self.0.first()?.is_ascii_alphabetic() {
            let (weekday, rest) = self.0.split_at_checked(5)?;
            let weekdays: [&[u8]; 7] = [
                b"Mon, ", b"Tue, ", b"Wed, ", b"Thu, ", b"Fri, ", b"Sat, ", b"Sun, ",
            ];
            // Any other word may be a month (`Set`), or mean one day and no other (`Mar`).
            if !weekdays.contains(&weekday) {
                return None;
            }
            self.0 = rest;
        }
        let day = if self.0.get(1) == Some(&b' ') {
            self.figures(1)
        } else {
            self.figures(2)
        }?;
        self.expect(b' ')?;
        let (name, rest) = self.0.split_at_checked(3)?;
        self.0 = rest;
        let months = [
            b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
            b"Dec",
        ];
        let month = months.iter().position(|month| *month == name)? + 1;
        self.expect(b' ')?;
        let year = self.figures(4)?;
        self.expect(b' ')?;
        Day::of((year, 4), i64::try_from(month).ok()?, day)
    }

    /// `19:48:21`.
    fn clock(&mut self) -> Option<i64> {
        let hour = self.figures(2)?;
        let minute = self.behind(b':')?;
        let second = self.behind(b':')?;
        (hour <= 23 && minute <= 59 && second <= 59).then_some(hour * 3_600 + minute * 60 + second)
    }

    /// `Z` or `+02:00`.
    fn iso_zone(&mut self) -> Option<i64> {
        if self.skip(b'Z') {
            return Some(0);
        }
        let sign = self.sign()?;
        let hours = self.figures(2)?;
        let minutes = self.behind(b':')?;
        (hours <= 14 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
    }

    /// ` GMT` or ` +0200`.
    fn mail_zone(&mut self) -> Option<i64> {
        self.expect(b' ')?;
        if self.0 == b"GMT" {
            self.0 = b"";
            return Some(0);
        }
        let sign = self.sign()?;
        let (hours, minutes) = (self.figures(2)?, self.figures(2)?);
        (hours <= 14 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
    }

    fn sign(&mut self) -> Option<i64> {
        if self.skip(b'+') {
            return Some(1);
        }
        self.skip(b'-').then_some(-1)
    }

    fn behind(&mut self, mark: u8) -> Option<i64> {
        self.expect(mark)?;
        self.figures(2)
    }

    fn figures(&mut self, count: usize) -> Option<i64> {
        let (figures, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        figures.iter().try_fold(0, |number, figure| {
            figure
                .is_ascii_digit()
                .then(|| number * 10 + i64::from(figure - b'0'))
        })
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip(byte).then_some(())
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.0.first() == Some(&byte);
        self.0 = &self.0[usize::from(is_there)..];
        is_there
    }
}
