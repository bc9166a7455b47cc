//! What is known, and what follows from it for each service. Pure: it is told what was seen, and makes views of it.

mod entry;
mod known;
mod lateness;
mod outages;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use entry::Entry;
use known::Known;
use lateness::Lateness;
use outages::newest_incidents;

use super::facts::Facts;
use super::view::{BusRow, Counts, Names, Row, View};
use crate::bus::BusError;
use crate::clock::Mono;
use crate::contract::{Alert, AlertKind, Health, SYSTEM_BUS, Silence};
use crate::history::{Incident, Intervals, Record};
use crate::swarm_state::{Healer, Oversight, Teller, Who, told};
use crate::text::SafeText;
use crate::truth::Truth;

/// What nobody could look at for so long is not known any more.
const UNSEEN_AFTER: Duration = Duration::from_secs(10);
/// What was judged within this is still judged, when it is now, in seconds: the note of it and its reading take ten each.
const JUST_NOW_SEC: i64 = 30;

/// All that is known.
#[derive(Default)]
pub struct State {
    /// By name.
    entries: Vec<Entry>,
    names: Arc<Names>,
    oversight: Option<Oversight>,
    /// When somebody last looked, and what keeps him from it since.
    looked: Option<Mono>,
    broken: Option<SafeText>,
    silences: Arc<Vec<Silence>>,
    silenced: Arc<HashMap<String, Intervals>>,
    tellers: Arc<Vec<Teller>>,
    covered: Arc<BTreeMap<String, Intervals>>,
    unwatched: Arc<HashMap<String, Intervals>>,
    incidents: Arc<Vec<Incident>>,
    /// Records of services that truth does not name (any more), for when it does.
    unnamed: HashMap<String, Arc<Record>>,
    has_new_outages: bool,
    alerts: Arc<BTreeMap<&'static str, u64>>,
    lateness: Lateness,
    facts: Arc<Facts>,
    history_note: Option<SafeText>,
    view: Arc<View>,
}

impl State {
    /// The services of `truth`; what is known of those that stay is kept.
    pub fn adopt(&mut self, truth: &Truth) {
        let drained = std::mem::take(&mut self.entries).into_iter();
        let mut known: HashMap<Arc<str>, Entry> =
            drained.map(|entry| (entry.svc.clone(), entry)).collect();
        let buses: Vec<&str> = truth.buses().collect();
        // Names that many services share are kept once.
        let mut names: HashMap<String, Arc<str>> = HashMap::new();
        let mut shared = |name: &str| {
            let kept = names.entry(name.to_owned());
            Arc::clone(kept.or_insert_with(|| name.into()))
        };
        for service in truth.services() {
            let who = Who::of(&service, &buses);
            let svc: Arc<str> = who.name.into();
            let old = known.remove(&svc);
            let (known_of, record, row) = match old {
                Some(old) => (old.known, old.record, old.row),
                None => (None, self.unnamed.remove(&*svc).unwrap_or_default(), None),
            };
            self.entries.push(Entry {
                group: shared(service.group()),
                bus: shared(who.bus),
                is_watched: who.is_watched,
                timeout_sec: service.timeout().as_secs_f64(),
                depends: service.depends_on().map(Box::from).collect(),
                svc,
                known: known_of,
                record,
                row,
            });
        }
        for (svc, entry) in known {
            self.unnamed.insert(svc.to_string(), entry.record);
        }
        self.entries.sort_unstable_by(|a, b| a.svc.cmp(&b.svc));
        self.names = Arc::new(Names::new(self.entries.iter().map(|entry| &*entry.svc)));
        self.has_new_outages = true;
    }

    fn entry(&mut self, svc: &str) -> Option<&mut Entry> {
        let at = self
            .entries
            .binary_search_by(|entry| (*entry.svc).cmp(svc))
            .ok()?;
        self.entries.get_mut(at)
    }

    /// Somebody looked, or could not.
    pub fn looked(&mut self, found: Result<Oversight, BusError>, now: Mono, now_ts: i64) {
        match found {
            Ok(oversight) => {
                self.is_judged_until(&oversight, now_ts);
                self.oversight = Some(oversight);
                self.looked = Some(now);
                self.broken = None;
            }
            Err(error) => self.broken = Some(SafeText::new(&error.to_string())),
        }
    }

    /// What is judged now, and was a moment ago, was judged between: what is kept of it is read now and then only.
    fn is_judged_until(&mut self, oversight: &Oversight, now_ts: i64) {
        let Some(records) = oversight
            .buses
            .as_ref()
            .filter(|_| oversight.healer.speaks())
        else {
            return;
        };
        let judged = records.by_name.values().filter(|record| record.judged);
        for bus in judged.map(|record| record.bus.as_str()) {
            let last = self
                .covered
                .get(bus)
                .and_then(|all| all.list().last().copied());
            if let Some((_, to)) = last.filter(|(_, to)| now_ts - to <= JUST_NOW_SEC)
                && let Some(all) = Arc::make_mut(&mut self.covered).get_mut(bus)
            {
                all.add(to, now_ts);
            }
        }
    }

