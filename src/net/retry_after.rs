//! `Retry-After`: how long a server wants to be left alone (RFC 9110, 10.2.3). Pure.

use std::time::{Duration, UNIX_EPOCH};

/// Reads the value of a `Retry-After` header: seconds, also with a fraction as some servers send them, or a date, which
/// is compared with `now_ms` (epoch milliseconds). What asks for more than `limit` gets `limit`: a number from outside
/// decides nothing for longer than the caller allows.
pub fn retry_after(value: &str, now_ms: i64, limit: Duration) -> Option<Duration> {
    let value = value.trim();
    if let Ok(secs) = value.parse::<f64>() {
        return (secs.is_finite() && secs >= 0.0)
            .then(|| Duration::from_secs_f64(secs.min(limit.as_secs_f64())));
    }
    let asked_ms = http_date_ms(value)?.saturating_sub(now_ms);
    let asked_ms = u64::try_from(asked_ms).unwrap_or(0);
    Some(Duration::from_millis(asked_ms).min(limit))
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
