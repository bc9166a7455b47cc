//! What mesh tells people: work that stands still, services with too few instances. Told by the healer's alert store, in
//! order, and owed until it is.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::registry::LowNews;
use super::work::{Turn, Watched};
use crate::bus::BusError;
use crate::clock::{Mono, Now};
use crate::contract::mesh::{low_key, work_key};
use crate::contract::{Alert, AlertKind};
use crate::flap::{Flap, FlapDetector, WINDOW_TIMEOUTS};
use crate::text::SafeText;
use crate::watch::alert_store::{AlertStore, LastTold, Recorded, Told};

/// Alerts that may wait for a bus that takes them; beyond, the oldest goes.
const OWED_MAX: usize = 256;
/// After a refusal the next attempt follows in this time.
const AGAIN: Duration = Duration::from_secs(1);

/// What is told of, by the key of its record.
#[derive(Clone, Debug)]
struct Subject {
    svc: String,
    bus: Option<String>,
    key: Option<String>,
    group: Option<String>,
    begins: AlertKind,
    ends: AlertKind,
    /// Six of these without a change, and what flapped is steady.
    window: Duration,
    /// Id of its last alert.
    last: String,
    is_bad: bool,
    /// Wall time at which it last turned bad.
    since_ts: Option<i64>,
}

/// The alert store, and what it has not taken yet.
pub struct Alerts {
    store: AlertStore,
    inst: String,
    host: String,
    subjects: HashMap<String, Subject>,
    flaps: FlapDetector<String>,
    owed: VecDeque<Recorded>,
    number: u64,
    /// Writes are refused, and that was said.
    is_refused: bool,
    next_attempt: Mono,
}

/// What another mesh told, which is to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub key: String,
    pub is_bad: bool,
}

impl Alerts {
    /// Tells through `alert store`, in the name of this instance.
    pub fn new(store: AlertStore, inst: &str, host: &str) -> Alerts {
        Alerts {
            store,
            inst: inst.to_owned(),
            host: host.to_owned(),
            subjects: HashMap::new(),
            flaps: FlapDetector::default(),
            owed: VecDeque::new(),
            number: 0,
            is_refused: false,
            next_attempt: Mono(0),
        }
    }

    /// The bus is elsewhere.
    pub fn set_address(&mut self, address: crate::bus::Address) {
        self.store.commands().set_address(address);
    }

    /// A watched stream, before anything is told of it.
    pub fn know_work(&mut self, watched: &Watched) {
        let key = work_key(&watched.bus, &watched.key, &watched.group);
        self.subjects.entry(key).or_insert_with(|| Subject {
            svc: watched.service.clone(),
            bus: Some(watched.bus.clone()),
            key: Some(watched.key.clone()),
            group: Some(watched.group.clone()),
            begins: AlertKind::WorkStalled,
            ends: AlertKind::WorkMoving,
            window: watched.stall * WINDOW_TIMEOUTS,
            last: String::new(),
            is_bad: false,
            since_ts: None,
        });
    }

    /// A service that shall have a number of instances, likewise.
    pub fn know_service(&mut self, svc: &str, timeout: Duration) {
        self.subjects
            .entry(low_key(svc))
            .or_insert_with(|| Subject {
                svc: svc.to_owned(),
                bus: None,
                key: None,
                group: None,
                begins: AlertKind::InstancesLow,
                ends: AlertKind::InstancesOk,
                window: timeout * WINDOW_TIMEOUTS,
                last: String::new(),
                is_bad: false,
                since_ts: None,
            });
    }

    /// This mesh speaks no more: what it did not get told, another may.
    pub fn fall_silent(&mut self) {
        self.owed.clear();
    }

