//! What is known, and what was told, of one service in one respect.

use serde::{Deserialize, Serialize};

use super::super::notification::{DownSpan, Ms, NotificationKind, NotificationLine, Thread};
use super::classification::{Classification, is_once};
use crate::contract::{Alert, AlertKind};

mod times;

/// Alerts kept of an incident that wait to be told; the oldest beyond that are counted as dropped.
const PENDING_MAX: usize = 16;
/// Untold outages kept with their times; further ones are only counted.
const SPANS_MAX: usize = 8;
/// An incident that was good for this many time-outs is forgotten. Who flaps and holds still for so long is told to be
/// steady by the log.
const QUIET_TIMEOUTS: Ms = 6;
/// When the log does not, because its writer lost its memory or the log its end, the incident is taken to be steady after
/// this many: nobody is hushed for ever.
const STEADY_TIMEOUTS: Ms = 3 * QUIET_TIMEOUTS;

/// The record of an incident, as it is kept in memory and, as JSON, beside the outbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct IncidentRecord {
    /// How it stands, by the log.
    pub bad: bool,
    /// How it stands, by what people were told.
    #[serde(skip_serializing_if = "is_default")]
    pub told_bad: bool,
    /// The present outage was told.
    #[serde(skip_serializing_if = "is_default")]
    begin_told: bool,
    #[serde(skip_serializing_if = "is_default")]
    begin: Option<Box<Alert>>,
    #[serde(skip_serializing_if = "is_default")]
    end: Option<Box<Alert>>,
    /// When a beginning, or a thing without end, was last told.
    #[serde(skip_serializing_if = "is_default")]
    told_ms: Option<Ms>,
    /// When anything was last told of it.
    #[serde(skip_serializing_if = "is_default")]
    pub said_ms: Option<Ms>,
    /// The last change between good and bad.
    #[serde(skip_serializing_if = "is_default")]
    changed_ms: Option<Ms>,
    #[serde(skip_serializing_if = "is_default")]
    flap: Option<Flap>,
    /// When flapping was last told.
    #[serde(skip_serializing_if = "is_default")]
    flap_told_ms: Option<Ms>,
    /// What began and ended untold: how often, and the first few times of it.
    #[serde(skip_serializing_if = "is_default")]
    times: u32,
    #[serde(skip_serializing_if = "is_default")]
    spans: Vec<DownSpan>,
    /// To be told although it was told.
    #[serde(skip_serializing_if = "is_default")]
    again: bool,
    /// A silence lay over it; what is still bad at its end is told.
    #[serde(skip_serializing_if = "is_default")]
    hushed: bool,
    /// It began while something it depends on was down, and waits for that to end.
    #[serde(skip_serializing_if = "is_default")]
    pub waited: bool,
    /// Truth does not name the service any more.
    #[serde(skip_serializing_if = "is_default")]
    pub gone: bool,
    #[serde(skip_serializing_if = "is_default")]
    pending: Vec<Alert>,
    #[serde(skip_serializing_if = "is_default")]
    dropped: u32,
    /// The conversation in which it was told.
    #[serde(skip_serializing_if = "is_default")]
    pub thread: Option<Thread>,
    /// When to look at it again.
    #[serde(skip)]
    pub wake_ms: Option<Ms>,
    /// It is on the list for the next message.
    #[serde(skip)]
    pub dirty: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Flap {
    since_ms: Ms,
    downs: u32,
    told: bool,
    /// The log says that it is over.
    #[serde(default)]
    steady: bool,
}

/// What an incident makes of the present moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing to say before then.
    Wait(Option<Ms>),
    NotificationKind(NotificationKind),
    /// Nothing to say, and nothing worth remembering.
    Forget,
}

