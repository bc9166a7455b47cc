//! What an answer means for what happens next.
//!
//! Pure: a status, an envelope or a fault of the network comes in; what to do with the job, the rung and the budget goes
//! out. [`pace`] says how long failures make it wait.

pub mod pace;

use std::time::Duration;

use super::answer::Envelope;
use super::facts::Reason;
use super::number;

/// The wait before an answer that was no JSON is asked for once more.
const ONCE_MORE: Duration = Duration::from_secs(1);
/// What a 429 without `Retry-After` means, and the longest that one with it may mean.
const TOO_MANY_WAIT: Duration = Duration::from_secs(60);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// When a refused key is tried again without a new one.
const KEY_AGAIN: Duration = Duration::from_secs(3_600);
/// When what the plan does not include is tried again.
const ENTITLED_AGAIN: Duration = Duration::from_secs(86_400);

/// What an answer stands for, whether the status of HTTP or the envelope says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Code {
    #[default]
    Good,
    Redirect,
    BadRequest,
    KeyRefused,
    NotEntitled,
    NotFound,
    TooLarge,
    TooManyCalls,
    /// 408, 425, 499, 5xx, and whatever else is not understood.
    Failing,
}

impl Code {
    /// What a status of HTTP stands for.
    pub fn of_status(status: u16) -> Code {
        match status {
            200..=299 => Code::Good,
            300..=399 => Code::Redirect,
            400 => Code::BadRequest,
            401 => Code::KeyRefused,
            403 => Code::NotEntitled,
            404 => Code::NotFound,
            413 | 414 => Code::TooLarge,
            429 => Code::TooManyCalls,
            _ => Code::Failing,
        }
    }

    /// Why nothing of the answer is taken.
    pub fn reason(self) -> Reason {
        match self {
            Code::Good => Reason::Missing,
            Code::BadRequest | Code::TooLarge => Reason::BadRequest,
            Code::KeyRefused => Reason::KeyRefused,
            Code::NotEntitled => Reason::NotEntitled,
            Code::NotFound => Reason::NotFound,
            Code::TooManyCalls => Reason::TooManyCalls,
            Code::Redirect | Code::Failing => Reason::VendorError,
        }
    }
}

/// What the envelope of an answer stands for: `status` is `OK`, `DELAYED` or not there, and no `error`; anything else
/// is the failure that it names, though HTTP says 200.
pub fn code_of(envelope: &Envelope) -> Code {
    let status = envelope.status.get().map(number::text);
    let is_good = match &status {
        None => true,
        Some(status) => matches!(status.as_deref(), Some("OK" | "DELAYED")),
    };
    // Anything in `error` but an empty text is one.
    let error = envelope.error.get().filter(|json| *json != "\"\"");
    if is_good && error.is_none() {
        return Code::Good;
    }
    let words = [error, envelope.message.get()];
    let words: String = words
        .into_iter()
        .flatten()
        .filter_map(number::text)
        .flat_map(|words| [words.to_ascii_lowercase(), " ".to_owned()])
        .collect();
    let status = status.flatten().unwrap_or_default().to_ascii_uppercase();
    named(&status)
        .or_else(|| worded(&words))
        .unwrap_or(Code::Failing)
}

fn named(status: &str) -> Option<Code> {
    Some(match status {
        "NOT_AUTHORIZED" | "NOT_ENTITLED" | "FORBIDDEN" => Code::NotEntitled,
        "AUTH_ERROR" | "UNAUTHORIZED" | "UNAUTHENTICATED" => Code::KeyRefused,
        "NOT_FOUND" => Code::NotFound,
        "BAD_REQUEST" | "INVALID_ARGUMENT" | "INVALID" => Code::BadRequest,
        "MAX_REQUESTS" | "TOO_MANY_REQUESTS" | "RATE_LIMITED" => Code::TooManyCalls,
        _ => return None,
    })
}

