//! How truth is kept: small, since there may be a million services.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::problem::push_key;
use super::{BusId, Defaults, HEARTBEAT_SUFFIX, Position, Problems, Section, Truth};
use crate::contract::{MARKET_BUS, SYSTEM_BUS};

/// A piece of [`Truth::text`].
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u16,
}

/// One service: twelve bytes, since there may be a million.
pub(super) struct Entry {
    pub(super) name_at: u32,
    pub(super) rhythm: u32,
    pub(super) name_len: u8,
    pub(super) flags: u8,
}

/// It has a heartbeat.
pub(super) const BEATS: u8 = 1;
/// `"enabled": false`.
pub(super) const DISABLED: u8 = 2;
/// Its channel is not the default one.
pub(super) const OWN_CHANNEL: u8 = 4;
/// Only the healer's subscriptions tell that it beats.
pub(super) const ONLY_HEARD: u8 = 8;

/// What services that beat alike share.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) struct Rhythm {
    pub(super) interval_sec: Option<f64>,
    pub(super) timeout_sec: Option<f64>,
    pub(super) bus: BusId,
}

pub(super) struct StoredLane {
    pub(super) entry: u32,
    /// Its place in its list.
    pub(super) nth: u32,
    pub(super) key: Span,
    pub(super) bus: BusId,
    pub(super) publishes: bool,
}

pub(super) struct StoredSection {
    pub(super) entry: u32,
    pub(super) field: Box<str>,
    pub(super) start: Position,
    pub(super) json: Box<str>,
}

pub(super) struct Bus {
    /// Its name, or `host:port` when only a URL tells of it.
    pub(super) name: Box<str>,
    pub(super) url: Option<Box<str>>,
    pub(super) known: Known,
}

/// How a bus came to be known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It has a name: one of the two that every swarm has, or one of `buses`.
    Named,
    /// A `redis_url` points to it.
    ByUrl,
    /// An access point names it, and nothing says what it is.
    Mentioned,
}

impl std::fmt::Debug for Truth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Truth({} services)", self.entries.len())
    }
}

impl Truth {
    pub(super) fn empty(defaults: Defaults) -> Truth {
        let named = |name: &str| Bus {
            name: name.into(),
            url: None,
            known: Known::Named,
        };
        Truth {
            defaults,
            cadence_sec: None,
            // The system bus comes first: `BusId::default()` is it.
            buses: vec![named(SYSTEM_BUS), named(MARKET_BUS)],
            text: String::new(),
            entries: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            // What a service beats like that says nothing about it.
            rhythms: vec![Rhythm::default()],
            channels: Vec::new(),
            groups: Vec::new(),
            descriptions: Vec::new(),
            runbooks: Vec::new(),
            lanes: Vec::new(),
            depends: Vec::new(),
            instances: Vec::new(),
            sections: Vec::new(),
            warnings: Problems::default(),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let same = |id: &u32| self.name(*id) == name;
        self.index.find(self.hasher.hash_one(name), same).copied()
    }

    pub(super) fn name(&self, id: u32) -> &str {
        let entry = &self.entries[id as usize];
        let at = entry.name_at as usize;
        &self.text[at..at + usize::from(entry.name_len)]
    }

    pub(super) fn text(&self, span: Span) -> &str {
        let at = span.at as usize;
        &self.text[at..at + usize::from(span.len)]
    }

    pub(super) fn rhythm(&self, id: u32) -> Rhythm {
        self.rhythms[self.entries[id as usize].rhythm as usize]
    }

    /// Adds a service that is not there yet.
    pub(super) fn add(&mut self, name: &str) -> u32 {
        let id = self.entries.len() as u32;
        let span = self.keep(name);
        self.entries.push(Entry {
            name_at: span.at,
            rhythm: 0,
            name_len: span.len as u8,
            flags: 0,
        });
        let Truth {
            text,
            entries,
            index,
            hasher,
            ..
        } = self;
        index.insert_unique(hasher.hash_one(name), id, |&id| {
            let entry = &entries[id as usize];
            let at = entry.name_at as usize;
            hasher.hash_one(&text[at..at + usize::from(entry.name_len)])
        });
        id
    }

    /// Keeps a text. Its offset fits, since the document is at most [`TRUTH_MAX_BYTES`](crate::contract::TRUTH_MAX_BYTES) long; so does its length,
    /// since names and keys are bounded.
    pub(super) fn keep(&mut self, text: &str) -> Span {
        let at = self.text.len() as u32;
        self.text.push_str(text);
        Span {
            at,
            len: text.len() as u16,
        }
    }

    /// Whether a service beats by default on this channel of this bus.
    pub(super) fn beats_there(&self, channel: &str, bus: BusId) -> bool {
        let name = channel.strip_suffix(HEARTBEAT_SUFFIX);
        name.and_then(|name| self.find(name)).is_some_and(|id| {
            let flags = self.entries[id as usize].flags;
            flags & (BEATS | OWN_CHANNEL) == BEATS && self.rhythm(id).bus == bus
        })
    }

    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
        self.lanes.shrink_to_fit();
        self.depends.shrink_to_fit();
        self.instances.shrink_to_fit();
        self.channels.shrink_to_fit();
        self.groups.shrink_to_fit();
        self.descriptions.shrink_to_fit();
        self.runbooks.shrink_to_fit();
        self.rhythms.shrink_to_fit();
    }
}

impl StoredSection {
    pub(super) fn view(&self, services_key: &str, svc: &str) -> Section<'_> {
        let mut path = services_key.to_owned();
        push_key(&mut path, svc);
        push_key(&mut path, &self.field);
        Section::new(path, self.start, &self.json)
    }
}
