//! Silencing a service and acknowledging its outage: what everybody who offers it does in one way.

use std::fmt;
use std::time::Duration;

use super::oversight::{Oversight, State, Who};
use super::reader::StateReader;
use super::silences::{keep_silence, silences};
use crate::bus::{BusError, Commands};
use crate::contract::{Health, Silence, Status, TEXT_MAX_BYTES};
use crate::text::SafeText;
use crate::truth::Truth;

/// The longest silence.
pub const SPAN_MAX: Duration = Duration::from_secs(366 * 86_400);
/// An acknowledgement is forgotten after this long.
const ACK_MS: i64 = 30 * 86_400_000;
/// Silences and acknowledgements that there may be.
const SILENCES_MAX: usize = 1000;

/// A silence that somebody asks for.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// Names it; offered again under the same id it is the same.
    pub id: &'a str,
    /// The service, or `*`.
    pub svc: &'a str,
    pub from_ms: i64,
    pub span: Duration,
    pub why: &'a str,
    /// Who asks.
    pub by: &'a str,
}

/// Why there is no silence.
#[derive(Debug)]
pub enum NotSilenced {
    /// There are so many already.
    TooMany(usize),
    Bus(BusError),
}

impl fmt::Display for NotSilenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotSilenced::TooMany(count) => {
                write!(f, "there are {count} silences already; end some")
            }
            NotSilenced::Bus(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotSilenced {}

/// Silences a service; answers with the silence that is in force then.
///
/// # Errors
/// When there are too many, or the bus does not take it.
pub fn silence(
    commands: &mut Commands,
    wish: &Wish<'_>,
    now_ms: i64,
) -> Result<Silence, NotSilenced> {
    let silence = Silence {
        id: wish.id.to_owned(),
        svc: wish.svc.to_owned(),
        ack: false,
        from_ms: wish.from_ms,
        until_ms: wish.from_ms + wish.span.as_millis() as i64,
        why: SafeText::cut(wish.why, TEXT_MAX_BYTES).into(),
        by: wish.by.to_owned(),
    };
    let known = silences(commands).map_err(NotSilenced::Bus)?;
    if known.len() >= SILENCES_MAX && !known.iter().any(|s| s.id == silence.id) {
        return Err(NotSilenced::TooMany(SILENCES_MAX));
    }
    keep_silence(commands, &silence, now_ms).map_err(NotSilenced::Bus)
}

/// What became of an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acked {
    /// No reminders until it is up.
    Done,
    /// There is nothing to acknowledge.
    NotDown,
    /// Nobody knows how it stands, for this reason.
    Unknown(SafeText),
}

/// Acknowledges the outage of `svc`, a service or bus that `truth` knows.
///
/// # Errors
/// When the bus does not answer or does not take it.
pub fn acknowledge(
    reader: &mut StateReader,
    truth: &Truth,
    svc: &str,
    by: &str,
    now_ms: i64,
) -> Result<Acked, BusError> {
    let health = reader.health([svc])?.pop().flatten();
    let is_told = |health: &Health| matches!(health.status, Status::Down | Status::Degraded);
    // What was told stays told, whoever may be gone since.
    if !health.as_ref().is_some_and(is_told) {
        let unknown = why_unknown(svc, truth, &reader.oversight()?, health.as_ref());
        return Ok(unknown.map_or(Acked::NotDown, Acked::Unknown));
    }
    let silence = Silence {
        id: format!("ack-{svc}"),
        svc: svc.to_owned(),
        ack: true,
        from_ms: now_ms,
        until_ms: now_ms + ACK_MS,
        why: String::new(),
        by: by.to_owned(),
    };
    keep_silence(reader.commands(), &silence, now_ms)?;
    Ok(Acked::Done)
}

/// Why nobody can say whether `svc` is down, if so.
fn why_unknown(
    svc: &str,
    truth: &Truth,
    oversight: &Oversight,
    health: Option<&Health>,
) -> Option<SafeText> {
    let buses: Vec<&str> = truth.buses().collect();
    let service = truth.service(svc)?;
    let standing = oversight.standing(Who::of(&service, &buses), health);
    let trouble = || Some(SafeText::new(&oversight.troubles().into_iter().next()?.1));
    let why = standing.reason.or_else(trouble);
    (standing.state == State::Unknown).then(|| why.unwrap_or_default())
}
