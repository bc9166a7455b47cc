//! How long a server wants to be left alone. Pure.
//!
//! `Retry-After` (RFC 9110, 10.2.3), and the spans that servers of models write into `x-ratelimit-reset-*`.

use std::time::{Duration, UNIX_EPOCH};

/// Reads the value of a `Retry-After` header: seconds, also with a fraction as some servers send them, or a date, which
/// is compared with `now_ms` (epoch milliseconds). What asks for more than `limit` gets `limit`: a number from outside
/// decides nothing for longer than the caller allows.
pub fn retry_after(value: &str, now_ms: i64, limit: Duration) -> Option<Duration> {
    let value = value.trim();
    if let Ok(secs) = value.parse::<f64>() {
        return bounded(secs, limit);
    }
    let asked_ms = http_date_ms(value)?.saturating_sub(now_ms);
    let asked_ms = u64::try_from(asked_ms).unwrap_or(0);
    Some(Duration::from_millis(asked_ms).min(limit))
}

/// Reads a span as `x-ratelimit-reset-requests` has it: `6m0s`, `1h2m3.5s`, `120ms`, or plain seconds. No other form is
/// one. What asks for more than `limit` gets `limit`.
pub fn span(value: &str, limit: Duration) -> Option<Duration> {
    let value = value.trim();
    if let Ok(secs) = value.parse::<f64>() {
        return bounded(secs, limit);
    }
    let mut rest = value;
    let mut secs = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .filter(|&end| end > 0)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        secs += number.parse::<f64>().ok()?
            * match unit {
                "d" => 86_400.0,
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = tail;
    }
    bounded(secs, limit).filter(|_| !value.is_empty())
}

fn bounded(secs: f64, limit: Duration) -> Option<Duration> {
    (secs.is_finite() && secs >= 0.0)
        .then(|| Duration::from_secs_f64(secs.min(limit.as_secs_f64())))
}

/// A date as HTTP writes it (RFC 9110, 5.6.7), in epoch milliseconds.
pub fn http_date_ms(value: &str) -> Option<i64> {
    // Those who write a zone, or the wrong day of the week, mean a date all the same.
    static RELAXED: jiff::fmt::rfc2822::DateTimeParser =
        jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let value = value.trim();
    match httpdate::parse_http_date(value) {
        Ok(at) => {
            let since = at.duration_since(UNIX_EPOCH).ok()?;
            i64::try_from(since.as_millis()).ok()
        }
        Err(_) => Some(RELAXED.parse_timestamp(value).ok()?.as_millisecond()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn seconds_fractions_and_dates_are_understood() {
        // 2026-11-24T14:00:00Z
        let now_ms = 1_795_528_800_000;
        for (value, secs) in [
            ("120", Some(120.0)),
            (" 1.5 ", Some(1.5)),
            ("0", Some(0.0)),
            ("-3", None),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("", None),
            ("Tue, 24 Nov 2026 14:00:30 GMT", Some(30.0)),
            // The two older forms that a recipient has to accept.
            ("Tuesday, 24-Nov-26 14:00:30 GMT", Some(30.0)),
            ("Tue Nov 24 14:00:30 2026", Some(30.0)),
            ("Tue, 24 Nov 2026 15:00:30 +0100", Some(30.0)),
            ("Mon, 24 Nov 2026 14:00:30 GMT", Some(30.0)),
            ("Tue, 24 Nov 2026 13:00:00 GMT", Some(0.0)),
        ] {
            let wait = retry_after(value, now_ms, DAY);
            assert_eq!(wait.map(|wait| wait.as_secs_f64()), secs, "{value:?}");
        }
    }

    #[test]
    fn spans_of_minutes_and_milliseconds_are_understood() {
        for (value, secs) in [
            ("6m0s", Some(360.0)),
            ("1s", Some(1.0)),
            ("120ms", Some(0.12)),
            ("2m59.56s", Some(179.56)),
            ("1h2m3s", Some(3_723.0)),
            ("60", Some(60.0)),
            (" 0s ", Some(0.0)),
            ("999h", Some(86_400.0)),
            ("", None),
            ("m", None),
            ("6", Some(6.0)),
            ("6x", None),
            ("6m0", None),
            ("-6m", None),
            ("1.2.3s", None),
            ("1e400", None),
        ] {
            let wait = span(value, DAY);
            assert_eq!(wait.map(|wait| wait.as_secs_f64()), secs, "{value:?}");
        }
    }

    #[test]
    fn nobody_silences_us_for_longer_than_the_limit() {
        let limit = Duration::from_secs(600);
        for value in [
            "999999",
            "600.5",
            "1e300",
            "99999999999999999999999999",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(retry_after(value, 0, limit), Some(limit), "{value}");
        }
        assert_eq!(
            retry_after("Thu, 01 Jan 1970 00:00:00 GMT", i64::MAX, limit),
            Some(Duration::ZERO)
        );
    }
}
