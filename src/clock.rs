//! The only place that reads time.
//!
//! Two clocks, never mixed. [`Mono`] judges: it never steps, so a change of the wall clock changes no verdict.
//! [`wall_secs`] dates: it fills `ts` fields that people and other programs read.
#![warn(missing_docs, clippy::missing_errors_doc)]

use std::ops::{Add, Sub};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment on the monotonic clock, in microseconds since the process first asked.
///
/// Eight bytes and plain arithmetic, so that the pure cores can be played on a virtual clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

impl Mono {
    /// Reads the monotonic clock (`CLOCK_MONOTONIC`: it stands still while the machine is suspended).
    pub fn now() -> Mono {
        Mono(u64::try_from(start().elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// The moment `secs` seconds after the epoch of the clock; for tests and simulations.
    pub fn from_secs(secs: f64) -> Mono {
        Mono((secs * 1e6) as u64)
    }

    /// Time since `earlier`, zero when `earlier` is in fact later.
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The [`Instant`] of this moment, to hand to `recv_deadline`.
    pub fn instant(self) -> Instant {
        start() + Duration::from_micros(self.0)
    }
}

impl Add<Duration> for Mono {
    type Output = Mono;
    fn add(self, by: Duration) -> Mono {
        Mono(
            self.0
                .saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub<Duration> for Mono {
    type Output = Mono;
    fn sub(self, by: Duration) -> Mono {
        Mono(
            self.0
                .saturating_sub(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

/// One moment on both clocks: judged by the first, dated by the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock.
    pub mono: Mono,
    /// The wall clock, in whole seconds since the epoch.
    pub wall_secs: i64,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Now {
        Now::at(Mono::now())
    }

    /// A moment of which the monotonic clock was read already.
    pub fn at(mono: Mono) -> Now {
        Now {
            mono,
            wall_secs: wall_secs(),
        }
    }
}

/// Lets the calling thread wake at the moment it asked for. Without, the kernel may wake it 50 µs later, to save power.
pub fn wake_on_time() {
    const SLACK_NANOS: std::num::NonZeroU64 = std::num::NonZeroU64::MIN;
    // Where the kernel does not know it, the thread wakes a little later: no harm.
    let _ = rustix::thread::set_current_timer_slack(Some(SLACK_NANOS));
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    // A second of head start, so that `now - 1 s` right after the start is still a moment.
    *START.get_or_init(|| {
        Instant::now()
            .checked_sub(Duration::from_secs(1))
            .unwrap_or_else(Instant::now)
    })
}

/// Wall time in whole seconds since 1970-01-01 UTC: for `ts` fields, never for judging.
pub fn wall_secs() -> i64 {
    (wall_millis() / 1000) as i64
}

/// Wall time in milliseconds since 1970-01-01 UTC.
pub fn wall_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as u64)
}

/// Seconds since the machine booted, suspension included: the one monotonic clock that two processes share.
/// `None` where there is no `/proc/uptime`.
pub fn boot_secs() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// `2026-11-24T22:01:07Z`: a wall time in seconds as RFC 3339 in UTC.
pub fn rfc3339(secs: i64) -> String {
    jiff::Timestamp::from_second(secs).map_or_else(|_| secs.to_string(), |t| t.to_string())
}

/// `2026-11-24T22:01:07.123Z`: a wall time in milliseconds as RFC 3339 in UTC.
pub fn rfc3339_millis(millis: u64) -> String {
    let moment = i64::try_from(millis)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moment.map_or_else(|| millis.to_string(), |t| format!("{t:.3}"))
}

/// `22:01:07`: a wall time in seconds on the clock of this machine's zone; `Nov 23 22:01` when it is over half a day
/// before `now`.
pub fn local_time(secs: i64, now: i64) -> String {
    let format = if now - secs > 43_200 {
        "%b %d %H:%M"
    } else {
        "%H:%M:%S"
    };
    let Ok(moment) = jiff::Timestamp::from_second(secs) else {
        return secs.to_string();
    };
    let local = moment.to_zoned_datetime(jiff::tz::TimeZone::system());
    local.strftime(format).to_string()
}

/// A duration as a person reads it: `850 ms`, `31 s`, `2 min 13 s`, `3 h 5 min`, `2 d 4 h`.
pub fn human(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0 if d.as_millis() > 0 => format!("{} ms", d.as_millis()),
        0..=59 => format!("{s} s"),
        60..=3599 if s.is_multiple_of(60) => format!("{} min", s / 60),
        60..=3599 => format!("{} min {} s", s / 60, s % 60),
        3600..=86_399 if s % 3600 < 60 => format!("{} h", s / 3600),
        3600..=86_399 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ if s % 86_400 < 3600 => format!("{} d", s / 86_400),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_a_person_says_them() {
        for (secs, said) in [
            (0.85, "850 ms"),
            (31.0, "31 s"),
            (133.0, "2 min 13 s"),
            (120.0, "2 min"),
            (11_100.0, "3 h 5 min"),
            (187_200.0, "2 d 4 h"),
        ] {
            assert_eq!(human(Duration::from_secs_f64(secs)), said);
        }
    }

    #[test]
    fn the_monotonic_clock_never_goes_back() {
        let (a, b) = (Mono::now(), Mono::now());
        assert!(b >= a && a.since(b) == Duration::ZERO);
    }
}
