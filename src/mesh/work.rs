//! Work that stands still: streams whose consumer group does not get on though something waits. Pure.
//!
//! *Something waits*: there is an entry that was never handed out, or one that was and is not done. *Progress*: another
//! entry was handed out, the oldest of those that are not done is another, or there are fewer of them. The server's own
//! count of what waits (`lag`) is never judged by: after a deletion it is not known, after a trim it is wrong.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bus::stream::EntryId;
use crate::clock::{Mono, Now};
use crate::contract::mesh::{Work, WorkState};
use crate::text::SafeText;

/// Streams and groups that are watched at most.
pub const STREAMS_MAX: usize = 256;
/// How often each is looked at, at least.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A stream and group to be watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watched {
    pub bus: String,
    pub key: String,
    pub group: String,
    /// Who does this work.
    pub service: String,
    pub stall: Duration,
}

/// What was seen of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The bus does not answer, or refuses to.
    Away(String),
    /// There is no such stream, or no such group.
    Gone,
    There(Found),
}

/// What there is to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Everything up to here was handed out.
    pub last_delivered: EntryId,
    /// Entries that were handed out and are not done.
    pub pending: u64,
    pub oldest_pending: Option<EntryId>,
    /// The first that was never handed out.
    pub oldest_unread: Option<EntryId>,
    /// Who idles, in words, where somebody asked.
    pub idlers: Option<String>,
}

/// A change that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub watched: Watched,
    pub is_stalled: bool,
    pub reason: String,
}

/// All watched streams.
#[derive(Debug, Default)]
pub struct Works {
    all: BTreeMap<Watched, One>,
}

#[derive(Clone, Debug)]
struct One {
    before: Option<Found>,
    /// Since when something waits without progress.
    since: Mono,
    state: WorkState,
    since_ts: i64,
    /// That it stalls was told.
    is_told: bool,
    record: Option<Work>,
}

impl Works {
    /// A truth: these are watched. What is known of those that were before stays.
    pub fn follow(&mut self, watched: Vec<Watched>, now: Now) {
        let mut before = std::mem::take(&mut self.all);
        for one in watched {
            let known = before.remove(&one).unwrap_or(One {
                before: None,
                since: now.mono,
                state: WorkState::Unknown,
                since_ts: now.wall_secs,
                is_told: false,
                record: None,
            });
            self.all.insert(one, known);
        }
    }

    /// What is watched.
    pub fn watched(&self) -> impl Iterator<Item = &Watched> {
        self.all.keys()
    }

    /// When to look next, if all were looked at at `looked`: a stall is found out when it falls due.
    pub fn next_look(&self, looked: Mono) -> Option<Mono> {
        let due = |(watched, one): (&Watched, &One)| {
            let waits = one.state == WorkState::Moving && one.waits();
            let stalls = one.since + watched.stall;
            if waits {
                stalls.min(looked + LOOK_EVERY)
            } else {
                looked + LOOK_EVERY
            }
        };
        // A stall that is due is found by the look that is under way.
        self.all
            .iter()
            .map(due)
            .min()
            .map(|at| at.max(looked + MIN_PAUSE))
    }

    /// Another mesh told that this one stalls, or moves again.
    pub fn believe(&mut self, watched: &Watched, is_stalled: bool) {
        if let Some(one) = self.all.get_mut(watched) {
            one.is_told = is_stalled;
        }
    }

    /// Takes in what was seen of one at `now`; `rests`: whoever does that work was told to rest.
    pub fn see(&mut self, watched: &Watched, seen: Seen, rests: bool, now: Now) -> Option<Turn> {
        let one = self.all.get_mut(watched)?;
        let (state, found, reason) = one.judge(watched, seen, rests, now.mono);
        if one.state != state {
            (one.state, one.since_ts) = (state, now.wall_secs);
        }
        one.record = Some(one.describe(watched, found.as_ref(), reason, now));
        let turns = match state {
            WorkState::Stalled => !one.is_told,
            WorkState::Moving => one.is_told,
            WorkState::Unknown | WorkState::Paused => false,
        };
        if !turns {
            return None;
        }
        one.is_told = !one.is_told;
        Some(Turn {
            watched: watched.clone(),
            is_stalled: one.is_told,
            reason: words(found.as_ref(), now),
        })
    }

