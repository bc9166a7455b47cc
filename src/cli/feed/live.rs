//! `marketswarm feed poll` and `feed tail`: a poll now, and the items as they come.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::{Swarm, Words, print};
use crate::bus::{Commands, Limits};
use crate::clock::{Mono, rfc3339};
use crate::contract::feeds;
use crate::env::Env;
use crate::rss_agg::record::{Health, Record};
use crate::service::{Error, is_reader_gone, stream};
use crate::text::SafeText;

/// How long a poll may take, with the wait for its host before it.
const POLL_PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs `feed poll ID`.
pub(super) fn poll(words: &Words, env: Env) -> Result<ExitCode, Error> {
    let id = words.only("feed id")?;
    let mut swarm = Swarm::find(&env)?;
    if !swarm.config.feeds.iter().any(|spec| spec.id == id) {
        return Err(Error::Config(format!(
            "truth has no feed {id:?}; see marketswarm feed status"
        )));
    }
    let before = swarm.store.record(id)?;
    let mut system = Commands::new(swarm.buses.system(), "marketswarm:feed", Limits::default());
    let heard: u64 = system.query(redis::cmd("PUBLISH").arg(feeds::POLL).arg(id))?;
    if heard == 0 {
        return Err(Error::Other(
            "rss_agg does not listen: is it running?".into(),
        ));
    }
    let give_up = Mono::now() + POLL_PATIENCE;
    while Mono::now() < give_up {
        std::thread::sleep(LOOK_EVERY);
        let now = swarm.store.record(id)?;
        if let Some(record) = now.filter(|now| Some(now) != before.as_ref()) {
            return told(id, &record, before.as_ref());
        }
    }
    Err(Error::Other(format!(
        "no poll of {id} came to its end within {} s",
        POLL_PATIENCE.as_secs()
    )))
}

fn told(id: &str, record: &Record, before: Option<&Record>) -> Result<ExitCode, Error> {
    let queued = record.queued - before.map_or(0, |before| before.queued).min(record.queued);
    let status = record
        .http_status
        .map_or("no answer".to_owned(), |status| format!("HTTP {status}"));
    let error = record
        .error
        .as_ref()
        .map(|error| format!("; {error}"))
        .unwrap_or_default();
    print(&format!(
        "{id}: {status}, {} items listed, {queued} new{error}\n",
        record.listed
    ))?;
    Ok(ExitCode::from(u8::from(record.health != Health::Ok)))
}

/// Runs `feed tail`.
pub(super) fn tail(words: &Words, env: Env) -> Result<ExitCode, Error> {
    words.none()?;
    let mut swarm = Swarm::find(&env)?;
    let mut last = swarm.store.newest_entry()?;
    loop {
        for (id, fields) in swarm.store.entries_after(last)? {
            let text = if words.json {
                json_line(&fields)
            } else {
                line(&fields)
            };
            if !stream(&text)? {
                return Ok(ExitCode::SUCCESS);
            }
            last = id;
        }
        if is_reader_gone() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn json_line(fields: &[(String, String)]) -> String {
    let fields: Map<String, Json> = fields
        .iter()
        .map(|(name, value)| {
            let number = name
                .ends_with("_ts")
                .then(|| value.parse::<i64>().ok())
                .flatten();
            (
                name.clone(),
                number.map_or_else(|| value.as_str().into(), Json::from),
            )
        })
        .collect();
    format!("{}\n", Json::Object(fields))
}

fn line(fields: &[(String, String)]) -> String {
    let get = |name: &str| {
        fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    let date = get("published_ts")
        .and_then(|ts| ts.parse().ok())
        .map_or_else(String::new, rfc3339);
    let title = SafeText::new(get("title").unwrap_or("(no title)"));
    let feed = SafeText::new(get("feed").unwrap_or_default());
    let url = get("url")
        .map(|url| format!("\n    {}", SafeText::new(url)))
        .unwrap_or_default();
    format!("{date}  {feed}  {title}{url}\n")
}
