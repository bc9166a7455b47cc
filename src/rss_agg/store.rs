//! The feed reader's memory in Redis. Every order of writes here is chosen for the moment in which it is cut off.
//!
//! - Everything goes out in a transaction that the lease lets pass: an instance that stood still while another took over
//!   writes nothing any more.
//! - An item's hash, its places in the indexes, its seen mark and its queue entry go out in one transaction: whoever
//!   finds the mark finds the rest.
//! - What is only marked (the older items of a first poll) is written before the first item, so that a first poll that
//!   was cut off goes on as an ordinary one.
//! - The record with the validators comes last: a 304 can only vouch for items that are here.

mod items;
mod marks;
mod queue;
mod shared;
mod sweep;

use std::borrow::Borrow;

use redis::{FromRedisValue, Pipeline, RedisResult};

use super::record::Record;
use crate::bus::lease::{Committed, Fence};
use crate::bus::{Address, BusError, Commands, Connection, Limits};
use crate::contract::{TEXT_MAX_BYTES, feeds};
use crate::feed::identity::Key;
use crate::feed::seen::{Plan, Seen, Verdict};
use crate::text::SafeText;

pub use items::{CHUNK_BYTES, CHUNK_ITEMS, NewItem};
pub use queue::Entry;
pub use shared::SharedStore;
pub use sweep::{Keep, Swept};

/// How long a feed is remembered that truth has no longer.
const FORGET_AFTER_SEC: i64 = 30 * 24 * 3600;
/// Entries of the quarantine.
const QUARANTINE_MAX: usize = 1000;
/// What the quarantine keeps of a document.
const QUARANTINE_BODY_BYTES: usize = 4096;
/// Records asked for at once.
const RECORDS_AT_ONCE: usize = 500;

/// How often a transaction is tried that somebody else's write undid: another reader's of the same feed, or a renewal of
/// the lease, which over a far bus falls into one in three of them.
const WRITE_TRIES: usize = 10;

/// One connection to the store.
pub struct Store {
    bus: Commands,
    /// What lets writes pass; without it there are none.
    fence: Option<Fence>,
}

/// The marks of a feed, and whether it was ever read.
#[derive(Debug)]
pub struct Memory {
    pub seen: Seen,
    /// `false` until the marks of a complete reading are in.
    pub known: bool,
}

impl Store {
    /// A store at `address`; `name` is what the connection calls itself.
    pub fn new(address: Address, name: &str) -> Store {
        Store::with_limits(address, name, Limits::default())
    }

    /// The same, for whoever has less time.
    pub fn with_limits(address: Address, name: &str, limits: Limits) -> Store {
        Store {
            bus: Commands::new(address, name, limits),
            fence: None,
        }
    }

    /// The connection, for questions about what else lies there.
    pub fn commands(&mut self) -> &mut Commands {
        &mut self.bus
    }

    /// Writes in the name of this holding of the lease from now on.
    fn set_fence(&mut self, fence: Option<Fence>) {
        self.fence = fence;
    }

    /// Carries out a transaction, if the lease is still held in whose name that is.
    fn write<T: FromRedisValue>(&mut self, write: &Pipeline) -> Result<T, BusError> {
        self.write_watching(&[], |_| Ok(write))
    }

    /// As [`write`](Store::write), if the keys in `watched` do not change after `prepare` looked at them either.
    fn write_watching<T: FromRedisValue, P: Borrow<Pipeline>>(
        &mut self,
        watched: &[&str],
        prepare: impl FnMut(&mut Connection) -> RedisResult<P>,
    ) -> Result<T, BusError> {
        let fenced = || BusError::Fenced {
            key: feeds::LEASE.to_owned(),
        };
        let fence = self.fence.as_ref().ok_or_else(fenced)?;
        let patience = Limits::default().read;
        match fence.commit(&mut self.bus, patience, WRITE_TRIES, watched, prepare)? {
            Committed::Done(answers) => Ok(answers),
            Committed::Fenced => Err(fenced()),
            Committed::Contended => Err(BusError::Reply {
                address: self.bus.address().to_string(),
                reason: format!(
                    "{} or {} is written by somebody else all the time",
                    watched.join(", "),
                    feeds::LEASE
                ),
            }),
        }
    }

    /// Whether a connection is there that has not failed yet.
    pub fn is_connected(&self) -> bool {
        self.bus.is_connected()
    }

    /// Looks up afresh where the name of the bus leads, and goes there. `false` when nobody answers: the connection of
    /// before stays.
    fn look_afresh(&mut self) -> bool {
        match self.bus.renew(Limits::default().connect) {
            Ok(is_other) => {
                if is_other {
                    log::warn!("another server answers for the store: it is there from now on");
                }
                true
            }
            Err(error) => {
                log::debug!("no look at who answers for the store: {error}");
                false
            }
        }
    }

    /// Whether the store takes writes: one that is full or read-only still answers a PING.
    pub fn probe(&mut self) -> Result<(), BusError> {
        let mut write = redis::pipe();
        write.atomic();
        count(&mut write, "probes", 1);
        self.write(&write)
    }

    /// The record of one feed.
    pub fn record(&mut self, feed: &str) -> Result<Option<Record>, BusError> {
        let mut records = self.records(&[feed], || {})?;
        Ok(records.pop().flatten())
    }