    /// Snapshots that were read.
    pub fn swept(&mut self, all: Vec<Health>) {
        let is_refused = self
            .oversight
            .as_ref()
            .is_some_and(|o| matches!(o.healer, Healer::Refused(_)));
        for health in all {
            let Some(entry) = self.entry(&health.svc) else {
                continue;
            };
            // While nothing can be written, what was heard since is newer.
            let is_newer = |known: &Known| is_refused && known.as_of_ts > health.as_of_ts;
            if !entry.known.as_ref().is_some_and(is_newer) {
                entry.known = Some(Known::of(health));
            }
        }
    }

    /// An alert that was just told.
    pub fn heard(&mut self, alert: &Alert) {
        *Arc::make_mut(&mut self.alerts)
            .entry(alert.kind.as_str())
            .or_default() += 1;
        if alert.kind == AlertKind::HeartbeatMiss
            && let (Some(late), Some(limit)) = (alert.late_sec, alert.timeout_sec)
        {
            self.lateness.add(late - limit);
        }
        let Some(entry) = self.entry(&alert.svc) else {
            return;
        };
        let known = entry.known.take();
        let mut health = match &known {
            Some(known) => known.health(&alert.svc),
            None => Health::unknown(&alert.svc),
        };
        let says = told(&mut health, alert);
        if says {
            health.misses += u64::from(alert.kind == AlertKind::HeartbeatMiss && !alert.again);
            let last_beat = matches!(alert.kind, AlertKind::HeartbeatMiss | AlertKind::HealerMiss);
            if last_beat && !alert.never_heard {
                health.last_seen_ts = Some(alert.began_ms().div_euclid(1000));
            }
            health.alert = Some(alert.clone());
        }
        entry.known = if says { Some(Known::of(health)) } else { known };
    }

    /// What is kept of services.
    pub fn recorded(&mut self, records: Vec<(String, Arc<Record>)>) {
        self.has_new_outages |= !records.is_empty();
        for (svc, record) in records {
            match self.entry(&svc) {
                Some(entry) => entry.record = record,
                None => drop(self.unnamed.insert(svc, record)),
            }
        }
    }

    /// When buses were judged.
    pub fn covered(&mut self, covered: BTreeMap<String, Intervals>) {
        self.covered = Arc::new(covered);
    }

    /// When single services were not judged though their bus was.
    pub fn unwatched(&mut self, unwatched: HashMap<String, Intervals>) {
        self.unwatched = Arc::new(unwatched);
    }

    /// The silences in force or to come, and when services were silenced; whether that is news.
    pub fn silenced(&mut self, silences: Vec<Silence>, spans: Vec<(String, i64, i64)>) -> bool {
        let mut by_svc: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
        for (svc, from, to) in spans {
            by_svc.entry(svc).or_default().push((from, to));
        }
        let by_svc = by_svc.into_iter();
        let silenced: HashMap<String, Intervals> = by_svc
            .map(|(svc, all)| (svc, all.into_iter().collect()))
            .collect();
        // One that begins later is no news when it does.
        let is_news = !silences.is_empty() || *self.silences != silences;
        if *self.silenced != silenced {
            self.silenced = Arc::new(silenced);
        }
        if *self.silences != silences {
            self.silences = Arc::new(silences);
        }
        is_news
    }

    /// Who tells people; whether that is news.
    pub fn tellers(&mut self, all: Vec<Teller>) -> bool {
        let is_news = *self.tellers != all;
        if is_news {
            self.tellers = Arc::new(all);
        }
        is_news
    }

    /// Which buses answer, and how the feeds do.
    pub fn read(&mut self, facts: Facts) {
        self.facts = Arc::new(facts);
    }

    /// What is wrong with the history, if anything.
    pub fn history_note(&mut self, note: Option<SafeText>) {
        self.history_note = note;
    }

    /// How many services there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The services that have a snapshot.
    pub fn names(&self) -> Vec<String> {
        let watched = self.entries.iter().filter(|entry| entry.is_watched);
        watched.map(|entry| entry.svc.to_string()).collect()
    }

    /// What keeps it from being known how things stand.
    fn troubles(&self, now: Mono) -> Vec<SafeText> {
        if let Some(reason) = self.unseen(now) {
            return vec![reason];
        }
        let all = self.oversight.iter().flat_map(Oversight::troubles);
        all.map(|(_, words)| SafeText::new(&words)).collect()
    }