impl IncidentRecord {
    /// Takes an alert that happened at `at_ms`.
    pub fn hear(&mut self, classification: Classification, alert: Alert, at_ms: Ms) {
        self.gone = false;
        match classification {
            Classification::Once => {
                self.times = self.times.saturating_add(1);
                self.begin = Some(Box::new(alert.clone()));
            }
            Classification::Begin if self.bad => {
                let same = self
                    .begin
                    .as_ref()
                    .is_some_and(|b| !b.id.is_empty() && b.id == alert.id);
                if same {
                    return;
                }
                // Said twice without an end between: a repeat, told with the next word or when its time has come.
                // A healer that restarts while a bus is down finds it down once more: that is no repeat.
                self.again |= alert.again || alert.kind != AlertKind::BusDown;
                self.begin = Some(Box::new(alert.clone()));
            }
            Classification::Begin => {
                if self.told_bad {
                    self.count_outage();
                }
                self.bad = true;
                self.begin_told = false;
                self.begin = Some(Box::new(alert.clone()));
                self.change(at_ms);
            }
            // An end without a beginning is no news.
            Classification::End if !self.bad => return,
            Classification::End => {
                let planned = self.planned_until().is_some_and(|until| at_ms < until);
                self.bad = false;
                self.end = Some(Box::new(alert.clone()));
                self.again = false;
                self.change(at_ms);
                if !self.begin_told && (planned || self.waited) {
                    // Announced, or explained by what it depends on, and over: nobody needs to know.
                    self.waited = false;
                    self.pending.clear();
                    return;
                }
                if !self.begin_told {
                    self.count_outage();
                }
            }
            Classification::Flapping => {
                let since_ms = alert.since_ts.map_or(at_ms, |ts| ts.saturating_mul(1000));
                let told = self.flap.as_ref().is_some_and(|f| f.told);
                self.flap = Some(Flap {
                    since_ms: since_ms.min(at_ms),
                    downs: times(&alert),
                    told,
                    steady: false,
                });
            }
            // The end of what nobody here knows of is no news.
            Classification::Steady => match &mut self.flap {
                Some(flap) => {
                    flap.steady = true;
                    flap.downs = flap.downs.max(times(&alert));
                }
                None => return,
            },
        }
        if self.pending.len() == PENDING_MAX {
            self.pending.remove(0);
            self.dropped = self.dropped.saturating_add(1);
        }
        self.pending.push(alert);
    }

    /// Sets what the log cannot tell any more: the state by the latest snapshot.
    pub fn set(&mut self, begin: Option<Alert>, at_ms: Ms) {
        self.bad = begin.is_some();
        if begin.is_some() {
            self.begin = begin.map(Box::new);
        }
        self.forget_untold();
        self.flap = None;
        self.changed_ms = Some(at_ms);
    }

    /// Drops what happened and was not told, keeping how things stand.
    pub fn forget_untold(&mut self) {
        self.times = 0;
        self.spans.clear();
        self.pending.clear();
        self.dropped = 0;
    }

    /// A silence lies over it now.
    pub fn silence(&mut self) {
        self.forget_untold();
        self.hushed |= self.bad || self.told_bad;
    }

    /// Decides, silences and dependencies apart, what is to be said at `now_ms`.
    pub fn judge(
        &self,
        kind: AlertKind,
        now_ms: Ms,
        rate_ms: Ms,
        grace_until: Option<Ms>,
    ) -> Verdict {
        let free_at = |told: Option<Ms>| told.map(|t| t + rate_ms).filter(|&t| t > now_ms);
        if self.gone {
            return if self.told_bad {
                Verdict::NotificationKind(NotificationKind::Gone)
            } else {
                Verdict::Forget
            };
        }
        if is_once(kind) {
            return match free_at(self.told_ms) {
                Some(at) => Verdict::Wait(Some(at)),
                None if self.times > 0 => Verdict::NotificationKind(NotificationKind::Once),
                None => Verdict::Forget,
            };
        }
        if self.bad && !self.told_bad {
            let hold = self.planned_until().into_iter().chain(grace_until).max();
            if let Some(until) = hold.filter(|&t| t > now_ms) {
                return Verdict::Wait(Some(until));
            }
        }
        if let Some(flap) = &self.flap {
            let lapses_at = self.last_change().max(flap.since_ms) + self.timeouts(STEADY_TIMEOUTS);
            let is_steady = flap.steady || now_ms >= lapses_at;
            match (flap.told, is_steady) {
                (true, true) => return Verdict::NotificationKind(NotificationKind::Steady),
                (true, false) => return Verdict::Wait(Some(lapses_at)),
                (false, false) => {
                    return match free_at(self.flap_told_ms) {
                        None => Verdict::NotificationKind(NotificationKind::Flapping),
                        Some(at) => Verdict::Wait(Some(at.min(lapses_at))),
                    };
                }
                // It held still before anybody was told that it flapped: an ordinary incident.
                (false, true) => {}
            }
        }
        self.judge_still(now_ms, free_at(self.told_ms))
    }

