//! The judgement of what to tell whom when: time and alerts in, messages out. No I/O.
//!
//! A aggregator does not pass a queue of alerts on; it keeps, for each service, how things stand and what people were
//! last told, and says the difference. Whatever happens between two messages (a storm, a dead receiver, a silence),
//! the next message therefore tells the true state, and nothing is told twice.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::notification::{Ms, Notification, NotificationKind, Thread};
use super::rendering;
use crate::contract::{Alert, AlertKind, Silence};
use crate::swarm_state::LogEntry;

mod classification;
mod compose;
mod group_window;
mod incident;
mod persistence;
mod silences;

use classification::classify;
use group_window::GroupWindow;
use incident::{IncidentRecord, Verdict};
use silences::Silences;

/// Services and buses that an aggregator follows; alerts about further ones count as lost history.
const INCIDENTS_MAX: usize = 2_000_000;
/// Ids of alerts told out of band that are remembered until the log repeats them.
const OUT_OF_BAND_MAX: usize = 1024;
/// Notes that wait for the next message; further ones are dropped, the first say enough.
const NOTES_MAX: usize = 20;
/// Entries older than this when a channel first reads the log are history, not news.
const NEWS_MS: Ms = 600_000;

/// Kinds whose subject is a service of truth.
const OF_SERVICES: [AlertKind; 2] = [AlertKind::HeartbeatMiss, AlertKind::ServiceDegraded];

/// The numbers that rule an aggregator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `GROUP_WAIT_SEC`: how long news is gathered before it is told.
    pub group_wait_ms: Ms,
    /// `RATE_LIMIT_SEC`: how long repeats of a kind for a service are counted instead of told.
    pub rate_limit_ms: Ms,
    /// `REMIND_SEC`: how often what is still down is told again; 0 for never.
    pub remind_ms: Ms,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            group_wait_ms: 500,
            rate_limit_ms: 60_000,
            remind_ms: 0,
        }
    }
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was filed.
    Filed,
    /// It was heard before, or it is told elsewhere.
    Known,
    /// It was filed, and entries before it are missing: [`Aggregator::resync`] is due.
    AfterGap,
}

/// What is to be stored, together with the acknowledgement of the entries heard, before a message goes out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// What is remembered beside the incidents, as JSON.
    pub meta: String,
    /// Records to write: name and JSON.
    pub put: Vec<(String, String)>,
    /// Records to delete.
    pub delete: Vec<String>,
}

/// A kind of alert (that of the beginning) and a service.
type Key = (AlertKind, Arc<str>);

/// Follows the alert log for one channel and says what is to be told.
#[derive(Clone, Debug, Default)]
pub struct Aggregator {
    rules: Rules,
    meta: Meta,
    incidents: HashMap<Key, IncidentRecord>,
    /// Cases to look at when the open group closes, in the order of their news.
    dirty: Vec<Key>,
    wakes: BTreeSet<(Ms, Key)>,
    group_window: GroupWindow,
    silences: Silences,
    silence_change_ms: Option<Ms>,
    depends_on: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// Who waits for news of a service that it depends on.
    waiting: HashMap<Arc<str>, Vec<Key>>,
    changed: HashSet<Key>,
}

/// What an aggregator remembers beside its incidents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Meta {
    /// When this channel was first set up.
    born_ms: Ms,
    last_n: Option<u64>,
    last_id: String,
    /// Entries that were lost and not yet told to be.
    lost: u64,
    out_of_band: VecDeque<String>,
    remind_at_ms: Option<Ms>,
    notes: Vec<String>,
    /// When the latest messages went out.
    recent_ms: Vec<Ms>,
}

impl Aggregator {
    /// A aggregator that was told nothing yet.
    pub fn new(rules: Rules, now_ms: Ms) -> Aggregator {
        let meta = Meta {
            born_ms: now_ms,
            ..Meta::default()
        };
        Aggregator {
            rules,
            meta,
            ..Aggregator::default()
        }
    }

