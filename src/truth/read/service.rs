//! What stands in a service.

use super::super::json::{Kind, Syntax};
use super::super::naming_rules::{did_you_mean, is_env_field, is_secret};
use super::super::store::{BEATS, DISABLED, Known, OWN_CHANNEL, Rhythm, StoredLane, StoredSection};
use super::super::visitor::Visitor;
use super::super::{HEALER, HEARTBEAT_SUFFIX, SECTIONS_MAX};
use crate::contract::{ALERT_CHANNEL, HEALER_ECHOES, TRUTH_CHANGED, is_name};
use crate::text::SafeText;

/// What every service may have.
const GENERAL: [&str; 8] = [
    "heartbeat",
    "access_points",
    "instances",
    "depends_on",
    "enabled",
    "description",
    "group",
    "runbook",
];
/// Bytes of a description that are kept, and that the URL of a runbook may have.
const DESCRIPTION_MAX_BYTES: usize = 512;
const RUNBOOK_MAX_BYTES: usize = 1024;

impl Visitor<'_> {
    pub(super) fn service(&mut self, id: u32, name: &str) -> Result<(), Syntax> {
        if !self.begins_object("{\"heartbeat\": {}}")? {
            return Ok(());
        }
        let mut keys = self.keys();
        while let Some(key) = self.field(&mut keys)? {
            match &*key {
                "heartbeat" => self.heartbeat(id, name)?,
                "access_points" => self.access_points(id, name == HEALER)?,
                "instances" => self.instances(id)?,
                "depends_on" => self.depends_on(id)?,
                "enabled" => {
                    if self.reader.kind()? != Kind::Bool {
                        self.wrong("true or false", "true")?;
                    } else if !self.reader.boolean()? {
                        self.truth.entries[id as usize].flags |= DISABLED;
                    }
                }
                "description" => self.service_description(id)?,
                "runbook" => self.runbook(id)?,
                "group" => self.group(id)?,
                "threshold" if name == HEALER => self.threshold()?,
                other => self.own_section(id, name, other)?,
            }
        }
        Ok(())
    }

    /// What it is for.
    fn service_description(&mut self, id: u32) -> Result<(), Syntax> {
        if let Some((_, text)) = self.string("\"what it is for\"")? {
            let span = self
                .truth
                .keep(&SafeText::cut(&text, DESCRIPTION_MAX_BYTES));
            self.truth.descriptions.push((id, span));
        }
        Ok(())
    }

    /// What to do when it is down: it becomes a link, so nothing but the address of a page is taken, and no password, which
    /// every message would carry.
    fn runbook(&mut self, id: u32) -> Result<(), Syntax> {
        let example = "\"https://wiki.example.org/db\"";
        let Some((at, text)) = self.string(example)? else {
            return Ok(());
        };
        let rest = (text.strip_prefix("https://")).or_else(|| text.strip_prefix("http://"));
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\');
        let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
        let is_host = |host: &str| {
            host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') && !host.contains('@')
        };
        let is_url = host.is_some_and(is_host)
            && text.chars().all(is_plain)
            && text.len() <= RUNBOOK_MAX_BYTES;
        if is_url {
            let span = self.truth.keep(&text);
            self.truth.runbooks.push((id, span));
            return Ok(());
        }
        let what = "not the address of a page".to_owned();
        self.error(
            at,
            what,
            &format!(
                "write {example}, of at most {RUNBOOK_MAX_BYTES} characters, without user and password"
            ),
        );
        Ok(())
    }

    /// What it is shown with.
    fn group(&mut self, id: u32) -> Result<(), Syntax> {
        let Some((at, text)) = self.string("\"feeds\"")? else {
            return Ok(());
        };
        if is_name(&text) {
            let span = self.truth.keep(&text);
            self.truth.groups.push((id, span));
            return Ok(());
        }
        let what = "not the name of a group".to_owned();
        self.error(at, what, "write 1 to 64 of A-Z a-z 0-9 _ . -");
        Ok(())
    }

    fn heartbeat(&mut self, id: u32, name: &str) -> Result<(), Syntax> {
        if !self.begins_object("{\"interval_sec\": 10}")? {
            return Ok(());
        }
        let mut rhythm = Rhythm::default();
        let mut keys = self.keys();
        while let Some(key) = self.field(&mut keys)? {
            match &*key {
                "channel" => {
                    let at = self.reader.value_at();
                    let Some(channel) = self.key_text("\"rss_agg:heartbeat\"")? else {
                        continue;
                    };
                    if is_of_the_swarm(&channel) {
                        let what = "a channel on which the swarm itself speaks".to_owned();
                        let instead = "leave it out: then it is the name and `:heartbeat`";
                        self.error(at, what, instead);
                        continue;
                    }
                    if channel.strip_suffix(HEARTBEAT_SUFFIX) != Some(name) {
                        let span = self.truth.keep(&channel);
                        self.truth.channels.push((id, span));
                        self.truth.entries[id as usize].flags |= OWN_CHANNEL;
                    }
                }
                "interval_sec" => rhythm.interval_sec = self.seconds("10")?,
                "timeout_sec" => rhythm.timeout_sec = self.seconds("30")?,
                "redis_url" => {
                    if let Some(bus) = self.redis_url()? {
                        rhythm.bus = bus;
                    }
                }
                other => {
                    let known = ["channel", "interval_sec", "timeout_sec", "redis_url"];
                    self.unknown("a heartbeat", other, &known)?;
                }
            }
        }
        let number = self.rhythm_number(rhythm);
        let entry = &mut self.truth.entries[id as usize];
        entry.rhythm = number;
        entry.flags |= BEATS;
        Ok(())
    }

    /// The number of a rhythm; services that beat alike share one.
    pub(in crate::truth) fn rhythm_number(&mut self, rhythm: Rhythm) -> u32 {
        let bits = |sec: Option<f64>| sec.map_or(0, f64::to_bits);
        let same = [
            bits(rhythm.interval_sec),
            bits(rhythm.timeout_sec),
            rhythm.bus.index() as u64,
        ];
        let next = self.truth.rhythms.len() as u32;
        let number = *self.rhythm_ids.entry(same).or_insert(next);
        if number == next {
            self.truth.rhythms.push(rhythm);
        }
        number
    }

    fn threshold(&mut self) -> Result<(), Syntax> {
        if !self.begins_object("{\"heartbeat_cadence\": 30}")? {
            return Ok(());
        }
        let mut keys = self.keys();
        while let Some(key) = self.field(&mut keys)? {
            match &*key {
                "heartbeat_cadence" => self.truth.cadence_sec = self.seconds("30")?,
                other => self.unknown("threshold", other, &["heartbeat_cadence"])?,
            }
        }
        Ok(())
    }

    fn access_points(&mut self, id: u32, is_healer: bool) -> Result<(), Syntax> {
        if !self.begins_object("{\"subscribe_to\": [], \"publish_to\": []}")? {
            return Ok(());
        }
        let mut keys = self.keys();
        while let Some(key) = self.field(&mut keys)? {
            match &*key {
                "subscribe_to" => self.lanes(id, false, is_healer)?,
                "publish_to" => self.lanes(id, true, is_healer)?,
                other => self.unknown("access_points", other, &["subscribe_to", "publish_to"])?,
            }
        }
        Ok(())
    }

    fn lanes(&mut self, id: u32, publishes: bool, is_healer: bool) -> Result<(), Syntax> {
        if !self.begins_list("[{\"bus\": \"system-redis\", \"key\": \"rss:queue\"}]")? {
            return Ok(());
        }
        while let Some(nth) = self.reader.next_element()? {
            let at = self.reader.value_at();
            if !self.begins_object("{\"bus\": \"system-redis\", \"key\": \"rss:queue\"}")? {
                continue;
            }
            let (mut bus, mut lane_key) = (None, None);
            let (mut has_bus, mut has_key) = (false, false);
            let mut keys = self.keys();
            while let Some(key) = self.field(&mut keys)? {
                match &*key {
                    "bus" => {
                        has_bus = true;
                        if let Some((_, name)) = self.string("\"system-redis\"")? {
                            bus = self.bus(&name, Known::Mentioned);
                        }
                    }
                    "key" => {
                        has_key = true;
                        lane_key = self.key_text("\"rss:queue\"")?;
                    }
                    "description" => self.description()?,
                    other => {
                        self.unknown("an access point", other, &["bus", "key", "description"])?
                    }
                }
            }
            if !has_bus {
                let what = "an access point without a bus".to_owned();
                self.error(at, what, "add \"bus\": \"system-redis\" or another bus");
            }
            if !has_key {
                let what = "an access point without a key".to_owned();
                self.error(at, what, "add \"key\": the key or channel");
            }
            let (Some(bus), Some(lane_key)) = (bus, lane_key) else {
                continue;
            };
            // What the healer hears anyway need not be kept, and there may be a million of it.
            if is_healer && !publishes && self.truth.beats_there(&lane_key, bus) {
                continue;
            }
            let key = self.truth.keep(&lane_key);
            self.truth.lanes.push(StoredLane {
                entry: id,
                nth: nth as u32,
                key,
                bus,
                publishes,
            });
        }
        Ok(())
    }

    fn depends_on(&mut self, id: u32) -> Result<(), Syntax> {
        if !self.begins_list("[\"rss_agg\"]")? {
            return Ok(());
        }
        while let Some(nth) = self.reader.next_element()? {
            let Some((at, name)) = self.string("\"rss_agg\"")? else {
                continue;
            };
            match self.truth.find(&name) {
                Some(on) => self.truth.depends.push((id, on)),
                None => self.unmet.push((id, nth as u32, at as u32)),
            }
        }
        Ok(())
    }

    /// A field that not every service has: a section of this one's own, or one that nobody knows.
    fn own_section(&mut self, id: u32, name: &str, field: &str) -> Result<(), Syntax> {
        let own = self.rules.schema_of(name);
        if let Some(variable) = own.and_then(|own| own.variable_for(field)) {
            let what = "a key, token or secret in truth, which everybody reads".to_owned();
            let at = self.reader.key_at();
            self.error(at, what, &format!("put it into {variable}"));
            return self.reader.skip();
        }
        let fields = own.and_then(|own| own.fields_of(field));
        let Some(fields) = fields.filter(|_| !is_secret(field)) else {
            let sections = own.and_then(|own| own.sections).unwrap_or_default();
            let mut known = GENERAL.to_vec();
            known.extend(sections.iter().map(|section| section.name));
            if name == HEALER {
                known.push("threshold");
            }
            return self.unknown("a service", field, &known);
        };
        if let Some(meant) = did_you_mean(field, GENERAL) {
            let at = self.reader.key_at();
            self.warn("a section", field, at, || {
                format!("a section of its own, but did you mean `{meant}`?")
            });
        }
        let from = self.reader.value_at();
        self.spares = self.is_spared(name, field);
        self.owner_judges = own.is_some_and(|own| own.is_spared);
        let read = match is_env_field(field) {
            true => self.pass_over(true),
            false => self.section_fields(fields),
        };
        (self.spares, self.owner_judges) = (false, false);
        read?;
        let sections = &self.truth.sections;
        let count = sections.iter().filter(|section| section.entry == id);
        if count.count() == SECTIONS_MAX {
            let what = format!("more than {SECTIONS_MAX} sections in one service");
            self.error(from, what, "group them");
            return Ok(());
        }
        let start = self.position(from);
        self.truth.sections.push(StoredSection {
            entry: id,
            field: field.into(),
            start,
            json: self.text[from..self.reader.at()].into(),
        });
        Ok(())
    }

    /// Passes over a section, or each element of it; fields other than `known` get a warning.
    fn section_fields(&mut self, known: &[&str]) -> Result<(), Syntax> {
        match self.reader.kind()? {
            Kind::Array => {
                self.reader.array()?;
                while self.reader.next_element()?.is_some() {
                    self.section_fields(known)?;
                }
                Ok(())
            }
            Kind::Object if !known.is_empty() => {
                self.reader.object()?;
                let mut keys = self.keys();
                while let Some(key) = self.field(&mut keys)? {
                    if known.contains(&&*key) {
                        self.pass_over(is_env_field(&key))?;
                    } else {
                        self.unknown("this section", &key, known)?;
                    }
                }
                Ok(())
            }
            _ => self.pass_over(false),
        }
    }
}

/// Whether somebody listens there for other words than beats: who beats on `truth:changed` keeps the healer from hearing
/// of a new truth, and who beats among its echoes is taken for a healer that lives.
fn is_of_the_swarm(channel: &str) -> bool {
    let echoes = HEALER_ECHOES.trim_end_matches('*');
    [TRUTH_CHANGED, ALERT_CHANNEL].contains(&channel) || channel.starts_with(echoes)
}