    fn judge_still(&self, now_ms: Ms, held_until: Option<Ms>) -> Verdict {
        if self.bad {
            let news = !self.told_bad || self.times > 0 || self.hushed || self.again;
            return match held_until {
                _ if !news => Verdict::Wait(None),
                _ if self.hushed && self.told_bad => {
                    Verdict::NotificationKind(NotificationKind::Still)
                }
                Some(at) => Verdict::Wait(Some(at)),
                None if self.told_bad && self.times == 0 => {
                    Verdict::NotificationKind(NotificationKind::Still)
                }
                None => Verdict::NotificationKind(NotificationKind::Begin),
            };
        }
        if self.told_bad {
            return Verdict::NotificationKind(NotificationKind::End);
        }
        if self.times > 0 {
            return match held_until {
                Some(at) => Verdict::Wait(Some(at)),
                None => Verdict::NotificationKind(NotificationKind::Past),
            };
        }
        let quiet_at = self.last_change() + self.timeouts(QUIET_TIMEOUTS);
        let quiet_at = quiet_at.max(held_until.unwrap_or(Ms::MIN));
        if now_ms >= quiet_at {
            Verdict::Forget
        } else {
            Verdict::Wait(Some(quiet_at))
        }
    }

    /// The line that says it.
    pub fn line(&self, svc: &str, say: NotificationKind) -> NotificationLine {
        NotificationLine {
            svc: svc.to_owned(),
            bad: self.bad,
            begin: self.begin.as_deref().cloned(),
            end: self.end.as_deref().filter(|_| !self.bad).cloned(),
            since_ms: match say {
                NotificationKind::Flapping => self.flap.as_ref().map(|f| f.since_ms),
                NotificationKind::Steady => Some(self.last_change()),
                _ => None,
            },
            times: match (say, &self.flap) {
                (NotificationKind::Flapping | NotificationKind::Steady, Some(flap)) => flap.downs,
                _ => self.times,
            },
            spans: self.spans.clone(),
            ..NotificationLine::default()
        }
    }

    /// It was told; gives the alerts that waited for it, and how many found no room to wait.
    pub fn said(&mut self, say: NotificationKind, now_ms: Ms) -> (Vec<Alert>, u32) {
        self.said_ms = Some(now_ms);
        match say {
            NotificationKind::Remind => return Default::default(),
            NotificationKind::Gone => self.bad = false,
            NotificationKind::Flapping => {
                self.flap_told_ms = Some(now_ms);
                if let Some(flap) = &mut self.flap {
                    flap.told = true;
                }
            }
            NotificationKind::Steady => self.flap = None,
            _ => {
                if self.flap.as_ref().is_some_and(|f| !f.told) {
                    self.flap = None;
                }
            }
        }
        if self.bad || matches!(say, NotificationKind::Once | NotificationKind::Past) {
            self.told_ms = Some(now_ms);
        }
        self.told_bad = self.bad;
        self.begin_told = self.bad;
        (self.again, self.hushed, self.waited) = (false, false, false);
        self.times = 0;
        self.spans.clear();
        (
            std::mem::take(&mut self.pending),
            std::mem::take(&mut self.dropped),
        )
    }

    /// The alert that began it.
    pub fn began(&self) -> Option<&Alert> {
        self.begin.as_deref()
    }

    /// Whether there is something about it that people were told, or are still to be told.
    pub fn is_open(&self) -> bool {
        self.bad || self.told_bad || self.flap.is_some()
    }

    /// Whether a reminder may speak of it.
    pub fn remindable(&self) -> bool {
        self.bad && self.told_bad && self.flap.is_none() && !self.gone
    }

    fn change(&mut self, at_ms: Ms) {
        self.changed_ms = Some(at_ms);
        if let Some(flap) = &mut self.flap {
            flap.downs = flap.downs.saturating_add(u32::from(self.bad));
            // It moves again, whatever was said of it.
            flap.steady = false;
        }
    }

    /// Files the outage that is over as untold.
    fn count_outage(&mut self) {
        self.times = self.times.saturating_add(1);
        if self.spans.len() < SPANS_MAX
            && let (Some(begin), Some(end)) = (&self.begin, &self.end)
        {
            self.spans.push(DownSpan {
                from_ms: begin.began_ms(),
                to_ms: end.ts.saturating_mul(1000),
            });
        }
    }
}

/// How often it turned bad, by the word of an alert.
fn times(alert: &Alert) -> u32 {
    u32::try_from(alert.count.unwrap_or(2)).unwrap_or(u32::MAX)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
