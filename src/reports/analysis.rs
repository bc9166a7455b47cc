//! How the analyst's work stands: what waits, who works, what was done and spent; what was found, and what was given up.

mod items;
mod spent;

use std::collections::BTreeMap;

use redis::streams::StreamInfoConsumersReply;
use serde_json::{Value as Json, json};

use super::Fields;
use super::market::hash;
use crate::bus::stream::{self, EntryId, Group};
use crate::bus::{BusError, Commands};
use crate::contract::analysis::{
    CONTROL, DEAD, GROUP, INDEX, MODEL_BREAKER, MODEL_TODO, REDO, TOTALS, usage_key,
};
use crate::contract::feeds::{CHANGES, QUEUE};
use crate::vexy_ai::config::Model;
use crate::vexy_ai::control::Control;
pub use items::{Items, Letter, source};
pub use spent::Spent;

/// What the analysts read, the model's last.
const STREAMS: [&str; 4] = [QUEUE, CHANGES, REDO, MODEL_TODO];

/// How the analysis stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// Somebody has paused it.
    Paused,
    /// Something waits, and nobody has ever worked on it.
    Idle,
    /// Something waits for longer than truth wants.
    Behind,
}

impl State {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Paused => "paused",
            State::Idle => "nobody works",
            State::Behind => "behind",
        }
    }
}

/// One stream of work.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    pub key: &'static str,
    /// Not begun; `None` where the server cannot tell.
    pub waiting: Option<u64>,
    pub in_work: u64,
    /// Of what is not done: for how long it has been there.
    pub oldest_ms: Option<u64>,
}

/// One worker: its threads are consumers of the group.
#[derive(Clone, Debug, Default)]
pub struct Worker {
    pub threads: u64,
    pub in_work: u64,
    /// Since one of them last asked for something.
    pub idle_ms: Option<u64>,
}

/// All of it, at one moment.
#[derive(Clone, Debug)]
pub struct Work {
    pub queues: Vec<Queue>,
    pub workers: BTreeMap<String, Worker>,
    pub control: Control,
    pub totals: Fields,
    pub spent: Spent,
    pub kept: u64,
    pub dead: u64,
    /// By the clock of Redis.
    pub now_ms: u64,
}

impl Work {
    /// Reads it; `model` is what truth says of the model.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn read(store: &mut Commands, model: Model) -> Result<Work, BusError> {
        let (secs, micros): (i64, u64) = store.query(&redis::cmd("TIME"))?;
        let now_ms = secs.unsigned_abs() * 1_000 + micros / 1_000;
        let day = jiff::Timestamp::from_second(secs).unwrap_or_default();
        let day = day.strftime("%Y-%m-%d").to_string();
        let mut queues = Vec::with_capacity(STREAMS.len());
        for key in STREAMS {
            queues.push(queue(store, key, now_ms)?);
        }
        let mut ask = redis::pipe();
        ask.cmd("ZCARD").arg(INDEX);
        ask.cmd("XLEN").arg(DEAD);
        let (kept, dead) = store.pipe(&ask)?;
        Ok(Work {
            queues,
            workers: workers(store)?,
            control: Control::read(hash(store, CONTROL)?),
            totals: hash(store, TOTALS)?,
            spent: Spent::new(
                day.clone(),
                hash(store, &usage_key(&day))?,
                model,
                &hash(store, MODEL_BREAKER)?,
                now_ms,
            ),
            kept,
            dead,
            now_ms,
        })
    }

    /// How all of it stands, where `behind_warn_sec` is how long work may wait.
    pub fn state(&self, behind_warn_sec: u64) -> State {
        let local = &self.queues[..STREAMS.len() - 1];
        let oldest_ms = local.iter().filter_map(|queue| queue.oldest_ms).max();
        if self.control.paused_ts.is_some() {
            State::Paused
        } else if self.workers.is_empty() && oldest_ms.is_some() {
            State::Idle
        } else if oldest_ms > Some(behind_warn_sec * 1_000) {
            State::Behind
        } else {
            State::Ok
        }
    }

    /// All of it as JSON.
    pub fn json(&self, state: State) -> Json {
        let number = |text: &String| text.parse::<i64>().map_or_else(|_| json!(text), Json::from);
        let numbers = |fields: &Fields| -> Json {
            let all = fields
                .iter()
                .map(|(name, text)| (name.clone(), number(text)));
            Json::Object(all.collect())
        };
        let queues = self.queues.iter().map(|queue| {
            let about = json!({"waiting": queue.waiting, "in_work": queue.in_work, "oldest_ms": queue.oldest_ms});
            (queue.key.to_owned(), about)
        });
        let workers = self.workers.iter().map(|(name, worker)| {
            let about = json!({
                "threads": worker.threads,
                "in_work": worker.in_work,
                "idle_ms": worker.idle_ms,
                "state": self.control.word(name),
            });
            (name.clone(), about)
        });
        let mut all = json!({
            "state": state.word(),
            "streams": Json::Object(queues.collect()),
            "workers": Json::Object(workers.collect()),
            "kept": self.kept,
            "dead": self.dead,
            "totals": numbers(&self.totals),
            "day": self.spent.day,
            "spent": numbers(self.spent.fields()),
            "paused_ts": self.control.paused_ts,
            "model_paused_ts": self.control.model_paused_ts,
            "drained": self.control.drained,
        });
        for (name, member) in self.spent.json() {
            all[name] = member;
        }
        all
    }
}

fn queue(store: &mut Commands, key: &'static str, now_ms: u64) -> Result<Queue, BusError> {
    let group = Group::new(key, GROUP, "marketswarm");
    let state = group.state(store)?;
    let (last, pending) = match &state {
        Some(state) => (state.last_delivered, state.pending),
        None => (EntryId::ZERO, 0),
    };
    let first = stream::between(store, key, last, None, 1)?
        .first()
        .map(|entry| entry.id);
    let owed = if pending > 0 {
        group.oldest_pending(store)?
    } else {
        None
    };
    let waiting = match (&first, &state) {
        (None, _) => Some(0),
        (Some(_), Some(state)) => state.lag,
        (Some(_), None) => Some(store.query(redis::cmd("XLEN").arg(key))?),
    };
    let oldest = [first, owed].into_iter().flatten().min();
    Ok(Queue {
        key,
        waiting,
        in_work: pending,
        oldest_ms: oldest.map(|id| now_ms.saturating_sub(id.ms)),
    })
}

/// The workers that have ever read the queue and are remembered.
fn workers(store: &mut Commands) -> Result<BTreeMap<String, Worker>, BusError> {
    let mut workers: BTreeMap<String, Worker> = BTreeMap::new();
    for key in STREAMS {
        let mut ask = redis::cmd("XINFO");
        ask.arg("CONSUMERS").arg(key).arg(GROUP);
        let consumers = match store.query::<StreamInfoConsumersReply>(&ask) {
            Ok(found) => found.consumers,
            // Neither the stream nor the group need be there.
            Err(BusError::Reply { .. }) => continue,
            Err(error) => return Err(error),
        };
        for consumer in consumers {
            let (name, _) = consumer
                .name
                .rsplit_once(':')
                .unwrap_or((&consumer.name, ""));
            let worker = workers.entry(name.to_owned()).or_default();
            worker.threads += u64::from(key == QUEUE);
            worker.in_work += consumer.pending as u64;
            let idle_ms = consumer.idle as u64;
            worker.idle_ms = Some(worker.idle_ms.map_or(idle_ms, |ms| ms.min(idle_ms)));
        }
    }
    Ok(workers)
}