    /// Takes an entry of the log. All entries are to be given, in order, also those that are told elsewhere.
    pub fn hear(&mut self, now_ms: Ms, entry: LogEntry, ours: bool) -> Heard {
        let LogEntry {
            id,
            n,
            at_ms,
            alert,
        } = entry;
        let mut heard = Heard::Filed;
        if let Some(n) = n {
            match self.meta.last_n {
                Some(last) if n <= last && place(&id) <= place(&self.meta.last_id) => {
                    return Heard::Known;
                }
                Some(last) if n > last + 1 => {
                    self.meta.lost = self.meta.lost.saturating_add(n - last - 1);
                    self.group_window.note(now_ms);
                    heard = Heard::AfterGap;
                }
                // A smaller number with a later date: the log was lost with the data and counts anew.
                _ => {}
            }
            self.meta.last_n = Some(n);
        }
        self.meta.last_id = id;
        if !ours {
            return if heard == Heard::Filed {
                Heard::Known
            } else {
                heard
            };
        }
        if let Some(at) = self
            .meta
            .out_of_band
            .iter()
            .position(|id| *id == identity(&alert))
        {
            self.meta.out_of_band.remove(at);
            return Heard::Known;
        }
        let history = at_ms < self.meta.born_ms - NEWS_MS;
        self.classify(now_ms, at_ms.min(now_ms), alert, history);
        heard
    }

    /// Whether entries are missing between the last one heard and the one numbered `n`.
    pub fn gap_before(&self, n: u64) -> bool {
        self.meta.last_n.is_some_and(|last| n > last + 1)
    }

    /// The stream id of the last entry heard; empty when there was none.
    pub fn last_id(&self) -> &str {
        &self.meta.last_id
    }

    /// Takes an alert that does not come from the log, because the bus cannot carry it. When the log has it later,
    /// it is not told again.
    pub fn hear_out_of_band(&mut self, now_ms: Ms, alert: Alert) {
        let id = identity(&alert);
        if self.meta.out_of_band.contains(&id) {
            return;
        }
        if self.meta.out_of_band.len() == OUT_OF_BAND_MAX {
            self.meta.out_of_band.pop_front();
        }
        self.meta.out_of_band.push_back(id);
        self.classify(now_ms, now_ms, alert, false);
    }

    /// Sets, after a gap, how services stand by their latest snapshots: the alert that began an outage, or none.
    pub fn resync(
        &mut self,
        now_ms: Ms,
        kinds: &[AlertKind],
        states: impl IntoIterator<Item = (String, Option<Alert>)>,
    ) {
        for (svc, begin) in states {
            let svc: Arc<str> = svc.into();
            for &kind in kinds {
                let begin = begin.clone().filter(|b| b.kind == kind);
                let key = (kind, Arc::clone(&svc));
                let bad = self.incidents.get(&key).is_some_and(|c| c.bad);
                if bad != begin.is_some() && (begin.is_some() || self.incidents.contains_key(&key))
                {
                    self.incidents
                        .entry(key.clone())
                        .or_default()
                        .set(begin, now_ms);
                    self.look_at(now_ms, key);
                }
            }
        }
    }

    /// Sets what truth says: who depends on whom, and, when given, who is watched at all.
    pub fn set_world(
        &mut self,
        now_ms: Ms,
        depends_on: impl IntoIterator<Item = (String, Vec<String>)>,
        watched: impl Fn(&str) -> bool,
    ) {
        let arcs = |names: Vec<String>| names.into_iter().map(Arc::from).collect();
        self.depends_on = depends_on
            .into_iter()
            .map(|(svc, on)| (svc.into(), arcs(on)))
            .collect();
        let of_services = |key: &&Key| OF_SERVICES.contains(&key.0);
        let gone: Vec<Key> = self
            .incidents
            .keys()
            .filter(of_services)
            .filter(|(_, svc)| !watched(svc))
            .cloned()
            .collect();
        for key in gone {
            self.let_go(now_ms, key);
        }
    }

