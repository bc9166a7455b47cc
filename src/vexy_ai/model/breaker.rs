//! When a server of models is asked at all. Pure: one record for all machines, moved on by what they tell it.
//!
//! ```text
//!            five failures in a row: 30 s, doubling to 10 min
//!  closed ──────────────────────────────────────────────────▶ open
//!    ▲  ╰── key, quota or model refused: 15 min ─────────────▶  │ its time is over
//!    ╰───────────── success ───────────── one probe ◀───────────╯
//! ```
//!
//! A record belongs to one URL and key: where either changes, another record begins, which is closed.

use std::time::Duration;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::text::SafeText;

/// Failures in a row that open it.
pub const FAILURES: u32 = 5;
/// How long it is open at first, and at most, after failures.
pub const OPEN_FIRST: Duration = Duration::from_secs(30);
pub const OPEN_MOST: Duration = Duration::from_secs(600);
/// How long it is open after a refusal that only a person can mend.
pub const SHUT: Duration = Duration::from_secs(900);
/// The longest that anything here lies ahead; what lies further is a clock that stepped.
const AHEAD_MAX_MS: i64 = 3_600_000;
/// Bytes of the reason that are kept.
const WHY_MAX_BYTES: usize = 200;

/// What is known of one URL and key. All moments are milliseconds since 1970 by the clock of Redis; 0 is never.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Breaker {
    /// Failures in a row while it was closed.
    pub failures: u32,
    /// How often it opened since the last success; 0: closed.
    pub openings: u32,
    /// Nobody asks before.
    pub until_ms: i64,
    /// Since when there was no success.
    pub since_ms: i64,
    /// Somebody probes until then at most.
    pub probe_ms: i64,
    /// The server itself asked for a pause until then.
    pub pause_ms: i64,
    /// Only a person can mend what it is open for.
    pub is_refused: bool,
    /// Why it is open.
    pub why: SafeText,
}