    /// Why nobody can look, if that lasts.
    fn unseen(&self, now: Mono) -> Option<SafeText> {
        let is_over = self.looked.is_none_or(|at| now.since(at) > UNSEEN_AFTER);
        is_over.then(|| match &self.broken {
            Some(error) => SafeText::new(&format!("{SYSTEM_BUS} is out of reach: {error}")),
            None => "nobody has looked yet".into(),
        })
    }

    /// The present view; the one of before when nothing changed that is shown. Names what changed.
    pub fn view(&mut self, now: Mono, now_ts: i64) -> (Arc<View>, Vec<Box<str>>) {
        let troubles = self.troubles(now);
        let unseen = self.unseen(now);
        if std::mem::take(&mut self.has_new_outages) {
            self.incidents = Arc::new(newest_incidents(&self.entries, now_ts));
        }
        let silences = Arc::clone(&self.silences);
        let mut acked: HashSet<&str> = HashSet::new();
        let mut silent: HashSet<&str> = HashSet::new();
        for silence in silences.iter().filter(|s| s.from_ms <= now_ts * 1000) {
            if silence.ack { &mut acked } else { &mut silent }.insert(&silence.svc);
        }
        let all_silent = silent.contains("*");
        let mut changed = Vec::new();
        let mut counts = Counts::default();
        for entry in &mut self.entries {
            let marks = (
                all_silent || silent.contains(&*entry.svc),
                acked.contains(&*entry.svc),
            );
            let row = entry.row(self.oversight.as_ref(), unseen.as_ref(), marks, now_ts);
            counts.add(row.stand);
            if entry.row.as_deref() != Some(&row) {
                changed.push((*entry.svc).into());
                entry.row = Some(Arc::new(row));
            }
        }
        let rows: Vec<Arc<Row>> = self.entries.iter().filter_map(|e| e.row.clone()).collect();
        let judged = self.is_judged(unseen.as_ref());
        // Of a bus that nobody can look at it is not known either.
        let tellers = match unseen {
            Some(_) => Arc::default(),
            None => Arc::clone(&self.tellers),
        };
        let old = &self.view;
        let are_same = changed.is_empty() && old.rows.len() == rows.len();
        let is_same = are_same
            && (old.judged, &old.troubles, &old.history_note)
                == (judged, &troubles, &self.history_note)
            && Arc::ptr_eq(&old.silences, &self.silences)
            && old.tellers == tellers
            && Arc::ptr_eq(&old.incidents, &self.incidents);
        let worst = if are_same {
            Arc::clone(&old.worst)
        } else {
            let mut worst: Vec<u32> = (0..rows.len() as u32).collect();
            worst.sort_unstable_by(|a, b| rows[*a as usize].key().cmp(&rows[*b as usize].key()));
            Arc::new(worst)
        };
        self.view = Arc::new(View {
            rev: old.rev + u64::from(!is_same),
            made: now,
            judged,
            healer: self.healer(),
            troubles,
            counts,
            names: Arc::clone(&self.names),
            rows: Arc::new(rows),
            worst,
            buses: self.buses(),
            silences,
            tellers,
            incidents: Arc::clone(&self.incidents),
            covered: Arc::clone(&self.covered),
            silenced: Arc::clone(&self.silenced),
            unwatched: Arc::clone(&self.unwatched),
            history_note: self.history_note.clone(),
            alerts: Arc::clone(&self.alerts),
            lateness: self.lateness.told(),
            facts: Arc::clone(&self.facts),
        });
        (Arc::clone(&self.view), changed)
    }

    /// The view of before, as one of now, if those who look see nothing else than they did then. What grows old by itself
    /// shows in the next whole one.
    pub fn unchanged(&mut self, now: Mono) -> Option<Arc<View>> {
        let old = &self.view;
        let is_same = old.rev > 0
            && old.judged == self.is_judged(self.unseen(now).as_ref())
            && old.healer == self.healer()
            && old.troubles == self.troubles(now)
            && old.buses == self.buses();
        is_same.then(|| {
            self.view = Arc::new(View {
                made: now,
                covered: Arc::clone(&self.covered),
                silenced: Arc::clone(&self.silenced),
                ..(*self.view).clone()
            });
            Arc::clone(&self.view)
        })
    }

    fn is_judged(&self, unseen: Option<&SafeText>) -> bool {
        unseen.is_none() && self.oversight.as_ref().is_some_and(|o| o.healer.speaks())
    }

    fn healer(&self) -> &'static str {
        self.oversight.as_ref().map_or("", |o| o.healer.as_str())
    }

    fn buses(&self) -> Vec<BusRow> {
        let records = self.oversight.iter().filter_map(|o| o.buses.as_ref());
        let row = |(bus, record): (&String, &crate::contract::BusHealth)| BusRow {
            bus: bus.clone(),
            judged: record.judged,
            reason: record.reason.clone(),
        };
        let all = records.flat_map(|records| &records.by_name);
        all.map(row).collect()
    }
}

#[cfg(test)]
mod tests;
