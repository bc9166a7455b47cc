//! What an answer means, and when to try again. No I/O.

use std::time::Duration;

use super::notification::Ms;
use crate::net::backoff::{Backoff, Jitter};
use crate::net::http::place_of;
use crate::text::SafeText;

/// The first pause is a second, as promised; the later ones double up to five minutes, and are spread.
const BACKOFF: Backoff = Backoff::new(
    Duration::from_secs(1),
    Duration::from_secs(300),
    Jitter::UpperHalfAfterFirst,
);
/// The longest that a receiver's `Retry-After` is heeded: people must not miss a death because a proxy wrote a large
/// number.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);
/// After this long a delivery is given up.
const GIVE_UP_MS: Ms = 24 * 3600 * 1000;
/// Longest reason that is kept.
const REASON_MAX_BYTES: usize = 300;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The sentence of each variant names its fields.
pub enum Answer {
    /// It was taken; what was said.
    Done(String),
    /// It may be taken later, not before `after` when the receiver said so.
    Later {
        reason: String,
        after: Option<Duration>,
    },
    /// It was sent whole, and how that was answered is not known. Only of receivers that cannot tell a repeat.
    Unsure(String),
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
        let said = SafeText::cut(body, REASON_MAX_BYTES);
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
                        SafeText::cut(&place_of(to), REASON_MAX_BYTES)
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
        let reason = format!("answered {code} {}", SafeText::cut(text, REASON_MAX_BYTES));
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
            reason: SafeText::cut(reason, REASON_MAX_BYTES).into(),
            after: None,
        }
    }

    /// No answer to what was sent whole: it may have been taken, and the receiver cannot tell a repeat.
    pub fn unsure(reason: &str) -> Answer {
        let said = format!("{reason}, after it was sent whole");
        Answer::Unsure(SafeText::cut(&said, REASON_MAX_BYTES).into())
    }

    /// What was answered, in words.
    pub fn reason(&self) -> &str {
        match self {
            Answer::Done(reason) | Answer::Never(reason) | Answer::Unsure(reason) => reason,
            Answer::Later { reason, .. } => reason,
        }
    }
}

/// When to make the next attempt after `failures` failed ones, the first of them at `first_ms`; `None` when the delivery
/// is to be given up. `after` is the receiver's wish; `seed` spreads the pauses.
pub fn next_attempt(
    failures: u32,
    first_ms: Ms,
    now_ms: Ms,
    after: Option<Duration>,
    seed: u64,
) -> Option<Ms> {
    let asked = after.unwrap_or_default().min(RETRY_AFTER_MAX);
    let pause = BACKOFF.pause(failures, seed).max(asked);
    let at = now_ms.saturating_add(pause.as_millis() as Ms);
    let end = first_ms.saturating_add(GIVE_UP_MS);
    if now_ms >= end {
        None
    } else {
        // Once more at the very end, however long the receiver asked to wait.
        Some(at.min(end))
    }
}

/// Attempts in the first minute at what may have been taken already: each may be one more copy.
pub const UNSURE_TRIES: u32 = 3;
/// Before the second and the third.
const UNSURE_FIRST_MS: [Ms; 2] = [15_000, 25_000];
/// Before each later one.
const UNSURE_LATER_MS: Ms = 600_000;

/// When to make the next attempt after `unsure` of which nobody knows how they were answered; `None` after a day.
pub fn next_unsure(unsure: u32, first_ms: Ms, now_ms: Ms) -> Option<Ms> {
    let nth = usize::try_from(unsure.saturating_sub(1)).unwrap_or(usize::MAX);
    let pause = UNSURE_FIRST_MS.get(nth).copied().unwrap_or(UNSURE_LATER_MS);
    (now_ms < first_ms.saturating_add(GIVE_UP_MS)).then(|| now_ms.saturating_add(pause))
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
        let (mut now, mut failures, mut pauses) = (0, 1, Vec::new());
        while let Some(at) = next_attempt(failures, 0, now, None, 7) {
            pauses.push(at - now);
            now = at;
            failures += 1;
        }
        for (pause, step) in pauses.iter().zip([1_000, 2_000, 4_000, 8_000, 16_000]) {
            assert!((step / 2..=step).contains(pause), "{pauses:?}");
        }
        assert_eq!(pauses[0], 1_000, "as promised");
        assert!(pauses.iter().all(|&p| p <= 300_000));
        assert_eq!(now, GIVE_UP_MS);
    }

    #[test]
    fn a_receiver_is_left_alone_as_long_as_it_asks_but_no_longer_than_ten_minutes() {
        for (asked_sec, pause_ms) in [(120, 120_000), (600, 600_000), (999_999, 600_000)] {
            let at = next_attempt(1, 0, 5_000, Some(Duration::from_secs(asked_sec)), 7);
            assert_eq!(at, Some(5_000 + pause_ms), "{asked_sec} s");
        }
    }
}
