//! Which request goes out next, and how often each can, within the calls that the plan allows.

use std::fmt;

/// Nobody waits longer than so many of its own intervals.
const FAIR_SHARES_MAX: i64 = 4;

/// What is asked for, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Market,
    Indices,
    Symbols,
    Chain,
    /// Minutes that the stream missed.
    Bars,
}

/// Something that is asked for again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    pub class: Class,
    /// How often, by truth: milliseconds.
    pub interval_ms: i64,
    /// How many calls each time takes.
    pub calls: u32,
}

/// The calls that are wanted and allowed; shown where they do not fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// A minute.
    pub wanted: f64,
    pub allowed: u32,
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} calls/min wanted, {} allowed",
            self.wanted.ceil(),
            self.allowed
        )
    }
}

/// The jobs with the intervals that are in force.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    jobs: Vec<Planned>,
    too_little: Option<Demand>,
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    job: Job,
    interval_ms: i64,
    due_ms: i64,
}

impl Plan {
    /// Plans the jobs. Where the calls do not suffice, every interval is stretched by the same factor.
    pub fn new(jobs: &[Job], per_min: u32, now_ms: i64) -> Plan {
        let wanted: f64 = jobs
            .iter()
            .map(|job| f64::from(job.calls) * 60_000.0 / job.interval_ms.max(1) as f64)
            .sum();
        let stretch = (wanted / f64::from(per_min.max(1))).max(1.0);
        let planned = jobs.iter().map(|job| Planned {
            job: *job,
            interval_ms: (job.interval_ms as f64 * stretch).ceil() as i64,
            due_ms: now_ms,
        });
        Plan {
            jobs: planned.collect(),
            too_little: (stretch > 1.0).then_some(Demand {
                wanted,
                allowed: per_min,
            }),
        }
    }

    /// The demand, where the calls do not suffice: to be said.
    pub fn too_little(&self) -> Option<Demand> {
        self.too_little
    }

    /// The interval in force of a job, in milliseconds.
    pub fn interval_ms(&self, job: usize) -> Option<i64> {
        self.jobs.get(job).map(|job| job.interval_ms)
    }

    /// The job that is next: of those that are due the most important; but whoever has waited over four of its
    /// intervals goes first, and of those who has waited for the most of them.
    ///
    /// # Errors
    /// None is due: in how many milliseconds one is.
    pub fn next(&self, now_ms: i64) -> Result<usize, i64> {
        let due = || {
            self.jobs
                .iter()
                .enumerate()
                .filter(|(_, job)| job.due_ms <= now_ms)
        };
        let waited = |job: &Planned| (now_ms - job.due_ms) as f64 / job.interval_ms.max(1) as f64;
        // Due since three intervals means asked for four intervals ago.
        let starved = due()
            .filter(|(_, job)| now_ms - job.due_ms >= (FAIR_SHARES_MAX - 1) * job.interval_ms)
            .max_by(|(_, a), (_, b)| waited(a).total_cmp(&waited(b)));
        let first = || due().min_by_key(|(_, job)| (job.job.class, job.due_ms));
        match starved.or_else(first) {
            Some((nth, _)) => Ok(nth),
            None => {
                let next_ms = self.jobs.iter().map(|job| job.due_ms).min();
                Err(next_ms.map_or(i64::MAX, |due_ms| due_ms - now_ms))
            }
        }
    }

    /// Notes that a job went out.
    pub fn went_out(&mut self, job: usize, now_ms: i64) {
        if let Some(job) = self.jobs.get_mut(job) {
            job.due_ms = now_ms + job.interval_ms;
        }
    }

    /// Makes a job due at once: somebody asked for it, or a part of it is left.
    pub fn due_now(&mut self, job: usize, now_ms: i64) {
        if let Some(job) = self.jobs.get_mut(job) {
            job.due_ms = job.due_ms.min(now_ms);
        }
    }

    /// Makes a job due then, whatever its interval: its last call failed.
    pub fn retry(&mut self, job: usize, at_ms: i64) {
        if let Some(job) = self.jobs.get_mut(job) {
            job.due_ms = at_ms;
        }
    }

    /// Lets nothing of a job go out before then.
    pub fn put_off(&mut self, job: usize, until_ms: i64) {
        if let Some(job) = self.jobs.get_mut(job) {
            job.due_ms = job.due_ms.max(until_ms);
        }
    }
}

/// Why a chain does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStart {
    /// There is no fresh price to lay a window of strikes around, and none is guessed.
    NoSpot,
    /// Its pages would not come in within the time that a chain may take.
    NoBudget,
}

impl NoStart {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            NoStart::NoSpot => "no_spot",
            NoStart::NoBudget => "no_budget",
        }
    }
}

/// The strikes of a chain: from, to.
pub type Strikes = Option<(f64, f64)>;