    /// What was told of everything that is known here, by whomever.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn read(&mut self) -> Result<Vec<Heard>, BusError> {
        let keys: Vec<String> = self.subjects.keys().cloned().collect();
        let mut heard = Vec::new();
        for keys in keys.chunks(1000) {
            let last = self.store.last_told(keys)?;
            for (key, told) in keys.iter().zip(last) {
                heard.push(self.believe(key, told));
            }
        }
        Ok(heard)
    }

    fn believe(&mut self, key: &str, told: Option<LastTold>) -> Heard {
        let (mut last, mut since_ts, mut is_bad) = (String::new(), None, false);
        if let Some(told) = told {
            is_bad = told.is_bad;
            since_ts = told.alert.since_ts.filter(|_| is_bad);
            last = told.alert.id;
        }
        if let Some(subject) = self.subjects.get_mut(key) {
            (subject.last, subject.since_ts, subject.is_bad) = (last, since_ts, is_bad);
        }
        Heard {
            key: key.to_owned(),
            is_bad,
        }
    }

    /// A stream stalls, or moves again.
    pub fn work(&mut self, turn: &Turn, record: String, now: Now) {
        self.know_work(&turn.watched);
        let watched = &turn.watched;
        let key = work_key(&watched.bus, &watched.key, &watched.group);
        self.turn(
            &key,
            turn.is_stalled,
            turn.reason.as_str().into(),
            record,
            now,
        );
    }

    /// A service has too few instances, or enough again.
    pub fn low(&mut self, news: &LowNews, timeout: Duration, now: Now) {
        self.know_service(&news.svc, timeout);
        let (working, min) = (news.working, news.min);
        let reason = match news.is_low {
            true => format!("{working} of the {min} instances that it shall have work"),
            false => format!("{working} instances work, and {min} are enough"),
        };
        let record = format!(
            r#"{{"svc":"{}","working":{working},"min":{min},"is_low":{}}}"#,
            news.svc, news.is_low
        );
        self.turn(&low_key(&news.svc), news.is_low, reason.into(), record, now);
    }

    fn turn(&mut self, key: &str, is_bad: bool, reason: SafeText, record: String, now: Now) {
        let Some(subject) = self.subjects.get_mut(key) else {
            return;
        };
        let window = subject.window;
        subject.is_bad = is_bad;
        if is_bad {
            subject.since_ts = Some(now.wall_secs);
        }
        let kind = if is_bad { subject.begins } else { subject.ends };
        let since_ts = subject.since_ts;
        let mut alert = self.alert(key, kind, now);
        alert.reason = Some(reason);
        alert.since_ts = since_ts;
        self.owe(key, alert, record.clone());
        if !is_bad {
            return self.flaps.rose(&key.to_owned(), now.mono, window);
        }
        if let Some(flap) = self.flaps.fell(&key.to_owned(), now, window) {
            self.flaps(key, AlertKind::Flapping, flap, record, now);
        }
    }

    fn flaps(&mut self, key: &str, kind: AlertKind, flap: Flap, record: String, now: Now) {
        let of = self.subjects.get(key).map(|subject| subject.begins);
        let mut alert = self.alert(key, kind, now);
        alert.of = of;
        alert.count = Some(flap.times.into());
        alert.since_ts = (kind == AlertKind::Flapping).then_some(flap.since_ts);
        self.owe(key, alert, record);
    }

    fn alert(&mut self, key: &str, kind: AlertKind, now: Now) -> Alert {
        self.number += 1;
        let subject = self.subjects.get(key);
        let svc = subject.map_or("", |subject| &*subject.svc);
        let mut alert = Alert::new(kind, svc, now.wall_secs);
        alert.id = format!("{}-work-{}", self.inst, self.number);
        alert.host = Some(self.host.clone());
        if let Some(subject) = subject {
            alert.bus.clone_from(&subject.bus);
            alert.key.clone_from(&subject.key);
            alert.group.clone_from(&subject.group);
        }
        alert
    }

    fn owe(&mut self, key: &str, alert: Alert, record: String) {
        if self.owed.len() == OWED_MAX {
            self.owed.pop_front();
        }
        let Some(subject) = self.subjects.get_mut(key) else {
            return;
        };
        let previous = std::mem::replace(&mut subject.last, alert.id.clone());
        let is_bad = subject.is_bad;
        self.owed.push_back(Recorded {
            key: key.to_owned(),
            previous,
            alert,
            record,
            is_bad,
            published: false,
        });
    }

    /// Tells what flapped and holds still, and all that is owed. What another mesh told instead is to be believed.
    pub fn pay(&mut self, now: Now) -> Vec<Heard> {
        self.tell_steady(now);
        let mut heard = Vec::new();
        if now.mono < self.next_attempt {
            return heard;
        }
        while let Some(first) = self.owed.front() {
            let told = self.store.tell_recorded(std::slice::from_ref(first));
            match told.map(|mut told| told.pop()) {
                Ok(Some(Told::Done { .. } | Told::Already)) | Ok(None) => {
                    if std::mem::take(&mut self.is_refused) {
                        log::info!("Redis takes alerts again");
                    }
                    if let Some(told) = self.owed.pop_front() {
                        say(&told.alert);
                    }
                }
                Ok(Some(Told::Conflict { .. })) => {
                    let key = first.key.clone();
                    self.owed.retain(|owed| owed.key != key);
                    match self.store.last_told(std::slice::from_ref(&key)) {
                        Ok(mut last) => heard.push(self.believe(&key, last.pop().flatten())),
                        Err(error) => log::warn!("{error}"),
                    }
                }
                Ok(Some(Told::Fenced)) => break,
                Ok(Some(Told::Refused(error))) | Err(error) => {
                    self.not_taken(error, now.mono);
                    break;
                }
            }
        }
        heard
    }

    /// When the next attempt is, if something is owed; when something that flapped may be steady.
    pub fn next_wakeup(&self) -> Option<Mono> {
        let owed = (!self.owed.is_empty()).then_some(self.next_attempt);
        owed.into_iter().chain(self.flaps.next_due()).min()
    }

    fn tell_steady(&mut self, now: Now) {
        while let Some(key) = self.flaps.due(now.mono) {
            if let Some(flap) = self.flaps.end(&key)
                && let Some(subject) = self.subjects.get(&key)
            {
                let record = format!(r#"{{"svc":"{}"}}"#, subject.svc);
                self.flaps(&key, AlertKind::Steady, flap, record, now);
            }
        }
    }

    fn not_taken(&mut self, error: BusError, now: Mono) {
        self.next_attempt = now + AGAIN;
        if error.is_connection_lost() {
            log::debug!("an alert waits: {error}");
            return;
        }
        if !std::mem::replace(&mut self.is_refused, true) {
            let error = self.store.explain(error);
            log::error!(
                "alerts are refused: {error}. They go out all the same, and are written when that is possible"
            );
        }
        // Words pass even where nothing can be written.
        for owed in self.owed.iter_mut().filter(|owed| !owed.published) {
            say(&owed.alert);
            owed.published = self
                .store
                .publish(std::slice::from_ref(&owed.alert))
                .is_ok();
        }
    }
}

fn say(alert: &Alert) {
    let text = alert.to_json();
    match alert.kind.ends() {
        Some(_) => log::info!("{text}"),
        None => log::error!("{text}"),
    }
}
