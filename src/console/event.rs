//! Everything that the loop is told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::facts::Facts;
use crate::bus::BusError;
use crate::contract::{Alert, Health, Silence};
use crate::history::{Intervals, Record};
use crate::service::Notice;
use crate::swarm_state::{Oversight, Teller};
use crate::text::SafeText;

/// What happens.
pub enum Event {
    Notice(Notice),
    /// Somebody looked who judges and what can be judged.
    Looked(Box<Result<Oversight, BusError>>),
    /// Snapshots were read.
    Swept(Vec<Health>),
    /// The silences in force or to come, and the log of them.
    Silenced(Vec<Silence>, Vec<(String, i64, i64)>),
    /// Who tells people.
    Tellers(Vec<Teller>),
    /// An alert was told; whether some before it were missed.
    Alert {
        alert: Box<Alert>,
        missed: bool,
    },
    /// Which buses answer, and how the feeds do.
    Read(Facts),
    /// What is kept of these services.
    Recorded(Vec<(String, Arc<Record>)>),
    /// When buses were judged.
    Covered(BTreeMap<String, Intervals>),
    /// When single services were not judged though their bus was.
    Unwatched(HashMap<String, Intervals>),
    /// What is wrong with the history, if anything.
    HistoryNote(Option<SafeText>),
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Event {
        Event::Notice(notice)
    }
}
