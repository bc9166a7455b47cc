//! One service as truth describes it: a view, as cheap to copy as a number.

use std::borrow::Cow;
use std::time::Duration;

use super::store::{BEATS, DISABLED, ONLY_HEARD, OWN_CHANNEL, Span};
use super::{BusId, HEALER, Instances, Truth};

/// One service as truth describes it.
#[derive(Clone, Copy)]
pub struct Service<'a> {
    pub(super) truth: &'a Truth,
    pub(super) id: u32,
}

/// An access point of a service: a key or channel on a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane<'a> {
    /// The bus by its name in truth.
    pub bus: &'a str,
    /// The key or channel on it.
    pub key: &'a str,
}

impl Truth {
    pub(super) fn by_id(&self, id: u32) -> Service<'_> {
        Service { truth: self, id }
    }
}

impl<'a> Service<'a> {
    /// Its name, by which keys and channels are made.
    pub fn name(&self) -> &'a str {
        self.truth.name(self.id)
    }

    /// Its place among [`Truth::services`].
    pub fn index(&self) -> usize {
        self.id as usize
    }

    /// Whether the healer watches it: it has a heartbeat, is not `"enabled": false`, and is not the healer.
    pub fn is_watched(&self) -> bool {
        self.has_heartbeat() && self.is_enabled() && self.name() != HEALER
    }

    /// Whether it beats, and so can be missed.
    pub fn has_heartbeat(&self) -> bool {
        self.flag(BEATS)
    }

    /// Whether truth wants it to run.
    pub fn is_enabled(&self) -> bool {
        !self.flag(DISABLED)
    }

    /// Only a channel among the healer's subscriptions tells that it beats.
    pub fn is_only_heard(&self) -> bool {
        self.flag(ONLY_HEARD)
    }

    /// The channel of its beats.
    pub fn channel(&self) -> Cow<'a, str> {
        match self.own_channel() {
            Some(channel) => Cow::Borrowed(channel),
            None => Cow::Owned(crate::contract::heartbeat_channel(self.name())),
        }
    }

    /// The channel of its beats when it is not the default one.
    pub fn own_channel(&self) -> Option<&'a str> {
        if !self.flag(OWN_CHANNEL) {
            return None;
        }
        let channels = &self.truth.channels;
        let at = channels
            .binary_search_by_key(&self.id, |(id, _)| *id)
            .ok()?;
        Some(self.truth.text(channels[at].1))
    }

    /// What it is shown with: the group that it names, else its name up to the first dot.
    pub fn group(&self) -> &'a str {
        let groups = &self.truth.groups;
        match groups.binary_search_by_key(&self.id, |(id, _)| *id) {
            Ok(at) => self.truth.text(groups[at].1),
            Err(_) => self.name().split('.').next().unwrap_or(self.name()),
        }
    }

    /// What it is for, in the words of whoever wrote the document.
    pub fn description(&self) -> Option<&'a str> {
        self.said(&self.truth.descriptions)
    }

    /// Where it is written what to do when it is down: an http or https URL.
    pub fn runbook(&self) -> Option<&'a str> {
        self.said(&self.truth.runbooks)
    }

    fn said(&self, all: &'a [(u32, Span)]) -> Option<&'a str> {
        let at = all.binary_search_by_key(&self.id, |(id, _)| *id).ok()?;
        Some(self.truth.text(all[at].1))
    }

    /// The bus of its beats.
    pub fn bus(&self) -> BusId {
        self.truth.rhythm(self.id).bus
    }

    /// How often it beats: its own interval, else the default, else (when the default is too slow for its timeout) a
    /// third of the timeout.
    pub fn interval(&self) -> Duration {
        let default = Duration::from_secs_f64(self.truth.defaults.interval_sec);
        let limit = self.own_timeout().unwrap_or(self.truth.default_timeout());
        match self.truth.rhythm(self.id).interval_sec {
            Some(own) => Duration::from_secs_f64(own),
            None if default < limit => default,
            None => limit / 3,
        }
    }

    /// How long it may be silent: its own timeout, else the cadence of truth, else the default.
    ///
    /// The cadence is about those whom the healer watches, and the default about those of whom truth says nothing. When
    /// neither is meant for this one and is not above its interval, three of these intervals hold, or it would be
    /// declared dead between two beats.
    pub fn timeout(&self) -> Duration {
        let general = self.truth.default_timeout();
        let is_meant = self.name() != HEALER && self.truth.cadence_sec.is_some();
        match self.own_timeout() {
            Some(own) => own,
            None if !is_meant && general <= self.interval() => self.interval() * 3,
            None => general,
        }
    }

    /// The timeout that truth gives to this service alone.
    pub fn own_timeout(&self) -> Option<Duration> {
        let own = self.truth.rhythm(self.id).timeout_sec;
        own.map(Duration::from_secs_f64)
    }

    /// The services that it cannot do without.
    pub fn depends_on(&self) -> impl Iterator<Item = &'a str> {
        let (truth, id) = (self.truth, self.id);
        let from = truth.depends.partition_point(|(who, _)| *who < id);
        truth.depends[from..]
            .iter()
            .take_while(move |(who, _)| *who == id)
            .map(|(_, on)| truth.name(*on))
    }

    /// How several instances of it share its work; `None`: one of it beats.
    pub fn instances(&self) -> Option<Instances> {
        let all = &self.truth.instances;
        let at = all.binary_search_by_key(&self.id, |(id, _)| *id).ok()?;
        Some(all[at].1)
    }

    /// The lanes it reads. The healer's are without the heartbeats that it hears: those are [`Truth::watched`].
    pub fn subscribe_to(&self) -> impl Iterator<Item = Lane<'a>> {
        self.lanes(false)
    }

    /// The lanes it writes.
    pub fn publish_to(&self) -> impl Iterator<Item = Lane<'a>> {
        self.lanes(true)
    }

    fn lanes(&self, publishes: bool) -> impl Iterator<Item = Lane<'a>> {
        let (truth, id) = (self.truth, self.id);
        let from = truth.lanes.partition_point(|lane| lane.entry < id);
        truth.lanes[from..]
            .iter()
            .take_while(move |lane| lane.entry == id)
            .filter(move |lane| lane.publishes == publishes)
            .map(move |lane| Lane {
                bus: &truth.buses[lane.bus.index()].name,
                key: truth.text(lane.key),
            })
    }

    fn flag(&self, flag: u8) -> bool {
        self.truth.entries[self.id as usize].flags & flag != 0
    }
}
