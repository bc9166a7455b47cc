//! What is still to be written to Redis. Grows while the bus is away, bounded by what it is made of: one record an
//! incident, the messages of the outbox, the dead letters that are kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::DEAD_MAX;
use crate::notify::aggregator::Changes;
use crate::notify::notification::Ms;
use crate::notify::outbox::{DeadLetter, Outbox};
use crate::notify::store::Commit;

/// Writes that belong together.
#[derive(Default)]
pub(super) struct WriteBehindQueue {
    meta: String,
    /// Records to write, or to delete where there is none.
    records: BTreeMap<String, Option<String>>,
    acknowledge: Vec<String>,
    put: BTreeSet<String>,
    delete: BTreeSet<String>,
    dead: Vec<DeadLetter>,
    failing_since_ms: Option<Ms>,
    /// Counts changes.
    revision: u64,
}

impl WriteBehindQueue {
    /// The aggregator changed this, which settles these entries of the log: they are taken.
    pub fn changes(&mut self, changes: Changes, acknowledge: &mut Vec<String>) {
        self.revision += 1;
        self.meta = changes.meta;
        for (name, json) in changes.put {
            self.records.insert(name, Some(json));
        }
        for name in changes.delete {
            self.records.insert(name, None);
        }
        self.acknowledge.append(acknowledge);
    }

    /// The clock stepped.
    pub fn shift(&mut self, by: Ms) {
        if let Some(at) = &mut self.failing_since_ms {
            *at += by;
        }
    }

    /// The message of that id is new or changed.
    pub fn put(&mut self, id: &str) {
        self.revision += 1;
        self.put.insert(id.to_owned());
    }

    /// The message of that id is done.
    pub fn delete(&mut self, id: &str) {
        self.revision += 1;
        self.put.remove(id);
        self.delete.insert(id.to_owned());
    }

    /// These messages were given up.
    pub fn dead(&mut self, letters: Vec<DeadLetter>) {
        for letter in &letters {
            self.delete(&letter.message.id);
        }
        self.dead.extend(letters);
        let surplus = self.dead.len().saturating_sub(DEAD_MAX);
        self.dead.drain(..surplus);
    }

    /// Whether all is written.
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty()
            && self.put.is_empty()
            && self.delete.is_empty()
            && self.acknowledge.is_empty()
            && self.dead.is_empty()
    }

    /// Changes when anything does.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Entries that wait to be acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.acknowledge.len()
    }

    /// Whether the message of that id was not stored yet, or not as it is now.
    pub fn is_unstored(&self, id: &str) -> bool {
        self.put.contains(id)
    }

    /// Since when writing has failed, while there is something to write.
    pub fn unstored_since_ms(&self) -> Option<Ms> {
        self.failing_since_ms.filter(|_| !self.is_empty())
    }

    /// A write failed at `now_ms`: since then, unless they failed before.
    pub fn failed(&mut self, now_ms: Ms) {
        self.failing_since_ms.get_or_insert(now_ms);
    }

    /// Runs `write` with all of it as one transaction. `changes` is filled for that time.
    pub fn commit<T>(&self, outbox: &Outbox, write: impl FnOnce(&Commit<'_>) -> T) -> T {
        let mut changes = Changes {
            meta: self.meta.clone(),
            ..Changes::default()
        };
        for (name, json) in &self.records {
            match json {
                Some(json) => changes.put.push((name.clone(), json.clone())),
                None => changes.delete.push(name.clone()),
            }
        }
        write(&Commit {
            changes: &changes,
            acknowledge: &self.acknowledge,
            put: self.put.iter().filter_map(|id| outbox.get(id)).collect(),
            delete: self.delete.iter().map(String::as_str).collect(),
            dead: &self.dead,
        })
    }

    /// All of it was written, or belongs to another instance now.
    pub fn clear(&mut self) {
        let revision = self.revision + 1;
        *self = WriteBehindQueue {
            revision,
            ..WriteBehindQueue::default()
        };
    }

    /// The meta record and the records, for the file that stands in for the bus.
    pub fn records(&self) -> (&str, impl Iterator<Item = (&String, &String)>) {
        let records = self.records.iter();
        (
            &self.meta,
            records.filter_map(|(name, json)| Some((name, json.as_ref()?))),
        )
    }
}