    /// What was heard of `svc` is of a time before truth dropped it: its end will not be heard.
    pub fn forget_service(&mut self, now_ms: Ms, svc: &str) {
        for kind in OF_SERVICES {
            self.let_go(now_ms, (kind, svc.into()));
        }
    }

    /// Until it is heard of again, even if truth names it again: its past went with its health key.
    fn let_go(&mut self, now_ms: Ms, key: Key) {
        if let Some(incident) = self.incidents.get_mut(&key)
            && !std::mem::replace(&mut incident.gone, true)
        {
            self.look_at(now_ms, key);
        }
    }

    /// Sets the silences and acknowledgements that are in force or to come.
    pub fn set_silences(&mut self, now_ms: Ms, silences: Vec<Silence>) {
        let silences = Silences::new(silences);
        if silences != self.silences {
            self.silences = silences;
            self.silence_changed(now_ms);
        }
    }

    /// Adds a note about another channel to the next message.
    pub fn note(&mut self, now_ms: Ms, text: String) {
        if self.meta.notes.len() < NOTES_MAX {
            self.meta.notes.push(text);
            self.group_window.note(now_ms);
        }
    }

    /// When [`Aggregator::compose`] is to be called next, news apart.
    pub fn next_wake(&self) -> Option<Ms> {
        let first_wake = self.wakes.first().map(|(at, _)| *at);
        [
            self.group_window.close_ms(self.rules.group_wait_ms),
            first_wake,
            self.meta.remind_at_ms,
            self.silence_change_ms,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether there is news that was not told yet.
    pub fn has_news(&self) -> bool {
        self.group_window.close_ms(0).is_some()
    }

    /// What people were told has begun, and was not told to have ended: the alerts that began it.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        let told = self.incidents.values().filter(|incident| incident.told_bad);
        told.filter_map(IncidentRecord::began)
    }

    fn classify(&mut self, now_ms: Ms, at_ms: Ms, alert: Alert, history: bool) {
        let (kind, classification) = classify(&alert);
        let key = (kind, Arc::from(&*alert.subject()));
        if self.incidents.len() >= INCIDENTS_MAX && !self.incidents.contains_key(&key) {
            self.meta.lost = self.meta.lost.saturating_add(1);
            return;
        }
        let incident = self.incidents.entry(key.clone()).or_default();
        incident.hear(classification, alert, at_ms);
        if history {
            incident.forget_untold();
        }
        for waiting in self.waiting.remove(&key.1).unwrap_or_default() {
            self.look_at(now_ms, waiting);
        }
        self.look_at(now_ms, key);
    }

    /// Puts an incident on the list for the next message.
    fn look_at(&mut self, now_ms: Ms, key: Key) {
        self.group_window.note(now_ms);
        self.changed.insert(key.clone());
        if let Some(incident) = self.incidents.get_mut(&key)
            && !std::mem::replace(&mut incident.dirty, true)
        {
            self.dirty.push(key);
        }
    }

    /// A silence began or ended: whatever is or was told to be bad is looked at again.
    fn silence_changed(&mut self, now_ms: Ms) {
        self.silence_change_ms = self.silences.next_change(now_ms);
        let keys: Vec<Key> = self
            .incidents
            .iter()
            .filter(|(_, incident)| incident.is_open())
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            self.look_at(now_ms, key);
        }
    }
}

/// What tells an alert from all others; alerts of older writers have no id.
fn identity(alert: &Alert) -> String {
    if alert.id.is_empty() {
        format!("{}/{}/{}", alert.kind.as_str(), alert.svc, alert.ts)
    } else {
        alert.id.clone()
    }
}

/// Where an entry stands in the stream: its id as two numbers.
fn place(id: &str) -> (u64, u64) {
    let (ms, seq) = id.split_once('-').unwrap_or((id, "0"));
    (ms.parse().unwrap_or(0), seq.parse().unwrap_or(0))
}

#[cfg(test)]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;
