//! What can only be judged when the whole document is known.

use hashbrown::HashTable;
use std::hash::BuildHasher;

use super::json::{Reader, Syntax};
use super::naming_rules::did_you_mean;
use super::problem::{push_index, push_key};
use super::store::{BEATS, Known, OWN_CHANNEL, Rhythm, StoredLane};
use super::visitor::Visitor;
use super::{BusId, DATABASE_REMEDY, HEALER, HEARTBEAT_SUFFIX, Position, Problem, Sections, Truth};
use crate::contract::NAME_MAX_BYTES;

mod depends;
mod heard;

/// A step down from a service's value.
#[derive(Clone, Copy)]
enum Step<'s> {
    Key(&'s str),
    Index(u32),
}
use crate::text::cut;
use Step::{Index, Key};

/// From a channel that is not the default one to its place in [`Truth::channels`].
type ChannelIndex = HashTable<u32>;

impl Visitor<'_> {
    /// Judges what the visitor has gathered.
    pub(super) fn check_whole(&mut self) {
        if self.services_key.is_none() {
            self.errors.push(Problem {
                path: String::new(),
                position: Position::START,
                what: "no services".to_owned(),
                instead: "write {\"services\": { … }}".to_owned(),
                more_like_it: 0,
            });
        }
        self.buses_are_known();
        let channels = self.channels_are_used_once();
        self.hear_what_the_healer_subscribes(&channels);
        self.beats_are_in_no_database();
        self.intervals_are_below_timeouts();
        self.dependencies_exist();
        self.dependencies_have_no_cycle();
        self.sections_are_valid();
    }

    /// A URL whose host is the name of a bus means that bus; an access point names one that is known.
    fn buses_are_known(&mut self) {
        let named: Vec<Box<str>> = self
            .truth
            .buses
            .iter()
            .filter(|bus| bus.known == Known::Named)
            .map(|bus| bus.name.clone())
            .collect();
        for bus in &mut self.truth.buses {
            let host = bus.name.rsplit_once(':').map(|(host, _)| host);
            if bus.known == Known::ByUrl
                && let Some(name) = named.iter().find(|name| host == Some(name))
            {
                bus.name = name.clone();
                bus.known = Known::Named;
                bus.url = None;
            }
        }
        self.warn_of_hosts_nearly_named(&named);
        let is_known = |bus: &super::Bus| bus.known != Known::Mentioned;
        if self.truth.buses.iter().all(is_known) {
            return;
        }
        let lanes = std::mem::take(&mut self.truth.lanes);
        for lane in &lanes {
            let bus = &self.truth.buses[lane.bus.index()];
            if is_known(bus) {
                continue;
            }
            if self.errors.is_full() {
                self.errors.count_one_more();
                continue;
            }
            let instead = match did_you_mean(&bus.name, named.iter().map(|name| &**name)) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => format!("write one of {}, or add it to `buses`", named.join(", ")),
            };
            let what = format!("an unknown bus, {:?}", cut(&bus.name, NAME_MAX_BYTES));
            self.error_in_lane(lane, "bus", what, instead);
        }
        self.truth.lanes = lanes;
    }

    /// A host that is nearly the name of a bus is a bus of its own, and probably not meant to be.
    fn warn_of_hosts_nearly_named(&mut self, named: &[Box<str>]) {
        for i in 0..self.truth.buses.len() {
            let bus = &self.truth.buses[i];
            let host = bus.name.rsplit_once(':').map_or("", |(host, _)| host);
            let meant = did_you_mean(host, named.iter().map(|name| &**name));
            let Some(meant) = meant.filter(|_| bus.known == Known::ByUrl) else {
                continue;
            };
            let what = format!("{host:?} is no bus of this document; did you mean {meant:?}?");
            let user = self.truth.services().find(|svc| svc.bus().index() == i);
            if let Some(id) = user.map(|svc| svc.index() as u32) {
                self.warn_in(id, &[Key("heartbeat"), Key("redis_url")], what);
            }
        }
    }

    fn beats_are_in_no_database(&mut self) {
        for (bus, path, position, database) in std::mem::take(&mut self.databases) {
            let is_there = |svc: super::Service<'_>| svc.has_heartbeat() && svc.bus() == bus;
            if bus == BusId::default() || self.truth.services().any(is_there) {
                self.warnings.push(Problem {
                    path,
                    position,
                    what: format!("beats in database {database}: {DATABASE_REMEDY}"),
                    instead: String::new(),
                    more_like_it: 0,
                });
            }
        }
    }

    fn channels_are_used_once(&mut self) -> ChannelIndex {
        let mut index = ChannelIndex::new();
        for nth in 0..self.truth.channels.len() as u32 {
            let (id, span) = self.truth.channels[nth as usize];
            let truth = &self.truth;
            let channel = truth.text(span);
            let other = truth
                .beats_by_default_on(channel)
                .or_else(|| truth.beats_on_own(channel, &index));
            let hash = |nth: &u32| truth.hasher.hash_one(truth.own_channel(*nth));
            index.insert_unique(hash(&nth), nth, hash);
            if let Some(other) = other {
                let what = format!("a channel that {} uses as well", truth.name(other));
                let instead = "leave it out: each service has a channel of its own by default";
                let steps = [Key("heartbeat"), Key("channel")];
                self.error_in(id, &steps, what, instead.to_owned());
            }
        }
        index
    }

    /// Only an interval that truth gives is judged: where it gives none, [`Service::interval`](super::Service) fits
    /// it to the timeout.
    fn intervals_are_below_timeouts(&mut self) {
        let cadence = self.truth.cadence_sec;
        // The default is this process's own: others may take the same document.
        let only_here = self.rules.is_lenient && cadence.is_none();
        let general = cadence.unwrap_or(self.truth.defaults.timeout_sec);
        let is_wrong = |rhythm: &Rhythm| {
            let timeout = rhythm.timeout_sec.or((!only_here).then_some(general));
            let own = rhythm.interval_sec.zip(timeout);
            own.is_some_and(|(interval, timeout)| interval >= timeout)
        };
        let wrong: Vec<bool> = self.truth.rhythms.iter().map(is_wrong).collect();
        if !wrong.contains(&true) {
            return;
        }
        let healer = self.truth.find(HEALER);
        for id in 0..self.truth.entries.len() as u32 {
            let entry = &self.truth.entries[id as usize];
            if entry.flags & BEATS == 0 || !wrong[entry.rhythm as usize] {
                continue;
            }
            let rhythm = self.truth.rhythm(id);
            // The cadence is about those whom the healer watches; `Service::timeout` says what holds for itself.
            if Some(id) == healer && rhythm.timeout_sec.is_none() {
                continue;
            }
            let timeout = match (rhythm.timeout_sec, cadence) {
                (Some(own), _) => format!("the timeout of {own} s"),
                (None, Some(cadence)) => format!("the heartbeat_cadence of {cadence} s"),
                (None, None) => format!("the default timeout of {general} s"),
            };
            let interval = rhythm.interval_sec.unwrap_or_default();
            let what = format!("an interval of {interval} s is not below {timeout}");
            let instead = "write a third of the timeout, or a longer timeout_sec beside it";
            let steps = [Key("heartbeat"), Key("interval_sec")];
            self.error_in(id, &steps, what, instead.to_owned());
        }
    }

    /// Asks the owner of each service's sections.
    fn sections_are_valid(&mut self) {
        let key = self.services_key.unwrap_or("services");
        for schema in self.rules.schemas {
            let Some(id) = self.truth.find(schema.svc) else {
                continue;
            };
            let of = |section: &&super::StoredSection| section.entry == id;
            let sections = self.truth.sections.iter().filter(of);
            let sections = sections.map(|section| (&*section.field, section.view(key, schema.svc)));
            let is_spared = self.rules.is_lenient && schema.is_spared;
            let problems = match is_spared {
                true => &mut self.warnings,
                false => &mut self.errors,
            };
            let sections = Sections::new(sections.collect());
            if let Some(validator) = schema.validator {
                validator(&sections, problems);
            }
            if let Some(advisor) = schema.advisor {
                advisor(&sections, &mut self.warnings);
            }
        }
    }

    fn error_in_lane(&mut self, lane: &StoredLane, field: &str, what: String, instead: String) {
        let [points, list, nth] = lane_steps(lane);
        self.error_in(lane.entry, &[points, list, nth, Key(field)], what, instead);
    }

    fn warn_in_lane(&mut self, lane: &StoredLane, what: String) {
        self.warn_in(lane.entry, &lane_steps(lane), what);
    }

    fn warn_in(&mut self, id: u32, steps: &[Step<'_>], what: String) {
        if self.warnings.is_full() {
            return self.warnings.count_one_more();
        }
        let problem = self.problem_in(id, steps, what, String::new());
        self.warnings.push(problem);
    }

    fn error_in(&mut self, id: u32, steps: &[Step<'_>], what: String, instead: String) {
        if self.errors.is_full() {
            return self.errors.count_one_more();
        }
        let problem = self.problem_in(id, steps, what, instead);
        self.errors.push(problem);
    }

    /// A problem at a value inside a service that was read before; its place is looked for only now.
    fn problem_in(
        &mut self,
        id: u32,
        steps: &[Step<'_>],
        what: String,
        instead: String,
    ) -> Problem {
        let mut path = self.services_key.unwrap_or("services").to_owned();
        push_key(&mut path, self.truth.name(id));
        for step in steps {
            match step {
                Key(key) => push_key(&mut path, key),
                Index(nth) => push_index(&mut path, *nth as usize),
            }
        }
        let start = self.starts.get(id as usize).map_or(0, |at| *at as usize);
        let at = start + locate(&self.text[start..], steps);
        Problem {
            path,
            position: self.position(at),
            what,
            instead,
            more_like_it: 0,
        }
    }
}

impl Truth {
    /// The service that has this channel because it names no other.
    fn beats_by_default_on(&self, channel: &str) -> Option<u32> {
        let id = self.find(channel.strip_suffix(HEARTBEAT_SUFFIX)?)?;
        let flags = self.entries[id as usize].flags;
        (flags & (BEATS | OWN_CHANNEL) == BEATS).then_some(id)
    }

    /// The service that names this channel.
    fn beats_on_own(&self, channel: &str, index: &ChannelIndex) -> Option<u32> {
        let same = |nth: &u32| self.own_channel(*nth) == channel;
        let nth = index.find(self.hasher.hash_one(channel), same)?;
        Some(self.channels[*nth as usize].0)
    }

    fn own_channel(&self, nth: u32) -> &str {
        self.text(self.channels[nth as usize].1)
    }
}

fn lane_steps(lane: &StoredLane) -> [Step<'static>; 3] {
    let list = if lane.publishes {
        "publish_to"
    } else {
        "subscribe_to"
    };
    [Key("access_points"), Key(list), Index(lane.nth)]
}

/// The offset of the value that `steps` lead to, or of the last one on the way that is there.
fn locate(json: &str, steps: &[Step<'_>]) -> usize {
    let mut reader = Reader::new(json);
    let mut at = reader.value_at();
    for step in steps {
        match step_down(&mut reader, *step) {
            Ok(true) => at = reader.value_at(),
            Ok(false) | Err(_) => break,
        }
    }
    at
}

/// Steps to a member of the value that comes next; `false` when it is not there.
fn step_down(reader: &mut Reader<'_>, step: Step<'_>) -> Result<bool, Syntax> {
    match step {
        Key(wanted) => {
            reader.object()?;
            while let Some(key) = reader.next_key()? {
                if key == wanted {
                    return Ok(true);
                }
                reader.skip()?;
            }
        }
        Index(wanted) => {
            reader.array()?;
            while let Some(nth) = reader.next_element()? {
                if nth == wanted as usize {
                    return Ok(true);
                }
                reader.skip()?;
            }
        }
    }
    Ok(false)
}
