//! One moment of the swarm, as it is shown: made by the loop, read by whoever answers. Pure.

mod names;
mod stand;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::facts::Facts;
use crate::clock::{Mono, human};
use crate::contract::Silence;
use crate::history::{DAY_SEC, Incident, Intervals, Record, Seen, Stretch, Sums, Window};
use crate::swarm_state::{NOBODY_IS_TOLD, Teller};
use crate::text::SafeText;
use crate::truth::HEALER;
pub use names::Names;
pub use stand::{Counts, STANDS, Stand};

/// A view that is older than this says nothing: the loop stands still.
const STALE_AFTER: Duration = Duration::from_secs(15);
/// Names that the headline spells out.
const NAMED_MAX: usize = 3;

/// One service.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub svc: Arc<str>,
    pub group: Arc<str>,
    pub bus: Arc<str>,
    pub stand: Stand,
    /// What it says that it is, where it is up: `idle`, say.
    pub said: Option<Box<str>>,
    /// Since when the healer says that it does not know.
    pub unknown_since: Option<i64>,
    /// Since when that is so, where it is known.
    pub since_ts: Option<i64>,
    /// Why, where nothing that grows says it.
    pub reason: Option<SafeText>,
    /// What it was when somebody last knew, where nobody does.
    pub last_known: Option<Stand>,
    pub last_seen_ts: Option<i64>,
    pub last_i: Option<u64>,
    pub timeout_sec: f64,
    pub misses: u64,
    pub restarts: u64,
    pub depends: Arc<[Box<str>]>,
    /// A silence is in force.
    pub silenced: bool,
    pub acked: bool,
    pub record: Arc<Record>,
}

impl Row {
    /// Whether it is the healer, of whom others tell.
    pub fn is_healer(&self) -> bool {
        &*self.svc == HEALER
    }

    /// Why it stands so, in words; empty when its state says all.
    pub fn why(&self, now_ts: i64) -> String {
        if let Some(reason) = &self.reason {
            return reason.to_string();
        }
        let secs = |secs: i64| human(Duration::from_secs(u64::try_from(secs).unwrap_or(0)));
        match (self.stand, self.last_seen_ts) {
            (Stand::Off, _) => "not watched".into(),
            (Stand::Down | Stand::Planned, Some(seen)) => {
                format!(
                    "no beat for {} (limit {} s)",
                    secs(now_ts - seen),
                    self.timeout_sec
                )
            }
            (Stand::Down | Stand::Planned, None) => "no beat was ever heard".into(),
            _ => String::new(),
        }
    }

    /// For how long it stands so.
    pub fn lasts(&self, now_ts: i64) -> Option<String> {
        let secs = u64::try_from(now_ts - self.since_ts?).unwrap_or(0);
        Some(human(Duration::from_secs(secs)))
    }

    /// What it is ordered by, the worst first.
    pub fn key(&self) -> (Stand, &str) {
        (self.stand, &self.svc)
    }
}

/// A bus, as the healer sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct BusRow {
    pub bus: String,
    pub judged: bool,
    pub reason: Option<SafeText>,
}

/// How long after their limits misses were told since the console began, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lateness {
    pub count: u64,
    pub sum: f64,
    /// Of the newest, at the [`SHARES`](Lateness::SHARES); `None` without any.
    pub quantiles: Option<[f64; 3]>,
}

impl Lateness {
    /// The shares of which quantiles are told: the median, the 99th percentile, the greatest.
    pub const SHARES: [f64; 3] = [0.5, 0.99, 1.0];
}

