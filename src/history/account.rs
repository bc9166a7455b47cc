//! How a service stood at each instant, and for how long. Pure.
//!
//! An instant is the first of these that applies: not watched; unknown (nobody judged); planned; down; degraded; up.

use super::DAY_SEC;
use super::intervals::Intervals;
use super::record::Record;
use super::span::SpanKind;

/// A time that is asked about: `[from, to)` in epoch seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: i64,
    pub to: i64,
}

/// How a service stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    NotWatched,
    Unknown,
    Planned,
    Down,
    Degraded,
    Up,
}

impl Account {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Account::NotWatched => "off",
            Account::Unknown => "unknown",
            Account::Planned => "planned",
            Account::Down => "down",
            Account::Degraded => "degraded",
            Account::Up => "up",
        }
    }
}

/// A time in which it stood in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: i64,
    pub to: i64,
    pub account: Account,
}

/// Seconds of a window. They add up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub not_watched: i64,
    pub unknown: i64,
    pub planned: i64,
    pub down: i64,
    pub degraded: i64,
    pub up: i64,
}

/// A share of time in hundredths of a percent, never rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uptime(pub u32);

/// The whole of it.
const WHOLE: u32 = 10_000;

/// What a service is read with.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When its bus was judged.
    pub covered: &'a Intervals,
    /// When it was silenced beforehand.
    pub silenced: &'a Intervals,
    /// It is the healer: that it was down is known by others, whether or not anybody judged meanwhile.
    pub is_healer: bool,
    pub now: i64,
}

impl Record {
    /// How it stood in `window`, as far as that is the past; neighbours differ.
    pub fn stretches(&self, seen: Seen<'_>, window: Window) -> Vec<Stretch> {
        let window = Window {
            from: window.from,
            to: window.to.min(seen.now).max(window.from),
        };
        let spans = self.within(window, seen.now);
        let mut edges = vec![window.from, window.to];
        edges.extend(spans.iter().flat_map(|(from, to, _)| [*from, *to]));
        for set in [&self.watched, seen.covered, seen.silenced] {
            let list = set.within(window.from, window.to);
            edges.extend(list.iter().flat_map(|(from, to)| [*from, *to]));
        }
        edges.retain(|at| (window.from..=window.to).contains(at));
        edges.sort_unstable();
        edges.dedup();
        let mut stretches: Vec<Stretch> = Vec::new();
        for two in edges.windows(2) {
            let (from, to) = (two[0], two[1]);
            let account = self.at(from, &spans, seen);
            match stretches.last_mut() {
                Some(last) if last.account == account => last.to = to,
                _ => stretches.push(Stretch { from, to, account }),
            }
        }
        stretches
    }

    /// The spans that touch `window`, those that last among them.
    fn within(&self, window: Window, now: i64) -> Vec<(i64, i64, SpanKind)> {
        let closed = self
            .spans
            .iter()
            .map(|span| (span.from, span.to, span.kind));
        let down = self.open.down.iter().flat_map(|open| {
            let planned_to = open
                .planned_until
                .unwrap_or(open.from)
                .clamp(open.from, now.max(open.from));
            [
                (open.from, planned_to, SpanKind::Planned),
                (planned_to, now, SpanKind::Down),
            ]
        });
        let degraded = self
            .open
            .degraded
            .iter()
            .map(|open| (open.from, now, SpanKind::Degraded));
        let touching = |(from, to, _): &(i64, i64, SpanKind)| {
            *from < window.to && *to > window.from && from < to
        };
        closed
            .chain(down)
            .chain(degraded)
            .filter(touching)
            .collect()
    }

    /// How it stood at the second `at`; `spans` are those that may hold it.
    fn at(&self, at: i64, spans: &[(i64, i64, SpanKind)], seen: Seen<'_>) -> Account {
        let is = |kind| {
            let mut of_kind = spans.iter().filter(|span| span.2 == kind);
            of_kind.any(|(from, to, _)| (*from..*to).contains(&at))
        };
        let is_down = is(SpanKind::Down);
        if !self.watched.contains(at) {
            Account::NotWatched
        } else if !seen.covered.contains(at) {
            match seen.is_healer && is_down {
                true => Account::Down,
                false => Account::Unknown,
            }
        } else if is(SpanKind::Planned) || (is_down && seen.silenced.contains(at)) {
            Account::Planned
        } else if is_down {
            Account::Down
        } else if is(SpanKind::Degraded) {
            Account::Degraded
        } else {
            Account::Up
        }
    }

