//! What a channel keeps in Redis: its place in the log, what it told, and the messages on their way.
//!
//! Everything that belongs together is written in one transaction, and only while this instance holds the channel:
//! a healer that stood still while another took over finds its writes refused.

use std::time::Duration;

use redis::{Pipeline, cmd, pipe};

use super::aggregator::Changes;
use super::notification::Ms;
use super::outbox::{DeadLetter, OutboxMessage};
use crate::bus::lease::{self, Fence, IfFree};
use crate::bus::{Address, BusError, Commands, Limits, Rights};
use crate::contract::asks::{ASK_SEC, Ask, ask_key, asks_key};
use crate::contract::{
    ALERT_LOG, Alert, DEAD_MAX, Silence, dead_key, holder_key, outbox_key, told_key,
};
use crate::swarm_state::{LOG_READ_MAX, Logged, first_stream, log_entries, silences, snapshots};

mod channel_lease;
mod outage;

use outage::begin_of;

/// The consumer in the group: always the same, so that a new instance finds what an old one left.
const CONSUMER: &str = "aggregator";
/// The field of the told hash that holds what is no incident. Names of incidents have a slash in them.
const META: &str = "meta";
/// Values of one command in a pipeline.
const CHUNK: usize = 500;
/// Attempts at a transaction between which the holder's key changes.
const COMMIT_TRIES: usize = 3;
/// A transaction with 100 000 records takes longer than an ordinary answer.
const COMMIT_MAX: Duration = Duration::from_secs(10);

/// The limits of a channel's connection: short, since what the bus cannot carry must be told without it.
fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(1),
        read: Duration::from_millis(1500),
    }
}

/// One channel's part of Redis.
pub struct Store {
    commands: Commands,
    channel: String,
    group: String,
    /// What lets the writes of this instance pass.
    fence: Fence,
}

/// What was there when the channel was opened.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What the aggregator remembered beside its incidents.
    pub meta: Option<String>,
    /// Its incidents by name, as JSON.
    pub records: Vec<(String, String)>,
    /// Messages that were not delivered.
    pub outbox: Vec<OutboxMessage>,
}

/// Whether a write was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// All of it is written.
    Done,
    /// Another instance holds the channel now.
    Lost,
}

/// One transaction.
pub struct Commit<'a> {
    /// What the aggregator changed.
    pub changes: &'a Changes,
    /// Entries of the log that are taken.
    pub acknowledge: &'a [String],
    /// Messages to store.
    pub put: Vec<&'a OutboxMessage>,
    /// Ids of messages that are done.
    pub delete: Vec<&'a str>,
    /// Messages that were given up.
    pub dead: &'a [DeadLetter],
}

impl Store {
    /// The memory of `channel` at `address`, for the instance `me` of `role`.
    pub fn new(address: Address, role: &str, channel: &str, me: &str) -> Store {
        let group = format!("{role}:{channel}");
        let fence = Fence::new(&holder_key(&group), me, IfFree::Passes);
        Store {
            commands: Commands::new(address, format!("{role}:notify-{channel}"), limits()),
            channel: channel.to_owned(),
            group,
            fence,
        }
    }

    /// The consumer group: `healer:webhook`.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Goes to another address from the next call on.
    pub fn set_address(&mut self, address: Address) {
        self.commands.set_address(address);
    }

    /// Takes the channel, whoever held it, and reads what was left there.
    ///
    /// # Errors
    /// The bus does not answer, takes no writes, or forbids one of the keys.
    pub fn open(&mut self) -> Result<Loaded, BusError> {
        self.take(0)?;
        self.now_ms()?;
        self.make_group()?;
        let told: Vec<(String, String)> = self
            .commands
            .query(cmd("HGETALL").arg(told_key(&self.group)))?;
        let outbox: Vec<String> = self
            .commands
            .query(cmd("HVALS").arg(outbox_key(&self.group)))?;
        let mut loaded = Loaded::default();
        for (name, json) in told {
            if name == META {
                loaded.meta = Some(json);
            } else {
                loaded.records.push((name, json));
            }
        }
        for json in outbox {
            match serde_json::from_str(&json) {
                Ok(message) => loaded.outbox.push(message),
                Err(e) => log::warn!("{}: a stored message cannot be read: {e}", self.group),
            }
        }
        Ok(loaded)
    }

    /// Makes the consumer group at the beginning of the log, unless it is there.
    ///
    /// # Errors
    /// As [`open`](Store::open).
    pub fn make_group(&mut self) -> Result<(), BusError> {
        let mut create = cmd("XGROUP");
        create
            .arg("CREATE")
            .arg(ALERT_LOG)
            .arg(&self.group)
            .arg(0)
            .arg("MKSTREAM");
        match self.commands.query::<()>(&create) {
            Err(BusError::Reply { reason, .. }) if reason.starts_with("BUSYGROUP") => Ok(()),
            other => other,
        }
    }

