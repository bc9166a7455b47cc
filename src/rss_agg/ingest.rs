//! From a parsed document into the store: what is new, what changed, and the marks of it all.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::config::FeedSpec;
use super::context::PollContext;
use super::store::{CHUNK_BYTES, CHUNK_ITEMS, NewItem};
use crate::bus::{Backoff, BusError};
use crate::clock::Mono;
use crate::feed::document::{Entry, Parsed};
use crate::feed::identity::{Identity, Key, identify};
use crate::feed::normalise::Normaliser;
use crate::feed::seen::{Candidate, Mark, Plan, Poll, Verdict};

/// How long a document in hand waits for a store that went away.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

/// One document on its way into the store.
pub(super) struct Ingest<'a> {
    pub context: &'a PollContext<'a>,
    pub spec: &'a FeedSpec,
    pub parsed: &'a Parsed<'a>,
    /// A 200 whose body came to its end.
    pub complete: bool,
    pub now_ts: i64,
}

/// What was taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub title: Option<String>,
    pub queued: usize,
    pub updated: usize,
    pub dropped: usize,
}

/// The store went away for longer than a document waits. What is in is in; the rest comes with the next poll.
pub(super) struct Interrupted(pub BusError);

impl Ingest<'_> {
    pub fn run(&self) -> Result<Taken, Interrupted> {
        let identities = identify(&self.spec.id, self.parsed);
        let mut taken = Taken::default();
        let (give_up, mut backoff) = (Mono::now() + STORE_PATIENCE, Backoff::bus());
        loop {
            // After a failure nobody knows whether the last transaction went in: the marks are read anew, and say.
            match self.attempt(&identities, &mut taken) {
                Ok(()) => return Ok(taken),
                Err(error)
                    if Mono::now() >= give_up
                        || !error.is_connection_lost()
                        || self.context.fetcher.is_shut_down() =>
                {
                    return Err(Interrupted(error));
                }
                Err(error) => {
                    log::debug!("feed {}: {error}; trying on", self.spec.id);
                    std::thread::sleep(backoff.next_pause());
                }
            }
        }
    }

    fn attempt(&self, identities: &[Identity], taken: &mut Taken) -> Result<(), BusError> {
        let memory = self
            .context
            .store
            .with(|store| store.memory(&self.spec.id))?;
        let poll = Poll {
            now_ts: self.now_ts,
            complete: self.complete && self.parsed.lists_everything(),
            first_items: (!memory.known).then_some(self.context.config.limits.first_items),
        };
        let plan = memory.seen.plan(identities, poll, |at| {
            let entry = &self.parsed.entries[at];
            Candidate {
                published_ts: self.dated(entry),
                dropped: self.context.config.filters.drops(&self.spec.id, entry),
            }
        });
        drop(memory);
        let work = self.to_write(&plan, identities);
        let with_items: HashSet<Key> = work.iter().map(|step| step.key).collect();
        self.context.store.with(|store| {
            store.put_marks(
                &self.spec.id,
                &plan,
                |uid| with_items.contains(uid),
                poll.complete.then_some(self.now_ts),
            )
        })?;
        let marks: HashMap<Key, Mark> = plan.put.iter().copied().collect();
        let mut normaliser = Normaliser::new(self.parsed, &self.spec.id, Mono::now);
        taken.title = normaliser.feed_title().map(str::to_string);
        let dropped = plan
            .verdicts
            .iter()
            .filter(|verdict| **verdict == Verdict::Dropped);
        taken.dropped = dropped.count();
        let mut chunk = Chunk::default();
        for step in &work {
            let Some(mark) = marks.get(&step.key) else {
                continue;
            };
            let identity = &identities[step.entry];
            let mut item = normaliser.item(&self.parsed.entries[step.entry], identity, self.now_ts);
            item.uid = step.key.to_string();
            let link = identity.link.filter(|_| !identity.link_is_shared);
            let new = NewItem {
                item,
                key: step.key,
                mark: *mark,
                category: self.spec.category.clone(),
            };
            self.context.working.tick();
            if step.is_update {
                if self
                    .context
                    .store
                    .with(|store| store.update(&self.spec.id, &new))?
                {
                    taken.updated += 1;
                }
            } else if chunk.push(new, link) {
                self.flush(&mut chunk, taken)?;
            }
        }
        self.flush(&mut chunk, taken)
    }

    fn flush(&self, chunk: &mut Chunk, taken: &mut Taken) -> Result<(), BusError> {
        let Chunk {
            mut items, links, ..
        } = std::mem::take(chunk);
        let claims: Vec<(Key, &str)> = links
            .iter()
            .filter_map(|(link, index)| Some((*link, items.get(*index)?.item.uid.as_str())))
            .collect();
        let first = self
            .context
            .store
            .with(|store| store.first_with_links(&claims))?;
        drop(claims);
        for (first_uid, (_, index)) in first.into_iter().zip(&links) {
            let item = &mut items[*index].item;
            item.dup_of = (first_uid != item.uid).then_some(first_uid);
        }
        let added = self
            .context
            .store
            .with(|store| store.add(&self.spec.id, &items))?;
        taken.queued += added;
        Ok(())
    }

    /// The entries whose items are to be written, the oldest first: so do workers want to read them.
    fn to_write(&self, plan: &Plan, identities: &[Identity]) -> Vec<Step> {
        let mut steps: Vec<Step> = plan
            .verdicts
            .iter()
            .enumerate()
            .filter_map(|(entry, verdict)| match verdict {
                Verdict::New { queue: true } => Some(Step {
                    entry,
                    key: identities[entry].uid,
                    is_update: false,
                }),
                Verdict::Updated { uid } => Some(Step {
                    entry,
                    key: *uid,
                    is_update: true,
                }),
                Verdict::New { queue: false } | Verdict::Dropped | Verdict::Known { .. } => None,
            })
            .collect();
        // Feeds list the newest first; of two with the same date the one further down is the older.
        steps.sort_unstable_by_key(|step| {
            (
                self.dated(&self.parsed.entries[step.entry]),
                std::cmp::Reverse(step.entry),
            )
        });
        steps
    }

    fn dated(&self, entry: &Entry<'_>) -> i64 {
        entry.dated_ts().unwrap_or(self.now_ts).min(self.now_ts)
    }
}

/// One entry that is to be written with its item.
struct Step {
    entry: usize,
    key: Key,
    is_update: bool,
}

/// New items that go into one transaction.
#[derive(Default)]
struct Chunk {
    items: Vec<NewItem>,
    /// Links that nothing else in the document has, with the index of their item.
    links: Vec<(Key, usize)>,
    bytes: usize,
}

impl Chunk {
    /// Adds an item; `true` when the chunk is full.
    fn push(&mut self, new: NewItem, link: Option<Key>) -> bool {
        let item = &new.item;
        let texts = [
            &item.title,
            &item.summary,
            &item.summary_text,
            &item.content,
            &item.content_text,
        ];
        self.bytes += texts.into_iter().flatten().map(String::len).sum::<usize>();
        self.links.extend(link.map(|link| (link, self.items.len())));
        self.items.push(new);
        self.items.len() >= CHUNK_ITEMS || self.bytes >= CHUNK_BYTES
    }
}
