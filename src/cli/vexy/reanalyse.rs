//! `marketswarm vexy reanalyse`: items once more, whatever is known of them.

use std::process::ExitCode;

use super::redo::{Again, redo};
use super::swarm::{AT_ONCE, Swarm};
use super::{Words, print};
use crate::bus::{BusError, Commands};
use crate::clock::wall_secs;
use crate::contract::analysis::DEAD_MAX;
use crate::contract::feeds;
use crate::env::Env;
use crate::service::Error;
use crate::text::SafeText;

/// Runs the command.
pub(super) fn run(words: &Words, env: &Env) -> Result<ExitCode, Error> {
    words.only(&["--feed", "--since", "--model"])?;
    let is_query = words.feed.is_some() || words.since.is_some();
    if words.values.is_empty() != is_query {
        return Err(Error::Config(
            "it takes ids of items, or --feed, --since or both; see marketswarm vexy --help".into(),
        ));
    }
    let mut swarm = Swarm::find(env)?;
    let mut unknown = Vec::new();
    let uids = if is_query {
        found(words, &mut swarm.store)?
    } else {
        let mut uids = words.values.clone();
        uids.sort_unstable();
        uids.dedup();
        let kept = feeds_of(&mut swarm.store, &uids)?;
        let all = uids.into_iter().zip(kept);
        let (known, gone): (Vec<_>, Vec<_>) = all.partition(|(_, feed)| feed.is_some());
        unknown = gone.into_iter().map(|(uid, _)| uid).collect();
        known.into_iter().map(|(uid, _)| uid).collect()
    };
    if uids.len() as u64 > DEAD_MAX {
        return Err(Error::Other(format!(
            "{} items are more than the {DEAD_MAX} that may wait at once: give a shorter --since, or one --feed",
            uids.len()
        )));
    }
    let all: Vec<Again> = uids
        .into_iter()
        .map(|uid| Again { uid, letter: None })
        .collect();
    let asked = redo(&mut swarm.store, &all, words.model)?;
    let model = if words.model {
        ", by the model too"
    } else {
        ""
    };
    print(&format!("{asked} items are analysed once more{model}\n"))?;
    for uid in &unknown {
        print(&format!(
            "{}: there is no such item (any more)\n",
            SafeText::new(uid)
        ))?;
    }
    Ok(ExitCode::from(u8::from(!unknown.is_empty() || asked == 0)))
}

/// The items that the flags mean, by the time of their fetch, the oldest first.
fn found(words: &Words, store: &mut Commands) -> Result<Vec<String>, BusError> {
    let from = match words.since {
        Some(span) => (wall_secs() - span.as_secs() as i64).to_string(),
        None => "-inf".to_owned(),
    };
    let mut ask = redis::cmd("ZRANGEBYSCORE");
    ask.arg(feeds::FETCHED).arg(from).arg("+inf");
    let uids: Vec<String> = store.query(&ask)?;
    let Some(wanted) = &words.feed else {
        return Ok(uids);
    };
    let from = feeds_of(store, &uids)?;
    let all = uids.into_iter().zip(from);
    Ok(all
        .filter_map(|(uid, feed)| (feed.as_ref() == Some(wanted)).then_some(uid))
        .collect())
}

/// The feed of each item; `None` of one that is not kept.
fn feeds_of(store: &mut Commands, uids: &[String]) -> Result<Vec<Option<String>>, BusError> {
    let mut feeds = Vec::with_capacity(uids.len());
    for part in uids.chunks(AT_ONCE) {
        let mut ask = redis::pipe();
        for uid in part {
            ask.cmd("HGET").arg(feeds::item_key(uid)).arg("feed");
        }
        feeds.extend(store.pipe::<Vec<Option<String>>>(&ask)?);
    }
    Ok(feeds)
}
