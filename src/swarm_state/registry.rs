//! The registry of instances, as mesh wrote it, and whether that is still knowledge.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bus::stream::{EntryId, after};
use crate::bus::{BusError, Commands};
use crate::contract::mesh::{
    Counts, EVENTS, Event, EventKind, FRESH_SEC, HEAD, Head, INSTANCES, Instance, SERVICES,
};

/// Events that one question brings at most.
const EVENTS_AT_ONCE: usize = 1000;

/// The registry at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    /// `None`: there is none, or it is being written anew.
    pub head: Option<Head>,
    /// By `<svc>/<inst>`.
    pub instances: BTreeMap<String, Instance>,
    pub services: BTreeMap<String, Counts>,
    /// When it was read, by the server's clock.
    pub read_ts: i64,
}

impl Registry {
    /// Reads all of it, as it was at one moment. A record that cannot be read is left out.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn read(commands: &mut Commands) -> Result<Registry, BusError> {
        type Pairs = Vec<(String, String)>;
        let mut ask = redis::pipe();
        ask.atomic().cmd("TIME");
        ask.cmd("HGETALL").arg(HEAD);
        ask.cmd("HGETALL").arg(INSTANCES);
        ask.cmd("HGETALL").arg(SERVICES);
        let ((read_ts, _), head, instances, services): ((i64, i64), Pairs, Pairs, Pairs) =
            commands.pipe(&ask)?;
        let instance = |(name, text): (String, String)| {
            let instance: Instance = serde_json::from_str(&text).ok()?;
            (instance.field() == name).then_some((name, instance))
        };
        let counts = |(svc, text): (String, String)| Some((svc, serde_json::from_str(&text).ok()?));
        Ok(Registry {
            head: Head::read(&head),
            instances: instances.into_iter().filter_map(instance).collect(),
            services: services.into_iter().filter_map(counts).collect(),
            read_ts,
        })
    }

    /// How old it is; `None` while it is fresh enough to be knowledge.
    pub fn stale_sec(&self) -> Option<i64> {
        let age = self.read_ts - self.head.map_or(i64::MIN / 2, |head| head.as_of_ts);
        (age > FRESH_SEC).then_some(age)
    }

    /// Brings it up to date with what happened since, waiting up to `block` for the first of it; what happened. An
    /// epoch or a number that does not follow has it read anew; `None` then.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn follow(
        &mut self,
        commands: &mut Commands,
        block: Duration,
    ) -> Result<Option<Vec<Event>>, BusError> {
        let Some(head) = self.head else {
            std::thread::park_timeout(block.min(Duration::from_millis(200)));
            *self = Registry::read(commands)?;
            return Ok(None);
        };
        let last = EntryId {
            ms: head.epoch,
            seq: head.seq,
        };
        let entries = after(commands, EVENTS, last, EVENTS_AT_ONCE, Some(block))?;
        if entries.is_empty() {
            return self.is_current(commands, head);
        }
        let mut events = Vec::with_capacity(entries.len());
        for entry in entries {
            let event = entry.text("event");
            let event: Option<Event> = event.and_then(|text| serde_json::from_str(&text).ok());
            let follows = self
                .head
                .is_some_and(|head| (entry.id.ms, entry.id.seq) == (head.epoch, head.seq + 1));
            match event {
                Some(event) if follows => {
                    self.apply(&event);
                    events.push(event);
                }
                _ => {
                    *self = Registry::read(commands)?;
                    return Ok(None);
                }
            }
        }
        Ok(Some(events))
    }

    /// Nothing came: that may be because the stream was lost, or begun anew with lower ids.
    fn is_current(
        &mut self,
        commands: &mut Commands,
        head: Head,
    ) -> Result<Option<Vec<Event>>, BusError> {
        let fields: Vec<(String, String)> = commands.query(redis::cmd("HGETALL").arg(HEAD))?;
        match Head::read(&fields) {
            Some(now) if (now.epoch, now.seq) == (head.epoch, head.seq) => {
                self.head = Some(now);
                Ok(Some(Vec::new()))
            }
            // Written a moment ago: its events come with the next question.
            Some(now) if now.epoch == head.epoch && now.seq > head.seq => {
                let last = EntryId {
                    ms: head.epoch,
                    seq: head.seq,
                };
                if !after(commands, EVENTS, last, 1, None)?.is_empty() {
                    return Ok(Some(Vec::new()));
                }
                *self = Registry::read(commands)?;
                Ok(None)
            }
            _ => {
                *self = Registry::read(commands)?;
                Ok(None)
            }
        }
    }

    fn apply(&mut self, event: &Event) {
        if let Some(head) = &mut self.head {
            head.seq = event.seq;
        }
        let Some(instance) = &event.instance else {
            return;
        };
        match event.kind {
            EventKind::Forgotten => drop(self.instances.remove(&instance.field())),
            _ => drop(self.instances.insert(instance.field(), instance.clone())),
        }
    }
}
