//! What comes from a bus, kept for those who look.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::bus::{Batch, BusError, Channels, Event, ServerIdentity, Sink};
use crate::clock::{Mono, wall_millis};
use crate::contract::Beat;
use crate::fail_stop::lock;
use crate::text::SafeText;

/// By channel, whose beats are heard there.
pub(super) type Wanted = Arc<Mutex<HashMap<Box<[u8]>, Box<str>>>>;

/// Beats of one service that are kept, the latest.
const KEPT_MAX: usize = 60;
/// Longest name of an instance, and longest word that a beat says of itself.
const WORD_MAX_BYTES: usize = 64;

/// One service that somebody looks at.
pub(super) struct HeardService {
    /// When somebody looked last.
    pub(super) viewed: Mono,
    /// Its channel was confirmed.
    is_heard: bool,
    beats: VecDeque<Heard>,
}

/// One beat.
struct Heard {
    at_ms: u64,
    i: Option<u64>,
    inst: Option<SafeText>,
    says: Option<SafeText>,
}

impl HeardService {
    pub(super) fn new(now: Mono) -> HeardService {
        HeardService {
            viewed: now,
            is_heard: false,
            beats: VecDeque::new(),
        }
    }

    fn take(&mut self, beat: &Beat<'_>, at_ms: u64) {
        let word = |text: &str| SafeText::cut(text, WORD_MAX_BYTES);
        if self.beats.len() == KEPT_MAX {
            self.beats.pop_front();
        }
        self.beats.push_back(Heard {
            at_ms,
            i: beat.i,
            inst: beat.inst.as_deref().map(word),
            says: beat.status.as_deref().map(word),
        });
    }

    /// What was heard, oldest first.
    pub(super) fn json(&self) -> Json {
        let beat = |heard: &Heard| json!({ "at_ms": heard.at_ms, "i": heard.i, "inst": heard.inst, "says": heard.says });
        let beats: Vec<Json> = self.beats.iter().map(beat).collect();
        json!({ "heard": self.is_heard, "beats": beats })
    }
}

/// The sink of a bus.
pub(super) struct BeatHandler {
    pub(super) services: Arc<Mutex<HashMap<Box<str>, HeardService>>>,
    /// By channel, whose it is.
    pub(super) wanted: Wanted,
    /// The channel on which the subscriber is woken.
    pub(super) own: String,
}

impl BeatHandler {
    /// Calls `with` with who is heard on `channel`, if somebody is.
    fn with(&self, channel: &[u8], with: impl FnOnce(&str, &mut HeardService)) {
        let svc = lock(&self.wanted).get(channel).cloned();
        let Some(svc) = svc else { return };
        if let Some(service) = lock(&self.services).get_mut(&svc) {
            with(&svc, service);
        }
    }
}

impl Sink for BeatHandler {
    fn wanted(&mut self, _from: usize, into: &mut Channels) -> Option<usize> {
        into.push(self.own.as_bytes());
        // They are few: all of them fit.
        lock(&self.wanted)
            .keys()
            .for_each(|channel| into.push(channel));
        None
    }

    fn is_wanted(&mut self, channel: &[u8]) -> bool {
        lock(&self.wanted).contains_key(channel)
    }

    fn batch(&mut self, batch: &mut Batch<'_>, _now: Mono) {
        let at_ms = wall_millis();
        while let Some(event) = batch.next() {
            match event {
                Event::Messages(run) => {
                    for message in run.messages() {
                        self.with(message.channel, |svc, service| {
                            if let Ok(beat) = Beat::read(message.payload, svc) {
                                service.take(&beat, at_ms);
                            }
                        });
                    }
                }
                Event::Confirmed { channel } => {
                    self.with(channel, |_, service| service.is_heard = true)
                }
                Event::Refused { channel } => {
                    self.with(channel, |_, service| service.is_heard = false)
                }
                Event::TooLong { .. } => {}
            }
        }
    }

    fn proven(&mut self, _proof: &ServerIdentity, _now: Mono) {}

    fn lost(&mut self, _error: &BusError, _now: Mono) {
        let wanted = lock(&self.wanted);
        let mut services = lock(&self.services);
        for svc in wanted.values() {
            if let Some(service) = services.get_mut(svc) {
                service.is_heard = false;
            }
        }
    }
}