/// One moment of the swarm.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Grows with each change.
    pub rev: u64,
    pub made: Mono,
    /// Whether somebody judges, and what is shown is as he says.
    pub judged: bool,
    /// `speaks`, `silent` and so on; empty before anybody looked.
    pub healer: &'static str,
    /// Why not all that is shown can be known.
    pub troubles: Vec<SafeText>,
    pub counts: Counts,
    /// By name.
    pub rows: Arc<Vec<Arc<Row>>>,
    /// The names of `rows`, to be searched.
    pub names: Arc<Names>,
    /// The places of `rows`, the worst first.
    pub worst: Arc<Vec<u32>>,
    pub buses: Vec<BusRow>,
    pub silences: Arc<Vec<Silence>>,
    /// The channels that tell people.
    pub tellers: Arc<Vec<Teller>>,
    /// Newest last.
    pub incidents: Arc<Vec<Incident>>,
    /// When each bus was judged.
    pub covered: Arc<BTreeMap<String, Intervals>>,
    /// When each service was silenced; `*` is all.
    pub silenced: Arc<HashMap<String, Intervals>>,
    /// When single services were not judged though their bus was.
    pub unwatched: Arc<HashMap<String, Intervals>>,
    /// What is wrong with the history, if anything.
    pub history_note: Option<SafeText>,
    /// How long after their limits misses were told.
    pub lateness: Lateness,
    /// Which buses answer, and how the feeds do.
    pub facts: Arc<Facts>,
    /// Alerts since the console began, by kind.
    pub alerts: Arc<BTreeMap<&'static str, u64>>,
}

/// The windows that are told of each service.
pub const WINDOWS: [(&str, i64); 4] = [
    ("24h", DAY_SEC),
    ("7d", 7 * DAY_SEC),
    ("30d", 30 * DAY_SEC),
    ("90d", 90 * DAY_SEC),
];

impl View {
    /// Through what people are told, in words; `None` while nobody judges, and so nobody tells.
    pub fn told_by(&self) -> Option<String> {
        let told = |teller: &Teller| {
            let mark = if teller.is_at_work {
                "●"
            } else {
                "▲ not at work"
            };
            let dead = match teller.dead {
                0 => String::new(),
                dead => format!(" ▲ {dead} dead"),
            };
            format!("{} {mark}{dead}", teller.channel)
        };
        let all: Vec<String> = self.tellers.iter().map(told).collect();
        self.judged.then(|| match all.is_empty() {
            true => NOBODY_IS_TOLD.to_owned(),
            false => format!("told by: {}", all.join(", ")),
        })
    }

    /// Whether it is too old to say anything.
    pub fn is_stale(&self, now: Mono) -> bool {
        now.since(self.made) > STALE_AFTER
    }

    /// The service `svc`.
    pub fn row(&self, svc: &str) -> Option<&Arc<Row>> {
        let at = self.rows.binary_search_by(|row| (*row.svc).cmp(svc)).ok()?;
        self.rows.get(at)
    }

    /// All rows, the worst first.
    pub fn worst(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.worst
            .iter()
            .filter_map(|at| self.rows.get(*at as usize))
    }

    /// Whether all that is watched is up, or down as planned, and somebody says so.
    pub fn is_ok(&self) -> bool {
        let fine = [Stand::Up, Stand::Planned].map(|stand| self.counts.of(stand));
        self.judged
            && self.counts.watched() > 0
            && fine.iter().sum::<usize>() == self.counts.watched()
    }