    /// How one stands.
    pub fn record_of(&self, watched: &Watched) -> Option<&Work> {
        self.all.get(watched)?.record.as_ref()
    }

    /// How all stand, as far as they were looked at.
    pub fn records(&self) -> impl Iterator<Item = &Work> {
        self.all.values().filter_map(|one| one.record.as_ref())
    }
}

/// Looks follow each other no faster.
const MIN_PAUSE: Duration = Duration::from_millis(200);

impl One {
    fn waits(&self) -> bool {
        self.before.as_ref().is_some_and(Found::waits)
    }

    fn judge(
        &mut self,
        watched: &Watched,
        seen: Seen,
        rests: bool,
        now: Mono,
    ) -> (WorkState, Option<Found>, Option<String>) {
        let found = match seen {
            Seen::Away(why) => {
                self.before = None;
                return (WorkState::Unknown, None, Some(why));
            }
            Seen::Gone => {
                self.before = None;
                let why = "there is no such stream, or no such group".to_owned();
                return (WorkState::Unknown, None, Some(why));
            }
            Seen::There(found) => found,
        };
        let before = self.before.replace(found.clone());
        if rests {
            // From its end on the time runs anew.
            self.before = None;
            return (WorkState::Paused, Some(found), None);
        }
        let gets_on = match &before {
            // Seen for the first time, or after a gap: nobody knows since when it stands still.
            None => true,
            Some(before) => found.gets_on_from(before),
        };
        // A stall that was told goes on over a gap: only progress ends it.
        let is_gap = before.is_none() && self.is_told && found.waits();
        if !found.waits() || gets_on {
            self.since = now;
        }
        let is_long = now.since(self.since) >= watched.stall;
        let state = match found.waits() && (is_long || is_gap || (self.is_told && !gets_on)) {
            true => WorkState::Stalled,
            false => WorkState::Moving,
        };
        (state, Some(found), None)
    }

    fn describe(
        &self,
        watched: &Watched,
        found: Option<&Found>,
        reason: Option<String>,
        now: Now,
    ) -> Work {
        Work {
            bus: watched.bus.clone(),
            key: watched.key.clone(),
            group: watched.group.clone(),
            service: watched.service.clone(),
            state: self.state,
            since_ts: self.since_ts,
            pending: found.map_or(0, |f| f.pending),
            unread: found.is_some_and(|f| f.oldest_unread.is_some()),
            oldest_sec: found.and_then(|f| f.age_sec(now.wall_secs)),
            reason: reason.map(SafeText::from),
            as_of_ts: now.wall_secs,
        }
    }
}

impl Found {
    fn waits(&self) -> bool {
        self.pending > 0 || self.oldest_unread.is_some()
    }

    fn gets_on_from(&self, before: &Found) -> bool {
        self.last_delivered != before.last_delivered
            || self.oldest_pending != before.oldest_pending
            || self.pending < before.pending
    }

    /// How old the oldest thing is that waits, by its id: the server's milliseconds, as a rule.
    fn age_sec(&self, now_ts: i64) -> Option<u64> {
        let oldest = self
            .oldest_pending
            .into_iter()
            .chain(self.oldest_unread)
            .min()?;
        let oldest_ts = i64::try_from(oldest.ms / 1000).ok()?;
        u64::try_from(now_ts - oldest_ts).ok()
    }
}

/// How many wait at least, how old the oldest is, who idles.
fn words(found: Option<&Found>, now: Now) -> String {
    let Some(found) = found else {
        return String::new();
    };
    let mut words = match (found.pending, found.oldest_unread) {
        (0, None) => return "nothing waits".to_owned(),
        (0, Some(_)) => "at least 1 entry was never handed out".to_owned(),
        (n, None) => format!("{n} handed out and not done"),
        (n, Some(_)) => format!("{n} handed out and not done, at least 1 more waits"),
    };
    if let Some(age) = found.age_sec(now.wall_secs) {
        let age = crate::clock::human(Duration::from_secs(age));
        words.push_str(&format!("; the oldest is {age} old"));
    }
    if let Some(idlers) = &found.idlers {
        words.push_str(&format!("; {idlers}"));
    }
    words
}
