//! Reads the fields of one object, and refuses what cannot be taken with its place and reason.
//!
//! The rules hold for every path: a value of the wrong type is absent, 0 stands for "nothing" where nothing can cost 0,
//! and a time lies between 2000 and five seconds ahead.

use std::borrow::Cow;

use crate::massive::answer::node::{Object, Presence, Raw};
use crate::massive::facts::{Reason, Refusals};
use crate::massive::number::{self, Decimal};

/// 2000-01-01 00:00:00 UTC. No time of the vendor's is older.
const OLDEST_MS: i64 = 946_684_800_000;
/// How far a clock of the vendor's may be ahead of the one that judges.
const AHEAD_MAX_MS: i64 = 5_000;
/// Most condition codes of one trade that are kept.
const CONDITIONS_MAX: usize = 32;

/// What a time is counted in. It comes from the path; only [`Unit::Unsure`] looks at the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Nanos,
    Millis,
    /// Seconds, milliseconds, microseconds or nanoseconds: whichever gives a time that can be.
    Unsure,
}

/// May a number be below zero?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Positive,
    /// An index may, a stock may not.
    Any,
}

/// A time that cannot be: what it dates is not to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTime;

/// One object of an answer: whose it is, and where it stands.
pub struct Scope<'s> {
    /// Whose; empty where it is nobody's.
    pub symbol: &'s str,
    /// The key of the list; empty where the answer is the list or the object.
    pub list: &'static str,
    /// Its number; `None` for the one object in place of a list.
    pub nth: Option<usize>,
    /// The object within the element that the fields stand in; empty for the element itself.
    pub group: &'static str,
    /// The clock by which ages are judged: milliseconds since 1970.
    pub now_ms: i64,
    pub refusals: &'s mut Refusals,
}

impl Scope<'_> {
    /// The same for the fields of an object within this one.
    pub fn within(&mut self, group: &'static str) -> Scope<'_> {
        Scope {
            group,
            refusals: self.refusals,
            ..*self
        }
    }

    /// Notes that `field` (empty for the object itself) is not taken.
    pub fn refuse(&mut self, field: &str, reason: Reason) {
        let path = self.path(field);
        self.refusals.add(self.symbol, path, reason);
    }

    fn path(&self, field: &str) -> String {
        let mut path = self.list.to_owned();
        if let Some(nth) = self.nth {
            path.push_str(&format!("[{nth}]"));
        }
        for part in [self.group, field] {
            if !part.is_empty() && !path.is_empty() {
                path.push('.');
            }
            path.push_str(part);
        }
        path
    }

    /// The fields of an object, if it is there and is one.
    pub fn object<'o, T>(&mut self, object: &'o Object<T>, field: &'static str) -> Option<&'o T> {
        match object.presence {
            Presence::There => Some(&object.fields),
            Presence::Absent => None,
            Presence::WrongType => {
                self.refuse(field, Reason::WrongType);
                None
            }
        }
    }

    /// Any number.
    pub fn decimal<'a>(&mut self, raw: Raw<'a>, field: &str) -> Option<Decimal<'a>> {
        let number = Decimal::read(raw.get()?);
        if number.is_none() {
            self.refuse(field, Reason::WrongType);
        }
        number
    }

    /// A number of which there may be none: a size, a volume, an open interest, a bid.
    pub fn amount<'a>(&mut self, raw: Raw<'a>, field: &str) -> Option<Decimal<'a>> {
        let number = self.decimal(raw, field)?;
        if number.value() < 0.0 {
            self.refuse(field, Reason::Negative);
            return None;
        }
        Some(number)
    }

    /// A price; 0 means that there is none.
    pub fn price<'a>(&mut self, raw: Raw<'a>, field: &str, sign: Sign) -> Option<Decimal<'a>> {
        let number = match sign {
            Sign::Positive => self.amount(raw, field)?,
            Sign::Any => self.decimal(raw, field)?,
        };
        (number.value() != 0.0).then_some(number)
    }

    /// An integer.
    pub fn integer(&mut self, raw: Raw, field: &str) -> Option<i64> {
        let number = number::integer(raw.get()?).and_then(|number| i64::try_from(number).ok());
        if number.is_none() {
            self.refuse(field, Reason::WrongType);
        }
        number
    }

    /// A time in milliseconds since 1970; 0 means that there is none.
    ///
    /// # Errors
    /// It cannot be: whatever it dates is refused with it.
    pub fn time(&mut self, raw: Raw, field: &str, unit: Unit) -> Result<Option<i64>, BadTime> {
        let Some(json) = raw.get() else {
            return Ok(None);
        };
        let Some(number) = number::integer(json) else {
            self.refuse(field, Reason::WrongType);
            return Ok(None);
        };
        if number == 0 {
            return Ok(None);
        }
        millis(number, unit, self.now_ms).map(Some).ok_or_else(|| {
            self.refuse(field, Reason::BadTime);
            BadTime
        })
    }

    /// A string.
    pub fn text<'a>(&mut self, raw: Raw<'a>, field: &str) -> Option<Cow<'a, str>> {
        let text = number::text(raw.get()?);
        if text.is_none() {
            self.refuse(field, Reason::WrongType);
        }
        text
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, raw: Raw, field: &str) -> Option<bool> {
        match raw.get()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.refuse(field, Reason::WrongType);
                None
            }
        }
    }

    /// The condition codes of a trade.
    pub fn conditions(&mut self, raw: Raw, field: &str) -> Vec<i64> {
        let Some(json) = raw.get() else {
            return Vec::new();
        };
        let Ok(mut codes) = serde_json::from_str::<Vec<i64>>(json) else {
            self.refuse(field, Reason::WrongType);
            return Vec::new();
        };
        codes.truncate(CONDITIONS_MAX);
        codes
    }
}

