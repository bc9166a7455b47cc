//! Spans and moments, as a person reads them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock;
use crate::notify::notification::Ms;

/// `31 s`, `1.6 s`, `2 min 13 s`.
pub(super) fn secs(secs: f64) -> String {
    if (1.0..10.0).contains(&secs) && (secs * 10.0).round() % 10.0 != 0.0 {
        format!("{secs:.1} s")
    } else {
        clock::human(Duration::try_from_secs_f64(secs).unwrap_or_default())
    }
}

pub(super) fn human_ms(ms: Ms) -> String {
    clock::human(Duration::from_millis(ms.max(0) as u64))
}

pub(super) fn ago(now_ms: Ms, since_ms: Option<Ms>) -> String {
    human_ms(now_ms - since_ms.unwrap_or(now_ms))
}

/// `2026-11-24 14:02:07 UTC (15:02:07 CET)`.
pub(super) fn full(ms: Ms, zone: &TimeZone) -> String {
    let Ok(at) = Timestamp::from_millisecond(ms) else {
        return ms.to_string();
    };
    let utc = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let local = at.to_zoned_datetime(zone.clone());
    if local.offset().is_zero() {
        utc.to_string()
    } else {
        format!("{utc} ({})", local.strftime("%H:%M:%S %Z"))
    }
}

/// `14:02`, with the day in front when it is another than that of `now_ms`; in UTC.
pub(super) fn moment(ms: Ms, now_ms: Ms) -> String {
    day(ms, now_ms) + &clock_at(ms, "%H:%M")
}

pub(super) fn moment_in_seconds(ms: Ms, now_ms: Ms) -> String {
    day(ms, now_ms) + &clock_seconds(ms)
}

pub(super) fn clock_seconds(ms: Ms) -> String {
    clock_at(ms, "%H:%M:%S")
}

fn day(ms: Ms, now_ms: Ms) -> String {
    let (then, now) = (clock_at(ms, "%b %-d "), clock_at(now_ms, "%b %-d "));
    if then == now { String::new() } else { then }
}

fn clock_at(ms: Ms, format: &str) -> String {
    Timestamp::from_millisecond(ms)
        .map_or_else(|_| ms.to_string(), |t| t.strftime(format).to_string())
}
