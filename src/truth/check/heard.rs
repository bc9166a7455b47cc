//! Services that only the healer's subscriptions tell of.

use super::super::store::{BEATS, Known, ONLY_HEARD, Rhythm, StoredLane};
use super::super::visitor::Visitor;
use super::super::{BusId, HEALER, HEARTBEAT_SUFFIX};
use super::ChannelIndex;
use crate::contract::{NAME_MAX_BYTES, is_name};
use crate::text::cut;

impl Visitor<'_> {
    /// Adds the services that only the healer's subscriptions name, and lets go of those that say nothing new.
    pub(super) fn hear_what_the_healer_subscribes(&mut self, channels: &ChannelIndex) {
        let Some(healer) = self.truth.find(HEALER) else {
            return;
        };
        let lanes = std::mem::take(&mut self.truth.lanes);
        let mut kept = Vec::new();
        for lane in lanes {
            if lane.entry != healer || lane.publishes || !self.hear(&lane, channels) {
                kept.push(lane);
            }
        }
        self.truth.lanes = kept;
    }

    /// Takes one subscription of the healer as a heartbeat; `false` when it is none.
    fn hear(&mut self, lane: &StoredLane, channels: &ChannelIndex) -> bool {
        let truth = &self.truth;
        let key = truth.text(lane.key);
        let known = truth.beats_on_own(key, channels);
        if let Some(id) = known.or_else(|| truth.beats_by_default_on(key)) {
            self.hears_on_the_right_bus(lane, id);
            return true;
        }
        let Some(name) = key.strip_suffix(HEARTBEAT_SUFFIX) else {
            let key = cut(key, NAME_MAX_BYTES);
            let what = format!("{key:?} is no heartbeat channel; the healer does not watch it");
            self.warn_in_lane(lane, what);
            return false;
        };
        match truth.find(name) {
            Some(id) if truth.entries[id as usize].flags & BEATS != 0 => {
                let what = format!("{name} beats on another channel");
                let instead = "write the channel that its heartbeat names, or leave this out";
                self.error_in_lane(lane, "key", what, instead.to_owned());
            }
            Some(id) => self.beat_by_default(id, lane.bus),
            None if is_name(name) => {
                let name = name.to_owned();
                let id = self.truth.add(&name);
                self.beat_by_default(id, lane.bus);
            }
            None => {
                let what = format!("{:?} is no service name", cut(name, NAME_MAX_BYTES));
                let instead =
                    "list channels one by one; every service with a heartbeat is heard anyway";
                self.error_in_lane(lane, "key", what, instead.to_owned());
            }
        }
        true
    }

    fn beat_by_default(&mut self, id: u32, bus: BusId) {
        let rhythm = Rhythm {
            bus,
            ..Rhythm::default()
        };
        let number = self.rhythm_number(rhythm);
        let entry = &mut self.truth.entries[id as usize];
        entry.rhythm = number;
        entry.flags |= BEATS | ONLY_HEARD;
    }

    /// Only names are compared: where a URL leads is not known here.
    fn hears_on_the_right_bus(&mut self, lane: &StoredLane, id: u32) {
        let bus_of = |bus: BusId| &self.truth.buses[bus.index()];
        let (here, there) = (bus_of(lane.bus), bus_of(self.truth.rhythm(id).bus));
        if there.known == Known::Named && here.name != there.name {
            let name = self.truth.name(id);
            let what = format!(
                "{name} beats on {there}, and is heard there",
                there = there.name
            );
            self.warn_in_lane(lane, what);
        }
    }
}