/// `ERROR` says nothing; its words do.
fn worded(words: &str) -> Option<Code> {
    let has = |part: &str| words.contains(part);
    if has("exceeded") && has("requests") || has("rate limit") || has("too many requests") {
        Some(Code::TooManyCalls)
    } else if has("not entitled")
        || has("not_entitled")
        || has("not authorized")
        || has("upgrade your plan")
    {
        Some(Code::NotEntitled)
    } else if has("api key") || has("apikey") {
        Some(Code::KeyRefused)
    } else if has("not found") || has("not_found") {
        Some(Code::NotFound)
    } else if has("invalid") || has("bad request") || has("could not parse") {
        Some(Code::BadRequest)
    } else {
        None
    }
}

/// What came back, or why nothing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer that was read: its status of HTTP, and what its envelope stands for.
    Answered { status: u16, envelope: Code },
    /// It is not JSON, was cut, is a web page, or too long.
    NotUnderstood,
    /// Time-out, name, TLS, a broken connection.
    Unreachable,
}

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// How the market stands, and its calendar.
    Market,
    /// Many symbols at once.
    Batch,
    /// One symbol.
    Single,
    Chain,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The answer is good.
    Take,
    /// The same once more after the wait.
    OnceMore(Duration),
    /// The job waits; what was not understood goes to quarantine.
    BackOff { quarantine: bool },
    /// Not followed: the job waits as after a failure, and that is said.
    RefuseRedirect,
    /// The job is off until truth changes.
    Off,
    /// Nothing is asked until there is a new key, or after the wait.
    KeyRefused(Duration),
    /// This class of symbols goes on by the next rung; the one above is tried after the wait, or with a new key.
    RungDown(Duration),
    /// Only this is not in the plan; it is tried after the wait, or with a new key.
    NotEntitled(Duration),
    /// The vendor does not know this one; it is tried after the wait.
    NotFound(Duration),
    /// Half as many symbols at once.
    HalfBatch,
    /// Nobody asks before the wait is over.
    Wait(Duration),
}

