//! What an answer means, and when to try again. No I/O.

use std::time::Duration;

use super::telling::Ms;
use super::wording::clean;

/// The first pause; each next one is twice as long.
const FIRST_MS: Ms = 1_000;
/// The longest pause.
const LONGEST_MS: Ms = 300_000;
/// After this long a delivery is given up.
const GIVE_UP_MS: Ms = 24 * 3600 * 1000;
/// Longest reason that is kept.
const REASON_MAX_BYTES: usize = 300;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was taken; what was said.
    Done(String),
    /// It may be taken later, not before `after` when the receiver said so.
    Later {
        reason: String,
        after: Option<Duration>,
    },
    /// It never will be taken.
    Never(String),
}

impl Answer {
    /// By the status of an HTTP answer. `location` is where a redirect points to; it is not followed.
    pub fn of_status(
        status: u16,
        retry_after: Option<Duration>,
        location: Option<&str>,
        body: &str,
    ) -> Answer {
        let said = clean(body, REASON_MAX_BYTES);
        let reason = if said.is_empty() {
            format!("answered {status}")
        } else {
            format!("answered {status}: {said}")
        };
        match status {
            200..=299 => Answer::Done(reason),
            300..=399 => Answer::Never(match location {
                Some(to) => {
                    format!(
                        "answered {status}, a redirect to {}, which is not followed",
                        place_of(to)
                    )
                }
                None => format!("answered {status}, a redirect without a place"),
            }),
            408 | 425 | 429 | 500..=599 => Answer::Later {
                reason,
                after: retry_after,
            },
            _ => Answer::Never(reason),
        }
    }

    /// By the code of a mail server's reply.
    pub fn of_smtp(code: u16, text: &str) -> Answer {
        let reason = format!("answered {code}: {}", clean(text, REASON_MAX_BYTES));
        match code {
            200..=299 => Answer::Done(reason),
            500..=599 => Answer::Never(reason),
            _ => Answer::Later {
                reason,
                after: None,
            },
        }
    }

    /// No answer: a time-out, a refused or cut connection.
    pub fn none(reason: &str) -> Answer {
        Answer::Later {
            reason: clean(reason, REASON_MAX_BYTES),
            after: None,
        }
    }

    /// What was answered, in words.
    pub fn reason(&self) -> &str {
        match self {
            Answer::Done(reason) | Answer::Never(reason) => reason,
            Answer::Later { reason, .. } => reason,
        }
    }
}

/// When to make the next attempt after `attempts` failed ones; `None` when the delivery is to be given up.
///
/// `jitter` is drawn from 0 to 1; it spreads the second half of each pause.
pub fn next_attempt(
    attempts: u32,
    first_ms: Ms,
    now_ms: Ms,
    after: Option<Duration>,
    jitter: f64,
) -> Option<Ms> {
    let step = FIRST_MS
        .saturating_mul(1 << attempts.saturating_sub(1).min(20))
        .min(LONGEST_MS);
    // The first retry comes after a second as promised; the later ones are spread.
    let pause = if attempts <= 1 {
        step
    } else {
        step / 2 + (step as f64 / 2.0 * jitter.clamp(0.0, 1.0)) as Ms
    };
    let asked = after.map_or(0, |d| Ms::try_from(d.as_millis()).unwrap_or(Ms::MAX / 4));
    let at = now_ms.saturating_add(pause.max(asked));
    let end = first_ms.saturating_add(GIVE_UP_MS);
    if now_ms >= end {
        None
    } else {
        // Once more at the very end, however long the receiver asked to wait.
        Some(at.min(end))
    }
}

/// `Retry-After`: seconds, or a date.
pub fn retry_after(value: &str, now_ms: Ms) -> Option<Duration> {
    let value = value.trim();
    if let Ok(secs) = value.parse::<u64>() {
        return Some(Duration::from_secs(secs));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(value)
        .ok()?;
    let ms = date.as_millisecond().saturating_sub(now_ms);
    Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

/// The place that a redirect names, without its path and query: they may repeat a secret.
fn place_of(location: &str) -> String {
    let shown = match location.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let host = rest[..end].rsplit('@').next().unwrap_or("");
            format!("{scheme}://{host}/…")
        }
        None => "a path on the same host".to_owned(),
    };
    clean(&shown, REASON_MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_done_tried_again_or_given_up() {
        let of = |status| Answer::of_status(status, None, None, "");
        for status in [200, 201, 202, 204, 299] {
            assert!(matches!(of(status), Answer::Done(_)), "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert!(matches!(of(status), Answer::Later { .. }), "{status}");
        }
        for status in [300, 301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422] {
            assert!(matches!(of(status), Answer::Never(_)), "{status}");
        }
        for (code, done, never) in [
            (250, true, false),
            (451, false, false),
            (421, false, false),
            (550, false, true),
        ] {
            let answer = Answer::of_smtp(code, "x");
            assert_eq!(matches!(answer, Answer::Done(_)), done, "{code}");
            assert_eq!(matches!(answer, Answer::Never(_)), never, "{code}");
        }
    }

    #[test]
    fn a_redirect_says_where_it_pointed_without_what_may_be_secret() {
        let answer = Answer::of_status(
            302,
            None,
            Some("https://u:p@login.example.org/x?token=hunter2"),
            "",
        );
        assert_eq!(
            answer.reason(),
            "answered 302, a redirect to https://login.example.org/…, which is not followed"
        );
    }

    #[test]
    fn pauses_double_from_a_second_to_five_minutes_for_a_day() {
        let (mut now, mut attempts, mut pauses) = (0, 0, Vec::new());
        while let Some(at) = next_attempt(attempts + 1, 0, now, None, 1.0) {
            attempts += 1;
            pauses.push(at - now);
            now = at;
        }
        assert_eq!(pauses[..5], [1_000, 2_000, 4_000, 8_000, 16_000]);
        assert!(pauses.iter().all(|&p| p <= LONGEST_MS));
        assert_eq!(now, GIVE_UP_MS);
        let least = next_attempt(9, 0, 0, None, 0.0);
        assert_eq!(least, Some(128_000), "jitter takes off half at most");
    }

    #[test]
    fn retry_after_is_obeyed_in_seconds_and_as_a_date() {
        assert_eq!(retry_after("120", 0), Some(Duration::from_secs(120)));
        let date = "Tue, 24 Nov 2026 14:00:30 GMT";
        let now = 1_795_528_800_000;
        assert_eq!(retry_after(date, now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("soon", 0), None);
        let at = next_attempt(1, 0, 5_000, Some(Duration::from_secs(120)), 0.5);
        assert_eq!(at, Some(125_000));
    }
}
