//! Spans and moments as people write them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// `90s`, `10m`, `2h`, `1d`, `1h30m`.
pub fn span(text: &str) -> Option<Duration> {
    let (mut total, mut number) = (0u64, String::new());
    let mut any = false;
    for c in text.trim().chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        let count: u64 = number.parse().ok()?;
        total = total.checked_add(count.checked_mul(unit)?)?;
        number.clear();
        any = true;
    }
    (any && number.is_empty()).then(|| Duration::from_secs(total))
}

/// `2026-11-24T22:00:00Z`, `22:00` (the next time it is that, in `zone`), `+30m`; as epoch milliseconds.
pub fn moment(text: &str, now_ms: i64, zone: &TimeZone) -> Option<i64> {
    let text = text.trim();
    if let Some(later) = text.strip_prefix('+') {
        let later = i64::try_from(span(later)?.as_millis()).ok()?;
        return now_ms.checked_add(later);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let time: Time = text.parse().ok()?;
    let now = Timestamp::from_millisecond(now_ms).ok()?;
    let today = zone.to_datetime(now).date();
    [today, today.tomorrow().ok()?].into_iter().find_map(|day| {
        let at = zone
            .to_timestamp(day.to_datetime(time))
            .ok()?
            .as_millisecond();
        (at >= now_ms).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, secs) in [
            ("90s", 90),
            ("10m", 600),
            ("2h", 7200),
            ("1d", 86_400),
            ("1h30m", 5400),
        ] {
            assert_eq!(span(text), Some(Duration::from_secs(secs)), "{text}");
        }
        for text in ["", "2", "h", "2 h", "-1h", "2w", "99999999999999999999d"] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let now = 1_795_528_800_000; // 2026-11-24 14:00 UTC
        let at = |text| moment(text, now, &TimeZone::UTC).map(|ms| (ms - now) / 60_000);
        assert_eq!(at("15:30"), Some(90));
        assert_eq!(at("13:00"), Some(23 * 60));
        assert_eq!(at("+30m"), Some(30));
        assert_eq!(at("2026-11-24T14:10:00Z"), Some(10));
        assert_eq!(at("soon"), None);
    }
}