/// What follows from an outcome. `is_repeated` says that it was asked once more already; `retry_after` is the
/// vendor's wish.
pub fn verdict(
    outcome: Outcome,
    job: Job,
    is_repeated: bool,
    retry_after: Option<Duration>,
) -> Next {
    let code = match outcome {
        Outcome::NotUnderstood if is_repeated => return Next::BackOff { quarantine: true },
        Outcome::NotUnderstood => return Next::OnceMore(ONCE_MORE),
        Outcome::Unreachable => Code::Failing,
        Outcome::Answered { status, envelope } => match Code::of_status(status) {
            Code::Good => envelope,
            code => code,
        },
    };
    match (code, job) {
        (Code::Good, _) => Next::Take,
        (Code::Redirect, _) => Next::RefuseRedirect,
        (Code::BadRequest, _) => Next::Off,
        (Code::KeyRefused, _) => Next::KeyRefused(KEY_AGAIN),
        (Code::NotEntitled, Job::Batch) => Next::RungDown(ENTITLED_AGAIN),
        (Code::NotEntitled, _) => Next::NotEntitled(ENTITLED_AGAIN),
        (Code::NotFound, Job::Single | Job::Chain) => Next::NotFound(ENTITLED_AGAIN),
        (Code::TooLarge, Job::Batch) => Next::HalfBatch,
        (Code::TooManyCalls, _) => {
            Next::Wait(retry_after.map_or(TOO_MANY_WAIT, |wait| wait.min(RETRY_AFTER_MAX)))
        }
        (Code::TooLarge | Code::NotFound | Code::Failing, _) => Next::BackOff { quarantine: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::massive::answer;
    use crate::massive::normalise::tests::{NoElements, nobody};

    fn code(body: &str) -> Code {
        let answer = answer::read::<NoElements>(
            body.as_bytes(),
            Some("results"),
            &mut nobody(),
            &mut |_, _| {},
        );
        code_of(&answer.expect(body).envelope)
    }

    fn answered(status: u16) -> Outcome {
        Outcome::Answered {
            status,
            envelope: Code::Good,
        }
    }

    #[test]
    fn every_row_of_failures_has_its_verdict() {
        let day = Duration::from_secs(86_400);
        let hour = Duration::from_secs(3_600);
        let back_off = Next::BackOff { quarantine: false };
        for (outcome, job, next) in [
            (answered(200), Job::Batch, Next::Take),
            (answered(301), Job::Batch, Next::RefuseRedirect),
            (answered(307), Job::Chain, Next::RefuseRedirect),
            (answered(400), Job::Batch, Next::Off),
            (answered(401), Job::Market, Next::KeyRefused(hour)),
            (answered(403), Job::Batch, Next::RungDown(day)),
            (answered(403), Job::Chain, Next::NotEntitled(day)),
            (answered(403), Job::Single, Next::NotEntitled(day)),
            (answered(404), Job::Batch, back_off),
            (answered(404), Job::Market, back_off),
            (answered(404), Job::Single, Next::NotFound(day)),
            (answered(408), Job::Batch, back_off),
            (answered(425), Job::Batch, back_off),
            (answered(499), Job::Batch, back_off),
            (answered(500), Job::Batch, back_off),
            (answered(503), Job::Chain, back_off),
            (Outcome::Unreachable, Job::Batch, back_off),
            (answered(413), Job::Batch, Next::HalfBatch),
            (answered(414), Job::Batch, Next::HalfBatch),
            (
                answered(429),
                Job::Batch,
                Next::Wait(Duration::from_secs(60)),
            ),
            (
                Outcome::NotUnderstood,
                Job::Batch,
                Next::OnceMore(ONCE_MORE),
            ),
        ] {
            assert_eq!(
                verdict(outcome, job, false, None),
                next,
                "{outcome:?} {job:?}"
            );
        }
        let again = verdict(Outcome::NotUnderstood, Job::Batch, true, None);
        assert_eq!(again, Next::BackOff { quarantine: true });
        // The envelope of a 200 acts as what it stands for; an error of HTTP counts before it.
        let envelope = |status, envelope| Outcome::Answered { status, envelope };
        let next = verdict(envelope(200, Code::KeyRefused), Job::Batch, false, None);
        assert_eq!(next, Next::KeyRefused(hour));
        let next = verdict(envelope(503, Code::KeyRefused), Job::Batch, false, None);
        assert_eq!(next, back_off);
    }

    #[test]
    fn the_vendors_wish_is_granted_up_to_an_hour() {
        for (asked, granted) in [(5, 5), (3_600, 3_600), (86_400, 3_600)] {
            let next = verdict(
                answered(429),
                Job::Batch,
                false,
                Some(Duration::from_secs(asked)),
            );
            assert_eq!(next, Next::Wait(Duration::from_secs(granted)));
        }
    }

    #[test]
    fn an_envelope_stands_for_a_code() {
        for (body, stands_for) in [
            (r#"{"status":"OK"}"#, Code::Good),
            (r#"{"status":"DELAYED","results":[]}"#, Code::Good),
            (r#"{"results":[]}"#, Code::Good),
            (r#"{"status":"OK","error":""}"#, Code::Good),
            (r#"{"status":null,"error":null}"#, Code::Good),
            (
                r#"{"status":"NOT_AUTHORIZED","message":"You are not entitled to this data."}"#,
                Code::NotEntitled,
            ),
            (
                r#"{"status":"ERROR","error":"Unknown API Key"}"#,
                Code::KeyRefused,
            ),
            (
                r#"{"status":"ERROR","error":"API Key was not provided"}"#,
                Code::KeyRefused,
            ),
            (
                r#"{"status":"ERROR","error":"You've exceeded the maximum requests per minute, please wait."}"#,
                Code::TooManyCalls,
            ),
            (
                r#"{"status":"ERROR","message":"You've exceeded the maximum requests per minute."}"#,
                Code::TooManyCalls,
            ),
            (
                r#"{"status":"NOT_FOUND","message":"Ticker not found."}"#,
                Code::NotFound,
            ),
            (
                r#"{"status":"ERROR","error":"Could not parse the time parameter: 'x'"}"#,
                Code::BadRequest,
            ),
            (r#"{"status":"ERROR","error":"upstream"}"#, Code::Failing),
            (r#"{"status":"OK","error":"what"}"#, Code::Failing),
            (r#"{"status":"OK","error":{"code":1}}"#, Code::Failing),
            (r#"{"status":5}"#, Code::Failing),
            (r#"{"status":"ok"}"#, Code::Failing),
        ] {
            assert_eq!(code(body), stands_for, "{body}");
        }
    }
}
