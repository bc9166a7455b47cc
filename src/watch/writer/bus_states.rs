//! What is written of the buses, and when. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::{Mono, Now};
use crate::contract::{BUS_HEALTH_EVERY, BusHealth};
use crate::watch::detector::Unjudged;

/// A bus that could not be judged for so long is written to be so: a short trouble need not make anybody doubt what is
/// shown.
const UNJUDGED_AFTER: Duration = Duration::from_secs(10);
/// After a pause of so long, what is written of the services is as old, and written anew; as after a step of the wall
/// clock by so much, since readers compare its dates.
const PAUSE: Duration = Duration::from_secs(30);

/// A bus, as its detector finds it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The bus by its name in truth.
    pub bus: String,
    /// How many services beat there.
    pub services: usize,
    /// Since when nothing can be judged there, and why.
    pub unjudged: Option<Unjudged>,
    /// What only people can mend of it, if that is known.
    pub barred: Option<String>,
}

/// What stands in the store about the buses, as far as this healer knows.
#[derive(Debug, Default)]
pub struct BusStates {
    /// Whether each is judged, and since when on the wall clock.
    judged: BTreeMap<String, (bool, i64)>,
    /// The buses that are judged without any doubt now, and since when on the wall clock.
    sure: BTreeMap<String, i64>,
    /// When all of it was last written; `None` when it is to be written at the next occasion.
    written: Option<Now>,
    /// When it last was, for the pause since.
    last: Option<Now>,
}

impl BusStates {
    /// Takes in how the buses are. What is to be written, if it is time: at each change, every ten seconds, and when the
    /// clock stepped that dates it.
    pub fn look(
        &mut self,
        found: impl IntoIterator<Item = Found>,
        refresh: Duration,
        now: Now,
    ) -> Option<Vec<BusHealth>> {
        let before = std::mem::take(&mut self.judged);
        let sure = std::mem::take(&mut self.sure);
        let mut records = Vec::new();
        for Found {
            bus,
            services,
            unjudged,
            barred,
        } in found
        {
            if unjudged.is_none() {
                let since = sure.get(&bus).copied().unwrap_or(now.wall_secs);
                self.sure.insert(bus.clone(), since);
            }
            let lasts = |u: &Unjudged| now.mono.since(u.since);
            let unjudged = unjudged.filter(|u| lasts(u) >= UNJUDGED_AFTER);
            let is_judged = unjudged.is_none();
            let since_ts = match (before.get(&bus), &unjudged) {
                (Some(&(was, since_ts)), _) if was == is_judged => since_ts,
                (_, Some(unjudged)) => now.wall_secs - secs(lasts(unjudged)),
                _ => now.wall_secs,
            };
            self.judged.insert(bus.clone(), (is_judged, since_ts));
            records.push(BusHealth {
                bus,
                judged: is_judged,
                since_ts,
                reason: unjudged.map(|u| barred.unwrap_or_else(|| u.why.to_string()).into()),
                as_of_ts: now.wall_secs,
                services: services as u64,
                refresh_sec: refresh.as_secs(),
            });
        }
        let is_due = |at: Mono| now.mono.since(at) >= BUS_HEALTH_EVERY;
        let is_due = self.written.is_none_or(|at| is_due(at.mono))
            || self.judged != before
            || self.last.is_some_and(|last| has_stepped(last, now));
        is_due.then_some(records)
    }

    /// The buses that are judged without any doubt, and since when: by the last look.
    pub fn sure(&self) -> impl Iterator<Item = (&str, i64)> {
        self.sure.iter().map(|(bus, since)| (bus.as_str(), *since))
    }

    /// It was written. Whether the snapshots of all services are to be written anew as well: nothing could be written
    /// for a while, or the clock that dates them stepped.
    pub fn written(&mut self, now: Now) -> bool {
        self.written = Some(now);
        let Some(last) = self.last.replace(now) else {
            return true;
        };
        now.mono.since(last.mono) > PAUSE || has_stepped(last, now)
    }

    /// What was written may be lost, or somebody else's.
    pub fn lost(&mut self) {
        self.written = None;
    }
}