    /// The seconds of `window`, as far as it is the past.
    pub fn sums(&self, seen: Seen<'_>, window: Window) -> Sums {
        let mut sums = Sums::default();
        for stretch in self.stretches(seen, window) {
            *sums.of(stretch.account) += stretch.to - stretch.from;
        }
        self.add_days(&mut sums, window, seen.now);
        sums
    }

    /// The seconds of `count` parts of equal size, from `from` on, as far as they are the past.
    pub fn cells(&self, seen: Seen<'_>, from: i64, size: i64, count: usize) -> Vec<Sums> {
        let part = |at: usize| Window {
            from: from + size * at as i64,
            to: from + size * (at as i64 + 1),
        };
        let whole = Window {
            from,
            to: from + size * count as i64,
        };
        let mut cells = vec![Sums::default(); count];
        for stretch in self.stretches(seen, whole) {
            let mut at = stretch.from;
            while at < stretch.to {
                let cell = ((at - from) / size) as usize;
                let to = stretch.to.min(part(cell).to);
                *cells[cell].of(stretch.account) += to - at;
                at = to;
            }
        }
        for (at, sums) in cells.iter_mut().enumerate() {
            self.add_days(sums, part(at), seen.now);
        }
        cells
    }

    /// What is kept by day of a window, added to what its spans say.
    fn add_days(&self, sums: &mut Sums, window: Window, now: i64) {
        if self.days.is_empty() {
            return;
        }
        let to = window.to.min(now);
        let days = window.from.div_euclid(DAY_SEC)..=to.div_euclid(DAY_SEC);
        if !days.is_empty() {
            for (day, kept) in self.days.range(days) {
                let begin = day * DAY_SEC;
                let overlap = to.min(begin + DAY_SEC) - window.from.max(begin);
                sums.add_day(kept, overlap);
            }
        }
    }
}

impl Sums {
    fn of(&mut self, account: Account) -> &mut i64 {
        match account {
            Account::NotWatched => &mut self.not_watched,
            Account::Unknown => &mut self.unknown,
            Account::Planned => &mut self.planned,
            Account::Down => &mut self.down,
            Account::Degraded => &mut self.degraded,
            Account::Up => &mut self.up,
        }
    }

    /// The seconds of a day whose spans are not known any more, `overlap` seconds of which are asked for: what they say is
    /// taken from what looked like up.
    fn add_day(&mut self, [down, planned, degraded]: &[i64; 3], overlap: i64) {
        let overlap = overlap.clamp(0, DAY_SEC);
        for (account, secs) in [
            (Account::Down, down),
            (Account::Planned, planned),
            (Account::Degraded, degraded),
        ] {
            let share = (secs * overlap / DAY_SEC).clamp(0, self.up);
            self.up -= share;
            *self.of(account) += share;
        }
    }

    /// All of it.
    pub fn total(&self) -> i64 {
        self.not_watched + self.unknown + self.planned + self.down + self.degraded + self.up
    }

    /// These and those, as a group of services has them.
    pub fn plus(self, other: Sums) -> Sums {
        Sums {
            not_watched: self.not_watched + other.not_watched,
            unknown: self.unknown + other.unknown,
            planned: self.planned + other.planned,
            down: self.down + other.down,
            degraded: self.degraded + other.degraded,
            up: self.up + other.up,
        }
    }

    /// The share in which it was up, of what is known and was not planned. `None` without such a second.
    pub fn uptime(&self) -> Option<Uptime> {
        let good = self.up + self.degraded;
        Uptime::of(good, good + self.down)
    }

    /// The share of the time since it was first seen in which somebody judged. `None` without such a second.
    pub fn watched(&self) -> Option<Uptime> {
        let known = self.planned + self.down + self.degraded + self.up;
        Uptime::of(known, known + self.unknown)
    }
}

impl Uptime {
    fn of(part: i64, whole: i64) -> Option<Uptime> {
        (whole > 0)
            .then(|| Uptime((i128::from(part) * i128::from(WHOLE) / i128::from(whole)) as u32))
    }

    /// Whether it is less than 99.95 %.
    pub fn is_partial(self) -> bool {
        self.0 < 9_995
    }

    /// In percent.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl std::fmt::Display for Uptime {
    /// `99.93 %`; `100 %` only when not a second is missing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Uptime(n) = self;
        match *n {
            WHOLE => f.write_str("100 %"),
            n => write!(f, "{}.{:02} %", n / 100, n % 100),
        }
    }
}

#[cfg(test)]
mod tests;
