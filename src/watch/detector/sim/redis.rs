//! A Redis that keeps the order of each client's commands, stalls, dies, and loses nothing that it stored.

use std::collections::{BTreeMap, VecDeque};

use super::super::Flapping;
use crate::bus::lease::Standing;
use crate::contract::Status;
use crate::watch::write_queue::{Outcome, Queued};

/// Where a command comes from. Order is kept within a client, not between clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    Service(usize),
    /// A healer's subscription.
    Link {
        healer: usize,
        boot: u32,
        link: u32,
    },
    /// A healer's connection for echoes and checks.
    Echo {
        healer: usize,
        boot: u32,
    },
    /// A healer's connection for scripts; the last number counts reconnects.
    Tell {
        healer: usize,
        boot: u32,
        connection: u32,
    },
}

#[derive(Clone, Debug)]
pub enum Command {
    Beat {
        svc: usize,
        channel: usize,
        i: u64,
        inst: u32,
        /// When its sender means to beat again.
        next: u64,
    },
    Subscribe {
        link: u32,
        added: Vec<usize>,
        removed: Vec<usize>,
    },
    Echo {
        link: u32,
        seq: u64,
    },
    Check,
    Tell(Vec<Deed>),
    Hold,
}

/// A transition on its way into the store.
#[derive(Clone, Debug)]
pub struct Deed {
    pub svc: usize,
    pub previous: String,
    pub id: String,
    pub said: Said,
    pub status: Status,
    pub flapping: Vec<Flapping>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Running,
    /// Takes what is sent, answers nothing.
    Stalled,
    Dead,
}

#[derive(Debug)]
pub struct Redis {
    pub mode: Mode,
    /// Sent and not served yet.
    pub pending: BTreeMap<Client, VecDeque<Command>>,
    /// Grows with every death, so that what belonged to a connection of before is told from what belongs to now.
    pub life: u32,
    pub store: Store,
}

/// What a Redis keeps on disk.
#[derive(Debug, Default)]
pub struct Store {
    /// By service: what was told last.
    pub health: BTreeMap<usize, Deed>,
    /// Holder and the moment it runs out.
    pub lease: Option<(String, u64)>,
    pub log: Vec<Entry>,
}

/// One line of the alert log.
#[derive(Clone, Debug)]
pub struct Entry {
    pub deed: Deed,
    pub written_at: u64,
}

/// What a script answers about one of what it is to tell. It refuses nothing.
pub type Answer = Outcome<()>;

impl Queued for Deed {
    fn service(&self) -> &str {
        unreachable!("nothing is trimmed here")
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn previous(&self) -> &str {
        &self.previous
    }

    fn set_previous(&mut self, id: String) {
        self.previous = id;
    }
}

impl Store {
    fn holder(&self, now: u64) -> Option<&str> {
        let (holder, until) = self.lease.as_ref()?;
        (*until > now).then_some(holder)
    }

    /// Takes or renews the lease.
    pub fn hold(&mut self, inst: &str, now: u64) -> Standing {
        let lease = match self.holder(now) {
            None => Standing::Taken,
            Some(holder) if holder == inst => Standing::Kept,
            Some(_) => return Standing::Others,
        };
        self.lease = Some((inst.to_owned(), now + 5_000_000));
        lease
    }

    /// The one-transition script.
    pub fn tell(&mut self, inst: &str, deed: Deed, now: u64) -> Answer {
        if self.holder(now).is_some_and(|holder| holder != inst) {
            return Answer::Fenced;
        }
        let last = self.health.get(&deed.svc).map_or("", |d| d.id.as_str());
        if last == deed.id {
            return Answer::Written;
        }
        if !last.is_empty() && last != deed.previous {
            return Answer::Conflict { id: last.into() };
        }
        self.health.insert(deed.svc, deed.clone());
        self.log.push(Entry {
            deed,
            written_at: now,
        });
        Answer::Written
    }
}