/// May a chain start, and with which strikes? `free` is how many calls there are within `limits.chain_span_sec`,
/// `pages` how many it took last time. All strikes (100 %) need no price.
///
/// # Errors
/// Why it does not.
pub fn start_chain(
    fresh_spot: Option<f64>,
    strikes_pct: f64,
    pages: usize,
    free: usize,
) -> Result<Strikes, NoStart> {
    let strikes = if strikes_pct >= 100.0 {
        None
    } else {
        let spot = fresh_spot.ok_or(NoStart::NoSpot)?;
        let points = super::derive::range_points(spot, strikes_pct);
        Some((spot - points, spot + points))
    };
    if pages.max(1) > free {
        return Err(NoStart::NoBudget);
    }
    Ok(strikes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::massive::budget::CallLog;

    fn job(class: Class, interval_sec: i64, calls: u32) -> Job {
        Job {
            class,
            interval_ms: interval_sec * 1_000,
            calls,
        }
    }

    #[test]
    fn too_little_budget_stretches_every_interval_and_says_so() {
        let jobs = [
            job(Class::Market, 300, 1),
            job(Class::Symbols, 60, 2),
            job(Class::Chain, 60, 12),
        ];
        let plan = Plan::new(&jobs, 100, 0);
        assert_eq!(
            (plan.too_little(), plan.interval_ms(1)),
            (None, Some(60_000))
        );
        let plan = Plan::new(&jobs[1..], 5, 0);
        let said = plan.too_little().map(|demand| demand.to_string());
        assert_eq!(said.as_deref(), Some("14 calls/min wanted, 5 allowed"));
        assert_eq!(plan.interval_ms(0), Some(168_000));
        assert_eq!(plan.interval_ms(1), Some(168_000));
        assert_eq!(plan.interval_ms(2), None);
    }

    #[test]
    fn the_most_important_goes_first() {
        let jobs = [
            job(Class::Chain, 60, 1),
            job(Class::Symbols, 60, 1),
            job(Class::Indices, 60, 1),
            job(Class::Market, 60, 1),
        ];
        let mut plan = Plan::new(&jobs, 60, 0);
        let mut order = Vec::new();
        while let Ok(next) = plan.next(0) {
            plan.went_out(next, 0);
            order.push(next);
        }
        assert_eq!(order, [3, 2, 1, 0]);
        assert_eq!(plan.next(1), Err(59_999));
        plan.put_off(3, 90_000);
        assert_eq!(plan.next(60_000), Ok(2));
        assert_eq!(Plan::default().next(0), Err(i64::MAX));
    }

    /// With a budget that only just suffices, and important jobs that would take all of it, everybody comes up.
    #[test]
    fn nobody_waits_over_four_of_its_shares() {
        let jobs = [
            job(Class::Market, 60, 1),
            job(Class::Indices, 5, 1),
            job(Class::Symbols, 10, 3),
            job(Class::Chain, 60, 1),
            job(Class::Chain, 60, 1),
        ];
        let (per_min, mut log) = (5, CallLog::default());
        let mut plan = Plan::new(&jobs, per_min, 0);
        let mut last = [0_i64; 5];
        let mut now_ms = 0;
        while now_ms < 4 * 3_600_000 {
            let Ok(next) = plan.next(now_ms) else {
                now_ms += 100;
                continue;
            };
            let mut calls = jobs[next].calls;
            while calls > 0 {
                match log.take(per_min, now_ms) {
                    Ok(_) => calls -= 1,
                    Err(wait_ms) => now_ms += wait_ms,
                }
            }
            plan.went_out(next, now_ms);
            let interval_ms = plan.interval_ms(next).expect("a job");
            // A call may have to wait for a window, and one other that starves goes before.
            let limit_ms = FAIR_SHARES_MAX * interval_ms + 2 * crate::massive::budget::WINDOW_MS;
            assert!(now_ms - last[next] <= limit_ms, "{next} at {now_ms}");
            last[next] = now_ms;
        }
        assert!(last.iter().all(|at| *at > 3_600_000));
    }

    #[test]
    fn a_chain_starts_with_a_fresh_price_and_room_for_its_pages() {
        assert_eq!(
            start_chain(Some(600.0), 10.0, 3, 5),
            Ok(Some((540.0, 660.0)))
        );
        assert_eq!(start_chain(None, 10.0, 3, 5), Err(NoStart::NoSpot));
        assert_eq!(start_chain(None, 100.0, 3, 5), Ok(None));
        assert_eq!(start_chain(Some(600.0), 10.0, 6, 5), Err(NoStart::NoBudget));
        assert_eq!(start_chain(Some(600.0), 10.0, 0, 0), Err(NoStart::NoBudget));
    }
}