/// Whether the wall clock stepped between two moments.
fn has_stepped(last: Now, now: Now) -> bool {
    let passed = secs(now.mono.since(last.mono));
    let on_the_wall = now.wall_secs - last.wall_secs;
    (on_the_wall - passed).unsigned_abs() > PAUSE.as_secs()
}

fn secs(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::detector::Uncertainty;

    const REFRESH: Duration = Duration::from_secs(60);

    fn at(secs: f64) -> Now {
        Now {
            mono: Mono::from_secs(secs),
            wall_secs: 1000 + secs as i64,
        }
    }

    /// One bus that could not be judged since then, and what is written of it at `now`.
    fn look(states: &mut BusStates, since: Option<f64>, now: f64) -> Option<BusHealth> {
        let unjudged = since.map(|since| Unjudged {
            since: Mono::from_secs(since),
            why: Uncertainty::NoLink,
        });
        let found = Found {
            bus: "b".to_owned(),
            services: 3,
            unjudged,
            barred: None,
        };
        let records = states.look([found], REFRESH, at(now))?;
        states.written(at(now));
        records.into_iter().next()
    }

    #[test]
    fn a_bus_is_written_at_each_change_and_every_ten_seconds() {
        let mut states = BusStates::default();
        let first = look(&mut states, None, 1.0).expect("nothing was written yet");
        assert!(first.judged && first.since_ts == 1001 && first.refresh_sec == 60);
        assert_eq!(look(&mut states, None, 10.9), None);
        let again = look(&mut states, None, 11.0).expect("it is time");
        assert_eq!((again.since_ts, again.as_of_ts), (1001, 1011));
        assert_eq!(look(&mut states, Some(3.0), 12.9), None, "a short trouble");
        let unjudged = look(&mut states, Some(3.0), 13.0).expect("a change");
        let reason = unjudged.reason.as_deref();
        assert_eq!((unjudged.judged, reason), (false, Some("no link")));
        assert_eq!((unjudged.since_ts, unjudged.services), (1003, 3));
        assert_eq!(look(&mut states, Some(3.0), 14.0), None);
        let judged = look(&mut states, None, 15.0).expect("a change");
        assert!(judged.judged && judged.since_ts == 1015);
        states.lost();
        assert!(look(&mut states, None, 16.0).is_some());
    }

    #[test]
    fn a_doubt_ends_what_is_sure_however_short_it_is() {
        let mut states = BusStates::default();
        let sure = |states: &BusStates| states.sure().map(|(_, since)| since).collect::<Vec<_>>();
        look(&mut states, None, 1.0);
        look(&mut states, None, 5.0);
        assert_eq!(sure(&states), [1001]);
        look(&mut states, Some(5.5), 6.0);
        assert_eq!(sure(&states), [0; 0]);
        look(&mut states, None, 7.0);
        assert_eq!(sure(&states), [1007]);
    }

    #[test]
    fn a_step_of_the_clock_is_written_at_once() {
        let mut states = BusStates::default();
        look(&mut states, None, 1.0);
        let found = || Found {
            bus: "b".to_owned(),
            services: 3,
            unjudged: None,
            barred: None,
        };
        for step in [-3600, 3600] {
            let mut now = at(2.0);
            assert_eq!(states.look([found()], REFRESH, now), None);
            now.wall_secs += step;
            let records = states.look([found()], REFRESH, now).expect("a step");
            assert_eq!(records[0].as_of_ts, now.wall_secs);
        }
    }

    #[test]
    fn a_bus_that_goes_or_comes_is_a_change() {
        let mut states = BusStates::default();
        look(&mut states, None, 1.0);
        assert_eq!(states.look([], REFRESH, at(2.0)), Some(Vec::new()));
    }

    #[test]
    fn snapshots_are_written_anew_after_a_pause_and_a_step_of_the_clock() {
        let mut states = BusStates::default();
        assert!(
            states.written(at(0.0)),
            "whoever wrote before may have been gone for long"
        );
        assert!(!states.written(at(10.0)));
        assert!(states.written(at(50.0)));
        let stepped = Now {
            wall_secs: at(60.0).wall_secs - 3600,
            ..at(60.0)
        };
        assert!(states.written(stepped));
        let on = Now {
            wall_secs: stepped.wall_secs + 10,
            ..at(70.0)
        };
        assert!(!states.written(on));
    }
}