    /// The records of many feeds, in their order. One that cannot be read counts as absent. As with everything here that
    /// asks more often than a few times, `tick` is called after each answer.
    pub fn records(
        &mut self,
        ids: &[&str],
        tick: impl Fn(),
    ) -> Result<Vec<Option<Record>>, BusError> {
        let mut records = Vec::with_capacity(ids.len());
        for ids in ids.chunks(RECORDS_AT_ONCE) {
            let mut ask = redis::cmd("HMGET");
            ask.arg(feeds::STATUS).arg(ids);
            let texts: Vec<Option<String>> = self.bus.query(&ask)?;
            tick();
            let read = |text: Option<String>| serde_json::from_str(&text?).ok();
            records.extend(texts.into_iter().map(read));
        }
        Ok(records)
    }

    /// Every record there is, with its feed's id.
    pub fn all_records(&mut self) -> Result<Vec<(String, Record)>, BusError> {
        let all: Vec<(String, String)> =
            self.bus.query(redis::cmd("HGETALL").arg(feeds::STATUS))?;
        let read = |(id, text): (String, String)| Some((id, serde_json::from_str(&text).ok()?));
        Ok(all.into_iter().filter_map(read).collect())
    }

    /// Writes a record: to be called when every item of the poll is in.
    pub fn put_record(&mut self, feed: &str, record: &Record) -> Result<(), BusError> {
        // A record has string keys and finite numbers only, so serialising cannot fail.
        let text = serde_json::to_string(record).unwrap_or_default();
        let mut write = redis::pipe();
        write.atomic();
        write
            .cmd("HSET")
            .arg(feeds::STATUS)
            .arg(feed)
            .arg(text)
            .ignore();
        self.write(&write)
    }

    /// The counters.
    pub fn totals(&mut self) -> Result<Vec<(String, u64)>, BusError> {
        self.bus.query(redis::cmd("HGETALL").arg(feeds::TOTALS))
    }

    /// What is remembered of a feed's items.
    pub fn memory(&mut self, feed: &str) -> Result<Memory, BusError> {
        let mut ask = redis::pipe();
        ask.cmd("ZSCORE").arg(feeds::SEEN).arg(feed);
        ask.cmd("HGETALL").arg(feeds::seen_key(feed));
        let (score, fields): (Option<f64>, Vec<marks::Field>) = self.bus.pipe(&ask)?;
        Ok(Memory {
            seen: marks::read(fields),
            known: score.is_some(),
        })
    }

    /// Writes what a plan says about marks, except those in `later`, which go out with their items. A complete
    /// reading makes the feed a known one: from then on everything in it that has no mark is new.
    pub fn put_marks(
        &mut self,
        feed: &str,
        plan: &Plan,
        later: impl Fn(&Key) -> bool,
        complete_at_ts: Option<i64>,
    ) -> Result<(), BusError> {
        let key = feeds::seen_key(feed);
        let mut write = redis::pipe();
        write.atomic();
        if let Some(now_ts) = complete_at_ts {
            write
                .cmd("ZADD")
                .arg(feeds::SEEN)
                .arg(now_ts)
                .arg(feed)
                .ignore();
        }
        write
            .cmd("HSET")
            .arg(&key)
            .arg(marks::CLOCK)
            .arg(marks::clock(plan))
            .ignore();
        for (uid, mark) in plan.put.iter().filter(|(uid, _)| !later(uid)) {
            write
                .cmd("HSET")
                .arg(&key)
                .arg(&uid.0[..])
                .arg(marks::bytes(mark))
                .ignore();
        }
        let dropped = plan
            .verdicts
            .iter()
            .filter(|verdict| **verdict == Verdict::Dropped);
        let dropped = dropped.count();
        if dropped > 0 {
            count(&mut write, "dropped", dropped);
        }
        for uid in &plan.remove {
            write.cmd("HDEL").arg(&key).arg(&uid.0[..]).ignore();
        }
        self.write(&write)
    }

    /// Forgets what was remembered of feeds that truth has no longer, a month after they were last fetched. A feed that
    /// was taken out by mistake and comes back repeats nothing.
    pub fn forget(
        &mut self,
        is_kept: impl Fn(&str) -> bool,
        now_ts: i64,
        tick: impl Fn(),
    ) -> Result<(), BusError> {
        for (feed, record) in self.all_records()? {
            let last = record.last_fetch_ts.unwrap_or(0);
            if is_kept(&feed) || now_ts - last < FORGET_AFTER_SEC {
                continue;
            }
            let mut write = redis::pipe();
            write.atomic();
            write.cmd("HDEL").arg(feeds::STATUS).arg(&feed).ignore();
            write.cmd("ZREM").arg(feeds::SEEN).arg(&feed).ignore();
            write.cmd("UNLINK").arg(feeds::seen_key(&feed)).ignore();
            self.write::<()>(&write)?;
            tick();
        }
        Ok(())
    }

    /// Keeps the beginning of a document that was not understood.
    pub fn quarantine(
        &mut self,
        feed: &str,
        url: &str,
        reason: &str,
        body: &[u8],
    ) -> Result<(), BusError> {
        let mut write = redis::pipe();
        write.atomic();
        write
            .cmd("XADD")
            .arg(feeds::QUARANTINE)
            .arg("MAXLEN")
            .arg("~")
            .arg(QUARANTINE_MAX)
            .arg("*")
            .arg("feed")
            .arg(feed)
            .arg("url")
            .arg(url)
            .arg("reason")
            .arg(SafeText::cut(reason, TEXT_MAX_BYTES).as_str())
            .arg("body")
            .arg(&body[..body.len().min(QUARANTINE_BODY_BYTES)])
            .ignore();
        count(&mut write, "quarantined", 1);
        self.write(&write)
    }
}

/// Adds to one of the counters.
fn count(write: &mut Pipeline, what: &str, n: usize) {
    write
        .cmd("HINCRBY")
        .arg(feeds::TOTALS)
        .arg(what)
        .arg(n)
        .ignore();
}
