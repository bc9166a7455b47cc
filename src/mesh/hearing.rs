//! Who beats on one bus: every beat of every instance, judged by the detector that the healer judges services by. Pure.
//!
//! What the registry is to know comes out as [`News`]. The usual beat is none: it costs a look at its channel, one at its
//! instance, and the note of a moment.

mod doubt;
mod instances;
#[cfg(test)]
pub(super) mod lab;
#[cfg(test)]
mod tests;

use hashbrown::HashMap;

use crate::clock::{Mono, Now};
use crate::contract::mesh::{INST_MAX_BYTES, NO_INST};
use crate::contract::{Beat, Card, PlainBeat};
use crate::text::SafeText;
use crate::watch::detector::Detector;
use doubt::Doubt;
pub use instances::{Instances, Room};

/// A service whose instances are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub svc: Box<str>,
    pub channel: Box<str>,
    pub timeout_ms: u32,
    pub interval_ms: u32,
}

/// Something that the registry is to know of an instance, or of the bus.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    pub svc: Box<str>,
    pub inst: Box<str>,
    pub what: What,
    /// When it happened, or was judged.
    pub at: Now,
    /// When the instance was heard last; `None`: here it never was.
    pub heard: Option<Mono>,
    /// The number of its last beat.
    pub last_i: Option<u64>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The first beat.
    Joined,
    /// The second beat, or the first after it was suspected.
    Up,
    /// Silent for longer than it should be.
    Suspect,
    /// Silent past its timeout, proven.
    Failed,
    /// The first beat after that.
    Back,
    /// It said that it stops.
    Left,
    /// A beat said who it is.
    Card(Card),
    /// It counts its beats anew: the process was started again and kept its id.
    Restarted,
    /// What it says of its work.
    Works(Works),
    /// Nothing but the time.
    Times,
}

/// What an instance says of its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Works {
    #[default]
    Well,
    /// It is stuck.
    Degraded,
    /// Somebody told it to rest (`paused`, `drained`).
    Rests,
}

impl Works {
    fn of(beat: &Beat<'_>) -> Works {
        match beat.status.as_deref() {
            Some("degraded") => Works::Degraded,
            Some("paused" | "drained") => Works::Rests,
            _ => Works::Well,
        }
    }
}

/// One bus.
pub struct Hearing {
    detector: Detector,
    services: Vec<Kept>,
    by_channel: HashMap<Box<[u8]>, u32>,
    /// The service whose channel was looked up last: beats of one come in a row.
    last_svc: u32,
    instances: Instances,
    doubt: Doubt,
    news: Vec<News>,
    /// `<svc>/<inst>` of the beat that is being read.
    name: String,
    /// Beats of instances for which there was no room.
    refused: u64,
    /// The server is to be looked up afresh, for us.
    wants_look: bool,
    /// Where the next telling of times begins.
    times_at: u32,
}

impl Hearing {
    /// A bus of which nothing was heard yet; `room` is shared by all of them.
    pub fn new(room: Room, now: Mono) -> Hearing {
        Hearing {
            detector: Detector::new(now),
            services: Vec::new(),
            by_channel: HashMap::new(),
            last_svc: 0,
            instances: Instances::new(room),
            doubt: Doubt::default(),
            news: Vec::new(),
            name: String::new(),
            refused: 0,
            wants_look: false,
            times_at: 0,
        }
    }

    /// The detector, for its echoes and its link.
    pub fn detector(&mut self) -> &mut Detector {
        &mut self.detector
    }

