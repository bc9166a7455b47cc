//! `marketswarm feed import-opml` and `export-opml`: lists of feeds from and for other readers.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use serde_json::json;

use super::{Swarm, Words, complain, print};
use crate::env::Env;
use crate::feed::opml::{self, Outline};
use crate::rss_agg::config::Config;
use crate::sections::SCHEMAS;
use crate::service::Error;
use crate::truth::{Defaults, Rules, Truth};

/// Runs `feed import-opml FILE`.
pub(super) fn import(words: &Words) -> Result<ExitCode, Error> {
    let path = words.only("OPML file")?;
    let file = read(path)?;
    let found = opml::import(&file, &HashSet::new(), &HashSet::new())
        .map_err(|error| Error::Config(format!("{path}: {error}")))?;
    for skipped in &found.skipped {
        complain(&format!("skipped: {skipped}\n"));
    }
    print(&format!("{:#}\n", json!({"feeds": found.feeds})))?;
    complain(&format!(
        "{} feeds; put them into services.rss_agg of truth.json\n",
        found.feeds.len()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Runs `feed export-opml [FILE]`.
pub(super) fn export(words: &Words, env: Env) -> Result<ExitCode, Error> {
    let (config, titles) = match &words.values[..] {
        [] => {
            let mut swarm = Swarm::find(&env)?;
            let records = swarm.store.all_records()?;
            let titles = records
                .into_iter()
                .filter_map(|(id, record)| Some((id, record.title?.into())));
            (swarm.config, titles.collect())
        }
        [path] => {
            let truth = Truth::parse(&read(path)?, Rules::strict(Defaults::default(), SCHEMAS))
                .map_err(|rejected| Error::Truth(format!("{path} is refused:\n{rejected}")))?;
            let config = Config::from_truth(&truth).map_err(|p| Error::Truth(p.to_string()))?;
            (config, HashMap::new())
        }
        _ => return Err(Error::Config("it takes one truth file at most".into())),
    };
    let outlines: Vec<Outline> = config
        .feeds
        .iter()
        .map(|spec| Outline {
            id: spec.id.clone(),
            url: spec.url.to_string(),
            category: spec.category.clone(),
        })
        .collect();
    print(&opml::export(&outlines, &titles))?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &str) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::Config(format!("{path}: {error}")))
}
