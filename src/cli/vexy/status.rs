//! `marketswarm vexy status`: what waits, who works, what was done, and what was spent today.

use std::process::ExitCode;
use std::time::Duration;

use super::swarm::Swarm;
use super::{Words, print};
use crate::clock::human;
use crate::env::Env;
use crate::reports::analysis::{State, Work};
use crate::service::Error;
use crate::text::{SafeText, width};
use crate::vexy_ai::config::Config;

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.none()?;
    words.only(&["--json"])?;
    let mut swarm = Swarm::find(env)?;
    let config = Config::from_truth(&swarm.truth).map_err(|p| Error::Truth(p.to_string()))?;
    let found = Work::read(&mut swarm.store, config.model)?;
    let state = found.state(config.analysis.behind_warn_sec);
    print(&match words.json {
        true => format!("{:#}\n", found.json(state)),
        false => text(&found, state),
    })?;
    Ok(ExitCode::from(u8::from(state != State::Ok)))
}

fn text(found: &Work, state: State) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let rows = found.queues.iter().map(|queue| {
        let waiting = queue.waiting.map(|n| n.to_string());
        vec![
            queue.key.to_owned(),
            waiting.unwrap_or_else(|| "?".to_owned()),
            queue.in_work.to_string(),
            or_dash(queue.oldest_ms.map(age)),
        ]
    });
    let mut out = table(&["STREAM", "WAITING", "IN WORK", "OLDEST"], rows.collect());
    if !found.workers.is_empty() {
        let rows = found.workers.iter().map(|(name, worker)| {
            let seen = worker.idle_ms.map(|ms| format!("{} ago", age(ms)));
            let word = found.control.word(name).unwrap_or_default();
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
    out += &format!("\n{}; {} analyses are kept\n", state.word(), found.kept);
    if !found.totals.is_empty() {
        let total = |(name, n): (&String, &String)| {
            let name = name.replace('_', " ");
            format!("{} {}", SafeText::new(&name), SafeText::new(n))
        };
        let all: Vec<String> = found.totals.iter().map(total).collect();
        out += &format!("since the beginning: {}\n", all.join(", "));
    }
    out += &found.spent.text();
    let now_ts = (found.now_ms / 1_000) as i64;
    let since = |ts: i64| age((now_ts - ts).max(0).unsigned_abs() * 1_000);
    if let Some(ts) = found.control.paused_ts {
        out += &format!(
            "paused for {}; to go on: marketswarm vexy resume\n",
            since(ts)
        );
    }
    if let Some(ts) = found.control.model_paused_ts {
        let ago = since(ts);
        out +=
            &format!("the model is paused for {ago}; to go on: marketswarm vexy resume --model\n");
    }
    for (name, ts) in &found.control.drained {
        let name = SafeText::new(name);
        out += &format!(
            "{name} is drained for {}; to go on: marketswarm vexy resume {name}\n",
            since(*ts)
        );
    }
    if found.dead > 0 {
        out += &format!("{} were given up: marketswarm vexy dead\n", found.dead);
    }
    out
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
    use crate::contract::analysis::{MODEL_TODO, REDO};
    use crate::contract::feeds::{CHANGES, QUEUE};
    use crate::reports::Fields;
    use crate::reports::analysis::{Queue, Spent, Worker};
    use crate::vexy_ai::config::Model;
    use crate::vexy_ai::control::Control;
    use serde_json::{Value as Json, json};
    use std::collections::BTreeMap;

    fn found() -> Work {
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
        Work {
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
            text(&found, found.state(120)),
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