    /// `covered`, when the bus of `row` was judged, without the time in which it alone was not.
    fn covered_of<'c>(&self, row: &Row, covered: &'c Intervals) -> Cow<'c, Intervals> {
        let past = self.unwatched.get(&*row.svc).filter(|all| !all.is_empty());
        let present = row.unknown_since.map(|since| (since, i64::MAX));
        if past.is_none() && present.is_none() {
            return Cow::Borrowed(covered);
        }
        let past = past.iter().flat_map(|all| all.list()).copied();
        Cow::Owned(covered.without(&past.chain(present).collect()))
    }

    /// Calls `with` with what is needed to read the history of `row`.
    fn seen<T>(&self, row: &Row, now_ts: i64, with: impl FnOnce(Seen<'_>) -> T) -> T {
        let none = Intervals::default();
        let covered = self.covered.get(&*row.bus).unwrap_or(&none);
        let covered = &*self.covered_of(row, covered);
        let own = self.silenced.get(&*row.svc);
        let all = self.silenced.get("*");
        let both;
        let silenced = match (own, all) {
            (Some(own), Some(all)) => {
                both = own.list().iter().chain(all.list()).copied().collect();
                &both
            }
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => &none,
        };
        with(Seen {
            covered,
            silenced,
            is_healer: row.is_healer(),
            now: now_ts,
        })
    }

    /// The seconds of the last `length` ones.
    pub fn sums(&self, row: &Row, length: i64, now_ts: i64) -> Sums {
        let window = Window {
            from: now_ts - length,
            to: now_ts,
        };
        self.seen(row, now_ts, |seen| row.record.sums(seen, window))
    }

    /// How it stood in `window`.
    pub fn stretches(&self, row: &Row, window: Window, now_ts: i64) -> Vec<Stretch> {
        self.seen(row, now_ts, |seen| row.record.stretches(seen, window))
    }

    /// The seconds of each cell of a bar: of the hours of a day (`by_hour`), or of 90 UTC days; the last is the present one.
    pub fn cells(&self, row: &Row, by_hour: bool, now_ts: i64) -> Vec<Sums> {
        let (size, count) = if by_hour { (3600, 24) } else { (DAY_SEC, 90) };
        let from = (now_ts.div_euclid(size) - count + 1) * size;
        self.seen(row, now_ts, |seen| {
            row.record.cells(seen, from, size, count as usize)
        })
    }

    /// What there is to say first, and how bad it is.
    pub fn headline(&self, now_ts: i64) -> (Stand, String) {
        let total = self.counts.watched();
        if !self.judged {
            let why = self
                .troubles
                .first()
                .map_or("nobody has looked yet", |why| why.as_str());
            return (Stand::Unknown, why.to_owned());
        }
        if self.rows.is_empty() {
            return (Stand::Unknown, "no services: truth names none".into());
        }
        let Some(worst) = self.worst().next().map(|row| row.stand) else {
            return (Stand::Unknown, "no services".into());
        };
        let count = self.counts.of(worst);
        let text = match worst {
            Stand::Up | Stand::Planned if self.counts.of(Stand::Planned) == 0 => {
                format!("all {total} up")
            }
            Stand::Planned => format!("{} up, {count} down as planned", self.counts.of(Stand::Up)),
            Stand::Off => "nothing is watched".into(),
            stand => format!(
                "{count} of {total} {}: {}",
                stand.as_str(),
                self.named(stand, now_ts)
            ),
        };
        (worst, text)
    }

    /// The first few that stand so: causes before what is silent because of them.
    fn named(&self, stand: Stand, now_ts: i64) -> String {
        let all: Vec<&Arc<Row>> = self
            .worst()
            .take_while(|row| row.stand <= stand)
            .filter(|row| row.stand == stand)
            .collect();
        let is_so = |svc: &str| self.row(svc).is_some_and(|row| row.stand == Stand::Down);
        let (effects, causes): (Vec<&Arc<Row>>, Vec<&Arc<Row>>) = all
            .iter()
            .partition(|row| stand == Stand::Down && row.depends.iter().any(|on| is_so(on)));
        let (causes, effects) = if causes.is_empty() {
            (effects, causes)
        } else {
            (causes, effects)
        };
        let with_time = |row: &&Arc<Row>| match row.lasts(now_ts) {
            Some(time) => format!("{} for {time}", row.svc),
            None => row.svc.to_string(),
        };
        let mut text: Vec<String> = causes.iter().take(NAMED_MAX).map(with_time).collect();
        if causes.len() > NAMED_MAX {
            text.push(format!("{} more", causes.len() - NAMED_MAX));
        }
        let mut text = text.join(", ");
        if let Some(first) = effects.first() {
            let more = match effects.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            text.push_str(&format!(" ({}{more} silent because of it)", first.svc));
        }
        text
    }
}

#[cfg(test)]
pub mod tests;