/// The time in milliseconds, if it can be.
fn millis(number: i128, unit: Unit, now_ms: i64) -> Option<i64> {
    let can_be = |ms: i128| {
        let ms = i64::try_from(ms).ok()?;
        (OLDEST_MS..=now_ms.saturating_add(AHEAD_MAX_MS))
            .contains(&ms)
            .then_some(ms)
    };
    match unit {
        Unit::Nanos => can_be(number.div_euclid(1_000_000)),
        Unit::Millis => can_be(number),
        // The span that can be is shorter than the step from one unit to the next, so only one of them fits.
        Unit::Unsure => can_be(number.checked_mul(1_000)?)
            .or_else(|| can_be(number))
            .or_else(|| can_be(number.div_euclid(1_000)))
            .or_else(|| can_be(number.div_euclid(1_000_000))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_883_400_000;

    #[test]
    fn the_unit_of_a_time_comes_from_the_path() {
        for (number, unit, ms) in [
            (
                1_605_192_894_630_916_607,
                Unit::Nanos,
                Some(1_605_192_894_630),
            ),
            (1_605_192_894_630, Unit::Millis, Some(1_605_192_894_630)),
            // The same number by the other unit is no time.
            (1_605_192_894_630_916_607, Unit::Millis, None),
            (1_605_192_894_630, Unit::Nanos, None),
            (1_605_192_894, Unit::Unsure, Some(1_605_192_894_000)),
            (1_605_192_894_630, Unit::Unsure, Some(1_605_192_894_630)),
            (1_605_192_894_630_916, Unit::Unsure, Some(1_605_192_894_630)),
            (
                1_605_192_894_630_916_607,
                Unit::Unsure,
                Some(1_605_192_894_630),
            ),
            (1_605_192, Unit::Unsure, None),
            (-1, Unit::Unsure, None),
            (i128::MAX, Unit::Unsure, None),
        ] {
            assert_eq!(millis(number, unit, NOW_MS), ms, "{number} {unit:?}");
        }
    }

    #[test]
    fn a_time_lies_between_2000_and_five_seconds_ahead() {
        for (ms, can_be) in [
            (OLDEST_MS - 1, false),
            (OLDEST_MS, true),
            (NOW_MS, true),
            (NOW_MS + 5_000, true),
            (NOW_MS + 5_001, false),
        ] {
            let ms = i128::from(ms);
            assert_eq!(millis(ms, Unit::Millis, NOW_MS).is_some(), can_be, "{ms}");
            assert_eq!(
                millis(ms * 1_000_000, Unit::Nanos, NOW_MS).is_some(),
                can_be
            );
            assert_eq!(millis(ms, Unit::Unsure, NOW_MS).is_some(), can_be, "{ms}");
        }
    }
}
