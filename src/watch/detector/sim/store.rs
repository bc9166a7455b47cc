//! What a Redis keeps on disk, and what the scripts of the alert store do with it.

use std::collections::{BTreeMap, BTreeSet};

use super::truth::number_of;
use crate::bus::BusError;
use crate::bus::lease::{Answer as LeaseIs, Answered};
use crate::clock::Mono;
use crate::contract::{Alert, AlertKind, Health};
use crate::watch::alert_store::{AlertEntry, LEASE, Told};
use crate::watch::writer::command::{Records, Reply};

/// What is stored.
#[derive(Debug, Default)]
pub struct Store {
    /// By service: its snapshot, with what was told last.
    pub health: BTreeMap<String, Health>,
    /// Holder and the moment it runs out.
    pub lease: Option<(String, u64)>,
    /// Ids of notes that were told.
    noted: BTreeSet<String>,
    /// All that was ever told of services. It is what people know, whatever the store loses.
    pub log: Vec<Line>,
    /// The same of notes: their ids.
    pub notes: Vec<String>,
    /// It is a master that its replicas have left.
    pub is_cut_off: bool,
}

/// One line of the alert log.
#[derive(Clone, Debug)]
pub struct Line {
    pub deed: Deed,
    pub written_at: u64,
}

/// What an alert says of a service.
#[derive(Clone, Debug)]
pub struct Deed {
    pub svc: usize,
    pub id: String,
    pub said: Said,
    /// When the healer judged so.
    pub judged_at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Missed,
    Ok,
    Flapping,
    Steady,
    Other,
}

/// What a writer wants of the store.
#[derive(Clone, Debug)]
pub enum Question {
    Ping,
    Lease,
    Holder,
    Records(Records, Vec<Box<str>>),
    /// Each with the moment in which it was judged.
    Tell(Vec<(AlertEntry, u64)>),
    Note(Box<Alert>),
    Publish,
    Refresh(Vec<Health>),
    Forget(Vec<Box<str>>),
    Read(Vec<Box<str>>),
}

/// What it answers.
#[derive(Clone, Debug)]
pub enum Answer {
    Reply(Reply),
    /// To be taken in by the detector: what is stored of each.
    Records(Records, Vec<(Box<str>, Option<Health>)>),
}

impl Question {
    /// What a writer hears when it has no answer.
    pub fn unanswered(&self) -> Reply {
        let gone = BusError::Unreachable {
            address: "bus".into(),
            reason: "gone".into(),
        };
        match self {
            Question::Ping => Reply::Pong(false),
            Question::Lease => Reply::Lease(Err(gone)),
            Question::Holder => Reply::Holder(Err(gone)),
            Question::Records(..) => Reply::Records(Err(gone)),
            Question::Tell(_) => Reply::Told(Err(gone)),
            Question::Note(_) => Reply::Noted(Err(gone)),
            Question::Publish => Reply::Published(Err(gone)),
            Question::Refresh(_) => Reply::Refreshed(Err(gone)),
            Question::Forget(_) => Reply::Forgotten(Err(gone)),
            Question::Read(_) => Reply::Found(Err(gone)),
        }
    }
}