    /// Entries that were handed out before and never acknowledged.
    ///
    /// # Errors
    /// The bus does not answer, or the group is gone.
    pub fn unacknowledged(&mut self) -> Result<Vec<Logged>, BusError> {
        let mut all = Vec::new();
        loop {
            let after = all
                .last()
                .map_or("0", |l: &Logged| l.id.as_str())
                .to_owned();
            let part = self.read_group(&after, None)?;
            if part.is_empty() {
                return Ok(all);
            }
            all.extend(part);
        }
    }

    /// New entries; waits up to `block` for them.
    ///
    /// # Errors
    /// As [`unacknowledged`](Store::unacknowledged).
    pub fn read(&mut self, block: Duration) -> Result<Vec<Logged>, BusError> {
        self.read_group(">", Some(block))
    }

    fn read_group(
        &mut self,
        after: &str,
        block: Option<Duration>,
    ) -> Result<Vec<Logged>, BusError> {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.group).arg(CONSUMER);
        read.arg("COUNT").arg(LOG_READ_MAX);
        if let Some(block) = block {
            // 0 would mean for ever.
            read.arg("BLOCK").arg(block.as_millis().max(1) as u64);
        }
        read.arg("STREAMS").arg(ALERT_LOG).arg(after);
        let answer = self.commands.query(&read)?;
        self.dated(first_stream(answer))
    }

    /// Entries after one id and before another, whoever they were handed to.
    ///
    /// # Errors
    /// The bus does not answer, or the log may not be read.
    pub fn between(&mut self, after: &str, before: &str) -> Result<Vec<Logged>, BusError> {
        let mut all: Vec<Logged> = Vec::new();
        loop {
            let from = all.last().map_or(after, |l| l.id.as_str()).to_owned();
            let mut range = cmd("XRANGE");
            range
                .arg(ALERT_LOG)
                .arg(format!("({from}"))
                .arg(before)
                .arg("COUNT")
                .arg(LOG_READ_MAX);
            let answer = self.commands.query(&range)?;
            let part = self.dated(log_entries(answer))?;
            if part.is_empty() {
                return Ok(all);
            }
            all.extend(part);
        }
    }

    /// The server's own clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// The bus does not answer, or its clock may not be read.
    pub fn now_ms(&mut self) -> Result<Ms, BusError> {
        let (secs, micros): (Ms, Ms) = self.commands.query(&cmd("TIME"))?;
        Ok(secs * 1000 + micros / 1000)
    }

    /// Dates the entries against now, by the server's own clock, zero or less: the clocks of here and there may differ,
    /// and step.
    fn dated(&mut self, mut logged: Vec<Logged>) -> Result<Vec<Logged>, BusError> {
        if logged.is_empty() {
            return Ok(logged);
        }
        let now_ms = self.now_ms()?;
        for entry in logged.iter_mut().filter_map(|l| l.entry.as_mut()) {
            entry.at_ms = (entry.at_ms - now_ms).min(0);
        }
        Ok(logged)
    }

    /// The id of the newest entry of the log.
    ///
    /// # Errors
    /// As [`between`](Store::between).
    pub fn newest(&mut self) -> Result<Option<String>, BusError> {
        let mut range = cmd("XREVRANGE");
        range.arg(ALERT_LOG).arg("+").arg("-").arg("COUNT").arg(1);
        let newest = log_entries(self.commands.query(&range)?);
        Ok(newest.into_iter().next().map(|l| l.id))
    }

    /// Writes what belongs together, all or nothing. A repeat after a lost answer changes nothing.
    ///
    /// # Errors
    /// The connection broke, and what is written is not known: it is to be offered again; or nothing may be written.
    pub fn commit(&mut self, commit: &Commit<'_>) -> Result<Committed, BusError> {
        let mut all = pipe();
        all.atomic();
        self.put_changes(&mut all, commit.changes);
        let outbox = outbox_key(&self.group);
        for message in &commit.put {
            let json = serde_json::to_string(message).unwrap_or_default();
            all.cmd("HSET")
                .arg(&outbox)
                .arg(&message.id)
                .arg(json)
                .ignore();
        }
        for id in &commit.delete {
            all.cmd("HDEL").arg(&outbox).arg(id).ignore();
        }
        for letter in commit.dead {
            let json = serde_json::to_string(letter).unwrap_or_default();
            let dead = dead_key(&self.channel);
            // A repeat finds the letter of the first try and takes its place.
            all.cmd("LREM").arg(&dead).arg(0).arg(&json).ignore();
            all.cmd("LPUSH").arg(&dead).arg(&json).ignore();
            all.cmd("LTRIM")
                .arg(&dead)
                .arg(0)
                .arg(DEAD_MAX - 1)
                .ignore();
        }
        for ids in commit.acknowledge.chunks(CHUNK) {
            all.cmd("XACK")
                .arg(ALERT_LOG)
                .arg(&self.group)
                .arg(ids)
                .ignore();
        }
        let (fence, commands) = (&self.fence, &mut self.commands);
        let done = fence.commit::<(), _>(commands, COMMIT_MAX, COMMIT_TRIES, &[], |_| Ok(&all));
        Ok(match done? {
            lease::Committed::Done(()) => Committed::Done,
            // One that changes hands all the time is not held by this instance, whoever it is.
            lease::Committed::Fenced | lease::Committed::Contended => Committed::Lost,
        })
    }

    fn put_changes(&self, all: &mut Pipeline, changes: &Changes) {
        let told = told_key(&self.group);
        if !changes.meta.is_empty() {
            all.cmd("HSET")
                .arg(&told)
                .arg(META)
                .arg(&changes.meta)
                .ignore();
        }
        for records in changes.put.chunks(CHUNK) {
            let set = all.cmd("HSET").arg(&told);
            for (name, json) in records {
                set.arg(name).arg(json);
            }
            set.ignore();
        }
        for names in changes.delete.chunks(CHUNK) {
            all.cmd("HDEL").arg(&told).arg(names).ignore();
        }
    }

    /// Whether the records are there that this instance wrote.
    ///
    /// # Errors
    /// The bus does not answer, or the key may not be read.
    pub fn has_records(&mut self) -> Result<bool, BusError> {
        self.commands
            .query(cmd("HEXISTS").arg(told_key(&self.group)).arg(META))
    }

    /// Silences and acknowledgements in force or to come, in local time.
    ///
    /// # Errors
    /// As [`has_records`](Store::has_records).
    pub fn silences(&mut self) -> Result<Vec<Silence>, BusError> {
        silences(&mut self.commands)
    }

    /// How services stand by their latest snapshots: with the alert that began their outage, or none.
    ///
    /// # Errors
    /// As [`has_records`](Store::has_records).
    pub fn states(
        &mut self,
        services: &[String],
    ) -> Result<Vec<(String, Option<Alert>)>, BusError> {
        let found = snapshots(&mut self.commands, services)?;
        let found = services.iter().zip(found);
        let state = |(svc, health): (&String, Option<_>)| Some((svc.clone(), begin_of(health?)));
        Ok(found.filter_map(state).collect())
    }

    /// The next ask that waits, if there is one that can be read.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn next_ask(&mut self) -> Result<Option<Ask>, BusError> {
        let mut pop = redis::cmd("LPOP");
        let text: Option<String> = self.commands.query(pop.arg(asks_key(&self.group)))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Leaves the answer to an ask, for whoever still waits for it.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn answer_ask(&mut self, id: &str, answer: &str) -> Result<(), BusError> {
        let mut set = redis::cmd("SET");
        set.arg(ask_key(&self.group, id)).arg(answer);
        let _: Option<String> = self.commands.query(set.arg("EX").arg(ASK_SEC).arg("XX"))?;
        Ok(())
    }

    /// The newest letters that were given up, as they stand there and as they are read.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn dead_letters(&mut self, most: usize) -> Result<Vec<(String, DeadLetter)>, BusError> {
        let mut range = redis::cmd("LRANGE");
        range.arg(dead_key(&self.channel)).arg(0).arg(most - 1);
        let texts: Vec<String> = self.commands.query(&range)?;
        let read = |text: String| Some((text.clone(), serde_json::from_str(&text).ok()?));
        Ok(texts.into_iter().filter_map(read).collect())
    }

    /// Takes out a letter, as it stands there.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn forget_letter(&mut self, text: &str) -> Result<(), BusError> {
        let mut remove = redis::cmd("LREM");
        self.commands
            .query(remove.arg(dead_key(&self.channel)).arg(1).arg(text))
    }

    /// The same error, saying which right is missing and how to give it, where that is what it is about.
    pub fn explain(&mut self, error: BusError) -> BusError {
        let (holder, told) = (holder_key(&self.group), told_key(&self.group));
        let outbox = outbox_key(&self.group);
        let rights = Rights {
            keys: &[
                (&holder, "~notify:*"),
                (&told, "~notify:*"),
                (&outbox, "~notify:*"),
                (ALERT_LOG, "~healer:*"),
            ],
            channels: ("&healer:*", "publish"),
        };
        rights.explain(&mut self.commands, error, |_| Vec::new())
    }

    /// The connection, for what is not the channel's own.
    pub fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}
