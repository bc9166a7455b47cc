//! What the work on feeds stands on: what is in force, and what one poll needs besides its feed.

use std::collections::HashMap;
use std::sync::Arc;

use super::config::{Config, FeedSpec};
use super::fetch::Fetcher;
use super::numbers::Numbers;
use super::store::SharedStore;
use crate::env::Env;
use crate::net::permits::Semaphore;
use crate::service::Working;

/// What is in force; a job keeps what it was started with.
pub struct Setup {
    pub config: Config,
    pub fetcher: Fetcher,
    pub big_bodies: Semaphore,
    by_id: HashMap<String, Arc<FeedSpec>>,
}

impl Setup {
    pub fn new(config: Config, fetcher: Fetcher, big_bodies: Semaphore) -> Setup {
        let by_id = config
            .feeds
            .iter()
            .map(|spec| (spec.id.clone(), spec.clone()))
            .collect();
        Setup {
            config,
            fetcher,
            big_bodies,
            by_id,
        }
    }

    /// The feed of this id.
    pub fn spec(&self, id: &str) -> Option<Arc<FeedSpec>> {
        self.by_id.get(id).cloned()
    }

    /// Whether its fetcher serves `config` too.
    pub fn fits(&self, config: &Config) -> bool {
        self.config.guard == config.guard && self.config.limits.contact == config.limits.contact
    }
}

/// What a poll needs besides its feed.
pub struct PollContext<'a> {
    pub config: &'a Config,
    pub fetcher: &'a Fetcher,
    pub store: &'a SharedStore,
    pub env: &'a Env,
    pub working: &'a Working<'a>,
    pub numbers: &'a Numbers,
}
