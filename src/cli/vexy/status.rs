//! `marketswarm vexy status`: what waits, who works, what was done, and what was spent today.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use redis::streams::StreamInfoConsumersReply;
use serde_json::{Value as Json, json};

use super::spent::Spent;
use super::swarm::{Fields, Swarm};
use super::{Words, print};
use crate::bus::stream::{self, EntryId, Group};
use crate::bus::{BusError, Commands};
use crate::clock::human;
use crate::contract::analysis::{
    CONTROL, DEAD, GROUP, INDEX, MODEL_BREAKER, MODEL_TODO, REDO, TOTALS, usage_key,
};
use crate::contract::feeds::{CHANGES, QUEUE};
use crate::env::Env;
use crate::service::Error;
use crate::text::{SafeText, width};
use crate::vexy_ai::config::{Config, Model};
use crate::vexy_ai::control::Control;

/// What the analysts read, the model's last.
const STREAMS: [&str; 4] = [QUEUE, CHANGES, REDO, MODEL_TODO];

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    words.only(&["--json"])?;
    let mut swarm = Swarm::find(env)?;
    let config = Config::from_truth(&swarm.truth).map_err(|p| Error::Truth(p.to_string()))?;
    let found = Found::gather(&mut swarm, config.model)?;
    let state = found.state(config.analysis.behind_warn_sec);
    print(&match words.json {
        true => format!("{:#}\n", found.json(state)),
        false => found.text(state),
    })?;
    Ok(ExitCode::from(u8::from(state != State::Ok)))
}

/// How the analysis stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    /// Somebody has paused it.
    Paused,
    /// Something waits, and nobody has ever worked on it.
    Idle,
    /// Something waits for longer than truth wants.
    Behind,
}

impl State {
    fn word(self) -> &'static str {
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
struct Queue {
    key: &'static str,
    /// Not begun; `None` where the server cannot tell.
    waiting: Option<u64>,
    in_work: u64,
    /// Of what is not done: for how long it has been there.
    oldest_ms: Option<u64>,
}

/// One worker: its threads are consumers of the group.
#[derive(Clone, Debug, Default)]
struct Worker {
    threads: u64,
    in_work: u64,
    /// Since one of them last asked for something.
    idle_ms: Option<u64>,
}

struct Found {
    queues: Vec<Queue>,
    workers: BTreeMap<String, Worker>,
    control: Control,
    totals: Fields,
    spent: Spent,
    kept: u64,
    dead: u64,
    now_ms: u64,
}

impl Found {
    fn gather(swarm: &mut Swarm, model: Model) -> Result<Found, BusError> {
        let (secs, micros): (i64, u64) = swarm.store.query(&redis::cmd("TIME"))?;
        let now_ms = secs.unsigned_abs() * 1_000 + micros / 1_000;
        let day = jiff::Timestamp::from_second(secs).unwrap_or_default();
        let day = day.strftime("%Y-%m-%d").to_string();
        let mut queues = Vec::with_capacity(STREAMS.len());
        for key in STREAMS {
            queues.push(queue(&mut swarm.store, key, now_ms)?);
        }
        let mut ask = redis::pipe();
        ask.cmd("ZCARD").arg(INDEX);
        ask.cmd("XLEN").arg(DEAD);
        let (kept, dead) = swarm.store.pipe(&ask)?;
        Ok(Found {
            queues,
            workers: workers(&mut swarm.store)?,
            control: Control::read(swarm.hash(CONTROL)?),
            totals: swarm.hash(TOTALS)?,
            spent: Spent::new(
                day.clone(),
                swarm.hash(&usage_key(&day))?,
                model,
                &swarm.hash(MODEL_BREAKER)?,
                now_ms,
            ),
            kept,
            dead,
            now_ms,
        })
    }