impl Store {
    /// Does what `inst` asks for. What is judged of a service before `dropped` says is told to nobody.
    pub fn answer(
        &mut self,
        inst: &str,
        question: Question,
        dropped: impl Fn(usize) -> Option<u64>,
        now: u64,
    ) -> Answer {
        let refused = self.is_cut_off.then(cut_off);
        let ours = self.holder(now).is_none_or(|holder| holder == inst);
        Answer::Reply(match question {
            Question::Ping => Reply::Pong(true),
            Question::Lease => Reply::Lease(match refused {
                Some(error) => Err(error),
                None => Ok(Answered {
                    answer: self.hold(inst, now),
                    refused: None,
                }),
            }),
            Question::Holder => Reply::Holder(Ok(self.holder(now).map(str::to_owned))),
            Question::Records(records, names) => {
                let found = self.read(&names);
                return Answer::Records(records, names.into_iter().zip(found).collect());
            }
            Question::Read(names) => Reply::Found(Ok(self.read(&names))),
            Question::Publish => Reply::Published(Ok(())),
            Question::Tell(entries) => {
                let each = entries.into_iter().map(|(entry, judged_at)| {
                    if !ours {
                        return Told::Fenced;
                    }
                    if let Some(error) = &refused {
                        return Told::Refused(error.clone());
                    }
                    match dropped(number_of(entry.health.svc.as_bytes())) {
                        Some(at) if at >= judged_at => Told::Already,
                        _ => self.tell(entry, judged_at, now),
                    }
                });
                Reply::Told(Ok(each.collect()))
            }
            Question::Note(_) if !ours => Reply::Noted(Ok(Told::Fenced)),
            Question::Note(alert) => Reply::Noted(Ok(match refused {
                Some(error) => Told::Refused(error),
                None if self.noted.insert(alert.id.clone()) => {
                    self.notes.push(alert.id);
                    Told::Done { n: 1 }
                }
                None => Told::Already,
            })),
            Question::Refresh(snapshots) => Reply::Refreshed(match refused {
                Some(error) if ours => Err(error),
                _ => {
                    if ours {
                        self.keep(snapshots);
                    }
                    Ok(ours)
                }
            }),
            Question::Forget(names) => Reply::Forgotten(match refused {
                Some(error) if ours => Err(error),
                _ => {
                    if ours {
                        self.health
                            .retain(|svc, _| !names.iter().any(|n| **n == **svc));
                    }
                    Ok(ours)
                }
            }),
        })
    }

    /// Who holds the lease.
    pub fn holder(&self, now: u64) -> Option<&str> {
        let (holder, until) = self.lease.as_ref()?;
        (*until > now).then_some(holder)
    }

    /// Takes or renews the lease.
    fn hold(&mut self, inst: &str, now: u64) -> LeaseIs {
        let answer = match &self.lease {
            Some((holder, until)) if *until > now && holder != inst => {
                return LeaseIs::Others {
                    holder: holder.clone(),
                    left_ms: (until - now) / 1000,
                };
            }
            Some((_, until)) if *until > now => LeaseIs::Kept,
            _ => LeaseIs::Taken,
        };
        self.lease = Some((inst.to_owned(), (Mono(now) + LEASE).0));
        answer
    }

    fn read(&self, names: &[Box<str>]) -> Vec<Option<Health>> {
        names
            .iter()
            .map(|name| self.health.get(&**name).cloned())
            .collect()
    }

    /// The script of one transition.
    fn tell(&mut self, entry: AlertEntry, judged_at: u64, now: u64) -> Told {
        let AlertEntry {
            previous,
            alert,
            health,
            ..
        } = entry;
        let last = self.health.get(&health.svc).and_then(|h| h.alert.as_ref());
        let last = last.map_or("", |alert| alert.id.as_str());
        if last == alert.id {
            return Told::Already;
        }
        if !last.is_empty() && last != previous {
            return Told::Conflict { id: last.into() };
        }
        self.log.push(Line {
            deed: Deed {
                svc: number_of(health.svc.as_bytes()),
                id: alert.id.clone(),
                said: said(alert.kind),
                judged_at,
            },
            written_at: now,
        });
        let stored = Health {
            alert: Some(alert),
            ..health
        };
        self.health.insert(stored.svc.clone(), stored);
        Told::Done {
            n: self.log.len() as u64,
        }
    }

    /// Snapshots, each with the alert that is stored.
    fn keep(&mut self, snapshots: Vec<Health>) {
        for snapshot in snapshots {
            let stored = self.health.remove(&snapshot.svc);
            let alert = stored.and_then(|stored| stored.alert);
            self.health
                .insert(snapshot.svc.clone(), Health { alert, ..snapshot });
        }
    }
}

fn said(kind: AlertKind) -> Said {
    match kind {
        AlertKind::HeartbeatMiss => Said::Missed,
        AlertKind::HeartbeatOk => Said::Ok,
        AlertKind::Flapping => Said::Flapping,
        AlertKind::Steady => Said::Steady,
        _ => Said::Other,
    }
}

fn cut_off() -> BusError {
    BusError::CutOff {
        address: "bus".into(),
        reason: "NOREPLICAS".into(),
    }
}