    /// The channels that are to be heard.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|kept| &*kept.channel)
    }

    /// The channel of the service with this number.
    pub fn channel(&self, nth: usize) -> Option<&str> {
        self.services.get(nth).map(|kept| &*kept.channel)
    }

    /// What happened since the last call.
    pub fn take_news(&mut self, into: &mut Vec<News>) {
        into.append(&mut self.news);
    }

    /// Whether the server shall be looked up afresh, because so many are silent; once for each time.
    pub fn take_look(&mut self) -> bool {
        std::mem::take(&mut self.wants_look)
    }

    /// Beats since the last call of instances for which there was no room.
    pub fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Whether so many are silent that it may be the bus.
    pub fn is_doubting(&self) -> bool {
        self.doubt.is_on()
    }

    /// A truth: these services beat on this bus. Instances of others are not heard any more; the registry forgets them.
    pub fn follow(&mut self, services: Vec<Kept>, now: Now) {
        self.detector.begin_reload(now.mono);
        self.by_channel = (0u32..)
            .zip(&services)
            .map(|(nth, kept)| (kept.channel.as_bytes().into(), nth))
            .collect();
        let numbers: HashMap<&str, u32> = (0u32..)
            .zip(&services)
            .map(|(nth, kept)| (&*kept.svc, nth))
            .collect();
        let before: Vec<Option<u32>> = self
            .services
            .iter()
            .map(|kept| numbers.get(&*kept.svc).copied())
            .collect();
        drop(numbers);
        for index in self.instances.all() {
            match before[self.instances.get(index).svc as usize] {
                None => self.drop_at(index),
                Some(svc) => {
                    self.instances.get_mut(index).svc = svc;
                    let kept = &services[svc as usize];
                    self.detector
                        .set_rhythm(index, kept.timeout_ms, kept.interval_ms, now);
                }
            }
        }
        self.services = services;
    }

    /// A message on `channel`; false when nobody beats there.
    pub fn heard(&mut self, channel: &[u8], payload: &[u8], now: Now) -> bool {
        let Some(svc) = self.find(channel) else {
            return false;
        };
        let plain = PlainBeat::read(payload, &self.services[svc as usize].svc);
        if plain.is_some_and(|plain| self.plain_beat(svc, plain, now)) {
            return true;
        }
        // What is no beat is told by the healer, who hears it too.
        if let Ok(beat) = Beat::read(payload, &self.services[svc as usize].svc) {
            self.beat(svc, &beat, payload, now);
        }
        true
    }

    fn find(&mut self, channel: &[u8]) -> Option<u32> {
        let last = self.services.get(self.last_svc as usize);
        if last.is_none_or(|kept| kept.channel.as_bytes() != channel) {
            self.last_svc = *self.by_channel.get(channel)?;
        }
        Some(self.last_svc)
    }

    /// A beat with nothing on it, of an instance of which nothing else is to be found out; false when it is another.
    fn plain_beat(&mut self, svc: u32, beat: PlainBeat<'_>, now: Now) -> bool {
        self.set_name(svc, beat.inst);
        let Some(index) = self.detector.instance(&self.name) else {
            return false;
        };
        let member = self.instances.get_mut(index);
        if !member.is_usual() || beat.i < member.last_i {
            return false;
        }
        member.last_i = beat.i;
        self.detector.seen(index, now);
        true
    }

    fn beat(&mut self, svc: u32, beat: &Beat<'_>, payload: &[u8], now: Now) {
        let inst = beat.inst.as_deref().filter(|inst| !inst.is_empty());
        self.set_name(svc, inst.unwrap_or(NO_INST));
        let index = match self.detector.instance(&self.name) {
            Some(index) => index,
            None => match self.meet(svc, inst.unwrap_or(NO_INST), now) {
                Some(index) => index,
                None => return,
            },
        };
        let member = self.instances.get_mut(index);
        let is_usual = member.is_usual() && beat.status.is_none();
        let mut began_anew = false;
        if let Some(i) = beat.i {
            began_anew = i < member.last_i && !member.is_gone;
            member.last_i = i;
        }
        if is_usual {
            self.detector.seen(index, now);
        } else {
            self.unusual_beat(index, beat, now);
        }
        if began_anew {
            self.tell(index, What::Restarted, now);
        }
        if let Some(card) = Card::read(payload) {
            self.tell(index, What::Card(card), now);
        }
    }

    fn set_name(&mut self, svc: u32, inst: &str) {
        self.name.clear();
        self.name.push_str(&self.services[svc as usize].svc);
        self.name.push('/');
        self.name.push_str(inst);
    }

    /// The number of an instance that was not found as it is written: one that is new, or whose id is written in a way
    /// in which none is kept. `None` when there is no room.
    fn meet(&mut self, svc: u32, inst: &str, now: Now) -> Option<u32> {
        let safe = SafeText::cut(inst, INST_MAX_BYTES);
        let inst = if safe.is_empty() { NO_INST } else { &*safe };
        self.set_name(svc, inst);
        if let Some(index) = self.detector.instance(&self.name) {
            return Some(index);
        }
        let index = self.watch(svc, now)?;
        self.tell(index, What::Joined, now);
        Some(index)
    }

    /// Watches the instance whose name was set.
    fn watch(&mut self, svc: u32, now: Now) -> Option<u32> {
        if !self.instances.has_room() {
            self.refused += 1;
            return None;
        }
        let kept = &self.services[svc as usize];
        let index = self
            .detector
            .meet(&self.name, kept.timeout_ms, kept.interval_ms, now);
        self.instances.add(index, svc);
        Some(index)
    }

    /// A beat that changes more than the time at which the instance was last heard.
    fn unusual_beat(&mut self, index: u32, beat: &Beat<'_>, now: Now) {
        let member = self.instances.get_mut(index);
        if member.is_gone {
            if !self.detector.instance_name(index).ends_with("/-") {
                // That was its last word.
                return;
            }
            // Whoever names no instance may be another, or the same again.
            let member = self.instances.get_mut(index);
            (member.is_gone, member.beats) = (false, 1);
            self.instances.revive();
            self.detector.seen(index, now);
            return self.tell(index, What::Back, now);
        }
        if beat.is_stopping() {
            self.instances.leave(index);
            self.doubt.release(index);
            self.tell(index, What::Left, now);
            return self.detector.rest(index);
        }
        let member = self.instances.get_mut(index);
        member.beats = member.beats.saturating_add(1);
        let is_second = member.beats == 2;
        let was_suspect = std::mem::take(&mut member.is_suspect);
        member.is_awaited = false;
        let works = Works::of(beat);
        let turns = std::mem::replace(&mut member.works, works) != works;
        let had_failed = std::mem::take(&mut member.has_failed);
        self.detector.seen(index, now);
        self.doubt.release(index);
        if had_failed {
            self.instances.revive();
            self.tell(index, What::Back, now);
        } else if is_second || was_suspect {
            self.tell(index, What::Up, now);
        }
        if turns {
            self.tell(index, What::Works(works), now);
        }
    }

    /// What the record says of an instance that was not heard here: it is watched from now on, and owes its beats.
    pub fn expect(&mut self, svc: &str, inst: &str, now: Now) {
        let Some(nth) = self.services.iter().position(|kept| &*kept.svc == svc) else {
            return;
        };
        self.set_name(nth as u32, inst);
        if self.detector.instance(&self.name).is_none()
            && let Some(index) = self.watch(nth as u32, now)
        {
            let member = self.instances.get_mut(index);
            (member.beats, member.is_awaited) = (1, true);
        }
    }

    /// What the record says of an instance that is gone and was not heard here: its next beat, if it may beat again, is
    /// a return.
    pub fn expect_gone(&mut self, svc: &str, inst: &str, has_left: bool, now: Now) {
        self.expect(svc, inst, now);
        let Some(index) = self.detector.instance(&self.name) else {
            return;
        };
        if self.instances.get(index).is_awaited {
            self.instances.leave(index);
            let member = self.instances.get_mut(index);
            (member.is_gone, member.has_failed) = (has_left, !has_left);
            member.is_awaited = false;
            self.detector.rest(index);
        }
    }

    /// The registry does not keep this instance any more.
    pub fn forget(&mut self, svc: &str, inst: &str) {
        let name = crate::contract::mesh::instance_field(svc, inst);
        if let Some(index) = self.detector.instance(&name) {
            self.drop_at(index);
        }
    }

    fn drop_at(&mut self, index: u32) {
        self.doubt.release(index);
        self.instances.remove(index);
        self.detector.part(index);
    }

    fn tell(&mut self, index: u32, what: What, at: Now) {
        let member = self.instances.get(index);
        let svc = &self.services[member.svc as usize].svc;
        let name = self.detector.instance_name(index);
        self.news.push(News {
            svc: svc.clone(),
            inst: name[svc.len() + 1..].into(),
            what,
            at,
            heard: (!member.is_awaited).then(|| self.detector.last_heard(index)),
            last_i: (member.last_i > 0).then_some(member.last_i),
        });
    }
}
