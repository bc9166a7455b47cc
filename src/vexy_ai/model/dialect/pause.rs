//! How long a server wants to be left alone, in all the headers in which servers of models say it. Pure.

use std::time::Duration;

use crate::net::retry_after::{retry_after, span};

/// The longest pause that is obeyed.
pub const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// The pause that the headers of an answer ask for; `header` gives the value of one by its name in lower case.
///
/// `retry-after-ms` and `Retry-After` say it outright. Else of the limits that are used up, the last to come free:
/// `x-ratelimit-reset-requests: 6m0s`, `x-ratelimit-reset-tokens: 1s`.
pub fn pause<'h>(header: impl Fn(&str) -> Option<&'h str>, now_ms: i64) -> Option<Duration> {
    if let Some(ms) = header("retry-after-ms").and_then(|ms| ms.trim().parse::<f64>().ok())
        && ms >= 0.0
    {
        let secs = (ms / 1e3).min(PAUSE_MAX.as_secs_f64());
        return Some(Duration::from_secs_f64(secs));
    }
    if let Some(pause) = header("retry-after").and_then(|v| retry_after(v, now_ms, PAUSE_MAX)) {
        return Some(pause);
    }
    let used_up = |what: &&&str| {
        let left = header(&format!("x-ratelimit-remaining-{what}"));
        left.is_none_or(|left| left.trim().parse().is_ok_and(|left: f64| left <= 0.0))
    };
    ["requests", "tokens"]
        .iter()
        .filter(used_up)
        .filter_map(|what| span(header(&format!("x-ratelimit-reset-{what}"))?, PAUSE_MAX))
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&'static str, &'static str)]) -> Option<f64> {
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| *value)
        };
        pause(header, 0).map(|pause| pause.as_secs_f64())
    }

    #[test]
    fn a_pause_is_found_in_each_header_that_servers_send() {
        for (headers, secs) in [
            (&[][..], None),
            (&[("retry-after", "7")], Some(7.0)),
            (
                &[("retry-after", "7"), ("retry-after-ms", "1500")],
                Some(1.5),
            ),
            (
                &[("retry-after-ms", "never"), ("retry-after", "2")],
                Some(2.0),
            ),
            (&[("x-ratelimit-reset-requests", "6m0s")], Some(360.0)),
            (
                &[
                    ("x-ratelimit-reset-requests", "6m0s"),
                    ("x-ratelimit-reset-tokens", "1s"),
                ],
                Some(360.0),
            ),
            (
                &[
                    ("x-ratelimit-reset-requests", "6m0s"),
                    ("x-ratelimit-remaining-requests", "9"),
                    ("x-ratelimit-reset-tokens", "1.5s"),
                    ("x-ratelimit-remaining-tokens", "0"),
                ],
                Some(1.5),
            ),
            (
                &[
                    ("x-ratelimit-reset-requests", "6m0s"),
                    ("x-ratelimit-remaining-requests", "9"),
                ],
                None,
            ),
            (&[("retry-after", "99999999")], Some(3_600.0)),
            (&[("retry-after-ms", "1e300")], Some(3_600.0)),
            (&[("retry-after-ms", "NaN")], None),
            (&[("x-ratelimit-reset-tokens", "72h")], Some(3_600.0)),
        ] {
            assert_eq!(asked(headers), secs, "{headers:?}");
        }
    }
}