    fn state(&self, behind_warn_sec: u64) -> State {
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

    fn text(&self, state: State) -> String {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let rows = self.queues.iter().map(|queue| {
            let waiting = queue.waiting.map(|n| n.to_string());
            vec![
                queue.key.to_owned(),
                waiting.unwrap_or_else(|| "?".to_owned()),
                queue.in_work.to_string(),
                or_dash(queue.oldest_ms.map(age)),
            ]
        });
        let mut out = table(&["STREAM", "WAITING", "IN WORK", "OLDEST"], rows.collect());
        if !self.workers.is_empty() {
            let rows = self.workers.iter().map(|(name, worker)| {
                let seen = worker.idle_ms.map(|ms| format!("{} ago", age(ms)));
                let word = self.control.word(name).unwrap_or_default();
                vec![
                    SafeText::new(name).into(),
                    worker.threads.to_string(),
                    worker.in_work.to_string(),
                    or_dash(seen),
                    word.to_owned(),
                ]
            });
            let head = ["WORKER", "THREADS", "IN WORK", "LAST SEEN", ""];
            out += &format!("\n{}", table(&head, rows.collect()));
        }
        out += &format!("\n{}; {} analyses are kept\n", state.word(), self.kept);
        if !self.totals.is_empty() {
            let total = |(name, n): (&String, &String)| {
                let name = name.replace('_', " ");
                format!("{} {}", SafeText::new(&name), SafeText::new(n))
            };
            let all: Vec<String> = self.totals.iter().map(total).collect();
            out += &format!("since the beginning: {}\n", all.join(", "));
        }
        out += &self.spent.text();
        let now_ts = (self.now_ms / 1_000) as i64;
        let since = |ts: i64| age((now_ts - ts).max(0).unsigned_abs() * 1_000);
        if let Some(ts) = self.control.paused_ts {
            out += &format!(
                "paused for {}; to go on: marketswarm vexy resume\n",
                since(ts)
            );
        }
        if let Some(ts) = self.control.model_paused_ts {
            let ago = since(ts);
            out += &format!(
                "the model is paused for {ago}; to go on: marketswarm vexy resume --model\n"
            );
        }
        for (name, ts) in &self.control.drained {
            let name = SafeText::new(name);
            out += &format!(
                "{name} is drained for {}; to go on: marketswarm vexy resume {name}\n",
                since(*ts)
            );
        }
        if self.dead > 0 {
            out += &format!("{} were given up: marketswarm vexy dead\n", self.dead);
        }
        out
    }

    fn json(&self, state: State) -> Json {
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

fn age(ms: u64) -> String {
    human(Duration::from_millis(ms))
}

/// Rows under their heads, as wide as their widest cell.
fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let widest = |column: usize| {
        let cells = rows.iter().map(|row| width::columns(&row[column]));
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(widest).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, w)| width::padded(cell, *w))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut out = line(&mut head.iter().copied());
    for row in &rows {
        out += &line(&mut row.iter().map(String::as_str));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        let queue = |key, oldest_ms| Queue {
            key,
            waiting: Some(2),
            in_work: 1,
            oldest_ms,
        };
        let fields = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        Found {
            queues: vec![
                queue(QUEUE, Some(400)),
                queue(CHANGES, None),
                Queue {
                    waiting: None,
                    ..queue(REDO, Some(90_000))
                },
                queue(MODEL_TODO, Some(900_000)),
            ],
            workers: BTreeMap::from([
                (
                    "vexy_ai".to_owned(),
                    Worker {
                        threads: 2,
                        in_work: 1,
                        idle_ms: Some(400),
                    },
                ),
                (
                    "vexy_ai-2".to_owned(),
                    Worker {
                        threads: 2,
                        in_work: 0,
                        idle_ms: None,
                    },
                ),
            ]),
            control: Control::read([("drain:vexy_ai-2", "900")]),
            totals: fields(&[("analysed", "1200"), ("model_done", "12")]),
            spent: Spent::new(
                "2026-11-24".to_owned(),
                fields(&[
                    ("calls", "12"),
                    ("tokens", "3456"),
                    ("nano", "1500000"),
                    ("cached", "3"),
                ]),
                Model::default(),
                &Fields::new(),
                1_000_000,
            ),
            kept: 1234,
            dead: 3,
            now_ms: 1_000_000,
        }
    }

    #[test]
    fn the_text_says_what_waits_who_works_and_what_was_spent() {
        let found = found();
        assert_eq!(
            found.text(found.state(120)),
            "STREAM           WAITING  IN WORK  OLDEST\n\
             rss:queue        2        1        400 ms\n\
             rss:changes      2        1        -\n\
             vexy:redo        ?        1        1 min 30 s\n\
             vexy:model:todo  2        1        15 min\n\
             \n\
             WORKER     THREADS  IN WORK  LAST SEEN\n\
             vexy_ai    2        1        400 ms ago\n\
             vexy_ai-2  2        0        -           drained\n\
             \n\
             ok; 1234 analyses are kept\n\
             since the beginning: analysed 1200, model done 12\n\
             today (2026-11-24 UTC) the model was asked: 12 of 1000 calls, 3456 of 500000 tokens, for 0.0015; 3 answered from the cache\n\
             vexy_ai-2 is drained for 1 min 40 s; to go on: marketswarm vexy resume vexy_ai-2\n\
             3 were given up: marketswarm vexy dead\n"
        );
        let json = found.json(State::Ok);
        assert_eq!(json["streams"]["vexy:redo"]["waiting"], Json::Null);
        assert_eq!(
            (
                &json["spent"]["calls"],
                &json["workers"]["vexy_ai-2"]["state"]
            ),
            (&json!(12), &json!("drained"))
        );
    }

    #[test]
    fn what_waits_for_the_model_makes_nobody_late_and_all_else_does() {
        let mut found = found();
        assert_eq!(found.state(90), State::Ok);
        assert_eq!(found.state(89), State::Behind);
        found.control.paused_ts = Some(1);
        assert_eq!(found.state(89), State::Paused);
        found.control = Control::default();
        found.workers.clear();
        assert_eq!(found.state(3_600), State::Idle);
        found.queues = vec![Queue::default(); 4];
        assert_eq!(found.state(3_600), State::Ok);
    }
}