/// May a call be made?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Yes, whatever others do.
    Open,
    /// Yes, as the one probe; the record says so from now on.
    Probe,
    /// Not for so long.
    Wait { ms: i64, why: SafeText },
}

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The server did its work.
    Success,
    /// It did not.
    Failure(&'a str),
    /// It will not until somebody changes something.
    Refused(&'a str),
}

impl Breaker {
    /// May a call be made now? A probe is over after `call_ms` at most.
    pub fn gate(&mut self, now_ms: i64, call_ms: i64) -> Gate {
        self.forget_steps(now_ms);
        if self.pause_ms > now_ms {
            let why = SafeText::new("the server asked for a pause");
            return Gate::Wait {
                ms: self.pause_ms - now_ms,
                why,
            };
        }
        if self.openings == 0 {
            return Gate::Open;
        }
        let until = self.until_ms.max(self.probe_ms);
        if until > now_ms {
            return Gate::Wait {
                ms: until - now_ms,
                why: self.why.clone(),
            };
        }
        self.probe_ms = now_ms + call_ms;
        Gate::Probe
    }

    /// A call went so.
    pub fn told(&mut self, outcome: Outcome<'_>, now_ms: i64) {
        self.forget_steps(now_ms);
        match outcome {
            Outcome::Success => {
                *self = Breaker {
                    pause_ms: self.pause_ms,
                    ..Breaker::default()
                };
            }
            Outcome::Refused(why) => {
                self.open(SHUT, why, now_ms);
                self.is_refused = true;
            }
            Outcome::Failure(why) => {
                self.failures = self.failures.saturating_add(1);
                let is_probe = self.openings > 0 && self.until_ms <= now_ms;
                if is_probe || (self.openings == 0 && self.failures >= FAILURES) {
                    let doublings = self.openings.min(16);
                    let time = OPEN_FIRST.saturating_mul(1 << doublings).min(OPEN_MOST);
                    self.open(time, why, now_ms);
                    self.is_refused = false;
                }
            }
        }
    }

    /// The server wants to be left alone for so long.
    pub fn pause(&mut self, pause: Duration, now_ms: i64) {
        self.pause_ms = self.pause_ms.max(now_ms + millis(pause));
    }

    /// How long there has been no success, when it is open.
    pub fn open_for(&self, now_ms: i64) -> Option<Duration> {
        let ms = u64::try_from(now_ms - self.since_ms).unwrap_or(0);
        (self.openings > 0).then(|| Duration::from_millis(ms))
    }

    /// What is to be said of it: a refusal at once, anything else when it has been open for `long`.
    pub fn trouble(&self, now_ms: i64, long: Duration) -> Option<String> {
        let open_for = self.open_for(now_ms)?;
        (self.is_refused || open_for >= long)
            .then(|| format!("the model is not asked: {}", self.why))
    }

    fn open(&mut self, time: Duration, why: &str, now_ms: i64) {
        if self.openings == 0 {
            self.since_ms = now_ms;
        }
        self.openings = self.openings.saturating_add(1);
        self.until_ms = self.until_ms.max(now_ms + millis(time));
        (self.failures, self.probe_ms) = (0, 0);
        self.why = SafeText::cut(why, WHY_MAX_BYTES);
    }

    /// A clock that stepped back would keep it open for as long as it stepped.
    fn forget_steps(&mut self, now_ms: i64) {
        for moment in [&mut self.until_ms, &mut self.probe_ms, &mut self.pause_ms] {
            if *moment > now_ms + AHEAD_MAX_MS {
                *moment = 0;
            }
        }
        self.since_ms = self.since_ms.min(now_ms);
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}

/// Names a URL and key: too short for anybody to find the key in it, long enough to tell two apart.
pub fn fingerprint(url: &str, key: Option<&str>) -> String {
    let key = key.unwrap_or_default();
    let hash = digest(&SHA256, format!("{}\n{url}\n{key}", url.len()).as_bytes());
    let hex = hash.as_ref().iter().take(4).map(|b| format!("{b:02x}"));
    hex.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::Config;

    use super::*;

    const NOW: i64 = 1_800_000_000_000;
    const CALL: i64 = 70_000;

    fn wait_of(breaker: &mut Breaker, now_ms: i64) -> Option<i64> {
        match breaker.gate(now_ms, CALL) {
            Gate::Wait { ms, .. } => Some(ms),
            Gate::Open | Gate::Probe => None,
        }
    }

    fn failed(breaker: &mut Breaker, times: u32, now_ms: i64) {
        (0..times).for_each(|_| breaker.told(Outcome::Failure("503"), now_ms));
    }

    #[test]
    fn five_failures_open_it_for_a_time_that_doubles() {
        let mut breaker = Breaker::default();
        failed(&mut breaker, 4, NOW);
        assert_eq!(breaker.gate(NOW, CALL), Gate::Open);
        breaker.told(Outcome::Success, NOW);
        failed(&mut breaker, 4, NOW);
        assert_eq!(
            breaker.gate(NOW, CALL),
            Gate::Open,
            "a success begins the row anew"
        );
        failed(&mut breaker, 1, NOW);
        let mut now = NOW;
        for secs in [30, 60, 120, 240, 480, 600, 600] {
            assert_eq!(wait_of(&mut breaker, now), Some(secs * 1_000));
            now += secs * 1_000;
            assert_eq!(breaker.gate(now, CALL), Gate::Probe);
            breaker.told(Outcome::Failure("503"), now);
        }
        now += 600_000;
        assert_eq!(breaker.gate(now, CALL), Gate::Probe);
        assert!(
            breaker
                .trouble(now, OPEN_MOST)
                .is_some_and(|why| why.contains("503"))
        );
        assert_eq!(breaker.trouble(NOW + 1, OPEN_MOST), None);
        assert_eq!(
            breaker.open_for(now),
            Some(Duration::from_secs((now - NOW) as u64 / 1_000))
        );
        breaker.told(Outcome::Success, now);
        assert_eq!(
            (breaker.gate(now, CALL), breaker.open_for(now)),
            (Gate::Open, None)
        );
        failed(&mut breaker, 5, now);
        assert_eq!(
            wait_of(&mut breaker, now),
            Some(30_000),
            "the doubling begins anew"
        );
    }

    #[test]
    fn a_refusal_opens_it_at_once_and_one_probes_at_a_time() {
        let mut breaker = Breaker::default();
        breaker.told(Outcome::Refused("401: no\u{1b}[2J"), NOW);
        let shut = breaker.gate(NOW, CALL);
        let why = SafeText::new("401: no\u{1b}[2J");
        assert_eq!(shut, Gate::Wait { ms: 900_000, why });
        let later = NOW + 900_000;
        assert_eq!(breaker.gate(later, CALL), Gate::Probe);
        assert_eq!(
            wait_of(&mut breaker, later + 1),
            Some(CALL - 1),
            "others wait for the probe"
        );
        assert_eq!(
            breaker.gate(later + CALL, CALL),
            Gate::Probe,
            "one that was killed is followed by another"
        );
        breaker.told(Outcome::Refused("401"), later + CALL);
        assert_eq!(wait_of(&mut breaker, later + CALL), Some(900_000));
        assert!(
            breaker
                .trouble(later + CALL, SHUT)
                .is_some_and(|why| why.contains("401"))
        );
        // Calls that were under way when it opened change nothing for the worse.
        failed(&mut breaker, 20, later + CALL + 5);
        assert_eq!(wait_of(&mut breaker, later + CALL), Some(900_000));
    }

    #[test]
    fn a_pause_binds_everybody_and_outlives_a_success() {
        let mut breaker = Breaker::default();
        breaker.pause(Duration::from_secs(360), NOW);
        breaker.pause(Duration::from_secs(1), NOW);
        breaker.told(Outcome::Success, NOW);
        assert_eq!(wait_of(&mut breaker, NOW), Some(360_000));
        assert_eq!(breaker.gate(NOW + 360_000, CALL), Gate::Open);
    }

    #[test]
    fn a_clock_that_steps_back_keeps_nothing_shut() {
        let mut breaker = Breaker::default();
        breaker.told(Outcome::Refused("401"), NOW);
        breaker.pause(Duration::from_secs(60), NOW);
        assert_eq!(breaker.gate(NOW - 86_400_000, CALL), Gate::Probe);
    }

    #[test]
    fn another_key_or_url_is_another_record_and_the_key_is_not_in_its_name() {
        let print = fingerprint("https://a", Some("hunter2"));
        assert_eq!(print.len(), 8);
        assert_eq!(print, fingerprint("https://a", Some("hunter2")));
        assert_ne!(print, fingerprint("https://a", Some("hunter3")));
        assert_ne!(print, fingerprint("https://b", Some("hunter2")));
        assert_ne!(
            fingerprint("https://a", Some("")),
            fingerprint("https://ab", None)
        );
    }

    #[test]
    fn a_record_is_read_from_what_was_written_and_from_older_ones() {
        let mut breaker = Breaker::default();
        breaker.told(Outcome::Refused("401"), NOW);
        let text = serde_json::to_string(&breaker).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Breaker>(&text).expect("JSON"),
            breaker
        );
        assert_eq!(
            serde_json::from_str::<Breaker>("{}").expect("JSON"),
            Breaker::default()
        );
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

        #[test]
        fn nobody_waits_for_ever_and_two_never_probe_at_once(steps in proptest::collection::vec((0u8..5, 0i64..400_000), 1..80)) {
            let (mut breaker, mut now) = (Breaker::default(), NOW);
            let mut probing_until = 0;
            for (what, later) in steps {
                now += later;
                match what {
                    0 => breaker.told(Outcome::Failure("x"), now),
                    1 => breaker.told(Outcome::Refused("x"), now),
                    2 => { breaker.told(Outcome::Success, now); probing_until = 0; }
                    3 => breaker.pause(Duration::from_millis(later as u64), now),
                    _ => {}
                }
                // Whoever told of a failure is not probing any more.
                if what < 2 { probing_until = 0; }
                match breaker.gate(now, CALL) {
                    Gate::Probe => {
                        prop_assert!(now >= probing_until);
                        probing_until = now + CALL;
                    }
                    Gate::Wait { ms, .. } => prop_assert!((1..=AHEAD_MAX_MS).contains(&ms)),
                    Gate::Open => prop_assert_eq!(breaker.openings, 0),
                }
            }
        }
    }
}
